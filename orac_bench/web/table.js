// Tables: sorted by a click, cards on a phone, copied as Markdown, saved as CSV.

import { button, element } from "./dom.js";

/**
 * A table of `rows`. A column has a `label`, `cell(row)` (nodes or text), `text(row)` for copies where that differs,
 * `sort(row)` where it can be sorted, `kind` ("number") and `narrow: false` where a phone leaves it out.
 * `sorted` is {column, down}; `onSort` hears of a change. Of many rows `atOnce` are there at once, the rest a frame later.
 */
export function table({
  caption,
  columns,
  rows,
  sorted = null,
  onSort = null,
  rowAttributes = () => ({}),
  hideCaption = true,
  look = null,
  atOnce = Infinity,
}) {
  const body = element("tbody", { role: "rowgroup" });
  const heads = columns.map((column, at) => head(column, at));
  const made = element(
    "table",
    { role: "table", class: look },
    element("caption", { class: hideCaption ? "spoken" : null }, caption),
    element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, heads)),
    body,
  );
  let order = sorted;
  fill(atOnce);
  return made;

  function head(column, at) {
    const attributes = { role: "columnheader", scope: "col", class: column.kind ?? null };
    if (!column.sort) return element("th", attributes, column.label);
    const turn = () => {
      order = { column: at, down: order?.column === at ? !order.down : column.kind === "number" };
      onSort?.(order);
      fill();
    };
    return element("th", attributes, button(column.label, turn, { class: "sort" }));
  }

  function fill(most = Infinity) {
    const all = inOrder(columns, rows, order);
    const first = all.slice(0, most).map((row) => line(row));
    body.replaceChildren(...first);
    if (first.length < all.length) {
      const rest = () => body.lastChild === first.at(-1) && body.append(...all.slice(most).map((row) => line(row)));
      requestAnimationFrame(() => setTimeout(rest));
    }
    heads.forEach((one, at) => {
      if (order?.column === at) one.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else one.removeAttribute("aria-sort");
    });
  }

  function line(row) {
    const cells = columns.map((column, at) => {
      const attributes = {
        role: at === 0 ? "rowheader" : "cell",
        class: column.kind ?? null,
        "data-label": column.label,
      };
      if (at === 0) return element("th", { ...attributes, scope: "row" }, column.cell(row));
      return element("td", { ...attributes, "data-narrow": column.narrow === false ? "no" : null }, column.cell(row));
    });
    return element("tr", { role: "row", ...rowAttributes(row) }, cells);
  }
}

/** A table that scrolls sideways by itself where it is too wide; it can be reached by keyboard. */
export function scrolled(made, label) {
  return element("div", { class: "scrolled", tabindex: 0, role: "region", "aria-label": label }, made);
}

/** `rows` as a table in Markdown. */
export function asMarkdown(columns, rows) {
  const escaped = (text) =>
    String(text)
      .replace(/[\n\r]+/g, " ")
      .replace(/([\\|`<>*_[\]])/g, "\\$1");
  const lines = [
    columns.map((column) => escaped(column.label)),
    columns.map((column) => (column.kind === "number" ? "--:" : ":--")),
    ...rows.map((row) => columns.map((column) => escaped(told(column, row)))),
  ];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

/** How a spreadsheet's formula begins; a minus alone may also begin a number. */
const FORMULA = /^(?=[=+@\t\r\n]|-(?!\d+(\.\d+)?(e[+-]?\d+)?$))/i;

/** `rows` as CSV, as RFC 4180 has it; no cell can be taken for a formula by a spreadsheet. */
export function asCsv(columns, rows) {
  const quoted = (text) => `"${String(text).replace(FORMULA, "'").replace(/"/g, '""')}"`;
  const lines = [
    columns.map((column) => quoted(column.label)),
    ...rows.map((row) => columns.map((column) => quoted(told(column, row)))),
  ];
  return `${lines.map((cells) => cells.join(",")).join("\r\n")}\r\n`;
}

function told(column, row) {
  const text = (column.text ?? column.cell)(row);
  return text instanceof Node ? text.textContent : (text ?? "");
}

function inOrder(columns, rows, order) {
  const by = order && columns[order.column]?.sort;
  if (!by) return rows;
  const compared = (a, b) => {
    const [x, y] = [by(a), by(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    const found = typeof x === "string" ? x.localeCompare(y) : x - y;
    return order.down ? -found : found;
  };
  return [...rows].sort(compared);
}
