// Who meets whom, and what happens to those who meet nobody.
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { startPod } from "./pod.js";
import { match, matched, meet, Person } from "./person.js";

/** Two people of this pod who ask for these criteria. */
async function asking(pod, first, second) {
  const [a, b] = await Promise.all([Person.join(pod.url), Person.join(pod.url)]);
  await a.does("find_match", first);
  await a.next("waiting");
  await b.does("find_match", second);
  return [a, b];
}

describe("Criteria", () => {
  let pod;
  before(async () => (pod = await startPod()));

  it("bring together whose demands agree, and are told to both", async () => {
    const [a, b] = await asking(
      pod,
      { mode: "video", language: "en", region: "eu", interests: ["chess", "go"] },
      { mode: "video", language: "en", interests: ["go", "tea"] },
    );
    await meet(a, b);
    const { criteria, iceServers } = b.found;
    assert.deepEqual([criteria.mode, criteria.language, criteria.interests], ["video", "en", ["go"]]);
    assert.deepEqual(iceServers, [{ urls: ["stun:stun.l.google.com:19302"] }]);
  });

  it("that are unset match all", async () => {
    const [a, b] = await asking(pod, { mode: "audio", language: "fr", region: "eu", interests: ["art"] }, undefined);
    await meet(a, b);
    assert.equal(b.found.criteria.mode, "audio");
  });

  it("are replaced by asking again, and the place is kept", async () => {
    const [a, b] = await asking(pod, { mode: "text" }, { mode: "video" });
    await b.next("waiting");
    await a.does("find_match", { mode: "video" });
    await meet(a, b);
  });

  it("of different modes never meet; the first of the same does", async () => {
    const [text, video] = await asking(pod, { mode: "text" }, { mode: "video" });
    const [second, third] = [await Person.join(pod.url), await Person.join(pod.url)];
    await second.does("find_match", { mode: "video" });
    await meet(video, second);
    await third.does("find_match", { mode: "text" });
    await meet(text, third);
  });

  it("first come are first served", async () => {
    // Among several workers, partners of the newcomer's own come first for a moment.
    const pod = await startPod({ CLUSTER_WORKERS: "1" });
    const waiting = [];
    for (const language of ["da", "fi", "nl"]) {
      const person = await Person.join(pod.url);
      await person.does("find_match", { mode: "audio", language });
      await person.next("waiting");
      waiting.push(person);
    }
    for (const person of waiting) {
      const other = await Person.join(pod.url);
      await other.does("find_match", { mode: "audio" });
      await meet(person, other);
    }
  });
});

describe("Waiting", () => {
  it("ends with a match that the next person brings, or with the time", async () => {
    const pod = await startPod({ MATCH_TIMEOUT_MS: "700" });
    const person = await Person.join(pod.url);
    await person.does("find_match");
    assert.ok((await person.next("waiting")).timeoutMs <= 700);
    const { waitedMs } = await person.next("match_timeout");
    assert.ok(waitedMs >= 690, `${waitedMs} ms`);
    await person.isRefused("not_matched", "leave_match");
    const other = await Person.join(pod.url);
    await match(person, other);
  });

  it("is told again as things change, at most once a second", async () => {
    const pod = await startPod();
    const person = await Person.join(pod.url);
    await person.does("find_match");
    const first = await person.next("waiting");
    const told = performance.now();
    const again = await person.next("waiting");
    const since = performance.now() - told;
    assert.ok(since > 900, `told again after ${since} ms`);
    assert.ok(again.timeoutMs < first.timeoutMs - 900);
  });
});

describe("Two who have met", () => {
  it("may report each other in the match and after it, which does not end it", async () => {
    const pod = await startPod();
    const [a, b] = await matched(pod.url);
    await a.does("report_peer", { reason: "spam" });
    await a.does("chat_message", { text: "the match goes on" });
    await b.next("chat_message");
    await b.does("leave_match");
    await b.does("report_peer", { matchId: b.found.matchId });
    await b.does("block_peer");
    await b.isRefused("not_matched", "report_peer", { matchId: "AAAAAAAAAAAAAAAAAAAA" });
  });

  it("are never one and the same person", async () => {
    const pod = await startPod({ MATCH_TIMEOUT_MS: "1000" });
    const person = await Person.join(pod.url);
    await person.does("find_match");
    await person.does("find_match");
    await person.does("next_match");
    await person.next("match_timeout");
    person.sawNo("match_found");
  });
});
