// An hour of a run in a minute: in place of the service's event stream one that tells a second a frame.

(() => {
  let feed = null;
  let number = 1;

  window.EventSource = class extends EventTarget {
    static CLOSED = 2;
    readyState = 1;

    constructor() {
      super();
      feed = this;
    }

    close() {
      this.readyState = 2;
    }
  };

  function tell(kind, data, numbered = true) {
    if (numbered) number += 1;
    feed.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data), lastEventId: String(number) }));
  }

  /** Lives through `seconds` of the run from second `begin` on: readings, rounds, cases, questions to the service. */
  window.lived = async (begin, seconds) => {
    for (let second = begin; second < begin + seconds; second += 1) {
      if (second % 100 === 0) {
        const workload = { prompt_tokens: 64, output_tokens: 128, prompt_sha256: null, version: 1 };
        const about = { model: `model-${second % 7}`, variant: null, suite: "decode", workload };
        tell("case", { case: `case-${second}`, ...about, position: second / 100 + 1, planned: 12 });
      }
      if (second % 8 === 0) {
        const values = { decode_tokens_per_s: 20 + Math.sin(second), prefill_tokens_per_s: null };
        const about = { case: `case-${second - (second % 100)}`, index: second % 12, phase: "measure", status: "ok" };
        tell("round", { ...about, counted: true, flags: [], error: null, metrics: values });
      }
      const hot = 50 + 5 * Math.sin(second / 60);
      tell("reading", { t_s: second, "temperature_celsius.tj": hot, "power_w.VDD_IN": 8 + Math.random() }, false);
      if (second % 4 === 0) document.dispatchEvent(new Event("visibilitychange"));
      await new Promise(requestAnimationFrame);
    }
  };
})();
