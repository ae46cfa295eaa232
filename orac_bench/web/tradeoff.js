// Speed against energy against memory, a dot a model of a run, and the front that no other dot beats.

import { read } from "./api.js";
import { caseName } from "./case_name.js";
import { chart, imageButton, tooltip, axis } from "./chart.js";
import { element, named, shortened } from "./dom.js";
import { front } from "./front.js";
import { loaded } from "./loading.js";
import { table } from "./table.js";
import { digits, interval, written } from "./units.js";

const SHAPES = ["circle", "diamond", "triangle", "rect", "pin"];
const SPEED = "decode_tokens_per_s";
const ENERGY = "joules_per_output_token";
const MEMORIES = ["model_memory_b", "ram_peak_b"];

/** The chart of the models of `sides` (RUN or RUN:CASE), with its table. */
export function tradeoff(sides, life) {
  const place = element("div", { class: "content" });
  const runs = [...new Set(sides.map((one) => one.split(":")[0]))];
  loaded(
    place,
    life,
    (signal) => Promise.all(runs.map((run) => read(`/v1/runs/${encodeURIComponent(run)}`, { signal }))),
    (told) => drawn(told.flatMap(dots), runs, life),
  );
  return element("section", { class: "card", "aria-label": "Trade-off" }, element("h2", {}, "What speed costs"), place);
}

/** A dot a model, or a variant of one: its decode suite, else whichever case has both numbers. */
function dots({ run, results }) {
  const found = new Map();
  const name = (one) => caseName({ model: one.case.model, variant: one.variant });
  for (const one of results) {
    const [speed, energy] = [one.summary[SPEED], one.summary[ENERGY]];
    if (!speed || (found.has(name(one)) && one.case.suite !== "decode")) continue;
    const memory = MEMORIES.map(
      (key) => results.find((other) => name(other) === name(one) && other.summary[key])?.summary[key],
    ).find(Boolean);
    found.set(name(one), {
      run: run.id,
      model: name(one),
      speed,
      energy: energy ?? null,
      memory: memory ?? null,
    });
  }
  return [...found.values()];
}

function drawn(all, runs, life) {
  const known = all.filter((one) => one.energy !== null);
  if (!all.length) return [element("p", { class: "quiet" }, "No rate of writing was measured here.")];
  const best = new Set(
    front(
      known,
      (one) => one.speed.median,
      (one) => one.energy.median,
    ),
  );
  const rows = element(
    "details",
    { open: !known.length },
    element("summary", {}, "As a table"),
    table({ caption: "Trade-off", columns: columns(best, runs.length > 1), rows: all }),
  );
  if (!known.length)
    return [
      element(
        "p",
        { class: "quiet" },
        "No energy was measured in these runs, so there is nothing to weigh speed against.",
      ),
      rows,
    ];
  const label = `Tokens per second against joules per token of ${known.length} models; ${best.size} are on the best front. The table below has the numbers.`;
  const made = chart({ label, size: "tall", life, options: (colour) => options(colour, known, best, { runs, narrow: made.place.clientWidth < 600 }) });
  return [
    element(
      "p",
      { class: "quiet" },
      "To the right is quicker, further down is thriftier; a larger dot needs more memory. The line joins those that no other beats in both.",
    ),
    made.place,
    element(
      "div",
      { class: "bar" },
      element(
        "p",
        { class: "legend series" },
        runs.length > 1
          ? runs.map((run, at) =>
              element("span", { "data-sign": ["●", "◆", "▲", "■", "▼"][at % 5] }, shortened(run, 30)),
            )
          : null,
      ),
      imageButton(made, "trade-off"),
    ),
    rows,
  ];
}

/** How sure a median is: its interval, and of how many rounds it is. */
function sure(summary, unit) {
  const { ci_low: low, ci_high: high, median, n } = summary;
  return `${interval(low, high, median, unit) || "no interval"} · n ${n}`;
}

/** A median as it stands in the table. */
function value(summary, unit) {
  if (!summary) return element("span", { class: "quiet" }, "–");
  return [element("span", { class: "value" }, written(summary.median, unit)), element("small", {}, sure(summary, unit))];
}

function columns(best, several) {
  return [
    {
      label: "Model",
      cell: (one) => [named(one.model), several ? element("small", {}, named(one.run)) : null],
      sort: (one) => one.model,
    },
    {
      label: "Decode",
      kind: "number",
      cell: (one) => value(one.speed, "tokens/s"),
      sort: (one) => one.speed.median,
    },
    {
      label: "J/token out",
      kind: "number",
      cell: (one) => value(one.energy, "J/token"),
      sort: (one) => one.energy?.median ?? null,
    },
    {
      label: "Memory",
      kind: "number",
      cell: (one) => value(one.memory, "B"),
      sort: (one) => one.memory?.median ?? null,
    },
    { label: "Best front", cell: (one) => (best.has(one) ? "★ on it" : "") },
  ];
}

function options(colour, known, best, { runs, narrow }) {
  const most = Math.max(...known.map((one) => one.memory?.median ?? 0)) || 1;
  const size = (one) => (one.memory ? 10 + 26 * Math.sqrt(one.memory.median / most) : 12);
  const line = [...best]
    .sort((a, b) => a.speed.median - b.speed.median)
    .map((one) => [one.speed.median, one.energy.median]);
  return {
    grid: { left: 12, right: narrow ? 30 : 110, top: 40, bottom: 30, containLabel: true },
    tooltip: tooltip(colour, {
      trigger: "item",
      formatter: ({ data }) =>
        data.one &&
        [
          shortened(data.one.model, 40),
          `${written(data.one.speed.median, "tokens/s")}  (${sure(data.one.speed, "tokens/s")})`,
          `${written(data.one.energy.median, "J/token")}  (${sure(data.one.energy, "J/token")})`,
          data.one.memory ? `${written(data.one.memory.median, "B")}  (${sure(data.one.memory, "B")})` : "memory not known",
          best.has(data.one) ? "★ on the best front" : null,
        ]
          .filter(Boolean)
          .join("\n"),
    }),
    xAxis: axis(colour, { type: "value", scale: true, name: "tok/s", nameLocation: "middle", nameGap: 28 }),
    yAxis: axis(colour, {
      type: "value",
      scale: true,
      name: "J/token",
      nameTextStyle: { align: "left", color: colour.quiet },
      axisLabel: { formatter: (value) => String(Number(digits(value))) },
    }),
    series: [
      {
        id: "front",
        type: "line",
        data: line,
        symbol: "none",
        silent: true,
        lineStyle: { color: colour.good, width: 2, type: "dashed" },
      },
      ...runs.map((run, at) => ({
        id: run,
        name: shortened(run, 30),
        type: "scatter",
        symbol: SHAPES[at % SHAPES.length],
        data: known
          .filter((one) => one.run === run || runs.length === 1)
          .map((one) => ({
            value: [one.speed.median, one.energy.median],
            one,
            symbolSize: size(one),
            itemStyle: {
              color: colour.series[at % 5],
              opacity: 0.72,
              borderColor: best.has(one) ? colour.ink : colour.surface,
              borderWidth: best.has(one) ? 2 : 1,
            },
          })),
        label: {
          show: true,
          position: narrow ? "top" : "right",
          formatter: ({ data }) => shortened(data.one.model, narrow ? 16 : 22),
          color: colour.ink,
          fontSize: 11.5,
          textBorderColor: colour.surface,
          textBorderWidth: 2,
        },
        labelLayout: { hideOverlap: true },
      })),
    ],
  };
}
