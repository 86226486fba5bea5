// The browser of all tests, and the people who sit before it.

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
  "--use-fake-device-for-media-stream",
  // Two pages in one window: the one behind must go on as if someone looked at it.
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
  // Host candidates bear addresses, for there is no multicast DNS to look names up with.
  "--disable-features=WebRtcHideLocalIpsWithMdns",
];

let launched;

/** One browser for all tests; each person has a profile of their own in it. */
function browser() {
  launched ??= chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
  return launched;
}

after(async () => {
  await (await launched)?.close();
});

/**
 * Opens the page for someone. `query` goes into the address; `camera` says what the browser answers when the page asks
 * for the camera; `setUp` is run in the page before its own scripts; all else goes to the browser's context.
 */
export async function openPage(url, { query = {}, camera = "granted", setUp, ...options } = {}) {
  const context = await (await browser()).newContext(options);
  context.setDefaultTimeout(PATIENCE);
  if (camera === "granted") {
    await context.grantPermissions(["camera", "microphone"], { origin: new URL(url).origin });
  }
  if (setUp) {
    await context.addInitScript(setUp);
  }
  const page = await context.newPage();
  const person = new Person(page);
  await page.goto(`${url}/?${new URLSearchParams(query)}`);
  await person.ready();
  return person;
}

/** Two people who have found each other, each by an address of their own where two are given. */
export async function meet(urls, options = {}) {
  const [one, other = one] = [urls].flat();
  const pair = await Promise.all([openPage(one, options), openPage(other, options)]);
  await Promise.all(pair.map((person) => person.press("start")));
  await Promise.all(pair.map((person) => person.phase("connected")));
  return pair;
}
