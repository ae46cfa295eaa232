// Every case's last result beside its baseline, the worst first, as the service judges it.

import { address, remember } from "./address.js";
import { read } from "./api.js";
import { board } from "./board.js";
import { caseName } from "./case_name.js";
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
const STEADY = matchMedia("(max-width: 720px), (min-width: 1201px)");
/** Rows that fill the screen below the tiles; the others may come a frame later, where they move nothing there. */
const SEEN = Math.ceil((innerHeight * 0.7) / 57);
const KINDS = { bad: "worse", unsure: "inconclusive", same: "same", good: "better" };

/** Shows the overview. */
export function show(place, where, life) {
  const filters = Object.fromEntries(
    ["text", "suite", "verdict", "quant", "size", "mode", "since"].map((key) => [key, where.query.get(key) ?? ""]),
  );
  const heading = element("h1", {}, "Overview");
  let tiles = element("div");
  const content = element("div", { class: "content" });
  place.append(heading, tiles, content);
  let shown = null;
  let measured = null;
  let due = false;

  loaded(content, life, (signal) => read("/v1/overview", { signal }), drawn);
  onPulse(({ answers, health }) => {
    if (!answers) return;
    due ||= measured !== null && measured !== (health.measuring ?? "");
    measured = health.measuring ?? "";
    if (due) update();
  }, life.signal);

  async function drawn(told) {
    if (tiles) tiles.replaceWith(board(told.board, life));
    tiles = null;
    if (!told.cases.length) return (await import("./first.js")).first(told.board.measuring, life);
    shown = list(told.cases, filters, life);
    return shown.parts;
  }

  /** Takes what is new into what is there: who types a filter is not disturbed. Asked again where it does not come. */
  async function update() {
    try {
      const told = await read("/v1/overview", { signal: life.signal });
      due = false;
      if (shown && told.cases.length) shown.take(told.cases);
      else content.replaceChildren(...[await drawn(told)].flat());
    } catch {
      // the pulse tells when the service is gone
    }
  }
}

/** The filters and the cases below them: its `parts`, and `take`, which shows other cases. */
function list(cases, filters, life) {
  const rest = element("div", { class: "content" });
  const { form, offer } = controls(filters, () => redraw());
  take(cases);
  learnModels(life.signal).then((more) => {
    if (!more || life.signal.aborted) return;
    if (filters.quant || filters.size) take(cases);
    else offer(cases);
  });
  return { parts: [form, rest], take };

  function take(now) {
    const first = !rest.childElementCount;
    cases = now;
    offer(cases);
    redraw({ atOnce: first && STEADY.matches ? SEEN : Infinity });
  }

  function redraw({ atOnce = Infinity } = {}) {
    const held = rest.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    rest.replaceChildren(...results(cases, filters, atOnce));
    if (held) rest.querySelector(`a[href="${CSS.escape(held)}"]`)?.focus({ preventScroll: true });
  }
}

/** The filters' form, and `offer`, which lets it fit to what the cases have. What is chosen and typed stays. */
function controls(filters, redraw) {
  const set = (key, value) => {
    filters[key] = value;
    remember({ [key]: value });
    redraw();
    for (const one of chips) one.setAttribute("aria-pressed", String(one.dataset.kind === filters.verdict));
  };
  const chips = Object.keys(KINDS).map((key) =>
    button([shape(key), element("span")], () => set("verdict", filters.verdict === key ? "" : key), {
      class: `chip ${key}`,
      "data-kind": key,
      "aria-pressed": String(filters.verdict === key),
    }),
  );
  const text = element("input", {
    type: "search",
    id: "f-text",
    value: filters.text,
    placeholder: "part of a name",
    on: { input: () => set("text", text.value) },
  });
  const choices = CHOICES.map(({ key, label, of }) => {
    const select = element("select", { id: `f-${key}`, on: { change: () => set(key, select.value) } });
    return { key, of, select, place: field(`f-${key}`, label, select) };
  });
  const form = element(
    "form",
    { role: "search", "aria-label": "Filter the cases", on: { submit: (event) => event.preventDefault() } },
    element("div", { class: "chips", role: "group", "aria-label": "By verdict" }, chips),
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
        choices.map((one) => one.place),
      ),
    ),
  );
  return { form, offer };

  function offer(cases) {
    for (const chip of chips) {
      const count = cases.filter((one) => kind(one.verdict) === chip.dataset.kind).length;
      chip.lastChild.textContent = `${count} ${KINDS[chip.dataset.kind]}`;
    }
    for (const { key, of, select, place } of choices) {
      const pairs = of(cases);
      place.hidden = !pairs.length && !filters[key];
      if (select.dataset.offers === JSON.stringify(pairs)) continue;
      select.dataset.offers = JSON.stringify(pairs);
      select.replaceChildren(
        ...[["", "all"], ...pairs].map(([value, word]) =>
          element("option", { value, selected: value === filters[key] }, word),
        ),
      );
    }
  }
}

/** The values that `of` finds among the cases, each once, as pairs of value and word. */
function found(cases, of) {
  return [...new Set(cases.map(of).filter(Boolean))].sort().map((value) => [value, value]);
}

const CHOICES = [
  { key: "suite", label: "Suite", of: (cases) => found(cases, (one) => one.suite) },
  { key: "quant", label: "Quantisation", of: (cases) => found(cases, (one) => quantisation(one.model)) },
  {
    key: "size",
    label: "Size",
    of: (cases) => sizes().filter(([key]) => cases.some((one) => size(one.model) === key)),
  },
  { key: "mode", label: "Power mode", of: (cases) => found(cases, (one) => one.power_mode) },
  {
    key: "since",
    label: "Measured",
    of: () => [
      ["1", "today"],
      ["7", "in 7 days"],
      ["30", "in 30 days"],
    ],
  },
];

function results(cases, filters, atOnce) {
  const since = filters.since ? Date.now() - Number(filters.since) * 86_400_000 : null;
  const wanted = cases.filter(
    (one) =>
      caseName(one).toLowerCase().includes(filters.text.trim().toLowerCase()) &&
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
      look: "steady",
      atOnce,
    }),
  ];
}

const COLUMNS = [
  {
    label: "Model",
    cell: (one) => [
      link(address("case", one.case, { metric: one.metric }), named(caseName(one))),
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
        `${metric(one.metric).label} · `,
        element("span", { class: "whole" }, interval(one.last.ci_low, one.last.ci_high, one.last.median, one.unit) || "no interval"),
        " · ",
        element("span", { class: "whole" }, `n ${one.last.n}`),
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
