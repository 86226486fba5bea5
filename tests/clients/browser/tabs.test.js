import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { io } from "socket.io-client";
import { closeAll, meet, openPage } from "./browser.js";
import { Person } from "./person.js";
import { startPod } from "./pod.js";

describe("a second tab", () => {
  let pod;

  before(async () => {
    pod = await startPod();
  });

  after(() => pod?.stop());

  test("that is a duplicate of the first is someone else, and the two can meet", async (t) => {
    const ada = await openPage(pod.url);
    t.after(() => closeAll(ada));
    await ada.press("start");
    await ada.reads("status", /^You are /);
    const [page] = await Promise.all([
      ada.page.waitForEvent("popup"),
      ada.page.evaluate(() => {
        // Copies the tab's storage, as "Duplicate tab" does.
        window.open(location.href);
      }),
    ]);
    const twin = new Person(page);
    await twin.ready();
    assert.equal(await ada.page.evaluate(() => window.chat.socket.connected), true, "the first keeps its session");
    await twin.press("start");
    await Promise.all([ada.phase("connected"), twin.phase("connected")]);
    const ids = await Promise.all([ada, twin].map((person) => person.page.evaluate(() => window.chat.socket.id)));
    assert.notEqual(ids[0], ids[1]);
    await Promise.all([ada.seesMore(), twin.seesMore()]);
    assert.deepEqual(twin.faults, []);
  });

  test("that takes the session over ends the call in the first, which says so and begins anew on demand", async (t) => {
    const [ada, bob] = await meet(pod.url);
    t.after(() => closeAll(ada, bob));
    const token = await ada.page.evaluate(() => window.chat.socket._pid);
    const since = Date.now();
    const thief = io(pod.url, { auth: { resume: token }, forceNew: true });
    t.after(() => thief.close());
    const session = await new Promise((resolve) => thief.once("session", resolve));
    assert.equal(session.state, "matched");
    await ada.reads("headline", "Open in another tab");
    await ada.reads("link", "Offline");
    assert.equal(await ada.page.evaluate(() => window.chat.pc), undefined);
    const told = await bob.page.evaluate((at) => window.told.filter((note) => note.at >= at).map(({ event }) => event), since);
    assert.ok(!told.includes("peer_disconnected"), "the match has changed hands, not ended");

    await ada.press("start");
    await ada.page.waitForFunction(() => window.chat?.socket.connected, undefined, { polling: 50 });
    await ada.ready();
    await ada.press("start");
    await ada.reads("status", /^You are /);
    assert.equal(thief.connected, true, "and leaves the other tab alone");
  });
});
