// Dark or light: as the system has it, until the person says otherwise.

const KEY = "parlour.theme";

export function initTheme(button: HTMLButtonElement): void {
  const root = document.documentElement;
  const saved = read();
  if (saved) {
    root.dataset["theme"] = saved;
  }
  button.addEventListener("click", () => {
    const dark = (root.dataset["theme"] ?? system()) === "dark";
    root.dataset["theme"] = dark ? "light" : "dark";
    write(root.dataset["theme"]);
  });
}

function system(): string {
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

// Storage may be switched off; then the choice lasts as long as the page.
function read(): string | undefined {
  try {
    const saved = localStorage.getItem(KEY);
    return saved === "dark" || saved === "light" ? saved : undefined;
  } catch {
    return undefined;
  }
}

function write(theme: string): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // As above.
  }
}
