"""Many comparisons judged together: the more are looked at, the surer each must be. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from orac_bench.stats.series import ALPHA, NORMAL
from orac_bench.verdicts import DECIDED, Comparison, Note, Verdict


def adjusted(p_values: Sequence[float]) -> tuple[float, ...]:
    """Holm's adjusted `p_values`, in their order: the level at which each would be rejected beside the others.

    Source: Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979); R's `p.adjust`.
    """
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    found, highest = [0.0] * len(order), 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[index]))
        found[index] = highest
    return tuple(found)


def judged_together(comparisons: Sequence[Comparison]) -> tuple[Comparison, ...]:
    """`comparisons` in their order, each change that does not hold beside the others made inconclusive (Note.HOLM).

    Figures stay as they are: an interval is that of its own case. `needed` says how many more blocks would make it
    hold. Those without p neither count nor change; `same` claims no change and stays. Whatever its verdict, one that
    does not hold says so (`holds`).
    """
    beside = iter(adjusted([one.p for one in comparisons if one.p is not None]))
    return tuple(one if one.p is None else _beside(one, one.p, next(beside)) for one in comparisons)


def _beside(one: Comparison, own: float, adjusted: float) -> Comparison:
    """`one`, whose p of its `own` is `adjusted` beside the others. Its deviate grows with the root of the blocks."""
    if adjusted <= ALPHA:
        return one
    if one.verdict not in DECIDED:
        return replace(one, holds=False)
    wanted, now = NORMAL.inv_cdf(ALPHA * own / adjusted / 2), NORMAL.inv_cdf(own / 2)
    needed = max(math.ceil(one.n * (wanted / now) ** 2) - one.n, 1)
    return replace(one, verdict=Verdict.INCONCLUSIVE, needed=needed, notes=(*one.notes, Note.HOLM), holds=False)
