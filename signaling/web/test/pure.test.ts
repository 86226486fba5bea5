import { describe, expect, test } from "vitest";
import { criteriaOf } from "../src/criteria";
import { Negotiation } from "../src/negotiation";
import { START, next, type Happening, type State } from "../src/state";
import { duration, headline, status } from "../src/words";

function after(...happenings: Happening[]): State {
  return happenings.reduce(next, START);
}

const online: Happening = { kind: "online" };
const found: Happening = { kind: "found", matchId: "m" };

describe("the state", () => {
  test("goes from searching over waiting and connecting to connected", () => {
    const waiting = { position: 3, estimatedWaitMs: 12_000, timeoutMs: 60_000 };
    expect(after(online, { kind: "searching" }).phase).toBe("waiting");
    expect(after(online, { kind: "waiting", waiting }).waiting).toEqual(waiting);
    expect(after(online, found).phase).toBe("connecting");
    expect(after(online, found, { kind: "media", up: true, route: "relay" })).toMatchObject({
      phase: "connected",
      route: "relay",
    });
  });

  test("keeps the call when signaling is lost, and when the same match is told again", () => {
    const call = after(online, found, { kind: "media", up: true }, { kind: "offline" }, online, found);
    expect(call).toMatchObject({ phase: "connected", matchId: "m", online: true });
  });

  test("ignores what concerns another match", () => {
    const call = after(online, found, { kind: "ended", ending: "left", matchId: "other" });
    expect(call.matchId).toBe("m");
    expect(after(online, found, { kind: "partner", away: true, matchId: "other" }).partnerAway).toBe(false);
  });

  test("does not fall back to waiting once a match was found", () => {
    const waiting = { position: 1, estimatedWaitMs: 1, timeoutMs: 1 };
    expect(after(online, found, { kind: "waiting", waiting }).phase).toBe("connecting");
  });

  test("says nothing of media without a match", () => {
    expect(after(online, { kind: "media", up: true }).phase).toBe("idle");
  });
});

describe("the words", () => {
  test("tell the place, the estimate and the route", () => {
    const waiting = { position: 1, estimatedWaitMs: 4_200, timeoutMs: 60_000 };
    expect(status(after(online, { kind: "waiting", waiting }), false)).toBe("You are next, about 4 seconds.");
    expect(status(after(online, found, { kind: "media", up: true, route: "srflx" }), false)).toContain("router");
    expect(status(after(online, found, { kind: "media", up: true, route: "relay" }), false)).toContain("TURN");
    expect(status(after(online, found), true)).toContain("text");
  });

  test("say that the call goes on while signaling is away", () => {
    expect(status(after(online, found, { kind: "media", up: true }, { kind: "offline" }), false)).toContain("goes on");
    const away: Happening = { kind: "partner", away: true, matchId: "m" };
    expect(status(after(online, found, away), false)).toContain("They are reconnecting");
  });

  test("have a sentence for each ending", () => {
    for (const ending of ["left", "next", "timeout", "error", "nobody", "lost", "stopped"] as const) {
      expect(status(after({ kind: "ended", ending }), false).length).toBeGreaterThan(5);
    }
    expect(headline(START, false)[0]).not.toBe("");
  });

  test("round durations as people do", () => {
    expect([200, 1_000, 12_300, 60_000, 150_000].map(duration)).toEqual([
      "a second",
      "a second",
      "12 seconds",
      "a minute",
      "3 minutes",
    ]);
  });
});

describe("the criteria", () => {
  test("leave out what is empty", () => {
    expect(criteriaOf(new FormData())).toEqual({});
  });

  test("take at most ten interests, each once", () => {
    const form = new FormData();
    form.set("mode", "video");
    form.set("language", " en ");
    form.set("interests", `go, chess; go,, ${Array.from({ length: 20 }, (_, index) => `x${index}`).join(",")}`);
    const criteria = criteriaOf(form);
    expect(criteria).toMatchObject({ mode: "video", language: "en" });
    expect(criteria.interests).toHaveLength(10);
    expect(criteria.interests?.slice(0, 2)).toEqual(["go", "chess"]);
  });

  test("do not let in a mode that does not exist", () => {
    const form = new FormData();
    form.set("mode", "hologram");
    expect(criteriaOf(form)).toEqual({});
  });
});

describe("the negotiation", () => {
  const candidate = { candidate: "candidate:1", sdpMid: "0" };

  test("holds candidates until there is a description", () => {
    const negotiation = new Negotiation(true);
    expect(negotiation.admit(candidate)).toBe(false);
    expect(negotiation.receive("offer", "stable")).toBe("apply");
    expect(negotiation.applied()).toEqual([candidate]);
    expect(negotiation.admit(candidate)).toBe(true);
  });

  test("lets the polite side give way when both offer", () => {
    expect(new Negotiation(true).receive("offer", "have-local-offer")).toBe("apply");
    const impolite = new Negotiation(false);
    expect(impolite.receive("offer", "have-local-offer")).toBe("ignore");
    expect(impolite.forgives()).toBe(true);
  });

  test("ignores an answer that nobody waits for", () => {
    expect(new Negotiation(true).receive("answer", "stable")).toBe("ignore");
  });
});
