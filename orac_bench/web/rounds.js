// A case of a run, round by round: every one as a dot beside their box, as a table, and on the board's timeline.

import { address, remember } from "./address.js";
import { read } from "./api.js";
import { caseName } from "./case_name.js";
import { chart, imageButton } from "./chart.js";
import { distributionOptions, signs } from "./distribution.js";
import { button, element, link, named } from "./dom.js";
import { select } from "./form.js";
import { loaded } from "./loading.js";
import { table } from "./table.js";
import { timeline } from "./timeline.js";
import { interval, reached, workload, written } from "./units.js";
import { direction, flag, headlines, metric, metricKeys } from "./words.js";

/** The last run that was asked for with all its rounds, as it stood: one that was interrupted may have gone on since. */
const kept = { as: null, told: null };

/** Shows the rounds of `result` in `place`. `wanted` says which metric and round the address asks for. */
export async function caseRounds(place, told, result, wanted, life) {
  await loaded(
    place,
    life,
    async (signal) => {
      const { id, status, ended } = told.run;
      const as = `${id} ${status} ${ended}`;
      if (kept.as !== as || !ended)
        Object.assign(kept, { told: await read(`/v1/runs/${encodeURIComponent(id)}?rounds=true`, { signal }), as });
      return kept.told;
    },
    (whole) =>
      drawn(whole, whole.results.find((one) => one.case.key === result.case.key) ?? whole.results[0], wanted, life),
  );
}

function drawn(told, result, wanted, life) {
  const known = metricKeys().filter((key) => result.rounds.some((one) => one.metrics[key] !== null));
  const first =
    headlines(result.case.suite).find((key) => known.includes(key)) ?? known[0] ?? headlines(result.case.suite)[0];
  const state = { metric: known.includes(wanted.metric) ? wanted.metric : first };
  const distribution = element("div");
  const show = () => distribution.replaceChildren(...distributed(result, state.metric, life));
  show();
  const below = element("div");
  const chooseRound = timeline(below, told, result, wanted.round, life);
  return [
    element(
      "section",
      { class: "card", "aria-label": "Rounds" },
      element(
        "div",
        { class: "bar" },
        element(
          "h2",
          {},
          "Every round of ",
          named(caseName({ model: result.case.model, variant: result.variant })),
          ` · ${result.case.suite} · ${workload(result.case.workload)}`,
        ),
        element(
          "div",
          { class: "actions" },
          link(address("case", result.case.key, { metric: state.metric }), "Its history"),
        ),
      ),
      result.answer
        ? element(
            "details",
            {},
            element("summary", {}, "The answer of the first round"),
            element("p", { class: "answer" }, result.answer),
          )
        : null,
      known.length
        ? element(
            "div",
            { class: "filters" },
            select(
              "r-metric",
              "Metric",
              known.map((key) => [key, metric(key).label]),
              state.metric,
              (value) => {
                state.metric = value;
                remember({ metric: value });
                show();
              },
            ),
          )
        : null,
      distribution,
      roundsTable(result, known.includes(state.metric) ? state.metric : null, chooseRound),
    ),
    below,
  ];
}

function distributed(result, key, life) {
  const about = metric(key);
  const summary = result.summary[key] ?? null;
  const left = result.rounds.filter((one) => one.phase === "measure" && !one.counted);
  const failed = left.filter((one) => one.status === "failed").length;
  const label = `${about.label} of ${result.rounds.length} rounds; ${summary ? `median ${written(summary.median, about.unit)}` : "none counts"}. The table below has each.`;
  const ended = [
    ...counts(result, summary?.n ?? 0),
    ["left out", `${left.length - failed} excluded, ${failed} failed`],
  ];
  const said = summary
    ? [
        ["median", `${written(summary.median, about.unit)}`],
        [
          "95 % interval",
          interval(summary.ci_low, summary.ci_high, summary.median, about.unit) ||
            `none: ${summary.n} rounds are too few`,
        ],
        ...ended,
      ]
    : ended;
  const figures = element(
    "dl",
    { class: "figures" },
    said.map(([name, text]) => element("div", {}, element("dt", {}, name), element("dd", {}, text))),
  );
  if (!result.rounds.length)
    return [element("p", { class: "empty" }, result.error ? result.error.message : "It has no rounds.")];
  const made = chart({
    label,
    size: "middle",
    options: (colour) => distributionOptions(colour, { result, key, about, summary }),
    life,
  });
  return [
    element(
      "div",
      { class: "bar" },
      figures,
      element(
        "div",
        { class: "actions" },
        element("span", { class: "quiet" }, direction(about.better)),
        imageButton(made, `${result.case.key}-${key}`),
      ),
    ),
    made.place,
    legend(),
  ];
}

/** How many rounds count, beside what was planned: their number, or how long they go on. */
function counts(result, count) {
  if (result.planned_unit !== "s") return [["counted", reached(count, result)]];
  return [
    ["counted", String(count)],
    ["measured for", reached(result.done, result)],
  ];
}

function legend() {
  return element(
    "p",
    { class: "legend" },
    signs().map(([sign, text, look]) => element("span", { "data-sign": sign, class: look }, text)),
  );
}

function roundsTable(result, key, chooseRound) {
  const columns = [
    {
      label: "Round",
      cell: (one) =>
        button(`${one.phase === "warmup" ? "warm-up" : "round"} ${one.index}`, () => chooseRound(one), {
          class: "row",
        }),
      text: (one) => `${one.phase} ${one.index}`,
    },
    {
      label: "Counts",
      cell: (one) =>
        one.status === "failed" ? "failed" : one.phase === "warmup" ? "warm-up" : one.counted ? "yes" : "no",
    },
    ...(key
      ? [{ label: metric(key).label, kind: "number", cell: (one) => written(one.metrics[key], metric(key).unit) }]
      : []),
    ...["e2e_s", "output_tokens", "temperature_start_celsius"]
      .filter((one) => one !== key)
      .map((one) => ({
        label: metric(one).label,
        kind: "number",
        cell: (round) => written(round.metrics[one], metric(one).unit),
      })),
    { label: "Remarks", cell: (one) => remarks(one) },
  ];
  const odd = result.rounds.filter((one) => one.flags.length || one.error).length;
  return element(
    "details",
    {},
    element("summary", {}, `${result.rounds.length} rounds as a table${odd ? `, ${odd} with remarks` : ""}`),
    table({
      caption: "Rounds",
      columns,
      rows: result.rounds,
      rowAttributes: (one) => ({ class: one.counted ? null : "left-out" }),
    }),
  );
}

function remarks(one) {
  const told = one.flags.map((name) => [
    element("span", { class: flag(name).excludes ? "flag excludes" : "flag" }, name),
    " ",
    element("small", {}, flag(name).text),
  ]);
  return one.error
    ? [
        element("span", { class: "flag excludes" }, one.error.code),
        element("small", { class: "said" }, one.error.message),
        told,
      ]
    : told.length
      ? told
      : "";
}
