// How a timeline is drawn: tracks above each other, one cursor through all of them. Pure.

import { axis, faint, tooltip, zooms } from "./chart.js";
import { shortened } from "./dom.js";
import { digits, written } from "./units.js";

const KINDS = [
  { label: "Power", unit: "W", is: /^power_w\./ },
  { label: "Temperature", unit: "celsius", is: /^temperature_celsius\./ },
  { label: "Load", unit: "share", is: /^(gpu|cpu|emc)_load_ratio$/, factor: 0.01, symbol: "%" },
  { label: "GPU clock", unit: "Hz", is: /^gpu_hz$/, factor: 1e6, symbol: "MHz" },
  { label: "Memory", unit: "B", is: /^(ram_used_b|gpu_memory_used_b|swap_used_b)$/, factor: 2 ** 30, symbol: "GiB" },
];
const MOST_LINES = 4;
const HEIGHT = 720;
const TOP = 34;
const BOTTOM = 62;
const ROOM = 40;
/** What lies further apart is not joined, where readings come more often than that. */
const LONGEST_S = 2.5;

/** The tracks that the readings fill: label, unit, the columns of each. */
export function tracks(readings) {
  return KINDS.map((kind) => ({
    ...kind,
    columns: Object.keys(readings ?? {})
      .filter((name) => kind.is.test(name) && readings[name].some((value) => value))
      .slice(0, MOST_LINES),
  })).filter((track) => track.columns.length);
}

/** The description of the chart. `range` is what is seen of it, in s after the run began. */
export function timelineOptions(colour, { rounds, round, stamps, readings, shown, range }) {
  const all = [{ label: "Tokens", tokens: true }, ...shown];
  const tall = shown.length ? HEIGHT : 300;
  const each = (tall - TOP - BOTTOM - ROOM * (all.length - 1)) / all.length;
  const shared = {
    type: "value",
    min: 0,
    max: end(readings, rounds),
    axisPointer: { show: true, snap: false, label: { show: false } },
  };
  return {
    axisPointer: { link: [{ xAxisIndex: "all" }], lineStyle: { color: colour.strong, width: 1.5 } },
    tooltip: tooltip(colour, { trigger: "axis", formatter: (under) => tip(under, all) }),
    grid: all.map((_, at) => ({ left: 62, right: 18, top: TOP + at * (each + ROOM), height: each })),
    xAxis: all.map((_, at) =>
      axis(colour, {
        ...shared,
        gridIndex: at,
        splitLine: { show: false },
        name: at === all.length - 1 ? "s" : "",
        axisLabel: {
          show: at === all.length - 1,
          formatter: (value) => String(Math.round(value * 1000) / 1000),
          showMinLabel: false,
          showMaxLabel: false,
        },
      }),
    ),
    yAxis: all.map((track, at) =>
      axis(colour, {
        type: "value",
        gridIndex: at,
        scale: !track.tokens,
        min: track.symbol === "%" ? 0 : undefined,
        splitNumber: 2,
        name: named(track),
        nameLocation: "end",
        nameGap: 13,
        nameTextStyle: { align: "left", padding: [0, 0, 0, -48], color: colour.quiet, fontSize: 12 },
        axisLabel: {
          formatter: (value) =>
            Math.abs(value) >= 100 ? String(Math.round(value)) : String(Math.round(value * 100) / 100),
        },
      }),
    ),
    dataZoom: zooms(colour, { xAxisIndex: all.map((_, at) => at), startValue: range[0], endValue: range[1] }),
    series: [
      tokens(colour, rounds, round, stamps),
      ...shown.flatMap((track, at) =>
        track.columns.map((name, number) => line(colour, readings, track, name, at + 1, number)),
      ),
    ],
  };
}

