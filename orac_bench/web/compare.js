// Two or more runs or models beside a base: what changed, how surely, under which conditions, and what it costs.

import { address, go, remember } from "./address.js";
import { read } from "./api.js";
import { caseName } from "./case_name.js";
import { copyButton, saveButton } from "./copy.js";
import { button, element, link, named } from "./dom.js";
import { loaded } from "./loading.js";
import { pickers } from "./pickers.js";
import { asCsv, asMarkdown, table } from "./table.js";
import { tradeoff } from "./tradeoff.js";
import { interval, percent, workload, written } from "./units.js";
import { change, kind, shape, verdict } from "./verdict.js";
import { direction, metric } from "./words.js";

const CHANGED = new Set(["bad", "good"]);

/** Shows the comparison that the address asks for, and the choice of another. */
export function show(place, where, life) {
  const asked = {
    base: where.query.get("base") ?? "",
    candidates: where.query.getAll("candidate").filter(Boolean),
    paired: where.query.get("paired") === "1",
    changed: where.query.get("changed") === "1",
    across: where.query.get("across") === "1",
    metrics: where.query.getAll("metric"),
  };
  const choice = element("div");
  const content = element("div", { class: "content" });
  place.append(element("h1", {}, "Compare"), choice, content);
  pickers(choice, asked, life, (next) => {
    go(
      address("compare", null, {
        base: next.base,
        candidate: next.candidates,
        metric: next.metrics,
        across: next.across ? "1" : "",
        paired: asked.paired && !next.candidates.length ? "1" : "",
        changed: asked.changed ? "1" : "",
      }),
    );
  });
  if (!asked.base || !(asked.candidates.length || asked.paired)) {
    content.append(
      element("p", { class: "empty" }, "Choose a base and at least one candidate: runs, or models of a run."),
    );
    return;
  }
  const query = new URLSearchParams([
    ["base", asked.base],
    ...asked.candidates.map((one) => ["candidate", one]),
    ...asked.metrics.map((one) => ["metric", one]),
    ...(asked.across ? [["across_conditions", "true"]] : []),
  ]);
  loaded(
    content,
    life,
    (signal) => read(`/v1/compare?${query}`, { signal }),
    (told) => drawn(told, asked, life),
  );
}

function drawn(told, asked, life) {
  const several = Array.isArray(told.candidate);
  const candidates = several ? told.candidate : [told.candidate];
  const both = told.cases.some((one) => otherName(one) !== caseName(one));
  const cases = told.cases.filter((one) => !one.canary);
  const canaries = told.cases.filter((one) => one.canary);
  const judged = cases.filter((one) => one.ratio !== null);
  const common = judged.length > 1 ? judged[0].notes.filter((text) => judged.every((one) => one.notes.includes(text))) : [];
  const columns = columnsOf({ several, both, common });
  const rows = element("div", { class: "content" });
  const wanted = () => byEffect(asked.changed ? cases.filter((one) => CHANGED.has(kind(one.verdict))) : cases);
  const redraw = () => {
    const shown = wanted();
    rows.replaceChildren(
      element(
        "p",
        { class: "quiet count", "aria-live": "polite" },
        `${shown.length} of ${cases.length} comparisons, the largest effect first`,
      ),
      shown.length
        ? table({
            caption: "Comparisons, the largest effect first",
            columns,
            rows: shown,
            rowAttributes: (one) => ({ class: kind(one.verdict) }),
          })
        : element(
            "p",
            { class: "empty" },
            asked.changed ? "Nothing has changed for certain." : "There is nothing to compare.",
          ),
    );
  };
  redraw();
  const only = element("input", {
    type: "checkbox",
    checked: asked.changed,
    on: {
      change: () => {
        asked.changed = only.checked;
        remember({ changed: only.checked ? "1" : "" });
        redraw();
      },
    },
  });
  const name = `compare-${told.base}`.replace(/[^\w.-]+/g, "_");
  return [
    conditions(told, candidates, asked),
    ...common.map((text) => element("p", { class: "quiet" }, `For all of them: ${text}.`)),
    ...canaries.map((one) =>
      element(
        "p",
        { class: "quiet" },
        "Canary ",
        named(one.model),
        `: ${metric(one.metric).label} ${percent(one.ratio)}, ${one.verdict}`,
      ),
    ),
    element(
      "div",
      { class: "bar" },
      element("div", { class: "chips", role: "group", "aria-label": "Verdicts" }, counts(cases)),
      element(
        "div",
        { class: "actions" },
        element("label", { class: "check" }, only, "changed only"),
        copyButton("Copy as Markdown", () => asMarkdown(columns, wanted())),
        saveButton("CSV", `${name}.csv`, () => asCsv(columns, wanted()), "text/csv"),
        saveButton("JSON", `${name}.json`, () => JSON.stringify(told, null, 2), "application/json"),
      ),
    ),
    rows,
    tradeoff([told.base, ...candidates], life),
  ];
}

