import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { meet } from "./browser.js";
import { startPod } from "./pod.js";

describe("a call", () => {
  let pod, ada, bob;

  before(async () => {
    pod = await startPod();
    [ada, bob] = await meet(pod.url);
  });

  after(async () => {
    await ada?.close();
    await bob?.close();
    await pod?.stop();
  });

  test("shows each the other's picture", async () => {
    for (const person of [ada, bob]) {
      const { before, after } = await person.seesMore();
      assert.ok(after > before, `frames decoded went from ${before} to ${after}`);
    }
  });

  test("says that it is connected, and over what kind of way", async () => {
    for (const person of [ada, bob]) {
      assert.match(await person.reads("status", /^Connected/), /Connected directly, on your own network/);
      assert.equal((await person.state()).route, "host");
    }
  });

  test("carries text both ways", async () => {
    await ada.say("Hello, whoever you are.");
    await bob.reads("chat-log", "Hello, whoever you are.");
    await bob.say("<b>Hello</b> 👋");
    await ada.reads("chat-log", "<b>Hello</b> 👋");
  });
});
