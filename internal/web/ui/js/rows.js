// Rows of lists change in place as runs end.
import { events } from "./stream.js";
import { ago } from "./time.js";

const runs = 24, step = 3, top = 2, bottom = 14; // the geometry of spark.go

function milliseconds(ms) {
  if (!(ms > 0)) return "–";
  if (ms < 1) return `${ms.toFixed(2)}\u00a0ms`;
  if (ms < 9.95) return `${ms.toFixed(1)}\u00a0ms`;
  if (ms < 999.5) return `${ms.toFixed(0)}\u00a0ms`;
  if (ms < 9995) return `${(ms / 1000).toFixed(2)}\u00a0s`;
  return `${(ms / 1000).toFixed(1)}\u00a0s`;
}

// extend adds a run to a sparkline, in milliseconds and 0 for down, and draws it
// anew as spark.go does. The values are beside the picture, which is too coarse
// to be read back.
function extend(spark, ms) {
  const values = (spark.dataset.r ? spark.dataset.r.split(",").map(Number) : []).concat(ms > 0 ? ms : 0).slice(-runs);
  spark.dataset.r = values.join(",");
  const slowest = Math.max(...values);
  let d = "";
  let pen = false;
  values.forEach((v, i) => {
    if (v <= 0) {
      pen = false;
      return;
    }
    const height = Math.max(Math.round((v / slowest) * (bottom - top)), 1);
    d += `${pen ? " " : "M"}${(runs - values.length + i) * step} ${bottom - height}`;
    if (!pen && !(values[i + 1] > 0)) d += "h.01";
    pen = true;
  });
  spark.firstElementChild.setAttribute("d", d);
}

function note(cell, check) {
  let text = "";
  if (check.state === "up" && check.failures > 0) text = check.failures === 1 ? "1 failure" : `${check.failures} failures`;
  else if (check.flaky) text = "flaky";
  const old = cell.querySelector(".note");
  if (old?.textContent.startsWith("because") && check.state === "down") return;
  if (!text) return old?.remove();
  const badge = old || cell.appendChild(Object.assign(document.createElement("span"), { className: "note" }));
  if (badge.textContent !== text) badge.textContent = text;
}

function patch(row, check) {
  const [state, name] = row.cells;
  const changed = state.textContent !== check.state;
  if (changed) {
    state.className = `st ${check.state}`;
    state.textContent = check.state;
    row.className = check.state === "down" || check.state === "degraded" ? `is-${check.state}` : "";
  }
  note(name, check);
  const latency = row.querySelector(".lat");
  const text = milliseconds(check.latency_ms);
  if (check.run) {
    const age = row.querySelector(".ago");
    const at = Date.parse(check.at) || Number(check.run);
    if (age.dataset.t !== String(at)) {
      age.dataset.t = String(at);
      age.textContent = ago(at);
      if (latency.textContent !== text) latency.textContent = text;
      const spark = row.querySelector(".spark");
      if (spark) extend(spark, check.state === "down" ? 0 : check.latency_ms);
    }
  }
  const cell = changed ? state.parentElement : latency;
  cell.classList.remove("flash");
  requestAnimationFrame(() => cell.classList.add("flash"));
}

export function startRows() {
  const rows = new Map();
  for (const link of document.querySelectorAll(".rows .nm a")) {
    rows.set(decodeURIComponent(link.getAttribute("href").slice("/checks/".length)), link.closest("tr"));
  }
  if (!rows.size) return;
  // Many runs may end at once: patch at most twenty times a second, with the
  // newest of each check. (Not by frames: a hidden tab has none, and should be
  // right when it is looked at again.)
  const waiting = new Map();
  events.addEventListener("check", ({ detail }) => {
    if (!detail || !rows.has(detail.id)) return;
    if (!waiting.size) setTimeout(() => {
      for (const [id, check] of waiting) patch(rows.get(id), check);
      waiting.clear();
    }, 50);
    waiting.set(detail.id, detail);
  });
}
