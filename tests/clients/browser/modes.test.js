import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { closeAll, openPage } from "./browser.js";
import { startPod } from "./pod.js";

describe("people who talk", () => {
  let pod;

  before(async () => {
    pod = await startPod();
  });

  after(() => pod?.stop());

  /** Two people with wishes of their own, who have found each other. */
  async function two(t, one, other, options = {}) {
    const pair = await Promise.all([openPage(pod.url, options), openPage(pod.url, options)]);
    t.after(() => closeAll(...pair));
    await pair[0].wishes(one);
    await pair[1].wishes(other);
    await Promise.all(pair.map((person) => person.press("start")));
    return pair;
  }

  test("by text are not asked for a camera", async (t) => {
    const [ada, bob] = await two(t, { mode: "text" }, { mode: "text" }, { camera: "denied" });
    await Promise.all([ada.reads("status", "You are talking by text"), bob.reads("headline", "You have company")]);
    await ada.say("Words are enough.");
    await bob.reads("chat-log", "Words are enough.");
    assert.ok(await ada.element("local-video").isHidden());
    assert.equal(await ada.page.evaluate(() => window.chat.pc), undefined);
  });

  test("by voice open no camera, and are heard", async (t) => {
    const [ada, bob] = await two(t, { mode: "audio" }, { mode: "audio" });
    await Promise.all([ada.phase("connected"), bob.phase("connected")]);
    await bob.reads("headline", "Someone is here");
    assert.ok(await ada.element("camera").isHidden());
    assert.deepEqual(await ada.sends(), ["audio"]);
    await bob.hearsMore();
  });

  test("by voice with someone who would have shown a picture get none of it", async (t) => {
    const [ada, bob] = await two(t, { mode: "audio" }, {});
    await Promise.all([ada.phase("connected"), bob.phase("connected")]);
    assert.deepEqual(await bob.sends(), ["audio"]);
    await ada.hearsMore();
    assert.equal(await ada.frames(), 0);
  });
});
