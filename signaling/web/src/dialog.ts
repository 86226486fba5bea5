// A question before something that cannot be taken back.

import { page } from "./elements";

/** Asks; answers the reason given, or nothing when cancelled. */
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

page.cancel.addEventListener("click", () => page.dialog.close("cancel"));
