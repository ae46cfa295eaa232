"""What is odd about a round, in one word each: which leave it out of statistics, and a sentence for each. Pure.

What must never live here: when a flag is given (metrics.py, telemetry/validity.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Flag(str, Enum):
    """A closed list; `EXCLUDING` leave a round out of statistics."""

    SHORT_OUTPUT = "short_output"
    ABORTED = "aborted"
    RELOADED = "reloaded"
    THROTTLED = "throttled"
    OVERCURRENT = "overcurrent"
    SWAPPED = "swapped"
    CPU_FALLBACK = "cpu_fallback"
    POWER_MODE_CHANGED = "power_mode_changed"
    CLOCKS_CHANGED = "clocks_changed"
    PREFILL_CACHED = "prefill_cached"
    PROMPT_LENGTH_OFF = "prompt_length_off"
    CHUNKS_NOT_TOKENS = "chunks_not_tokens"
    STARTED_HOT = "started_hot"
    TELEMETRY_GAP = "telemetry_gap"
    MEMORY_PRESSURE = "memory_pressure"
    CLIENT_SERVER_DISAGREE = "client_server_disagree"
    REPLAYED = "replayed"


EXCLUDING = frozenset(
    {
        Flag.SHORT_OUTPUT,
        Flag.ABORTED,
        Flag.RELOADED,
        Flag.THROTTLED,
        Flag.OVERCURRENT,
        Flag.SWAPPED,
        Flag.CPU_FALLBACK,
        Flag.POWER_MODE_CHANGED,
        Flag.CLOCKS_CHANGED,
    }
)
"""Flags that leave a round out of every statistic. The others only tell."""

ONLY_TELLING_AT_TIMES = frozenset({Flag.OVERCURRENT, Flag.THROTTLED, Flag.SHORT_OUTPUT})
"""Excluding flags that only tell where they are normal: over-current events in MAXN_SUPER; and in a sustained run heat,
which it is there to show, and requests that end early."""

FLAG_TEXT: Mapping[Flag, str] = {
    Flag.SHORT_OUTPUT: "the model ended before it had written the wanted number of tokens",
    Flag.ABORTED: "the stream ended without its final record (Ollama stops a model that repeats itself)",
    Flag.RELOADED: "Ollama loaded the model again within the round",
    Flag.THROTTLED: "the board lowered its clocks because it was too hot",
    Flag.OVERCURRENT: "the board lowered its clocks because it drew too much current",
    Flag.SWAPPED: "memory was swapped out or in during the round",
    Flag.CPU_FALLBACK: "the model ran on the CPU, not on the GPU",
    Flag.POWER_MODE_CHANGED: "the power mode changed during the run",
    Flag.CLOCKS_CHANGED: "the clock limits changed during the run",
    Flag.PREFILL_CACHED: "the prompt came partly out of Ollama's cache; the prefill rate is left empty",
    Flag.PROMPT_LENGTH_OFF: "the prompt is more than 5 % longer or shorter than asked for",
    Flag.CHUNKS_NOT_TOKENS: "chunks are not tokens in this stream; gaps between tokens are left empty",
    Flag.STARTED_HOT: "the board had not cooled down to the start temperature in time",
    Flag.TELEMETRY_GAP: "telemetry has a gap; the energy is left empty",
    Flag.MEMORY_PRESSURE: "free memory was low",
    Flag.CLIENT_SERVER_DISAGREE: "the client's and the server's decode rates differ by more than 10 %",
    Flag.REPLAYED: "the telemetry is a recording, not this board's",
}
"""A sentence for each flag, for people."""
