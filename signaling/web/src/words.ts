// The state in words, for people.

import type { Ending, Route, State } from "./state";

const ROUTES: Record<Route, string> = {
  host: "directly, on your own network",
  srflx: "directly, through your router",
  prflx: "directly, through your router",
  relay: "through a relay (TURN)",
};

const ENDINGS: Record<Ending, string> = {
  left: "They left.",
  next: "They moved on to someone else.",
  timeout: "Their connection did not come back.",
  error: "Something went wrong with this match.",
  nobody: "Nobody came in time. Try again, or ask for less.",
  lost: "Your session ended while you were away.",
  stopped: "Stopped. Ready when you are.",
};

/** One sentence for the status line. */
export function status(state: State, textOnly: boolean): string {
  switch (state.phase) {
    case "idle":
      return state.ended ? ENDINGS[state.ended] : "Ready when you are.";
    case "waiting":
      return state.waiting ? place(state.waiting.position, state.waiting.estimatedWaitMs) : "Looking for someone…";
    case "connecting":
    case "connected":
      return call(state, textOnly);
  }
}

function call(state: State, textOnly: boolean): string {
  if (!state.online) {
    return state.phase === "connected" ? "Reconnecting; your call goes on." : "Reconnecting…";
  }
  if (state.partnerAway) {
    return "They are reconnecting; hold on.";
  }
  if (textOnly) {
    return "You are talking by text.";
  }
  if (state.phase === "connecting") {
    return "Connecting your call…";
  }
  return state.route ? `Connected ${ROUTES[state.route]}.` : "Connected.";
}

function place(position: number, estimatedWaitMs: number): string {
  const queue = position <= 1 ? "You are next" : `You are number ${position}`;
  return `${queue}, about ${duration(estimatedWaitMs)}.`;
}

/** A time that people would say. */
export function duration(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  if (seconds < 60) {
    return seconds === 1 ? "a second" : `${seconds} seconds`;
  }
  const minutes = Math.round(seconds / 60);
  return minutes === 1 ? "a minute" : `${minutes} minutes`;
}

/** The headline and the sentence below it, where there is no picture. */
export function headline(state: State, textOnly: boolean): [string, string] {
  switch (state.phase) {
    case "idle":
      return state.ended
        ? ["That's that", "Start again whenever you like."]
        : ["Meet someone new", "One person at a time, picked at random. Nothing is recorded."];
    case "waiting":
      return ["Looking for someone", "Stay on this page; it takes a moment."];
    case "connecting":
    case "connected":
      return textOnly ? ["You have company", "Say hello below."] : ["Someone is here", "Their picture is on its way."];
  }
}
