// The state in words, for people.

import type { Ending, Link, Route, State } from "./state";

const ROUTES: Record<Route, string> = {
  host: "directly, from device to device (host)",
  srflx: "directly, through your routers (srflx)",
  prflx: "directly, through your routers (prflx)",
  relay: "through a relay (TURN)",
};

const ENDINGS: Record<Ending, [title: string, sentence: string]> = {
  left: ["They left", "They left. There are others: look for someone new."],
  next: ["They moved on", "They moved on to someone else. So can you."],
  timeout: ["They are gone", "Their connection did not come back."],
  error: ["That went wrong", "Something went wrong with this match. Look for someone new."],
  nobody: ["Nobody came", "Nobody came in time. Try again, or ask for less."],
  busy: ["Too many people", "Too many people are looking just now. Try again in a moment."],
  lost: ["You were away too long", "Your session ended while you were away. Look for someone new."],
  broken: ["The call broke off", "The connection between the two of you broke, and nobody could mend it."],
  replaced: ["Open in another tab", "This session goes on in another tab. You can start a new one here."],
  blocked: ["Blocked", "You two will not meet again. They were not told."],
  refused: ["Who are you?", "This service lets nobody in who is not signed in, and you are not."],
  stopped: ["That's that", "Stopped. Start again whenever you like."],
  reloaded: ["Welcome back", "Your call ended when the page was closed or reloaded. Start again whenever you like."],
};

const LINKS: Record<Link, string> = {
  connecting: "Connecting…",
  online: "Online",
  lost: "Reconnecting…",
  draining: "Moving…",
  unreachable: "Service unreachable",
  busy: "Service busy",
  refused: "Not signed in",
  replaced: "Offline",
};

/** What the two talk by. */
export type Company = "video" | "audio" | "text";

/** The signaling connection in a word or two. */
export function link(state: State): string {
  return LINKS[state.link];
}

/** One sentence for the status line. */
export function status(state: State, company: Company): string {
  switch (state.phase) {
    case "idle":
      return idle(state);
    case "asking":
      return "Waiting for your camera and microphone.";
    case "waiting":
      return waiting(state);
    case "connecting":
    case "connected":
      return call(state, company);
  }
}

function idle(state: State): string {
  switch (state.link) {
    case "unreachable":
      return "The service cannot be reached. Still trying…";
    case "busy":
      return "The service is full just now. Still trying…";
    default:
      return ended(state);
  }
}

function ended(state: State): string {
  return state.ended ? ENDINGS[state.ended][1] : "Ready when you are.";
}

function waiting(state: State): string {
  if (state.link === "unreachable") {
    return "The service cannot be reached. We go on looking as soon as it is back.";
  }
  if (state.link === "busy") {
    return "The service is full just now. We go on looking as soon as it has room.";
  }
  if (!state.online) {
    return state.waiting ? "Reconnecting; your place is kept." : "We go on looking as soon as you are connected.";
  }
  return state.waiting ? place(state.waiting.position, state.waiting.estimatedWaitMs) : "Looking for someone…";
}

function call(state: State, company: Company): string {
  if (state.trouble === "failed") {
    return "Your networks let no call through. You can still write, or go on to the next.";
  }
  if (state.trouble === "interrupted") {
    return "The call is interrupted; trying to mend it…";
  }
  if (state.detached) {
    return "The service was restarted. Your call goes on, without text.";
  }
  if (!state.online) {
    return state.phase === "connected" ? "Reconnecting; your call goes on." : "Reconnecting…";
  }
  if (state.partnerAway) {
    return "They are reconnecting; hold on.";
  }
  if (company === "text") {
    return "You are talking by text.";
  }
  if (state.trouble === "slow") {
    return "Still connecting; this is taking long. You can write in the meantime.";
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
export function headline(state: State, company: Company): [string, string] {
  switch (state.phase) {
    case "idle":
      return state.ended
        ? [ENDINGS[state.ended][0], ""]
        : ["Meet someone new", "One person at a time, picked at random. The call goes straight between the two of you; nothing is recorded."];
    case "asking":
      return ["May we see you?", "Your browser asks whether this page may use your camera and microphone. Nobody sees you before you have met."];
    case "waiting":
      return ["Looking for someone", "Stay on this page; it takes a moment."];
    case "connecting":
      return company === "text" ? ["You have company", "Say hello in the chat."] : connecting(state, company);
    case "connected":
      return company === "text"
        ? ["You have company", "Say hello in the chat."]
        : ["Someone is here", company === "audio" ? "You talk by voice." : "They show no picture. You can talk, and write."];
  }
}

function connecting(state: State, company: Company): [string, string] {
  if (state.trouble === "failed") {
    return ["No way through", "One of your networks blocks direct calls, and this service has no relay that works for you."];
  }
  return ["Someone is here", company === "audio" ? "Their voice is on its way." : "Their picture is on its way."];
}

/** The name of the page's tab, for people who look at another one. */
export function title(state: State): string {
  const name = "Parlour";
  switch (state.phase) {
    case "idle":
      return state.ended && state.ended !== "stopped" ? `${ENDINGS[state.ended][0]} · ${name}` : `${name} · meet someone`;
    case "asking":
      return `May we see you? · ${name}`;
    case "waiting":
      return `Looking… · ${name}`;
    case "connecting":
    case "connected":
      return `● In a call · ${name}`;
  }
}
