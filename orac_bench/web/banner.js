// What is said above every view: how the service stands, what it measures, and when it does not answer.

import { address } from "./address.js";
import { element, link } from "./dom.js";
import { onPulse } from "./pulse.js";

/** Keeps `state` (in the header) and `banner` (below it) true. */
export function showBanner(state, banner) {
  let said = null;
  onPulse(({ answers, health }) => {
    const now = answers ? [health.status, health.measuring, ...health.warnings].join("\n") : "gone";
    if (now === said) return;
    said = now;
    state.replaceChildren(answers ? standing(health) : pill("gone", "no answer"));
    banner.replaceChildren(
      ...(answers ? health.warnings.map((text) => element("p", { class: "warned" }, text)) : [gone()]),
    );
  });
}

function standing(health) {
  if (health.measuring) {
    const made = link(address("run", health.measuring), "measuring");
    made.className = "pill busy";
    return made;
  }
  return health.status === "ok" ? pill("ok", "ready") : pill("degraded", "degraded");
}

function pill(kind, text) {
  return element("span", { class: `pill ${kind}` }, text);
}

function gone() {
  return element(
    "p",
    { class: "gone" },
    "The service does not answer. What you see is what it said last; this page tries again by itself.",
  );
}
