// One person on a stock client: records what comes in, in order, and waits for what a test expects.
import assert from "node:assert/strict";
import { afterEach } from "node:test";
import { io } from "socket.io-client";

/** The ways for a client to connect. */
export const TRANSPORTS = {
  polling: { transports: ["polling"] },
  websocket: { transports: ["websocket"] },
  upgrade: {},
};

/** How long a test waits for what must come. Far longer than it takes: a busy machine fails no test. */
const PATIENCE_MS = 30_000;

const open = new Set();
afterEach(() => {
  for (const person of open) person.leave();
});

export class Person {
  /** Connects; `options` are those of socket.io-client. */
  constructor(url, options = {}) {
    this.seen = [];
    this.waiting = [];
    this.socket = io(url, { forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200, ...options });
    this.socket.onAny((name, ...args) => this.#record({ name, args, body: args[0] }));
    this.socket.on("connect", () => this.#record({ name: "connect" }));
    this.socket.on("connect_error", (error) => this.#record({ name: "connect_error", body: error }));
    this.socket.on("disconnect", (reason) => this.#record({ name: "disconnect", body: reason }));
    open.add(this);
  }

  /** Connects and waits for the session. */
  static async join(url, options) {
    const person = new Person(url, options);
    person.session = await person.next("session");
    return person;
  }

  #record(event) {
    this.seen.push(event);
    const index = this.waiting.findIndex(({ names }) => names.includes(event.name));
    if (index >= 0) {
      event.taken = true;
      this.waiting.splice(index, 1)[0].resolve(event);
    }
  }

  /** The next event of one of these names that no test has taken yet. */
  event(...names) {
    const found = this.seen.find((event) => !event.taken && names.includes(event.name));
    if (found) {
      found.taken = true;
      return Promise.resolve(found);
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`no ${names.join(" or ")} came; seen: ${this.names()}`)),
        PATIENCE_MS,
      );
      this.waiting.push({ names, resolve: (event) => (clearTimeout(timer), resolve(event)) });
    });
  }

  /** The first argument of the next event of this name. */
  async next(name) {
    return (await this.event(name)).body;
  }

  /** The next `count` events of these names, in order. */
  async several(count, ...names) {
    const events = [];
    while (events.length < count) events.push(await this.event(...names));
    return events;
  }

  /** What came last, for messages. */
  names() {
    return this.seen
      .slice(-20)
      .map(({ name, taken }) => (taken ? name : `${name}*`))
      .join(" ");
  }

  /** That no event of this name has come which no test has taken: asked after a later event has come. */
  sawNo(name) {
    const stray = this.seen.find((event) => !event.taken && event.name === name);
    assert.equal(stray, undefined, `${name} came: ${JSON.stringify(stray?.args)}; seen: ${this.names()}`);
  }

  emit(...event) {
    this.socket.emit(...event);
  }

  /** Emits, and returns the acknowledgement. */
  ask(...event) {
    return this.socket.timeout(PATIENCE_MS).emitWithAck(...event);
  }

  /** Emits what must be acknowledged with `ok`. */
  async does(...event) {
    const ack = await this.ask(...event);
    assert.equal(ack.ok, true, `${event[0]}: ${JSON.stringify(ack)}`);
    return ack;
  }

  /** Emits what must be refused; the error. */
  async isRefused(code, ...event) {
    const { ok, error } = await this.ask(...event);
    assert.equal(ok, false, `${event[0]} was accepted`);
    assert.equal(error.code, code, JSON.stringify(error));
    assert.equal(typeof error.message, "string");
    return error;
  }

  leave() {
    open.delete(this);
    this.socket.disconnect();
  }
}

/** Two people in a match with each other, the initiator first, each with their `match_found` as `found`. */
export async function matched(url, options, criteria) {
  const [a, b] = await Promise.all([Person.join(url, options), Person.join(url, options)]);
  return match(a, b, criteria);
}

/** Matches two people who are connected; the initiator first. */
export async function match(a, b, criteria = {}) {
  await a.does("find_match", criteria);
  await b.does("find_match", criteria);
  return meet(a, b);
}

/** Waits for two people to be matched with each other; the initiator first. */
export async function meet(a, b) {
  [a.found, b.found] = await Promise.all([a.next("match_found"), b.next("match_found")]);
  assert.equal(a.found.matchId, b.found.matchId, "they are in the same match");
  assert.notEqual(a.found.initiator, b.found.initiator, "one side starts the call");
  return a.found.initiator ? [a, b] : [b, a];
}

/** A session description of a browser's form. */
export function description(type, ufrag = "abcd") {
  return { type, sdp: `v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\na=ice-ufrag:${ufrag}\r\na=ice-pwd:secret\r\n` };
}

/** The `n`-th candidate of the description with this ufrag. */
export function candidate(n, ufrag = "abcd") {
  return {
    candidate: `candidate:${n} 1 udp ${2122260223 - n} 192.0.2.1 ${50000 + n} typ host ufrag ${ufrag}`,
    sdpMLineIndex: 0,
    sdpMid: "0",
    usernameFragment: ufrag,
  };
}
