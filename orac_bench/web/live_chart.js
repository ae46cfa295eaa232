// The board's curves while a run is measured: temperature and power over the last minutes. Pure.

import { axis, tooltip } from "./chart.js";
import { digits } from "./units.js";

const LINES = [
  { name: "hottest_celsius", label: "°C", number: 1, type: "solid" },
  { name: "power_w", label: "W", number: 0, type: "dashed" },
];

/** Those of the two lines that any of `readings` tells something for. */
export function linesOf(readings) {
  return LINES.filter((line) => readings.some((one) => typeof one[line.name] === "number"));
}

/** The description of the chart of `readings`, each with `t_s` and its values by name. One of `linesOf` must be there. */
export function liveOptions(colour, readings) {
  const lines = linesOf(readings);
  return {
    grid: { left: 44, right: 44, top: 28, bottom: 24 },
    tooltip: tooltip(colour, {
      trigger: "axis",
      formatter: (under) => under.map((one) => `${digits(one.value[1])} ${one.seriesName}`).join("\n"),
    }),
    xAxis: axis(colour, {
      type: "value",
      min: "dataMin",
      max: "dataMax",
      minInterval: 1,
      splitLine: { show: false },
      axisLabel: { formatter: (value) => `${Math.round(value)} s` },
    }),
    yAxis: lines.map((line, at) =>
      axis(colour, {
        type: "value",
        scale: true,
        name: `${line.type === "solid" ? "──" : "╌╌"} ${line.label}`,
        position: at ? "right" : "left",
        splitLine: { show: !at, lineStyle: { color: colour.line } },
        splitNumber: 3,
      }),
    ),
    series: lines.map((line, at) => ({
      name: line.label,
      type: "line",
      yAxisIndex: at,
      showSymbol: false,
      connectNulls: false,
      sampling: "lttb",
      data: readings.map((one) => [one.t_s, one[line.name] ?? null]),
      lineStyle: { color: colour.series[line.number], width: 2, type: line.type },
      itemStyle: { color: colour.series[line.number] },
    })),
  };
}
