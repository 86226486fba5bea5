import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { closeAll, meet, openPage } from "./browser.js";
import { startPod, WATCHFUL } from "./pod.js";
import { startProxy } from "./proxy.js";

describe("a negotiation", () => {
  let pod;

  before(async () => {
    pod = await startPod(WATCHFUL);
  });

  after(() => pod?.stop());

  test("that both begin at once is settled, time and again", async (t) => {
    const pair = await meet(pod.url);
    t.after(() => closeAll(...pair));
    await Promise.all(pair.map((person) => person.keepConnection()));
    for (let round = 0; round < 3; round += 1) {
      const before = await Promise.all(pair.map((person) => person.fragment()));
      await Promise.all(pair.map((person) => person.page.evaluate(() => window.chat.pc.restartIce())));
      await Promise.all(pair.map((person, index) => person.hasNewEnds(before[index])));
      await Promise.all(pair.map((person) => person.reads("status", /^Connected/)));
      await Promise.all(pair.map((person) => person.seesMore()));
    }
    assert.deepEqual(await Promise.all(pair.map((person) => person.hasKeptConnection())), [true, true]);
  });

  // Who comes to someone who waits makes the offer.
  test("whose offer never arrived is made all the same", async (t) => {
    const { ada, bob, proxy } = await two(t);
    await bob.press("start");
    await bob.reads("status", /^You are /);
    proxy.stallAfter("match_found");
    await ada.press("start");
    await lostAndFound(ada, bob, proxy);
  });

  test("whose answer never arrived is made all the same", async (t) => {
    const { ada, bob, proxy } = await two(t);
    await ada.press("start");
    await ada.reads("status", /^You are /);
    proxy.stallAfter("webrtc_offer");
    await bob.press("start");
    await lostAndFound(ada, bob, proxy);
  });

  async function two(t) {
    const proxy = await startProxy(pod.port);
    const query = { transports: "websocket" };
    const [ada, bob] = await Promise.all([openPage(proxy.url, { query }), openPage(pod.url, { query })]);
    t.after(async () => {
      await closeAll(ada, bob);
      proxy.close();
    });
    return { ada, bob, proxy };
  }

  /** Ada's network dies in the middle of it, and comes back. */
  async function lostAndFound(ada, bob, proxy) {
    await ada.offline();
    assert.equal((await ada.state()).phase, "connecting");
    proxy.restore();
    await Promise.all([ada.phase("connected"), bob.phase("connected")]);
    await Promise.all([ada.seesMore(), bob.seesMore()]);
  }
});