function counts(cases) {
  const words = { bad: "worse", unsure: "inconclusive", same: "same", good: "better" };
  return Object.entries(words).map(([of, word]) =>
    element(
      "span",
      { class: `verdict ${of}` },
      shape(of),
      `${cases.filter((one) => kind(one.verdict) === of).length} ${word}`,
    ),
  );
}

/** The largest effect first; what has no ratio last. How far a ratio is from 1 is the same either way round. */
function byEffect(cases) {
  const size = (one) => (one.ratio === null ? -1 : Math.abs(Math.log(one.ratio)));
  return [...cases].sort((a, b) => size(b) - size(a));
}

/** How the candidate's case is called. */
function otherName(one) {
  return caseName({ model: one.candidate_model, variant: one.candidate_variant });
}

function columnsOf({ several, both, common }) {
  const value = (summary, unit) =>
    summary === null
      ? element("span", { class: "quiet" }, "no value")
      : [
          element("span", { class: "value" }, written(summary.median, unit)),
          element(
            "small",
            {},
            summary.ci_low === null ? "no interval" : interval(summary.ci_low, summary.ci_high, summary.median, unit),
            ` · n ${summary.n}`,
          ),
        ];
  const text = (summary, unit) =>
    summary === null
      ? "no value"
      : `${written(summary.median, unit)} (${interval(summary.ci_low, summary.ci_high, summary.median, unit) || "no interval"}, n ${summary.n})`;
  return [
    {
      label: "Case",
      cell: (one) => [
        link(address("case", one.case, { metric: one.metric }), named(caseName(one))),
        both
          ? [" → ", link(address("case", one.candidate_case, { metric: one.metric }), named(otherName(one)))]
          : null,
        element("small", {}, `${one.suite} · ${workload(one.workload)}`),
      ],
      text: (one) => `${caseName(one)}${both ? ` → ${otherName(one)}` : ""} ${one.suite} ${workload(one.workload)}`,
    },
    ...(several
      ? [{ label: "Candidate", cell: (one) => named(one.candidate_run), text: (one) => one.candidate_run }]
      : []),
    {
      label: "Metric",
      cell: (one) => [metric(one.metric).label, element("small", {}, direction(one.better))],
      text: (one) => metric(one.metric).label,
    },
    {
      label: "Base",
      kind: "number",
      cell: (one) => value(one.base, one.unit),
      text: (one) => text(one.base, one.unit),
    },
    {
      label: "Candidate value",
      kind: "number",
      cell: (one) => value(one.candidate, one.unit),
      text: (one) => text(one.candidate, one.unit),
    },
    {
      label: "Change",
      kind: "number",
      cell: (one) => change(one.ratio, one.ci_low, one.ci_high),
      text: (one) =>
        `${percent(one.ratio)} (${one.ci_low === null ? "no interval" : `${percent(one.ci_low)} to ${percent(one.ci_high)}`})`,
      sort: (one) => (one.ratio === null ? null : Math.log(one.ratio)),
    },
    {
      label: "Verdict",
      cell: (one) => [verdict(one.verdict), needed(one), notesOf(one, common)],
      text: (one) => one.verdict,
      sort: (one) => one.verdict,
    },
  ];
}

function needed(one) {
  return one.needed === null
    ? null
    : element("small", {}, `${one.needed} more ${one.in_blocks ? "block" : "round"}${one.needed === 1 ? "" : "s"} would probably decide`);
}

/** The remarks on a comparison but for those that are said once for all. */
function notesOf(one, common) {
  const own = one.notes.filter((text) => !common.includes(text));
  if (!own.length) return null;
  return element(
    "details",
    {},
    element("summary", {}, element("small", {}, own.length === 1 ? "1 remark" : `${own.length} remarks`)),
    element(
      "ul",
      { class: "notes" },
      own.map((text) => element("li", {}, text)),
    ),
  );
}

function conditions(told, candidates, asked) {
  const differ = Object.entries(told.conditions_differ);
  if (!differ.length) return element("p", { class: "quiet" }, "Measured under equal conditions.");
  const columns = [
    { label: "Condition", cell: ([key]) => key },
    { label: "Base", cell: ([, values]) => shown(values[0]) },
    ...candidates.map((one, at) => ({
      label: candidates.length > 1 ? `Candidate ${at + 1}` : "Candidate",
      cell: ([, values]) => shown(values[at + 1]),
    })),
  ];
  return element(
    "section",
    { class: "card" },
    element(
      "div",
      { class: "bar" },
      element("h2", {}, "What differs in the conditions"),
      asked.across
        ? element("span", { class: "quiet" }, "compared all the same")
        : button("Compare all the same", () =>
            go(
              address("compare", null, {
                base: asked.base,
                candidate: asked.candidates,
                metric: asked.metrics,
                across: "1",
              }),
            ),
          ),
    ),
    table({ caption: "Conditions that differ", columns, rows: differ }),
  );
}

function shown(value) {
  return named(value === null ? "none" : typeof value === "object" ? JSON.stringify(value) : value);
}
