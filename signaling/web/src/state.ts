// What the page shows, as a pure function of what has happened.

import type { Waiting } from "./contract";

export type Phase = "idle" | "asking" | "waiting" | "connecting" | "connected";
export type Route = "host" | "srflx" | "prflx" | "relay";

/** How the signaling connection is. A call goes on without it. */
export type Link =
  /** The first connection is being made. */
  | "connecting"
  | "online"
  /** It broke, and is being made again. */
  | "lost"
  /** The pod goes away: the connection will break and be made elsewhere. */
  | "draining"
  /** Nobody answers. */
  | "unreachable"
  /** The service has no room, or no patience. */
  | "busy"
  /** The service wants to know who this is; nothing is tried any more. */
  | "refused"
  /** The session was taken over by another tab; nothing is tried any more. */
  | "replaced";

/** What is wrong with the call's own connection. */
export type Trouble = "slow" | "interrupted" | "failed";

export interface State {
  link: Link;
  online: boolean;
  phase: Phase;
  waiting?: Waiting;
  matchId?: string;
  route?: Route;
  trouble?: Trouble;
  /** Whether the partner sends a picture. */
  pictured: boolean;
  /** The partner's signaling connection is lost, and waited for. */
  partnerAway: boolean;
  /** The service has forgotten the match: the call goes on by itself. */
  detached: boolean;
  /** How the last wait or match ended. */
  ended?: Ending;
  /** The last partner may still be blocked or reported. */
  met?: string;
}

export type Ending =
  | "left"
  | "next"
  | "timeout"
  | "error"
  | "nobody"
  | "busy"
  | "lost"
  | "broken"
  | "replaced"
  | "blocked"
  | "stopped"
  | "refused"
  | "reloaded";

export type Happening =
  | { kind: "link"; link: Link }
  | { kind: "asking" }
  /** The person did not come to look for anybody. */
  | { kind: "resting" }
  | { kind: "searching" }
  | { kind: "waiting"; waiting: Waiting }
  | { kind: "found"; matchId: string }
  | { kind: "connected"; route?: Route }
  | { kind: "trouble"; trouble: Trouble }
  | { kind: "pictured"; pictured: boolean }
  | { kind: "partner"; away: boolean; matchId: string }
  | { kind: "detached" }
  | { kind: "ended"; ending: Ending; matchId?: string };

export const START: State = {
  link: "connecting",
  online: false,
  phase: "idle",
  pictured: false,
  partnerAway: false,
  detached: false,
};

export function next(state: State, happening: Happening): State {
  switch (happening.kind) {
    case "link":
      return { ...state, link: happening.link, online: happening.link === "online" || happening.link === "draining" };
    case "asking":
      return afresh(state, "asking");
    case "resting":
      return afresh(state, "idle");
    case "searching":
      return afresh(state, "waiting");
    case "waiting":
      return state.phase === "waiting" ? { ...state, waiting: happening.waiting } : state;
    case "found":
      return state.matchId === happening.matchId
        ? state
        : { ...afresh(state, "connecting"), matchId: happening.matchId };
    case "ended":
      return ended(state, happening.ending, happening.matchId);
    case "partner":
      return state.matchId === happening.matchId ? { ...state, partnerAway: happening.away } : state;
    default:
      return state.matchId === undefined ? state : called(state, happening);
  }
}

/** What happens to the call itself. */
function called(state: State, happening: Happening): State {
  const { trouble: _, route: __, ...rest } = state;
  switch (happening.kind) {
    case "connected":
      return { ...rest, phase: "connected", ...(happening.route && { route: happening.route }) };
    case "trouble":
      // A picture that stands still is still there to see; one that never came is not.
      return { ...state, phase: happening.trouble === "interrupted" ? state.phase : "connecting", trouble: happening.trouble };
    case "pictured":
      return { ...state, pictured: happening.pictured };
    case "detached":
      return { ...state, detached: true, partnerAway: false };
    default:
      return state;
  }
}

function ended(state: State, ending: Ending, matchId: string | undefined): State {
  if (matchId !== undefined && matchId !== state.matchId) {
    return state;
  }
  const met = state.detached ? undefined : (state.matchId ?? state.met);
  return { ...afresh(state, "idle"), ended: ending, ...(met && { met }) };
}

function afresh({ link, online }: State, phase: Phase): State {
  return { ...START, link, online, phase };
}
