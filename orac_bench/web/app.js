// The page's frame: which view the address asks for, one at a time, each ended before the next begins.

import { parsed } from "./address.js";
import { Problem, readText, Unreachable } from "./api.js";
import { showAppearance } from "./appearance.js";
import { showBanner } from "./banner.js";
import { life } from "./life.js";
import { loaded } from "./loading.js";
import { pulse, startPulse } from "./pulse.js";
import { loadWords } from "./words.js";

const VIEWS = {
  overview: { title: "Overview", file: "./overview.js" },
  models: { title: "Models", file: "./models.js" },
  benchmark: { title: "Benchmark", file: "./benchmark.js" },
  case: { title: "History", file: "./history.js", under: "overview" },
  runs: { title: "Runs", file: "./runs.js" },
  run: { title: "Run", file: "./run.js", under: "runs" },
  compare: { title: "Compare", file: "./compare.js" },
};

const IDLE_MS = 3000;
const PATIENCE_MS = 8000;

const main = document.getElementById("main");
const reachedOnce = new Set();
let present = null;

showAppearance(document.getElementById("appearance"));
showBanner(document.getElementById("state"), document.getElementById("banner"));
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener("hashchange", () => show({ moved: true }));
show({ moved: false });
setTimeout(fetchViews, IDLE_MS);
startPulse();

/** Ends the present view and shows the one that the address asks for. */
async function show({ moved }) {
  present?.end();
  const own = (present = life());
  const where = parsed(location.hash);
  const view = VIEWS[where.view] ?? VIEWS.overview;
  document.title = `${view.title} · ORAC Bench`;
  for (const one of document.querySelectorAll("nav a")) {
    if (VIEWS[one.dataset.view] === view || one.dataset.view === view.under) one.setAttribute("aria-current", "page");
    else one.removeAttribute("aria-current");
  }
  const place = document.createElement("div");
  place.className = "view";
  main.replaceChildren(place);
  if (moved) {
    window.scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
  await loaded(
    place,
    own,
    (signal) => Promise.all([moduleOf(view, signal), loadWords()]),
    ([module]) => {
      const inner = document.createElement("div");
      module.show(inner, where, own);
      return inner;
    },
  );
}

/** The view's module. One that could not be fetched is never asked for again by a browser: then the page begins anew. */
async function moduleOf({ file }, signal) {
  try {
    if (pulse.answers !== null) await reached(file, signal); // before that, the page itself is on its way
    return await import(file);
  } catch (error) {
    if (!(error instanceof TypeError || error instanceof Problem)) throw error;
    if (pulse.answers) location.reload();
    throw new Unreachable();
  }
}

/** Fetches all views while nothing else is done, so that they are there when the service is not; then what draws. */
async function fetchViews() {
  try {
    for (const file of [...Object.values(VIEWS).map((view) => view.file), "./token.js"]) {
      await reached(file);
      await import(file);
    }
  } catch {
    return; // what is missing is fetched when it is wanted
  }
  if (!pulse.health?.measuring) (await import("./chart.js")).fetchLibrary();
}

/**
 * Fetches a module that is imported next, from what the browser keeps. An import cannot be called off: where the network
 * is gone, some of them would keep every connection that a browser has.
 */
async function reached(file, signal) {
  if (reachedOnce.has(file)) return;
  await readText(new URL(file, import.meta.url).href, { signal, patience: PATIENCE_MS });
  reachedOnce.add(file);
}
