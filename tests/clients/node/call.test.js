// A whole call, by each transport: found, matched, signals, text, the end.
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { startPod } from "./pod.js";
import { candidate, description, matched, Person, TRANSPORTS } from "./person.js";

for (const [transport, options] of Object.entries(TRANSPORTS)) {
  describe(`A call by ${transport}`, () => {
    let pod;
    before(async () => {
      pod = await startPod();
    });

    it("goes from two strangers to a goodbye", async () => {
      const [a, b] = await matched(pod.url, options);
      await a.does("webrtc_offer", description("offer", "aaaa"));
      assert.equal((await b.next("webrtc_offer")).type, "offer");
      await b.does("webrtc_answer", description("answer", "bbbb"));
      assert.equal((await a.next("webrtc_answer")).type, "answer");
      for (let n = 0; n < 20; n++) a.emit("webrtc_ice_candidate", candidate(n, "aaaa"));
      const got = await b.several(20, "webrtc_ice_candidate");
      assert.deepEqual(got.map(({ body }) => body.candidate), Array.from({ length: 20 }, (_, n) => candidate(n, "aaaa").candidate));
      await b.does("chat_message", { text: "hello" });
      assert.equal((await a.next("chat_message")).text, "hello");
      await a.does("leave_match");
      assert.deepEqual(await b.next("peer_disconnected"), { matchId: a.found.matchId, reason: "left" });
    });
  });
}
