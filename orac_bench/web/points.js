// The runs of a history in numbers: as a table on the page, and as columns to be copied and saved.

import { address } from "./address.js";
import { element, link, named } from "./dom.js";
import { table } from "./table.js";
import { ago, interval, moment, written } from "./units.js";

const MOST_ROWS = 100;

/**
 * The table of `points`, newest first, made when it is opened: a few are open at once, or where `open` says so. The
 * oldest of very many are left out, and it says so.
 */
export function rowsTable(told, points, { open = false } = {}) {
  const rows = [...points].reverse();
  const rest = rows.length - MOST_ROWS;
  const place = element("div", { class: "content" });
  const made = element(
    "details",
    { open: open || rows.length <= 20 },
    element("summary", {}, `${rows.length} runs as a table`),
    place,
  );
  if (made.open) fill();
  else made.addEventListener("toggle", fill, { once: true });
  return made;

  function fill() {
    place.replaceChildren(
      table({ caption: "The runs shown, newest first", columns: columns(told), rows: rows.slice(0, MOST_ROWS) }),
    );
    if (rest > 0)
      place.append(element("p", { class: "quiet" }, `${rest} older ones are left out here; zoom in, or take the CSV.`));
  }
}

/** The newest of them, and how many there are. */
export function latest(told) {
  const last = told.points.at(-1);
  return element(
    "dl",
    { class: "figures" },
    element(
      "div",
      {},
      element("dt", {}, "last"),
      element(
        "dd",
        {},
        written(last.median, told.unit),
        " ",
        element(
          "small",
          {},
          last.ci_low === null ? "no interval" : interval(last.ci_low, last.ci_high, last.median, told.unit),
          ` · n ${last.n}`,
        ),
      ),
    ),
    element("div", {}, element("dt", {}, "measured"), element("dd", {}, ago(last.at))),
    element("div", {}, element("dt", {}, "runs"), element("dd", {}, String(told.points.length))),
  );
}

/** For people. */
export const columns = (told) => [
  {
    label: "Run",
    cell: (point) => link(address("run", point.run, { case: told.case, metric: told.metric }), named(point.run)),
    text: (point) => point.run,
  },
  { label: "Measured", cell: (point) => moment(point.at) },
  { label: "Median", kind: "number", cell: (point) => written(point.median, told.unit) },
  {
    label: "95 % interval",
    kind: "number",
    cell: (point) => interval(point.ci_low, point.ci_high, point.median, told.unit) || "none",
  },
  { label: "n", kind: "number", cell: (point) => String(point.n) },
];

/** For programs: base units, empty where there is none. */
export const rawColumns = (told) => [
  { label: "run", cell: (point) => point.run },
  { label: "at", cell: (point) => point.at },
  { label: `${told.metric}_median`, cell: (point) => String(point.median) },
  { label: `${told.metric}_ci_low`, cell: (point) => String(point.ci_low ?? "") },
  { label: `${told.metric}_ci_high`, cell: (point) => String(point.ci_high ?? "") },
  { label: "n", cell: (point) => String(point.n) },
  { label: "conditions", cell: (point) => point.conditions ?? "" },
];
