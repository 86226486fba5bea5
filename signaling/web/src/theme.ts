// Dark or light: as the system has it, until the person says otherwise.

const KEY = "theme";

export function initTheme(button: HTMLButtonElement): void {
  const saved = localStorage.getItem(KEY);
  if (saved) {
    document.documentElement.dataset["theme"] = saved;
  }
  button.addEventListener("click", () => {
    const dark = document.documentElement.dataset["theme"]
      ? document.documentElement.dataset["theme"] === "dark"
      : matchMedia("(prefers-color-scheme: dark)").matches;
    const chosen = dark ? "light" : "dark";
    document.documentElement.dataset["theme"] = chosen;
    localStorage.setItem(KEY, chosen);
  });
}
