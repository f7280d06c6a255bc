// One tooltip for the whole page, placed beside the pointer and inside the window.
let box;

export function showTip(text, x, y) {
  if (!box) {
    box = document.createElement("div");
    box.className = "tip";
    box.setAttribute("role", "tooltip");
    document.body.append(box);
  }
  box.hidden = false;
  if (box.textContent !== text) box.textContent = text;
  const { width, height } = box.getBoundingClientRect();
  const left = x + 14 + width > innerWidth - 8 ? x - 14 - width : x + 14;
  const top = y + 14 + height > innerHeight - 8 ? y - 14 - height : y + 14;
  box.style.left = `${Math.max(left, 8)}px`;
  box.style.top = `${Math.max(top, 8)}px`;
}

export function hideTip() {
  if (box) box.hidden = true;
}
