// What a bar of the ninety days stands for. The day is read from the path that
// draws it, so the page carries no second copy of the data.
import { showTip, hideTip } from "./tip.js";

const words = { u: "up", g: "degraded", d: "down", n: "no runs" };

function dayAt(svg, index) {
  for (const path of svg.children) {
    for (const [, x, length] of path.getAttribute("d").matchAll(/M(\d+) [\d.]+h(\d+)/g)) {
      const first = x / 6;
      if (index >= first && index < first + (+length + 2) / 6) return words[path.getAttribute("class")];
    }
  }
  return "";
}

// counted says how many runs of a day were wrong; "" when none was, or when the
// page does not tell.
function counted(svg, index) {
  for (const entry of (svg.dataset.c || "").split(" ")) {
    const [at, down, degraded, runs] = entry.split(":").map(Number);
    if (!entry || at !== index) continue;
    const parts = [];
    if (down) parts.push(`${down} of ${runs} failed`);
    if (degraded) parts.push(`${degraded}${down ? "" : ` of ${runs}`} degraded`);
    return `, ${parts.join(", ")}`;
  }
  return "";
}

export function startTips() {
  let shown = false;
  document.addEventListener("pointermove", (event) => {
    const row = event.target.closest?.("tr, .long-bars, .days");
    const svg = row?.querySelector("svg.bars");
    const place = svg?.getBoundingClientRect();
    if (!place || event.clientX < place.left || event.clientX > place.right || event.clientY < place.top - 4 || event.clientY > place.bottom + 4) {
      if (shown) hideTip();
      shown = false;
      return;
    }
    const index = Math.min(Math.floor(((event.clientX - place.left) / place.width) * 90), 89);
    const date = new Date();
    date.setUTCDate(date.getUTCDate() - 89 + index);
    const name = date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
    showTip(`${name}: ${dayAt(svg, index)}${counted(svg, index)}`, event.clientX, event.clientY);
    shown = true;
  }, { passive: true });
}
