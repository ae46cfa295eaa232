"""What a watcher takes from a run, told by the run's own tokens: how soon they come at all, and where nobody asks.

Two runs of one model differ by a tenth on a machine that others use as well, and a watcher takes less than a hundredth.
Within a round the machine is nearly the same from one moment to the next, so the round's undisturbed moments are what
all of it is compared with. What goes on all the time is not seen so. Pure.

Moments are spans of time, and tokens count by their parts in them. To sort the gaps between tokens instead would choose
long ones: of all gaps a long one is the likeliest to have somebody ask within it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import median

WATCHED_S = (0.02, 0.1)
"""Before and after a watcher's request or event: what it takes it takes in this time. Measured on two cores, a model on
both: a request takes a sixth of the rate from 20 ms before its moment to 10 ms after, an event less for up to 30 ms;
none is seen after 90."""
SAMPLED_S = (0.02, 0.01)
"""The same around a sample of telemetry: it takes a fortieth of the rate from 15 ms before its stamp to 5 ms after."""
CALM_RATIO = 0.25
"""The least share of a round that a rate without disturbances is taken from."""
LONGEST = 4.0
"""A gap counts as so many times the round's median at most: what takes longer is another program or the machine's host,
and hides what is looked for. A watcher's request is over within one token."""


def rates(
    stamps_s: Sequence[float], disturbed_s: Sequence[float], around_s: tuple[float, float] = WATCHED_S
) -> tuple[float, float] | None:
    """Tokens per second of a round in its undisturbed moments, and in all. None where hardly any moment is undisturbed.

    `stamps_s` are the arrivals of the round's tokens, in order; `disturbed_s` the moments at which somebody asked or
    was told, both in s on one clock; `around_s` how long before and after each it disturbs.
    """
    gaps_s = [end - begin for begin, end in pairwise(stamps_s)]
    longest_s = LONGEST * median(gaps_s)
    clock_s = [*accumulate((min(gap, longest_s) for gap in gaps_s), initial=0.0)]
    tokens = [*map(float, range(len(clock_s)))]
    whole_s, calm_s, calm_tokens = clock_s[-1], clock_s[-1], tokens[-1]
    for begin_s, end_s in _joined(disturbed_s, *around_s):
        begin, end = (_at(moment_s, stamps_s, clock_s) for moment_s in (begin_s, end_s))
        calm_s -= end - begin
        calm_tokens -= _at(end, clock_s, tokens) - _at(begin, clock_s, tokens)
    return None if calm_s < CALM_RATIO * whole_s else (calm_tokens / calm_s, tokens[-1] / whole_s)


def _joined(disturbed_s: Sequence[float], before_s: float, after_s: float) -> list[tuple[float, float]]:
    """The spans of the disturbances, those that overlap as one."""
    spans: list[tuple[float, float]] = []
    for moment_s in sorted(disturbed_s):
        begin_s, end_s = moment_s - before_s, moment_s + after_s
        if spans and begin_s <= spans[-1][1]:
            begin_s = spans.pop()[0]
        spans.append((begin_s, end_s))
    return spans


def _at(x: float, known: Sequence[float], values: Sequence[float]) -> float:
    """The value at `x` on the line through `values` at the rising `known` places; beyond an end that of the end."""
    if x <= known[0]:
        return values[0]
    if x >= known[-1]:
        return values[-1]
    place = bisect_right(known, x) - 1
    share = (x - known[place]) / (known[place + 1] - known[place])
    return values[place] + share * (values[place + 1] - values[place])
