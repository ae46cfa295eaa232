// A verdict as word, shape and colour, never as colour alone; and the change that it is about.

import { drawing, element } from "./dom.js";
import { percent } from "./units.js";

const KINDS = { slower: "bad", worse: "bad", faster: "good", better: "good", same: "same", inconclusive: "unsure" };
const SHAPES = {
  bad: ["path", { d: "M2 4h12L8 13z" }],
  good: ["path", { d: "M2 12h12L8 3z" }],
  same: ["path", { d: "M2 5h12v2.2H2zM2 9h12v2.2H2z" }],
  unsure: [
    "circle",
    { cx: 8, cy: 8, r: 4.6, fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-dasharray": "2.6 2.2" },
  ],
};

/** What the verdict means whatever the metric: "bad", "good", "same", "unsure". */
export function kind(word) {
  return KINDS[word] ?? "unsure";
}

/** Its shape. */
export function shape(of) {
  const [tag, attributes] = SHAPES[of];
  return drawing("svg", { viewBox: "0 0 16 16", class: "shape", "aria-hidden": "true" }, drawing(tag, attributes));
}

/** The verdict as a badge. `known`: a person has acknowledged it. */
export function verdict(word, { known = false } = {}) {
  const of = kind(word);
  return element(
    "span",
    { class: `verdict ${of}`, "data-verdict": word },
    shape(of),
    word,
    known ? element("small", {}, " · known") : null,
  );
}

/** "+5.2 %" with its interval "(+4.1 to +6.0 %)". */
export function change(ratio, low, high) {
  if (ratio === null) return element("span", { class: "quiet" }, "no ratio");
  const bounds = low === null ? "no interval yet" : `${percent(low).replace(" %", "")} to ${percent(high)}`;
  return element("span", { class: "change" }, element("b", {}, percent(ratio)), " ", element("small", {}, bounds));
}
