import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { closeAll, meet } from "./browser.js";
import { startPod } from "./pod.js";

/** Has the browser know the way of a call a little later than that it is connected, as Chromium sometimes does. */
function lateStatistics() {
  const getStats = RTCPeerConnection.prototype.getStats;
  const looks = new WeakMap();
  RTCPeerConnection.prototype.getStats = function (...args) {
    if (this.connectionState === "connected") {
      const before = looks.get(this) ?? 0;
      looks.set(this, before + 1);
      if (before < 2) {
        return Promise.resolve(new Map());
      }
    }
    return getStats.apply(this, args);
  };
}

/** How many calls the pod was told are connected, by the kind of candidate; only what is not zero. */
async function connectedCalls(url) {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const lines = metrics.matchAll(/^webrtc_ice_connected_total\{candidate_type="(\w+)"\} ([1-9]\d*)$/gm);
  return Object.fromEntries([...lines].map(([, kind, count]) => [kind, Number(count)]));
}

let pod, ada, bob;

before(async () => {
  pod = await startPod();
  [ada, bob] = await meet(pod.url, { setUp: lateStatistics });
});

after(async () => {
  await closeAll(ada, bob);
  await pod?.stop();
});

test("a call whose way is known late says so when it is, and counts once for each side", async () => {
  for (const person of [ada, bob]) {
    await person.reads("status", /Connected directly, from device to device \(host\)/);
    // What the person says is behind the report on the same connection: its arrival means that the report has, too.
    await person.say("Here I am.");
  }
  await ada.reads("chat-log", /Here I am\.[\s\S]*Here I am\./);
  await bob.reads("chat-log", /Here I am\.[\s\S]*Here I am\./);
  assert.deepEqual(await connectedCalls(pod.url), { host: 2 });
});
