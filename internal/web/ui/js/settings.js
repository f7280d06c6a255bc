// What a reader sets for himself: the colour scheme, and that he has seen the
// strip of the demo.
const names = { auto: "Auto", light: "Light", dark: "Dark" };
const order = ["auto", "light", "dark"];

const store = (key, value) => {
  try {
    if (value) localStorage.setItem(key, value);
    else localStorage.removeItem(key);
  } catch { /* private window: it lasts as long as the page */ }
};

export function startTheme() {
  const button = document.getElementById("theme");
  if (button) {
    const label = document.getElementById("theme-text");
    const show = () => { label.textContent = names[document.documentElement.dataset.theme || "auto"]; };
    button.hidden = false;
    button.addEventListener("click", () => {
      const root = document.documentElement;
      const next = order[(order.indexOf(root.dataset.theme || "auto") + 1) % order.length];
      if (next === "auto") delete root.dataset.theme;
      else root.dataset.theme = next;
      store("lapwing-theme", next === "auto" ? "" : next);
      show();
    });
    show();
  }
  const off = document.getElementById("demo-off");
  if (off) {
    off.hidden = false;
    off.addEventListener("click", () => {
      document.documentElement.dataset.demo = "off";
      store("lapwing-demo", "off");
    });
  }
}
