// Slow, for it waits as people do: partners of late are avoided for a while.
import assert from "node:assert/strict";
import { it } from "node:test";
import { startPod } from "./pod.js";
import { matched, Person } from "./person.js";

it("Two who have just met meet others first, and each other again after 15 seconds", async () => {
  const pod = await startPod();
  const [a, b] = await matched(pod.url);
  await a.does("leave_match");
  await b.next("peer_disconnected");
  await a.does("find_match");
  await b.does("find_match");
  const started = performance.now();
  // One of the two meets a third person; which one is up to the pod, which prefers partners of the same worker at first.
  const [ofA, ofB] = [a.next("match_found"), b.next("match_found")];
  const c = await Person.join(pod.url);
  await c.does("find_match");
  const first = await Promise.race([ofA.then(() => a), ofB.then(() => b)]);
  c.leave();
  await first.next("peer_disconnected");
  await first.does("find_match");
  const [again, others] = await Promise.all([first.next("match_found"), first === a ? ofB : ofA]);
  assert.equal(again.matchId, others.matchId);
  const waited = performance.now() - started;
  assert.ok(waited >= 14_500, `they met again after ${waited} ms`);
});
