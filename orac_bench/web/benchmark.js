// What is to be measured: choose, see how long it takes, start, watch it. And the quick comparison of one prompt.

import { address, go, remember } from "./address.js";
import { change as post, read } from "./api.js";
import { button, element, link, named } from "./dom.js";
import { boxes, ticked } from "./form.js";
import { follow, likely } from "./live.js";
import { loaded, trouble } from "./loading.js";
import { beat, onPulse } from "./pulse.js";
import { quick } from "./quick.js";
import { span } from "./units.js";
import { suites } from "./words.js";

const PAUSE_MS = 300;

/** Shows the form, what is measured now, and what waits. */
export function show(place, where, life) {
  const content = element("div", { class: "content" });
  const now = element("div", { class: "through" });
  const second = element("div");
  place.append(element("h1", {}, "Benchmark"), now, content, second);
  queue(now, life);
  loaded(
    content,
    life,
    (signal) => read("/v1/models", { signal }),
    ({ models }) => {
      const usable = models.filter((one) => one.state !== "refused");
      quick(second, usable, life);
      return form(usable, where, life);
    },
  );
}

/** The run that is measured now, live, and those that wait for it. */
function queue(place, life) {
  const live = element("div", { class: "content" });
  const waiting = element("div");
  place.append(live, waiting);
  let followed = null;
  let asked = 0;
  const refresh = async () => {
    const own = (asked += 1);
    try {
      const { runs } = await read("/v1/runs?limit=20", { signal: life.signal });
      if (own === asked) draw(runs);
    } catch {
      // the pulse tells when the service is gone
    }
  };
  let before;
  onPulse(({ answers, health }) => {
    const seen = `${answers} ${health?.measuring}`;
    if (seen !== before) refresh();
    before = seen;
  }, life.signal);

  function draw(runs) {
    const running = runs.find((one) => one.status === "running" && one.likely_over !== undefined && one.ended === null);
    if (running && running.id !== followed) {
      followed = running.id;
      const place = element("div");
      live.replaceChildren(
        element("p", { class: "quiet" }, "Run ", link(address("run", running.id), named(running.id))),
        place,
      );
      follow(place, running.id, life, () => {
        followed = null;
        live.replaceChildren(
          element(
            "p",
            {},
            "Run ",
            link(address("run", running.id), named(running.id)),
            " is over. ",
            link(address("run", running.id), "See its results"),
          ),
        );
        refresh();
      });
    }
    const queued = runs.filter((one) => one.status === "queued").sort((a, b) => a.position - b.position);
    waiting.replaceChildren(
      ...(queued.length
        ? [
            element(
              "section",
              { class: "card" },
              element("h2", {}, "Waiting"),
              element(
                "ol",
                { class: "list" },
                queued.map((one) =>
                  element(
                    "li",
                    { class: "bar" },
                    link(address("run", one.id), named(one.id)),
                    element("span", { class: "quiet" }, one.note ?? one.models.join(", ")),
                    button("Cancel", () => cancel(one, refresh)),
                  ),
                ),
              ),
            ),
          ]
        : []),
    );
  }
}

async function cancel(run, refresh) {
  try {
    await post("POST", `/v1/runs/${encodeURIComponent(run.id)}/cancel`);
  } catch {
    // it may be over by now: the list says so
  }
  refresh();
}