/** What the tracks show `second` s after the run began, in words. */
export function toldAt(second, { round, stamps, readings, shown }) {
  const arrived = stamps.filter((at) => round.started_s + at <= second).length;
  const times = readings?.t_s ?? [];
  const at = times.findLastIndex((one) => one <= second);
  const values =
    at < 0 || second - times[at] > LONGEST_S
      ? ["nothing was read"]
      : shown.flatMap((track) =>
          track.columns
            .filter((name) => readings[name][at] !== null)
            .map((name) => `${lineName(name)} ${told(readings[name][at] / (track.factor ?? 1), track)}`),
        );
  return [`${digits(second)} s`, `${arrived} of ${stamps.length} tokens`, ...values].join(", ");
}

function tokens(colour, rounds, round, stamps) {
  const steps = [[round.started_s, 0], ...stamps.map((at, index) => [round.started_s + at, index + 1])];
  return {
    id: "tokens",
    name: "tokens",
    type: "line",
    step: "end",
    data: steps,
    showSymbol: false,
    symbolSize: 4,
    lineStyle: { color: colour.series[0], width: 2 },
    areaStyle: { color: faint(colour.series[0], 0.12) },
    markArea: {
      silent: true,
      data: rounds
        .filter((one) => one.metrics.e2e_s !== null)
        .map((one) => [
          {
            xAxis: one.started_s,
            itemStyle: { color: faint(one === round ? colour.series[0] : colour.strong, one === round ? 0.12 : 0.1) },
          },
          { xAxis: one.started_s + one.metrics.e2e_s },
        ]),
    },
  };
}

function line(colour, readings, track, name, at, number) {
  const factor = track.factor ?? 1;
  return {
    id: name,
    name: lineName(name),
    type: "line",
    xAxisIndex: at,
    yAxisIndex: at,
    data: broken(readings.t_s, readings[name]).map(([second, value]) => [
      second,
      value === null ? null : value / factor,
    ]),
    showSymbol: false,
    symbolSize: 5,
    sampling: "lttb",
    lineStyle: {
      color: colour.series[number % 5],
      width: 1.8,
      type: ["solid", "dashed", "dotted", "solid"][number % 4],
    },
    itemStyle: { color: colour.series[number % 5] },
    endLabel: { show: false },
  };
}

function lineName(name) {
  return name.includes(".") ? name.split(".").slice(1).join(".") : name.replace(/_(load_ratio|hz|used_b|b)$/, "");
}

/** Times and values as points, with a break wherever the time between two is far longer than usual. */
function broken(times, values) {
  const usual = times.length > 2 ? (times.at(-1) - times[0]) / (times.length - 1) : 1;
  const found = [];
  times.forEach((second, at) => {
    if (at && second - times[at - 1] > Math.max(3 * usual, LONGEST_S)) found.push([(second + times[at - 1]) / 2, null]);
    found.push([second, values[at]]);
  });
  return found;
}

function named(track) {
  if (track.tokens) return "Tokens of the round";
  const lines = track.columns.map((name) =>
    shortened(name.includes(".") ? name.split(".").slice(1).join(".") : name.split("_")[0], 14),
  );
  const symbol = track.symbol ?? (track.unit === "celsius" ? "°C" : track.unit);
  return `${track.label} (${symbol})  ${lines.map((name, at) => `${["──", "╌╌", "┈┈", "──"][at % 4]} ${name}`).join("   ")}`;
}

function tip(under, all) {
  if (!under.length) return "";
  const lines = [`${digits(under[0].axisValue)} s`];
  for (const one of under) {
    if (one.value?.[1] === null || one.value?.[1] === undefined) continue;
    const track = all[one.axisIndex ?? 0];
    lines.push(`${shortened(one.seriesName, 24)}  ${track.tokens ? one.value[1] : told(one.value[1], track)}`);
  }
  return lines.join("\n");
}

function told(value, track) {
  return track.symbol ? `${digits(value)} ${track.symbol}` : written(value, track.unit);
}

function end(readings, rounds) {
  const last = rounds.at(-1);
  return Math.ceil(Math.max(readings?.t_s?.at(-1) ?? 0, last.started_s + (last.metrics.e2e_s ?? 1)) + 1);
}
