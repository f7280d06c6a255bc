// A form that was sent must not be sent again by a second click while the
// server works, as "Run now" may for some seconds.
export function startForms() {
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post") return;
    const button = event.submitter;
    if (!button || event.defaultPrevented) return;
    setTimeout(() => {
      button.disabled = true;
      if (event.target.action.endsWith("/run")) button.textContent = "Running…";
    });
  });
  // The answer with a new token is not at an address of its own: to load it again
  // would make another token.
  if (document.getElementById("new-token")) history.replaceState(null, "", "/settings");
  // A page that comes back from the cache of the browser is usable again.
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
}
