// What the page shows, as a pure function of what has happened.

import type { Waiting } from "./contract";

export type Phase = "idle" | "waiting" | "connecting" | "connected";
export type Route = "host" | "srflx" | "prflx" | "relay";

export interface State {
  /** Whether the signaling connection is up. A call goes on without it. */
  online: boolean;
  phase: Phase;
  waiting?: Waiting;
  matchId?: string;
  route?: Route;
  /** The partner's signaling connection is lost, and waited for. */
  partnerAway: boolean;
  /** How the last wait or match ended. */
  ended?: Ending;
}

export type Ending = "left" | "next" | "timeout" | "error" | "nobody" | "lost" | "stopped";

export type Happening =
  | { kind: "online" }
  | { kind: "offline" }
  | { kind: "searching" }
  | { kind: "waiting"; waiting: Waiting }
  | { kind: "found"; matchId: string }
  | { kind: "media"; up: boolean; route?: Route }
  | { kind: "partner"; away: boolean; matchId: string }
  | { kind: "ended"; ending: Ending; matchId?: string };

export const START: State = { online: false, phase: "idle", partnerAway: false };

export function next(state: State, happening: Happening): State {
  switch (happening.kind) {
    case "online":
      return { ...state, online: true };
    case "offline":
      return { ...state, online: false };
    case "searching":
      return { online: state.online, phase: "waiting", partnerAway: false };
    case "waiting":
      return state.phase === "waiting" || state.phase === "idle"
        ? { online: state.online, phase: "waiting", partnerAway: false, waiting: happening.waiting }
        : state;
    case "found":
      return state.matchId === happening.matchId
        ? state
        : { online: state.online, phase: "connecting", partnerAway: false, matchId: happening.matchId };
    case "media":
      return media(state, happening.up, happening.route);
    case "partner":
      return state.matchId === happening.matchId ? { ...state, partnerAway: happening.away } : state;
    case "ended":
      return happening.matchId !== undefined && happening.matchId !== state.matchId
        ? state
        : { online: state.online, phase: "idle", partnerAway: false, ended: happening.ending };
  }
}

function media(state: State, up: boolean, route?: Route): State {
  if (state.matchId === undefined) {
    return state;
  }
  const { route: _, ...rest } = state;
  return up ? { ...rest, phase: "connected", ...(route && { route }) } : { ...rest, phase: "connecting" };
}
