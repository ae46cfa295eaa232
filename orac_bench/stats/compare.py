"""Is the candidate slower than its base, and how sure is that? Pure, standard library only.

Both sides are compared as logarithms: a ratio is then a difference, rates and durations are judged alike, and swapping
the sides turns the verdict around exactly. The interval is that of an exact rank test, because the order within each
pair of blocks was drawn by chance: whatever the board did, equal sides are as likely to come out one way as the other.

What was chosen by simulation (2,000 sessions a shape, 10 blocks of 3 rounds; `tests/performance/test_statistics.py`):
- A block's change is the median of the log ratios of each candidate round over each base round, not that of the two
  medians: as robust against one stray round in three, and it finds 3 % in 86 to 98 % of the sessions, not 81 to 97 %.
- The signed-rank interval, not t: equally often right, and it needs no normality. t is used for p alone, below the
  smallest that ranks can reach (1 in 512 with 10 blocks): without it Holm could find nothing among 60 cases.
- Not means within a block: 47 % of the 3 % changes found where one round in twenty is interrupted, not 91 %.

What must never live here: which results may be compared. That needs their conditions, digests and units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Literal

from orac_bench.stats.ranks import Shift, rank_sum_shift, signed_rank_shift
from orac_bench.stats.series import SURE_LAG1, alpha, eased, folded, likeness
from orac_bench.stats.summary import notes, summarise
from orac_bench.verdicts import Comparison, Note, Verdict

MINIMUM_EFFECT_RATIO = 0.02
"""Smaller changes are none: a board's own noise from day to day is that large."""
FEWEST_BLOCKS = 6
"""Below so many pairs even the most extreme order has p = 0.0625: no 95 % interval exists."""
FEWEST_SAMPLES = 4
"""Below so many rounds a side likewise: 2 of C(6, 3) = 20 orders. However many the other side has: ranks would allow
an interval of one round beside 40, and yet nobody knows how much that one is off."""
MOST_NEEDED = 1000
"""More blocks than this are not asked for; the answer is then that it cannot be told."""
MOST_SAMPLES = 1000
"""Of more rounds a side, medians of neighbours are compared: all pairs of 10,000 and 10,000 do not fit into a board."""
LOG_DIGITS = 12
"""Logarithms are equal to so many digits, so that a change of units makes no new ones."""


def compare_pairs(
    blocks: Sequence[tuple[Sequence[float], Sequence[float]]],
    better: Literal["lower", "higher"] = "lower",
    minimum_effect_ratio: float = MINIMUM_EFFECT_RATIO,
) -> Comparison:
    """The verdict on interleaved `blocks`: the base's and the candidate's counted rounds of each, in one unit.

    `n` counts the blocks with rounds on both sides; `ratio` is candidate over base with its 95 % interval, None below 6
    blocks. Inconclusive, with a note, where there are too few, or a value is not above zero. Raises ValueError for a
    value that is not finite, an unknown `better`, and a minimum effect below 0.
    Source: Hodges and Lehmann, "Estimates of Location Based on Rank Tests" (1963).
    """
    _check(better, minimum_effect_ratio, [value for block in blocks for side in block for value in side])
    whole = [(base, candidate) for base, candidate in blocks if len(base) and len(candidate)]
    told = (Note.INCOMPLETE_BLOCK,) if len(whole) < len(blocks) else ()
    if not whole:
        both = any(len(base) for base, _ in blocks) and any(len(candidate) for _, candidate in blocks)
        if both:
            return _inconclusive(0, (*told, Note.TOO_FEW), needed=FEWEST_BLOCKS)
        return _inconclusive(0, (*told, Note.NOTHING))
    if any(value <= 0 for block in whole for side in block for value in side):
        return _inconclusive(len(whole), (*told, Note.NOT_POSITIVE))
    changes = [median(_log_ratios(base, candidate)) for base, candidate in whole]
    shift = signed_rank_shift(changes)
    return _judged(shift, len(whole), better, minimum_effect_ratio, told, fewest=FEWEST_BLOCKS)


