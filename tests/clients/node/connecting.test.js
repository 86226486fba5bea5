// The ways to connect that the stock client has, and the bundle for <script> users.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { before, describe, it } from "node:test";
import { createContext, runInContext } from "node:vm";
import { io } from "socket.io-client";
import { startPod } from "./pod.js";
import { matched, meet, Person } from "./person.js";

const require = createRequire(import.meta.url);
const { WebSocket } = require("ws");

describe("The client bundle", () => {
  let pod;
  before(async () => (pod = await startPod()));

  it("is served to <script> users of any origin, and connects", async () => {
    const response = await fetch(`${pod.url}/socket.io/socket.io.js`);
    assert.equal(response.status, 200);
    assert.match(response.headers.get("content-type"), /javascript/);
    assert.equal(response.headers.get("cross-origin-resource-policy"), "cross-origin");
    const page = { WebSocket, setTimeout, clearTimeout, console, URL, location: new URL(pod.url) };
    const window = createContext(Object.assign(page, { self: page, window: page }));
    runInContext(await response.text(), window);
    const socket = window.io({ transports: ["websocket"] });
    const session = await new Promise((resolve) => socket.on("session", resolve));
    assert.equal(session.sessionId, socket.id);
    const ack = await new Promise((resolve) => socket.emit("ice_servers", resolve));
    assert.equal(ack.ok, true);
    socket.disconnect();
  });

  it("is there in every form that socket.io has, and not sent twice", async () => {
    for (const name of ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.js.map"]) {
      const response = await fetch(`${pod.url}/socket.io/${name}`);
      assert.equal(response.status, 200, name);
      await response.text();
      const headers = { "If-None-Match": response.headers.get("etag") };
      assert.equal((await fetch(`${pod.url}/socket.io/${name}`, { headers })).status, 304, name);
    }
  });
});

describe("A client", () => {
  let pod;
  before(async () => (pod = await startPod()));

  it("upgrades by itself, and goes on without a gap while it does", async () => {
    const [a, b] = [new Person(pod.url), new Person(pod.url)];
    const upgraded = [a, b].map(({ socket }) => new Promise((resolve) => socket.io.engine.once("upgrade", resolve)));
    for (const person of [a, b]) {
      person.session = await person.next("session");
      await person.does("find_match");
    }
    await meet(a, b);
    for (let n = 0; n < 19; n++) a.emit("chat_message", { text: `${n}` });
    const got = await b.several(19, "chat_message");
    assert.deepEqual(
      got.map(({ body }) => body.text),
      Array.from({ length: 19 }, (_, n) => `${n}`),
    );
    for (const { name } of await Promise.all(upgraded)) assert.equal(name, "websocket");
  });

  it("may stay with polling, or remember that it upgraded", async () => {
    const stays = await Person.join(pod.url, { upgrade: false });
    await stays.does("ice_servers");
    assert.equal(stays.socket.io.engine.transport.name, "polling");
    const options = { rememberUpgrade: true };
    const first = await Person.join(pod.url, options);
    const { engine } = first.socket.io;
    if (engine.transport.name !== "websocket") await new Promise((resolve) => engine.once("upgrade", resolve));
    engine.close();
    await first.next("session");
    assert.equal(first.socket.io.engine.transport.name, "websocket", "straight away, the second time");
  });

  it("shares one connection among sockets, or has one for each", async () => {
    const options = { transports: ["websocket"] };
    const one = io(pod.url, options);
    const elsewhere = io(`${pod.url}/elsewhere`, options);
    const apart = io(pod.url, { ...options, forceNew: true });
    assert.equal(one.io, elsewhere.io);
    assert.notEqual(one.io, apart.io);
    const error = await new Promise((resolve) => elsewhere.on("connect_error", resolve));
    assert.equal(error.message, "Invalid namespace");
    for (const socket of [one, apart]) if (!socket.connected) await new Promise((resolve) => socket.on("connect", resolve));
    assert.notEqual(one.id, apart.id);
    for (const socket of [one, elsewhere, apart]) socket.disconnect();
  });

  it("may ask for compression, binary as base64, retries, and other paths to the same", async () => {
    for (const options of [
      { transports: ["websocket"], perMessageDeflate: { threshold: 0 } },
      { transports: ["polling"], forceBase64: true },
      { transports: ["polling"], timestampRequests: true, timestampParam: "when" },
      { retries: 3, ackTimeout: 20_000 },
      { addTrailingSlash: false },
      { path: "/socket.io" },
      { query: { room: "7", b: "ü&=" }, extraHeaders: { "X-Own": "1" }, withCredentials: true },
      { tryAllTransports: true, autoUnref: true },
    ]) {
      const [a, b] = await matched(pod.url, options);
      a.socket.compress(true).emit("chat_message", { text: "z".repeat(3_000) });
      assert.equal((await b.next("chat_message")).text.length, 3_000, JSON.stringify(options));
      a.leave();
      b.leave();
    }
  });

  it("gets through where only one of the transports is served", async () => {
    for (const [served, other] of [
      ["websocket", "polling"],
      ["polling", "websocket"],
    ]) {
      const { url } = await startPod({ SOCKET_IO_TRANSPORTS: served });
      await matched(url, { tryAllTransports: true, transports: [other, served] });
      const hopeless = new Person(url, { transports: [other] });
      assert.ok((await hopeless.next("connect_error")) instanceof Error);
    }
  });

  it("that stays away from the namespace is not in anybody's way", async () => {
    const person = new Person(pod.url, { autoConnect: false });
    person.socket.io.open();
    await new Promise((resolve) => person.socket.io.once("open", resolve));
    person.sawNo("session");
    person.socket.connect();
    await person.next("session");
  });
});
