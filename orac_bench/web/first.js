// What a store says in which nothing was measured yet: what to do first, and a button that does it.

import { address, go } from "./address.js";
import { change as post, read } from "./api.js";
import { button, element, link } from "./dom.js";
import { loaded, trouble } from "./loading.js";
import { beat } from "./pulse.js";

const SUITES = ["first_token", "decode"];

/** The first steps, as far as the models that are here allow them; of a run that is `measuring` already, where it is. */
export function first(measuring, life) {
  const place = element("section", { class: "first" });
  if (measuring) {
    place.append(
      element("h2", {}, "The first results are on their way"),
      element("p", {}, "They stand here as soon as a case is measured."),
      element(
        "div",
        { class: "actions" },
        element("a", { class: "primary", href: address("run", measuring) }, "Watch the run"),
      ),
    );
    return place;
  }
  loaded(
    place,
    life,
    (signal) => read("/v1/models", { signal }),
    ({ models }) => drawn(models.filter((one) => one.state !== "refused")),
  );
  return place;
}

function drawn(models) {
  const heading = element("h2", {}, "Nothing has been measured yet");
  if (!models.length)
    return [
      heading,
      element("p", {}, "First a model is needed: put GGUF files into the folder that ORAC_MODELS_DIR names."),
      element("div", { class: "actions" }, element("a", { class: "primary", href: "#/models" }, "See the models")),
    ];
  const failed = element("div");
  const start = button("Measure now", measure, { class: "primary" });
  const these = models.length === 1 ? "the model that is here" : `the ${models.length} models that are here`;
  return [
    heading,
    element(
      "p",
      {},
      "Measure once, and the numbers stand here: how fast each model is, how sure that is, and later whether it has changed.",
    ),
    element(
      "ol",
      {},
      element("li", {}, `Measure ${these} with ${SUITES.join(" and ")}. You can watch it, and cancel it at any time.`),
      element("li", {}, "Name its run as the baseline. From then on every case says whether it is slower or faster."),
    ),
    failed,
    element(
      "div",
      { class: "actions" },
      start,
      link(address("benchmark", null, { suites: SUITES }), "Choose what to measure"),
      link("#/models", "See the models"),
    ),
  ];

  async function measure() {
    start.disabled = true;
    failed.replaceChildren();
    try {
      const { id } = await post("POST", "/v1/runs", { models: models.map((one) => one.name), suites: SUITES });
      beat();
      go(address("run", id));
    } catch (error) {
      failed.replaceChildren(trouble(error));
      start.disabled = false;
    }
  }
}
