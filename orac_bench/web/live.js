// A run as it is measured: how far it is, its last values, the board's curves, and a way to end it.

import { change as post, read } from "./api.js";
import { caseName } from "./case_name.js";
import { chart } from "./chart.js";
import { announce } from "./copy.js";
import { button, element, named } from "./dom.js";
import { linesOf, liveOptions } from "./live_chart.js";
import { trouble } from "./loading.js";
import { beat, onPulse } from "./pulse.js";
import { over, status } from "./status.js";
import { ago, reached, span, workload, written } from "./units.js";
import { headlines, metric } from "./words.js";

const ENDS = ["done", "failed", "cancelled", "interrupted", "lost"];
const KINDS = ["queued", "started", "case", "round", "reading", ...ENDS];
const MOST_READINGS = 600;
const MOST_ROUNDS = 8;

/**
 * Follows run `id` in `place` until it is over, then calls `ended`; `moved` when another case begins. Events that were
 * missed are told again, none twice.
 */
export function follow(place, id, life, ended, moved = () => {}) {
  const state = {
    status: "queued",
    position: null,
    likely: null,
    cases: null,
    case: null,
    begun: null,
    last: [],
    readings: [],
    seen: 0,
  };
  /** Of every case by its key what was told when it began, what it has reached, and its rounds that were measured. */
  const known = new Map();
  const title = element("h2");
  const meter = element("progress", { max: 1, "aria-label": "Cases done" });
  const said = element("p", { "aria-live": "polite" });
  const rounds = element("ul", { class: "list" });
  const quiet = element("p", { class: "quiet", role: "status" });
  const curves = chart({
    label: "Temperature and power while it is measured",
    size: "low",
    options: (colour) => liveOptions(colour, state.readings),
    life,
  });
  curves.place.hidden = true;
  const cancel = button("Cancel the run", end, { class: "danger" });
  place.replaceChildren(
    element(
      "section",
      { class: "card live", "aria-label": "Live" },
      element("div", { class: "bar" }, title, cancel),
      meter,
      said,
      rounds,
      curves.place,
      quiet,
    ),
  );
  let source = null;
  let due = false;
  let before = null;
  let expecting = false;
  let finished = false;
  open();
  let away = false;
  onPulse(({ answers }) => {
    quiet.textContent = answers ? "" : "The service does not answer; what follows is told when it is back.";
    if (answers && !finished) {
      if (source?.readyState === EventSource.CLOSED) openAgain();
      else if (away) open(); // a stream that was open when the network went may stay so for ever, with nothing in it
    }
    away = !answers;
  }, life.signal);
  life.onEnd(() => source?.close());
  draw();

  function open() {
    source?.close();
    source = new EventSource(`/v1/runs/${encodeURIComponent(id)}/events?after=${state.seen}`);
    for (const kind of KINDS) source.addEventListener(kind, heard);
  }

  /** After the stream was closed for good: the run is over, or the service was away. */
  async function openAgain() {
    try {
      const { run } = await read(`/v1/runs/${encodeURIComponent(id)}`, { signal: life.signal });
      if (over(run.status)) finish(run.status);
      else open();
    } catch {
      // the pulse tells when the service is gone
    }
  }

  function heard(event) {
    const told = JSON.parse(event.data);
    if (event.type === "reading") {
      state.readings.push(told);
      if (state.readings.length > MOST_READINGS) state.readings.splice(0, state.readings.length - MOST_READINGS);
      soon();
      return;
    }
    const number = Number(event.lastEventId);
    if (number && number <= state.seen) return;
    state.seen = number || state.seen;
    take(event.type, told);
    soon();
    if (["queued", "case"].includes(event.type)) expect();
    if (event.type === "case") moved();
    if (ENDS.includes(event.type) && event.type !== "interrupted") finish(event.type);
  }

  function take(kind, told) {
    if (kind === "started")
      Object.assign(state, { status: "running", cases: told.cases ?? state.cases, begun: state.begun ?? told.at });
    if (kind === "case") {
      state.case = { ...told, done: 0, measured: 0 };
      known.set(told.case, state.case);
    }
    if (kind === "round") {
      state.case = known.get(told.case) ?? state.case;
      if (state.case) {
        state.case.done = told.done ?? state.case.done + (told.counted ? 1 : 0); // told by an older ORAC: without it
        state.case.measured += told.phase === "measure" ? 1 : 0;
      }
      const again = (one) => one.case === told.case && one.phase === told.phase && one.index === told.index;
      const before = state.last.filter((one) => !again(one));
      state.last = [{ ...told, of: state.case }, ...before].slice(0, MOST_ROUNDS);
    }
    if (ENDS.includes(kind) || kind === "queued") state.status = kind;
    if (ENDS.includes(kind)) state.error = told.error;
  }

  /** Asks when it is likely over, once for however many events come at a time. */
  function expect() {
    if (expecting || life.signal.aborted) return;
    expecting = true;
    life.after(1500, async () => {
      expecting = false;
      try {
        const { runs } = await read("/v1/runs?limit=20", { signal: life.signal });
        const own = runs.find((one) => one.id === id);
        Object.assign(state, { likely: own?.likely_over ?? null, position: own?.position ?? null });
        soon();
      } catch {
        // the pulse tells when the service is gone
      }
    });
  }

  /** How much of a case is over, 0 to 1. Where it ends is not known of one with a least number: nothing, then all. */
  function part(one) {
    if (one.planned_at_least) return one === state.case ? 0 : 1;
    return Math.min(1, (one.planned_unit === "s" ? one.done : one.measured) / Math.max(1, one.planned));
  }

  /** Draws once a frame at most, however many events come. */
  function soon() {
    if (due || life.signal.aborted) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      if (!life.signal.aborted) draw();
    });
  }

  function draw() {
    curves.place.hidden = state.readings.length < 2 || !linesOf(state.readings).length;
    if (!curves.place.hidden) curves.redraw();
    const whole = state.cases ?? 0;
    const over = [...known.values()].reduce((sum, one) => sum + part(one), 0);
    if (whole) meter.value = Math.min(1, over / whole);
    const told = state.case;
    const shown = JSON.stringify([
      state.status,
      state.position,
      state.cases,
      told,
      state.likely && clock(state.likely),
      state.begun && ago(state.begun),
      state.last.length && state.last[0].index,
      state.seen,
    ]);
    if (shown === before) return;
    before = shown;
    title.replaceChildren(
      status(state.status),
      " ",
      state.status === "queued" ? waits(state.position) : state.status === "running" ? "measured now" : "",
    );
    const text = told
      ? `Case ${told.position}${whole ? ` of ${whole}` : ""}: `
      : state.status === "queued"
        ? "Queued."
        : "It begins …";
    const begun = [
      state.begun ? ` · begun ${ago(state.begun)}` : "",
      state.likely ? ` · likely over ${clock(state.likely)}` : "",
    ].join("");
    const word = told?.planned_unit === "s" ? "" : "round ";
    said.replaceChildren(
      text,
      told ? named(caseName(told)) : "",
      told
        ? ` · ${told.suite} · ${workload(told.workload)} · ${word}${reached(told.done, told)}${begun}`
        : "",
    );
    rounds.replaceChildren(...state.last.map((one) => line(one)));
  }

  function finish(kind) {
    if (finished) return;
    finished = true;
    source.close();
    announce(`The run is ${kind}.`);
    beat();
    life.after(300, ended);
  }

  async function end() {
    cancel.disabled = true;
    cancel.textContent = "Ends …";
    try {
      await post("POST", `/v1/runs/${encodeURIComponent(id)}/cancel`);
    } catch (error) {
      cancel.disabled = false;
      cancel.textContent = "Cancel the run";
      place.append(trouble(error));
    }
  }
}

