// What is relayed, what is held, what is refused, and that nothing of one match reaches the next.
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { startPod } from "./pod.js";
import { candidate, description, matched, Person } from "./person.js";

describe("A signal", () => {
  let pod;
  before(async () => (pod = await startPod()));

  it("reaches the partner with every field that the sender put into it", async () => {
    const [a, b] = await matched(pod.url);
    const extra = {
      zebra: [1, 2.5, -3e7, { deep: { deeper: [null, true, "✓ \u0000 \" \\ </script>"] } }],
      "": "an empty name",
      big: 12345678901234,
      ünïcode: "名前",
    };
    for (const [event, payload] of [
      ["webrtc_offer", { ...extra, ...description("offer") }],
      ["webrtc_ice_candidate", { ...candidate(1), ...extra }],
      ["chat_message", { text: "hi", ...extra }],
    ]) {
      await a.does(event, payload);
      const { matchId, from, seq, ...fields } = await b.next(event);
      assert.deepEqual(fields, payload);
      assert.deepEqual(Object.keys(fields), Object.keys(payload));
      assert.deepEqual([matchId, from, typeof seq], [a.found.matchId, b.found.peerId, "number"]);
    }
  });

  it("cannot pretend to be somebody else's, or of another number", async () => {
    const [a, b] = await matched(pod.url);
    await a.does("chat_message", { seq: 99, text: "hi", from: "someone", matchId: a.found.matchId, kept: 1 });
    assert.deepEqual(await b.next("chat_message"), {
      text: "hi",
      kept: 1,
      matchId: a.found.matchId,
      from: b.found.peerId,
      seq: 1,
    });
  });

  it("with another match's id is refused", async () => {
    const [a, b] = await matched(pod.url);
    const elsewhere = { matchId: "AAAAAAAAAAAAAAAAAAAA" };
    await a.isRefused("not_matched", "webrtc_offer", { ...description("offer"), ...elsewhere });
    await a.isRefused("not_matched", "chat_message", { text: "hi", ...elsewhere });
    await a.isRefused("not_matched", "ice_state", { state: "connected", ...elsewhere });
    await a.isRefused("not_matched", "leave_match", elsewhere);
    await a.isRefused("not_matched", "next_match", elsewhere);
    await a.does("chat_message", { text: "mine", matchId: a.found.matchId });
    assert.equal((await b.next("chat_message")).text, "mine");
    b.sawNo("webrtc_offer");
    b.sawNo("peer_disconnected");
  });

  it("needs a partner", async () => {
    const person = await Person.join(pod.url);
    const events = {
      webrtc_offer: description("offer"),
      webrtc_answer: description("answer"),
      webrtc_ice_candidate: candidate(1),
      chat_message: { text: "hello?" },
      ice_state: { state: "connected" },
      leave_match: undefined,
      report_peer: undefined,
    };
    for (const [event, payload] of Object.entries(events)) await person.isRefused("not_matched", event, payload);
  });

  it("of the last match never reaches the next partner", async () => {
    const [a, b] = await matched(pod.url);
    await a.does("webrtc_offer", description("offer", "oldU"));
    await b.next("webrtc_offer");
    await b.does("leave_match");
    const c = await Person.join(pod.url);
    await c.does("find_match");
    await a.does("find_match");
    const [found] = [await a.next("match_found"), await c.next("match_found")];
    await a.isRefused("not_matched", "webrtc_ice_candidate", { ...candidate(1, "oldU"), matchId: a.found.matchId });
    await a.isRefused("invalid_state", "webrtc_answer", description("answer", "oldU"));
    await a.does("webrtc_ice_candidate", candidate(2, "oldU")); // Held, and never let go.
    await a.does("webrtc_offer", { ...description("offer", "newU"), matchId: found.matchId });
    await a.does("webrtc_ice_candidate", candidate(3, "newU"));
    assert.equal((await c.next("webrtc_offer")).seq, 1);
    assert.equal((await c.next("webrtc_ice_candidate")).candidate, candidate(3, "newU").candidate);
  });

  it("may renegotiate from either side", async () => {
    const [a, b] = await matched(pod.url);
    await b.does("webrtc_offer", description("offer"));
    await a.next("webrtc_offer");
    await a.does("webrtc_answer", { type: "pranswer", sdp: description("answer").sdp });
    await a.does("webrtc_answer", { type: "rollback", sdp: "" });
    await a.does("webrtc_answer", description("answer"));
    const answers = await b.several(3, "webrtc_answer");
    assert.deepEqual(
      answers.map(({ body }) => body.type),
      ["pranswer", "rollback", "answer"],
    );
  });

  it("may be as long as its limit, in bytes", async () => {
    const [a, b] = await matched(pod.url);
    const { sdp } = description("offer");
    await a.does("webrtc_offer", { type: "offer", sdp: sdp.padEnd(65_536, "x") });
    assert.equal((await b.next("webrtc_offer")).sdp.length, 65_536);
    await a.does("chat_message", { text: "é".repeat(2_048) });
    assert.equal((await b.next("chat_message")).text.length, 2_048);
    for (const [field, event, payload] of [
      ["sdp", "webrtc_offer", { type: "offer", sdp: sdp.padEnd(65_537, "x") }],
      ["text", "chat_message", { text: "é".repeat(2_049) }],
      ["candidate", "webrtc_ice_candidate", { ...candidate(1), candidate: "c".repeat(4_097) }],
    ]) {
      assert.equal((await a.isRefused("payload_too_large", event, payload)).field, field);
    }
  });
});

