// The service's events, as the page uses them. The whole contract is in the project's README.

export type Mode = "video" | "audio" | "text";

export interface Criteria {
  mode?: Mode;
  language?: string;
  region?: string;
  interests?: string[];
}

export interface Session {
  sessionId: string;
  resumeToken: string;
  resumed: boolean;
  state: "idle" | "waiting" | "matched";
  matchId?: string;
  peerId?: string;
  initiator?: boolean;
  renegotiate?: boolean;
}

export interface Waiting {
  position: number;
  estimatedWaitMs: number;
  timeoutMs: number;
}

export interface MatchFound {
  matchId: string;
  peerId: string;
  initiator: boolean;
  iceServers: RTCIceServer[];
  criteria: Criteria;
}

export interface OfMatch {
  matchId: string;
}

export interface Failure {
  code: string;
  message: string;
  field?: string;
}

export type Ack = { ok: true; iceServers?: RTCIceServer[] } | { ok: false; error: Failure };

/** `round` is the page's own: the number of the offer that an answer is for. */
export type Description = OfMatch & { type: RTCSdpType; sdp?: string; round?: number };
export type Candidate = OfMatch & RTCIceCandidateInit;

export interface ServerEvents {
  session(session: Session): void;
  waiting(waiting: Waiting): void;
  match_found(match: MatchFound): void;
  match_timeout(timeout: { waitedMs: number }): void;
  webrtc_offer(description: Description): void;
  webrtc_answer(description: Description): void;
  webrtc_ice_candidate(candidate: Candidate): void;
  chat_message(message: OfMatch & { text: string }): void;
  peer_disconnected(end: OfMatch & { reason: "left" | "next" | "timeout" | "error" }): void;
  peer_reconnecting(match: OfMatch): void;
  peer_resumed(match: OfMatch & { renegotiate: boolean }): void;
  ice_servers(servers: { iceServers: RTCIceServer[] }): void;
  rate_limited(limit: { scope: string; retryAfterMs: number }): void;
  draining(drain: { reconnectInMs: number }): void;
  error(failure: Failure): void;
}

type WithAck<Payload> = (payload: Payload, ack: (ack: Ack) => void) => void;

export interface ClientEvents {
  find_match: WithAck<Criteria>;
  next_match: WithAck<Criteria & OfMatch>;
  cancel_match: WithAck<Record<string, never>>;
  leave_match: WithAck<Partial<OfMatch>>;
  webrtc_offer: WithAck<Description>;
  webrtc_answer: WithAck<Description>;
  webrtc_ice_candidate: WithAck<Candidate>;
  chat_message: WithAck<OfMatch & { text: string }>;
  ice_state: (report: OfMatch & IceReport) => void;
  block_peer: WithAck<OfMatch & { reason?: string }>;
  report_peer: WithAck<OfMatch & { reason?: string }>;
}

export interface IceReport {
  state: string;
  candidateType?: string;
  protocol?: string;
  rttMs?: number;
}
