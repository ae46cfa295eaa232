"""Exact null distributions of the two rank statistics, and the intervals that come of them. Pure.

W is the signed-rank statistic of n differences (Wilcoxon), U the rank-sum statistic of m and n values (Mann-Whitney).
Both count pairs, and so an interval is a pair of order statistics of the pairs. Ties make it wider, never too narrow:
a pair that says neither is counted on the side that speaks against a difference.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, combinations_with_replacement
from statistics import fmean, median, stdev

from orac_bench.stats.series import ALPHA, NORMAL

EXACT_SIGNED_RANK = 60
"""Up to so many differences W's distribution is counted out; beyond, the normal one is within 0.002."""
EXACT_RANK_SUM = 900
"""Up to so many pairs U's distribution is counted out; beyond, likewise."""
SMALLEST_P = 1e-12
"""Nothing measured is surer than this; the sums here are not exact beyond it either."""


@dataclass(frozen=True, kw_only=True)
class Shift:
    """By how much one side lies above the other: the Hodges-Lehmann estimate, its interval, and p of no shift.

    `interval` is None where none is as sure as was asked.
    """

    point: float
    interval: tuple[float, float] | None
    p: float


def signed_rank_shift(differences: Sequence[float], *, alpha: float = ALPHA) -> Shift:
    """The shift of paired `differences` (not empty), with an interval that misses it at most with chance `alpha`.

    It is the median of the averages of all pairs, each value with itself too; the interval are two of these averages.
    Where all differences lie on one side their ranks can say no more, and p is that of their t where it is smaller.
    Source: Hollander, Wolfe, Chicken, "Nonparametric Statistical Methods", 3.2 and 3.3.
    """
    n = len(differences)
    averages = sorted((one + other) / 2 for one, other in combinations_with_replacement(differences, 2))
    found = _shift(averages, lambda k: signed_rank_tail(n, k), alpha)
    if found.interval is None or averages[0] <= 0 <= averages[-1]:
        return found
    return replace(found, p=min(found.p, t_tails(differences)))


def rank_sum_shift(
    base: Sequence[float], candidate: Sequence[float], *, alpha: float = ALPHA, beyond: float = 0.0
) -> Shift:
    """How far `candidate` lies above `base` (neither empty), with an interval that misses at most with chance `alpha`.

    It is the median of all differences of one of each; the interval are two of these differences. `p` is that of no
    shift larger than `beyond` (0 or more), either way.
    Source: Hollander, Wolfe, Chicken, "Nonparametric Statistical Methods", 4.2 and 4.3.
    """
    differences = sorted(after - before for before in base for after in candidate)
    return _shift(differences, lambda k: rank_sum_tail(len(base), len(candidate), k), alpha, beyond)


def signed_rank_tail(n: int, k: int) -> float:
    """The probability that W of `n` differences without a shift is `k` or less."""
    if n > EXACT_SIGNED_RANK:
        middle, spread = n * (n + 1) / 4, math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        return NORMAL.cdf((k + 0.5 - middle) / spread)
    return _signed_rank_tails(n)[k]


def rank_sum_tail(m: int, n: int, k: int) -> float:
    """The probability that U of `m` and `n` values without a shift is `k` or less."""
    if m * n > EXACT_RANK_SUM:
        return NORMAL.cdf((k + 0.5 - m * n / 2) / math.sqrt(m * n * (m + n + 1) / 12))
    return _rank_sum_tails(min(m, n), max(m, n))[k]


def t_tails(differences: Sequence[float]) -> float:
    """Both tails of Student's t of `differences` (two or more): p of no shift, were they normal. SMALLEST_P at least.

    Source: Abramowitz and Stegun, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.
    """
    freedom, spread = len(differences) - 1, stdev(differences)
    if spread == 0:
        return SMALLEST_P if differences[0] else 1.0
    angle = math.atan(abs(fmean(differences)) / spread * math.sqrt(len(differences) / freedom))
    odd = freedom % 2
    term, within = (math.cos(angle), 0.0) if odd else (1.0, 0.0)
    for step in range(1 + odd, freedom, 2):
        within += term
        term *= math.cos(angle) ** 2 * step / (step + 1)
    within *= math.sin(angle)
    return max(1 - (2 / math.pi * (angle + within) if odd else within), SMALLEST_P)


def _shift(pairs: list[float], tail: Callable[[int], float], alpha: float, beyond: float = 0.0) -> Shift:
    """Of `pairs` (ascending) and the tail of the count of those on one side of the truth."""
    outside = bisect_right(range((len(pairs) + 1) // 2), alpha / 2, key=tail)  # how many pairs may lie against it
    against = min(len(pairs) - bisect_left(pairs, -beyond), bisect_right(pairs, beyond))
    return Shift(
        point=median(pairs),
        interval=(pairs[outside - 1], pairs[-outside]) if outside else None,
        p=max(min(1.0, 2 * tail(against)), SMALLEST_P),
    )


@lru_cache(maxsize=128)
def _signed_rank_tails(n: int) -> tuple[float, ...]:
    """For each k from 0, the share of the 2^n signs of the ranks 1 to `n` that give W <= k."""
    ways = [1]
    for rank in range(1, n + 1):
        ways = [low + high for low, high in zip(ways + [0] * rank, [0] * rank + ways, strict=True)]
    return tuple(count / 2**n for count in accumulate(ways))


@lru_cache(maxsize=128)
def _rank_sum_tails(m: int, n: int) -> tuple[float, ...]:
    """For each k from 0, the share of the C(m + n, m) orders of `m` and `n` values that give U <= k.

    The counts are the coefficients of the Gaussian binomial: the product of (1 - q^(n+i)) / (1 - q^i), i = 1..m.
    """
    ways = [1] + [0] * (m * n)
    for i in range(1, m + 1):
        for k in range(m * n, n + i - 1, -1):
            ways[k] -= ways[k - n - i]
        for k in range(i, m * n + 1):
            ways[k] += ways[k - i]
    return tuple(count / math.comb(m + n, m) for count in accumulate(ways))
