"""Median, interval and order statistics of one result's rounds. Pure, standard library only.

No mean and no normality: rounds on a drifting board are skewed, and a median with its order-statistic interval is
right for any continuous distribution. What must never live here: which rounds count; `Round.counted` says that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from orac_bench.records import Summary

METHOD = "median, order-statistic 95 % interval"
METHOD_VERSION = 1
"""Stored beside every summary; raised when a number below would come out differently for the same rounds."""

TAIL_FLOORS = ((0.90, 36), (0.95, 72), (0.99, 368))
"""Percentile and the fewest rounds for which a two-sided 95 % interval of it is bounded.

Source: the smallest n with q^n + (1-q)^n <= 0.05 by the binomial tails, 0.025 on each side.
"""


def summarise(values: Sequence[float]) -> Summary:
    """Statistics of `values` (one metric's counted rounds, any one unit, any order).

    The interval is None below 6 values, p90 below 36, p95 below 72, p99 below 368. Quartiles and percentiles are
    interpolated linearly. Raises ValueError for no values, and for one that is not finite: absent is None, never NaN.
    """
    if not values:
        raise ValueError("There is nothing to summarise: no value was given. A metric without values has no summary.")
    ordered = sorted(float(value) for value in values)
    strangers = [value for value in ordered if not math.isfinite(value)]
    if strangers:
        raise ValueError(f"{strangers[0]} is no measured value; a value that could not be had is left out, never NaN.")
    n = len(ordered)
    low, high = _interval(ordered)
    p90, p95, p99 = (quantile(ordered, share) if n >= floor else None for share, floor in TAIL_FLOORS)
    return Summary(
        n=n,
        median=quantile(ordered, 0.5),
        minimum=ordered[0],
        maximum=ordered[-1],
        ci_low=low,
        ci_high=high,
        q25=quantile(ordered, 0.25),
        q75=quantile(ordered, 0.75),
        p90=p90,
        p95=p95,
        p99=p99,
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of `ordered` (ascending, not empty) lies, interpolated linearly.

    Source: type 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages" (1996); numpy's default.
    """
    position = (len(ordered) - 1) * share
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def _interval(ordered: Sequence[float]) -> tuple[float | None, float | None]:
    """The two order statistics that hold the true median with at least 95 %; (None, None) where none do.

    With k the smallest count whose binomial(n, 1/2) probability reaches 2.5 %, they are the k-th from below and the
    k-th from above. In whole numbers: 40 * sum(C(n, 0..k)) >= 2^n.
    Source: Conover, "Practical Nonparametric Statistics", 3.2; `scipy.stats.quantile_test`; benchstat.
    """
    n = len(ordered)
    term, tail, k = 1, 1, 0
    while 40 * tail < 2**n:
        k += 1
        term = term * (n - k + 1) // k
        tail += term
    return (None, None) if k == 0 else (ordered[k - 1], ordered[n - k])
