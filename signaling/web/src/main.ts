// The page: puts its parts together.

import { renewWhenVisible, stayAwake } from "./awake";
import { Chat, type Access } from "./chat";
import type { Criteria } from "./contract";
import { criteriaOf } from "./criteria";
import { ask } from "./dialog";
import { page } from "./elements";
import { leaveNote, sayFarewell, takeNote } from "./farewell";
import { initKeys } from "./keys";
import { devices, type Showing, type Source } from "./media";
import { clearLog, say } from "./messages";
import { play } from "./playback";
import { Studio } from "./studio";
import { initTheme } from "./theme";
import { fill, show, showMute, toast } from "./view";
import type { Company } from "./words";

const query = new URLSearchParams(location.search);
const left = takeNote();
/** What the two have agreed on. */
let agreed: Criteria = {};
/** Why camera and microphone could not be opened. */
let obstacle: string | undefined;

const studio = new Studio({
  changed: showStudio,
  missing: toast,
  failed: (words) => (chat.state.matchId === undefined ? setObstacle(words) : toast(words)),
});

const chat = new Chat(
  { changed: render, said: (text) => void say(text, "theirs"), remote: play, matched, trouble: toast },
  (criteria) => (criteria.mode === "audio" ? studio.soundOnly() : studio.stream),
  access(),
);

function render(): void {
  const { state } = chat;
  show(state, { company: company(), filming: studio.has("audio") || studio.has("video"), obstacle });
  stayAwake(state.matchId !== undefined);
}

/** A token comes behind the address's #, which browsers keep to themselves. */
function access(): Access {
  const transports = query.get("transports")?.split(",");
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  return { ...(transports && { transports }), ...(token && { token }), ...(left.resume && { resume: left.resume }) };
}

function setObstacle(words?: string): void {
  obstacle = words;
  render();
}

/** What the two talk by. */
function company(): Company {
  if (chat.state.matchId !== undefined && !chat.call) {
    return "text";
  }
  return chat.state.matchId !== undefined && agreed.mode === "audio" ? "audio" : "video";
}

function matched(criteria: Criteria): void {
  agreed = criteria;
  clearLog();
  say("You are talking with a stranger. Be kind.", "note");
  render();
}

function showStudio(): void {
  showMute(page.microphone, "Mic", studio.has("audio"), studio.isMuted("audio"));
  showMute(page.camera, "Camera", studio.has("video"), studio.isMuted("video"));
  const picture = studio.has("video") ? studio.stream : null;
  if (page.local.srcObject !== picture) {
    page.local.srcObject = picture;
  }
  page.local.hidden = picture === null;
  page.local.classList.toggle("mirrored", page.source.value === "camera");
  chat.call?.replace(agreed.mode === "audio" ? studio.soundOnly() : studio.stream);
  render();
}

function criteria(): Criteria {
  return criteriaOf(new FormData(page.criteria));
}

function showing(): Showing {
  const { mode } = criteria();
  return {
    source: page.source.value as Source,
    picture: mode !== "audio" && mode !== "text",
    sound: mode !== "text",
    ...(page.cameras.value && { camera: page.cameras.value }),
    ...(page.microphones.value && { microphone: page.microphones.value }),
  };
}

/** Opens camera and microphone, or what stands in for them. */
async function openStudio(): Promise<boolean> {
  setObstacle();
  const opened = await studio.open(showing());
  void listDevices();
  return opened;
}

async function listDevices(): Promise<void> {
  const { cameras, microphones } = await devices().catch(() => ({ cameras: [], microphones: [] }));
  fill(page.cameras, cameras);
  fill(page.microphones, microphones);
}

async function start(): Promise<void> {
  if (chat.state.link === "replaced") {
    return location.reload(); // A new session for this tab; the old one belongs to another.
  }
  chat.asking();
  const opened = await openStudio();
  if (chat.state.phase !== "asking") {
    return; // Stopped in the meantime.
  }
  if (opened) {
    chat.find(criteria());
  } else {
    chat.resting();
    page.retry.focus();
  }
}

