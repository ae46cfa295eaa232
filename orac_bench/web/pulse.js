// Whether the service answers, and how it stands: asked every 2 s while the page is seen, every 4 s while it measures.

import { read } from "./api.js";

const IDLE_MS = 2000;
const MEASURING_MS = 4000;
const PATIENCE_MS = 8000;

const listeners = new Set();
let timer = null;
let asking = false;
/** What was heard last: `answers` (null before the first answer) and the body of /v1/health. */
export const pulse = { answers: null, health: null };

/** Calls `told` with the pulse now and after every answer, until `signal` is aborted. */
export function onPulse(told, signal) {
  listeners.add(told);
  signal?.addEventListener("abort", () => listeners.delete(told), { once: true });
  if (pulse.answers !== null) told(pulse);
}

/** Begins to ask. */
export function startPulse() {
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) beat();
  });
  beat();
}

/** Asks now instead of later: something was begun or ended. */
export async function beat() {
  clearTimeout(timer);
  if (asking || document.hidden) return;
  asking = true;
  try {
    pulse.health = await read("/v1/health", { patience: PATIENCE_MS });
    pulse.answers = true;
  } catch {
    pulse.answers = false;
  }
  asking = false;
  for (const told of [...listeners]) told(pulse);
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(beat, pulse.health?.measuring ? MEASURING_MS : IDLE_MS);
}
