// Times: the server writes UTC, the reader sees his own zone, with UTC on hover.
const seconds = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const formats = {
  full: new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", ...seconds }),
  near: new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", ...seconds }),
  clock: new Intl.DateTimeFormat("sv-SE", { timeStyle: "medium" }),
  date: new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" }),
  minute: new Intl.DateTimeFormat("sv-SE", { hour: "2-digit", minute: "2-digit" }),
  day: new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" }),
};

export const clock = (date) => formats.clock.format(date);
// full leaves the year out when it is the present one.
export const full = (date) => formats[date.getFullYear() === new Date().getFullYear() ? "near" : "full"].format(date).replace(",", "");
// both is the time of the reader and UTC.
export const both = (date) => `${full(date)} (${date.toISOString().slice(0, 19).replace("T", " ")} UTC)`;
export const day = (date) => formats.day.format(date);

// localize rewrites the times below an element.
export function localize(root) {
  for (const time of root.querySelectorAll("time[data-f]")) {
    const date = new Date(time.dateTime);
    if (isNaN(date)) continue;
    time.title = `${time.dateTime.slice(0, 19).replace("T", " ")} UTC`;
    time.textContent = time.dataset.f === "full" ? full(date) : formats[time.dataset.f].format(date);
  }
  for (const label of root.querySelectorAll(".xs text[data-t]")) {
    const date = new Date(label.dataset.t * 1000);
    label.textContent = label.textContent.includes(":") ? formats.minute.format(date) : formats.day.format(date);
  }
}

// ago is how long ago a time in milliseconds was, as the server writes it.
export function ago(ms, now = Date.now()) {
  const s = Math.floor((now - ms) / 1000);
  if (s < 1) return "now";
  if (s < 60) return `${s}\u00a0s ago`;
  if (s < 3600) return `${Math.floor(s / 60)}\u00a0min ago`;
  if (s < 172800) return `${Math.floor(s / 3600)}\u00a0h ago`;
  return `${Math.floor(s / 86400)}\u00a0d ago`;
}

export function startTimes() {
  localize(document);
  document.addEventListener("lapwing:swap", (event) => localize(event.target));
  setInterval(() => {
    if (document.hidden || document.body.classList.contains("stale")) return;
    const now = Date.now();
    for (const cell of document.querySelectorAll("td.ago[data-t]")) {
      const text = ago(+cell.dataset.t, now);
      if (cell.textContent !== text) cell.textContent = text;
    }
  }, 1000);
}
