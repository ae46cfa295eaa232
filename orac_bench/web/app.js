// The page's frame: which view the address asks for, one at a time, each ended before the next begins.

import { parsed } from "./address.js";
import { Unreachable } from "./api.js";
import { showAppearance } from "./appearance.js";
import { showBanner } from "./banner.js";
import { life } from "./life.js";
import { loaded } from "./loading.js";
import { pulse, startPulse } from "./pulse.js";
import { loadWords } from "./words.js";

const VIEWS = {
  overview: { title: "Overview", load: () => import("./overview.js") },
  models: { title: "Models", load: () => import("./models.js") },
  benchmark: { title: "Benchmark", load: () => import("./benchmark.js") },
  case: { title: "History", load: () => import("./history.js"), under: "overview" },
  runs: { title: "Runs", load: () => import("./runs.js") },
  run: { title: "Run", load: () => import("./run.js"), under: "runs" },
  compare: { title: "Compare", load: () => import("./compare.js") },
};

const IDLE_MS = 3000;

const main = document.getElementById("main");
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
    () => Promise.all([moduleOf(view), loadWords()]),
    ([module]) => {
      const inner = document.createElement("div");
      module.show(inner, where, own);
      return inner;
    },
  );
}

/** The view's module. One that could not be fetched is never asked for again by a browser: then the page begins anew. */
async function moduleOf(view) {
  try {
    return await view.load();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    if (pulse.answers) location.reload();
    throw new Unreachable();
  }
}

/** Fetches all views while nothing else is done, so that they are there when the service is not; then what draws. */
async function fetchViews() {
  await Promise.allSettled([...Object.values(VIEWS).map((view) => view.load()), import("./token.js")]);
  if (!pulse.health?.measuring) (await import("./chart.js")).fetchLibrary();
}
