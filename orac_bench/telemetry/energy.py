"""Readings of power and a window of time to joules. Pure.

Rails are read through a sensor that lags: its reading y follows the power P as y' = (P - y) / tau. So the energy
between two instants is the integral of the readings plus tau x (y at the end - y at the start). No tail has to be
waited for and nothing is differentiated.

The edge of a load falls between two readings, and y bends there. The integral is therefore taken outward, from the
last reading before the window to the first one after it, where y lies on straight ground; what the board drew in the
two slivers outside the window is estimated from the readings next to them and taken off again.

Counters (RAPL, NVML) are energy already: by difference, no lag. Their wraps are undone where they are read.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from orac_bench.errors import UsageError
from orac_bench.telemetry.lag import level_at

COVERAGE_FLOOR = 0.9
"""Below this share of the window the energy is left empty."""
GAP_PERIODS = 3.0
"""A pause of more than this many median periods is a gap."""
MODULE_RAILS = ("VDD_IN", "POM_5V_IN", "VIN")
"""Names of the rail that feeds the whole module, by board. Boards without one (AGX Orin, AGX Xavier) have no module
power: a sum of sub-rails leaves out the memory and the losses."""

Series = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True, kw_only=True)
class Energy:
    """What a window cost. The values are None where `coverage_ratio` is below 0.9, the second one also without idle.

    `method` says how it was had, for people: the form of the integral, or the counter.
    """

    energy_j: float | None
    energy_above_idle_j: float | None
    coverage_ratio: float
    idle_w: float | None
    tau_s: float
    method: str


def module_rail(names: Sequence[str]) -> str | None:
    """The rail among `names` that feeds the whole module. None where the board measures none."""
    return next((rail for rail in MODULE_RAILS if rail in names), None)


def window_energy(
    times_s: Sequence[float],
    power_w: Sequence[float],
    start_s: float,
    end_s: float,
    *,
    tau_s: float,
    idle_w: float | None = None,
) -> Energy:
    """The energy from `start_s` to `end_s`, of readings in W at `times_s` on the same clock, in s.

    Readings that are no finite number are left out; the order does not matter. Readings outside the window are of
    use: those around its edges, and all for the usual period. `tau_s` is the sensor's lag, 0 for one without.
    Values are None below a coverage of 0.9, and above idle also without `idle_w`. Raises UsageError for a window
    that does not end after it starts, a negative lag, or lists of different lengths.
    Source: first-order lag integrated over the window; see the module's docstring.
    """
    return phase_energy(times_s, power_w, (start_s, end_s), tau_s=tau_s, idle_w=idle_w)[0]


def phase_energy(
    times_s: Sequence[float],
    power_w: Sequence[float],
    edges_s: Sequence[float],
    *,
    tau_s: float,
    idle_w: float | None = None,
) -> tuple[Energy, ...]:
    """The energy of each phase between consecutive `edges_s`, such as sent, first token, done: they add up to the
    window's.

    At a seam within the window nothing is idle and no reading is near: the level there is that of a load which is
    constant before and constant after it, fitted to the readings around (`lag.level_at`). Otherwise as
    `window_energy`; coverage is of the whole window, so that all phases are there or none.
    """
    _check(times_s, power_w, edges_s, tau_s)
    times, powers = series(times_s, power_w)
    covered = coverage(times, edges_s[0], edges_s[-1])
    phases = len(edges_s) - 1
    if covered < COVERAGE_FLOOR:
        return tuple(_energy(None, 0.0, covered, idle_w, tau_s) for _ in range(phases))
    totals = [_outward(times, powers, edges_s[0], edges_s[-1], tau_s)]
    if phases > 1:
        to_seam = [0.0, *(_to_seam(times, powers, edges_s, seam, tau_s) for seam in edges_s[1:-1]), totals[0]]
        totals = [later - earlier for earlier, later in pairwise(to_seam)]
    spans = [end - start for start, end in pairwise(edges_s)]
    return tuple(_energy(total, span, covered, idle_w, tau_s) for total, span in zip(totals, spans, strict=True))


def counter_energy(
    times_s: Sequence[float],
    counted_j: Sequence[float],
    start_s: float,
    end_s: float,
    *,
    idle_w: float | None = None,
) -> Energy:
    """The energy from `start_s` to `end_s`, of a counter in J that only grows.

    At the window's edges the counter is interpolated, and what it counted while it was not read is known. A counter
    that falls was set back: that stretch is a gap, and taken to be as the rest. Otherwise as `window_energy`.
    """
    _check(times_s, counted_j, (start_s, end_s), 0.0)
    times, counts = series(times_s, counted_j)
    steps: list[float | None] = []
    for before, after in pairwise(counts):
        grown = after - before
        steps.append(grown if grown >= 0 else None)
    covered = coverage(times, start_s, end_s, unusable=[step is None for step in steps])
    if covered < COVERAGE_FLOOR:
        return _energy(None, 0.0, covered, idle_w, 0.0, method="difference of a counter")
    total = known_s = 0.0
    for (earlier, later), step in zip(pairwise(times), steps, strict=True):
        inside = min(later, end_s) - max(earlier, start_s)
        if inside > 0 and step is not None:
            total += step * inside / (later - earlier)
            known_s += inside
    total *= (end_s - start_s) / known_s
    return _energy(total, end_s - start_s, covered, idle_w, 0.0, method="difference of a counter")


def mean_power(times_s: Sequence[float], power_w: Sequence[float], start_s: float, end_s: float) -> float | None:
    """The mean of the readings from `start_s` to `end_s`, for a board at rest. None where there are none."""
    inside = [power for time, power in zip(*series(times_s, power_w), strict=True) if start_s <= time <= end_s]
    return sum(inside) / len(inside) if inside else None


def coverage(
    times_s: Sequence[float], start_s: float, end_s: float, *, unusable: Sequence[bool] | None = None
) -> float:
    """The share of the window that lies in gaps of at most three median periods. `times_s` ascend.

    What comes before the first or after the last reading is not covered, nor the `unusable` gaps.
    """
    gaps = [later - earlier for earlier, later in pairwise(times_s)]
    if not gaps:
        return 0.0
    longest = GAP_PERIODS * median(gaps) * (1 + 1e-9)
    covered = 0.0
    for index, gap in enumerate(gaps):
        if gap <= longest and not (unusable and unusable[index]):
            covered += max(0.0, min(times_s[index + 1], end_s) - max(times_s[index], start_s))
    return min(1.0, covered / (end_s - start_s))


def series(times_s: Sequence[float], values: Sequence[float]) -> Series:
    """Both lists in order of time, without what is no finite number; of two at one instant the later one stays."""
    pairs = {
        time: value for time, value in zip(times_s, values, strict=True) if math.isfinite(time) and math.isfinite(value)
    }
    ordered = sorted(pairs.items())
    return tuple(time for time, _ in ordered), tuple(value for _, value in ordered)


def _check(times_s: Sequence[float], values: Sequence[float], edges_s: Sequence[float], tau_s: float) -> None:
    if len(times_s) != len(values):
        raise UsageError(f"{len(times_s)} times and {len(values)} readings do not belong together.")
    if len(edges_s) < 2 or not all(later > earlier for earlier, later in pairwise(edges_s)):
        shown = " to ".join(f"{edge:g}" for edge in edges_s)
        raise UsageError(f"The window {shown} s does not end after it starts.", next="Give --from before --to.")
    if not (math.isfinite(tau_s) and tau_s >= 0):
        raise UsageError(f"A lag of {tau_s:g} s is not possible; allowed is 0 or more.", next="For example --tau 0.52")


def _outward(times: Sequence[float], powers: Sequence[float], start_s: float, end_s: float, tau_s: float) -> float:
    """Joules from `start_s` to `end_s`: the exact form between the enclosing readings, less the slivers outside.

    Where no reading encloses an edge the sliver is inside, and added.
    """
    first = max(0, bisect_right(times, start_s) - 1)
    last = min(len(times) - 1, bisect_left(times, end_s))
    total = _exact(times, powers, first, last, tau_s)
    total -= _level(times, powers, first, tau_s, before=True) * (start_s - times[first])
    return total - _level(times, powers, last, tau_s, before=False) * (times[last] - end_s)


def _to_seam(
    times: Sequence[float], powers: Sequence[float], edges_s: Sequence[float], seam_s: float, tau_s: float
) -> float:
    """Joules from the first edge to `seam_s`, with the fitted level at the seam for a reading there."""
    index = bisect_left(times, seam_s)
    level = level_at(times, powers, edges_s, seam_s, tau_s)
    cut_times, cut_powers = (*times[:index], seam_s), (*powers[:index], level)
    first = max(0, bisect_right(cut_times, edges_s[0]) - 1)
    sliver = _level(times, powers, first, tau_s, before=True) * (edges_s[0] - cut_times[first])
    return _exact(cut_times, cut_powers, first, index, tau_s) - sliver


def _exact(times: Sequence[float], powers: Sequence[float], first: int, last: int, tau_s: float) -> float:
    area = sum((times[i + 1] - times[i]) * (powers[i + 1] + powers[i]) / 2 for i in range(first, last))
    return area + tau_s * (powers[last] - powers[first])


def _level(times: Sequence[float], powers: Sequence[float], index: int, tau_s: float, *, before: bool) -> float:
    """The power just before or just after the reading at `index`, from two periods; its own where none is there."""
    first, last = (max(0, index - 2), index) if before else (index, min(len(times) - 1, index + 2))
    if first == last:
        return powers[index]
    return _exact(times, powers, first, last, tau_s) / (times[last] - times[first])


def _energy(
    total: float | None,
    span_s: float,
    covered: float,
    idle_w: float | None,
    tau_s: float,
    *,
    method: str | None = None,
) -> Energy:
    return Energy(
        energy_j=total,
        energy_above_idle_j=None if total is None or idle_w is None else total - idle_w * span_s,
        coverage_ratio=covered,
        idle_w=idle_w,
        tau_s=tau_s,
        method=method or ("lag undone, outward to the enclosing readings" if tau_s else "integral of the readings"),
    )
