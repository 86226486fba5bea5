// Slow, for it waits as people do: who was blocked stays it.
import assert from "node:assert/strict";
import { it } from "node:test";
import { startPod } from "./pod.js";
import { match, matched, Person } from "./person.js";

it("Two never meet again once one has blocked the other, who learns nothing of it", async () => {
  const pod = await startPod({ MATCH_TIMEOUT_MS: "17000" });
  const [a, b] = await matched(pod.url);
  await a.does("block_peer", { reason: "rude" });
  assert.deepEqual(await b.next("peer_disconnected"), { matchId: a.found.matchId, reason: "left" });
  a.sawNo("peer_disconnected");
  await a.does("find_match");
  await b.does("find_match");
  // Long enough for a recent partner, and for any other demand, to be acceptable again.
  await Promise.all([a.next("match_timeout"), b.next("match_timeout")]);
  await match(b, await Person.join(pod.url));
});
