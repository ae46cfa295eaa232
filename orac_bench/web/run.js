// One run: how it stands, what it measured under which conditions, round by round, with what the board did meanwhile.

import { address, remember } from "./address.js";
import { change as post, read, readText } from "./api.js";
import { announce } from "./copy.js";
import { button, element, link, named } from "./dom.js";
import { life as newLife } from "./life.js";
import { follow } from "./live.js";
import { found, loaded, trouble } from "./loading.js";
import { onPulse } from "./pulse.js";
import { notes } from "./notes.js";
import { card, resultsTable } from "./results.js";
import { caseRounds } from "./rounds.js";
import { over, status } from "./status.js";
import { moment, span } from "./units.js";

/** Shows the run that the address names. */
export function show(place, where, life) {
  const content = element("div", { class: "content" });
  const shown = { id: null, over: false, log: false };
  place.append(content);
  const id = where.name ?? "latest";
  const path = `/v1/runs/${encodeURIComponent(id)}`;
  const refresh = () =>
    loaded(
      content,
      life,
      (signal) => found(read(path, { signal }), link("#/runs", "See the runs that there are")),
      (told) => {
        Object.assign(shown, { id: told.run.id, over: over(told.run.status) });
        return drawn(told, where, life, refresh, shown);
      },
      "Run",
    );
  refresh();
  // one that was over goes on; what has just ended is named as measured, too, as long as its process tidies up
  onPulse(async ({ answers, health }) => {
    if (!answers || health.measuring !== shown.id || !shown.over) return;
    shown.over = false;
    const told = await read(path, { signal: life.signal }).catch(() => null);
    shown.over = told === null || over(told.run.status);
    if (!shown.over) refresh();
  }, life.signal);
}

function drawn(told, where, life, refresh, shown) {
  const run = told.run;
  document.title = `Run ${run.id} · ORAC Bench`;
  const parts = [head(told, refresh)];
  if (!over(run.status)) return [...parts, live(told, life, refresh), facts(told), log(run, life, shown)];
  if (run.error) parts.push(element("p", { class: "trouble" }, run.error));
  if (!told.results.length) {
    parts.push(element("p", { class: "empty" }, "No case was measured in this run."), facts(told), log(run, life, shown));
    return parts;
  }
  const rounds = element("div", { class: "content" });
  let inner = null;
  const wanted = told.results.find((one) => one.case.key === where.query.get("case")) ?? told.results[0];
  const choose = async (result, more = {}) => {
    inner?.end();
    inner = newLife(life);
    for (const row of results.querySelectorAll("tbody tr"))
      row.classList.toggle("chosen", row.dataset.case === result.case.key);
    if (!more.first) remember({ case: result.case.key, metric: "", round: "" });
    if (!more.first) rounds.scrollIntoView({ block: "start" });
    await caseRounds(
      rounds,
      told,
      result,
      { metric: more.first ? where.query.get("metric") : null, round: more.first ? where.query.get("round") : null },
      inner,
    );
  };
  const results = resultsTable(told.results, choose);
  parts.push(
    card(run, results),
    rounds,
    element(
      "div",
      { class: "pair" },
      facts(told),
      notes({
        written: told.annotations,
        label: "What should be known about it?",
        run: run.id,
        refresh,
      }),
    ),
    log(run, life, shown),
  );
  choose(wanted, { first: true });
  return parts;
}

/** A run that is not over yet: what happens now, and the results so far. */
function live(told, life, refresh) {
  const now = element("div");
  const soFar = element("div");
  const draw = (results) =>
    soFar.replaceChildren(...(results.length ? [card(told.run, resultsTable(results, null))] : []));
  draw(told.results);
  follow(now, told.run.id, life, refresh, async () => {
    try {
      draw((await read(`/v1/runs/${encodeURIComponent(told.run.id)}`, { signal: life.signal })).results);
    } catch {
      // the pulse tells when the service is gone
    }
  });
  return element("div", { class: "content" }, now, soFar);
}

