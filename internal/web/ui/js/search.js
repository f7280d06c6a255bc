// Suggestions under the search box, as an ARIA combobox. Without JavaScript the
// form jumps to the check or lists what was found.
export function startSearch() {
  const input = document.getElementById("q");
  const list = document.getElementById("hits");
  if (!input || !list) return;
  const wide = input.placeholder;
  const narrow = matchMedia("(max-width: 760px)");
  const fit = () => { input.placeholder = narrow.matches ? input.dataset.narrow : wide; };
  narrow.addEventListener("change", fit);
  fit();
  input.setAttribute("role", "combobox");
  input.setAttribute("aria-controls", "hits");
  input.setAttribute("aria-expanded", "false");
  input.setAttribute("aria-autocomplete", "list");

  let hits = [];
  let chosen = -1;
  let asked = 0;
  let timer = 0;

  const close = () => {
    list.hidden = true;
    chosen = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const choose = (at) => {
    chosen = at;
    [...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === at)));
    if (at >= 0) input.setAttribute("aria-activedescendant", `hit-${at}`);
    else input.removeAttribute("aria-activedescendant");
  };
  const show = () => {
    list.replaceChildren(...hits.map((hit, i) => {
      const item = document.createElement("li");
      item.id = `hit-${i}`;
      item.setAttribute("role", "option");
      const state = document.createElement("span");
      state.className = `st ${hit.state} bare`;
      state.textContent = hit.state;
      const name = document.createElement("bdi");
      name.textContent = hit.name;
      item.append(state, name);
      if (hit.api) {
        const api = document.createElement("bdi");
        api.className = "muted";
        api.textContent = hit.api;
        item.append(api);
      }
      return item;
    }));
    if (!hits.length) {
      const none = document.createElement("li");
      none.className = "none";
      none.setAttribute("role", "option");
      none.setAttribute("aria-disabled", "true");
      none.textContent = "Nothing matches";
      list.append(none);
    }
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    choose(hits.length ? 0 : -1);
  };
  const ask = async () => {
    const query = input.value.trim();
    const mine = ++asked;
    if (!query) return close();
    try {
      const answer = await fetch(`/search.json?q=${encodeURIComponent(query)}`);
      if (!answer.ok || mine !== asked) return;
      hits = await answer.json();
      if (document.activeElement === input) show();
    } catch { /* offline: the form still works when the server is back */ }
  };

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, 80);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if (list.hidden) input.blur();
      close();
      return;
    }
    if (list.hidden) return;
    if (event.key === "ArrowDown") choose(Math.min(chosen + 1, hits.length - 1));
    else if (event.key === "ArrowUp") choose(Math.max(chosen - 1, 0));
    else if (event.key === "Enter" && chosen >= 0) location.assign(hits[chosen].url);
    else return;
    event.preventDefault();
  });
  input.addEventListener("blur", () => setTimeout(close, 150));
  list.addEventListener("pointerdown", (event) => {
    const at = [...list.children].indexOf(event.target.closest("li"));
    if (hits[at]) location.assign(hits[at].url);
  });
}
