import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { closeAll, meet } from "./browser.js";
import { startPod } from "./pod.js";

/** What counts as at once, on a machine that has much else to do. A lost connection is waited for for a minute. */
const AT_ONCE = 10_000;

describe("the partner is told at once", () => {
  let pod, ada, bob, since;

  before(async () => {
    pod = await startPod();
  });

  after(() => pod?.stop());

  for (const transports of ["polling,websocket", "websocket", "polling"]) {
    describe(`by ${transports}`, () => {
      beforeEach(async () => {
        [ada, bob] = await meet(pod.url, { query: { transports } });
        since = Date.now();
      });

      afterEach(() => closeAll(ada, bob));

      test("when a tab is closed", async () => {
        await ada.page.close({ runBeforeUnload: true });
        await bobLearns("left", "They left");
        assert.ok(!(await bob.history()).includes("peer_reconnecting"), "nobody waited for her");
      });

      test("when a page is reloaded, which says so when it is back", async () => {
        await ada.page.reload();
        await bobLearns("left", "They left");
        await ada.ready();
        await ada.reads("status", "Your call ended when the page was closed or reloaded");
        await ada.page.reload();
        await ada.ready();
        await ada.reads("status", "Ready when you are");
      });
    });
  }

  test("when the other presses Stop", async (t) => {
    [ada, bob] = await meet(pod.url);
    t.after(() => closeAll(ada, bob));
    since = Date.now();
    await ada.press("stop");
    await bobLearns("left", "They left");
  });

  async function bobLearns(reason, words) {
    const { payload, at } = await bob.told("peer_disconnected", since);
    assert.equal(payload.reason, reason);
    assert.ok(at - since < AT_ONCE, `told after ${at - since} ms`);
    await bob.reads("status", words);
    assert.equal(await bob.page.evaluate(() => window.chat.pc), undefined, "the call is over");
  }
});
