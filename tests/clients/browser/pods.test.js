import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { closeAll, meet } from "./browser.js";
import { PATIENCE } from "./person.js";
import { startPod } from "./pod.js";
import { startProxy } from "./proxy.js";
import { startRedis } from "./redis.js";

/** How long a balancer may have nowhere to send people to, once a pod is gone. */
const AWAY = 5_000;

describe("a call between two pods, one of which is killed,", () => {
  let redis, pods, proxy, ada, bob;

  before(async () => {
    redis = await startRedis();
  });

  after(() => redis?.stop());

  for (const transports of ["polling,websocket", "polling"]) {
    describe(`with signaling by ${transports}`, () => {
      beforeEach(async () => {
        pods = await Promise.all(["a", "b"].map(start));
        await Promise.all(pods.map(knowsTheOther));
        proxy = await startProxy(pods[0].port);
        [ada, bob] = await meet([proxy.url, pods[1].url], { query: { transports } });
        await Promise.all([ada, bob].map((person) => person.keepConnection()));
      });

      afterEach(async () => {
        await closeAll(ada, bob);
        proxy.close();
        await Promise.all(pods.map((pod) => pod.stop()));
      });

      test("goes on, and is signaled over the other one within the window", async () => {
        const since = Date.now();
        await pods[0].stop("SIGKILL");
        await ada.reads("status", "your call goes on");
        await pictureGoesOn(AWAY);
        assert.ok(!(await ada.state()).online, "the pictures did without signaling");
        proxy.lead(pods[1].port);
        await isBack(since);
        assert.ok(await ada.hasKeptConnection(), "it is the same RTCPeerConnection");
        assert.ok(await bob.hasKeptConnection(), "on both sides");
        await Promise.all([ada.seesMore(), bob.seesMore()]);
      });
    });
  }

  /** The session is what it was, and text gets across both ways, before the window has closed. */
  async function isBack(since) {
    const { payload } = await ada.told("session", since);
    assert.deepEqual([payload.resumed, payload.state], [true, "matched"]);
    await bob.told("peer_resumed", since);
    await ada.say("Mine was killed.");
    await bob.reads("chat-log", "Mine was killed.");
    await bob.say("I had hardly noticed.");
    await ada.reads("chat-log", "I had hardly noticed.");
    const took = Date.now() - since;
    assert.ok(took < payload.resumeWindowMs, `it took ${took} ms of ${payload.resumeWindowMs}`);
    await Promise.all([ada, bob].map((person) => person.reads("status", /^Connected/)));
  }

  async function pictureGoesOn(duration) {
    const until = Date.now() + duration;
    while (Date.now() < until) {
      await Promise.all([ada.seesMore(3), bob.seesMore(3)]);
    }
  }

  function start(name) {
    return startPod({ POD_ID: name, POD_SECRET: "of this service", REDIS_URL: redis.url });
  }
});

/** Waits until a pod would be given clients, and knows who else is there. */
async function knowsTheOther({ url }) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const health = await (await fetch(`${url}/health/detailed`)).json();
    if (health.status === "ok" && health.redis.otherPods.length === 1) {
      return;
    }
    assert.ok(Date.now() < deadline, JSON.stringify(health));
    await sleep(50);
  }
}