function head(told, refresh) {
  const run = told.run;
  const paired = over(run.status) && told.results.some((one) => one.pair);
  const took = run.ended ? span((new Date(run.ended) - new Date(run.started)) / 1000) : "not over yet";
  const place = element(
    "div",
    { class: "bar" },
    element(
      "div",
      {},
      element("h1", {}, "Run ", named(run.id)),
      element(
        "p",
        { class: "quiet" },
        over(run.status) ? [status(run.status), " · "] : null,
        `${moment(run.started)} · ${took} · from ${run.trigger} · ORAC ${run.orac_version}`,
      ),
      run.note ? element("p", { class: "said" }, run.note) : null,
    ),
    element(
      "div",
      { class: "actions" },
      paired ? link(address("compare", null, { base: run.id, paired: "1" }), "Compare its two sides") : null,
      over(run.status) ? link(address("compare", null, { base: run.id }), "Compare with …") : null,
      over(run.status) ? button("Make it a baseline", ask) : null,
    ),
  );
  return place;

  function ask() {
    const name = element("input", {
      id: "baseline",
      required: true,
      pattern: "[a-z0-9][a-z0-9._\\-]{0,79}",
      placeholder: "release-0.2",
      title: "Small letters, digits, dots, dashes",
    });
    const form = element(
      "form",
      { method: "dialog" },
      element("h2", { id: "baseline-title" }, "Name it as a baseline"),
      element("label", { for: "baseline" }, "Name"),
      name,
      element("p", { class: "quiet" }, "Cases are then compared with this run. A name that another run has is moved."),
      element(
        "div",
        { class: "actions" },
        element("button", { class: "primary", value: "given" }, "Name it"),
        button("Cancel", () => dialog.close("")),
      ),
    );
    const dialog = element("dialog", { "aria-labelledby": "baseline-title" }, form);
    dialog.addEventListener("close", async () => {
      dialog.remove();
      if (dialog.returnValue !== "given") return;
      try {
        await post("POST", "/v1/baselines", { name: name.value, run: run.id });
        announce(`${name.value} is this run now.`);
      } catch (error) {
        place.after(trouble(error));
      }
    });
    document.body.append(dialog);
    dialog.showModal();
  }
}

function facts(told) {
  const pairs = Object.entries(told.conditions?.facts ?? {});
  return element(
    "section",
    { class: "card" },
    element("h2", {}, "Conditions"),
    pairs.length
      ? element(
          "dl",
          { class: "facts" },
          pairs.flatMap(([key, one]) => [
            element("dt", {}, key),
            element("dd", {}, named(typeof one === "object" && one !== null ? JSON.stringify(one) : one)),
          ]),
        )
      : element(
          "p",
          { class: "quiet" },
          over(told.run.status)
            ? "They are not known: the run ended before they were."
            : "They are known when it begins.",
        ),
    told.conditions
      ? element(
          "p",
          { class: "quiet" },
          "Runs with the same hash may be compared: ",
          element("code", {}, told.conditions.hash.slice(0, 16)),
        )
      : null,
  );
}

function log(run, life, shown) {
  const place = element("div");
  const made = element("details", { class: "card", open: shown.log }, element("summary", {}, "Log"), place);
  made.addEventListener("toggle", () => {
    shown.log = made.open; // who reads it while the run ends goes on reading
    if (!made.open) return;
    loaded(
      place,
      life,
      (signal) => readText(`/v1/runs/${encodeURIComponent(run.id)}/log`, { signal }),
      (text) =>
        text
          ? element("pre", { class: "log", tabindex: 0, role: "region", "aria-label": "Log of the run" }, text)
          : element(
              "p",
              { class: "quiet" },
              run.trigger === "rest"
                ? "Nothing was printed."
                : "This run was started in a shell; what it printed is there.",
            ),
    );
  });
  return made;
}
