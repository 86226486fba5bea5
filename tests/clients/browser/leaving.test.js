import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { meet } from "./browser.js";
import { startPod } from "./pod.js";

/** What counts as at once, on a machine that has much else to do. A lost connection is waited for for a minute. */
const AT_ONCE = 2_000;

describe("the partner is told at once", () => {
  let pod, ada, bob, since;

  before(async () => {
    pod = await startPod();
  });

  after(() => pod?.stop());

  async function bobLearns(reason, words) {
    const { payload, at } = await bob.told("peer_disconnected", since);
    assert.equal(payload.reason, reason);
    assert.ok(at - since < AT_ONCE, `told after ${at - since} ms`);
    await bob.reads("status", words);
    assert.equal(await bob.page.evaluate(() => window.chat.pc), undefined, "the call is over");
    assert.ok(!(await bob.history()).includes("peer_reconnecting"));
  }

  for (const transports of ["polling,websocket", "websocket"]) {
    describe(`by ${transports}`, () => {
      beforeEach(async () => {
        [ada, bob] = await meet(pod.url, { query: { transports } });
        since = Date.now();
      });

      test("when a tab is closed", async (t) => {
        t.after(() => Promise.all([ada.close(), bob.close()]));
        await ada.page.close();
        await bobLearns("left", "They left");
      });
    });
  }
});
