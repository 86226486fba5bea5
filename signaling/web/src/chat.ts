// The page's conversation with the service: what is asked for, what is told, and the call that comes of it.

import { io, type Socket } from "socket.io-client";
import { Call, type CallEvents } from "./call";
import type { Ack, ClientEvents, Criteria, Failure, MatchFound, ServerEvents, Session } from "./contract";
import { Pursuit } from "./pursuit";
import { refusal } from "./refusal";
import { Signals } from "./signals";
import { START, next, type Ending, type Happening, type State } from "./state";

/** What the page wants to hear of. */
export interface ChatListener {
  changed(state: State): void;
  said(text: string): void;
  remote(stream: MediaStream | null): void;
  matched(criteria: Criteria): void;
  trouble(text: string): void;
}

/** How to come to the service. */
export interface Access {
  transports?: string[];
  /** Who the person is, where the service asks for it: a JWT. */
  token?: string;
  /** The session that this page had before it was loaded. A reconnect is recovered by Socket.IO itself. */
  resume?: string;
}

/** Emits what a union has paired: its events with their payloads. */
type Emit = (event: string, payload: unknown, answered: (ack: Ack) => void) => void;

/** When to start a negotiation over whose signals were refused. */
const START_OVER_MS = 2_000;
const MANY_FAILURES = 2;
const ANSWER_TIMEOUT_MS = 10_000;

