// The simple table: one prompt, several models, their answers and how long each took, the quickest first.

import { address } from "./address.js";
import { change as post } from "./api.js";
import { copyButton, saveButton } from "./copy.js";
import { button, element, link, named } from "./dom.js";
import { boxes, field, ticked } from "./form.js";
import { trouble } from "./loading.js";
import { beat } from "./pulse.js";
import { asCsv, asMarkdown, table } from "./table.js";
import { written } from "./units.js";

const PROMPT = "Write a short story about an old man who mends clocks by the sea.";

/** Puts the form into `place`; the table appears below it when every model has answered. */
export function quick(place, models, life) {
  if (!models.length) return;
  const text = element("textarea", { id: "q-prompt", rows: 3, required: true }, PROMPT);
  const rounds = element("input", { id: "q-rounds", type: "number", min: 1, max: 100, value: 3 });
  const which = boxes(
    "Models to compare",
    models.map((one) => [one.name, named(one.name), one.state === "loaded" ? "loaded" : (one.quantization ?? "")]),
    [],
  );
  const ask = element("button", { class: "primary" }, "Compare them");
  const stop = button("Stop", () => stopping?.abort(), { hidden: true });
  const result = element("div", { class: "content", "aria-live": "polite" });
  let stopping = null;
  life.onEnd(() => stopping?.abort());
  place.replaceChildren(
    element(
      "form",
      { class: "card", "aria-label": "One prompt, several models", on: { submit } },
      element("h2", {}, "One prompt, several models"),
      element(
        "p",
        { class: "quiet" },
        "Each model answers alone, one after the other. None chosen: those that are loaded, else all. Leaving this view cancels it.",
      ),
      element(
        "div",
        { class: "pair" },
        element(
          "div",
          { class: "content" },
          field("q-prompt", "Prompt for all", text),
          element("div", { class: "filters" }, field("q-rounds", "Rounds a model", rounds)),
        ),
        which,
      ),
      element("div", { class: "actions" }, ask, stop),
      result,
    ),
  );

  async function submit(event) {
    event.preventDefault();
    if (stopping) return;
    stopping = new AbortController();
    ask.disabled = true;
    stop.hidden = false;
    result.replaceChildren(
      element("p", {}, "They are asked; above is how far it is."),
      element("progress", { "aria-label": "They are asked" }),
    );
    const names = ticked(which);
    const count = Number(rounds.value);
    beat();
    life.after(1500, beat);
    try {
      const told = await post(
        "POST",
        "/v1/benchmark",
        { prompt: text.value, rounds: count, ...(names.length ? { models: names } : {}) },
        { signal: stopping.signal },
      );
      result.replaceChildren(...answered(told, count));
    } catch (error) {
      result.replaceChildren(
        stopping.signal.aborted
          ? element("p", { class: "quiet" }, "Stopped; what was measured so far is kept with its run.")
          : trouble(error),
      );
    }
    stopping = null;
    if (life.signal.aborted) return;
    ask.disabled = false;
    stop.hidden = true;
    beat();
  }
}

const COLUMNS = [
  { label: "Model", cell: (one) => named(one.model), text: (one) => one.model },
  {
    label: "Latency",
    kind: "number",
    cell: (one) =>
      element("span", { class: "value" }, written(one.latency_ms === null ? null : one.latency_ms / 1e3, "s")),
    sort: (one) => one.latency_ms,
  },
  {
    label: "TTFT",
    kind: "number",
    cell: (one) => written(one.ttft_ms === null ? null : one.ttft_ms / 1e3, "s"),
    sort: (one) => one.ttft_ms,
  },
  {
    label: "Rate",
    kind: "number",
    cell: (one) => written(one.tokens_per_s, "tokens/s"),
    sort: (one) => one.tokens_per_s,
  },
  {
    label: "Answer",
    cell: (one) =>
      one.error
        ? element("span", { class: "said" }, `failed: ${one.error}`)
        : element(
            "details",
            {},
            element("summary", {}, element("bdi", { class: "start" }, (one.answer ?? "–").trim().slice(0, 60))),
            element("p", { class: "answer" }, one.answer),
          ),
    text: (one) => (one.error ? `failed: ${one.error}` : (one.answer ?? "")),
  },
];

/** What was answered in so many `rounds` a model. */
function answered(told, rounds) {
  return [
    element(
      "div",
      { class: "bar" },
      element(
        "p",
        {},
        `The quickest first: latency and rate are the median of ${rounds === 1 ? "1 round" : `${rounds} rounds`}, TTFT and answer the first round's. Kept as run `,
        link(address("run", told.run), named(told.run)),
        ".",
      ),
      element(
        "div",
        { class: "actions" },
        copyButton("Copy as Markdown", () => asMarkdown(COLUMNS, told.results)),
        saveButton("CSV", `${told.run}.csv`, () => asCsv(COLUMNS, told.results), "text/csv"),
      ),
    ),
    table({ caption: "Models by latency", columns: COLUMNS, rows: told.results, sorted: { column: 1, down: false } }),
  ];
}
