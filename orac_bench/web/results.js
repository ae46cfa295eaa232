// The results of a run: a line a case, medians with their intervals, headlines standing out; and the run as a file.

import { readText } from "./api.js";
import { caseName } from "./case_name.js";
import { copyButton } from "./copy.js";
import { button, element, named } from "./dom.js";
import { over, status } from "./status.js";
import { scrolled, table } from "./table.js";
import { interval, reached, share, workload, written } from "./units.js";
import { headlines, metric } from "./words.js";

/** The table `made` by resultsTable with the run's downloads. */
export function card(run, results) {
  return element(
    "section",
    { class: "card" },
    element("div", { class: "bar" }, element("h2", {}, "Results"), over(run.status) ? downloads(run) : null),
    scrolled(results, "Results"),
  );
}

/** A line a case. `choose` hears which one is clicked; null where none can be. */
export function resultsTable(results, choose) {
  const columns = [
    {
      label: "Case",
      cell: (one) => [
        choose ? button(named(nameOf(one)), () => choose(one), { class: "row" }) : named(nameOf(one)),
        element("small", {}, `${one.case.suite} · ${workload(one.case.workload)}`),
      ],
    },
    {
      label: "Status",
      cell: (one) => [status(one.status), one.error ? element("small", { class: "said" }, one.error.message) : null],
    },
    { label: "Counted", kind: "number", cell: (one) => reached(one.done, one) },
    ...[
      "ttft_s",
      "decode_tokens_per_s",
      "prefill_tokens_per_s",
      "e2e_s",
      "load_s",
      "sustained_ratio",
      "joules_per_output_token",
      "temperature_max_celsius",
    ]
      .filter((key) => results.some((one) => one.summary[key]))
      .map((key) => ({ label: metric(key).label, kind: "number", cell: (one) => value(one, key) })),
    { label: "On GPU", kind: "number", cell: (one) => share(one.offload_ratio), narrow: false },
  ];
  return table({ caption: "Results", columns, rows: results, rowAttributes: (one) => ({ "data-case": one.case.key }) });
}

function nameOf(result) {
  return caseName({ model: result.case.model, variant: result.variant });
}

/** A metric of a result with its interval; headlines stand out. */
function value(result, key) {
  const told = result.summary[key];
  if (!told) return element("span", { class: "quiet" }, "–");
  const unit = metric(key).unit;
  return [
    element("span", { class: headlines(result.case.suite).includes(key) ? "value" : null }, written(told.median, unit)),
    element(
      "small",
      {},
      [interval(told.ci_low, told.ci_high, told.median, unit), told.n === result.done ? "" : `n ${told.n}`]
        .filter(Boolean)
        .join(" · ") || "no interval",
    ),
  ];
}

function downloads(run) {
  const at = (format) => `/v1/export?run=${encodeURIComponent(run.id)}&format=${format}`;
  return element(
    "div",
    { class: "actions" },
    copyButton("Copy as Markdown", () => readText(at("markdown"))),
    ["csv", "json"].map((format) =>
      element("a", { class: "plain", href: at(format), download: `orac-${run.id}.${format}` }, format.toUpperCase()),
    ),
  );
}
