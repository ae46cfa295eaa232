"""What a watcher takes from a run, told by the run's own tokens: how soon they come at all, and where nobody asks.

Two runs of one model differ by a tenth on a machine that others use as well, and a watcher takes less than a hundredth.
Within a round the machine is nearly the same from one moment to the next, so the round's undisturbed moments are what
all of it is compared with. What goes on all the time is not seen so. Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

BEFORE_S, AFTER_S = 0.02, 0.25
"""Around a disturbance: what it takes it takes in this time. A request has 2 to 5 ms of the processor."""
FEWEST = 20
"""Gaps between tokens that a rate is taken from."""
LONGEST = 4.0
"""A gap counts as so many times the round's median at most: what takes longer is another program or the machine's host,
and hides what is looked for. A watcher's request is over within one token."""


def rates(stamps_s: Sequence[float], disturbed_s: Sequence[float]) -> tuple[float, float] | None:
    """Arrivals per second of a round in its undisturbed moments, and in all. None where there are too few of either.

    `stamps_s` are the arrivals of the round's tokens, `disturbed_s` the moments at which somebody asked or was told,
    both in s on one clock and in order.
    """
    gaps = list(pairwise(stamps_s))
    calm = [(begin, end) for begin, end in gaps if not _disturbed(begin, end, disturbed_s)]
    if not FEWEST <= len(calm) <= len(gaps) - FEWEST:
        return None
    longest_s = LONGEST * median(end - begin for begin, end in gaps)
    return _rate(calm, longest_s), _rate(gaps, longest_s)


def _disturbed(begin_s: float, end_s: float, disturbed_s: Sequence[float]) -> bool:
    """Whether a disturbance lies so that it could have made the gap longer."""
    first = bisect_left(disturbed_s, begin_s - AFTER_S)
    return first < len(disturbed_s) and disturbed_s[first] <= end_s + BEFORE_S


def _rate(gaps: Sequence[tuple[float, float]], longest_s: float) -> float:
    return len(gaps) / sum(min(end - begin, longest_s) for begin, end in gaps)
