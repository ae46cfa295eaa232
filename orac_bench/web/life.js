// How long a view lives. What it begins in its life, requests, listeners, timers, streams, ends with it.

/** A life: `signal` for requests and listeners, `onEnd` for anything else, `end` to end it all; it ends with `outer`. */
export function life(outer = null) {
  const ending = new AbortController();
  const ended = () => ending.abort();
  outer?.signal.addEventListener("abort", ended, { once: true, signal: ending.signal });
  const signal = ending.signal;
  return {
    signal,
    end: () => ending.abort(),
    onEnd: (act) => signal.addEventListener("abort", act, { once: true }),
    /** Does `act` after so long, unless the life has ended by then. */
    after(wait_ms, act) {
      if (signal.aborted) return;
      const timer = setTimeout(() => {
        signal.removeEventListener("abort", forget);
        act();
      }, wait_ms);
      const forget = () => clearTimeout(timer);
      signal.addEventListener("abort", forget, { once: true });
    },
    /** Listens to something that outlives the view, such as the window. */
    on(target, kind, act) {
      target.addEventListener(kind, act, { signal });
    },
  };
}
