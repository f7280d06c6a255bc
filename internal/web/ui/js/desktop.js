// Alerts as notifications of the desktop, for a reader who wants them: a switch on
// the page of alerts asks the browser, every open page of Lapwing shows them.
import { events } from "./stream.js";

const key = "lapwing-desktop";
const most = 5; // notifications within a minute: beyond, one says how many more
const shown = [];

const wanted = () => { try { return localStorage.getItem(key) === "on"; } catch { return false; } };
const keep = (on) => {
  try {
    if (on) localStorage.setItem(key, "on");
    else localStorage.removeItem(key);
  } catch { /* private window: it lasts as long as the page */ }
};

// show makes one notification. Its tag is the alert: tabs that show it too, and
// what becomes of it later, take its place.
function show(alert) {
  const resolved = alert.state === "resolved";
  const now = Date.now();
  while (shown.length && shown[0] < now - 60000) shown.shift();
  shown.push(now);
  let title = `${resolved ? "Resolved" : "Firing"}: ${alert.name || "alert"}`;
  let body = String(alert.summary || "").slice(0, 300);
  let tag = `lapwing-${alert.id}`;
  let page = `/alerts/${encodeURIComponent(alert.id)}`;
  if (shown.length > most) {
    [title, body, tag, page] = ["More alerts", `${shown.length} alerts within a minute`, "lapwing-more", "/alerts"];
  }
  const icon = document.querySelector('link[rel="icon"]')?.href;
  try {
    const note = new Notification(title, { body, tag, icon, silent: resolved });
    note.onclick = () => {
      window.focus();
      note.close();
      location.assign(page);
    };
  } catch { /* a browser on a phone has them for service workers alone */ }
}

export function startDesktop() {
  const can = "Notification" in window && window.isSecureContext;
  events.addEventListener("alert", ({ detail }) => {
    if (!can || !wanted() || Notification.permission !== "granted" || !detail?.id) return;
    if (detail.state === "firing" || detail.state === "resolved") show(detail);
  });
  const button = document.getElementById("desktop-switch");
  const text = document.getElementById("desktop-text");
  if (!button || !text) return;
  const draw = () => {
    const on = can && wanted() && Notification.permission === "granted";
    button.hidden = !can || Notification.permission === "denied";
    button.setAttribute("aria-pressed", String(on));
    button.textContent = on ? "Stop showing them" : "Show alerts here";
    if (!can) text.textContent = "Browsers show notifications only of pages over HTTPS or of this machine, and this one came over plain HTTP, or the browser has none.";
    else if (Notification.permission === "denied") text.textContent = "This browser was told to show no notifications of this site. Its settings of the site can change that.";
    else if (on) text.textContent = "Alerts show as notifications of this browser while a page of Lapwing is open in it.";
    else text.textContent = "This browser can show alerts as notifications while a page of Lapwing is open in it.";
  };
  button.addEventListener("click", async () => {
    if (wanted() && Notification.permission === "granted") keep(false);
    else if (await Notification.requestPermission() === "granted") keep(true);
    draw();
  });
  draw();
}
