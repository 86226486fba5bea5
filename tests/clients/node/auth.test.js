// Who may connect, where clients have to show a JWT.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { before, describe, it } from "node:test";
import { startPod } from "./pod.js";
import { Wire } from "./wire.js";
import { match, Person, TRANSPORTS } from "./person.js";

const SECRET = "a secret of at least thirty-two bytes";
const now = () => Math.floor(Date.now() / 1000);

/** A JWT signed with HMAC-SHA256. */
function jwt(claims, secret = SECRET, alg = "HS256") {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg, typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
}

const user = (sub, exp = now() + 60) => jwt({ sub, exp, aud: "chat", iss: "us" });

for (const [transport, options] of Object.entries(TRANSPORTS)) {
  describe(`A pod that asks for a token, by ${transport}`, () => {
    let pod;
    before(async () => {
      pod = await startPod({ AUTH_JWT_SECRET: SECRET, AUTH_JWT_AUDIENCE: "chat", AUTH_JWT_ISSUER: "us" });
    });

    const refused = async (auth) => {
      const person = new Person(pod.url, { ...options, auth });
      const error = await person.next("connect_error");
      assert.equal(person.socket.active, false, "the client does not try again");
      person.sawNo("session");
      return error;
    };

    it("lets in who has a good one, and matches different users", async () => {
      const [a, b] = await Promise.all(
        ["ann", "bob"].map((sub) => Person.join(pod.url, { ...options, auth: { token: user(sub) } })),
      );
      await match(a, b);
    });

    it("refuses all others with unauthorized", async () => {
      const claims = { sub: "eve", exp: now() + 60, aud: "chat", iss: "us" };
      const bad = {
        missing: undefined,
        "not a token": "token",
        "of another secret": jwt(claims, "some other secret of thirty-two bytes"),
        expired: user("eve", now() - 3600),
        "not yet good": jwt({ ...claims, nbf: now() + 3600 }),
        "for another audience": jwt({ ...claims, aud: "mail" }),
        "of another issuer": jwt({ ...claims, iss: "them" }),
        unsigned: jwt(claims, SECRET, "none").replace(/\.[^.]*$/, "."),
        "of nobody": jwt({ ...claims, sub: undefined }),
      };
      for (const [what, token] of Object.entries(bad)) {
        const error = await refused({ token });
        assert.match(`${error.message} ${error.data?.code}`, /unauthorized/, what);
      }
      assert.match((await refused(undefined)).message, /unauthorized/);
    });
  });
}

describe("A user", () => {
  it("never meets their own second session", async () => {
    const pod = await startPod({ AUTH_JWT_SECRET: SECRET, MATCH_TIMEOUT_MS: "1500" });
    const auth = { token: jwt({ sub: "ann", exp: now() + 60 }) };
    const sessions = await Promise.all([Person.join(pod.url, { auth }), Person.join(pod.url, { auth })]);
    for (const session of sessions) await session.does("find_match");
    for (const session of sessions) {
      await session.next("match_timeout");
      session.sawNo("match_found");
    }
  });

  it("comes back to a live session with a token that has expired meanwhile, and nobody else does", async () => {
    const pod = await startPod({ AUTH_JWT_SECRET: SECRET });
    const wire = await Wire.to(pod.url);
    const token = (sub, exp) => jwt({ sub, exp });
    const person = await Person.join(wire.url, { auth: { token: token("ann", now() + 60), recovery: true } });
    wire.cut();
    await person.event("disconnect");
    person.socket.auth = { token: token("ann", now() - 600), recovery: true };
    wire.mend();
    assert.equal((await person.next("session")).resumed, true);
    const { resumeToken } = person.session;
    const thief = await Person.join(pod.url, { auth: { token: token("eve", now() + 60), resume: resumeToken } });
    assert.equal(thief.session.resumed, false);
    await person.does("ice_servers");
  });
});
