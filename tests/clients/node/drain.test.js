// A pod that goes away: its clients are told, lose the transport only, and come again elsewhere.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { startPod } from "./pod.js";
import { Wire } from "./wire.js";
import { Person, TRANSPORTS } from "./person.js";

for (const [transport, options] of Object.entries(TRANSPORTS)) {
  describe(`Draining by ${transport}`, () => {
    it("tells every client when to come back, and each gets to the next pod", async () => {
      const pod = await startPod({ SHUTDOWN_DELAY_MS: "3000", DRAIN_DISCONNECTS_PER_SECOND: "1000" });
      const balancer = await Wire.to(pod.url);
      const people = await Promise.all(Array.from({ length: 8 }, () => Person.join(balancer.url, options)));
      const [a, b] = people;
      await a.does("find_match");
      await b.does("find_match");
      await Promise.all([a.next("match_found"), b.next("match_found")]);
      const next = await startPod();
      pod.terminate();
      while ((await fetch(`${pod.url}/health/ready`)).status !== 503);
      assert.equal((await fetch(`${pod.url}/health/live`)).status, 200);
      const late = await Person.join(pod.url, options); // Load balancers lag behind.
      await a.does("chat_message", { text: "served as usual" });
      await b.next("chat_message");
      for (const person of [...people, late]) {
        assert.ok((await person.next("draining")).reconnectInMs >= 0);
        assert.match(await person.next("disconnect"), /^transport (close|error)$/);
      }
      balancer.mend(next.url);
      for (const person of people) {
        const again = await person.next("session");
        assert.deepEqual([again.resumed, again.state], [false, "idle"]);
      }
      const [code] = await pod.exited;
      assert.equal(code, 0);
    });
  });
}

describe("A pod that drains", () => {
  it("lets nobody new in, and says why", async () => {
    const settings = { SHUTDOWN_DELAY_MS: "0", DRAIN_DISCONNECTS_PER_SECOND: "1", DRAIN_TIMEOUT_MS: "6000" };
    const pod = await startPod(settings);
    const people = await Promise.all(Array.from({ length: 4 }, () => Person.join(pod.url, { reconnection: false })));
    pod.terminate();
    await Promise.any(people.map((person) => person.next("draining")));
    const response = await fetch(`${pod.url}/socket.io/?EIO=4&transport=polling`);
    assert.deepEqual([response.status, (await response.json()).code], [503, "draining"]);
    assert.ok(Number(response.headers.get("retry-after")) > 0);
    const [code] = await pod.exited;
    assert.equal(code, 0);
    for (const person of people) assert.notEqual(await person.next("disconnect"), "io server disconnect");
  });

  it("ends at once at a second signal", async () => {
    const pod = await startPod({ SHUTDOWN_DELAY_MS: "60000", DRAIN_TIMEOUT_MS: "120000" });
    const person = await Person.join(pod.url);
    pod.terminate();
    while ((await fetch(`${pod.url}/health/ready`)).status !== 503);
    pod.terminate();
    await pod.exited;
    assert.match(await person.next("disconnect"), /^transport (close|error)$/);
  });
});
