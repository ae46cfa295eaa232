"""The table of metrics, and how a round's values and flags follow from what the client and the server saw. Pure.

Labels, units and directions are read from `METRICS` everywhere, never retyped. The client's clock comes first; the
server's counters are read with what is known of its version and engine, and `Asked` says what was wanted of it.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from orac_bench.counting import counts
from orac_bench.flags import Flag
from orac_bench.records import Chunk, Generation, ServerTimings
from orac_bench.units import Unit

Better = Literal["lower", "higher"]
Clock = Literal["client", "server", "host", "board"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What a key means. `better` is None where neither direction is; `clock` says who measured it."""

    key: str
    unit: Unit
    better: Better | None
    label: str
    formula: str
    clock: Clock


def _metric(key: str, unit: Unit, better: Better | None, label: str, formula: str, clock: Clock) -> tuple[str, Metric]:
    return key, Metric(key=key, unit=unit, better=better, label=label, formula=formula, clock=clock)


_S, _RATE, _TOKENS, _B = Unit.SECOND, Unit.TOKENS_PER_SECOND, Unit.TOKEN, Unit.BYTE
_J, _J_TOKEN, _C = Unit.JOULE, Unit.JOULES_PER_TOKEN, Unit.CELSIUS

METRICS: Mapping[str, Metric] = dict(
    (
        _metric(
            "ttft_s", _S, "lower", "TTFT", "first chunk with text, answer or thinking, minus request sent", "client"
        ),
        _metric("ttfa_s", _S, "lower", "TTFA", "first chunk with answer text minus request sent", "client"),
        _metric("tpot_s", _S, "lower", "TPOT", "(last - first chunk with text) / (printed tokens - 1)", "client"),
        _metric("e2e_s", _S, "lower", "E2E", "final record minus request sent", "client"),
        _metric(
            "load_s",
            _S,
            "lower",
            "Load",
            "the server's load_duration of a verified cold load, polled at 250 ms",
            "server",
        ),
        _metric(
            "decode_tokens_per_s",
            _RATE,
            "higher",
            "Decode",
            "(output tokens - 1) / the server's eval_duration",
            "server",
        ),
        _metric("client_decode_tokens_per_s", _RATE, "higher", "Decode (client)", "1 / TPOT", "client"),
        _metric(
            "prefill_tokens_per_s",
            _RATE,
            "higher",
            "Prefill",
            "input tokens / the server's prompt_eval_duration, of uncached prompts only",
            "server",
        ),
        _metric("input_tokens", _TOKENS, None, "Input", "the server's prompt_eval_count", "server"),
        _metric(
            "output_tokens",
            _TOKENS,
            None,
            "Output",
            "the server's eval_count, corrected where known to be off",
            "server",
        ),
        _metric("itl_p50_s", _S, "lower", "ITL p50", "median gap between tokens", "client"),
        _metric("itl_max_s", _S, "lower", "ITL max", "longest gap between tokens", "client"),
        _metric("energy_j", _J, "lower", "Energy", "module power over the round, the sensor's lag undone", "board"),
        _metric("energy_above_idle_j", _J, "lower", "Above idle", "energy minus idle power x duration", "board"),
        _metric(
            "joules_per_output_token",
            _J_TOKEN,
            "lower",
            "J/token out",
            "energy from first chunk to final record / (output tokens - 1)",
            "board",
        ),
        _metric(
            "joules_per_input_token",
            _J_TOKEN,
            "lower",
            "J/token in",
            "energy from request to first chunk / input tokens, of warm rounds with uncached prompts only",
            "board",
        ),
        _metric(
            "model_memory_b", _B, "lower", "Memory", "available memory before a verified load minus after it", "host"
        ),
        _metric("ram_peak_b", _B, "lower", "RAM peak", "most memory in use on the machine within the round", "board"),
        _metric(
            "temperature_start_celsius",
            _C,
            "lower",
            "Start",
            "hottest zone at the last reading before the round",
            "board",
        ),
        _metric("temperature_max_celsius", _C, "lower", "Hottest", "hottest zone within the round", "board"),
        _metric("gpu_hz_mean", Unit.HERTZ, "higher", "GPU clock", "mean clock of the GPU within the round", "board"),
        _metric("power_w_mean", Unit.WATT, "lower", "Power", "energy / duration of the round", "board"),
        _metric(
            "sustained_ratio",
            Unit.RATIO,
            "higher",
            "Sustained",
            "tokens/s of the last minute over the first, one a result",
            "client",
        ),
        _metric("client_cpu_s", _S, "lower", "Client CPU", "processor time of ORAC's process in the round", "host"),
        _metric("sampler_cpu_s", _S, "lower", "Sampler CPU", "that of its telemetry thread, within the former", "host"),
    )
)
"""Every metric that ORAC measures, in the order of tables."""

RESULT_KEYS = ("ttft_s", "decode_tokens_per_s", "prefill_tokens_per_s", "e2e_s", "load_s", "sustained_ratio")
"""Those of a table of results; a column that no result fills is left out."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a round wanted, and what must be known to read its counters.

    `prompt_tokens` is None where no length was asked for. `cached_below_s` is the prefill duration under which the
    prompt must have come out of the cache, None where that could not be found out. `cold` is True where the model
    was not loaded before.
    """

    prompt_tokens: int | None
    output_tokens: int
    cold: bool = False
    cached_below_s: float | None = None
    server_version: str = ""
    architecture: str | None = None


RELOAD_S = 0.2
"""A warm request whose load_duration is longer than this was reloaded: every real load waits for at least one poll
of 250 ms, a warm one takes 1 to 10 ms. Source: measured of 0.6.0 to 0.12.11, whose
smallest models load in 0.27 to 0.30 s."""

