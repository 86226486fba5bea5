import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, test } from "node:test";
import { closeAll, openPage } from "./browser.js";
import { startPod } from "./pod.js";

describe("who is not let in", () => {
  test("for want of room is told so, and gets in when there is some", async (t) => {
    const pod = await startPod({ CLUSTER_WORKERS: "1", MAX_CONNECTIONS_PER_WORKER: "1" });
    const ada = await openPage(pod.url);
    const bob = await openPage(pod.url, { unready: true });
    t.after(async () => {
      await closeAll(ada, bob);
      await pod.stop();
    });
    await bob.reads("link", "Service busy");
    await bob.reads("status", "The service is full just now");
    await bob.press("start");
    await bob.reads("status", "We go on looking as soon as it has room");
    await ada.page.close();
    await bob.reads("link", "Online");
    await bob.reads("status", /^You are /);
  });

  test("for want of a name is told so, and who has one gets in", async (t) => {
    const secret = "a secret of more than thirty-two bytes, for a test";
    const pod = await startPod({ AUTH_JWT_SECRET: secret });
    const bob = await openPage(pod.url, { unready: true });
    const ada = await openPage(pod.url, { fragment: `token=${token("ada", secret)}` });
    t.after(async () => {
      await closeAll(ada, bob);
      await pod.stop();
    });
    await bob.reads("link", "Not signed in");
    await bob.reads("headline", "Who are you?");
    await ada.reads("link", "Online");
    await ada.press("start");
    assert.match(await ada.reads("status", /^You are /), /next/);
  });
});

function token(sub, secret) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = `${encode({ alg: "HS256", typ: "JWT" })}.${encode({ sub, exp: Math.floor(Date.now() / 1000) + 600 })}`;
  return `${claims}.${createHmac("sha256", secret).update(claims).digest("base64url")}`;
}
