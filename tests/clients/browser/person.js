// Someone at the page: what they press, what they see, and what their browser knows.

import assert from "node:assert/strict";

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
      if (["warning", "error"].includes(line.type()) && !/net::|Failed to load resource|WebSocket/.test(line.text())) {
        this.faults.push(line.text());
      }
    });
  }

  /** The page is there and connected, and notes from now on what the service tells it. */
  async ready() {
    await this.page.waitForFunction(() => window.chat?.socket.connected, undefined, { polling: 50 });
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

  /** Waits for words in one of the page's places. */
  async reads(name, words) {
    await this.element(name).filter({ hasText: words }).waitFor();
    return this.element(name).innerText();
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

  /** Remembers the connection of the call, to ask later whether it is still the same one. */
  keepConnection() {
    return this.page.evaluate(() => {
      window.kept = window.chat.pc;
    });
  }

  async hasKeptConnection() {
    return this.page.evaluate(() => window.kept !== undefined && window.kept === window.chat.pc);
  }

  async close() {
    assert.deepEqual(this.faults, [], "the page has thrown");
    await this.page.context().close();
  }
}
