// Figures of the last second, as they come; everything else on the page follows
// some seconds later (parts.js).
import { events } from "./stream.js";

function perSecond(rate) {
  if (!(rate > 0)) return "0";
  if (rate >= 99.5) return Math.round(rate).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return rate >= 9.95 ? rate.toFixed(1) : rate.toFixed(2);
}

export function startTraffic() {
  if (document.body.dataset.nav !== "traffic") return;
  events.addEventListener("traffic", ({ detail }) => {
    if (document.getElementById("start")) { // the first request has come
      location.reload();
      return;
    }
    const place = document.querySelector('[data-live="rate"]');
    const text = `${perSecond(detail?.rate)}/s now`;
    if (place && place.textContent !== text) place.textContent = text;
  });
}
