// What the pointer rests on in a row is told in full: the day of a bar, the name
// that was cut, the time of the last run. The link of a row lies over all of its
// cells, so that they are found by place.
import { barTip } from "./bars.js";
import { both } from "./time.js";
import { showTip, hideTip } from "./tip.js";

function at(element, x, y, slack = 0) {
  if (!element) return false;
  const place = element.getBoundingClientRect();
  return x >= place.left && x <= place.right && y >= place.top - slack && y <= place.bottom + slack;
}

// words is the text of an element with a space between its parts.
const words = (element) => [...element.childNodes].map((node) => node.textContent.trim()).filter(Boolean).join(" ");

function tipAt(row, x, y) {
  const bars = row.querySelector("svg.bars");
  if (at(bars, x, y, 4)) return barTip(bars, x);
  const age = row.querySelector(".ago[data-t]");
  if (at(age, x, y)) return both(new Date(+age.dataset.t));
  const name = row.querySelector(".nm");
  if (at(name, x, y) && name.scrollWidth > name.clientWidth) return words(name);
  return "";
}

export function startHover() {
  let shown = false;
  document.addEventListener("pointermove", (event) => {
    const row = event.target.closest?.("tr, .long-bars, .days");
    const text = row ? tipAt(row, event.clientX, event.clientY) : "";
    if (text) showTip(text, event.clientX, event.clientY);
    else if (shown) hideTip();
    shown = Boolean(text);
  }, { passive: true });
}
