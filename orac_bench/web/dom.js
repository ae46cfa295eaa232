// Elements made of data. What a model, a file or a person wrote stays text: nothing in the page writes markup.

/** The element `tag` with `attributes` and `children` (nodes, text, arrays; null is left out). `on` has its listeners. */
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for drawings. */
export function drawing(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/** Text that somebody else chose: apart from its surroundings in direction, cut where it is long, whole in its title. */
export function named(text, attributes = {}) {
  const told = String(text ?? "–");
  return element("bdi", { class: "named", title: told.length > 24 ? told.slice(0, 400) : null, ...attributes }, told);
}

/** `text` in at most `most` characters, for places that cannot cut by themselves, such as charts. */
export function shortened(text, most = 32) {
  const told = [...String(text ?? "–").replace(/[\u0000-\u001f\u200e\u200f\u202a-\u202e\u2066-\u2069{}|]/g, " ")];
  return told.length > most ? `${told.slice(0, most - 1).join("")}…` : told.join("");
}

/** Text for screen readers alone. */
export function spoken(text) {
  return element("span", { class: "spoken" }, text);
}

/** A link within the page. */
export function link(address, ...children) {
  return element("a", { href: address }, ...children);
}

/** A button that does `act`. */
export function button(label, act, attributes = {}) {
  return element("button", { type: "button", on: { click: act }, ...attributes }, label);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [kind, act] of Object.entries(value)) made.addEventListener(kind, act);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value);
  }
  made.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}
