// Coming back: browsers by connection state recovery, others by token; the call does not notice.
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { startPod } from "./pod.js";
import { Wire } from "./wire.js";
import { candidate, description, match, Person, TRANSPORTS } from "./person.js";

const BROWSER = { "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0" };

/** Someone behind a wire, in a match with someone who is not. */
async function behindWire(pod, options) {
  const wire = await Wire.to(pod.url);
  const [a, b] = await Promise.all([Person.join(wire.url, options), Person.join(pod.url, options)]);
  await match(a, b);
  return [a, b, wire];
}

/** Breaks someone's connection, and mends it when `meanwhile` is done; their next session. */
async function interrupted(person, wire, meanwhile = () => {}) {
  wire.cut();
  await person.event("disconnect");
  await meanwhile();
  wire.mend();
  return person.next("session");
}

for (const [transport, options] of Object.entries(TRANSPORTS)) {
  describe(`A browser that comes back by ${transport}`, () => {
    const browser = { ...options, extraHeaders: BROWSER };
    let pod;
    before(async () => (pod = await startPod({ SOCKET_IO_PING_INTERVAL: "300", SOCKET_IO_PING_TIMEOUT: "2000" })));

    it("is recovered in its match, with what it missed, in order", async () => {
      const [a, b, wire] = await behindWire(pod, browser);
      await a.does("webrtc_offer", description("offer", "aaaa"));
      await b.does("webrtc_answer", description("answer", "bbbb"));
      await a.next("webrtc_answer");
      const { id } = a.socket;
      const back = await interrupted(a, wire, async () => {
        await b.next("peer_reconnecting");
        for (let n = 0; n < 20; n++) await b.does("webrtc_ice_candidate", candidate(n, "bbbb"));
        await b.does("chat_message", { text: "missed me?" });
      });
      assert.equal(a.socket.recovered, true);
      assert.equal(a.socket.id, id);
      const { resumed, state, matchId, peerId, initiator, renegotiate } = back;
      assert.deepEqual([resumed, state, renegotiate], [true, "matched", false]);
      assert.deepEqual([matchId, peerId, initiator], [a.found.matchId, a.found.peerId, a.found.initiator]);
      const missed = await a.several(21, "webrtc_ice_candidate", "chat_message");
      assert.deepEqual(
        missed.map(({ body }) => body.seq),
        Array.from({ length: 21 }, (_, n) => n + 2),
      );
      a.sawNo("match_found");
      a.sawNo("webrtc_answer");
      assert.deepEqual(await b.next("peer_resumed"), { matchId, renegotiate: false });
      await a.does("chat_message", { text: "back" });
      assert.equal((await b.next("chat_message")).text, "back");
    });

    it("has kept its place in the queue", async () => {
      const wire = await Wire.to(pod.url);
      const a = await Person.join(wire.url, browser);
      await a.does("find_match", { mode: "text" });
      await a.next("waiting");
      const back = await interrupted(a, wire);
      assert.deepEqual([a.socket.recovered, back.state], [true, "waiting"]);
      const b = await Person.join(pod.url, browser);
      await match(a, b, { mode: "text" });
    });

    it("learns that the partner has gone meanwhile", async () => {
      const [a, b, wire] = await behindWire(pod, browser);
      const back = await interrupted(a, wire, () => b.does("leave_match"));
      assert.deepEqual([back.resumed, back.state], [true, "idle"]);
      assert.deepEqual(await a.next("peer_disconnected"), { matchId: a.found.matchId, reason: "left" });
    });

    it("may be cut off again and again", async () => {
      const [a, b, wire] = await behindWire(pod, browser);
      for (let n = 1; n <= 4; n++) {
        const text = `message ${n}`;
        const back = await interrupted(a, wire, () => b.does("chat_message", { text }));
        assert.equal(back.matchId, a.found.matchId);
        const { body } = await a.event("chat_message");
        assert.deepEqual([body.text, body.seq, a.socket.recovered], [text, n, true]);
      }
      await a.does("leave_match");
      assert.equal((await b.next("peer_disconnected")).reason, "left");
    });
  });

  describe(`A client that resumes by token by ${transport}`, () => {
    let pod;
    before(async () => (pod = await startPod({ SOCKET_IO_PING_INTERVAL: "300", SOCKET_IO_PING_TIMEOUT: "2000" })));

    it("gets the session, and what followed the last number that it saw", async () => {
      // A client without recovery: it forgets the private id, and says where it was itself.
      const [a, b, wire] = await behindWire(pod, options);
      for (const text of ["one", "two"]) await b.does("chat_message", { text });
      await a.several(2, "chat_message");
      const [session, ...more] = [a.session, await interruptedAnew(a, wire, b, 1)].map(({ sessionId }) => sessionId);
      assert.deepEqual(more, [session]);
      const texts = await a.several(2, "chat_message");
      assert.deepEqual(
        texts.map(({ body }) => [body.text, body.seq]),
        [
          ["two", 2],
          ["three", 3],
        ],
      );
      assert.deepEqual(texts[0].args.length, 1, "no offset for whoever did not ask for it");
    });
  });
}

