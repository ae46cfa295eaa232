// A small line of the latest medians. Drawn, not computed: its own lowest value is at the bottom.

import { drawing } from "./dom.js";

const WIDTH = 96;
const HEIGHT = 26;
const EDGE = 3;

/** The line of `values`, oldest first, with a dot at the last one. A line alone is hidden from screen readers. */
export function spark(values) {
  const known = values.filter((value) => value !== null);
  const low = Math.min(...known);
  const high = Math.max(...known);
  const across = (at) =>
    EDGE + (values.length < 2 ? WIDTH - 2 * EDGE : (at / (values.length - 1)) * (WIDTH - 2 * EDGE));
  const up = (value) =>
    high === low ? HEIGHT / 2 : HEIGHT - EDGE - ((value - low) / (high - low)) * (HEIGHT - 2 * EDGE);
  let path = "";
  values.forEach((value, at) => {
    if (value !== null)
      path += `${at === 0 || values[at - 1] === null ? "M" : "L"}${across(at).toFixed(1)} ${up(value).toFixed(1)}`;
  });
  return drawing(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "spark", "aria-hidden": "true" },
    drawing("path", { d: path, fill: "none", stroke: "currentColor", "stroke-width": 1.5, "stroke-linejoin": "round" }),
    drawing("circle", { cx: across(values.length - 1), cy: up(values.at(-1)), r: 2.6, fill: "currentColor" }),
  );
}
