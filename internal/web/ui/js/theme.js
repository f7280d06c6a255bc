// Runs in the head, before anything is painted, so that a chosen colour scheme
// or a dismissed strip does not flash. Everything else is a module.
(() => {
  const root = document.documentElement;
  const read = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const theme = read("lapwing-theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  if (read("lapwing-demo") === "off") root.dataset.demo = "off";
})();
