import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { closeAll, meet, openPage } from "./browser.js";
import { startPod, WATCHFUL } from "./pod.js";
import { startProxy } from "./proxy.js";

describe("a pod that goes away", () => {
  let pod, proxy, people;

  beforeEach(async () => {
    pod = await startPod({ SHUTDOWN_DELAY_MS: "0", DRAIN_TIMEOUT_MS: "5000" });
    proxy = await startProxy(pod.port);
    people = [];
  });

  afterEach(async () => {
    await closeAll(...people);
    proxy.close();
    await pod.stop();
  });

  test("and comes back: the page says so, and is ready by itself", async () => {
    const ada = await opens();
    await pod.stop();
    await ada.reads("link", "Reconnecting");
    await ada.reads("status", "The service cannot be reached");
    await ada.reads("link", "Service unreachable");
    await another();
    await ada.reads("link", "Online");
    await ada.reads("status", "Ready when you are");
  });

  test("takes nobody's search with it: it goes on at the next pod", async () => {
    const ada = await opens();
    await ada.press("start");
    await ada.reads("status", /^You are /);
    await pod.stop();
    await ada.reads("status", "your place is kept");
    await another();
    const bob = await opens();
    await bob.press("start");
    await Promise.all([ada.phase("connected"), bob.phase("connected")]);
    await Promise.all([ada.seesMore(), bob.seesMore()]);
  });

  test("takes no search with it that was begun while nobody answered", async () => {
    const ada = await opens();
    await pod.stop();
    await ada.reads("status", "The service cannot be reached");
    await ada.press("start");
    await ada.reads("status", "We go on looking as soon as it is back");
    await another();
    await ada.reads("status", /^You are /);
  });

  test("by a crash does not end a call, whose two people can still end it", async () => {
    const [ada, bob] = await inACall();
    await pod.stop();
    await ada.reads("status", "your call goes on");
    await Promise.all([ada.seesMore(), bob.seesMore()]);
    await another();
    for (const person of [ada, bob]) {
      await person.reads("status", "The service was restarted. Your call goes on");
      await person.reads("link", "Online");
      assert.ok(await person.hasKeptConnection());
      assert.ok(!(await person.element("chat-input").isEditable()));
      await person.seesMore();
    }
    await ada.press("stop");
    await bob.reads("headline", "They left");
    await bob.press("start");
    await bob.reads("status", /^You are /);
  });

  test("by an orderly end says so, and does not end a call either", async () => {
    const [ada, bob] = await inACall();
    const next = await startPod();
    proxy.lead(next.port);
    const ended = pod.stop("SIGTERM");
    await ada.told("draining");
    assert.equal(await ended, 0, "the pod went in order");
    pod = next;
    await Promise.all([ada, bob].map((person) => person.reads("link", "Online")));
    await Promise.all([ada.seesMore(), bob.seesMore()]);
    assert.ok(await ada.hasKeptConnection());
  });

  async function opens() {
    const person = await openPage(proxy.url);
    people.push(person);
    return person;
  }

  async function inACall() {
    people = await meet(proxy.url);
    await Promise.all(people.map((person) => person.keepConnection()));
    return people;
  }

  /** A new pod at the same address, that knows nothing of the old one. */
  async function another() {
    pod = await startPod();
    proxy.lead(pod.port);
  }
});

describe("what was sent into a dead network", () => {
  let pod, proxy, ada, bob, since;

  before(async () => {
    pod = await startPod(WATCHFUL);
  });

  beforeEach(async () => {
    proxy = await startProxy(pod.port);
    [ada, bob] = await meet([proxy.url, pod.url]);
    await ada.keepConnection();
    since = Date.now();
    proxy.stall();
  });

  afterEach(async () => {
    await closeAll(ada, bob);
    proxy.close();
  });

  after(() => pod?.stop());

  test("is negotiated again: the same call goes on over new ends", async () => {
    const before = await Promise.all([ada.fragment(), bob.fragment()]);
    await ada.page.evaluate(() => window.chat.pc.restartIce());
    await ada.page.waitForFunction(() => window.chat.pc.signalingState === "have-local-offer", undefined, { polling: 20 });
    await isCutOff();
    await Promise.all([ada.hasNewEnds(before[0]), bob.hasNewEnds(before[1])]);
    assert.ok(await ada.hasKeptConnection());
    await Promise.all([ada.reads("status", /^Connected/), bob.reads("status", /^Connected/)]);
    await Promise.all([ada.seesMore(), bob.seesMore()]);
  });

  test("is wanted still: Stop ends the match as soon as it can be told", async () => {
    await ada.press("stop");
    await isCutOff();
    assert.equal((await bob.told("peer_disconnected", since)).payload.reason, "left");
    await bob.reads("headline", "They left");
    assert.equal((await ada.state()).phase, "idle");
    assert.ok(await ada.element("local-video").isHidden());
  });

  test("is wanted still: Next goes on as soon as it can be told", async () => {
    await ada.press("next");
    await isCutOff();
    assert.equal((await bob.told("peer_disconnected", since)).payload.reason, "next");
    await ada.reads("status", /^You are /);
  });

  test("is said to be lost, when it was text", async () => {
    await ada.say("Can you read me?");
    await isCutOff();
    await ada.reads("chat-log", "It may not have arrived: the connection was lost");
  });

  /** The page has noticed, and gets a new connection. */
  async function isCutOff() {
    await ada.offline();
    proxy.restore();
    await ada.told("session", since);
    await ada.online();
  }
});
