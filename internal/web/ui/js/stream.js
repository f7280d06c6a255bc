// One EventSource for all tabs of a browser, because over HTTP/1.1 a browser
// opens six connections to a server and a stream keeps one. The tab that holds
// the lock has the stream and tells the others; when it goes, the next one takes
// over and resumes after the last event that it heard of. Without locks (a page
// over plain HTTP from another machine) each visible tab has its own.
import { clock } from "./time.js";

export const events = new EventTarget();

const kinds = ["check", "config", "health", "traffic", "conditions", "alert", "notification", "reset"];
let lastID = "";
let lost = null; // since when
let everOpen = false;

function emit(kind, data) {
  events.dispatchEvent(new CustomEvent(kind, { detail: data }));
}

function receive(message) {
  if (message.type === "status") return showStatus(message.open);
  if (message.id) lastID = message.id;
  showStatus(true);
  let data = null;
  try { data = JSON.parse(message.data); } catch { /* "reset" has none */ }
  emit(message.type, data);
}

function showStatus(open) {
  const line = document.getElementById("stream");
  const text = document.getElementById("stream-text");
  if (!line) return;
  line.hidden = false;
  if (open) {
    if (lost !== null && everOpen) emit("reset", null); // the page may be older than what was missed
    lost = null;
    everOpen = true;
    line.classList.remove("lost");
    document.body.classList.remove("stale");
    if (text.textContent !== "live") text.textContent = "live";
    return;
  }
  if (lost === null) lost = new Date();
  line.classList.add("lost");
  document.body.classList.add("stale");
  const when = `as of ${clock(lost)}`;
  if (text.textContent !== when) text.textContent = when;
}

// open keeps a stream until the signal says stop, and opens it again when it breaks.
function open(url, tell, signal) {
  let source;
  let wait = 1000;
  let timer = 0;
  const connect = () => {
    source = new EventSource(lastID ? `${url}?last_event_id=${encodeURIComponent(lastID)}` : url);
    source.onopen = () => {
      wait = 1000;
      tell({ type: "status", open: true });
    };
    source.onerror = () => {
      tell({ type: "status", open: false });
      if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
      timer = setTimeout(connect, wait);
      wait = Math.min(wait * 2, 30000);
    };
    for (const kind of kinds) {
      source.addEventListener(kind, (event) => tell({ type: kind, id: event.lastEventId, data: event.data }));
    }
  };
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    source?.close();
  });
  connect();
}

export function startStream() {
  const url = document.body.dataset.stream;
  if (!url || !("EventSource" in window)) return;
  if (navigator.locks && "BroadcastChannel" in window) {
    const channel = new BroadcastChannel("lapwing");
    let leads = null; // the last status, while this tab has the stream
    channel.onmessage = ({ data }) => {
      if (data.type !== "hello") receive(data);
      else if (leads) channel.postMessage(leads);
    };
    channel.postMessage({ type: "hello" }); // a tab that comes later asks how the stream is
    // A page that goes into the back/forward cache must not keep the stream; when
    // it comes back it is loaded anew (forms.js).
    const gone = new AbortController();
    addEventListener("pagehide", () => gone.abort());
    navigator.locks.request("lapwing-stream", { signal: gone.signal }, () => new Promise((release) => {
      const tell = (message) => {
        if (message.type === "status") leads = message;
        channel.postMessage(message);
        receive(message);
      };
      gone.signal.addEventListener("abort", release);
      open(url, tell, gone.signal);
    })).catch(() => { /* gone before it was our turn */ });
    return;
  }
  let stop = null;
  const follow = () => {
    if (document.hidden) {
      stop?.abort();
      stop = null;
    } else if (!stop) {
      stop = new AbortController();
      open(url, receive, stop.signal);
    }
  };
  document.addEventListener("visibilitychange", follow);
  follow();
}