function waits(position) {
  return position
    ? `it waits; ${position === 1 ? "one run is" : `${position} runs are`} before it`
    : "it waits for its turn";
}

function clock(at) {
  const minutes = Math.max(0, (new Date(at) - Date.now()) / 60_000);
  return minutes < 1 ? "within a minute" : `in ${span(minutes * 60)}`;
}

function line(one) {
  const told = headlines(one.of?.suite).map(
    (key) => `${metric(key).label} ${written(one.metrics[key], metric(key).unit)}`,
  );
  const text = one.status === "failed" ? `failed: ${one.error?.message ?? one.error?.code ?? ""}` : told.join(" · ");
  const why = one.counted || one.phase === "warmup" ? "" : one.flags.join(", ");
  return element(
    "li",
    { class: "bar" },
    element(
      "span",
      {},
      `${one.phase === "warmup" ? "warm-up" : "round"} ${one.index}`,
      " · ",
      named(one.of ? caseName(one.of) : ""),
      " ",
      element("small", {}, one.of?.suite ?? ""),
    ),
    element("span", { class: one.counted ? "value" : "quiet" }, text, why ? ` (${why})` : ""),
  );
}

/** How long a run will likely take, in words. */
export function likely(seconds) {
  return seconds === null
    ? "how long it takes is not known yet: nothing like it was ever measured here"
    : `about ${span(seconds)}`;
}
