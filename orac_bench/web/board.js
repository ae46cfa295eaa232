// The board in a row of tiles: temperature, power, memory, Ollama, power mode, what is measured.

import { read } from "./api.js";
import { address } from "./address.js";
import { element, link, named } from "./dom.js";
import { onPulse } from "./pulse.js";
import { ABSENT, span, written } from "./units.js";

/** The tiles, kept true while the view lives. `first` is `board` of /v1/overview. */
export function board(first, life) {
  const place = element("section", { class: "board", "aria-label": "The board now" });
  const mode = first.power_mode;
  let asking = false;
  draw(first, first.reading);
  onPulse(async ({ answers, health }) => {
    place.classList.toggle("stale", !answers);
    if (!answers || asking) return;
    asking = true;
    try {
      draw(health, await read("/v1/telemetry/latest", { signal: life.signal }));
    } catch {
      // the pulse tells when the service is gone
    }
    asking = false;
  }, life.signal);
  return place;

  function draw(health, reading) {
    if (life.signal.aborted) return;
    const held = place.contains(document.activeElement);
    place.replaceChildren(...tiles(health, reading, mode));
    if (held) place.querySelector("a")?.focus({ preventScroll: true });
  }
}

function tiles(health, reading, mode) {
  const values = reading?.values ?? {};
  const { hottest, power_rail: rail } = reading ?? {};
  const { total_b: total, available_b: available } = health.memory;
  const used = total === null || available === null ? null : total - available;
  return [
    tile(
      "Temperature",
      written(reading?.hottest_celsius, "celsius"),
      hottest ? `hottest: ${hottest}` : "no sensor tells it",
    ),
    tile(
      "Power",
      written(reading?.power_w, "W"),
      [rail ?? "no sensor tells that of all", mode ? ` · mode ${mode}` : ""].join(""),
    ),
    tile("Memory", written(used, "B"), total ? `of ${written(total, "B")} in use` : "", total ? used / total : null),
    gpu(values, health),
    tile(
      "Ollama",
      health.versions.ollama ?? ABSENT,
      health.missing?.["versions.ollama"] ?? `the service is up for ${span(health.uptime_s)}`,
    ),
    tile(
      "Measuring",
      health.measuring ? link(address("run", health.measuring), "a run") : "nothing",
      health.measuring ? named(health.measuring) : reading?.replayed ? "telemetry is a recording" : "the board is free",
    ),
  ];
}

function gpu(values, health) {
  const load = values.gpu_load_ratio;
  if (load === undefined)
    return tile("GPU", ABSENT, health.gpu_memory ? "no reading yet" : (health.missing?.gpu_memory ?? ""));
  return tile("GPU", `${(load * 100).toFixed(0)} %`, written(values.gpu_hz, "Hz"), load);
}

function tile(label, value, below, ratio = null) {
  const meter =
    ratio === null
      ? null
      : element("meter", { min: 0, max: 1, value: ratio.toFixed(3), "aria-label": `${label}: share` });
  return element(
    "div",
    { class: "tile" },
    element("h2", {}, label),
    element("p", { class: "value" }, value),
    meter,
    element("p", { class: "quiet" }, below),
  );
}
