// Where the level of a case changed, and what changed there; a change can be acknowledged.

import { address } from "./address.js";
import { change as post } from "./api.js";
import { announce } from "./copy.js";
import { button, element, link, named } from "./dom.js";
import { trouble } from "./loading.js";
import { moment, percent } from "./units.js";

/** The changes of a history, the newest first. `refresh` is called when one was acknowledged. */
export function changes(told, refresh) {
  const rows = told.changes
    .map((one, at) => ({ ...one, number: at + 1 }))
    .reverse()
    .map((one) => {
      const at_ = told.points.find((point) => point.run === one.at_run)?.at;
      return element(
        "li",
        { class: "bar" },
        element(
          "div",
          {},
          `${one.number}: `,
          one.ratio === null ? element("b", {}, "conditions changed") : element("b", {}, `level ${percent(one.ratio)}`),
          " ",
          element(
            "small",
            {},
            `${moment(at_)} · ${one.cause === "measured" ? "measured under equal conditions" : one.cause}`,
          ),
          element("br"),
          link(address("run", one.at_run, { case: told.case }), named(one.at_run)),
        ),
        one.acknowledged
          ? element("span", { class: "quiet" }, "known")
          : one.cause === "measured"
            ? button("Acknowledge", () => acknowledge(one))
            : null,
      );
    });
  const place = element(
    "section",
    { class: "card", "aria-label": "Changes" },
    element("h2", {}, "Changes"),
    rows.length
      ? element("ul", { class: "list" }, rows)
      : element("p", { class: "quiet" }, "Its level has not changed."),
  );
  return place;

  async function acknowledge(one) {
    try {
      await post("POST", "/v1/changes/acknowledge", { case: told.case, metric: told.metric, at_run: one.at_run });
      announce("Noted: it is no news any more.");
      refresh();
    } catch (error) {
      place.append(trouble(error));
    }
  }
}
