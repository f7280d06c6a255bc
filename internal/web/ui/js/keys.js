// The keyboard: / search, g o|c|e|f|a|p|s pages, j k rows, [ ] earlier and later, ? help.
const pages = { o: "/", c: "/checks", e: "/endpoints", f: "/traffic", a: "/alerts", p: "/status", s: "/settings" };
const rowLinks = ".rows .nm a, .runs .when a, .attention .what a, .data .nm a, .alerts .what a";

const typing = (element) => element.closest("input, select, textarea, [contenteditable]");

function step(by) {
  const links = [...document.querySelectorAll(rowLinks)].filter((a) => a.offsetParent || a.getClientRects().length);
  if (!links.length) return;
  const at = links.indexOf(document.activeElement);
  const next = links[at < 0 ? 0 : Math.min(Math.max(at + by, 0), links.length - 1)];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

export function startKeys() {
  let went = 0; // when g was pressed
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const key = event.key;
    if (Date.now() - went < 1500) {
      went = 0;
      if (pages[key] && document.querySelector(`nav a[href="${pages[key]}"]`)) {
        event.preventDefault();
        location.assign(pages[key]);
        return;
      }
    }
    switch (key) {
      case "g": went = Date.now(); return;
      case "/": document.getElementById("q")?.focus(); break;
      case "j": step(1); break;
      case "k": step(-1); break;
      case "[":
      case "]": document.querySelector(`[data-key="${key}"]`)?.click(); break;
      case "?": document.getElementById("help")?.showModal(); break;
      default: return;
    }
    event.preventDefault();
  });
}
