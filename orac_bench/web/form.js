// Fields of forms: each has its label.

import { button, element } from "./dom.js";

/** A field with its label. */
export function field(id, label, input) {
  return element("div", { class: "field" }, element("label", { for: id }, label), input);
}

/** A choice among `pairs` of value and text. */
export function select(id, label, pairs, value, onChange) {
  const made = element(
    "select",
    { id, on: { change: () => onChange(made.value) } },
    pairs.map(([key, text]) => element("option", { value: key, selected: key === value }, text)),
  );
  return field(id, label, made);
}

/** A list of boxes to tick: of `choices` (value, label, what is said beside it) those in `chosen` are ticked. */
export function boxes(legend, choices, chosen, changed = () => {}) {
  const inputs = choices.map(([value, label, more]) =>
    element(
      "label",
      { class: "check" },
      element("input", { type: "checkbox", value, checked: chosen.includes(value), on: { change: changed } }),
      element("span", {}, label, " ", element("small", {}, more)),
    ),
  );
  const all = (ticked) => () => {
    for (const one of made.querySelectorAll("input")) one.checked = ticked;
    changed();
  };
  const made = element(
    "fieldset",
    {},
    element("legend", {}, legend),
    element("div", { class: "actions small" }, button("All", all(true)), button("None", all(false))),
    inputs,
  );
  return made;
}

/** The values of the boxes that are ticked. */
export function ticked(fieldset) {
  return [...fieldset.querySelectorAll("input:checked")].map((one) => one.value);
}
