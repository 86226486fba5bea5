import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { closeAll, meet } from "./browser.js";
import { startPod } from "./pod.js";
import { startProxy } from "./proxy.js";

const AWAY = 5_000;

describe("a connection that is lost for five seconds", () => {
  let pod, proxy, ada, bob, since;

  before(async () => {
    pod = await startPod();
  });

  beforeEach(async () => {
    proxy = await startProxy(pod.port);
    [ada, bob] = await meet([proxy.url, pod.url]);
    await ada.keepConnection();
    since = Date.now();
  });

  afterEach(async () => {
    await closeAll(ada, bob);
    proxy.close();
  });

  after(() => pod?.stop());

  test("is recovered when the network was cut, and the call never noticed", async () => {
    proxy.cut();
    await bothKnow();
    await pictureGoesOn(AWAY);
    proxy.restore();
    await cameBack();
  });

  test("is recovered when the browser was offline, and the call never noticed", async () => {
    await ada.page.context().setOffline(true);
    await bothKnow();
    await pictureGoesOn(AWAY);
    await ada.page.context().setOffline(false);
    await cameBack();
  });

  async function bothKnow() {
    await ada.reads("status", "your call goes on");
    await bob.told("peer_reconnecting", since);
    await bob.reads("status", "They are reconnecting");
  }

  async function pictureGoesOn(duration) {
    const until = Date.now() + duration;
    while (Date.now() < until) {
      await Promise.all([ada.seesMore(3), bob.seesMore(3)]);
    }
  }

  async function cameBack() {
    const { payload } = await ada.told("session", since);
    assert.equal(payload.resumed, true);
    assert.equal(payload.state, "matched");
    assert.equal(await ada.page.evaluate(() => window.chat.socket.recovered), true);
    await bob.told("peer_resumed", since);
    const told = await bob.history();
    assert.ok(told.indexOf("peer_reconnecting") < told.indexOf("peer_resumed"), told.join());
    assert.ok(await ada.hasKeptConnection(), "it is the same RTCPeerConnection");
    await Promise.all([ada.seesMore(), bob.seesMore()]);
    await ada.say("Back again.");
    await bob.reads("chat-log", "Back again.");
    await bob.say("I had hardly noticed.");
    await ada.reads("chat-log", "I had hardly noticed.");
    await Promise.all([ada, bob].map((person) => person.reads("status", /^Connected/)));
  }
});