describe("A candidate", () => {
  let pod;
  before(async () => (pod = await startPod()));

  it("waits for the description that it belongs to", async () => {
    const [a, b] = await matched(pod.url);
    for (let n = 0; n < 5; n++) await a.does("webrtc_ice_candidate", candidate(n, "late"));
    await a.does("chat_message", { text: "overtakes them" });
    await b.next("chat_message");
    b.sawNo("webrtc_ice_candidate");
    await a.does("webrtc_offer", description("offer", "late"));
    const got = await b.several(6, "webrtc_offer", "webrtc_ice_candidate");
    assert.deepEqual(
      got.map(({ name, body }) => body.candidate ?? name),
      ["webrtc_offer", ...[0, 1, 2, 3, 4].map((n) => candidate(n, "late").candidate)],
    );
  });

  it("of an ICE restart waits for the restart's offer, and the old ones pass", async () => {
    const [a, b] = await matched(pod.url);
    await a.does("webrtc_offer", description("offer", "one1"));
    await a.does("webrtc_ice_candidate", candidate(1, "one1"));
    const { usernameFragment, ...byLineOnly } = candidate(2, "two2");
    await a.does("webrtc_ice_candidate", byLineOnly);
    await a.does("webrtc_ice_candidate", candidate(3, "one1"));
    await a.does("webrtc_offer", description("offer", "two2"));
    const got = await b.several(5, "webrtc_offer", "webrtc_ice_candidate");
    assert.deepEqual(
      got.map(({ name, body }) => body.candidate?.split(" ")[0] ?? name),
      ["webrtc_offer", "candidate:1", "candidate:3", "webrtc_offer", "candidate:2"],
    );
  });

  it("with its match's id waits all the same", async () => {
    const [a, b] = await matched(pod.url);
    const { matchId } = a.found;
    await a.does("webrtc_ice_candidate", { ...candidate(1, "mine"), matchId });
    await a.does("webrtc_offer", { ...description("offer", "mine"), matchId });
    const got = await b.several(2, "webrtc_offer", "webrtc_ice_candidate");
    assert.deepEqual(
      got.map(({ name }) => name),
      ["webrtc_offer", "webrtc_ice_candidate"],
    );
  });

  it("may say that there are no more, and be for the whole session", async () => {
    const [a, b] = await matched(pod.url);
    await a.does("webrtc_offer", description("offer"));
    await a.does("webrtc_ice_candidate", { ...candidate(1), sdpMid: null, sdpMLineIndex: null });
    await a.does("webrtc_ice_candidate", { candidate: "", sdpMid: "0", sdpMLineIndex: 0 });
    const [first, last] = await b.several(2, "webrtc_ice_candidate");
    assert.deepEqual([first.body.sdpMid, first.body.sdpMLineIndex, last.body.candidate], [null, null, ""]);
  });

  it("is refused when 64 wait already, and those that wait are not lost", async () => {
    const [a, b] = await matched(pod.url);
    for (let n = 0; n < 64; n++) await a.does("webrtc_ice_candidate", candidate(n, "many"));
    await a.isRefused("invalid_state", "webrtc_ice_candidate", candidate(64, "many"));
    await a.does("webrtc_offer", description("offer", "many"));
    const got = await b.several(64, "webrtc_ice_candidate");
    assert.equal(got.at(-1).body.candidate, candidate(63, "many").candidate);
  });
});
