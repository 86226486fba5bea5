// The partner's picture and sound on the page.

import { page } from "./elements";

/**
 * Plays what comes. Browsers let a page make sound only once someone has touched it, or while it films; where they
 * refuse, the picture plays without sound and a button offers it.
 */
export function play(stream: MediaStream | null): void {
  const { remote } = page;
  if (remote.srcObject === stream) {
    // Another track of the same stream: the element takes it by itself.
    return;
  }
  remote.srcObject = stream;
  remote.muted = false;
  page.sound.hidden = true;
  if (stream) {
    void start(remote);
  }
}

async function start(remote: HTMLVideoElement): Promise<void> {
  try {
    await remote.play();
  } catch (error) {
    if (!(error instanceof DOMException) || error.name !== "NotAllowedError") {
      return; // Another stream has come in the meantime.
    }
    remote.muted = true;
    page.sound.hidden = false;
    await remote.play().catch(() => undefined);
  }
}

page.sound.addEventListener("click", () => {
  page.remote.muted = false;
  page.sound.hidden = true;
  void page.remote.play().catch(() => undefined);
});
