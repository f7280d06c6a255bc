// Charts are drawn by the server; this adds the values under the pointer, a
// click on a run, and choosing a range by dragging.
import { showTip, hideTip } from "./tip.js";
import { full } from "./time.js";

const svg = (name) => document.createElementNS("http://www.w3.org/2000/svg", name);

function milliseconds(ms) {
  if (ms >= 9995) return `${(ms / 1000).toFixed(1)} s`;
  if (ms >= 999.5) return `${(ms / 1000).toFixed(2)} s`;
  if (ms >= 9.95) return `${ms.toFixed(0)} ms`;
  return ms >= 1 ? `${ms.toFixed(1)} ms` : `${ms.toFixed(2)} ms`;
}

const perSecond = (rate) => `${rate >= 99.5 ? rate.toFixed(0) : rate.toFixed(rate >= 9.95 ? 1 : 2)}/s`;

const percent = (value) => `${Math.abs(value) >= 9.95 ? value.toFixed(1) : value.toFixed(2)} %`;

// range is the page with another range: everything else of its address stays.
function range(from, to) {
  const query = new URLSearchParams(location.search);
  query.delete("range");
  query.set("from", Math.floor(from));
  query.set("to", Math.ceil(to));
  return `?${query}`;
}

function nearest(times, t, width) {
  let best = -1;
  for (let i = 0; i < times.length; i++) {
    const middle = times[i] + width / 2;
    if (best < 0 || Math.abs(middle - t) < Math.abs(times[best] + width / 2 - t)) best = i;
  }
  return best;
}

function improve(figure) {
  let data;
  try { data = JSON.parse(figure.dataset.points); } catch { return; }
  const axis = figure.querySelector(".axis");
  if (!data.times?.length || !axis) return;
  const width = data.width || 0;
  const write = { "/s": perSecond, "%": percent }[data.unit] ?? milliseconds;
  const zooms = Boolean(figure.closest("#chart, .zooms"));
  figure.classList.toggle("can-zoom", zooms);

  const cursor = svg("line");
  cursor.setAttribute("class", "cursor");
  cursor.setAttribute("y1", "0");
  cursor.setAttribute("y2", "100%");
  cursor.setAttribute("visibility", "hidden");
  const drag = svg("rect");
  drag.setAttribute("class", "drag");
  drag.setAttribute("height", "100%");
  drag.setAttribute("visibility", "hidden");
  axis.append(drag, cursor);

  const ratio = (event) => {
    const place = axis.getBoundingClientRect();
    return Math.min(Math.max((event.clientX - place.left) / place.width, 0), 1);
  };
  const timeAt = (r) => data.from + r * (data.to - data.from);
  let start = null;

  axis.addEventListener("pointermove", (event) => {
    const r = ratio(event);
    if (start !== null) {
      drag.setAttribute("visibility", "visible");
      drag.setAttribute("x", `${Math.min(start, r) * 100}%`);
      drag.setAttribute("width", `${Math.abs(r - start) * 100}%`);
    }
    const i = nearest(data.times, timeAt(r), width);
    const x = (data.times[i] + width / 2 - data.from) / (data.to - data.from);
    cursor.setAttribute("x1", `${x * 100}%`);
    cursor.setAttribute("x2", `${x * 100}%`);
    cursor.setAttribute("visibility", "visible");
    const lines = [full(new Date(data.times[i] * 1000))];
    let sum = 0;
    data.names.forEach((name, n) => {
      const value = data.values[n][i];
      if (value === null) return;
      sum += value;
      lines.push(`${name}  ${write(value)}`);
    });
    if (data.links) lines.push(`Total  ${milliseconds(sum)}`);
    if (data.notes?.[i]) lines.push(data.notes[i]);
    showTip(lines.join("\n"), event.clientX, event.clientY);
  });
  const leave = () => {
    start = null;
    drag.setAttribute("visibility", "hidden");
    cursor.setAttribute("visibility", "hidden");
    hideTip();
  };
  axis.addEventListener("pointerleave", leave);
  axis.addEventListener("pointercancel", leave);
  if (!zooms) return;
  axis.addEventListener("pointerdown", (event) => {
    if (event.button === 0 && event.pointerType === "mouse") {
      start = ratio(event);
      event.preventDefault();
    }
  });
  axis.addEventListener("pointerup", (event) => {
    if (start === null) return;
    const [a, b] = [start, ratio(event)].sort((x, y) => x - y);
    leave();
    if ((b - a) * axis.getBoundingClientRect().width > 6) {
      location.assign(range(timeAt(a), timeAt(b)));
      return;
    }
    const link = data.links?.[nearest(data.times, timeAt(a), width)];
    if (link) location.assign(link);
  });
}

export function startCharts(root) {
  for (const figure of root.querySelectorAll(".chart[data-points]")) improve(figure);
  if (root === document) document.addEventListener("lapwing:swap", (event) => startCharts(event.target));
}