def compare_samples(
    base: Sequence[float],
    candidate: Sequence[float],
    better: Literal["lower", "higher"] = "lower",
    minimum_effect_ratio: float = MINIMUM_EFFECT_RATIO,
) -> Comparison:
    """The verdict on counted rounds that were not interleaved, each side in the order of measuring, in one unit.

    It always carries Note.NOT_INTERLEAVED: what changed may be the board. `n` counts the values of the smaller side.
    The interval is wider where neighbours are alike, and where a side drifts by as much as it does (the one that
    drifts more). Inconclusive and raising as in `compare_pairs`, the interval None below 4 rounds a side.
    Source: Hodges and Lehmann, "Estimates of Location Based on Rank Tests" (1963).
    """
    _check(better, minimum_effect_ratio, [*base, *candidate])
    n = min(len(base), len(candidate))
    if not n:
        return _inconclusive(0, (Note.NOT_INTERLEAVED, Note.NOTHING))
    if min(*base, *candidate) <= 0:
        return _inconclusive(n, (Note.NOT_INTERLEAVED, Note.NOT_POSITIVE))
    logs = [_logarithms(base), _logarithms(candidate)]
    told, drift, alike = [Note.NOT_INTERLEAVED], 0.0, 0.0
    for summary in map(summarise, (base, candidate)):
        alike = max(alike, likeness(summary.n, summary.lag1, limit=SURE_LAG1))
        if Note.DRIFT in notes(summary):
            drift = max(drift, math.log1p(abs(summary.drift_ratio or 0.0)))
    told += [note for note, there in ((Note.DRIFT, drift), (Note.AUTOCORRELATED, alike)) if there]
    shift = rank_sum_shift(*logs, alpha=alpha(alike), beyond=drift)
    shift = replace(shift, p=eased(shift.p, alike), interval=shift.interval if n >= FEWEST_SAMPLES else None)
    fewest = FEWEST_SAMPLES if shift.interval is not None else _fewest(alpha(alike), max(len(base), len(candidate)))
    return _judged(shift, n, better, minimum_effect_ratio, told, fewest=fewest, drift=drift)


def _judged(
    shift: Shift, n: int, better: str, effect: float, told: Sequence[Note], *, fewest: int, drift: float = 0.0
) -> Comparison:
    """The verdict on the `shift` of logarithms, by the rule in the README; `drift` widens it on both sides."""
    ratio, edge = math.exp(shift.point), math.log1p(effect)
    if shift.interval is None:
        return _inconclusive(n, (*told, Note.TOO_FEW), ratio=ratio, needed=max(fewest - n, 1))
    low, high = shift.interval[0] - drift, shift.interval[1] + drift
    verdict, needed = Verdict.INCONCLUSIVE, None
    if (low > 0 and shift.point > edge) or (high < 0 and shift.point < -edge):
        verdict = Verdict.SLOWER if (shift.point > 0) == (better == "lower") else Verdict.FASTER
    elif -edge <= low and high <= edge:
        verdict = Verdict.SAME
    elif not drift:
        needed = _needed(n, shift.point, (high - low) / 2, edge)
    return Comparison(
        verdict=verdict,
        ratio=ratio,
        ci_low=math.exp(low),
        ci_high=math.exp(high),
        n=n,
        needed=needed,
        notes=tuple(told),
        p=shift.p,
    )


def _needed(n: int, point: float, half: float, edge: float) -> int | None:
    """How many more blocks would bring the interval off 1, or within the minimum effect, should the `point` stay.

    None above MOST_NEEDED: then the change is as large as the minimum effect, and the next one may decide either way.
    An interval narrows with the root of the number of blocks.
    """
    size = abs(point)
    room = size if size > edge else edge - size
    if half > room * math.sqrt((MOST_NEEDED + n) / n):
        return None
    return max(math.ceil(n * (half / room) ** 2) - n, 1)


def _fewest(alpha: float, larger: int) -> int:
    """How many rounds a side needs beside one of `larger`, so that the most extreme order is as rare as `alpha`.

    Neighbours that are alike ask for more than FEWEST_SAMPLES.
    """
    n = FEWEST_SAMPLES
    while 2 / math.comb(n + max(n, larger), n) > alpha:
        n += 1
    return n


def _logarithms(side: Sequence[float]) -> list[float]:
    """Of each of `side`, or of at most MOST_SAMPLES medians of neighbours."""
    return [round(math.log(value), LOG_DIGITS) for _, value in folded(side, MOST_SAMPLES)]


def _log_ratios(base: Sequence[float], candidate: Sequence[float]) -> list[float]:
    """The logarithm of each of `candidate` over each of `base`."""
    return [round(math.log(after) - math.log(before), LOG_DIGITS) for before in base for after in candidate]


def _inconclusive(
    n: int, notes: tuple[Note, ...], *, ratio: float | None = None, needed: int | None = None
) -> Comparison:
    return Comparison(
        verdict=Verdict.INCONCLUSIVE, ratio=ratio, ci_low=None, ci_high=None, n=n, needed=needed, notes=notes
    )


def _check(better: str, effect: float, values: Sequence[float]) -> None:
    """Raises ValueError for what can be no comparison at all."""
    if better not in ("lower", "higher"):
        raise ValueError(f"better={better!r} is no direction: say 'lower' or 'higher'.")
    if not (math.isfinite(effect) and effect >= 0):
        raise ValueError(f"minimum_effect_ratio={effect} is no effect: it is a share, 0.02 for 2 %.")
    for value in values:
        if not math.isfinite(value):
            raise ValueError(f"{value} is no measured value; a value that could not be had is left out, never NaN.")
