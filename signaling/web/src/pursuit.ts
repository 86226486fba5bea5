// Bringing about what the person wants: asks the service for it, and asks again where the connection was lost, the
// answer never came or the service was too busy. What was asked is never assumed to have arrived.

import type { Ack, Criteria, Failure } from "./contract";

/** Where the session stands, as far as the service has told. */
export type Standing = { state: "idle" } | { state: "waiting" } | { state: "matched"; matchId: string | undefined };

type Wish =
  /** To be left alone. */
  | { kind: "rest" }
  /** To meet someone new. `stale`: the service has other criteria. */
  | { kind: "company"; criteria: Criteria; stale: boolean }
  /** To stay with whom they have met. */
  | { kind: "stay" };

export type Request =
  | { event: "find_match"; payload: Criteria }
  | { event: "next_match"; payload: Criteria & { matchId: string } }
  | { event: "cancel_match"; payload: Record<string, never> }
  | { event: "leave_match"; payload: { matchId?: string } };

export interface Service {
  /** Sends a request; `answered` is not called when the connection breaks before the answer. */
  ask(request: Request, answered: (ack: Ack) => void): void;
  /** The service refuses for good. */
  refused(failure: Failure): void;
}

/** How long to wait after a refusal that passes, where the service does not say. */
const PATIENCE_MS = 1_000;

export class Pursuit {
  private wish: Wish = { kind: "rest" };
  /** Unknown while there is no connection. */
  private standing: Standing | undefined;
  /** The last match that the person was in, or is. */
  private last: string | undefined;
  private asked: Request | undefined;
  /** Answers to what was asked over an earlier connection mean nothing. */
  private connection = 0;
  private pausedUntil = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly service: Service) {}

  /** The person wants to be left alone. */
  rest(): void {
    this.wish = { kind: "rest" };
    this.pursue();
  }

  /** The person wants to meet someone; someone else than now, if they are in a match. */
  meet(criteria: Criteria): void {
    this.wish = { kind: "company", criteria, stale: true };
    this.pursue();
  }

  /** Whether a match that was found is what the person wants. If so, it is kept from now on. */
  accepts(matchId: string): boolean {
    this.standing = { state: "matched", matchId };
    const wanted = this.wish.kind === "stay" || (this.wish.kind === "company" && this.last !== matchId);
    if (wanted) {
      this.wish = { kind: "stay" };
      this.last = matchId;
    } else {
      this.pursue();
    }
    return wanted;
  }

  /** The service has told where the session stands. */
  stands(standing: Standing): void {
    this.standing = standing;
    this.pursue();
  }

  /** The wait or the match is over, and not by this person's will: they are asked before anything else is tried. */
  over(): void {
    this.wish = { kind: "rest" };
    if (this.standing) {
      this.stands({ state: "idle" });
    }
  }

  /** A new connection: the service says where the session stands. */
  connected(standing: Standing): void {
    this.forget();
    this.stands(standing);
  }

  /** The connection is gone. */
  disconnected(): void {
    this.forget();
    this.standing = undefined;
  }

  /** The service wants to be asked less often. */
  pause(ms: number): void {
    this.pausedUntil = Math.max(this.pausedUntil, Date.now() + ms);
  }

  private forget(): void {
    this.connection += 1;
    this.asked = undefined;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private pursue(): void {
    if (this.asked || this.timer !== undefined) {
      return;
    }
    const request = this.standing && needed(this.wish, this.standing, this.last);
    if (!request) {
      return;
    }
    const wait = this.pausedUntil - Date.now();
    if (wait > 0) {
      this.timer = setTimeout(() => {
        this.timer = undefined;
        this.pursue();
      }, wait);
      return;
    }
    this.ask(request);
  }

  private ask(request: Request): void {
    const { connection } = this;
    this.asked = request;
    if (this.wish.kind === "company") {
      this.wish.stale = false;
    }
    this.service.ask(request, (ack) => {
      if (connection === this.connection) {
        this.asked = undefined;
        this.answered(request, ack);
      }
    });
  }

  private answered(request: Request, ack: Ack): void {
    if (ack.ok) {
      const seeks = request.event === "find_match" || request.event === "next_match";
      return this.stands({ state: seeks ? "waiting" : "idle" });
    }
    switch (ack.error.code) {
      case "not_matched":
        // That match was over before; a search that was meant to follow it is still wanted.
        return this.stands({ state: "idle" });
      case "already_matched":
        // A match was found in the meantime; that it was is told by `match_found`, which came before this answer.
        return this.stands(this.standing?.state === "matched" ? this.standing : { state: "matched", matchId: undefined });
      case "rate_limited":
      case "unavailable":
      case "draining":
      case "internal":
        this.pause(PATIENCE_MS);
        return this.pursue();
      default:
        this.wish = { kind: "rest" };
        this.service.refused(ack.error);
    }
  }
}

/** What has to be asked for, for a wish to come true from where the session stands. `last`: the last known match. */
function needed(wish: Wish, standing: Standing, last: string | undefined): Request | undefined {
  switch (wish.kind) {
    case "stay":
      return undefined;
    case "rest":
      return unwanted(standing);
    case "company":
      return company(wish, standing, last);
  }
}

function unwanted(standing: Standing): Request | undefined {
  switch (standing.state) {
    case "idle":
      return undefined;
    case "waiting":
      return { event: "cancel_match", payload: {} };
    case "matched": {
      const { matchId } = standing;
      return { event: "leave_match", payload: matchId === undefined ? {} : { matchId } };
    }
  }
}

function company(wish: Wish & { kind: "company" }, standing: Standing, last: string | undefined): Request | undefined {
  if (standing.state === "matched") {
    // The known match is the one that the person wants to leave; of a new one `match_found` tells.
    const { matchId } = standing;
    const known = matchId !== undefined && matchId === last;
    return known ? { event: "next_match", payload: { ...wish.criteria, matchId } } : undefined;
  }
  const find = standing.state === "idle" || wish.stale;
  return find ? { event: "find_match", payload: wish.criteria } : undefined;
}
