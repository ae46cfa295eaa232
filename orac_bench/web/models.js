// The models: what there is and how it stands, loading and unloading, and a box to ask one something.

import { address } from "./address.js";
import { change as post, read } from "./api.js";
import { announce } from "./copy.js";
import { button, element, link, named } from "./dom.js";
import { loaded } from "./loading.js";
import { promptBox } from "./prompt.js";
import { beat, onPulse, pulse } from "./pulse.js";
import { table } from "./table.js";
import { parameters, span, written } from "./units.js";

const SIGNS = { ready: ["", "○"], loading: ["busy", "◐"], loaded: ["good", "●"], refused: ["bad", "✕"] };
const FITS = { yes: "fits", tight: "fits tightly", no: "does not fit now" };

/** Shows the models and the prompt box. */
export function show(place, where, life) {
  const content = element("div", { class: "content" });
  const box = element("div");
  place.append(element("h1", {}, "Models"), box, content);
  const state = { models: null, busy: new Map(), said: new Map() };
  let ask = null;
  const draw = () => content.replaceChildren(...drawn(state, act));
  const refresh = () =>
    loaded(
      content,
      life,
      (signal) => read("/v1/models", { signal }),
      ({ models }) => {
        state.models = models;
        if (ask) ask.offer(models);
        else ask = promptBox(box, models, where, life, refresh);
        return drawn(state, act);
      },
    );
  refresh();
  let measuring;
  onPulse(({ answers, health }) => {
    if (!answers) return;
    if (state.models?.length === 0 || (measuring !== undefined && measuring !== health.measuring)) refresh();
    measuring = health.measuring;
  }, life.signal);

  async function act(model, verb, { force = false } = {}) {
    const began = performance.now();
    state.busy.set(model.name, verb);
    state.said.delete(model.name);
    draw();
    try {
      const done = await post(
        "POST",
        `/v1/models/${encodeURIComponent(model.name)}/${verb}${force ? "?force=true" : ""}`,
      );
      state.said.set(model.name, { text: told(done, verb, (performance.now() - began) / 1000) });
      announce(`${model.name} is ${done.state}.`);
    } catch (error) {
      state.said.set(model.name, { error, verb });
    }
    state.busy.delete(model.name);
    if (life.signal.aborted) return;
    beat();
    try {
      state.models = (await read("/v1/models", { signal: life.signal })).models;
    } catch {
      // the pulse tells when the service is gone
    }
    if (!life.signal.aborted) draw();
  }
}

function told(done, verb, seconds) {
  const memory =
    done.memory_before_b === null
      ? ""
      : ` Available memory ${written(done.memory_before_b, "B")} → ${written(done.memory_after_b, "B")}.`;
  const evicted = done.evicted.length ? ` Given up for it: ${done.evicted.join(", ")}.` : "";
  return `${verb === "load" ? "Loaded" : "Unloaded"} in ${span(done.elapsed_ms / 1000) === "0 s" ? `${done.elapsed_ms.toFixed(0)} ms` : span(seconds)}.${memory}${evicted}`;
}

function drawn(state, act) {
  if (!state.models.length) {
    return [
      element(
        "section",
        { class: "first" },
        element("h2", {}, "There is no model yet"),
        element("p", {}, "Put GGUF files into the folder that ORAC_MODELS_DIR names; they appear here by themselves."),
        element("p", { class: "quiet" }, "Without that setting `make bench` fetches a small sample model."),
      ),
    ];
  }
  const columns = [
    {
      label: "Model",
      cell: (one) => [
        named(one.name),
        one.file && one.file !== one.name ? element("small", {}, named(one.file)) : null,
        one.aliases.length ? element("small", {}, "also: ", named(one.aliases.join(", "))) : null,
      ],
    },
    { label: "State", cell: (one) => standing(one, state) },
    { label: "Size", kind: "number", cell: (one) => written(one.size_b, "B"), sort: (one) => one.size_b },
    { label: "Quantisation", cell: (one) => one.quantization ?? "–", sort: (one) => one.quantization ?? "" },
    { label: "Parameters", kind: "number", cell: (one) => parameters(one.parameters), sort: (one) => one.parameters },
    {
      label: "Context",
      kind: "number",
      cell: (one) => (one.context_length === null ? "–" : `${one.context_length}`),
      narrow: false,
    },
    { label: "Memory", cell: (one) => (one.fits ? FITS[one.fits] : "–") },
    { label: "Actions", cell: (one) => acts(one, state, act) },
  ];
  return [
    table({
      caption: "Models",
      columns,
      rows: state.models,
      rowAttributes: (one) => ({ class: one.state === "refused" ? "left-out" : null, "data-model": one.name }),
    }),
  ];
}

function standing(one, state) {
  const busy = state.busy.get(one.name);
  const shown = busy === "load" ? "loading" : one.state;
  const [kind, sign] = SIGNS[shown];
  const said = state.said.get(one.name);
  return [
    element(
      "span",
      { class: `status ${kind}`, "data-state": shown },
      element("span", { "aria-hidden": "true" }, sign),
      busy === "unload" ? "unloading" : shown,
    ),
    busy ? element("progress", { "aria-label": `${busy === "load" ? "Loads" : "Unloads"} ${one.name}` }) : null,
    one.reason ? element("small", { class: "said" }, one.reason) : null,
    said?.text ? element("small", { class: "said", role: "status" }, said.text) : null,
    said?.error
      ? element("small", { class: "said", role: "alert" }, `${said.error.message} ${said.error.next ?? ""}`)
      : null,
  ];
}

function acts(one, state, act) {
  if (one.state === "refused") return element("span", { class: "quiet" }, "refused");
  const busy = state.busy.size > 0 || pulse.health?.measuring ? true : false;
  const said = state.said.get(one.name);
  const verb = one.state === "loaded" ? "unload" : "load";
  return element(
    "div",
    { class: "actions" },
    button(verb === "load" ? "Load" : "Unload", () => act(one, verb), {
      disabled: busy,
      "aria-label": `${verb === "load" ? "Load" : "Unload"} ${one.name}`,
    }),
    said?.error?.status === 409 && verb === "load" && one.fits === "no"
      ? button("Load all the same", () => act(one, "load", { force: true }), { disabled: busy })
      : null,
    link(address("benchmark", null, { models: one.name }), "Measure"),
  );
}
