// What is told to the desktop shows as a notification of the browser, for a reader
// who wants that: a switch on the page of alerts asks the browser, and every open
// page of Lapwing shows them.
import { events } from "./stream.js";

const key = "lapwing-desktop";
const most = 5; // notifications within a minute: beyond, one says how many there were
const shown = [];

const wanted = () => { try { return localStorage.getItem(key) === "on"; } catch { return false; } };
const keep = (on) => {
  try {
    if (on) localStorage.setItem(key, "on");
    else localStorage.removeItem(key);
  } catch { /* private window: nothing is kept */ }
};

// ours is the path of a page of ours, and the list of alerts for anything else.
const ours = (link) => {
  try {
    const url = new URL(String(link), location.origin);
    return url.origin === location.origin ? url.pathname + url.search : "/alerts";
  } catch { return "/alerts"; }
};

// show makes one notification. Its tag is what it is about: other tabs that show
// it too, and what is told of it later, take its place.
function show(news) {
  const now = Date.now();
  while (shown.length && shown[0] < now - 60000) shown.shift();
  shown.push(now);
  let title = String(news.title || "Alert").slice(0, 200);
  let options = { body: String(news.text || "").slice(0, 300), tag: `lapwing-${news.tag}`, silent: news.state === "resolved" };
  let link = ours(news.link);
  if (shown.length > most) {
    title = `${shown.length} alerts within a minute`;
    options = { body: "Open the list to see them all.", tag: "lapwing-many", silent: false };
    link = "/alerts";
  }
  options.icon = document.querySelector('link[rel="icon"]')?.href;
  try {
    const note = new Notification(title, options);
    note.onclick = () => {
      window.focus();
      note.close();
      location.assign(link);
    };
  } catch { /* browsers on phones have them for service workers alone */ }
}

export function startDesktop() {
  const can = "Notification" in window && window.isSecureContext;
  events.addEventListener("notification", ({ detail }) => {
    if (can && detail && wanted() && Notification.permission === "granted") show(detail);
  });
  const button = document.getElementById("desktop-switch");
  const text = document.getElementById("desktop-text");
  if (!button || !text) return;
  const draw = () => {
    const on = can && wanted() && Notification.permission === "granted";
    button.hidden = !can || Notification.permission === "denied";
    button.setAttribute("aria-pressed", String(on));
    button.textContent = on ? "Stop showing them" : "Show alerts here";
    if (!can) text.textContent = "Browsers show notifications only of pages that came over HTTPS or from this machine. This page did not, or the browser has none.";
    else if (Notification.permission === "denied") text.textContent = "This browser was told to show no notifications of this site. Its settings of the site can change that.";
    else if (on) text.textContent = "What is told to the desktop shows as notifications of this browser, while a page of Lapwing is open in it.";
    else text.textContent = "This browser can show alerts as notifications, while a page of Lapwing is open in it.";
  };
  button.addEventListener("click", async () => {
    if (wanted() && Notification.permission === "granted") keep(false);
    else if (await Notification.requestPermission() === "granted") keep(true);
    draw();
  });
  draw();
}
