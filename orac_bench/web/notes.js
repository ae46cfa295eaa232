// What people wrote beside runs, and a field to write more.

import { address } from "./address.js";
import { change as post } from "./api.js";
import { announce } from "./copy.js";
import { element, link, named } from "./dom.js";
import { trouble } from "./loading.js";
import { moment } from "./units.js";

/** The notes `written`, and a field `label` for another beside `run`, or beside `case` of it. */
export function notes({ written, label, run, case: key = null, refresh }) {
  const text = element("input", { id: "note", required: true, maxlength: 2000, placeholder: "What was changed?" });
  const lines = written.map((one) =>
    element(
      "li",
      {},
      element("span", { class: "said" }, one.text),
      element("small", {}, moment(one.at), one.run === run ? null : " · "),
      one.run === run ? null : link(address("run", one.run), named(one.run)),
    ),
  );
  const place = element(
    "section",
    { class: "card", "aria-label": "Notes" },
    element("h2", {}, "Notes"),
    lines.length
      ? element("ul", { class: "list" }, lines)
      : element("p", { class: "quiet" }, "Nobody has written anything yet."),
    element(
      "form",
      { class: "filters", on: { submit: write } },
      element("div", { class: "field wide" }, element("label", { for: "note" }, label), text),
      element("button", {}, "Note"),
    ),
  );
  return place;

  async function write(event) {
    event.preventDefault();
    try {
      const body = { text: text.value, ...(key === null ? {} : { case: key }) };
      await post("POST", `/v1/runs/${encodeURIComponent(run)}/annotations`, body);
      announce("Noted.");
      refresh();
    } catch (error) {
      place.append(trouble(error));
    }
  }
}
