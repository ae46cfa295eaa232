// The switch between light and dark. Who never touches it follows the system.

import { button, drawing, element } from "./dom.js";

const KEY = "orac.theme";
const ORDER = ["system", "light", "dark"];
const SIGNS = {
  system: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  light:
    "M12 7.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M12 1.5v3M12 19.5v3M1.5 12h3M19.5 12h3M4.6 4.6l2.1 2.1M17.3 17.3l2.1 2.1M4.6 19.4l2.1-2.1M17.3 6.7l2.1-2.1",
  dark: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
};
const system = matchMedia("(prefers-color-scheme: dark)");

/** Calls `told` when the colours of the page have changed, until `signal` is aborted. */
export function onColours(told, signal) {
  window.addEventListener("orac:colours", told, { signal });
}

/** Puts the switch into `place`. */
export function showAppearance(place) {
  const said = element("span", { class: "spoken" });
  const sign = drawing("path", {
    fill: "none",
    stroke: "currentColor",
    "stroke-width": 1.8,
    "stroke-linejoin": "round",
    "stroke-linecap": "round",
  });
  const made = button([drawing("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, sign), said], turn, {
    class: "round",
  });
  system.addEventListener("change", changed);
  tell();
  place.replaceChildren(made);

  function turn() {
    const next = ORDER[(ORDER.indexOf(chosen()) + 1) % ORDER.length];
    if (next === "system") {
      localStorage.removeItem(KEY);
      delete document.documentElement.dataset.theme;
    } else {
      localStorage.setItem(KEY, next);
      document.documentElement.dataset.theme = next;
    }
    tell();
    changed();
  }

  function tell() {
    sign.setAttribute("d", SIGNS[chosen()]);
    said.textContent = `Theme: ${chosen()}`;
    made.title = `Theme: ${chosen()}`;
  }
}

function chosen() {
  return document.documentElement.dataset.theme ?? "system";
}

function changed() {
  window.dispatchEvent(new Event("orac:colours"));
}
