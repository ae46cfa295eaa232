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
  const MOST_TIMES = 3;
  const WITHIN_MS = 60_000;
  let broken = false;
  window.addEventListener("error", ({ target }) => (target?.src || target?.rel === "stylesheet") && mend(target), true);

  /** A browser never asks again for a part that did not come: the page begins anew when the service answers. */
  function mend(part) {
    if (broken) return;
    broken = true;
    const before = begunAnew();
    const name = new URL(part.src || part.href).pathname.split("/").pop();
    const helpless = before.length >= MOST_TIMES;
    const said = document.createElement("p");
    said.className = "trouble";
    said.setAttribute("role", "alert");
    said.textContent = helpless
      ? `A part of this page does not come: ${name}. Something between this browser and the service may hold it back, an extension of the browser or a proxy. Load the page again when it is mended.`
      : `A part of this page did not come: ${name}. It begins anew by itself when the service answers.`;
    document.getElementById("main")?.replaceChildren(said);
    if (helpless) return;
    const ask = () =>
      fetch("/v1/health").then(
        (answer) => (answer.ok ? anew(before) : setTimeout(ask, AGAIN_MS)),
        () => setTimeout(ask, AGAIN_MS),
      );
    setTimeout(ask, AGAIN_MS);
  }

  /** When the page began anew within the last minute, in ms: not for ever where the service answers and a part is gone. */
  function begunAnew() {
    try {
      return JSON.parse(sessionStorage.getItem("orac.anew") ?? "[]").filter((at_ms) => Date.now() - at_ms < WITHIN_MS);
    } catch {
      return []; // storage is not allowed here
    }
  }

  function anew(before) {
    try {
      sessionStorage.setItem("orac.anew", JSON.stringify([...before, Date.now()]));
    } catch {
      // then nobody counts
    }
    location.reload();
  }
})();
