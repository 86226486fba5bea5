// From the state to the page.

import { page } from "./elements";
import type { State } from "./state";
import { headline, link, status, title, type Company } from "./words";

/** What the page shows beside the conversation's state. */
export interface Scene {
  company: Company;
  /** Whether camera or microphone are open. */
  filming: boolean;
  /** What stands in the way of starting. */
  obstacle: string | undefined;
}

export function show(state: State, scene: Scene): void {
  const { company } = scene;
  const inMatch = state.matchId !== undefined;
  const active = state.phase !== "idle";
  document.body.dataset["phase"] = state.phase;
  document.body.toggleAttribute("data-troubled", state.trouble !== undefined);
  document.title = title(state);
  const { obstacle } = scene;
  setText(page.status, obstacle ? "Nobody sees you yet." : status(state, company));
  const [head, detail] = headline(state, company);
  setText(page.headline, obstacle ? "No camera yet" : head);
  setText(page.detail, detail);
  page.detail.hidden = obstacle !== undefined || detail === "";
  page.notice.hidden = obstacle === undefined;
  setText(page.noticeWords, obstacle ?? "");
  const picture = state.phase === "connected" && state.pictured && company === "video";
  document.body.toggleAttribute("data-picture", picture);
  page.empty.hidden = picture;
  setText(page.link, link(state));
  page.link.dataset["link"] = state.link;

  const focused = document.activeElement;
  page.start.hidden = active;
  page.next.hidden = !inMatch;
  page.stop.hidden = !active && !scene.filming;
  page.block.hidden = page.report.hidden = !(inMatch && !state.detached) && state.met === undefined;
  // Not disabled: who is writing when the other leaves keeps the draft, and the keyboard its place.
  page.text.readOnly = page.send.disabled = !inMatch || state.detached;
  if (focused instanceof HTMLElement && focused.hidden) {
    keepFocus();
  }
}

/** The keyboard's place is not lost with the button that had it. */
function keepFocus(): void {
  [page.start, page.next, page.stop].find((button) => !button.hidden)?.focus();
}

/** Sets a text only when it changes, so that screen readers do not repeat it. */
function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) {
    element.textContent = text;
  }
}

/** Says something for a few seconds. */
export function toast(text: string): void {
  const note = Object.assign(document.createElement("p"), { className: "toast", textContent: text });
  page.toasts.replaceChildren(...[...page.toasts.children].slice(-2), note);
  setTimeout(() => note.remove(), 6_000);
}

/** A button that mutes: says what it is and whether it is on. */
export function showMute(button: HTMLButtonElement, name: string, there: boolean, muted: boolean): void {
  button.hidden = !there;
  button.toggleAttribute("data-off", muted);
  const label = button.querySelector("span");
  if (label) {
    setText(label, `${name} ${muted ? "off" : "on"}`);
  }
}

/** The devices to choose from, after the usual one. */
export function fill(select: HTMLSelectElement, devices: MediaDeviceInfo[]): void {
  const chosen = select.value;
  const options = devices.map((device, index) => new Option(device.label || `Device ${index + 1}`, device.deviceId));
  select.replaceChildren(...[...select.options].slice(0, 1), ...options);
  if (devices.some((device) => device.deviceId === chosen)) {
    select.value = chosen;
  }
}
