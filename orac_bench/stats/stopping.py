"""When enough rounds are known. Pure: the caller says how many there are and how long it took.

Whoever looks at an interval after every round and stops at the first narrow one stops at those that are narrow by
chance. So there are few looks (at 10 rounds, and then at each tenth more: 11, 13, 15, 17, 19, 21, 24 ...), and the
interval must be narrow at two in a row. By simulation it then holds 95 % of independent rounds, where a single look at
each fifth more holds 93.6 % (`tests/performance/test_statistics.py`).
What must never live here: a clock, and how a round is measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from orac_bench.records import Summary
from orac_bench.stats.summary import summarise

GROWTH = 1.1
"""How many times the rounds of a look the next one has."""


class Stop(str, Enum):
    """Why no further round is measured."""

    PRECISE = "precise"  # every headline is known as well as was asked
    CEILING = "ceiling"  # no more rounds are allowed
    TIME = "time"  # the time limit is reached


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What was asked. `precision_ratio` is half the 95 % interval over the median: 0.02 for `--precision 2%`.

    None where only the other limits count. Raises ValueError for limits that no run could meet.
    """

    precision_ratio: float | None
    floor: int = 10
    """Rounds before which precision is not looked at."""
    ceiling: int = 200
    time_limit_s: float | None = None

    def __post_init__(self) -> None:
        if self.precision_ratio is not None and not 0 < self.precision_ratio < math.inf:
            raise ValueError(f"precision_ratio={self.precision_ratio} cannot be reached; say 0.02 for 2 %.")
        if not 1 <= self.floor <= self.ceiling:
            raise ValueError(f"A floor of {self.floor} and a ceiling of {self.ceiling} rounds leave none to measure.")


def stop(headlines: Sequence[Sequence[float]], rule: Rule, *, rounds: int, elapsed_s: float) -> Stop | None:
    """Why to stop after `rounds` rounds (failed ones too) and `elapsed_s`; None to go on. To be asked after each round.

    `headlines` has the counted values of each headline in the order of measuring; of a case measured in blocks, the
    blocks' medians. The shortest one decides which look it is.
    """
    if rule.precision_ratio is not None and _precise(headlines, rule, rule.precision_ratio):
        return Stop.PRECISE
    if rounds >= rule.ceiling:
        return Stop.CEILING
    if rule.time_limit_s is not None and elapsed_s >= rule.time_limit_s:
        return Stop.TIME
    return None


def looks(rule: Rule) -> tuple[int, ...]:
    """The numbers of rounds at which precision is looked at, ascending, the ceiling at last."""
    found = [rule.floor]
    while found[-1] < rule.ceiling:
        found.append(min(math.ceil(found[-1] * GROWTH), rule.ceiling))
    return tuple(found)


def half_width_ratio(summary: Summary) -> float | None:
    """Half the 95 % interval over the median's size: how well it is known. None without an interval or at 0."""
    if summary.ci_low is None or summary.ci_high is None or summary.median == 0:
        return None
    return (summary.ci_high - summary.ci_low) / 2 / abs(summary.median)


def _precise(headlines: Sequence[Sequence[float]], rule: Rule, precision_ratio: float) -> bool:
    """Whether every headline was narrow enough at the last look and at the one before it.

    Where floor and ceiling are equal there is one look, and whoever looks once does not choose.
    """
    known, all_looks = min(map(len, headlines), default=0), looks(rule)
    last = [look for look in all_looks if look <= known][-2:]
    if len(last) < min(2, len(all_looks)):
        return False
    widths = [half_width_ratio(summarise(values[:look])) for values in headlines for look in last]
    return all(width is not None and width <= precision_ratio for width in widths)
