// Every case's last result beside its baseline, the worst first, as the service judges it.

import { address, remember } from "./address.js";
import { read } from "./api.js";
import { board } from "./board.js";
import { button, element, link, named, spoken } from "./dom.js";
import { field } from "./form.js";
import { loaded } from "./loading.js";
import { onPulse } from "./pulse.js";
import { spark } from "./spark.js";
import { table } from "./table.js";
import { learnModels, quantisation, size, sizes } from "./traits.js";
import { ago, interval, moment, workload, written } from "./units.js";
import { change, kind, shape, verdict } from "./verdict.js";
import { direction, metric } from "./words.js";

const WIDE = matchMedia("(min-width: 721px)");
const KINDS = { bad: "worse", unsure: "inconclusive", same: "same", good: "better" };

/** Shows the overview. */
export function show(place, where, life) {
  const filters = Object.fromEntries(
    ["text", "suite", "verdict", "quant", "size", "mode", "since"].map((key) => [key, where.query.get(key) ?? ""]),
  );
  const heading = element("h1", {}, "Overview");
  const tiles = element("div");
  const content = element("div", { class: "content" });
  place.append(heading, tiles, content);
  let measured = null;

  const refresh = () => loaded(content, life, (signal) => read("/v1/overview", { signal }), drawn);
  refresh();
  onPulse(({ answers, health }) => {
    if (!answers) return;
    if (measured !== null && measured !== (health.measuring ?? "")) refresh();
    measured = health.measuring ?? "";
  }, life.signal);

  function drawn(told) {
    if (!tiles.childElementCount) tiles.replaceWith(board(told.board, life));
    if (!told.cases.length) return empty();
    const rest = element("div", { class: "content" });
    const redraw = () => rest.replaceChildren(...results(told.cases, filters));
    redraw();
    const form = element("div", {}, controls(told.cases, filters, redraw));
    learnModels(life.signal).then(
      (more) => more && !life.signal.aborted && form.replaceChildren(controls(told.cases, filters, redraw)),
    );
    return [form, rest];
  }
}

function controls(cases, filters, redraw) {
  const set = (key, value) => {
    filters[key] = value;
    remember({ [key]: value });
    redraw();
    for (const one of chips.children) one.setAttribute("aria-pressed", String(one.dataset.kind === filters.verdict));
  };
  const chips = element(
    "div",
    { class: "chips", role: "group", "aria-label": "By verdict" },
    Object.entries(KINDS).map(([key, word]) => {
      const count = cases.filter((one) => kind(one.verdict) === key).length;
      const turn = () => set("verdict", filters.verdict === key ? "" : key);
      return button([shape(key), `${count} ${word}`], turn, {
        class: `chip ${key}`,
        "data-kind": key,
        "aria-pressed": String(filters.verdict === key),
      });
    }),
  );
  const text = element("input", {
    type: "search",
    id: "f-text",
    value: filters.text,
    placeholder: "Model",
    on: { input: () => set("text", text.value) },
  });
  const options = (of) => [...new Set(cases.map(of).filter(Boolean))].sort();
  return element(
    "form",
    { role: "search", "aria-label": "Filter the cases", on: { submit: (event) => event.preventDefault() } },
    chips,
    element(
      "details",
      {
        class: "more",
        open: WIDE.matches || Object.entries(filters).some(([key, value]) => key !== "verdict" && value),
      },
      element("summary", {}, "Filters"),
      element(
        "div",
        { class: "filters" },
        field("f-text", "Model", text),
        chosen(
          "suite",
          "Suite",
          options((one) => one.suite),
        ),
        chosen(
          "quant",
          "Quantisation",
          options((one) => quantisation(one.model)),
        ),
        chosen(
          "size",
          "Size",
          sizes().filter(([key]) => cases.some((one) => size(one.model) === key)),
        ),
        chosen(
          "mode",
          "Power mode",
          options((one) => one.power_mode),
        ),
        chosen("since", "Measured", [
          ["1", "today"],
          ["7", "in 7 days"],
          ["30", "in 30 days"],
        ]),
      ),
    ),
  );

  function chosen(key, label, values) {
    if (!values.length && !filters[key]) return null;
    const pairs = values.map((value) => (Array.isArray(value) ? value : [value, value]));
    const select = element(
      "select",
      { id: `f-${key}`, on: { change: () => set(key, select.value) } },
      [["", "all"], ...pairs].map(([value, word]) =>
        element("option", { value, selected: value === filters[key] }, word),
      ),
    );
    return field(`f-${key}`, label, select);
  }
}

