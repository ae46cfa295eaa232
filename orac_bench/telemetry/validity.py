"""Which flags a round deserves by what the board did meanwhile. Pure: counters before and after, readings between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orac_bench.flags import EXCLUDING, Flag
from orac_bench.telemetry.energy import COVERAGE_FLOOR
from orac_bench.telemetry.source import Sample, owned

SWAPPED_B = 2**20
"""Swap traffic below this is the kernel tidying up, not a model that does not fit."""
PRESSURE_RATIO = 0.05
"""Available memory below this share of the whole is low."""
THROTTLING_CELSIUS = 99.0
"""At this junction temperature Orin lowers its clocks. Source: facts of the Orin series, tj-thermal trip point."""
FREE_RUNNING = ("MAXN_SUPER",)
"""Power modes without a cap, where over-current events are normal. Source: NVIDIA, forum thread 321989."""


@dataclass(frozen=True, kw_only=True)
class Counters:
    """What is compared before and after a round. None, or no key, for what this machine does not tell."""

    overcurrent: Mapping[str, int] = field(default_factory=dict)
    """Events since boot, by counter: oc1 under-voltage, oc2 mean current, oc3 peak current."""
    alerts: Mapping[str, int] = field(default_factory=dict)
    """State of each throttle alert; above 0 it lowers clocks."""
    swap_in_b: int | None = None
    swap_out_b: int | None = None
    """Since boot."""
    power_mode: str | None = None
    clock_limits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Lowest and highest allowed clock in Hz, by unit."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A flag with the sentence that says what was seen. `excludes` where the round is left out of statistics."""

    flag: Flag
    sentence: str
    excludes: bool


def findings(
    before: Counters,
    after: Counters,
    samples: Sequence[Sample] = (),
    *,
    ram_total_b: int | None = None,
    coverage_ratio: float | None = None,
    started_hot: bool = False,
    replayed: bool = False,
) -> tuple[Finding, ...]:
    """What is to be said of a round, in the order of the flags.

    `samples` are those within the round. `coverage_ratio` is that of its energy, None where no power is measured.
    What is known on one side only is not compared: a source that appears is no change of the board.
    """
    mode = _mode_changed(before, after)
    found = (
        _throttled(before, after, samples),
        _overcurrent(before, after, samples),
        _swapped(before, after),
        mode,
        None if mode else _clocks_changed(before, after),
        _told(Flag.STARTED_HOT, "the board had not cooled down in time") if started_hot else None,
        _gap(coverage_ratio),
        _pressure(samples, ram_total_b),
        _told(Flag.REPLAYED, "the readings are a recording") if replayed else None,
    )
    return tuple(each for each in found if each is not None)


def cpu_fallback(offload_ratio: float | None, *, has_gpu: bool) -> Finding | None:
    """Whether a model that could be on the GPU is not. None where it is, or where the server did not say."""
    if not has_gpu or offload_ratio is None or offload_ratio > 0:
        return None
    return _told(Flag.CPU_FALLBACK, "none of the model is on the GPU; see the log of Ollama for why it was not found")


def _told(flag: Flag, sentence: str, *, excludes: bool | None = None) -> Finding:
    return Finding(flag=flag, sentence=sentence, excludes=flag in EXCLUDING if excludes is None else excludes)


def _throttled(before: Counters, after: Counters, samples: Sequence[Sample]) -> Finding | None:
    alerts = [name for side in (before, after) for name, state in side.alerts.items() if state > 0]
    if alerts:
        return _told(Flag.THROTTLED, f"{alerts[0]} is active")
    if any(sample.values.get("throttle_state", 0) > 0 for sample in samples):
        return _told(Flag.THROTTLED, "a throttle alert was active in the round")
    peak = max((owned(sample.values, "temperature_celsius").get("tj", 0.0) for sample in samples), default=0.0)
    if peak >= THROTTLING_CELSIUS:
        return _told(Flag.THROTTLED, f"the junction was at {peak:.1f} °C")
    return None


def _overcurrent(before: Counters, after: Counters, samples: Sequence[Sample]) -> Finding | None:
    grown = {
        name: count - before.overcurrent[name]
        for name, count in after.overcurrent.items()
        if count > before.overcurrent.get(name, count)
    }
    within = [count for sample in samples if (count := sample.values.get("overcurrent_count")) is not None]
    if not grown and within and within[-1] > within[0]:
        grown = {"oc": round(within[-1] - within[0])}
    if not grown:
        return None
    events = ", ".join(f"{count} x {name}" for name, count in grown.items())
    if after.power_mode is not None and after.power_mode.upper() in FREE_RUNNING:
        sentence = f"{events} in {after.power_mode}, where over-current events are normal"
        return _told(Flag.OVERCURRENT, sentence, excludes=False)
    return _told(Flag.OVERCURRENT, f"over-current events: {events}")


def _swapped(before: Counters, after: Counters) -> Finding | None:
    moved = 0
    for earlier, later in ((before.swap_in_b, after.swap_in_b), (before.swap_out_b, after.swap_out_b)):
        if earlier is not None and later is not None:
            moved += max(0, later - earlier)
    return _told(Flag.SWAPPED, f"{moved / 2**20:.0f} MiB went to or from swap") if moved >= SWAPPED_B else None


def _mode_changed(before: Counters, after: Counters) -> Finding | None:
    if None in (before.power_mode, after.power_mode) or before.power_mode == after.power_mode:
        return None
    return _told(Flag.POWER_MODE_CHANGED, f"the power mode went from {before.power_mode} to {after.power_mode}")


def _clocks_changed(before: Counters, after: Counters) -> Finding | None:
    for unit, limits in before.clock_limits.items():
        now = after.clock_limits.get(unit, limits)
        if now != limits:
            spans = " to ".join("-".join(f"{hz / 1e6:.0f}" for hz in pair) for pair in (limits, now))
            return _told(Flag.CLOCKS_CHANGED, f"the limits of {unit} went from {spans} MHz")
    return None


def _gap(coverage_ratio: float | None) -> Finding | None:
    if coverage_ratio is None or coverage_ratio >= COVERAGE_FLOOR:
        return None
    return _told(Flag.TELEMETRY_GAP, f"readings cover {coverage_ratio:.0%} of the round; its energy is left empty")


def _pressure(samples: Sequence[Sample], ram_total_b: int | None) -> Finding | None:
    least = min(
        (free for sample in samples if (free := sample.values.get("ram_available_b")) is not None), default=None
    )
    if least is None or not ram_total_b or least >= PRESSURE_RATIO * ram_total_b:
        return None
    return _told(Flag.MEMORY_PRESSURE, f"only {least / 2**20:.0f} MiB of memory were available")
