// What comes before everything else: the theme, before anything is painted, and the first questions to the service, which
// are asked while the page's modules are still on their way.
(() => {
  try {
    const chosen = localStorage.getItem("orac.theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // storage is not allowed here: the system's theme holds
  }
  const asked = [new URL("words.json", document.currentScript.src).href];
  if (["", "#", "#/"].includes(location.hash.split("?")[0])) asked.push("/v1/overview");
  window.begun = new Map(asked.map((path) => [path, fetch(path).catch(() => null)]));
})();
