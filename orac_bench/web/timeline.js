// The tokens of a round and what the board did meanwhile, one above the other, under one shared cursor.

import { remember } from "./address.js";
import { read } from "./api.js";
import { chart, imageButton } from "./chart.js";
import { button, element } from "./dom.js";
import { life as newLife } from "./life.js";
import { loaded } from "./loading.js";
import { timelineOptions, toldAt, tracks } from "./timeline_chart.js";

/** Of the cursor from one end of what is seen to the other. */
const STEPS = 40;
/** Within the track of the tokens. */
const CURSOR_Y = 50;

/** Shows the timeline of `result` in `place`. Returns what chooses a round: its tokens are drawn, and it is zoomed to. */
export function timeline(place, told, result, wanted, life) {
  const rounds = result.rounds.filter((one) => one.started_s !== null);
  const first =
    rounds.find((one) => `${one.phase}-${one.index}` === wanted) ??
    rounds.find((one) => one.counted) ??
    rounds[0] ??
    null;
  const state = { round: null, stamps: [], readings: null, whole: false };
  const path = `/v1/runs/${encodeURIComponent(told.run.id)}`;
  let choice = null;
  show(first);
  return choose;

  async function choose(round) {
    remember({ round: `${round.phase}-${round.index}` });
    await show(round);
    place.scrollIntoView({ block: "nearest" });
  }

  /** Draws `round` when its tokens are there; one that was chosen before and is still on its way is called off. */
  function show(round) {
    choice?.end();
    choice = newLife(life);
    return loaded(
      place,
      choice,
      (signal) => Promise.all([state.readings ?? read(`${path}/telemetry`, { signal }), chunks(round, signal)]),
      ([readings, stamps]) => {
        Object.assign(state, { round, stamps, readings, whole: false });
        return drawn();
      },
    );
  }

  async function chunks(round, signal) {
    if (!round) return [];
    try {
      return (
        await read(
          `${path}/results/${encodeURIComponent(result.case.key)}/rounds/${round.index}/chunks?phase=${round.phase}`,
          { signal },
        )
      ).t_s;
    } catch (error) {
      if (error.status === 404) return [];
      throw error;
    }
  }

  function drawn() {
    const shown = tracks(state.readings);
    if (!state.round) return [];
    const name = `${state.round.phase === "warmup" ? "warm-up" : "round"} ${state.round.index}`;
    const said = `Tokens of ${name} above ${shown.length ? shown.map((track) => track.label).join(", ") : "nothing: the run has no telemetry"}, in seconds since the run began.`;
    const range = () => (state.whole ? span(state.readings.t_s, rounds) : around(state.round));
    const options = (colour) =>
      timelineOptions(colour, {
        rounds,
        round: state.round,
        stamps: state.stamps,
        readings: state.readings,
        shown,
        range: range(),
      });
    const now = element(
      "p",
      { class: "quiet", "aria-live": "polite" },
      `${state.stamps.length} arrivals. ${shown.length ? "Where a line is broken, nothing was read" : "No telemetry was kept with this run"}. The arrow keys move the cursor.`,
    );
    let cursor = null;
    const keys = (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[event.key];
      if (by === undefined || !made.instance) return;
      event.preventDefault();
      const { startValue: least, endValue: most } = made.instance.getOption().dataZoom[0];
      const from = cursor === null || cursor < least || cursor > most ? (least + most) / 2 : cursor;
      cursor = Math.min(most, Math.max(least, from + (by * (most - least)) / STEPS));
      now.textContent = `${toldAt(cursor, { ...state, shown })}.`;
      const x = made.instance.convertToPixel({ xAxisIndex: 0 }, cursor);
      made.instance.dispatchAction({ type: "showTip", x: Math.round(x), y: CURSOR_Y });
    };
    const made = chart({ label: said, size: shown.length ? "long" : "middle", options, life, keys });
    const zoom = (whole) => () => {
      state.whole = whole;
      made.redraw();
      for (const one of segments.children)
        one.setAttribute("aria-pressed", String((one.dataset.whole === "yes") === whole));
    };
    const segments = element(
      "div",
      { class: "segments", role: "group", "aria-label": "Part of the run" },
      button("this round", zoom(false), { "data-whole": "no", "aria-pressed": "true" }),
      button("the whole run", zoom(true), { "data-whole": "yes", "aria-pressed": "false" }),
    );
    return [
      element(
        "section",
        { class: "card", "aria-label": "Timeline" },
        element(
          "div",
          { class: "bar" },
          element("h2", {}, `The board under the tokens of ${name}`),
          element("div", { class: "actions" }, segments, imageButton(made, `${told.run.id}-timeline`)),
        ),
        made.place,
        now,
      ),
    ];
  }
}

function around(round) {
  const long = round.metrics.e2e_s ?? 2;
  return [Math.max(0, round.started_s - Math.max(2, long * 0.4)), round.started_s + long + Math.max(2, long * 0.4)];
}

function span(times, rounds) {
  const last = rounds.at(-1);
  return [0, Math.max(times.at(-1) ?? 0, last.started_s + (last.metrics.e2e_s ?? 1))];
}
