import { Chat } from "./chat";
import { criteriaOf } from "./criteria";
import { page } from "./elements";
import { initKeys } from "./keys";
import { MediaError, devices, open, type Source } from "./media";
import { initTheme } from "./theme";
import { ask, clearLog, fill, notice, say, show, toast } from "./view";

const query = new URLSearchParams(location.search);
const transports = query.get("transports")?.split(",");
let local = new MediaStream();

const chat = new Chat(
  {
    changed: () => show(chat.state, textOnly()),
    said: (text) => void say(text, "theirs"),
    remote: (stream) => {
      page.remote.srcObject = stream;
    },
    matched: () => {
      clearLog();
      say("You are talking with a stranger. Be kind.", "note");
    },
    trouble: toast,
  },
  transports,
);

/** Whether this match has no pictures. */
function textOnly(): boolean {
  return chat.state.matchId !== undefined && chat.call === undefined;
}

function source(): Source {
  return page.source.value as Source;
}

/** Opens camera and microphone, or what stands in for them; says what to do where that fails. */
async function openMedia(): Promise<boolean> {
  if (local.getTracks().length > 0 || source() === "none") {
    return true;
  }
  try {
    local = await open(source(), page.cameras.value, page.microphones.value);
  } catch (error) {
    notice(error instanceof MediaError ? error.message : String(error));
    return false;
  }
  notice(undefined);
  page.local.srcObject = local;
  chat.setLocal(local);
  showTracks();
  const { cameras, microphones } = await devices();
  fill(page.cameras, cameras);
  fill(page.microphones, microphones);
  return true;
}

async function reopenMedia(): Promise<void> {
  for (const track of local.getTracks()) {
    track.stop();
  }
  local = new MediaStream();
  page.local.srcObject = null;
  notice(undefined);
  showTracks();
  if (chat.state.phase !== "idle") {
    await openMedia();
  }
}

function showTracks(): void {
  for (const [button, tracks] of [
    [page.microphone, local.getAudioTracks()],
    [page.camera, local.getVideoTracks()],
  ] as const) {
    button.hidden = tracks.length === 0;
    button.setAttribute("aria-pressed", String(tracks.some((track) => track.enabled)));
  }
}

function toggle(tracks: MediaStreamTrack[]): void {
  for (const track of tracks) {
    track.enabled = !track.enabled;
  }
  showTracks();
}

function criteria() {
  return criteriaOf(new FormData(page.criteria));
}

async function start(): Promise<void> {
  if (await openMedia()) {
    chat.find(criteria());
  }
}

async function block(): Promise<void> {
  const reason = await ask("Block this person?", "The call ends, and you two will never meet again. They are not told.", "Block");
  if (reason !== undefined) {
    chat.block(reason);
  }
}

async function report(): Promise<void> {
  const reason = await ask("Report this person?", "You two will never meet again. The call goes on until you leave.", "Report");
  if (reason !== undefined) {
    chat.report(reason);
    toast("Thank you. They were reported.");
  }
}

page.start.addEventListener("click", () => void start());
page.next.addEventListener("click", () => chat.next(criteria()));
page.stop.addEventListener("click", () => chat.stop());
page.block.addEventListener("click", () => void block());
page.report.addEventListener("click", () => void report());
page.microphone.addEventListener("click", () => toggle(local.getAudioTracks()));
page.camera.addEventListener("click", () => toggle(local.getVideoTracks()));
for (const select of [page.source, page.cameras, page.microphones]) {
  select.addEventListener("change", () => void reopenMedia());
}
page.chat.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = page.text.value.trim();
  if (text !== "") {
    chat.say(text, say(text, "mine"));
    page.text.value = "";
  }
});
initTheme(page.theme);
initKeys();
show(chat.state, false);

// For tests and for the curious, to look at: what the page knows of its call.
Object.defineProperty(window, "chat", {
  value: Object.freeze({
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
  }),
});

const wanted = query.get("media");
if (wanted === "camera" || wanted === "canvas" || wanted === "none") {
  page.source.value = wanted;
}
if (query.get("auto") === "1") {
  chat.socket.once("connect", () => void start());
}
