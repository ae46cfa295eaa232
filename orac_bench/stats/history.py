"""Where the level of a series of results changed. Pure; numpy is imported where it is used.

The best division of the whole series into levels is sought, not one change after the other, and each change must then
stand on its own: by rank and by size. Tuned by simulation (`tests/performance/test_statistics.py`).
What must never live here: what changed with the level. A change of conditions begins a new series for the caller.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from orac_bench.stats.ranks import rank_sum_tail

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

FEWEST_RESULTS = 10
"""A series needs two levels of SHORTEST_LEVEL."""
SHORTEST_LEVEL = 5
"""Results that a level must have to be told: of two such, p can be 2 of C(10, 5), 0.8 %."""
SHORTEST_PIECE = 3
"""Results that a level must have to be tried: so that a beginning level of four does not take a fifth to it."""
SMALLEST_CHANGE_RATIO = 0.02
SURE_P = 0.01
PENALTY = 6.0
"""What one change more must explain, in variances of the noise times the logarithm of the length. 2 would do for
independent results; results that lean on the one before them by 0.3 to 0.5 look like changes below 5."""
WINDOW = 7
"""Results around each one whose median it is compared with, to tell a stray result from a level."""
STRAY_SPREADS = 3.0
"""A result further from its neighbours' median than this many standard deviations is drawn in to it."""
LEAST_SPREAD = 0.001
"""Noise below a thousandth is taken as that: the clocks are no better."""
SPREAD_OF_MAD = 1.4826
"""Standard deviation over median absolute deviation of normal noise."""


def change_points(values: Sequence[float]) -> tuple[int, ...]:
    """Indexes of `values` (one result each, in any one unit, in order of time) at which a new level begins, ascending.

    () below 10 values, and where one is not above zero: levels are compared by their ratio. A level has 5 results or
    more; neighbouring ones differ by 2 % or more with p of 0.01 or less (Mann-Whitney); one stray result is no level.
    Raises ValueError for a value that is not finite.
    Source: Jackson et al., "An algorithm for optimal partitioning of data on an interval" (2005).
    """
    for value in values:
        if not math.isfinite(value):
            raise ValueError(f"{value} is no measured value; a value that could not be had is left out, never NaN.")
    if len(values) < FEWEST_RESULTS or min(values) <= 0:
        return ()
    import numpy

    series, spread = _drawn_in(numpy.log(numpy.asarray(values, dtype=numpy.float64)))
    found = _best_division(series, PENALTY * spread**2 * math.log(len(series)))
    return _confirmed(series.tolist(), found)


def _drawn_in(series: NDArray[float64]) -> tuple[NDArray[float64], float]:
    """`series` with what is astray drawn in to its neighbours, and the standard deviation of its noise.

    The noise is that from one result to the next, so that levels do not count into it.
    """
    import numpy

    padded = numpy.pad(series, WINDOW // 2, mode="reflect")
    around = numpy.median(numpy.lib.stride_tricks.sliding_window_view(padded, WINDOW), axis=1)
    steps = numpy.diff(series)
    spread = max(SPREAD_OF_MAD * float(numpy.median(numpy.abs(steps))) / math.sqrt(2), LEAST_SPREAD)
    return numpy.clip(series, around - STRAY_SPREADS * spread, around + STRAY_SPREADS * spread), spread


def _best_division(series: NDArray[float64], penalty: float) -> list[int]:
    """Where levels begin in the division with the least squares around their means plus `penalty` for each."""
    import numpy

    n = len(series)
    sums = numpy.concatenate(([0.0], numpy.cumsum(series - series.mean())))
    squares = numpy.concatenate(([0.0], numpy.cumsum((series - series.mean()) ** 2)))
    least = numpy.full(n + 1, numpy.inf)  # for each length, what its best division costs
    least[0] = -penalty
    begins = numpy.zeros(n + 1, dtype=int)  # where the last level of that division begins
    for end in range(SHORTEST_PIECE, n + 1):
        begin = numpy.arange(end - SHORTEST_PIECE + 1)
        around = squares[end] - squares[begin] - (sums[end] - sums[begin]) ** 2 / (end - begin)
        cost = least[begin] + around + penalty
        begins[end] = cost.argmin()
        least[end] = cost[begins[end]]
    found, at = [], int(begins[n])
    while at > 0:
        found.append(at)
        at = int(begins[at])
    return found[::-1]


def _confirmed(series: list[float], found: list[int]) -> tuple[int, ...]:
    """Those of `found` that stand between their neighbours; the weakest is dropped, and then all are asked anew."""
    while found:
        edges = [0, *found, len(series)]
        asked = []
        for left, at, right in zip(edges[:-2], found, edges[2:], strict=True):
            before, after = series[left:at], series[at:right]
            size = abs(median(after) - median(before))
            long = min(len(before), len(after)) >= SHORTEST_LEVEL
            large = size >= math.log1p(SMALLEST_CHANGE_RATIO)
            asked.append((long and large and _rank_sum_p(before, after) <= SURE_P, size, at))
        weakest = min(asked)
        if weakest[0]:
            break
        found = [at for at in found if at != weakest[2]]
    return tuple(found)


def _rank_sum_p(before: list[float], after: list[float]) -> float:
    """Both tails of the rank-sum statistic of two levels."""
    ordered = sorted(after)
    below = sum(bisect_right(ordered, value) for value in before)  # pairs whose later result is not higher
    above = len(before) * len(after) - sum(bisect_left(ordered, value) for value in before)
    return 2 * rank_sum_tail(len(before), len(after), min(below, above))