/** As `interrupted`, for a client that resumes by token and has seen signal number `seq`; three is missed. */
async function interruptedAnew(person, wire, partner, seq) {
  wire.cut();
  await person.event("disconnect");
  person.socket._pid = undefined;
  person.socket.auth = { resume: person.session.resumeToken, seq };
  await partner.does("chat_message", { text: "three" });
  wire.mend();
  const back = await person.next("session");
  assert.deepEqual([back.resumed, back.state, back.matchId], [true, "matched", partner.found.matchId]);
  return back;
}

describe("A session", () => {
  let pod;
  before(async () => (pod = await startPod()));
  const options = { transports: ["websocket"] };

  it("goes to whoever brings its token, and the one before stays away", async () => {
    const [a, b] = await Promise.all([Person.join(pod.url, options), Person.join(pod.url, options)]);
    await match(a, b);
    const { resumeToken, sessionId } = a.session;
    const second = await Person.join(pod.url, { ...options, auth: { resume: resumeToken, seq: 0 } });
    assert.deepEqual([second.session.sessionId, second.session.matchId], [sessionId, a.found.matchId]);
    assert.equal(await a.next("disconnect"), "io server disconnect");
    assert.equal(a.socket.active, false, "the client does not take it back");
    await second.does("chat_message", { text: "it is me" });
    assert.equal((await b.next("chat_message")).text, "it is me");
    b.sawNo("peer_disconnected");
  });

  it("is not to be had with somebody else's secret", async () => {
    const a = await Person.join(pod.url, options);
    const { resumeToken } = a.session;
    const forged = resumeToken.slice(0, -4) + (resumeToken.endsWith("AAAA") ? "BBBB" : "AAAA");
    for (const resume of [forged, "nonsense", "", 5, null]) {
      const other = await Person.join(pod.url, { ...options, auth: { resume } });
      assert.deepEqual([other.session.resumed, other.session.state], [false, "idle"]);
    }
    await a.does("ice_servers");
    a.sawNo("disconnect");
  });

  it("asks to renegotiate when it cannot be known what was lost", async () => {
    const [a, b, wire] = await behindWire(pod, { ...options, auth: { recovery: true } });
    a.emit("webrtc_offer", description("offer")); // Not acknowledged: nobody can say whether it arrived.
    await b.next("webrtc_offer");
    await b.does("webrtc_answer", description("answer"));
    await a.next("webrtc_answer");
    const back = await interrupted(a, wire);
    assert.equal(back.renegotiate, true);
    assert.deepEqual(await b.event("peer_resumed").then(({ body }) => body.renegotiate), true);
    a.sawNo("match_found");
  });

  it("is told of a match that was found while it was away from those who can see it", async () => {
    const wire = await Wire.to(pod.url);
    const a = await Person.join(wire.url, { ...options, auth: { recovery: true } });
    const b = await Person.join(pod.url, options);
    await b.does("find_match");
    await b.next("waiting");
    a.socket.emit("find_match");
    const found = await b.next("match_found");
    const back = await interrupted(a, wire);
    assert.equal(back.matchId, found.matchId);
    const again = await a.next("match_found");
    assert.equal(again.matchId, found.matchId);
  });
});

describe("SESSION_RECOVERY", () => {
  const offsets = async (setting, options) => {
    const pod = await startPod({ SESSION_RECOVERY: setting });
    const person = await Person.join(pod.url, options);
    const { args } = person.seen.find(({ name }) => name === "session");
    assert.equal(typeof person.socket._pid, "string", "everyone gets a private id");
    return args.length === 2 && typeof args[1] === "string";
  };

  it("is for browsers and whoever asks by default, for all, or for nobody", async () => {
    const asks = { auth: { recovery: true } };
    const modern = { extraHeaders: { "Sec-Fetch-Mode": "cors" } };
    assert.deepEqual(
      await Promise.all([
        offsets("auto", {}),
        offsets("auto", asks),
        offsets("auto", { extraHeaders: BROWSER }),
        offsets("auto", modern),
        offsets("always", {}),
        offsets("never", asks),
      ]),
      [false, true, true, true, true, false],
    );
  });
});
