// While something is fetched, and where it could not be: said calmly, tried again, mended by itself.

import { Unreachable } from "./api.js";
import { button, element } from "./dom.js";
import { life as newLife } from "./life.js";
import { onPulse } from "./pulse.js";

const QUIET_MS = 250;
const AGAIN_MS = 2500;

/** Shows in `place` what `draw` makes of what `load` brings; where it fails the reason below `heading`, and tries again. */
export async function loaded(place, life, load, draw, heading = null) {
  place.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => !place.childElementCount && place.replaceChildren(waiting()), QUIET_MS);
  try {
    const found = await load(life.signal);
    if (!life.signal.aborted) place.replaceChildren(...[await draw(found)].flat().filter(Boolean));
  } catch (error) {
    if (life.signal.aborted) return;
    if (!(error instanceof Error && (error instanceof Unreachable || "status" in error))) console.error(error);
    const again = () => loaded(place, life, load, draw, heading);
    place.replaceChildren(...(heading ? [element("h1", {}, heading)] : []), trouble(error, again));
    if (error instanceof Unreachable) whenBack(life, again);
  } finally {
    clearTimeout(slow);
    if (!life.signal.aborted) place.removeAttribute("aria-busy"); // else others may load there by now
  }
}

/** What `asked` brings; where there is no such thing, `link` leads to those that there are. */
export async function found(asked, link) {
  try {
    return await asked;
  } catch (error) {
    if (error.status === 404) error.link = link;
    throw error;
  }
}

/** What went wrong and what to do about it, with a button that tries `again`. */
export function trouble(error, again = null) {
  const unreachable = error instanceof Unreachable;
  return element(
    "div",
    { class: "trouble", role: "alert" },
    element(
      "p",
      {},
      element("strong", {}, unreachable ? "The service does not answer" : (error.title ?? "This did not work")),
      ". ",
      unreachable ? (again ? "Trying again." : "Try it once more when it does.") : error.message,
    ),
    error.link ? element("p", {}, error.link) : error.next ? element("p", { class: "quiet" }, error.next) : null,
    again && !error.link ? button("Try again", again) : null,
  );
}

/** Calls `act` once when the service answers again. */
export function whenBack(life, act) {
  const waits = newLife(life);
  const again = () => {
    waits.end();
    act();
  };
  let wasGone = false;
  onPulse(({ answers }) => {
    if (answers && wasGone) again();
    wasGone ||= !answers;
  }, waits.signal);
  waits.after(AGAIN_MS, again);
}

function waiting() {
  return element("p", { class: "waiting" }, "Loading …");
}
