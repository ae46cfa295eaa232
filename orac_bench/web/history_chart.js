// How a case over time is drawn. Pure: numbers in, the chart's description out; nothing is computed but places.

import { axis, faint, tooltip, zooms } from "./chart.js";
import { shortened } from "./dom.js";
import { day, digits, interval, moment, percent, scale, written } from "./units.js";

/** The description of the chart. `base` is the point that values are shown relative to, null for absolute ones. */
export function historyOptions(colour, { told, points, about, base, by, range, narrow }) {
  const unit = base ? { factor: base.median, symbol: "" } : scale(middle(points), told.unit);
  const across = (point, index) => (by === "date" ? new Date(point.at).getTime() : index);
  const up = (value) => (value === null ? null : value / unit.factor);
  const places = new Map(points.map((point, index) => [point.run, across(point, index)]));
  const dots = points.map((point, index) => [across(point, index), up(point.median)]);
  const [low, spread] = band(points, across, up);
  const gaps = told.gaps.map((gap) => gapPlace(gap, points, by)).filter((one) => one !== null);
  const many = points.length > 200;
  return {
    grid: { left: 12, right: 34, top: 40, bottom: 44, containLabel: true },
    tooltip: tooltip(colour, {
      trigger: "axis",
      axisPointer: { type: "line", snap: true, lineStyle: { color: colour.strong } },
      formatter: (under) => tip(told, points, base, under),
    }),
    xAxis: axis(colour, {
      type: by === "date" ? "time" : "value",
      min: by === "date" ? "dataMin" : -0.5,
      max: by === "date" ? "dataMax" : points.length - 0.5,
      minInterval: by === "date" ? undefined : 1,
      splitLine: { show: false },
      axisLabel: {
        alignMinLabel: "left",
        alignMaxLabel: "right",
        ...(by === "date"
          ? {}
          : { formatter: (value) => (Number.isInteger(value) && points[value] ? day(points[value].at) : "") }),
      },
    }),
    yAxis: axis(colour, {
      type: "value",
      scale: true,
      name: base
        ? `${about.label} relative to the baseline`
        : `${about.label}${unit.symbol ? ` (${unit.symbol})` : ""}`,
      nameLocation: "end",
      nameTextStyle: { color: colour.quiet, align: "left", fontSize: 12 },
      axisLabel: { formatter: (value) => (base ? percent(value) : plain(value)) },
    }),
    dataZoom: zooms(colour, {
      filterMode: "filter",
      startValue: across(points[range.from], range.from),
      endValue: across(points[range.to], range.to),
    }),
    series: [
      {
        id: "low",
        type: "line",
        data: low,
        stack: "band",
        symbol: "none",
        lineStyle: { opacity: 0 },
        silent: true,
        tooltip: { show: false },
      },
      {
        id: "spread",
        type: "line",
        data: spread,
        stack: "band",
        stackStrategy: "all",
        symbol: "none",
        lineStyle: { opacity: 0 },
        areaStyle: { color: faint(colour.series[0], 0.3) },
        zlevel: 1,
        silent: true,
        tooltip: { show: false },
      },
      {
        id: "runs",
        type: "scatter",
        zlevel: 1,
        large: true,
        largeThreshold: 400,
        data: dots,
        symbolSize: many ? 4.5 : 8,
        itemStyle: { color: colour.series[0] },
        emphasis: { scale: 1.8 },
        cursor: "pointer",
        markLine: {
          silent: true,
          symbol: "none",
          data: marks(colour, told, places, base, narrow),
          animation: false,
          label: { show: false },
        },
      },
      {
        id: "notes",
        type: "scatter",
        zlevel: 1,
        z: 3,
        symbol: "diamond",
        symbolSize: 11,
        data: notes(told, places, points, up),
        itemStyle: { color: colour.series[3], borderColor: colour.surface, borderWidth: 1.5 },
        silent: true,
      },
      {
        id: "gaps",
        type: "scatter",
        zlevel: 1,
        z: 3,
        symbol: "path://M0 0L10 10M10 0L0 10",
        symbolSize: 9,
        data: gaps.map((place) => [place, lowest(points, up)]),
        itemStyle: { color: "transparent", borderColor: colour.bad, borderWidth: 2 },
        silent: true,
      },
    ],
  };
}

/** The lower edges of the intervals and their widths, cut where an interval is missing or the conditions changed. */
function band(points, across, up) {
  const low = [];
  const spread = [];
  points.forEach((point, index) => {
    const before = points[index - 1];
    if (before && before.conditions !== point.conditions) {
      low.push([across(point, index), null]);
      spread.push([across(point, index), null]);
    }
    const there = point.ci_low !== null;
    low.push([across(point, index), there ? up(point.ci_low) : null]);
    spread.push([across(point, index), there ? up(point.ci_high) - up(point.ci_low) : null]);
  });
  return [low, spread];
}

function marks(colour, told, places, base, narrow) {
  const found = told.changes
    .map((one, at) => ({ ...one, number: at + 1 }))
    .filter((one) => places.has(one.at_run))
    .map((one) => {
      const measured = one.cause === "measured";
      const colours = measured && !one.acknowledged ? colour.bad : colour.strong;
      return {
        xAxis: places.get(one.at_run),
        lineStyle: { color: colours, width: measured ? 2 : 1.5, type: measured ? "solid" : "dashed" },
        label: {
          show: true,
          position: "end",
          color: measured && !one.acknowledged ? colour.bad : colour.quiet,
          fontSize: 11.5,
          formatter: narrow
            ? String(one.number)
            : `${one.number}: ${measured ? percent(one.ratio) : shortened(one.cause.replace("conditions: ", "").split(";")[0], 30)}`,
        },
      };
    });
  if (base) found.push({ yAxis: 1, lineStyle: { color: colour.quiet, type: "dotted", width: 1.5 } });
  return found;
}

function notes(told, places, points, up) {
  const value = new Map(points.map((point) => [point.run, up(point.median)]));
  return [...new Set(told.annotations.map((one) => one.run))]
    .filter((run) => places.has(run))
    .map((run) => [places.get(run), value.get(run)]);
}

function gapPlace(gap, points, by) {
  const at = new Date(gap.at).getTime();
  if (by === "date") return at;
  const after = points.findIndex((point) => new Date(point.at).getTime() > at);
  return after < 0 ? points.length - 0.5 : after - 0.5;
}

function tip(told, points, base, under) {
  const index = under.find((one) => one.seriesId === "runs")?.dataIndex;
  const point = points[index];
  if (!point) return "";
  const said = told.annotations.filter((one) => one.run === point.run).map((one) => `◆ ${shortened(one.text, 60)}`);
  const change = told.changes.find((one) => one.at_run === point.run);
  return [
    moment(point.at),
    `${written(point.median, told.unit)}  (${interval(point.ci_low, point.ci_high, point.median, told.unit) || "no interval"})`,
    base ? `${percent(point.median / base.median)} to the baseline` : null,
    `n ${point.n} · ${shortened(point.run, 40)}`,
    change ? `change: ${shortened(change.cause, 70)}` : null,
    ...said,
  ]
    .filter(Boolean)
    .join("\n");
}

function lowest(points, up) {
  return points.reduce((low, point) => Math.min(low, up(point.ci_low ?? point.median)), Infinity);
}

function middle(points) {
  return points[Math.floor(points.length / 2)].median;
}

function plain(value) {
  return Math.abs(value) >= 100 || Number.isInteger(value) ? String(Math.round(value * 100) / 100) : digits(value);
}
