// A case over time: its runs as dots with intervals, where its level and its conditions changed, what people wrote.

import { address, go, remember } from "./address.js";
import { read } from "./api.js";
import { caseName } from "./case_name.js";
import { changes } from "./changes.js";
import { chart, imageButton } from "./chart.js";
import { copyButton, saveButton } from "./copy.js";
import { button, element, link, named } from "./dom.js";
import { select } from "./form.js";
import { historyOptions } from "./history_chart.js";
import { found, loaded } from "./loading.js";
import { notes } from "./notes.js";
import { columns, latest, rawColumns, rowsTable } from "./points.js";
import { asCsv, asMarkdown } from "./table.js";
import { interval, moment, workload, written } from "./units.js";
import { direction, metric, metricKeys } from "./words.js";

/** Shows the history of the case that the address names. */
export function show(place, where, life) {
  const chosen = {
    metric: where.query.get("metric"),
    relative: where.query.get("relative") ?? "",
    conditions: where.query.get("conditions") ?? "",
    by: where.query.get("by") === "date" ? "date" : "run",
    from: where.query.get("from"),
    to: where.query.get("to"),
  };
  const content = element("div", { class: "content" });
  place.append(content);
  const query = new URLSearchParams({ case: where.name ?? "", ...(chosen.metric ? { metric: chosen.metric } : {}) });
  const refresh = () =>
    loaded(
      content,
      life,
      (signal) =>
        Promise.all([
          found(read(`/v1/history?${query}`, { signal }), link("#/", "See the cases that there are")),
          read("/v1/baselines", { signal }),
          read("/v1/cases", { signal }),
        ]),
      ([told, { baselines }, { cases }]) => drawn(told, baselines, cases, chosen, life, refresh),
      "History",
    );
  refresh();
}

