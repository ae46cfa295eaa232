// The board's curves while a run is measured: temperature and power over the last minutes. Pure.

import { axis, tooltip } from "./chart.js";
import { digits } from "./units.js";

/** The names of the temperature and of the power in `readings`, undefined for what none of them tells. */
export function drawnOf(readings) {
  const names = [...new Set(readings.flatMap((one) => Object.keys(one)))];
  const hot =
    names.find((name) => name === "temperature_celsius.tj") ??
    names.find((name) => name.startsWith("temperature_celsius."));
  const power =
    names.find((name) => /^power_w\..*(VDD_IN|module)/i.test(name)) ??
    names.find((name) => name.startsWith("power_w."));
  return { hot, power };
}

/** The description of the chart of `readings`, each with `t_s` and its values by name. One of `drawnOf` must be there. */
export function liveOptions(colour, readings) {
  const { hot, power } = drawnOf(readings);
  const lines = [
    { name: hot, label: "°C", colour: colour.series[1], type: "solid" },
    { name: power, label: "W", colour: colour.series[0], type: "dashed" },
  ].filter((line) => line.name);
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
      lineStyle: { color: line.colour, width: 2, type: line.type },
      itemStyle: { color: line.colour },
    })),
  };
}
