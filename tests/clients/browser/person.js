// Someone at the page: what they press, what they see, and what their browser knows.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

/** How long anything may take on a machine that has much else to do. Nothing waits this long when all is well. */
export const PATIENCE = 40_000;

export class Person {
  /** What the page itself complained of. */
  faults = [];

  constructor(page) {
    this.page = page;
    page.on("pageerror", (error) => this.faults.push(String(error)));
    page.on("console", (line) => {
      // The network's own troubles are what the tests make; what the page warns of is not.
      if (["warning", "error"].includes(line.type()) && !/net::|Failed to load resource|WebSocket|untrustworthy|origin-keyed/.test(line.text())) {
        this.faults.push(line.text());
      }
    });
  }

  /** The page is there and connected, and notes from now on what the service tells it. */
  async ready() {
    await this.page.waitForFunction(() => window.chat?.socket?.connected, undefined, { polling: 50 });
    await this.page.evaluate(() => {
      window.told = [];
      window.chat.socket.onAny((event, payload) => window.told.push({ event, payload, at: Date.now() }));
    });
  }

  /** The signaling connection is up again. */
  online() {
    return this.page.waitForFunction(() => window.chat.state.online, undefined, { polling: 50 });
  }

  offline() {
    return this.page.waitForFunction(() => !window.chat.state.online, undefined, { polling: 50 });
  }

  /** Waits for something on the page without touching it: whatever else looks at it counts as a hand of the person's. */
  async untouched(condition) {
    const devtools = await this.page.context().newCDPSession(this.page);
    const deadline = Date.now() + PATIENCE;
    for (let met = false; !met; ) {
      assert.ok(Date.now() < deadline, condition);
      const { result } = await devtools.send("Runtime.evaluate", { expression: condition, returnByValue: true });
      met = result.value === true;
      await sleep(50);
    }
  }

  element(name) {
    return this.page.getByTestId(name);
  }

  press(name) {
    return this.element(name).click();
  }

  key(key) {
    return this.page.keyboard.press(key);
  }

  async say(text) {
    await this.element("chat-input").fill(text);
    await this.press("chat-send");
  }

  /** What has the keyboard's focus, by its name. */
  focus() {
    return this.page.evaluate(() => {
      const { activeElement: focused } = document;
      return focused.labels?.[0]?.textContent.trim() || focused.ariaLabel || focused.textContent.trim();
    });
  }

  /** Goes from one thing to the next until one of this name has the focus. */
  async tabTo(name, key = "Tab") {
    const passed = [];
    while (!name.test(await this.focus())) {
      assert.ok(passed.length < 40, `${key} leads past ${passed.join(" | ")}, and not to ${name}`);
      await this.key(key);
      passed.push((await this.focus()).slice(0, 24));
    }
  }

  /** Waits for words in one of the page's places. */
  async reads(name, words) {
    await this.element(name).filter({ hasText: words }).waitFor();
    return this.element(name).innerText();
  }

  /** Opens one of the settings' panels. */
  async opens(panel) {
    await this.element(panel).evaluate((details) => {
      details.open = true;
    });
  }

  /** Says whom they want to meet: a mode, and texts. */
  async wishes({ mode, ...texts }) {
    await this.opens("wishes");
    if (mode !== undefined) {
      await this.element("mode").selectOption(mode);
    }
    for (const [name, text] of Object.entries(texts)) {
      await this.element(name).fill(text);
      await this.element(name).blur();
    }
  }

  phase(wanted) {
    return this.page.waitForFunction((phase) => window.chat.state.phase === phase, wanted, { polling: 50 });
  }

  async state() {
    return this.page.evaluate(() => JSON.parse(JSON.stringify(window.chat.state)));
  }

  /** Waits until the service has told the page of `event`, counting from `since`; answers the note. */
  async told(event, since = 0) {
    const handle = await this.page.waitForFunction(
      ([name, at]) => window.told.find((note) => note.event === name && note.at >= at),
      [event, since],
      { polling: 50 },
    );
    return handle.jsonValue();
  }

  /** The names of all that the page was told, in order. */
  async history() {
    return this.page.evaluate(() => window.told.map(({ event }) => event));
  }

  frames() {
    return this.page.evaluate(() => window.chat.framesDecoded());
  }

  /** Waits until the browser has decoded `more` further frames of the partner's picture. */
  async seesMore(more = 5) {
    const before = await this.frames();
    const deadline = Date.now() + PATIENCE;
    let now = before;
    while (now < before + more) {
      assert.ok(Date.now() < deadline, `frames decoded went from ${before} to ${now} only`);
      await this.page.waitForTimeout(50);
      now = await this.frames();
    }
    return { before, after: now };
  }

  /** Waits until more sound of the partner has arrived. */
  async hearsMore() {
    const heard = () =>
      this.page.evaluate(async () => {
        const stats = [...(await window.chat.pc.getStats()).values()];
        return stats.find((entry) => entry.type === "inbound-rtp" && entry.kind === "audio")?.packetsReceived ?? 0;
      });
    const deadline = Date.now() + PATIENCE;
    const before = await heard();
    while ((await heard()) <= before) {
      assert.ok(Date.now() < deadline, "there is nothing to hear");
      await this.page.waitForTimeout(50);
    }
  }

  /** The kinds of what this side sends. */
  sends() {
    return this.page.evaluate(() => window.chat.pc.getSenders().flatMap(({ track }) => track?.kind ?? []).sort());
  }

  /** What tells this side's end of the call from the one before a renegotiation. */
  fragment() {
    return this.page.evaluate(() => /a=ice-ufrag:(\S+)/.exec(window.chat.pc.currentLocalDescription.sdp)[1]);
  }

  /** Waits until a renegotiation is done that has put another end in the place of `before`. */
  hasNewEnds(before) {
    return this.page.waitForFunction(
      (old) => window.chat.pc.signalingState === "stable" && !window.chat.pc.currentLocalDescription.sdp.includes(old),
      before,
      { polling: 50 },
    );
  }

  /** Remembers the connection of the call, to ask later whether it is still the same one. */
  keepConnection() {
    return this.page.evaluate(() => {
      window.kept = window.chat.pc;
    });
  }

  async hasKeptConnection() {
    return this.page.evaluate(() => window.kept !== undefined && window.kept === window.chat.pc);
  }

  /** Leaves, and answers what the page had to complain of. */
  async close() {
    await this.page.context().close();
    return this.faults;
  }
}
