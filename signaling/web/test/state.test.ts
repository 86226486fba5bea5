import { describe, expect, test } from "vitest";
import { START, next, type Ending, type Happening, type State } from "../src/state";
import { duration, headline, status, title } from "../src/words";

function after(...happenings: Happening[]): State {
  return happenings.reduce(next, START);
}

const online: Happening = { kind: "link", link: "online" };
const lost: Happening = { kind: "link", link: "lost" };
const searching: Happening = { kind: "searching" };
const waiting: Happening = { kind: "waiting", waiting: { position: 1, estimatedWaitMs: 4_200, timeoutMs: 60_000 } };
const found: Happening = { kind: "found", matchId: "m" };
const connected: Happening = { kind: "connected", route: "srflx" };

describe("the state", () => {
  test("goes from asking over searching, waiting and connecting to connected", () => {
    expect(after(online, { kind: "asking" }).phase).toBe("asking");
    expect(after(online, searching).phase).toBe("waiting");
    expect(after(online, searching, waiting).waiting).toMatchObject({ position: 1 });
    expect(after(online, searching, waiting, found).phase).toBe("connecting");
    expect(after(online, searching, found, connected)).toMatchObject({ phase: "connected", route: "srflx" });
  });

  test("keeps the call when signaling is lost, and when the same match is told again", () => {
    const call = after(online, searching, found, connected, lost, online, found);
    expect(call).toMatchObject({ phase: "connected", matchId: "m", online: true });
  });

  test("ignores what concerns another match", () => {
    expect(after(online, found, { kind: "ended", ending: "left", matchId: "other" }).matchId).toBe("m");
    expect(after(online, found, { kind: "partner", away: true, matchId: "other" }).partnerAway).toBe(false);
  });

  test("takes a place in the queue only while it is searching", () => {
    expect(after(online, found, waiting).phase).toBe("connecting");
    expect(after(online, waiting).phase).toBe("idle");
  });

  test("says nothing of a call without a match", () => {
    expect(after(online, connected).phase).toBe("idle");
    expect(after(online, { kind: "trouble", trouble: "failed" }).trouble).toBeUndefined();
  });

  test("keeps the picture in sight while the call is interrupted, and not once it has failed", () => {
    const call = [online, found, connected] as const;
    expect(after(...call, { kind: "trouble", trouble: "interrupted" }).phase).toBe("connected");
    expect(after(...call, { kind: "trouble", trouble: "failed" }).phase).toBe("connecting");
    expect(after(...call, { kind: "trouble", trouble: "failed" }, connected).trouble).toBeUndefined();
  });

  test("remembers the last partner, to block or to report them, until the next search", () => {
    const left = after(online, found, { kind: "ended", ending: "left" });
    expect(left.met).toBe("m");
    expect(next(left, searching).met).toBeUndefined();
    expect(after(online, searching, { kind: "ended", ending: "nobody" }).met).toBeUndefined();
  });

  test("keeps a call that the service has forgotten, whose partner nobody can report any more", () => {
    const call = after(online, found, connected, { kind: "detached" });
    expect(call).toMatchObject({ phase: "connected", detached: true });
    expect(next(call, { kind: "ended", ending: "broken" }).met).toBeUndefined();
  });
});

describe("the words", () => {
  test("tell the place, the estimate and the way", () => {
    expect(status(after(online, searching, waiting), "video")).toBe("You are next, about 4 seconds.");
    expect(status(after(online, found, connected), "video")).toContain("router");
    expect(status(after(online, found, { kind: "connected", route: "relay" }), "video")).toContain("TURN");
    expect(status(after(online, found), "text")).toContain("text");
  });

  test("say what goes on while the service is away", () => {
    const away: Happening = { kind: "link", link: "unreachable" };
    expect(status(after(away), "video")).toContain("cannot be reached");
    const busy: Happening = { kind: "link", link: "busy" };
    expect(status(after(busy), "video")).toContain("full just now");
    expect(status(after(busy, searching), "video")).toContain("We go on looking");
    expect(status(after(online, searching, waiting, lost), "video")).toContain("your place is kept");
    expect(status(after(lost, searching), "video")).not.toContain("place");
    expect(status(after(online, found, connected, lost), "video")).toContain("your call goes on");
    expect(status(after(online, found, connected, { kind: "detached" }), "video")).toContain("Your call goes on");
  });

  test("say what is wrong with the call", () => {
    for (const [trouble, words] of [["slow", "taking long"], ["interrupted", "interrupted"], ["failed", "no call"]] as const) {
      expect(status(after(online, found, { kind: "trouble", trouble }), "video")).toContain(words);
    }
    expect(status(after(online, found, { kind: "partner", away: true, matchId: "m" }), "video")).toContain("They are reconnecting");
  });

  test("have a sentence, a headline and a title for each ending", () => {
    const endings: Ending[] = [
      "left", "next", "timeout", "error", "nobody", "busy", "lost", "broken", "replaced", "blocked", "stopped", "refused", "reloaded",
    ];
    const said = endings.map((ending) => {
      const state = after({ kind: "ended", ending });
      expect(headline(state, "video")[0].length).toBeGreaterThan(3);
      expect(title(state)).toContain("Parlour");
      return status(state, "video");
    });
    expect(new Set(said).size).toBe(endings.length);
  });

  test("name what will be seen or heard", () => {
    const call = after(online, found, connected);
    expect(headline(call, "audio")[1]).toContain("voice");
    expect(headline(call, "text")[1]).toContain("chat");
    expect(headline(call, "video")[1]).toContain("no picture");
  });

  test("round durations as people do", () => {
    expect([200, 1_000, 12_300, 60_000, 150_000].map(duration)).toEqual([
      "a second", "a second", "12 seconds", "a minute", "3 minutes",
    ]);
  });
});
