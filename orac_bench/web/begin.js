// What comes before everything else: the theme, before anything is painted, the first questions to the service, which are
// asked while the page's modules are still on their way, and what to do where a module does not come.
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

  const AGAIN_MS = 1500;
  let broken = false;
  window.addEventListener("error", ({ target }) => (target?.src || target?.rel === "stylesheet") && mend(), true);

  /** A browser never asks again for a part that did not come: the page begins anew when the service answers. */
  function mend() {
    if (broken) return;
    broken = true;
    const said = document.createElement("p");
    said.className = "trouble";
    said.setAttribute("role", "alert");
    said.textContent = "A part of this page did not come. It begins anew by itself when the service answers.";
    document.getElementById("main")?.replaceChildren(said);
    const ask = () =>
      fetch("/v1/health").then(
        (answer) => (answer.ok ? location.reload() : setTimeout(ask, AGAIN_MS)),
        () => setTimeout(ask, AGAIN_MS),
      );
    setTimeout(ask, AGAIN_MS);
  }
})();
