// STUN and TURN servers, and credentials that a TURN server with the same secret accepts.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe, it } from "node:test";
import { startPod } from "./pod.js";
import { matched, Person } from "./person.js";

const TURN = {
  TURN_URLS: "turn:turn.example.com:3478,turns:turn.example.com:5349?transport=tcp",
  TURN_SECRET: "new secret,old secret",
  TURN_TTL_SECONDS: "600",
  STUN_URLS: "stun:stun.example.com",
};

/** As coturn checks them with `use-auth-secret`: the time of expiry, and the name's HMAC. */
function assertAccepted({ username, credential }) {
  const [expires, name] = username.split(":");
  const left = Number(expires) - Date.now() / 1000;
  assert.ok(left > 570 && left <= 601, `good for ${left} s`);
  assert.ok(name.length > 0);
  assert.equal(credential, createHmac("sha1", "new secret").update(username).digest("base64"));
}

describe("ICE servers", () => {
  it("come with a match, and fresh ones whenever they are asked for", async () => {
    const pod = await startPod(TURN);
    const [a, b] = await matched(pod.url);
    const lists = [a.found.iceServers, b.found.iceServers, (await a.does("ice_servers")).iceServers];
    for (const servers of lists) {
      assert.deepEqual(servers[0], { urls: ["stun:stun.example.com"] });
      assert.deepEqual(servers[1].urls, TURN.TURN_URLS.split(","));
      assertAccepted(servers[1]);
      assert.equal(servers.length, 2);
    }
    assert.notEqual(lists[0][1].username, lists[1][1].username, "nobody shares credentials");
    a.emit("ice_servers");
    assertAccepted((await a.next("ice_servers")).iceServers[1]);
  });

  it("are a public STUN server by default, or none at all", async () => {
    const person = await Person.join((await startPod()).url);
    const { iceServers } = await person.does("ice_servers");
    assert.deepEqual(iceServers, [{ urls: ["stun:stun.l.google.com:19302"] }]);
    const other = await Person.join((await startPod({ STUN_URLS: "" })).url);
    assert.deepEqual(await other.does("ice_servers"), { ok: true, iceServers: [] });
  });
});
