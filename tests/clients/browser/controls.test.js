import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { closeAll, meet, openPage } from "./browser.js";
import { PATIENCE } from "./person.js";
import { startPod } from "./pod.js";

describe("the controls", () => {
  let pod;

  before(async () => {
    pod = await startPod({ MATCH_TIMEOUT_MS: "60000" });
  });

  after(() => pod?.stop());

  test("Next goes on to someone new, and tells the last one so", async (t) => {
    const [ada, bob] = await meet(pod.url);
    const eve = await openPage(pod.url);
    t.after(() => closeAll(ada, bob, eve));
    await ada.keepConnection();
    await eve.press("start");
    await eve.reads("status", /^You are /);
    await ada.press("next");
    assert.equal((await bob.told("peer_disconnected")).payload.reason, "next");
    await bob.reads("headline", "They moved on");
    await Promise.all([ada.phase("connected"), eve.phase("connected")]);
    await Promise.all([ada.seesMore(), eve.seesMore()]);
    assert.equal(await ada.page.evaluate(() => window.kept.connectionState), "closed", "the last call is over");
    assert.equal((await ada.state()).matchId, (await eve.state()).matchId);
    await ada.say("Hello, Eve.");
    await eve.reads("chat-log", "Hello, Eve.");
    assert.doesNotMatch(await bob.element("chat-log").innerText(), /Eve/);
  });

  test("Stop ends the call and turns the camera off, and Start begins anew", async (t) => {
    const [ada, bob] = await meet(pod.url);
    const eve = await openPage(pod.url);
    t.after(() => closeAll(ada, bob, eve));
    await ada.page.evaluate(() => {
      window.tracks = document.querySelector("#local").srcObject.getTracks();
    });
    await ada.press("stop");
    await ada.reads("status", "Stopped");
    await bob.reads("headline", "They left");
    assert.deepEqual(await ada.page.evaluate(() => window.tracks.map((track) => track.readyState)), ["ended", "ended"]);
    assert.ok(await ada.element("local-video").isHidden());
    assert.ok(await ada.element("stop").isHidden());
    assert.ok(await bob.element("stop").isVisible(), "the one who was left can still turn the camera off");

    await ada.press("start");
    await eve.press("start");
    await Promise.all([ada.phase("connected"), eve.phase("connected")]);
    await Promise.all([ada.seesMore(), eve.seesMore()]);
  });

  test("Stop leaves the queue, too", async (t) => {
    const ada = await openPage(pod.url);
    t.after(() => closeAll(ada));
    await ada.press("start");
    await ada.reads("status", /^You are next, about /);
    await untilWaiting(1);
    await ada.press("stop");
    await ada.phase("idle");
    await untilWaiting(0);
  });

  test("Report asks for a reason and leaves the call as it is", async (t) => {
    const [ada, bob] = await meet(pod.url);
    t.after(() => closeAll(ada, bob));
    await ada.press("report");
    await ada.press("cancel");
    assert.ok(await ada.element("confirm").isHidden());
    await ada.press("report");
    await ada.element("reason").fill("rude");
    await ada.press("confirm");
    await ada.reads("toasts", "They were reported");
    await Promise.all([ada.seesMore(), bob.seesMore()]);
  });

  test("Block ends the call, and the other learns no more than that someone left", async (t) => {
    const [ada, bob] = await meet(pod.url);
    t.after(() => closeAll(ada, bob));
    await ada.press("block");
    await ada.press("confirm");
    await ada.reads("headline", "Blocked");
    await ada.reads("toasts", "You two will not meet again");
    assert.equal((await bob.told("peer_disconnected")).payload.reason, "left");
    await bob.reads("headline", "They left");
    await Promise.all([ada.press("start"), bob.press("start")]);
    await Promise.all([ada.reads("status", /^You are /), bob.reads("status", /^You are /)]);
    assert.ok(!(await bob.page.content()).includes("locked"), "nothing on the page gives the block away");
  });

  test("who has left can still be reported and blocked", async (t) => {
    const [ada, bob] = await meet(pod.url);
    t.after(() => closeAll(ada, bob));
    await bob.press("stop");
    await ada.reads("headline", "They left");
    await ada.press("report");
    await ada.press("confirm");
    await ada.reads("toasts", "They were reported");
    await ada.press("block");
    await ada.press("confirm");
    await ada.reads("toasts", "You two will not meet again");
  });

  test("a request that comes too soon is made again, and nobody is left in a call that is over", async (t) => {
    const [ada, bob] = await meet(pod.url);
    t.after(() => closeAll(ada, bob));
    // More requests than the service takes at once.
    await ada.page.evaluate(() => {
      for (let count = 0; count < 15; count += 1) {
        window.chat.socket.emit("cancel_match", {}, () => undefined);
      }
    });
    await ada.told("rate_limited");
    await ada.reads("toasts", "Not so fast");
    await ada.press("next");
    assert.equal((await bob.told("peer_disconnected")).payload.reason, "next");
    await ada.reads("status", /^You are /);
  });

  /** The pod counts once a second. */
  async function untilWaiting(wanted) {
    const deadline = Date.now() + PATIENCE;
    let waiting;
    do {
      assert.ok(Date.now() < deadline, `${waiting} are waiting, not ${wanted}`);
      ({ waiting } = await (await fetch(`${pod.url}/health/connections`)).json());
    } while (waiting !== wanted);
  }
});

describe("a search", () => {
  test("in vain ends with words, and can be started again", async (t) => {
    const pod = await startPod({ MATCH_TIMEOUT_MS: "1500" });
    const ada = await openPage(pod.url);
    t.after(async () => {
      await closeAll(ada);
      await pod.stop();
    });
    await ada.press("start");
    await ada.told("match_timeout");
    await ada.reads("headline", "Nobody came");
    await ada.reads("status", "Nobody came in time");
    const since = Date.now();
    await ada.press("start");
    await ada.told("waiting", since);
  });

  test("takes other wishes while it is under way", async (t) => {
    const pod = await startPod();
    const [ada, bob] = [await openPage(pod.url), await openPage(pod.url)];
    t.after(async () => {
      await closeAll(ada, bob);
      await pod.stop();
    });
    await ada.wishes({ language: "en" });
    await bob.wishes({ language: "pt" });
    await ada.press("start");
    await ada.reads("status", /^You are /);
    await bob.press("start");
    await bob.reads("status", /^You are /);
    const since = Date.now();
    await bob.wishes({ language: "en" });
    await Promise.all([ada.phase("connected"), bob.phase("connected")]);
    assert.ok(Date.now() - since < 14_000, "they met for what they wish, not because the wish was dropped");
  });
});
