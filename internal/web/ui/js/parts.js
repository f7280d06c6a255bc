// Parts of a page that are more than one number (the verdict, tiles, charts)
// are asked of the server again when something happened that they show, and put
// in place of the old ones.
import { events } from "./stream.js";

const busy = 10000, calm = 2500; // milliseconds between two requests, at least

let timer = 0;
let due = 0; // when the timer ends
let last = 0;
let running = false;
let again = false;

function swap(part, fresh) {
  // A live region must not speak when it says what it said before.
  if (part.hasAttribute("aria-live") && part.textContent === fresh.textContent) return;
  // What is being read or typed into stays as it is until the next time.
  if (part.contains(document.activeElement) && document.activeElement !== part) return;
  const selection = getSelection();
  if (selection && !selection.isCollapsed && part.contains(selection.anchorNode)) return;
  part.className = fresh.className;
  for (const { name, value } of fresh.attributes) if (name.startsWith("data-")) part.setAttribute(name, value);
  part.replaceChildren(...fresh.childNodes);
  part.dispatchEvent(new Event("lapwing:swap", { bubbles: true }));
}

async function refresh() {
  if (running) {
    again = true;
    return;
  }
  running = true;
  last = Date.now();
  try {
    const answer = await fetch(location.href, { headers: { "Lapwing-Part": "live" }, cache: "no-store" });
    if (answer.ok && !answer.redirected) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (document.getElementById("start") && !page.getElementById("start")) return location.reload(); // there is something now
      for (const part of document.querySelectorAll("[data-part]")) {
        const fresh = page.getElementById(part.id);
        if (fresh) swap(part, document.adoptNode(fresh));
      }
    }
  } catch { /* offline: the stream says so */ }
  running = false;
  if (again) {
    again = false;
    plan(busy);
  }
}

function plan(pause) {
  if (document.hidden) return;
  const wanted = Math.max(last + pause, Date.now() + 100);
  if (timer && due <= wanted) return;
  clearTimeout(timer); // something that shows sooner than what was planned
  due = wanted;
  timer = setTimeout(() => {
    timer = 0;
    refresh();
  }, wanted - Date.now());
}

export function startParts() {
  // Pages that are not asked for anew as checks run still follow the alerts: that is seldom.
  events.addEventListener("alert", () => plan(calm));
  if (!document.querySelector("main [data-part]")) return;
  const only = document.querySelector("[data-check]")?.dataset.check;
  const states = new Map();
  const nav = document.body.dataset.nav;
  events.addEventListener("check", ({ detail }) => {
    if (!detail || nav === "settings" || ["traffic", "endpoints", "alerts"].includes(nav) || (only && detail.id !== only)) return;
    // A change of state shows soon; other runs only move numbers.
    const changed = states.get(detail.id) !== undefined && states.get(detail.id) !== detail.state;
    states.set(detail.id, detail.state);
    plan(changed || only ? calm : busy);
  });
  events.addEventListener("traffic", () => {
    if (["traffic", "endpoints", "overview"].includes(nav)) plan(busy);
  });
  events.addEventListener("conditions", () => {
    if (nav === "endpoints" || nav === "overview") plan(calm);
  });
  events.addEventListener("config", () => {
    if (nav === "settings") plan(0);
    else location.reload(); // checks may have come or gone
  });
  events.addEventListener("health", () => plan(calm));
  events.addEventListener("reset", () => plan(0));
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) plan(calm);
  });
  const every = +document.querySelector("[data-every]")?.dataset.every;
  if (every) setInterval(() => plan(0), every * 1000);
}
