// Keys, for hands that do not leave the keyboard. None while someone is writing.

import { page } from "./elements";

const BUTTONS: Record<string, HTMLButtonElement> = {
  s: page.start,
  n: page.next,
  escape: page.stop,
  m: page.microphone,
  v: page.camera,
};

export function initKeys(): void {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || page.dialog.open) {
      return;
    }
    const writing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
    if (writing) {
      if (event.key === "Escape") {
        event.target.blur();
      }
      return;
    }
    if (event.key === "/") {
      event.preventDefault();
      page.text.focus();
      return;
    }
    const button = BUTTONS[event.key.toLowerCase()];
    if (button && !button.hidden) {
      event.preventDefault();
      button.click();
    }
  });
}
