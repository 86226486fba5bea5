// The page's elements, by their names in index.html.

function element<E extends HTMLElement>(id: string): E {
  const found = document.getElementById(id);
  if (!found) {
    throw new Error(`index.html has no #${id}`);
  }
  return found as E;
}

export const page = {
  remote: element<HTMLVideoElement>("remote"),
  local: element<HTMLVideoElement>("local"),
  empty: element("empty"),
  headline: element("headline"),
  detail: element("detail"),
  status: element("status"),
  sound: element<HTMLButtonElement>("sound"),
  link: element("link"),
  theme: element<HTMLButtonElement>("theme"),
  log: element("log"),
  chat: element<HTMLFormElement>("chat"),
  text: element<HTMLInputElement>("text"),
  send: element<HTMLButtonElement>("send"),
  start: element<HTMLButtonElement>("start"),
  next: element<HTMLButtonElement>("next"),
  stop: element<HTMLButtonElement>("stop"),
  microphone: element<HTMLButtonElement>("microphone"),
  camera: element<HTMLButtonElement>("camera"),
  block: element<HTMLButtonElement>("block"),
  report: element<HTMLButtonElement>("report"),
  criteria: element<HTMLFormElement>("criteria"),
  source: element<HTMLSelectElement>("source"),
  choices: element("choices"),
  cameras: element<HTMLSelectElement>("cameras"),
  microphones: element<HTMLSelectElement>("microphones"),
  shortcuts: element<HTMLInputElement>("shortcuts"),
  notice: element("notice"),
  noticeWords: element("notice-words"),
  retry: element<HTMLButtonElement>("retry"),
  useDrawing: element<HTMLButtonElement>("use-drawing"),
  useText: element<HTMLButtonElement>("use-text"),
  dialog: element<HTMLDialogElement>("dialog"),
  dialogTitle: element("dialog-title"),
  dialogWords: element("dialog-words"),
  reason: element<HTMLInputElement>("reason"),
  confirm: element<HTMLButtonElement>("confirm"),
  cancel: element<HTMLButtonElement>("cancel"),
  toasts: element("toasts"),
};
