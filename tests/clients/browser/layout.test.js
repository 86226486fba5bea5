import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import axe from "axe-core";
import { closeAll, openPage } from "./browser.js";
import { startPod } from "./pod.js";

const SCREENS = {
  desktop: { viewport: { width: 1280, height: 800 } },
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true },
  small: { viewport: { width: 320, height: 568 }, isMobile: true, hasTouch: true },
  sideways: { viewport: { width: 844, height: 390 }, isMobile: true, hasTouch: true },
};
const RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** A finger's width, as WCAG 2.5.5 has it for what is pressed most. */
const FINGER = 44;

describe("the page", () => {
  let pod;

  before(async () => {
    pod = await startPod();
  });

  after(() => pod?.stop());

  for (const [screen, options] of Object.entries(SCREENS)) {
    for (const colorScheme of ["dark", "light"]) {
      test(`fits a ${screen} screen and is readable in ${colorScheme}, in each of its states`, async (t) => {
        const ada = await openPage(pod.url, { ...options, colorScheme });
        t.after(() => closeAll(ada));
        const check = (state) => isInOrder(ada, `${screen}-${colorScheme}-${state}`);
        await check("idle");
        await ada.press("start");
        await ada.reads("status", /^You are /);
        await check("waiting");
        const bob = await openPage(pod.url, { query: { media: "canvas" } });
        t.after(() => closeAll(bob));
        await bob.press("start");
        await Promise.all([ada.phase("connected"), bob.phase("connected")]);
        await bob.say("Hello there! Where are you from?");
        await ada.say(`A small town by the sea. ${"Donaudampfschifffahrt".repeat(6)}`);
        await bob.reads("chat-log", "small town");
        await ada.seesMore();
        await check("connected");
        assert.ok(await inSight(ada, ["next", "stop", "status"]), "what is needed most needs no scrolling");
        if (screen === "phone" || screen === "desktop") {
          assert.ok(await inSight(ada, ["chat-input", "report", "microphone"]), "nor does the chat");
        }
        await ada.press("report");
        await check("asked");
        await ada.press("cancel");
        await bob.press("stop");
        await ada.reads("headline", "They left");
        await check("ended");
        await ada.press("stop");
        await ada.opens("wishes");
        await ada.opens("devices");
        await check("settings");
      });
    }
  }

  test("says in either light what to do without a camera", async (t) => {
    for (const colorScheme of ["dark", "light"]) {
      for (const screen of ["desktop", "phone"]) {
        const ada = await openPage(pod.url, { ...SCREENS[screen], colorScheme, camera: "denied" });
        t.after(() => closeAll(ada));
        await ada.press("start");
        await ada.reads("notice", "refused");
        await isInOrder(ada, `${screen}-${colorScheme}-refused`);
      }
    }
  });

  test("is dark or light as the system is, until someone chooses, who finds it so the next time", async (t) => {
    const ada = await openPage(pod.url, { colorScheme: "light" });
    t.after(() => closeAll(ada));
    const light = await ground(ada);
    await ada.press("theme");
    const dark = await ground(ada);
    assert.ok(brightness(dark) < 60 && brightness(light) > 200, `${dark} ${light}`);
    await ada.page.reload();
    await ada.ready();
    assert.equal(await ground(ada), dark);
    await ada.page.emulateMedia({ colorScheme: "dark" });
    await ada.press("theme");
    assert.equal(await ground(ada), light);
  });

  test("keeps still for those who want it to", async (t) => {
    const [lively, calm] = await Promise.all([openPage(pod.url), openPage(pod.url, { reducedMotion: "reduce" })]);
    t.after(() => closeAll(lively, calm));
    for (const [person, moves] of [[lively, true], [calm, false]]) {
      await person.wishes({ region: moves ? "here" : "there" });
      await person.press("start");
      await person.reads("status", /^You are /);
      assert.equal(await person.page.evaluate(() => document.getAnimations().length > 0), moves);
      await person.press("stop");
    }
  });

  /** No sideways scrolling, nothing that assistive technology would stumble over, and buttons that fingers hit. */
  async function isInOrder(person, name) {
    const { page } = person;
    if (process.env.SCREENSHOTS) {
      mkdirSync(process.env.SCREENSHOTS, { recursive: true });
      await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`), fullPage: true });
    }
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(wide, 0, `${name} scrolls sideways by ${wide} px`);
    await page.evaluate(axe.source);
    const { violations } = await page.evaluate((tags) => window.axe.run({ runOnly: tags }), RULES);
    assert.deepEqual(violations.flatMap(complaints), [], name);
    assert.deepEqual(await page.evaluate(smallButtons, FINGER), [], `${name} has buttons too small to hit`);
  }
});

function complaints({ id, nodes }) {
  return nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`);
}

function smallButtons(finger) {
  return [...document.querySelectorAll("button, select, summary")]
    .map((element) => ({ name: element.id || element.textContent.trim(), box: element.getBoundingClientRect() }))
    .filter(({ box }) => box.width > 0 && (box.height < finger || box.width < finger))
    .map(({ name, box }) => `${name}: ${Math.round(box.width)}x${Math.round(box.height)}`);
}

async function inSight(person, names) {
  const { height } = person.page.viewportSize();
  const boxes = await Promise.all(names.map((name) => person.element(name).boundingBox()));
  return boxes.every((box) => box !== null && box.y >= 0 && box.y + box.height <= height);
}

function ground(person) {
  return person.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
}

function brightness(color) {
  return Math.max(...color.match(/\d+/g).map(Number));
}
