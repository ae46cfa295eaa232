"""What the order of measuring tells: trend, likeness of neighbours. Pure, standard library only.

Values come in the order in which they were measured. What must never live here: a verdict, or a value left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, pairwise
from statistics import NormalDist, fmean, median

FEWEST = 6
"""Below so many values nothing is said about their order."""
MOST_POINTS = 60
"""Longer series are folded to so many medians of neighbours before all pairs are taken: 600 values in 3 ms."""
LIKELY_LAG1 = 0.7
"""Standard errors above none from which likeness counts. One in four independent series is widened for nothing, and in
exchange the interval of rounds correlated by 0.3 holds 92 % at every length (`tests/performance/test_statistics.py`):
a limit of 1 leaves 91.6 % at 9 rounds, none at all 88.5 % at 17."""
SURE_LAG1 = 1.645
"""Standard errors above none from which likeness is told: one in twenty independent series."""
HIGHEST_LAG1 = 0.8
ROUNDING = 1e-12
"""Distances from a trend below this share of the largest value are those of the arithmetic."""
ALPHA = 0.05
NORMAL = NormalDist()
Z95 = NORMAL.inv_cdf(1 - ALPHA / 2)


def slope(values: Sequence[float]) -> float:
    """How much `values` (6 or more) rise from one to the next.

    Source: Theil-Sen, the median of the slopes of all pairs.
    """
    points = folded(values)
    return median((late - early) / (after - before) for (before, early), (after, late) in combinations(points, 2))


def drift_ratio(values: Sequence[float], slope: float) -> float | None:
    """How much the last of `values` lies above the first by their `slope`, as a share of their median's size.

    None where the median is 0.
    """
    middle = median(values)
    return None if middle == 0 else slope * (len(values) - 1) / abs(middle)


def lag1(values: Sequence[float], slope: float) -> float | None:
    """The correlation of each of `values` with the one before it around their `slope`; None where they lie on it.

    Around the trend, because rounds that drift resemble their neighbours without being fewer than they seem.
    """
    straight = [value - slope * index for index, value in enumerate(values)]
    middle = fmean(straight)
    away = [value - middle for value in straight]
    spread = sum(one * one for one in away)
    if spread <= len(values) * (ROUNDING * max(map(abs, values))) ** 2:
        return None
    return sum(one * other for one, other in pairwise(away)) / spread


def likeness(n: int, lag1: float | None, *, limit: float = LIKELY_LAG1) -> float:
    """The correlation of neighbours that `n` values with `lag1` show, 0 to 0.8; 0 below `limit` standard errors.

    Around a trend the lag-1 correlation of independent values lies at -2/n with a standard error of 1/sqrt(n).
    Source: Kendall, "Note on Bias in the Estimation of Autocorrelation" (1954), 1/n for the mean and 1/n for the trend.
    """
    if lag1 is None or lag1 + 2 / n <= limit / math.sqrt(n):
        return 0.0
    return min(lag1 + 2 / n, HIGHEST_LAG1)


def alpha(correlation: float) -> float:
    """The chance of a miss to ask of independent values, so that values with this `correlation` miss 5 %."""
    return 2 * NORMAL.cdf(-Z95 * _stretch(correlation))


def eased(p: float, correlation: float) -> float:
    """What `p` (above 0) of independent values is of values with this `correlation`: 0.05 where it is `alpha`'s."""
    return 2 * NORMAL.cdf(NORMAL.inv_cdf(p / 2) / _stretch(correlation))


def _stretch(correlation: float) -> float:
    """How many times as wide an interval of correlated values is: n of them tell as much as n (1 - r) / (1 + r).

    Source: Priestley, "Spectral Analysis and Time Series", 5.3.2: the variance of the mean of an AR(1) series.
    """
    return math.sqrt((1 + correlation) / (1 - correlation))


def folded(values: Sequence[float], most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """(place, value) of each value, or of at most `most` medians of neighbours."""
    each = math.ceil(len(values) / most)
    parts = [range(begin, min(begin + each, len(values))) for begin in range(0, len(values), each)]
    return [(fmean(part), median(values[index] for index in part)) for part in parts]
