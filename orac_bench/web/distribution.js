// How the rounds of a result are drawn: each as a dot in its order, and the box of those that count. Pure.

import { axis, faint, tooltip } from "./chart.js";
import { scale, written } from "./units.js";

const KINDS = [
  { key: "counted", sign: "●", text: "counts", is: (one) => one.counted, symbol: "circle", size: 10 },
  {
    key: "warmup",
    sign: "△",
    text: "warm-up (at the edge: beyond it)",
    is: (one) => one.phase === "warmup" && one.status === "ok",
    symbol: "triangle",
    size: 9,
  },
  {
    key: "excluded",
    sign: "◇",
    text: "excluded",
    is: (one) => one.phase === "measure" && one.status === "ok" && !one.counted,
    symbol: "diamond",
    size: 12,
  },
  {
    key: "failed",
    sign: "×",
    text: "failed: no value",
    is: (one) => one.status === "failed",
    symbol: "path://M0 0L10 10M10 0L0 10",
    size: 11,
  },
];

const LOOKS = { warmup: "strong", excluded: "unsure", failed: "bad" };

/** The signs of the legend, what each means, and its look. */
export function signs() {
  return [
    ...KINDS.map((kind) => [kind.sign, kind.text, LOOKS[kind.key]]),
    ["▭", "middle half, median, least and most"],
    ["┈", "95 % interval of the median"],
  ];
}

/** The description of the chart of metric `key`, of which `summary` (null where none counts) has the box. */
export function distributionOptions(colour, { result, key, about, summary }) {
  const rounds = result.rounds;
  const values = rounds.map((one) => one.metrics[key]).filter((value) => value !== null);
  const unit = scale(summary?.median ?? values[0] ?? 1, about.unit);
  const up = (value) => (value === null || value === undefined ? null : value / unit.factor);
  const lowest = values.length ? up(Math.min(...values)) : 0;
  const [least, most] = seen(rounds, key, up);
  const within = (one) => {
    const value = up(one.metrics[key]) ?? lowest;
    return one.phase === "warmup" && most !== null ? Math.min(most, Math.max(least, value)) : value;
  };
  const names = rounds.map((one) => `${one.phase === "warmup" ? "w" : ""}${one.index}`);
  const colours = { counted: colour.series[0], warmup: "transparent", excluded: "transparent", failed: "transparent" };
  const borders = { counted: colour.series[0], warmup: colour.strong, excluded: colour.unsure, failed: colour.bad };
  return {
    grid: { left: 12, right: 18, top: 34, bottom: 26, containLabel: true },
    tooltip: tooltip(colour, { trigger: "item", formatter: (under) => tip(rounds, key, about, under, summary) }),
    xAxis: axis(colour, {
      type: "category",
      data: [...names, "", "all that count"],
      name: "round",
      nameLocation: "middle",
      nameGap: 24,
      splitLine: { show: false },
      axisLabel: { interval: names.length > 30 ? "auto" : 0 },
    }),
    yAxis: axis(colour, {
      type: "value",
      scale: true,
      name: `${about.label}${unit.symbol ? ` (${unit.symbol})` : ""}`,
      nameTextStyle: { align: "left", color: colour.quiet },
      axisLabel: { formatter: (value) => String(Number(value.toFixed(6))) },
    }),
    series: [
      ...KINDS.map((kind) => ({
        id: kind.key,
        name: kind.text,
        type: "scatter",
        symbol: kind.symbol,
        symbolSize: kind.size,
        itemStyle: {
          color: colours[kind.key],
          borderColor: borders[kind.key],
          borderWidth: kind.key === "counted" ? 0 : 2,
        },
        data: rounds.flatMap((one, at) => (kind.is(one) ? [{ value: [at, within(one)], at }] : [])),
        ...(kind.key === "counted" && summary
          ? { markLine: lines(colour, summary, up), markArea: area(colour, summary, up) }
          : {}),
      })),
      {
        id: "box",
        type: "boxplot",
        boxWidth: [18, 40],
        encode: { x: 0, y: [1, 2, 3, 4, 5] },
        data:
          summary && summary.q25 !== null
            ? [[names.length + 1, ...[summary.min, summary.q25, summary.median, summary.q75, summary.max].map(up)]]
            : [],
        itemStyle: { color: faint(colour.series[0], 0.16), borderColor: colour.series[0], borderWidth: 1.8 },
      },
    ],
  };
}

/** What warm-ups may not stretch: the least and the most of the measured rounds with some room; null without any. */
function seen(rounds, key, up) {
  const values = rounds.filter((one) => one.phase === "measure" && one.metrics[key] !== null).map((one) => one.metrics[key]);
  if (!values.length) return [null, null];
  const [low, high] = [Math.min(...values), Math.max(...values)].map(up);
  const room = (high - low || Math.abs(high) || 1) * 0.15;
  return [low - room, high + room];
}

function lines(colour, summary, up) {
  return {
    silent: true,
    symbol: "none",
    animation: false,
    label: { show: false },
    data: [{ yAxis: up(summary.median), lineStyle: { color: colour.series[0], width: 1.5, type: "solid" } }],
  };
}

function area(colour, summary, up) {
  if (summary.ci_low === null) return undefined;
  return {
    silent: true,
    itemStyle: {
      color: faint(colour.series[0], 0.1),
      borderColor: colour.series[0],
      borderType: "dashed",
      borderWidth: 0.6,
    },
    data: [[{ yAxis: up(summary.ci_low) }, { yAxis: up(summary.ci_high) }]],
  };
}

function tip(rounds, key, about, under, summary) {
  if (under.seriesId === "box") {
    return ["min", "q25", "median", "q75", "max"]
      .map((part) => `${part.padEnd(7)} ${written(summary[part], about.unit)}`)
      .join("\n");
  }
  const one = rounds[under.data?.at];
  if (!one) return "";
  const counts = one.counted
    ? "counts"
    : one.phase === "warmup"
      ? "warm-up"
      : one.status === "failed"
        ? `failed: ${one.error?.code ?? ""}`
        : `excluded: ${one.flags.join(", ")}`;
  return [
    `${one.phase === "warmup" ? "warm-up" : "round"} ${one.index}`,
    `${about.label} ${written(one.metrics[key], about.unit)}`,
    counts,
  ].join("\n");
}
