import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Ack } from "../src/contract";
import { Pursuit, type Request } from "../src/pursuit";

/** A service that notes what it is asked, and answers when it is told to. */
class Service {
  readonly asked: Request[] = [];
  readonly refusals: string[] = [];
  private answers: ((ack: Ack) => void)[] = [];
  readonly pursuit = new Pursuit({
    ask: (request, answered) => {
      this.asked.push(request);
      this.answers.push(answered);
    },
    refused: ({ code }) => this.refusals.push(code),
  });

  get events(): string[] {
    return this.asked.map(({ event }) => event);
  }

  ok(): void {
    this.answers.shift()?.({ ok: true });
  }

  refuse(code: string): void {
    this.answers.shift()?.({ ok: false, error: { code, message: code } });
  }

  /** Takes the person through to a match. */
  match(matchId: string): void {
    this.pursuit.meet({});
    this.ok();
    this.pursuit.accepts(matchId);
  }
}

describe("what the person wants", () => {
  let service: Service;
  let pursuit: Pursuit;

  beforeEach(() => {
    vi.useFakeTimers();
    service = new Service();
    pursuit = service.pursuit;
    pursuit.connected({ state: "idle" });
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  test("is asked for once", () => {
    pursuit.meet({ language: "en" });
    service.ok();
    pursuit.stands({ state: "waiting" });
    expect(service.asked).toEqual([{ event: "find_match", payload: { language: "en" } }]);
  });

  test("is asked for as soon as there is a connection", () => {
    pursuit.disconnected();
    pursuit.meet({});
    expect(service.asked).toEqual([]);
    pursuit.connected({ state: "idle" });
    expect(service.events).toEqual(["find_match"]);
  });

  test("is asked for again when the question was lost with the connection", () => {
    pursuit.meet({});
    pursuit.disconnected();
    pursuit.connected({ state: "idle" });
    expect(service.events).toEqual(["find_match", "find_match"]);
  });

  test("is not asked for again when the place in the queue outlasted the connection", () => {
    pursuit.meet({});
    service.ok();
    pursuit.disconnected();
    pursuit.connected({ state: "waiting" });
    expect(service.events).toEqual(["find_match"]);
  });

  test("takes new criteria to the same place in the queue", () => {
    pursuit.meet({});
    service.ok();
    pursuit.meet({ region: "eu" });
    expect(service.asked[1]).toEqual({ event: "find_match", payload: { region: "eu" } });
  });

  test("leaves a match that was found when the person had already stopped", () => {
    pursuit.meet({});
    service.ok();
    pursuit.rest();
    expect(service.events).toEqual(["find_match", "cancel_match"]);
    expect(pursuit.accepts("m")).toBe(false);
    service.refuse("already_matched");
    expect(service.asked[2]).toEqual({ event: "leave_match", payload: { matchId: "m" } });
  });

  test("leaves the match that the person has stopped while the connection was away", () => {
    service.match("m");
    pursuit.disconnected();
    pursuit.rest();
    pursuit.connected({ state: "matched", matchId: "m" });
    expect(service.asked.at(-1)).toEqual({ event: "leave_match", payload: { matchId: "m" } });
  });

  test("goes on to the next one, also from a match that was left without connection", () => {
    service.match("m");
    pursuit.disconnected();
    pursuit.meet({});
    pursuit.connected({ state: "matched", matchId: "m" });
    expect(service.asked.at(-1)).toEqual({ event: "next_match", payload: { matchId: "m" } });
    service.ok();
    expect(pursuit.accepts("n")).toBe(true);
  });

  test("is not another search when the match ends from the other side", () => {
    service.match("m");
    pursuit.over();
    expect(service.events).toEqual(["find_match"]);
  });

  test("is tried again when the service wants patience, so that nobody is left in a call that looks over", () => {
    service.match("m");
    pursuit.meet({});
    pursuit.pause(2_500);
    service.refuse("rate_limited");
    vi.advanceTimersByTime(2_400);
    expect(service.events).toEqual(["find_match", "next_match"]);
    vi.advanceTimersByTime(200);
    expect(service.events).toEqual(["find_match", "next_match", "next_match"]);
  });

  test("is searched for even when the match to leave was over already", () => {
    service.match("m");
    pursuit.meet({});
    service.refuse("not_matched");
    expect(service.events).toEqual(["find_match", "next_match", "find_match"]);
  });

  test("is given up when the service can make nothing of it", () => {
    pursuit.meet({});
    service.refuse("invalid_payload");
    expect(service.refusals).toEqual(["invalid_payload"]);
    expect(service.events).toEqual(["find_match"]);
  });

  test("is not confused by an answer from before", () => {
    pursuit.meet({});
    pursuit.disconnected();
    pursuit.connected({ state: "idle" });
    service.ok();
    pursuit.stands({ state: "idle" });
    expect(service.events).toEqual(["find_match", "find_match"]);
  });
});
