// The page's conversation with the service: what is asked for, what is told, and the call that comes of it.

import { io, type Socket } from "socket.io-client";
import { Call } from "./call";
import type { Ack, ClientEvents, Criteria, Description, MatchFound, ServerEvents, Session } from "./contract";
import { START, next, type Ending, type Happening, type State } from "./state";

/** What the page wants to hear of. */
export interface ChatListener {
  changed(state: State): void;
  said(text: string): void;
  remote(stream: MediaStream | null): void;
  matched(): void;
  trouble(text: string): void;
}

export class Chat {
  readonly socket: Socket<ServerEvents, ClientEvents>;
  state: State = START;
  call: Call | undefined;
  private local = new MediaStream();
  private servers: RTCIceServer[] = [];

  constructor(
    private readonly listener: ChatListener,
    transports: string[] | undefined,
  ) {
    this.socket = io({ ...(transports && { transports }) });
    this.listen();
  }

  /** The picture and sound that calls are made with. */
  setLocal(local: MediaStream): void {
    this.local = local;
    void this.call?.replace(local);
  }

  find(criteria: Criteria): void {
    this.happen({ kind: "searching" });
    this.socket.emit("find_match", criteria, this.ended("stopped"));
  }

  next(criteria: Criteria): void {
    this.hangUp();
    this.happen({ kind: "searching" });
    this.socket.emit("next_match", criteria, this.ended("stopped"));
  }

  stop(): void {
    const event = this.state.matchId === undefined ? "cancel_match" : "leave_match";
    this.hangUp();
    this.happen({ kind: "ended", ending: "stopped" });
    // A match may have been found in the meantime: then it is left.
    this.socket.emit(event, (ack) => {
      if (!ack.ok && ack.error.code === "already_matched") {
        this.socket.emit("leave_match", () => undefined);
      }
    });
  }

  say(text: string, failed: (reason: string) => void): void {
    const { matchId } = this.state;
    if (matchId === undefined) {
      return failed("nobody is there");
    }
    this.socket.timeout(10_000).emit("chat_message", { matchId, text }, (late, ack) => {
      if (late) {
        failed("no answer");
      } else if (!ack.ok) {
        failed(ack.error.message);
      }
    });
  }

  /** Blocking ends the match; the other side is told that this one left. */
  block(reason: string): void {
    this.hangUp();
    this.happen({ kind: "ended", ending: "stopped" });
    this.socket.emit("block_peer", { ...(reason && { reason }) }, this.complain);
  }

  report(reason: string): void {
    this.socket.emit("report_peer", { ...(reason && { reason }) }, this.complain);
  }

  private listen(): void {
    const { socket } = this;
    socket.on("connect", () => this.happen({ kind: "online" }));
    socket.on("disconnect", (reason) => {
      this.happen({ kind: "offline" });
      if (reason === "io server disconnect") {
        this.listener.trouble("This session was opened in another tab. Reload to start a new one here.");
      }
    });
    socket.on("session", (session) => this.session(session));
    socket.on("waiting", (waiting) => this.happen({ kind: "waiting", waiting }));
    socket.on("match_found", (match) => this.found(match));
    socket.on("match_timeout", () => this.happen({ kind: "ended", ending: "nobody" }));
    socket.on("webrtc_offer", (description) => this.describe(description));
    socket.on("webrtc_answer", (description) => this.describe(description));
    socket.on("webrtc_ice_candidate", (candidate) => this.of(candidate.matchId)?.takeCandidate(candidate));
    socket.on("chat_message", ({ matchId, text }) => {
      if (matchId === this.state.matchId) {
        this.listener.said(text);
      }
    });
    socket.on("peer_disconnected", ({ matchId, reason }) => this.end(reason, matchId));
    socket.on("peer_reconnecting", ({ matchId }) => this.happen({ kind: "partner", away: true, matchId }));
    socket.on("peer_resumed", ({ matchId, renegotiate }) => {
      this.happen({ kind: "partner", away: false, matchId });
      if (renegotiate) {
        this.of(matchId)?.restart();
      }
    });
    socket.on("ice_servers", ({ iceServers }) => this.call?.setServers(iceServers));
    socket.on("rate_limited", ({ retryAfterMs }) => {
      this.listener.trouble(`Slow down a little: try again in ${Math.ceil(retryAfterMs / 1000)} s.`);
    });
    socket.on("error", ({ message }) => this.listener.trouble(message));
  }

  /** After every connect: what the service knows of this session. */
  private session(session: Session): void {
    if (session.state === "matched") {
      if (session.renegotiate && session.matchId !== undefined) {
        this.of(session.matchId)?.restart();
      }
    } else if (this.state.matchId !== undefined || (session.state === "idle" && this.state.phase === "waiting")) {
      // The match or the place in the queue did not outlast the time away.
      if (!session.resumed) {
        this.end("lost");
      }
    }
  }

  private found(match: MatchFound): void {
    if (this.call?.matchId === match.matchId) {
      return;
    }
    this.hangUp();
    this.happen({ kind: "found", matchId: match.matchId });
    this.listener.matched();
    this.servers = match.iceServers;
    if (match.criteria.mode !== "text") {
      this.open(match.matchId, match.initiator);
    }
  }

  private open(matchId: string, initiator: boolean): void {
    const { socket } = this;
    this.call = new Call(matchId, initiator, this.servers, this.local, {
      describe: ({ type, sdp }) => {
        socket.emit(type === "answer" ? "webrtc_answer" : "webrtc_offer", { matchId, type, sdp }, this.complain);
      },
      candidate: (candidate) => socket.emit("webrtc_ice_candidate", { matchId, ...candidate }, this.complain),
      remote: (stream) => this.listener.remote(stream),
      media: (up, route) => this.happen({ kind: "media", up, ...(route && { route }) }),
      report: (report) => socket.emit("ice_state", { matchId, ...report }),
    });
  }

  private describe(description: Description): void {
    this.of(description.matchId)?.takeDescription(description);
  }

  private of(matchId: string): Call | undefined {
    return this.call?.matchId === matchId ? this.call : undefined;
  }

  private end(ending: Ending, matchId?: string): void {
    if (matchId === undefined || matchId === this.state.matchId) {
      this.hangUp();
    }
    this.happen({ kind: "ended", ending, ...(matchId !== undefined && { matchId }) });
  }

  private hangUp(): void {
    this.call?.close();
    this.call = undefined;
    this.listener.remote(null);
  }

  private happen(happening: Happening): void {
    this.state = next(this.state, happening);
    this.listener.changed(this.state);
  }

  private ended(ending: Ending): (ack: Ack) => void {
    return (ack) => {
      if (!ack.ok) {
        this.listener.trouble(ack.error.message);
        this.happen({ kind: "ended", ending });
      }
    };
  }

  private readonly complain = (ack: Ack): void => {
    // A signal for a match that has just ended is nobody's fault.
    if (!ack.ok && ack.error.code !== "not_matched") {
      this.listener.trouble(ack.error.message);
    }
  };
}