function results(cases, filters) {
  const since = filters.since ? Date.now() - Number(filters.since) * 86_400_000 : null;
  const wanted = cases.filter(
    (one) =>
      one.model.toLowerCase().includes(filters.text.trim().toLowerCase()) &&
      (!filters.suite || one.suite === filters.suite) &&
      (!filters.verdict || kind(one.verdict) === filters.verdict) &&
      (!filters.quant || quantisation(one.model) === filters.quant) &&
      (!filters.size || size(one.model) === filters.size) &&
      (!filters.mode || one.power_mode === filters.mode) &&
      (since === null || new Date(one.at).getTime() >= since),
  );
  const count = element(
    "p",
    { class: "quiet count", "aria-live": "polite" },
    `${wanted.length} of ${cases.length} cases, the worst first`,
  );
  if (!wanted.length) return [count, element("p", { class: "empty" }, "No case is left. Take a filter away.")];
  return [
    count,
    table({
      caption: "Cases, the worst first",
      columns: COLUMNS,
      rows: wanted,
      rowAttributes: (one) => ({ class: `case ${kind(one.verdict)}` }),
    }),
  ];
}

const COLUMNS = [
  {
    label: "Model",
    cell: (one) => [
      link(address("case", one.case, { metric: one.metric }), named(one.model)),
      element("small", {}, `${one.suite} · ${workload(one.workload)}`),
    ],
  },
  { label: "Verdict", cell: (one) => verdict(one.verdict, { known: one.acknowledged }) },
  {
    label: "Change",
    kind: "number",
    cell: (one) =>
      one.baseline
        ? [change(one.ratio, one.ci_low, one.ci_high), against(one)]
        : element("span", { class: "quiet" }, "first result"),
  },
  {
    label: "Last value",
    kind: "number",
    cell: (one) => [
      element(
        "span",
        { class: "value", title: `${metric(one.metric).label}: ${metric(one.metric).formula}` },
        written(one.last.median, one.unit),
      ),
      element(
        "small",
        {},
        `${metric(one.metric).label} · ${one.last.ci_low === null ? "no interval" : interval(one.last.ci_low, one.last.ci_high, one.last.median, one.unit)} · n ${one.last.n}`,
      ),
      spoken(direction(one.better)),
    ],
  },
  { label: "Latest", cell: (one) => spark(one.spark) },
  {
    label: "Measured",
    cell: (one) => element("time", { datetime: one.at, title: moment(one.at) }, ago(one.at)),
    narrow: false,
  },
];

function against(one) {
  return element("small", {}, "vs ", named(one.baseline === one.run ? "itself" : one.baseline));
}

function empty() {
  return element(
    "section",
    { class: "first" },
    element("h2", {}, "Nothing has been measured yet"),
    element(
      "p",
      {},
      "Measure a model once, and its numbers stand here: how fast it is, how sure that is, and later whether it has changed.",
    ),
    element(
      "ol",
      {},
      element("li", {}, "Look whether your models are there."),
      element("li", {}, "Start a benchmark; a small one takes a minute or two."),
      element("li", {}, "Name its run as the baseline. From then on every case says whether it is slower or faster."),
    ),
    element(
      "div",
      { class: "actions" },
      element("a", { class: "primary", href: "#/benchmark?suites=first_token&suites=decode" }, "Measure now"),
      link("#/models", "See the models"),
    ),
  );
}
