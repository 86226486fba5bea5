// A whole call as a front end sees it, by each transport.
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { startPod } from "./pod.js";
import { candidate, description, match, matched, Person, TRANSPORTS } from "./person.js";

const range = (count) => Array.from({ length: count }, (_, n) => n);

for (const [transport, options] of Object.entries(TRANSPORTS)) {
  describe(`A call by ${transport}`, () => {
    let pod;
    before(async () => (pod = await startPod()));

    it("begins with a session in which nothing has happened", async () => {
      const { socket, session } = await Person.join(pod.url, options);
      const { sessionId, resumeToken, ...rest } = session;
      assert.deepEqual(rest, { resumed: false, resumeWindowMs: 60_000, state: "idle" });
      assert.equal(sessionId, socket.id);
      assert.equal(typeof resumeToken, "string");
      assert.equal(socket.recovered, false);
    });

    it("goes from two strangers to a goodbye", async () => {
      const [a, b] = await matched(pod.url, options);
      await a.does("webrtc_offer", description("offer", "aaaa"));
      assert.deepEqual(await b.next("webrtc_offer"), {
        ...description("offer", "aaaa"),
        matchId: a.found.matchId,
        from: b.found.peerId,
        seq: 1,
      });
      await b.does("webrtc_answer", description("answer", "bbbb"));
      assert.deepEqual(await a.next("webrtc_answer"), {
        ...description("answer", "bbbb"),
        matchId: a.found.matchId,
        from: a.found.peerId,
        seq: 1,
      });
      for (const n of range(20)) {
        a.emit("webrtc_ice_candidate", candidate(n, "aaaa"));
        b.emit("webrtc_ice_candidate", candidate(n, "bbbb"));
      }
      for (const [person, ufrag] of [
        [b, "aaaa"],
        [a, "bbbb"],
      ]) {
        const got = await person.several(20, "webrtc_ice_candidate");
        assert.deepEqual(
          got.map(({ body: { candidate, seq } }) => [candidate, seq]),
          range(20).map((n) => [candidate(n, ufrag).candidate, n + 2]),
        );
      }
      await b.does("chat_message", { text: "grüß dich 👋" });
      assert.equal((await a.next("chat_message")).text, "grüß dich 👋");
      await a.does("ice_state", { state: "connected", candidateType: "host", protocol: "udp", rttMs: 3.5 });
      await a.does("leave_match");
      assert.deepEqual(await b.next("peer_disconnected"), { matchId: a.found.matchId, reason: "left" });
      a.sawNo("peer_disconnected");
      await b.isRefused("not_matched", "chat_message", { text: "still there?" });
    });

    it("says how long it may take while nobody else is there", async () => {
      const person = await Person.join(pod.url, options);
      person.emit("find_match");
      const { position, estimatedWaitMs, timeoutMs } = await person.next("waiting");
      assert.equal(position, 1);
      assert.ok(Number.isInteger(estimatedWaitMs) && estimatedWaitMs >= 0);
      assert.ok(timeoutMs > 0 && timeoutMs <= 60_000);
      await person.does("cancel_match");
      await person.does("cancel_match");
      person.sawNo("match_found");
    });

    it("acknowledges before it tells what follows from it", async () => {
      const [a, b] = await Promise.all([Person.join(pod.url, options), Person.join(pod.url, options)]);
      for (const person of [a, b]) {
        person.socket.emit("find_match", null, () => person.seen.push({ name: "ack", taken: true }));
        await person.event("waiting", "match_found");
        assert.ok(person.names().includes("ack"), "the acknowledgement came first");
      }
    });

    it("keeps every signal in order in a burst of all kinds", async () => {
      const [a, b] = await matched(pod.url, options);
      const kinds = ["webrtc_offer", "webrtc_ice_candidate", "chat_message"];
      const sent = [["webrtc_offer", description("offer")]];
      for (const n of range(60)) sent.push(["webrtc_ice_candidate", candidate(n)]);
      for (const n of range(15)) sent.push(["chat_message", { text: `${n}` }]);
      sent.push(["webrtc_offer", description("offer")]);
      for (const event of sent) a.emit(...event);
      const got = await b.several(sent.length, ...kinds);
      assert.deepEqual(
        got.map(({ name, body: { matchId, from, seq, ...fields } }) => [name, fields]),
        sent,
      );
      assert.deepEqual(
        got.map(({ body }) => body.seq),
        range(sent.length).map((n) => n + 1),
      );
    });

    it("gives people new names in each match", async () => {
      const [a, b] = await matched(pod.url, options);
      const names = new Set([a.session.sessionId, b.session.sessionId, a.found.peerId, b.found.peerId]);
      await a.does("leave_match");
      await b.next("peer_disconnected");
      const [c, d] = await matched(pod.url, options);
      await c.does("leave_match");
      for (const person of [c, d]) names.add(person.found.peerId);
      assert.equal(names.size, 6);
    });

    it("goes on to the next one in one step", async () => {
      const [a, b] = await matched(pod.url, options);
      const c = await Person.join(pod.url, options);
      await c.does("find_match");
      await a.does("next_match", { mode: "text" });
      assert.deepEqual(await b.next("peer_disconnected"), { matchId: a.found.matchId, reason: "next" });
      const [forA, forC] = [await a.next("match_found"), await c.next("match_found")];
      assert.equal(forA.matchId, forC.matchId);
      assert.notEqual(forA.matchId, a.found.matchId);
      assert.equal(forA.criteria.mode, "text");
    });

    it("is fit for the next call after the last", async () => {
      const [a, b] = await matched(pod.url, options);
      await a.does("webrtc_offer", description("offer"));
      await b.next("webrtc_offer");
      await a.does("leave_match");
      await b.next("peer_disconnected");
      const c = await Person.join(pod.url, options);
      const [first, second] = await match(b, c);
      await second.isRefused("invalid_state", "webrtc_answer", description("answer"));
      await first.does("webrtc_offer", description("offer"));
      assert.equal((await second.next("webrtc_offer")).seq, 1);
    });
  });
}
