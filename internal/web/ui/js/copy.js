// Copy buttons; hidden without JavaScript, and where the browser has no clipboard.
function reveal(root) {
  if (!navigator.clipboard) return;
  for (const button of root.querySelectorAll("button[data-copy]")) button.hidden = false;
}

export function startCopy() {
  reveal(document);
  document.addEventListener("lapwing:swap", (event) => reveal(event.target));
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button[data-copy]");
    if (!button) return;
    const text = button.firstChild.nodeValue;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.firstChild.nodeValue = "Copied";
      button.classList.add("done");
    } catch {
      button.firstChild.nodeValue = "Not allowed";
    }
    setTimeout(() => {
      button.firstChild.nodeValue = text;
      button.classList.remove("done");
    }, 1500);
  });
}
