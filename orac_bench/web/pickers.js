// What is compared with what: a base and its candidates, each a run, a baseline, or one model of a run.

import { read } from "./api.js";
import { button, element } from "./dom.js";
import { moment } from "./units.js";
import { metricKeys, metric } from "./words.js";

const MOST = 8;

/** Puts the choice into `place`; `chosen` hears {base, candidates, metrics, across} when it is asked for. */
export async function pickers(place, asked, life, chosen) {
  let runs = [];
  let baselines = [];
  try {
    [{ runs }, { baselines }] = await Promise.all([
      read("/v1/runs?limit=100", { signal: life.signal }),
      read("/v1/baselines", { signal: life.signal }),
    ]);
  } catch {
    // the comparison below tells what is wrong; a run can still be typed in
  }
  if (life.signal.aborted) return;
  const measured = runs.filter((one) => !["queued", "running"].includes(one.status));
  const whole = measured.filter((one) => ["done", "failed"].includes(one.status));
  const list = element(
    "datalist",
    { id: "c-runs" },
    baselines.map((one) => element("option", { value: one.name }, `baseline, ${one.run}`)),
    measured.map((one) =>
      element("option", { value: one.id }, `${moment(one.started)} ${one.note ?? ""} ${one.models.length} models`),
    ),
  );
  const base = side("c-base", "Base", asked.base || baselines[0]?.name || whole[1]?.id || "", measured, baselines);
  const candidates = element("div", { class: "content" });
  const add = (value) => {
    const number = candidates.childElementCount;
    candidates.append(
      side(`c-candidate-${number}`, number ? `Candidate ${number + 1}` : "Candidate", value, measured, baselines),
    );
    more.disabled = candidates.childElementCount >= MOST;
  };
  const more = button("Another candidate", () => add(""));
  for (const one of asked.candidates.length ? asked.candidates : [asked.paired ? "" : (whole.find((one) => one.id !== asked.base)?.id ?? "")]) add(one);
  const wanted = element(
    "select",
    { id: "c-metric" },
    element("option", { value: "" }, "headlines of each suite"),
    metricKeys()
      .filter((key) => metric(key).better)
      .map((key) => element("option", { value: key, selected: asked.metrics.includes(key) }, metric(key).label)),
  );
  const across = element("input", { type: "checkbox", checked: asked.across });
  place.replaceChildren(
    element(
      "form",
      {
        class: "card",
        "aria-label": "What to compare",
        on: {
          submit: (event) => {
            event.preventDefault();
            chosen({
              base: value(base),
              candidates: [...candidates.children].map(value).filter(Boolean),
              metrics: wanted.value ? [wanted.value] : [],
              across: across.checked,
            });
          },
        },
      },
      list,
      element("div", { class: "pair" }, base, candidates),
      element(
        "div",
        { class: "filters" },
        element("div", { class: "field roomy" }, element("label", { for: "c-metric" }, "Metrics"), wanted),
        element("label", { class: "check" }, across, "also under different conditions"),
      ),
      element("div", { class: "actions" }, element("button", { class: "primary" }, "Compare"), more),
    ),
  );
}

/** A run and, where one is wanted, a model of it. Its value is RUN or RUN:MODEL. */
function side(id, label, value, runs, baselines) {
  const [ref, ...rest] = value.split(":");
  const run = element("input", {
    id,
    list: "c-runs",
    value: ref,
    placeholder: "a run, latest, a baseline",
    autocomplete: "off",
    on: { change: () => offer() },
  });
  const model = element("select", { id: `${id}-of` });
  offer(rest.join(":"));
  return element(
    "div",
    { class: "filters side" },
    element("div", { class: "field" }, element("label", { for: id }, label), run),
    element("div", { class: "field" }, element("label", { for: `${id}-of` }, `${label}: cases`), model),
  );

  function offer(chosen = model.value) {
    const id = baselines.find((one) => one.name === run.value)?.run ?? run.value;
    const known =
      (runs.find((one) => one.id === id) ?? (run.value.startsWith("latest") ? runs[0] : null))?.models ?? [];
    const names = chosen && !known.includes(chosen) ? [chosen, ...known] : known;
    model.replaceChildren(
      element("option", { value: "" }, "all of the run"),
      ...names.map((one) => element("option", { value: one, selected: one === chosen }, one)),
    );
  }
}

function value(side) {
  const [run, model] = [side.querySelector("input"), side.querySelector("select")];
  if (!run.value.trim()) return "";
  return model.value ? `${run.value.trim()}:${model.value}` : run.value.trim();
}
