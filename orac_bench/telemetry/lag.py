"""The power sensor's lag: what its reading is at an instant between readings, and how slow it is. Pure.

The INA3221 of Jetson boards averages many samples; its reading y follows the power P as y' = (P - y) / tau, so a step
of power shows as an exponential. Source: recorded edges of an Orin Nano, tau 0.51 to 0.53 s on three rails.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

AROUND_TAUS = 4.0
"""How far around a seam readings are fitted, in lags."""
STEP_W = 2.0
"""The least height of an edge that is fitted."""
FALL_S = 2.5
"""How long after an edge it is followed."""
MISFIT_RATIO = 0.01
"""An edge whose readings leave the fitted curve by more than this share of its height was no clean step."""
FOLLOWED_TAUS = 1.5
"""An edge that was followed for fewer lags than this does not tell the lag."""


@dataclass(frozen=True, kw_only=True)
class Edge:
    """A step of power as the sensor saw it. `misfit_ratio` is the rms distance from the curve over its height."""

    at_s: float
    """The first reading wholly behind the step."""
    until_s: float
    before_w: float
    after_w: float
    """The power that the curve tends to."""
    tau_s: float
    misfit_ratio: float

    @property
    def height_w(self) -> float:
        """Power after less power before: negative for a fall."""
        return self.after_w - self.before_w

    @property
    def clean(self) -> bool:
        """Whether it is good enough to tell the lag."""
        return self.misfit_ratio <= MISFIT_RATIO and self.until_s - self.at_s >= FOLLOWED_TAUS * self.tau_s


@dataclass(frozen=True, kw_only=True)
class LagFit:
    """The lag by all edges. `tau_s` is None where no edge is clean."""

    tau_s: float | None
    edges: tuple[Edge, ...]


def level_at(
    times_s: Sequence[float], power_w: Sequence[float], edges_s: Sequence[float], at_s: float, tau_s: float
) -> float:
    """The sensor's reading at `at_s`, in W, if power is constant between `edges_s`, fitted to the readings around.

    `times_s` ascend and enclose `at_s`. Where too few readings are around, or there is no lag, they are interpolated.
    """
    if tau_s > 0:
        reach = AROUND_TAUS * tau_s
        first, last = bisect_left(times_s, at_s - reach), bisect_right(times_s, at_s + reach)
        times, powers = times_s[first:last], power_w[first:last]
        knots = [edge for edge in edges_s if times and times[0] < edge < times[-1]]
        if len(times) > len(knots) + 2:
            fitted = _least_squares([_responses(time - times[0], times[0], knots, tau_s) for time in times], powers)
            if fitted is not None:
                terms = _responses(at_s - times[0], times[0], knots, tau_s)
                return sum(weight * term for weight, term in zip(fitted, terms, strict=True))
    return interpolated(times_s, power_w, at_s)


def interpolated(times_s: Sequence[float], values: Sequence[float], at_s: float) -> float:
    """The value at `at_s` on the straight line between its neighbours; the nearest one outside."""
    index = bisect_left(times_s, at_s)
    if index == 0 or index == len(times_s):
        return values[min(index, len(times_s) - 1)]
    share = (at_s - times_s[index - 1]) / (times_s[index] - times_s[index - 1])
    return values[index - 1] + share * (values[index] - values[index - 1])


def fit_tau(times_s: Sequence[float], power_w: Sequence[float]) -> LagFit:
    """The lag of the sensor that read `power_w` at `times_s` (ascending), from each step of load it saw.

    A step is followed for 2.5 s, or until the next one; load that ramps shows as a misfit. The lag is the median of
    the clean falls (rises only where there is no fall: a load ends at once, and seldom begins so) that fit at worst
    half as badly again as the best of them.
    """
    edges = [
        edge
        for first, last in _steps(times_s, power_w)
        if (edge := _fit_edge(times_s[first : last + 1], power_w[first : last + 1], power_w[first - 1])) is not None
    ]
    clean = [edge for edge in edges if edge.clean]
    chosen = [edge for edge in clean if edge.height_w < 0] or clean
    best = min((edge.misfit_ratio for edge in chosen), default=0.0)
    lags = [edge.tau_s for edge in chosen if edge.misfit_ratio <= 1.5 * best]
    return LagFit(tau_s=median(lags) if lags else None, edges=tuple(edges))


def _responses(after_s: float, origin_s: float, knots: Sequence[float], tau_s: float) -> list[float]:
    """What the reading `after_s` the first one has of its own start, and of the power of each piece between knots."""
    time = origin_s + after_s
    edges = [origin_s, *knots, math.inf]
    terms = [math.exp(-after_s / tau_s)]
    for begin, end in pairwise(edges):
        since_begin, since_end = max(0.0, time - begin), max(0.0, time - end)
        terms.append(math.exp(-since_end / tau_s) - math.exp(-since_begin / tau_s))
    return terms


def _least_squares(rows: Sequence[Sequence[float]], values: Sequence[float]) -> list[float] | None:
    """The weights x that bring rows . x nearest to `values`. None where the rows do not decide them."""
    size = len(rows[0])
    matrix = [
        [sum(row[i] * row[j] for row in rows) for j in range(size)]
        + [sum(row[i] * value for row, value in zip(rows, values, strict=True))]
        for i in range(size)
    ]
    for column in range(size):
        pivot = max(range(column, size), key=lambda i: abs(matrix[i][column]))
        if abs(matrix[pivot][column]) < 1e-9:
            return None
        matrix[column], matrix[pivot] = matrix[pivot], matrix[column]
        for row in range(size):
            if row != column:
                factor = matrix[row][column] / matrix[column][column]
                matrix[row] = [a - factor * b for a, b in zip(matrix[row], matrix[column], strict=True)]
    return [matrix[i][size] / matrix[i][i] for i in range(size)]


def _steps(times: Sequence[float], powers: Sequence[float]) -> list[tuple[int, int]]:
    """First and last index of each stretch that follows a step: no other step is in it."""
    begins: list[tuple[int, int]] = []  # index behind the step, its sign
    for index in range(2, len(times)):
        before, change = powers[index - 1] - powers[index - 2], powers[index] - powers[index - 1]
        sign = 1 if change > 0 else -1
        jumps = abs(change) > STEP_W / 4 and abs(change - before) > STEP_W / 4 and change * (change - before) > 0
        if jumps and not (begins and begins[-1][1] == sign and index - begins[-1][0] <= 2):
            begins.append((index, sign))
    ends = [*(begin - 2 for begin, _ in begins[1:]), len(times) - 1]
    stretches = []
    for (begin, _), end in zip(begins, ends, strict=False):
        last = min(end, bisect_right(times, times[begin] + FALL_S) - 1)
        if last - begin >= 5:
            stretches.append((begin, last))
    return stretches


def _fit_edge(times: Sequence[float], powers: Sequence[float], before_w: float) -> Edge | None:
    """The exponential nearest to the readings behind a step. None where it has no height to speak of."""

    def fitted(tau: float) -> tuple[float, float, float]:
        rows = [(math.exp(-(time - times[0]) / tau), 1.0) for time in times]
        weights = _least_squares(rows, powers) or [0.0, powers[0]]
        misses = [row[0] * weights[0] + weights[1] - power for row, power in zip(rows, powers, strict=True)]
        return sum(miss * miss for miss in misses), weights[0], weights[1]

    low, high = 0.02, 5.0
    for _ in range(60):
        left, right = low * (high / low) ** 0.382, low * (high / low) ** 0.618
        low, high = (low, right) if fitted(left)[0] < fitted(right)[0] else (left, high)
    tau = math.sqrt(low * high)
    squares, excess, after = fitted(tau)
    if abs(excess) < STEP_W:
        return None
    return Edge(
        at_s=times[0],
        until_s=times[-1],
        before_w=before_w,
        after_w=after,
        tau_s=tau,
        misfit_ratio=math.sqrt(squares / len(times)) / abs(excess),
    )
