"""Median, interval and order statistics of one result's rounds. Pure, standard library only.

No mean and no normality: rounds on a drifting board are skewed, and a median with its order-statistic interval is right
for any continuous distribution. Rates are summarised as durations are, by order: the median of an odd number of rates
is 1 over that of their durations; of an even number it lies halfway between the two middle rates, which differs from
the durations' by a quarter of the square of their distance (middle rounds 2 % apart: 0.01 %).

Where neighbours resemble each other there are fewer rounds than it seems, and the interval is widened for it by the
next order statistics; with independent rounds it is that of benchstat and scipy. A note instead would not do: in the
simulation the intervals without a note held only 86 to 90 % at a correlation of 0.3. A trend is no likeness: it is told
as drift, and the interval stays plain.
What must never live here: which rounds count; `Round.counted` says that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from orac_bench.records import Summary
from orac_bench.stats.series import ALPHA, FEWEST, SURE_LAG1, alpha, drift_ratio, lag1, likeness, slope
from orac_bench.verdicts import Note

METHOD = "median, order-statistic 95 % interval, widened where neighbours are alike"
METHOD_VERSION = 2
"""Stored beside every summary; raised when a number below would come out differently for the same rounds."""

TAIL_FLOORS = ((0.90, 36), (0.95, 72), (0.99, 368))
"""Percentile and the fewest rounds for which a two-sided 95 % interval of it is bounded.

Source: the smallest n with q^n <= 0.025 by the binomial tails, which then lets 0.025 lie on each side.
"""

DRIFT_RATIO = 0.03
"""A trend smaller than this is not told."""
DRIFT_ERRORS = 2.6
"""Standard errors from which a trend is one, of many rounds; of n rounds, of which the spread is known less well,
(1 + 5 / n) times as many. Facts ask for p < 0.01 of Mann-Kendall; this finds and errs as often, and can be told of a
stored summary."""


def summarise(values: Sequence[float], blocks: Sequence[int | None] | None = None) -> Summary:
    """Statistics of `values` (one metric's counted rounds, any one unit, in the order of measuring).

    `blocks` says to which block each value belongs, None for one that is of no block. Rounds of a block are alike, so
    the interval, the drift and the correlation are those of the blocks' medians.
    The interval is None below 6 values (or blocks), p90 below 36, p95 below 72, p99 below 368. Quartiles and
    percentiles are interpolated linearly. Raises ValueError for no values, for one that is not finite (absent is None,
    never NaN), and for `blocks` of another length.
    """
    if not values:
        raise ValueError("There is nothing to summarise: no value was given. A metric without values has no summary.")
    measured = [float(value) for value in values]
    strangers = [value for value in measured if not math.isfinite(value)]
    if strangers:
        raise ValueError(f"{strangers[0]} is no measured value; a value that could not be had is left out, never NaN.")
    ordered, n = sorted(measured), len(measured)
    units = measured if blocks is None else _block_medians(measured, blocks)
    middle, q25, q75 = (quantile(ordered, share) for share in (0.5, 0.25, 0.75))
    drift, neighbours = _order(units)
    alike = likeness(len(units), neighbours)
    low, high = _interval(sorted(units), alpha(alike) if alike else ALPHA)
    p90, p95, p99 = (quantile(ordered, share) if n >= floor else None for share, floor in TAIL_FLOORS)
    return Summary(
        n=n,
        median=middle,
        minimum=ordered[0],
        maximum=ordered[-1],
        ci_low=None if low is None else min(low, middle),
        ci_high=None if high is None else max(high, middle),
        q25=q25,
        q75=q75,
        p90=p90,
        p95=p95,
        p99=p99,
        drift_ratio=drift,
        lag1=neighbours,
    )


def notes(summary: Summary) -> tuple[Note, ...]:
    """What must be known beside `summary` of what was not measured in blocks: too few, drift, neighbours alike."""
    if summary.ci_low is None or summary.q25 is None or summary.q75 is None:
        return (Note.TOO_FEW,)
    if _drifts(summary.n, summary.median, summary.q75 - summary.q25, summary.drift_ratio):
        return (Note.DRIFT,)
    return (Note.AUTOCORRELATED,) if likeness(summary.n, summary.lag1, limit=SURE_LAG1) else ()


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` (0 to 1) of `ordered` (ascending, not empty) lies, interpolated linearly.

    Source: type 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages" (1996); numpy's default.
    """
    position = (len(ordered) - 1) * share
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def _order(units: Sequence[float]) -> tuple[float | None, float | None]:
    """Drift and lag-1 correlation; (None, None) below 6."""
    if len(units) < FEWEST:
        return None, None
    trend = slope(units)
    return drift_ratio(units, trend), lag1(units, trend)


def _block_medians(values: Sequence[float], blocks: Sequence[int | None]) -> list[float]:
    """The median of each block, in the order in which the blocks were begun; a value of no block is its own."""
    if len(blocks) != len(values):
        raise ValueError(f"{len(values)} values have {len(blocks)} blocks; each value is of one block.")
    parts: dict[tuple[int, int | None], list[float]] = {}
    for index, (block, value) in enumerate(zip(blocks, values, strict=True)):
        parts.setdefault((index if block is None else -1, block), []).append(value)
    return [median(part) for part in parts.values()]


def _interval(ordered: Sequence[float], alpha: float) -> tuple[float | None, float | None]:
    """The two order statistics that hold the true median but for a chance of `alpha`; (None, None) below 6 values.

    They are the k-th from below and the k-th from above, with the largest k whose two tails of the binomial(n, 1/2)
    stay within `alpha`; where even lowest and highest do not, they are taken as the widest there are.
    Source: Conover, "Practical Nonparametric Statistics", 3.2; `scipy.stats.quantile_test`; benchstat.
    """
    n = len(ordered)
    if n < FEWEST:
        return None, None
    share, parts = alpha.as_integer_ratio()
    most = share * 2**n // parts  # whole numbers, as 2^1024 is no float any more
    term, tail, k = 1, 1, 0
    while 2 * tail <= most:
        k += 1
        term = term * (n - k + 1) // k
        tail += term
    k = max(k, 1)
    return ordered[k - 1], ordered[n - k]


def _drifts(n: int, middle: float, quartiles: float, drift: float | None) -> bool:
    """Whether a trend of `drift` is larger than 3 % and than chance makes it, of `n` rounds with these `quartiles`.

    The spread around the trend is what the quartile distance has left without it; that of the trend follows as of a
    line through evenly spaced points: spread x sqrt(12 / n).
    """
    if drift is None or abs(drift) <= DRIFT_RATIO:
        return False
    whole = quartiles / 1.349 / abs(middle)
    left = max(whole**2 - drift**2 / 12, 0.0)
    return abs(drift) > DRIFT_ERRORS * (1 + 5 / n) * math.sqrt(left * 12 / n)
