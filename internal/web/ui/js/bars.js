// What a bar of the ninety days stands for. The day is read from the path that
// draws it, so the page carries no second copy of the data.

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

// barTip says what the bar at a place is about.
export function barTip(svg, x) {
  const place = svg.getBoundingClientRect();
  const index = Math.min(Math.floor(((x - place.left) / place.width) * 90), 89);
  const date = new Date();
  date.setUTCDate(date.getUTCDate() - 89 + index);
  const name = date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
  return `${name}: ${dayAt(svg, index)}${counted(svg, index)}`;
}
