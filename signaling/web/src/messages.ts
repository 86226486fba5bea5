// The messages of a chat.

import { page } from "./elements";

const MAX_SHOWN = 200;

/** Adds a message to the log; the answer marks it as failed. */
export function say(text: string, whose: "mine" | "theirs" | "note"): (failed: string) => void {
  const line = document.createElement("p");
  line.className = whose;
  if (whose !== "note") {
    line.append(Object.assign(document.createElement("span"), {
      className: "visually-hidden",
      textContent: whose === "mine" ? "You: " : "They: ",
    }));
  }
  line.append(text);
  page.log.append(line);
  while (page.log.children.length > MAX_SHOWN) {
    page.log.firstElementChild?.remove();
  }
  page.log.scrollTop = page.log.scrollHeight;
  return (failed) => {
    line.classList.add("failed");
    line.append(Object.assign(document.createElement("small"), { textContent: failed }));
    page.log.scrollTop = page.log.scrollHeight;
  };
}

export function clearLog(): void {
  page.log.replaceChildren();
}
