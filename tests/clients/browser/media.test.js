import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { closeAll, meet, openPage } from "./browser.js";
import { startPod } from "./pod.js";

describe("camera and microphone", () => {
  let pod;

  before(async () => {
    pod = await startPod();
  });

  after(() => pod?.stop());

  test("that are refused: the page says what to do, and text goes without", async (t) => {
    const [ada, bob] = [await openPage(pod.url, { camera: "denied" }), await openPage(pod.url)];
    t.after(() => closeAll(ada, bob));
    await ada.press("start");
    assert.match(await ada.reads("notice", "refused"), /Allow camera and microphone for this page/);
    assert.equal((await ada.state()).phase, "idle");
    await ada.press("retry");
    await ada.reads("notice", "refused");
    await ada.press("use-text");
    await bob.press("start");
    await Promise.all([ada.phase("connected"), bob.phase("connected")]);
    assert.ok(await ada.element("notice").isHidden());
    await bob.reads("headline", "Someone is here");
    await ada.seesMore();
    await ada.say("I see you, you do not see me.");
    await bob.reads("chat-log", "I see you");
  });

  test("that do not exist: a drawing takes their place", async (t) => {
    const nothing = () => {
      // What browsers say on a machine without any; the one that runs this test may have some.
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("none", "NotFoundError"));
    };
    const [ada, bob] = [await openPage(pod.url, { setUp: nothing }), await openPage(pod.url)];
    t.after(() => closeAll(ada, bob));
    await ada.press("start");
    await ada.reads("notice", "There is no camera and no microphone here");
    await ada.press("use-drawing");
    await bob.press("start");
    await Promise.all([ada.phase("connected"), bob.phase("connected")]);
    await Promise.all([ada.seesMore(), bob.seesMore()]);
  });

  test("of which only one exists: the other does, and the page says so", async (t) => {
    const [ada, bob] = [await openPage(pod.url, { machine: "cameraless" }), await openPage(pod.url)];
    t.after(() => closeAll(ada, bob));
    await ada.press("start");
    await ada.reads("toasts", "No camera was found: you are heard, but not seen.");
    await bob.press("start");
    await Promise.all([ada.phase("connected"), bob.phase("connected")]);
    await bob.hearsMore();
    await ada.seesMore();
    await bob.reads("headline", "Someone is here");
  });

  test("are given out by browsers on secure pages only, and the page says so", async (t) => {
    const ada = await openPage(pod.url.replace("127.0.0.1", "insecure.test"), { camera: "denied" });
    t.after(() => closeAll(ada));
    await ada.press("start");
    await ada.reads("notice", "on HTTPS pages and on localhost only");
  });

  test("give way to each other in the middle of a call, which stays the same", async (t) => {
    const [ada, bob] = await meet(pod.url);
    t.after(() => closeAll(ada, bob));
    await Promise.all([ada.keepConnection(), bob.keepConnection()]);
    await ada.opens("devices");
    for (const [source, kinds] of [["canvas", ["video"]], ["none", []], ["camera", ["audio", "video"]]]) {
      await ada.element("source").selectOption(source);
      await ada.page.waitForFunction(
        (wanted) => window.chat.pc.getSenders().flatMap(({ track }) => track?.kind ?? []).sort().join() === wanted,
        kinds.join(),
        { polling: 50 },
      );
      if (kinds.includes("video")) {
        await bob.seesMore();
      } else {
        await bob.page.waitForFunction(() => !window.chat.state.pictured, undefined, { polling: 50 });
        await bob.reads("headline", "Someone is here");
      }
    }
    assert.deepEqual(await Promise.all([ada.hasKeptConnection(), bob.hasKeptConnection()]), [true, true]);
    assert.equal((await bob.state()).phase, "connected");
  });

  test("are there for the partner of someone who began with text alone", async (t) => {
    const [ada, bob] = await Promise.all([openPage(pod.url, { query: { media: "none" } }), openPage(pod.url)]);
    t.after(() => closeAll(ada, bob));
    await Promise.all([ada.press("start"), bob.press("start")]);
    await Promise.all([ada.phase("connected"), bob.phase("connected")]);
    await ada.opens("devices");
    await ada.element("source").selectOption("camera");
    await bob.seesMore();
    await bob.hearsMore();
  });

  test("are muted and let speak again by their buttons, also after a change of the camera", async (t) => {
    const [ada, bob] = await meet(pod.url);
    t.after(() => closeAll(ada, bob));
    await ada.press("microphone");
    await ada.reads("microphone", "Mic off");
    await ada.opens("devices");
    await ada.element("cameras").selectOption({ index: 1 });
    await bob.seesMore();
    assert.deepEqual(await ada.page.evaluate(enabled), { audio: false, video: true });
    await ada.press("microphone");
    await ada.press("camera");
    await ada.reads("camera", "Camera off");
    assert.deepEqual(await ada.page.evaluate(enabled), { audio: true, video: false });
  });

  test("may be stopped while the browser still asks for them", async (t) => {
    const asking = () => {
      // The prompt of a browser that nobody answers until the test does.
      const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
      navigator.mediaDevices.getUserMedia = async (wanted) => {
        await new Promise((resolve) => (window.allow = resolve));
        window.late = await open(wanted);
        return window.late;
      };
    };
    const ada = await openPage(pod.url, { setUp: asking });
    t.after(() => closeAll(ada));
    await ada.press("start");
    await ada.reads("headline", "May we see you?");
    await ada.press("stop");
    await ada.page.evaluate(() => window.allow());
    await ada.page.waitForFunction(() => window.late?.getTracks().every((track) => track.readyState === "ended"));
    assert.equal((await ada.state()).phase, "idle");
    assert.ok(!(await ada.history()).includes("waiting"));
  });

  test("the sound of the other waits for a touch where the browser demands one", async (t) => {
    const bob = await openPage(pod.url);
    await bob.press("start");
    await bob.reads("status", /^You are /);
    const ada = await openPage(pod.url, { query: { auto: "1", media: "canvas" }, until: '!document.querySelector("#sound").hidden' });
    t.after(() => closeAll(ada, bob));
    await ada.phase("connected");
    await ada.seesMore();
    await ada.press("sound");
    assert.equal(await ada.page.evaluate(() => document.querySelector("#remote").muted), false);
    assert.ok(await ada.element("sound").isHidden());
  });
});

function enabled() {
  const tracks = window.chat.pc.getSenders().map(({ track }) => [track.kind, track.enabled]);
  return Object.fromEntries(tracks);
}