function drawn(told, baselines, cases, chosen, life, refresh) {
  document.title = `${caseName(told)} ${told.suite} · ORAC Bench`;
  const about = metric(told.metric);
  const heading = element(
    "div",
    {},
    element("h1", {}, named(caseName(told))),
    element(
      "p",
      { class: "quiet" },
      `${told.suite} · ${workload(told.workload)} tokens · ${about.label}, ${direction(told.better)}`,
    ),
  );
  const known = cases.find((one) => one.case === told.case)?.metrics ?? [];
  const metrics = metricKeys().filter((key) => known.includes(key) || key === told.metric);
  if (!told.points.length) {
    return [heading, element("p", { class: "empty" }, `No run of this case has a value of ${about.label} yet.`)];
  }
  const kept = told.points.filter((point) => !chosen.conditions || point.conditions === chosen.conditions);
  const points = kept.length ? kept : told.points;
  const base = told.points.find((point) => point.run === baselines.find((one) => one.name === chosen.relative)?.run) ?? null;
  const range = { from: at(points, chosen.from) ?? 0, to: at(points, chosen.to) ?? points.length - 1 };
  const label = `${about.label} of ${caseName(told)} over ${points.length} runs. The same numbers are in the table below.`;
  const places = points.map((point, index) => (chosen.by === "date" ? new Date(point.at).getTime() : index));
  const cursor = { at: points.length - 1 };
  let settling = null;
  const said = element(
    "p",
    { class: "quiet", "aria-live": "polite" },
    "Click a dot, or go along the line with the arrow keys and press Enter, to see its run. Zoom with the slider, two fingers, or Ctrl and the wheel.",
  );
  const options = (colour) =>
    historyOptions(colour, {
      told,
      points,
      about,
      base,
      by: chosen.by,
      range,
      narrow: made.place.clientWidth < 700 || told.changes.length > 5,
    });
  const made = chart({ label, size: "tall", options, life, onReady, keys });
  const rows = element("div");
  const restRows = () => {
    const count = range.to === points.length - 1 ? range.to - range.from + 1 : null;
    const pressed = parts.find((one) => Number(one.dataset.count) === count);
    for (const one of parts) one.setAttribute("aria-pressed", String(one === pressed));
    const open = rows.querySelector("details")?.open;
    rows.replaceChildren(rowsTable(told, points.slice(range.from, range.to + 1), { open }));
  };

  const set = (key, value) => {
    chosen[key] = value;
    if (key === "metric") {
      go(address("case", told.case, { metric: value, by: chosen.by === "date" ? "date" : "" }));
    } else {
      remember({ [key]: value });
      refresh();
    }
  };
  const few = (count) => () => zoom(Math.max(0, points.length - count), points.length - 1);
  const parts = [points.length, 200, 50, 20].map((count, at) =>
    button(at ? `last ${count}` : "all", few(count), { "data-count": Math.min(count, points.length) }),
  );
  const controls = element(
    "div",
    { class: "filters" },
    select(
      "h-metric",
      "Metric",
      metrics.map((key) => [key, metric(key).label]),
      told.metric,
      (value) => set("metric", value),
    ),
    select(
      "h-relative",
      "Values",
      [
        ["", "absolute"],
        ...baselines
          .filter((one) => told.points.some((point) => point.run === one.run))
          .map((one) => [one.name, `relative to ${one.name}`]),
      ],
      chosen.relative,
      (value) => set("relative", value),
    ),
    select(
      "h-conditions",
      "Conditions",
      [["", "all"], ...Object.entries(told.conditions).map(([hash, facts]) => [hash, conditionsName(hash, facts)])],
      chosen.conditions,
      (value) => set("conditions", value),
    ),
    select(
      "h-by",
      "Across",
      [
        ["run", "run by run"],
        ["date", "by date"],
      ],
      chosen.by,
      (value) => set("by", value === "date" ? "date" : ""),
    ),
    element(
      "div",
      { class: "field" },
      element("span", { class: "label" }, "Show"),
      element(
        "div",
        { class: "segments", role: "group", "aria-label": "How many runs" },
        parts,
      ),
    ),
  );
  const legend = element(
    "p",
    { class: "legend" },
    [
      ["●", "a run's median"],
      ["▒", "its 95 % interval"],
      ["┆", "conditions changed", "strong"],
      ["│", "level changed", "bad"],
      ["◆", "a note", "note"],
      ["×", "no value", "bad"],
    ].map(([sign, text, look]) => element("span", { "data-sign": sign, class: look }, text)),
  );
  restRows();
  return [
    element("div", { class: "bar" }, heading, latest(told)),
    controls,
    element("section", { class: "card", "aria-label": "History" }, made.place, legend, said),
    element(
      "div",
      { class: "pair" },
      changes(told, refresh),
      notes({
        written: [...told.annotations].reverse(),
        label: "Beside the last run",
        run: told.points.at(-1).run,
        case: told.case,
        refresh,
      }),
    ),
    element(
      "section",
      { class: "card" },
      element(
        "div",
        { class: "bar" },
        element("h2", {}, "The same in numbers"),
        element(
          "div",
          { class: "actions" },
          copyButton("Copy as Markdown", () => asMarkdown(columns(told), shownPoints())),
          saveButton(
            "CSV",
            `${told.case}-${told.metric}.csv`,
            () => asCsv(rawColumns(told), shownPoints()),
            "text/csv",
          ),
          imageButton(made, `${told.case}-${told.metric}`),
        ),
      ),
      rows,
    ),
  ];

  function shownPoints() {
    return points.slice(range.from, range.to + 1).reverse();
  }

  function onReady(instance) {
    instance.on("click", (event) => {
      const point = points[event.dataIndex];
      if (event.seriesId === "runs" && point) go(address("run", point.run, { case: told.case, metric: told.metric }));
    });
    instance.on("datazoom", (event) => {
      const { start, end } = event.batch?.[0] ?? event;
      const least = chosen.by === "date" ? places[0] : -0.5;
      const most = chosen.by === "date" ? places.at(-1) : points.length - 0.5;
      const value = (part) => least + (part / 100) * (most - least);
      range.from = Math.max(
        0,
        places.findIndex((one) => one >= value(start) - 1e-6),
      );
      range.to = Math.max(
        range.from,
        places.findLastIndex((one) => one <= value(end) + 1e-6),
      );
      settle();
    });
  }

  function zoom(from, to) {
    Object.assign(range, { from, to });
    made.redraw();
    settle();
  }

  function settle() {
    clearTimeout(settling);
    settling = setTimeout(() => {
      if (life.signal.aborted) return;
      const all = range.from === 0 && range.to === points.length - 1;
      Object.assign(chosen, { from: all ? null : points[range.from]?.run, to: all ? null : points[range.to]?.run });
      remember({ from: chosen.from, to: chosen.to });
      restRows();
    }, 250);
  }

  function keys(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20, Home: -points.length, End: points.length }[
      event.key
    ];
    if (event.key === "Enter") go(address("run", points[cursor.at].run, { case: told.case, metric: told.metric }));
    if (step === undefined) return;
    event.preventDefault();
    cursor.at = Math.min(range.to, Math.max(range.from, cursor.at + step));
    const point = points[cursor.at];
    said.textContent = `${moment(point.at)}: ${written(point.median, told.unit)} (${interval(point.ci_low, point.ci_high, point.median, told.unit) || "no interval"}), n ${point.n}, run ${point.run}. Enter opens it.`;
    made.instance?.dispatchAction({ type: "showTip", seriesId: "runs", dataIndex: cursor.at });
  }
}

function conditionsName(hash, facts) {
  return [facts.power_mode, facts.ollama_version && `Ollama ${facts.ollama_version}`, hash.slice(0, 6)]
    .filter(Boolean)
    .join(" · ");
}

function at(points, run) {
  const found = points.findIndex((point) => point.run === run);
  return found < 0 ? null : found;
}
