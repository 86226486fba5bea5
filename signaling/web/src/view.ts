// From the state to the page.

import { page } from "./elements";
import type { State } from "./state";
import { headline, status } from "./words";

/** Shows the state. `textOnly`: there is no picture to wait for. */
export function show(state: State, textOnly: boolean): void {
  const inMatch = state.matchId !== undefined;
  const active = state.phase !== "idle";
  page.stage.dataset["phase"] = state.phase;
  setText(page.status, status(state, textOnly));
  const [title, detail] = headline(state, textOnly);
  setText(page.headline, title);
  setText(page.detail, detail);
  page.empty.hidden = state.phase === "connected" && !textOnly;
  setText(page.link, state.online ? "Online" : "Connecting…");
  page.link.dataset["online"] = String(state.online);

  page.start.hidden = active;
  page.next.hidden = !inMatch;
  page.stop.hidden = !active;
  page.block.hidden = !inMatch;
  page.report.hidden = !inMatch;
  page.text.disabled = !inMatch;
  page.send.disabled = !inMatch;
}

/** Sets a text only when it changes, so that screen readers do not repeat it. */
function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** Adds a message to the log; the answer marks it as failed. */
export function say(text: string, whose: "mine" | "theirs" | "note"): (failed: string) => void {
  const line = document.createElement("li");
  line.className = whose;
  line.textContent = text;
  page.log.append(line);
  while (page.log.children.length > 200) {
    page.log.firstElementChild?.remove();
  }
  line.scrollIntoView({ block: "end" });
  return (failed) => {
    line.classList.add("failed");
    line.title = failed;
    line.append(Object.assign(document.createElement("span"), { textContent: ` not sent: ${failed}` }));
  };
}

export function clearLog(): void {
  page.log.replaceChildren();
}

/** Says something for a few seconds. */
export function toast(text: string): void {
  const note = Object.assign(document.createElement("p"), { className: "toast", textContent: text });
  page.toasts.append(note);
  setTimeout(() => note.remove(), 6_000);
}

/** Says what stands in the way until it no longer does. */
export function notice(text: string | undefined): void {
  page.notice.hidden = text === undefined;
  page.notice.textContent = text ?? "";
}

/** Asks before something that cannot be taken back; answers the reason given, or nothing when cancelled. */
export function ask(title: string, words: string, action: string): Promise<string | undefined> {
  [page.dialogTitle.textContent, page.dialogWords.textContent, page.confirm.textContent] = [title, words, action];
  page.reason.value = "";
  page.dialog.returnValue = "";
  page.dialog.showModal();
  return new Promise((resolve) => {
    const close = () => resolve(page.dialog.returnValue === "confirm" ? page.reason.value.trim() : undefined);
    page.dialog.addEventListener("close", close, { once: true });
  });
}

export function fill(select: HTMLSelectElement, devices: MediaDeviceInfo[]): void {
  const chosen = select.value;
  const options = devices.map((device, index) => new Option(device.label || `Device ${index + 1}`, device.deviceId));
  select.replaceChildren(...options);
  if (devices.some((device) => device.deviceId === chosen)) {
    select.value = chosen;
  }
}
