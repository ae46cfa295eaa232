// The prompt box: one model, one question, the answer as it is written, and how fast that was.

import { remember } from "./address.js";
import { send } from "./api.js";
import { button, element, named } from "./dom.js";
import { trouble } from "./loading.js";
import { events } from "./stream.js";
import { written } from "./units.js";

const PROMPT = "Write a short story about an old man who mends clocks by the sea.";

/** Puts the box into `place`. `done` is called after each answer: a model may be loaded by then. */
export function promptBox(place, models, where, life, done) {
  const select = element("select", { id: "p-model", on: { change: () => remember({ model: select.value }) } });
  const text = element("textarea", { id: "p-text", rows: 3, required: true }, PROMPT);
  const most = element("input", { id: "p-most", type: "number", min: 1, max: 4096, value: 256 });
  const ask = element("button", { class: "primary" }, "Ask");
  const stop = button("Stop", () => stopping?.abort(), { hidden: true });
  const answer = element("div", {
    class: "answer",
    tabindex: 0,
    role: "region",
    "aria-label": "The answer",
    hidden: true,
  });
  const figures = element("dl", { class: "figures", "aria-live": "polite" });
  const failed = element("div");
  const form = element(
    "form",
    { class: "card", "aria-label": "Ask a model", on: { submit } },
    element("h2", {}, "Ask a model"),
    element(
      "div",
      { class: "filters" },
      element("div", { class: "field" }, element("label", { for: "p-model" }, "Model to ask"), select),
      element("div", { class: "field" }, element("label", { for: "p-most" }, "Tokens at most"), most),
    ),
    element("div", { class: "field" }, element("label", { for: "p-text" }, "Prompt"), text),
    element("div", { class: "actions" }, ask, stop),
    failed,
    answer,
    figures,
  );
  let stopping = null;
  life.onEnd(() => stopping?.abort());
  offer(models);
  return { offer };

  /** Takes a new list of models, and keeps what was chosen. */
  function offer(list) {
    const usable = list.filter((one) => one.state !== "refused");
    const before = select.value || where.query.get("model") || usable.find((one) => one.state === "loaded")?.name;
    select.replaceChildren(
      ...usable.map((one) =>
        element(
          "option",
          { value: one.name, selected: one.name === before },
          one.state === "loaded" ? `${one.name} (loaded)` : one.name,
        ),
      ),
    );
    if (!usable.length) place.replaceChildren();
    else if (!form.isConnected) place.replaceChildren(form);
  }

  async function submit(event) {
    event.preventDefault();
    if (stopping) return;
    stopping = new AbortController();
    const began = performance.now();
    const thinking = element("span", { class: "thinking" });
    const words = element("span");
    answer.hidden = false;
    answer.replaceChildren(thinking, words);
    answer.setAttribute("aria-busy", "true");
    failed.replaceChildren();
    figures.replaceChildren(figure("model", named(select.value)), figure("state", "waits for the first token …"));
    ask.disabled = true;
    stop.hidden = false;
    stop.focus();
    try {
      const body = {
        model: select.value,
        prompt: text.value,
        stream: true,
        options: { num_predict: Number(most.value) },
      };
      const response = await send("POST", "/v1/prompt", body, { signal: stopping.signal });
      let first = null;
      let pieces = 0;
      for await (const { kind, data } of events(response)) {
        if (kind === "token") {
          first ??= performance.now() - began;
          pieces += 1;
          if (data.thinking) thinking.append(data.thinking);
          if (data.text) words.append(data.text);
          if (pieces === 1)
            figures.replaceChildren(
              figure("first token after", `${first.toFixed(0)} ms here`),
              figure("state", "writes …"),
            );
          answer.scrollTop = answer.scrollHeight;
        } else if (kind === "done") tell(data);
        else if (kind === "error")
          failed.replaceChildren(trouble({ title: data.title, message: data.detail, next: data.next }));
      }
    } catch (error) {
      if (stopping.signal.aborted) figures.replaceChildren(figure("state", "stopped"));
      else failed.replaceChildren(trouble(error));
    }
    stopping = null;
    answer.removeAttribute("aria-busy");
    if (life.signal.aborted) return;
    ask.disabled = false;
    stop.hidden = true;
    ask.focus();
    done();
  }

  function tell(data) {
    figures.replaceChildren(
      figure("TTFT", written(data.ttft_ms === null ? null : data.ttft_ms / 1e3, "s")),
      figure("rate", written(data.tokens_per_s, "tokens/s")),
      figure("tokens", String(data.output_tokens ?? "–")),
      figure("whole", written(data.elapsed_ms / 1e3, "s")),
      ...(data.load_ms === null ? [] : [figure("of it loading", written(data.load_ms / 1e3, "s"))]),
      figure("ended by", data.done_reason === "length" ? "the most tokens" : (data.done_reason ?? "–")),
    );
  }
}

function figure(label, value) {
  return element("div", {}, element("dt", {}, label), element("dd", {}, value));
}
