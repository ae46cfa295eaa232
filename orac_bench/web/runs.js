// The runs, newest first, page by page; two or more of them can be chosen to be compared.

import { address } from "./address.js";
import { read } from "./api.js";
import { element, link, named, spoken } from "./dom.js";
import { loaded } from "./loading.js";
import { onPulse } from "./pulse.js";
import { status } from "./status.js";
import { table } from "./table.js";
import { ago, moment, span } from "./units.js";

const PAGE = 50;

/** Shows the list. The address holds where its page begins. */
export function show(place, where, life) {
  const before = where.query.get("before");
  const content = element("div", { class: "content" });
  place.append(element("h1", {}, "Runs"), content);
  const chosen = new Set();
  const query = new URLSearchParams({ limit: PAGE, ...(before ? { before } : {}) });
  const refresh = () =>
    loaded(
      content,
      life,
      (signal) => Promise.all([read(`/v1/runs?${query}`, { signal }), read("/v1/baselines", { signal })]),
      ([page, { baselines }]) => drawn(page, baselines, before, chosen),
    );
  refresh();
  let measured = null;
  onPulse(({ answers, health }) => {
    if (!answers) return;
    if (measured !== null && measured !== (health.measuring ?? "")) refresh();
    measured = health.measuring ?? "";
  }, life.signal);
}

function drawn(page, baselines, before, chosen) {
  if (!page.runs.length)
    return element("p", { class: "empty" }, "There is no run yet. ", link("#/benchmark", "Start one"));
  const names = new Map(baselines.map((one) => [one.run, one.name]));
  const act = element("a", { class: "plain", href: "#/compare" }, "Compare");
  const tell = () => {
    const [base, ...candidates] = page.runs
      .map((one) => one.id)
      .filter((id) => chosen.has(id))
      .reverse();
    act.href = address("compare", null, { base, candidate: candidates });
    act.textContent = chosen.size < 2 ? "Choose two runs to compare" : `Compare ${chosen.size} runs`;
    act.className = chosen.size < 2 ? "plain" : "primary";
  };
  tell();
  const columns = [
    {
      label: "Run",
      cell: (run) => [
        link(address("run", run.id), named(run.id)),
        run.note ? element("small", { class: "said" }, run.note) : null,
      ],
    },
    {
      label: "Status",
      cell: (run) => [
        status(run.status),
        names.has(run.id) ? element("small", {}, "baseline ", named(names.get(run.id))) : null,
      ],
    },
    {
      label: "Measured",
      cell: (run) => element("time", { datetime: run.started, title: moment(run.started) }, ago(run.started)),
    },
    {
      label: "Took",
      cell: (run) =>
        run.ended
          ? span((new Date(run.ended) - new Date(run.started)) / 1000)
          : run.position !== null
            ? `${run.position} before it`
            : "goes on",
    },
    {
      label: "Models",
      cell: (run) => [
        named(run.models.slice(0, 2).join(", ") || "–"),
        run.models.length > 2 ? element("small", {}, `and ${run.models.length - 2} more`) : null,
      ],
    },
    {
      label: "Rounds",
      kind: "number",
      cell: (run) => `${run.progress.rounds_done} of ${run.progress.rounds_planned}`,
      narrow: false,
    },
    { label: "From", cell: (run) => run.trigger, narrow: false },
    { label: "Choose", cell: (run) => pick(run, chosen, tell) },
  ];
  return [
    element("div", { class: "bar" }, element("p", { class: "quiet" }, "Newest first."), act),
    table({ caption: "Runs, newest first", columns, rows: page.runs }),
    element(
      "div",
      { class: "actions" },
      before ? link("#/runs", "Newest") : null,
      page.next ? link(address("runs", null, { before: page.next }), "Older") : null,
    ),
  ];
}

function pick(run, chosen, tell) {
  const box = element("input", {
    type: "checkbox",
    checked: chosen.has(run.id),
    on: {
      change: () => {
        if (box.checked) chosen.add(run.id);
        else chosen.delete(run.id);
        tell();
      },
    },
  });
  return element("label", { class: "check" }, box, spoken(`Compare run ${run.id}`));
}
