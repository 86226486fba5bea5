import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import axe from "axe-core";
import { closeAll, openPage } from "./browser.js";
import { startPod } from "./pod.js";

const SCREENS = {
  desktop: { width: 1280, height: 800 },
  phone: { width: 390, height: 844 },
  small: { width: 320, height: 568 },
  sideways: { width: 844, height: 390 },
};
/** What a person must be able to reach in a call without scrolling; on a small screen the rest is close by. */
const IN_SIGHT = {
  small: ["next", "stop", "status", "local-video"],
  others: ["next", "stop", "status", "local-video", "microphone", "report", "chat-input"],
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

  describe("fits every screen, and is readable in either light", () => {
    let ada, bob;

    before(async () => {
      ada = await openPage(pod.url, { isMobile: true, hasTouch: true });
    });

    after(() => closeAll(ada, bob));

    test("before a call", async () => {
      await isInOrder(ada, "idle");
      await ada.press("start");
      await ada.reads("status", /^You are /);
      await isInOrder(ada, "waiting");
    });

    test("in a call", async () => {
      bob = await openPage(pod.url, { query: { media: "canvas" } });
      await bob.press("start");
      await Promise.all([ada.phase("connected"), bob.phase("connected")]);
      await bob.say("Hello there! Where are you from?");
      await ada.say(`A small town by the sea. ${"Donaudampfschifffahrt".repeat(6)}`);
      await bob.reads("chat-log", "small town");
      await ada.seesMore();
      await isInOrder(ada, "connected", async (screen) => {
        const hidden = await outOfSight(ada, IN_SIGHT[screen] ?? IN_SIGHT.others);
        assert.deepEqual(hidden, [], `out of sight on a ${screen} screen`);
      });
      await ada.press("report");
      await isInOrder(ada, "asked");
      await ada.press("cancel");
    });

    test("after a call", async () => {
      await bob.press("stop");
      await ada.reads("headline", "They left");
      await isInOrder(ada, "ended");
      await ada.press("stop");
      await ada.opens("wishes");
      await ada.opens("devices");
      await isInOrder(ada, "settings");
    });

    test("without a camera", async (t) => {
      const eve = await openPage(pod.url, { camera: "denied" });
      t.after(() => closeAll(eve));
      await eve.press("start");
      await eve.reads("notice", "refused");
      await isInOrder(eve, "refused");
    });
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

  /** On each screen and in either light: no sideways scrolling, buttons that fingers hit, nothing that axe objects to. */
  async function isInOrder({ page }, state, also = () => undefined) {
    for (const [screen, size] of Object.entries(SCREENS)) {
      await page.setViewportSize(size);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.equal(wide, 0, `${state} scrolls sideways by ${wide} px on a ${screen} screen`);
      assert.deepEqual(await page.evaluate(smallButtons, FINGER), [], `${state} on a ${screen} screen: too small to hit`);
      await also(screen);
      for (const colorScheme of ["dark", "light"]) {
        await page.emulateMedia({ colorScheme });
        await keepPicture(page, `${screen}-${colorScheme}-${state}`);
        if (screen === "desktop" || screen === "phone") {
          await page.evaluate(axe.source);
          const { violations } = await page.evaluate((tags) => window.axe.run({ runOnly: tags }), RULES);
          assert.deepEqual(violations.flatMap(complaints), [], `${state} on a ${screen} screen, ${colorScheme}`);
        }
      }
    }
  }
});

async function keepPicture(page, name) {
  if (process.env.SCREENSHOTS) {
    mkdirSync(process.env.SCREENSHOTS, { recursive: true });
    await page.screenshot({ path: join(process.env.SCREENSHOTS, `${name}.png`), fullPage: true });
  }
}

function complaints({ id, nodes }) {
  return nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`);
}

function smallButtons(finger) {
  return [...document.querySelectorAll("button, select, summary")]
    .map((element) => ({ name: element.id || element.textContent.trim(), box: element.getBoundingClientRect() }))
    .filter(({ box }) => box.width > 0 && (box.height < finger || box.width < finger))
    .map(({ name, box }) => `${name}: ${Math.round(box.width)}x${Math.round(box.height)}`);
}

/** Which of these one has to scroll to. */
async function outOfSight(person, names) {
  const { height } = person.page.viewportSize();
  const boxes = await Promise.all(names.map((name) => person.element(name).boundingBox()));
  return names.filter((_, index) => !boxes[index] || boxes[index].y < 0 || boxes[index].y + boxes[index].height > height);
}

function ground(person) {
  return person.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
}

function brightness(color) {
  return Math.max(...color.match(/\d+/g).map(Number));
}
