"""Boards that do not hold still: rounds of known truth under noise of several shapes, for tests and for promises.

Every shape is a factor a round, around 1, on a time that goes on from round to round whoever is being measured. All
carry the noise of facts on statistics (1.5 % standard deviation, neighbours correlated by 0.3) and one trouble more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy
from numpy.random import Generator
from numpy.typing import NDArray

from orac_bench.stats.compare import compare_pairs
from orac_bench.stats.history import change_points
from orac_bench.stats.plan import Side, pair_order
from orac_bench.stats.stopping import Rule, looks, stop
from orac_bench.stats.summary import summarise
from orac_bench.verdicts import Comparison

Factors = NDArray[numpy.float64]
Shape = Callable[[Generator, int], Factors]

SPREAD = 0.015
LAG1 = 0.3


def steady(draw: Generator, rounds: int, *, spread: float = SPREAD, lag1: float = LAG1) -> Factors:
    """Only the noise itself: log-normal, each round leaning on the one before it."""
    shocks = draw.normal(size=rounds) * numpy.sqrt(1 - lag1**2)
    level = float(draw.normal())
    series = numpy.empty(rounds)
    for index, shock in enumerate(shocks.tolist()):
        level = lag1 * level + shock
        series[index] = level
    return numpy.exp(spread * series)


def warming_up(draw: Generator, rounds: int) -> Factors:
    """The board grows 6 % slower, most of it in the first third."""
    return steady(draw, rounds) * (1 + 0.06 * (1 - numpy.exp(-3 * numpy.arange(rounds) / rounds)))


def throttling(draw: Generator, rounds: int) -> Factors:
    """At some moment in the middle the board becomes 8 % slower, and stays so."""
    return steady(draw, rounds) * numpy.where(numpy.arange(rounds) >= draw.uniform(0.2, 0.8) * rounds, 1.08, 1.0)


def interrupted(draw: Generator, rounds: int) -> Factors:
    """One round in twenty takes 10 to 60 % longer: another process, a garbage collection, a page fault."""
    longer = numpy.where(draw.random(rounds) < 0.05, draw.uniform(1.1, 1.6, rounds), 1.0)
    return steady(draw, rounds) * longer


def periodic(draw: Generator, rounds: int) -> Factors:
    """A job that returns every 11 to 17 rounds and makes three of them 4 % slower."""
    period, offset = int(draw.integers(11, 18)), int(draw.integers(0, 17))
    return steady(draw, rounds) * numpy.where((numpy.arange(rounds) + offset) % period < 3, 1.04, 1.0)


def wandering(draw: Generator, rounds: int) -> Factors:
    """The level walks at random, 0.5 % a round: the room, the fan, the supply."""
    return steady(draw, rounds) * numpy.exp(numpy.cumsum(draw.normal(0, 0.005, rounds)))


def bursts(draw: Generator, rounds: int) -> Factors:
    """Quiet times and wild ones of about eight rounds, in which the noise is three times as large."""
    wild = numpy.empty(rounds, dtype=bool)
    state = bool(draw.random() < 0.25)
    for index, chance in enumerate(draw.random(rounds).tolist()):
        state = (chance >= 1 / 8) if state else (chance < 1 / 24)
        wild[index] = state
    return steady(draw, rounds) ** numpy.where(wild, 3.0, 1.0)


SHAPES: Mapping[str, Shape] = {
    shape.__name__: shape for shape in (warming_up, throttling, interrupted, periodic, wandering, bursts)
}


def paired(draw: Generator, shape: Shape, *, change: float = 0.0, blocks: int = 10, rounds: int = 3) -> Comparison:
    """The verdict on a session of `blocks` pairs of `rounds`, ordered by the plan; the candidate is `change` slower."""
    board = iter(shape(draw, 2 * blocks * rounds).tolist())
    found: list[dict[Side | None, list[float]]] = [{} for _ in range(blocks)]
    for turn in pair_order(1, blocks, seed=int(draw.integers(2**32))):
        slower = 1 + change if turn.side is Side.CANDIDATE else 1.0
        found[turn.block][turn.side] = [slower * next(board) for _ in range(rounds)]
    return compare_pairs([(block[Side.BASE], block[Side.CANDIDATE]) for block in found])


def stopped(draw: Generator, *, spread: float, precision_ratio: float, lag1: float = 0.0) -> tuple[int, bool]:
    """How many rounds a measurement took that stopped itself, and whether its interval holds the true median, 1."""
    rule = Rule(precision_ratio=precision_ratio)
    board = steady(draw, rule.ceiling, spread=spread, lag1=lag1).tolist()
    for rounds in looks(rule):
        if stop([board[:rounds]], rule, rounds=rounds, elapsed_s=0.0):
            break
    found = summarise(board[:rounds])
    return rounds, (found.ci_low or 9) <= 1 <= (found.ci_high or 0)


def stepped(draw: Generator, *, runs: int, change: float) -> tuple[bool, int]:
    """Whether a step of `change` was found within two runs, and how many changes were found elsewhere.

    The step is anywhere but in the first and last tenth; every other series has one run that is 15 % astray.
    """
    at = int(draw.integers(max(runs // 10, 5), runs - max(runs // 10, 5)))
    series = steady(draw, runs) * numpy.where(numpy.arange(runs) >= at, 1 + change, 1.0)
    if draw.random() < 0.5:
        series[draw.integers(runs)] *= 1.15
    found = change_points(series.tolist())
    near = [one for one in found if abs(one - at) <= 2]
    return bool(near), len(found) - len(near[:1])
