"""From samples to the energy of a round and its phases, by whatever this machine measures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from orac_bench.telemetry.energy import Energy, counter_energy, mean_power, module_rail, phase_energy
from orac_bench.telemetry.source import Sample, named, owned

WHOLE_COUNTERS = ("psys", "GPU", "package-0")
"""Counters that stand for the machine, the best first: the platform, a card that runs the model, the CPU."""


@dataclass(frozen=True, kw_only=True)
class RoundEnergy:
    """The energy of a round. `measured` names the rail or counter: module, card or package power, never the wall's."""

    measured: str
    whole: Energy
    phases: tuple[Energy, ...]
    """Between consecutive edges. Of a rail they add up to the whole, and are there where it is.

    Of a counter each is measured by itself: where readings are missing, one may be empty beside a whole that is there.
    """


def meter(samples: Sequence[Sample]) -> str | None:
    """The name of the value that measures the machine best: `power_w.VDD_IN`, `energy_j.package-0`. None without."""
    rails = dict.fromkeys(rail for sample in samples for rail in owned(sample.values, "power_w"))
    rail = module_rail(tuple(rails))
    if rail is not None:
        return named("power_w", rail)
    counters = {counter for sample in samples for counter in owned(sample.values, "energy_j")}
    return next((named("energy_j", counter) for counter in WHOLE_COUNTERS if counter in counters), None)


def series_of(samples: Sequence[Sample], name: str) -> tuple[list[float], list[float]]:
    """Seconds of the monotonic clock, and the value of that name, wherever a sample has it."""
    found = [(sample.at_ns / 1e9, sample.values[name]) for sample in samples if name in sample.values]
    return [time for time, _ in found], [value for _, value in found]


def round_energy(
    samples: Sequence[Sample], edges_ns: Sequence[int], *, tau_s: float, idle_w: float | None = None
) -> RoundEnergy | None:
    """The energy between the first and the last of `edges_ns`, and between each two: sent, first token, done.

    `samples` reach beyond both ends. `tau_s` is the lag of rails; counters have none. None where nothing measures
    the machine; values are None where readings are missing, as in `window_energy`.
    """
    name = meter(samples)
    if name is None:
        return None
    origin_s = edges_ns[0] / 1e9
    times, values = series_of(samples, name)
    times = [time - origin_s for time in times]
    edges = [(edge - edges_ns[0]) / 1e9 for edge in edges_ns]
    if name.startswith("power_w"):
        phases = phase_energy(times, values, edges, tau_s=tau_s, idle_w=idle_w)
        whole = phase_energy(times, values, (edges[0], edges[-1]), tau_s=tau_s, idle_w=idle_w)[0]
    else:
        phases = tuple(counter_energy(times, values, start, end, idle_w=idle_w) for start, end in pairwise(edges))
        whole = counter_energy(times, values, edges[0], edges[-1], idle_w=idle_w)
    return RoundEnergy(measured=name.partition(".")[2], whole=whole, phases=phases)


def idle_power(samples: Sequence[Sample], start_ns: int, end_ns: int) -> float | None:
    """The mean power of a machine at rest between two instants. None where nothing measures it there."""
    name = meter(samples)
    if name is None:
        return None
    times, values = series_of(samples, name)
    if name.startswith("power_w"):
        return mean_power(times, values, start_ns / 1e9, end_ns / 1e9)
    energy = counter_energy(times, values, start_ns / 1e9, end_ns / 1e9).energy_j
    return None if energy is None else energy / ((end_ns - start_ns) / 1e9)
