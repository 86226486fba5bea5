// What is refused: how it is told, with which code, and that nobody else notices.
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { startPod } from "./pod.js";
import { candidate, description, matched, Person } from "./person.js";

describe("A refusal", () => {
  let pod;
  before(async () => (pod = await startPod()));

  it("comes as an acknowledgement when one was asked for, else as an error", async () => {
    const person = await Person.join(pod.url);
    const refused = await person.isRefused("not_matched", "chat_message", { text: "hi" });
    person.emit("chat_message", { text: "hi" });
    assert.deepEqual(await person.next("error"), refused);
    person.emit("chat_message", { text: 7 });
    const { code, message, field } = await person.next("error");
    assert.deepEqual([code, typeof message, field], ["invalid_payload", "string", "text"]);
    person.sawNo("disconnect");
  });

  it("names the field that is wrong", async () => {
    const [a, b] = await matched(pod.url);
    const { sdp } = description("offer");
    const { candidate: line } = candidate(1);
    for (const [field, event, payload] of [
      ["sdp", "webrtc_offer", { type: "offer" }],
      ["sdp", "webrtc_offer", { type: "offer", sdp: 5 }],
      ["type", "webrtc_offer", { sdp }],
      ["type", "webrtc_offer", { sdp, type: "answer" }],
      ["type", "webrtc_answer", { sdp, type: "offer" }],
      ["type", "webrtc_offer", { sdp, type: "constructor" }],
      ["candidate", "webrtc_ice_candidate", { sdpMid: "0", sdpMLineIndex: 0 }],
      ["sdpMid", "webrtc_ice_candidate", { candidate: line, sdpMid: 0, sdpMLineIndex: 0 }],
      ["sdpMLineIndex", "webrtc_ice_candidate", { candidate: line, sdpMid: "0", sdpMLineIndex: "0" }],
      ["usernameFragment", "webrtc_ice_candidate", { ...candidate(1), usernameFragment: {} }],
      ["text", "chat_message", { text: "" }],
      ["text", "chat_message", {}],
      ["state", "ice_state", { state: 1 }],
      ["reason", "report_peer", { reason: ["rude"] }],
      ["matchId", "chat_message", { text: "hi", matchId: 12 }],
    ]) {
      const error = await a.isRefused("invalid_payload", event, payload);
      assert.equal(error.field, field, `${event} ${JSON.stringify(payload)}: ${JSON.stringify(error)}`);
    }
    await a.does("chat_message", { text: "well" });
    assert.equal((await b.next("chat_message")).seq, 1);
    b.sawNo("error");
  });

  it("meets criteria of the wrong form", async () => {
    const person = await Person.join(pod.url);
    for (const [field, criteria] of [
      ["interests", { interests: "chess" }],
      ["interests", { interests: [1] }],
      ["interests", { interests: Array(11).fill("x") }],
      ["interests", { interests: ["x".repeat(65)] }],
      ["mode", { mode: "smell" }],
      ["language", { language: 5 }],
      ["region", { region: {} }],
    ]) {
      const refused = await person.ask("find_match", criteria);
      assert.deepEqual([refused.ok, refused.error?.field], [false, field], JSON.stringify({ criteria, refused }));
    }
    await person.isRefused("invalid_payload", "find_match", "video");
    await person.isRefused("invalid_payload", "find_match", [1]);
    person.sawNo("waiting");
  });

  it("meets events that there are not, and payloads that cannot be", async () => {
    const person = await Person.join(pod.url);
    await person.isRefused("unknown_event", "find_mtach");
    await person.isRefused("unknown_event", "session", {});
    let deep = 1;
    for (let n = 0; n < 40; n++) deep = [deep];
    await person.isRefused("invalid_payload", "chat_message", { text: "hi", deep });
    await person.isRefused("invalid_payload", "chat_message", Buffer.from("hi"));
    person.emit("chat_message", { text: "hi", file: Buffer.alloc(10) });
    assert.equal((await person.next("error")).code, "invalid_payload");
    person.sawNo("disconnect");
  });

  it("meets find_match in a match, and cancel_match after it", async () => {
    const [a, b] = await matched(pod.url);
    await a.isRefused("already_matched", "find_match");
    await a.isRefused("already_matched", "cancel_match");
    await a.does("chat_message", { text: "still here" });
    await b.next("chat_message");
  });

  it("meets an unknown namespace, and leaves the others alone", async () => {
    const person = await Person.join(pod.url);
    const elsewhere = person.socket.io.socket("/admin");
    const error = await new Promise((resolve) => elsewhere.connect().on("connect_error", resolve));
    assert.equal(error.message, "Invalid namespace");
    assert.equal(elsewhere.active, false, "the client does not try again");
    await person.does("ice_servers");
    assert.equal(person.socket.connected, true);
  });

  it("meets too many events with when to go on", async () => {
    const [a, b] = await matched(pod.url);
    const acks = await Promise.all(Array.from({ length: 30 }, (_, n) => a.ask("chat_message", { text: `${n}` })));
    const refused = acks.filter(({ ok }) => !ok);
    assert.ok(refused.length > 0 && refused.length <= 10, `${refused.length} of 30 were refused`);
    assert.ok(refused.every(({ error }) => error.code === "rate_limited"));
    const { scope, retryAfterMs } = await a.next("rate_limited");
    assert.equal(typeof scope, "string");
    assert.ok(retryAfterMs > 0 && retryAfterMs <= 1_000, `${retryAfterMs} ms`);
    a.sawNo("rate_limited");
    assert.equal((await b.several(30 - refused.length, "chat_message")).length, 30 - refused.length);
    b.sawNo("rate_limited");
    await a.does("webrtc_offer", description("offer")); // Signals have a bucket of their own.
  });
});

describe("A pod that is full", () => {
  it("says so, and takes who comes again later", async () => {
    const workers = Number(process.env.CLUSTER_WORKERS ?? 4);
    const pod = await startPod({ MAX_CONNECTIONS_PER_WORKER: "1" });
    const guests = await Promise.all(Array.from({ length: workers }, () => Person.join(pod.url)));
    const response = await fetch(`${pod.url}/socket.io/?EIO=4&transport=polling`);
    assert.deepEqual([response.status, (await response.json()).code], [503, "capacity"]);
    assert.ok(Number(response.headers.get("retry-after")) > 0);
    const late = new Person(pod.url);
    await late.event("connect_error");
    guests[0].leave();
    assert.equal((await late.next("session")).resumed, false);
  });
});

describe("An address that asks too often", () => {
  it("is told to wait, and the client comes again by itself", async () => {
    const limits = { TRUST_PROXY: "1", RATE_LIMIT_MAX_REQUESTS: "2", RATE_LIMIT_WINDOW_MS: "3000" };
    const pod = await startPod(limits);
    const from = (address) => ({ extraHeaders: { "X-Forwarded-For": address } });
    await Person.join(pod.url, from("203.0.113.1"));
    await Person.join(pod.url, from("203.0.113.1"));
    const headers = { "X-Forwarded-For": "203.0.113.1" };
    const response = await fetch(`${pod.url}/socket.io/?EIO=4&transport=polling`, { headers });
    assert.deepEqual([response.status, (await response.json()).code], [429, "rate_limited"]);
    assert.ok(Number(response.headers.get("retry-after")) > 0);
    await Person.join(pod.url, from("203.0.113.2"));
    const patient = new Person(pod.url, from("203.0.113.1"));
    await patient.event("connect_error");
    await patient.event("session");
  });
});
