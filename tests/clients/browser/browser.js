// The browser of all tests, and the people who sit before it.

import assert from "node:assert/strict";
import { after } from "node:test";
import { chromium } from "playwright-core";
import { PATIENCE, Person } from "./person.js";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
  // Two pages in one window: the one behind must go on as if someone looked at it.
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
  // Host candidates bear addresses, for there is no multicast DNS to look names up with.
  "--disable-features=WebRtcHideLocalIpsWithMdns",
  // As everywhere but in a browser without a window: no sound before a page was touched.
  "--autoplay-policy=document-user-activation-required",
  // A name that is not localhost: its pages get no camera over plain HTTP.
  "--host-resolver-rules=MAP insecure.test 127.0.0.1",
];

/** Machines by what they have: a camera and a microphone, or a microphone alone. */
const machines = {
  ordinary: ["--use-fake-device-for-media-stream"],
  cameraless: ["--use-fake-device-for-media-stream=device-count=0"],
};
const launched = new Map();

/** One browser for all tests; each person has a profile of their own in it. */
function browser(machine) {
  if (!launched.has(machine)) {
    const args = [...FLAGS, ...machines[machine]];
    launched.set(machine, chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args }));
  }
  return launched.get(machine);
}

after(async () => {
  for (const opened of launched.values()) {
    await (await opened).close();
  }
});

/**
 * Opens the page for someone, and waits until it is connected unless it is to stay `unready`. `query` and `fragment` go
 * into the address; `camera` says what the browser answers when the page asks for the camera, `machine` what it has for
 * one; `setUp` is run in the page before its own scripts; before `until` is true nobody touches the page; all else goes
 * to the browser's context.
 */
export async function openPage(url, wanted = {}) {
  const { query = {}, fragment = "", camera = "granted", machine = "ordinary", setUp, until, unready, ...options } = wanted;
  const context = await (await browser(machine)).newContext(options);
  context.setDefaultTimeout(PATIENCE);
  if (camera === "granted") {
    await context.grantPermissions(["camera", "microphone"], { origin: new URL(url).origin });
  }
  if (setUp) {
    await context.addInitScript(setUp);
  }
  const page = await context.newPage();
  const person = new Person(page);
  await page.goto(`${url}/?${new URLSearchParams(query)}#${fragment}`);
  if (until) {
    await person.untouched(until);
  }
  if (!unready) {
    await person.ready();
  }
  return person;
}

/** Closes the pages of everybody who is still there, and only then says what was wrong with them. */
export async function closeAll(...people) {
  const faults = await Promise.all(people.map((person) => person?.close() ?? []));
  assert.deepEqual(faults.flat(), [], "a page has complained");
}

/** Two people who have found each other, each by an address of their own where two are given. */
export async function meet(urls, options = {}) {
  const [one, other = one] = [urls].flat();
  const pair = await Promise.all([openPage(one, options), openPage(other, options)]);
  await Promise.all(pair.map((person) => person.press("start")));
  await Promise.all(pair.map((person) => person.phase("connected")));
  return pair;
}
