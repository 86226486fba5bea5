// Keys, for hands that do not leave the keyboard. None while someone is writing, and none for those who switch them off:
// speech input and screen readers send single keys of their own.

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
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || page.dialog.open) {
      return;
    }
    if (isField(event.target)) {
      if (event.key === "Escape") {
        event.target.blur();
      }
      return;
    }
    if (!page.shortcuts.checked) {
      return;
    }
    if (event.key === "/" && !page.text.readOnly) {
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

/** Whether letters are meant for the element itself. */
function isField(target: EventTarget | null): target is HTMLElement {
  return (target instanceof HTMLInputElement && target.type !== "checkbox") || target instanceof HTMLSelectElement;
}
