// Labels, units, directions and sentences, as ORAC's own tables have them: asked for once, retyped nowhere.

import { read } from "./api.js";

let asked = null;
let known = { metrics: {}, suites: {}, flags: {} };

/** Loads them; everything below may be called afterwards. */
export async function loadWords() {
  asked ??= read(new URL("words.json", import.meta.url).href).catch((error) => {
    asked = null;
    throw error;
  });
  known = await asked;
}

/** The metric `key`: label, unit, better, formula. Of an unknown one its key. */
export function metric(key) {
  return known.metrics[key] ?? { label: key, unit: "", better: null, formula: "", clock: "" };
}

/** The keys of all metrics, in the order of tables. */
export function metricKeys() {
  return Object.keys(known.metrics);
}

/** "lower is better", or nothing. */
export function direction(better) {
  return better ? `${better} is better` : "";
}

/** The suites by name: question, headlines. */
export function suites() {
  return known.suites;
}

/** The metrics that a suite is looked at by. */
export function headlines(suite) {
  return known.suites[suite]?.headlines ?? ["e2e_s"];
}

/** What a flag means: `text`, and whether it `excludes` the round. */
export function flag(name) {
  return known.flags[name] ?? { text: name, excludes: false };
}
