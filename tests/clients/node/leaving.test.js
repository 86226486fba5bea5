// Who goes is missed at once; who is lost is waited for.
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { startPod } from "./pod.js";
import { Wire } from "./wire.js";
import { match, matched, meet, Person, TRANSPORTS } from "./person.js";

for (const [transport, options] of Object.entries(TRANSPORTS)) {
  describe(`Leaving and losing by ${transport}`, () => {
    let pod;
    before(async () => (pod = await startPod({ SOCKET_IO_PING_INTERVAL: "300", SOCKET_IO_PING_TIMEOUT: "2000" })));

    it("tells the partner at once that someone disconnected", async () => {
      const [a, b] = await matched(pod.url, options);
      a.leave();
      assert.deepEqual(await b.next("peer_disconnected"), { matchId: b.found.matchId, reason: "left" });
      b.sawNo("peer_reconnecting");
    });

    it("takes whoever disconnects out of the queue", async () => {
      const [a, b, c] = await Promise.all([1, 2, 3].map(() => Person.join(pod.url, options)));
      await a.does("find_match");
      await a.next("waiting");
      a.leave();
      await pod.hasConnections(2);
      await match(b, c);
    });

    it("waits for someone whose connection broke, and lets the partner go on meanwhile", async () => {
      const wire = await Wire.to(pod.url);
      const [a, b, c] = await Promise.all([wire.url, pod.url, pod.url].map((url) => Person.join(url, options)));
      await match(a, b);
      wire.cut();
      const { matchId } = a.found;
      assert.deepEqual(await b.next("peer_reconnecting"), { matchId });
      await b.does("chat_message", { text: "are you there?" });
      await b.does("next_match");
      await match(b, c);
      wire.mend();
      const back = await a.next("session");
      assert.equal(back.state, "idle");
    });

    it("keeps the place of someone whose connection broke, but matches nobody with them until they are back", async () => {
      const wire = await Wire.to(pod.url);
      const [a, b] = await Promise.all([wire.url, pod.url].map((url) => Person.join(url, { ...options, auth: { recovery: true } })));
      await a.does("find_match");
      await a.next("waiting");
      wire.cut();
      await pod.hasConnections(1);
      await b.does("find_match");
      await b.next("waiting");
      b.sawNo("match_found");
      wire.mend();
      const back = await a.next("session");
      assert.deepEqual([back.resumed, back.state], [true, "waiting"]);
      await meet(a, b);
    });
  });
}

describe("The window to come back in", () => {
  it("closes: then the partner is told, and who comes back later starts anew", async () => {
    const pod = await startPod({ RESUME_WINDOW_MS: "400" });
    const wire = await Wire.to(pod.url);
    const options = { transports: ["websocket"], auth: { recovery: true } };
    const [a, b] = await Promise.all([wire.url, pod.url].map((url) => Person.join(url, options)));
    await match(a, b);
    wire.cut();
    const { matchId } = b.found;
    await b.next("peer_reconnecting");
    assert.deepEqual(await b.next("peer_disconnected"), { matchId, reason: "timeout" });
    wire.mend();
    const anew = await a.next("session");
    assert.deepEqual([anew.resumed, anew.state], [false, "idle"]);
    assert.notEqual(anew.sessionId, a.session.sessionId);
    assert.equal(a.socket.recovered, false);
  });

  it("is not opened for a WebSocket that closes with 1000 or 1001", async () => {
    const pod = await startPod();
    for (const code of [1000, 1001]) {
      const [a, b] = await matched(pod.url, { transports: ["websocket"] });
      a.socket.io.reconnection(false);
      a.socket.io.engine.transport.ws.close(code);
      assert.equal((await b.next("peer_disconnected")).reason, "left");
      b.sawNo("peer_reconnecting");
    }
  });

  it("is opened for one that ends otherwise", async () => {
    const pod = await startPod();
    const endings = [(engine) => engine.close(), ({ transport }) => transport.ws.close(3000), ({ transport }) => transport.ws.terminate()];
    for (const end of endings) {
      const [a, b] = await matched(pod.url, { transports: ["websocket"] });
      a.socket.io.reconnection(false);
      end(a.socket.io.engine);
      await b.next("peer_reconnecting");
      b.sawNo("peer_disconnected");
      b.leave();
    }
  });
});