function nextPerson(): void {
  chat.find(criteria());
  void openStudio();
}

function stop(): void {
  if (chat.state.phase !== "idle") {
    chat.stop();
  }
  setObstacle();
  studio.close();
}

/** Goes on another way where there is no camera. */
function startWith(source: Source): void {
  page.source.value = source;
  showChoices();
  void start();
}

function showChoices(): void {
  page.choices.hidden = page.source.value !== "camera";
}

async function block(): Promise<void> {
  const matchId = chat.state.matchId ?? chat.state.met;
  const words = "You two will never meet again, and a call between you ends. They are not told.";
  const reason = matchId && (await ask("Block this person?", words, "Block"));
  if (matchId && reason !== undefined) {
    const failure = await chat.block(matchId, reason);
    toast(failure ? `That did not work: ${failure.message}.` : "Blocked. You two will not meet again.");
  }
}

async function report(): Promise<void> {
  const matchId = chat.state.matchId ?? chat.state.met;
  const words = "We are told, and you two will never meet again. A call goes on until you leave it.";
  const reason = matchId && (await ask("Report this person?", words, "Report"));
  if (matchId && reason !== undefined) {
    const failure = await chat.report(matchId, reason);
    toast(failure ? `That did not work: ${failure.message}.` : "Thank you. They were reported.");
  }
}

function send(): void {
  const text = page.text.value.trim();
  if (text !== "" && !page.text.readOnly) {
    chat.say(text, say(text, "mine"));
    page.text.value = "";
  }
}

function listen(): void {
  page.start.addEventListener("click", () => void start());
  page.retry.addEventListener("click", () => void start());
  page.useDrawing.addEventListener("click", () => startWith("canvas"));
  page.useText.addEventListener("click", () => startWith("none"));
  page.next.addEventListener("click", nextPerson);
  page.stop.addEventListener("click", stop);
  page.block.addEventListener("click", () => void block());
  page.report.addEventListener("click", () => void report());
  page.microphone.addEventListener("click", () => studio.toggle("audio"));
  page.camera.addEventListener("click", () => studio.toggle("video"));
  for (const select of [page.source, page.cameras, page.microphones]) {
    select.addEventListener("change", () => {
      showChoices();
      if (chat.state.phase !== "idle") {
        void openStudio();
      }
    });
  }
  page.criteria.addEventListener("change", () => chat.refine(criteria()));
  page.criteria.addEventListener("submit", (event) => event.preventDefault());
  page.chat.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  navigator.mediaDevices?.addEventListener("devicechange", () => void listDevices());
  addEventListener("pagehide", leave);
  // Back from the browser's cache, where everything that the page had was taken from it.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  renewWhenVisible(() => chat.state.matchId !== undefined);
}

/** The page goes, and with it the call. */
function leave(): void {
  leaveNote({ inCall: chat.state.matchId !== undefined, ...(chat.resumeToken && { resume: chat.resumeToken }) });
  sayFarewell(chat.socket);
  chat.call?.close();
  studio.close();
}

/** For tests and for the curious, to look at: what the page knows of its call. */
function expose(): void {
  const known = {
    socket: chat.socket,
    get pc() {
      return chat.call?.connection;
    },
    get state() {
      return chat.state;
    },
    get matchId() {
      return chat.state.matchId;
    },
    framesDecoded: () => chat.call?.framesDecoded() ?? Promise.resolve(0),
  };
  Object.defineProperty(window, "chat", { value: Object.freeze(known) });
}

listen();
initTheme(page.theme);
initKeys();
const wanted = query.get("media");
if (wanted === "camera" || wanted === "canvas" || wanted === "none") {
  page.source.value = wanted;
}
showChoices();
if (left.inCall) {
  chat.stop("reloaded");
}
render();
expose();
if (query.get("auto") === "1") {
  void start();
}