export class Chat {
  readonly socket: Socket<ServerEvents, ClientEvents>;
  state: State = START;
  call: Call | undefined;
  /** What brings this session back. */
  resumeToken: string | undefined;
  private readonly pursuit: Pursuit;
  /** Connection attempts that failed in a row. */
  private failures = 0;
  private signals: Signals | undefined;
  private startingOver: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly listener: ChatListener,
    /** The picture and sound that a call is made with. */
    private readonly local: (criteria: Criteria) => MediaStream,
    { transports, ...auth }: Access,
  ) {
    this.socket = io({ ...(transports && { transports }), auth });
    this.pursuit = new Pursuit({
      ask: (request, answered) => {
        (this.socket.emit as Emit).call(this.socket, request.event, request.payload, answered);
      },
      refused: (failure) => {
        this.finish("error");
        this.listener.trouble(failure.message);
      },
    });
    this.listenToLink();
    this.listenToMatching();
    this.listenToPartner();
  }

  /** The person is asked for camera and microphone. */
  asking(): void {
    this.happen({ kind: "asking" });
  }

  /** They were asked in vain. */
  resting(): void {
    this.happen({ kind: "resting" });
  }

  /** Looks for someone; for someone else, if there is a partner. */
  find(criteria: Criteria): void {
    this.hangUp();
    this.happen({ kind: "searching" });
    this.pursuit.meet(criteria);
  }

  /** Other criteria than those that were sent; only a search that is under way takes them. */
  refine(criteria: Criteria): void {
    if (this.state.phase === "waiting") {
      this.pursuit.meet(criteria);
    }
  }

  stop(ending: Ending = "stopped"): void {
    this.finish(ending);
    this.pursuit.rest();
  }

  say(text: string, failed: (reason: string) => void): void {
    const { matchId, detached } = this.state;
    if (matchId === undefined || detached) {
      return failed("Not sent: nobody is there.");
    }
    this.socket.timeout(ANSWER_TIMEOUT_MS).emit("chat_message", { matchId, text }, (late, ack) => {
      if (late) {
        failed("It may not have arrived: the connection was lost.");
      } else if (!ack.ok) {
        failed(`Not sent: ${ack.error.message}.`);
      }
    });
  }

  /** Blocking ends the match; the other side is told that this one left. */
  block(matchId: string, reason: string): Promise<Failure | undefined> {
    if (this.state.matchId === matchId) {
      this.stop("blocked");
    }
    return this.judge("block_peer", matchId, reason);
  }

  report(matchId: string, reason: string): Promise<Failure | undefined> {
    return this.judge("report_peer", matchId, reason);
  }

  private judge(event: "block_peer" | "report_peer", matchId: string, reason: string): Promise<Failure | undefined> {
    const silence: Failure = { code: "unavailable", message: "the service did not answer" };
    return new Promise((resolve) => {
      this.socket.timeout(ANSWER_TIMEOUT_MS).emit(event, { matchId, ...(reason && { reason }) }, (late, ack) => {
        resolve(late ? silence : ack.ok ? undefined : ack.error);
      });
    });
  }

  private listenToLink(): void {
    const { socket } = this;
    socket.on("disconnect", (reason) => {
      this.pursuit.disconnected();
      this.signals?.hold();
      if (reason === "io server disconnect") {
        // Another tab has taken the session over, with its match. This one will not take it back.
        this.resumeToken = undefined;
        this.finish("replaced");
        this.happen({ kind: "link", link: "replaced" });
      } else {
        this.happen({ kind: "link", link: "lost" });
      }
    });
    socket.on("connect_error", (error) => {
      this.failures += 1;
      // One attempt fails now and then; several in a row, or the first of all, mean that nobody is there.
      if (this.state.link === "connecting" || this.failures >= MANY_FAILURES || !socket.active) {
        this.happen({ kind: "link", link: refusal(error, !socket.active) });
      }
      if (!socket.active) {
        this.finish("refused");
      }
    });
    socket.on("session", (session) => this.session(session));
    socket.on("draining", () => this.happen({ kind: "link", link: "draining" }));
    socket.on("rate_limited", ({ scope, retryAfterMs }) => this.limited(scope, retryAfterMs));
    socket.on("error", (failure) => this.failed(failure));
  }

  private listenToMatching(): void {
    const { socket } = this;
    socket.on("waiting", (waiting) => this.happen({ kind: "waiting", waiting }));
    socket.on("match_found", (match) => this.found(match));
    socket.on("match_timeout", () => {
      if (this.state.phase === "waiting") {
        this.over("nobody");
      }
    });
    socket.on("peer_disconnected", ({ matchId, reason }) => {
      if (matchId === this.state.matchId) {
        this.over(reason);
      }
    });
    socket.on("peer_reconnecting", ({ matchId }) => this.happen({ kind: "partner", away: true, matchId }));
    socket.on("peer_resumed", ({ matchId, renegotiate }) => {
      this.happen({ kind: "partner", away: false, matchId });
      if (renegotiate) {
        this.of(matchId)?.renegotiate();
      }
    });
  }

  private listenToPartner(): void {
    const { socket } = this;
    socket.on("webrtc_offer", (description) => this.of(description.matchId)?.takeDescription(description));
    socket.on("webrtc_answer", (description) => this.of(description.matchId)?.takeDescription(description));
    socket.on("webrtc_ice_candidate", (candidate) => this.of(candidate.matchId)?.takeCandidate(candidate));
    socket.on("ice_servers", ({ iceServers }) => this.call?.setServers(iceServers));
    socket.on("chat_message", ({ matchId, text }) => {
      if (matchId === this.state.matchId) {
        this.listener.said(text);
      }
    });
  }

  /** After every connect: what the service knows of this session. */
  private session({ state, matchId, resumed, renegotiate, resumeToken }: Session): void {
    this.resumeToken = resumeToken;
    this.failures = 0;
    this.happen({ kind: "link", link: "online" });
    const mine = this.state.matchId;
    if (mine !== undefined && !resumed) {
      this.forgotten();
    } else if (mine !== undefined && mine === matchId) {
      this.signals?.resume(renegotiate === true);
      if (renegotiate) {
        this.of(mine)?.renegotiate();
      }
    }
    this.pursuit.connected(state === "matched" ? { state, matchId } : { state });
  }

  /** The service knows nothing of the match any more. A call that stands goes on: it never needed the service. */
  private forgotten(): void {
    if (this.call?.established) {
      this.pursuit.rest();
      this.signals?.end();
      this.happen({ kind: "detached" });
    } else {
      this.over("lost");
    }
  }

  private found(match: MatchFound): void {
    if (!this.pursuit.accepts(match.matchId) || this.state.matchId === match.matchId) {
      return;
    }
    this.hangUp();
    this.happen({ kind: "found", matchId: match.matchId });
    if (match.criteria.mode !== "text") {
      this.open(match);
    }
    this.listener.matched(match.criteria);
  }

  /** Browsers without calls, and services with addresses that no browser takes, leave text. */
  private open({ matchId, initiator, iceServers, criteria }: MatchFound): void {
    try {
      this.call = new Call(matchId, initiator, iceServers, this.local(criteria), this.callEvents(matchId));
    } catch (error) {
      this.listener.trouble(`Your browser could not make a call: ${String(error)}`);
    }
  }

  private callEvents(matchId: string): CallEvents {
    const { socket } = this;
    const signals = this.signalsOf(matchId);
    this.signals = signals;
    return {
      describe: (description) => {
        const event = description.type === "answer" ? "webrtc_answer" : "webrtc_offer";
        signals.send({ event, payload: { matchId, ...description } });
      },
      candidate: (candidate) => signals.send({ event: "webrtc_ice_candidate", payload: { matchId, ...candidate } }),
      remote: (stream) => this.listener.remote(stream),
      pictured: (pictured) => this.happen({ kind: "pictured", pictured }),
      connected: (route) => this.happen({ kind: "connected", ...(route && { route }) }),
      trouble: (trouble) => {
        if (this.state.detached && trouble === "failed") {
          this.over("broken");
        } else {
          this.happen({ kind: "trouble", trouble });
        }
      },
      hungUp: () => {
        // The service tells, and why; unless it has forgotten the match.
        if (this.state.detached) {
          this.over("left");
        }
      },
      report: (report) => {
        if (this.state.online && !this.state.detached) {
          socket.emit("ice_state", { matchId, ...report });
        }
      },
    };
  }

  private signalsOf(matchId: string): Signals {
    return new Signals({
      emit: ({ event, payload }, answered) => {
        (this.socket.emit as Emit).call(this.socket, event, payload, answered);
      },
      refused: (failure) => {
        // A signal for a match that has just ended is nobody's fault. Any other is missing on the other side: both start
        // over, once there is time to breathe.
        if (failure.code !== "not_matched") {
          console.warn("signal refused:", failure);
          clearTimeout(this.startingOver);
          this.startingOver = setTimeout(() => this.of(matchId)?.restart(), START_OVER_MS);
        }
      },
    });
  }

  private limited(scope: string, retryAfterMs: number): void {
    if (scope === "match") {
      this.pursuit.pause(retryAfterMs);
    }
    const seconds = Math.max(1, Math.ceil(retryAfterMs / 1000));
    this.listener.trouble(`Not so fast: the service wants ${seconds === 1 ? "a second" : `${seconds} seconds`} of patience.`);
  }

  /** What the service could not do, and nobody waited for an answer to. */
  private failed({ code, message }: Failure): void {
    if (code === "unavailable" && this.state.phase === "waiting") {
      this.over("busy");
    } else {
      this.listener.trouble(message);
    }
  }

  private of(matchId: string): Call | undefined {
    return this.call?.matchId === matchId ? this.call : undefined;
  }

  /** The wait or the match has ended, and the service knows. */
  private over(ending: Ending): void {
    this.finish(ending);
    this.pursuit.over();
  }

  private finish(ending: Ending): void {
    this.hangUp();
    this.happen({ kind: "ended", ending });
  }

  private hangUp(): void {
    clearTimeout(this.startingOver);
    this.signals?.end();
    this.signals = undefined;
    this.call?.close();
    this.call = undefined;
    this.listener.remote(null);
  }

  private happen(happening: Happening): void {
    this.state = next(this.state, happening);
    this.listener.changed(this.state);
  }
}