LENGTH_TOLERANCE_RATIO = 0.05
"""A prompt further off its wanted length than this is flagged."""

DISAGREE_RATIO = 0.1
"""Client and server decode rates further apart than this are flagged."""

CACHED_TOKENS = 2
"""More cached tokens than this and the prompt was cached: BOS is always shared, and the nonce's first digit differs."""


def round_metrics(generation: Generation, asked: Asked) -> dict[str, float]:
    """The values of a finished round by metric key. A key is missing where its value could not be had.

    Empty for a generation without a final record: nothing of a cut stream is a number.
    """
    timings = generation.timings
    if timings is None or generation.done_ns is None:
        return {}
    tokens = counts(timings, version=asked.server_version, architecture=asked.architecture)
    stamps = [chunk.at_ns for chunk in generation.chunks if chunk.text or chunk.thinking]
    values: dict[str, float | None] = {
        "ttft_s": _since(generation, stamps[0] if stamps else None),
        "ttfa_s": _since(generation, _answer_ns(generation.chunks)),
        "tpot_s": _tpot_s(stamps, tokens.printed),
        "e2e_s": (generation.done_ns - generation.sent_ns) / 1e9,
        "load_s": timings.load_s if asked.cold else None,
        "decode_tokens_per_s": _rate(tokens.output, timings.eval_s, less=1),
        "prefill_tokens_per_s": None if prefill_cached(timings, asked) else _rate(tokens.input, timings.prompt_s),
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
    }
    tpot_s = values["tpot_s"]
    values["client_decode_tokens_per_s"] = 1 / tpot_s if tpot_s else None
    if len(stamps) == tokens.printed and len(stamps) > 1:
        gaps = [(later - earlier) / 1e9 for earlier, later in pairwise(stamps)]
        values["itl_p50_s"] = statistics.median(gaps)
        values["itl_max_s"] = max(gaps)
    return {key: float(value) for key, value in values.items() if value is not None}


def round_flags(generation: Generation, asked: Asked) -> frozenset[Flag]:
    """What is odd about a round, as far as its own stream tells."""
    timings = generation.timings
    if timings is None:
        code = None if generation.failure is None else generation.failure.code
        return frozenset({Flag.ABORTED}) if code == "aborted" else frozenset()
    tokens = counts(timings, version=asked.server_version, architecture=asked.architecture)
    values = round_metrics(generation, asked)
    stamps = [chunk for chunk in generation.chunks if chunk.text or chunk.thinking]
    odd = {
        Flag.SHORT_OUTPUT: timings.done_reason != "length" and (timings.eval_count or 0) < asked.output_tokens,
        Flag.RELOADED: not asked.cold and (timings.load_s or 0.0) > RELOAD_S,
        Flag.PREFILL_CACHED: prefill_cached(timings, asked),
        Flag.PROMPT_LENGTH_OFF: _length_off(tokens.input, asked.prompt_tokens),
        Flag.CHUNKS_NOT_TOKENS: tokens.printed is not None and len(stamps) != tokens.printed,
        Flag.CLIENT_SERVER_DISAGREE: _disagree(values),
    }
    return frozenset(flag for flag, holds in odd.items() if holds)


def prefill_cached(timings: ServerTimings, asked: Asked) -> bool:
    """Whether the prompt came out of the server's cache: it says so, or its prefill was too quick to be one.

    A cold round has an empty cache.
    """
    if timings.prompt_cached_count is not None:
        return timings.prompt_cached_count > CACHED_TOKENS
    if asked.cold or asked.cached_below_s is None or timings.prompt_s is None:
        return False
    return timings.prompt_s < asked.cached_below_s


def cached_below_s(uncached_s: float | None, cached_s: float | None) -> float | None:
    """The prefill duration under which a prompt was cached, from one prompt sent twice: first new, then again.

    The geometric mean of the two; None where they are less than half apart, so that durations cannot tell.
    """
    if uncached_s is None or cached_s is None or uncached_s < 1.5 * cached_s:
        return None
    return float((uncached_s * cached_s) ** 0.5)


def _answer_ns(chunks: Sequence[Chunk]) -> int | None:
    """Arrival of the first answer text: what is under `thinking` or between <think> and </think> is none."""
    text = ""
    for chunk in chunks:
        text += chunk.text
        if "<think>".startswith(text):
            continue  # nothing yet, or the tag is on its way
        if not text.startswith("<think>") or text.partition("</think>")[2].strip():
            return chunk.at_ns
    return None


def _since(generation: Generation, at_ns: int | None) -> float | None:
    return None if at_ns is None else (at_ns - generation.sent_ns) / 1e9


def _tpot_s(stamps: list[int], printed: int | None) -> float | None:
    if printed is None or printed < 2 or len(stamps) < 2:
        return None
    return (stamps[-1] - stamps[0]) / 1e9 / (printed - 1)


def _rate(tokens: int | None, duration_s: float | None, *, less: int = 0) -> float | None:
    if tokens is None or tokens <= less or duration_s is None or duration_s <= 0:
        return None
    return (tokens - less) / duration_s


def _length_off(got: int | None, asked: int | None) -> bool:
    return got is not None and asked is not None and abs(got - asked) > LENGTH_TOLERANCE_RATIO * asked


def _disagree(values: Mapping[str, float]) -> bool:
    client, server = values.get("client_decode_tokens_per_s"), values.get("decode_tokens_per_s")
    return client is not None and server is not None and abs(client / server - 1) > DISAGREE_RATIO