function form(models, where, life) {
  if (!models.length)
    return element(
      "section",
      { class: "first" },
      element("h2", {}, "There is no model to measure"),
      element("p", {}, "Put GGUF files into the folder that ORAC_MODELS_DIR names."),
      link("#/models", "See the models"),
    );
  const asked = { models: where.query.getAll("models"), suites: where.query.getAll("suites") };
  const all = Object.entries(suites()).filter(([, one]) => !one.own_template);
  const plain = all.filter(([, one]) => !one.only_when_named).map(([name]) => name);
  const modelBoxes = boxes(
    "Models",
    models.map((one) => [one.name, named(one.name), one.fits === "no" ? "does not fit now" : (one.quantization ?? "")]),
    asked.models.length ? asked.models : models.map((one) => one.name),
    changed,
  );
  const suiteBoxes = boxes(
    "Suites",
    all.map(([name, one]) => [name, name, one.question]),
    asked.suites.length ? asked.suites : plain,
    changed,
  );
  const rounds = element("input", {
    id: "b-rounds",
    type: "number",
    min: 1,
    max: 10000,
    placeholder: "as the suite has",
    value: where.query.get("rounds"),
    on: { input: changed },
  });
  const note = element("input", {
    id: "b-note",
    maxlength: 1000,
    placeholder: "what is special today",
    value: where.query.get("note"),
    on: { input: changed },
  });
  const estimate = element("div", { class: "estimate", "aria-live": "polite" });
  const start = element("button", { class: "primary" }, "Start");
  const failed = element("div");
  const made = element(
    "form",
    { class: "card", "aria-label": "Start a benchmark", on: { submit } },
    element("h2", {}, "Start a benchmark"),
    element("div", { class: "pair" }, modelBoxes, suiteBoxes),
    element(
      "div",
      { class: "filters" },
      element("div", { class: "field" }, element("label", { for: "b-rounds" }, "Rounds a case"), rounds),
      element("div", { class: "field wide" }, element("label", { for: "b-note" }, "Note"), note),
    ),
    estimate,
    failed,
    element("div", { class: "actions" }, start),
  );
  let timer = null;
  let latest = 0;
  life.onEnd(() => clearTimeout(timer));
  changed();
  return made;

  function wish() {
    return {
      models: ticked(modelBoxes),
      suites: ticked(suiteBoxes),
      ...(rounds.value ? { rounds: Number(rounds.value) } : {}),
      ...(note.value.trim() ? { note: note.value.trim() } : {}),
    };
  }

  function changed() {
    clearTimeout(timer);
    timer = setTimeout(() => tell(), PAUSE_MS);
  }

  async function tell({ ask = false } = {}) {
    const asked = wish();
    const own = (latest += 1);
    const every = asked.models.length === models.length;
    remember({
      models: every ? "" : asked.models,
      suites: same(asked.suites, plain) ? "" : asked.suites,
      rounds: rounds.value,
      note: note.value,
    });
    start.disabled = !asked.models.length || !asked.suites.length;
    if (start.disabled) {
      estimate.replaceChildren(element("p", { class: "quiet" }, "Choose at least one model and one suite."));
      return;
    }
    try {
      const found = await post("POST", "/v1/runs?dry=true", asked, { signal: life.signal, ask });
      if (own === latest) estimate.replaceChildren(...estimated(found));
    } catch (error) {
      if (own !== latest || life.signal.aborted) return;
      estimate.replaceChildren(error.status === 401 ? withToken(() => tell({ ask: true })) : trouble(error));
    }
  }

  async function submit(event) {
    event.preventDefault();
    start.disabled = true;
    failed.replaceChildren();
    try {
      const { id } = await post("POST", "/v1/runs", wish());
      beat();
      go(address("run", id));
    } catch (error) {
      failed.replaceChildren(trouble(error));
      start.disabled = false;
    }
  }
}

/** Nobody is asked for the token before they want something. */
function withToken(act) {
  return element(
    "div",
    { class: "actions" },
    element("span", { class: "quiet" }, "How long it takes is told to who has the service's token."),
    button("Give the token", act),
  );
}

function estimated(found) {
  const rows = found.cases.map((one) =>
    element(
      "li",
      { class: "bar" },
      element("span", {}, named(one.model), element("small", {}, ` ${one.suite} · ${one.workload}`)),
      element(
        "span",
        { class: "quiet" },
        `${one.rounds} rounds with warm-ups · ${one.estimate_s === null ? "not known" : span(one.estimate_s)}`,
      ),
    ),
  );
  return [
    element(
      "p",
      {},
      element("b", {}, found.cases.length === 1 ? "1 case" : `${found.cases.length} cases`),
      `, ${likely(found.estimate_s)}.`,
    ),
    element("details", {}, element("summary", {}, "What will be measured"), element("ul", { class: "list" }, rows)),
  ];
}

function same(a, b) {
  return a.length === b.length && a.every((one) => b.includes(one));
}
