import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { closeAll, meet, openPage } from "./browser.js";
import { startPod } from "./pod.js";

describe("someone without a mouse", () => {
  let pod;

  before(async () => {
    pod = await startPod();
  });

  after(() => pod?.stop());

  test("gets through a whole visit with Tab and Enter, and never loses their place", async (t) => {
    const [ada, bob] = await Promise.all([openPage(pod.url), openPage(pod.url)]);
    t.after(() => closeAll(ada, bob));
    await bob.press("start");
    await ada.key("Tab");
    assert.match(await ada.focus(), /^Skip to the controls/);
    await ada.key("Enter");
    await ada.tabTo(/^Start/);
    await ada.key("Enter");
    await ada.phase("connected");
    assert.match(await ada.focus(), /^(Next|Stop)/, "the focus has not gone with the button");
    await ada.tabTo(/^Message$/);
    await ada.page.keyboard.type("No mouse here.");
    await ada.key("Enter");
    await bob.reads("chat-log", "No mouse here.");
    await ada.tabTo(/^Report/, "Shift+Tab");
    await ada.key("Enter");
    await ada.tabTo(/^Reason/);
    await ada.key("Escape");
    assert.match(await ada.focus(), /^Report/, "back from the dialog to where it was asked for");
    await ada.tabTo(/^Stop/, "Shift+Tab");
    await ada.key("Enter");
    await ada.phase("idle");
    assert.match(await ada.focus(), /^Start/);
  });

  test("has single keys for what is needed often, which can be switched off", async (t) => {
    const [ada, bob] = await meet(pod.url);
    t.after(() => closeAll(ada, bob));
    await ada.key("m");
    await ada.reads("microphone", "Mic off");
    await ada.key("v");
    await ada.reads("camera", "Camera off");
    await ada.key("/");
    assert.match(await ada.focus(), /^Message$/);
    await ada.page.keyboard.type("men in vans");
    await ada.key("Enter");
    await bob.reads("chat-log", "men in vans");
    await ada.reads("microphone", "Mic off");
    await ada.key("Escape");
    assert.equal((await ada.state()).phase, "connected", "the first Escape only leaves the field");
    await ada.element("shortcuts").uncheck();
    await ada.key("n");
    await ada.key("m");
    await ada.key("Escape");
    await ada.reads("microphone", "Mic off");
    assert.equal((await ada.state()).phase, "connected");
    await ada.element("shortcuts").check();
    await ada.key("n");
    await bob.reads("headline", "They moved on");
    await ada.key("Escape");
    await ada.phase("idle");
    await ada.key("s");
    await ada.reads("status", /^You are /);
  });
});
