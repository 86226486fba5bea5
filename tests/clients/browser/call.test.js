import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { closeAll, meet } from "./browser.js";
import { startPod } from "./pod.js";

describe("a call", () => {
  let pod;

  before(async () => {
    pod = await startPod();
  });

  after(() => pod?.stop());

  for (const transports of ["polling,websocket", "websocket", "polling"]) {
    describe(`set up by ${transports}`, () => {
      let ada, bob;

      before(async () => {
        [ada, bob] = await meet(pod.url, { query: { transports } });
      });

      after(() => closeAll(ada, bob));

      test("shows each the other's picture", async () => {
        for (const person of [ada, bob]) {
          const { before, after } = await person.seesMore();
          assert.ok(after > before, `frames decoded went from ${before} to ${after}`);
        }
      });

      test("says that it is connected, and over what kind of candidate", async () => {
        for (const person of [ada, bob]) {
          // The browser may know the way only a moment after it has connected.
          await person.reads("status", /Connected directly, from device to device \(host\)/);
          assert.equal((await person.state()).route, "host");
        }
      });

      test("carries text both ways", async () => {
        await ada.say("Hello, whoever you are.");
        await bob.reads("chat-log", "Hello, whoever you are.");
        await bob.say("<b>Hello</b> 👋");
        await ada.reads("chat-log", "<b>Hello</b> 👋");
      });

      test("uses the transport that was asked for", async () => {
        const wanted = transports.split(",").at(-1);
        for (const person of [ada, bob]) {
          await person.page.waitForFunction(
            (name) => window.chat.socket.io.engine.transport.name === name,
            wanted,
            { polling: 50 },
          );
        }
      });
    });
  }
});
