// Where a run or a result stands, as word, sign and colour.

import { element } from "./dom.js";

const KINDS = {
  queued: ["unsure", "◷"],
  running: ["busy", "▶"],
  done: ["good", "✓"],
  failed: ["bad", "✕"],
  cancelled: ["", "⊘"],
  interrupted: ["unsure", "‖"],
  lost: ["bad", "✕"],
};

/** Whether nothing more comes of it. */
export function over(word) {
  return !["queued", "running"].includes(word);
}

/** The status as a sign and its word. */
export function status(word) {
  const [kind, sign] = KINDS[word] ?? ["", "?"];
  return element(
    "span",
    { class: `status ${kind}`, "data-status": word },
    element("span", { "aria-hidden": "true" }, sign),
    word,
  );
}
