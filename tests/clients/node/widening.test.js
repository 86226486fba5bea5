// Slow, for it waits as people do: demands are dropped one after the other, the mode never.
import assert from "node:assert/strict";
import { it } from "node:test";
import { startPod } from "./pod.js";
import { meet, Person } from "./person.js";

it("A common interest is no longer asked for after 5 seconds, the mode always", async () => {
  const pod = await startPod();
  const [text, a, b] = await Promise.all([1, 2, 3].map(() => Person.join(pod.url)));
  await text.does("find_match", { mode: "text" });
  const started = performance.now();
  await a.does("find_match", { mode: "video", interests: ["chess"] });
  await b.does("find_match", { mode: "video", interests: ["go"] });
  await Promise.all([a.next("waiting"), b.next("waiting")]);
  await meet(a, b);
  const waited = performance.now() - started;
  assert.ok(waited >= 4_900, `they met after ${waited} ms`);
  text.sawNo("match_found");
});
