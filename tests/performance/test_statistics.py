"""What ORAC's statistics promise, simulated at full size on boards that do not hold still. Seeds are fixed.

Nothing here needs a model or a server, and but for the last test nothing depends on the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import fmean, median

import pytest
from numpy import repeat
from numpy.random import default_rng

from orac_bench.stats.compare import compare_pairs, compare_samples
from orac_bench.stats.history import change_points
from orac_bench.stats.holm import judged_together
from orac_bench.stats.series import SURE_LAG1, likeness
from orac_bench.stats.stopping import half_width_ratio
from orac_bench.stats.summary import summarise
from orac_bench.verdicts import DECIDED, Verdict
from tests.simulation import LAG1, SHAPES, paired, steady, stepped, stopped

SEED = 20261122
SESSIONS = 2000
LENGTHS = (6, 7, 8, 9, 10, 12, 15, 17, 20, 23, 25, 30, 40, 50, 70, 100)
SPREADS = (0.005, 0.01, 0.02, 0.04)

Promise = Callable[..., None]


def share(times: int, trial: Callable[[], bool]) -> float:
    return sum(trial() for _ in range(times)) / times


@pytest.mark.parametrize("shape", SHAPES)
def test_verdicts_of_ten_blocks_of_three(shape: str, promise: Promise) -> None:
    def found(change: float, verdict: Verdict) -> float:
        draw = default_rng(SEED)
        return share(SESSIONS, lambda: paired(draw, SHAPES[shape], change=change).verdict is verdict)

    draw = default_rng(SEED)
    wrong = share(SESSIONS, lambda: paired(draw, SHAPES[shape]).verdict in DECIDED)
    slower, faster = found(0.05, Verdict.SLOWER), found(1 / 1.05 - 1, Verdict.FASTER)
    less = found(0.03, Verdict.SLOWER)
    same = found(0.0, Verdict.SAME)
    promise(f"{shape}: equal models called different", goal="5 %", measured=f"{wrong:.1%}", kept=wrong <= 0.05)
    low = min(slower, faster)
    promise(f"{shape}: 5 % slower or faster found", goal="90 %", measured=f"{low:.1%}", kept=low >= 0.9)
    promise(f"{shape}: 3 % slower found", goal="80 %", measured=f"{less:.1%}", kept=less >= 0.8)
    promise(f"{shape}: equal models proven the same", goal="told", measured=f"{same:.1%}", kept=True)


@pytest.mark.parametrize("shape", SHAPES)
def test_sixty_cases_judged_together(shape: str, promise: Promise) -> None:
    draw, families = default_rng(SEED), 100
    wrong = found = 0
    for _ in range(families):
        equal = [paired(draw, SHAPES[shape]) for _ in range(59)]
        changed = paired(draw, SHAPES[shape], change=0.1)
        *others, one = judged_together([*equal, changed])
        wrong += any(other.verdict in DECIDED for other in others)
        found += one.verdict is Verdict.SLOWER
    promise(
        f"{shape}: 59 equal cases of which any is called different (Holm)",
        goal="5 %",
        measured=f"{wrong / families:.0%}; the 60th, 10 % slower, found in {found / families:.0%}",
        kept=wrong / families <= 0.05,
    )


@pytest.mark.parametrize("shape", ["steady", *SHAPES])
def test_what_was_not_interleaved(shape: str, promise: Promise) -> None:
    """Two runs, each with its own beginning: on a board that does the same in both, and then never the same."""
    noise = steady if shape == "steady" else SHAPES[shape]
    draw = default_rng(SEED)

    def wrong() -> bool:
        return compare_samples(noise(draw, 20).tolist(), noise(draw, 20).tolist()).verdict in DECIDED

    def after() -> bool:
        board = noise(draw, 40).tolist()
        return compare_samples(board[:20], board[20:]).verdict in DECIDED

    found = share(SESSIONS, wrong)
    goal, kept = ("5 %", found <= 0.05) if shape == "steady" else ("labelled", True)
    measured = f"{found:.1%}; one run after the other without a pause {share(SESSIONS, after):.1%}"
    promise(f"{shape}: equal runs of 20 rounds called different, unpaired", goal=goal, measured=measured, kept=kept)


@pytest.mark.parametrize(("lag1", "goal"), [(0.0, 0.95), (0.3, 0.92)])
def test_the_interval_of_a_median(lag1: float, goal: float, promise: Promise) -> None:
    """Where neighbours are alike, an interval that says so counts as held: at 6 rounds it can be no wider."""
    held, told = {}, {}
    for rounds in LENGTHS:
        draw = default_rng(SEED + rounds)
        hits = notes = 0
        for _ in range(4000):
            found = summarise(steady(draw, rounds, lag1=lag1).tolist())
            within = (found.ci_low or 9) <= 1 <= (found.ci_high or 0)
            hits += within
            notes += within or (lag1 > 0 and likeness(found.n, found.lag1, limit=SURE_LAG1) > 0)
        held[rounds], told[rounds] = hits / 4000, notes / 4000
    least = min(LENGTHS, key=lambda rounds: told[rounds])
    alone = min(LENGTHS, key=lambda rounds: held[rounds])
    measured = f"{told[least]:.1%} at {least} rounds"
    if lag1:
        measured += f" (without notes {held[alone]:.1%} at {alone}; else {min(sorted(held.values())[1:]):.1%} or more)"
    what = f"a median's 95 % interval, 6 to 100 rounds, neighbours alike by {lag1:g}"
    promise(what, goal=f"{goal:.0%}", measured=measured, kept=told[least] >= goal)


def test_the_interval_of_a_result_in_blocks(promise: Promise) -> None:
    draw, blocks = default_rng(SEED), [block for block in range(10) for _ in range(3)]

    def held(by_block: bool) -> bool:
        levels = repeat(1 + draw.normal(0, 0.02, 10), 3)
        found = summarise((levels * steady(draw, 30)).tolist(), blocks if by_block else None)
        return (found.ci_low or 9) <= 1 <= (found.ci_high or 0)

    right, wrong = share(SESSIONS, lambda: held(True)), share(SESSIONS, lambda: held(False))
    measured = f"{right:.1%}; of the 30 rounds as one series {wrong:.1%}"
    promise("a median's interval, 10 blocks of 3 at levels of 2 %", goal="95 %", measured=measured, kept=right >= 0.95)


@pytest.mark.parametrize("precision_ratio", [0.01, 0.02])
def test_a_measurement_that_stops_itself(precision_ratio: float, promise: Promise) -> None:
    taken, held = {}, {}
    for spread in SPREADS:
        draw = default_rng(SEED)
        found = [stopped(draw, spread=spread, precision_ratio=precision_ratio) for _ in range(SESSIONS)]
        taken[spread] = fmean(rounds for rounds, _ in found)
        held[spread] = fmean(within for _, within in found)
    least = min(held, key=lambda spread: held[spread])
    what = f"stopping at {precision_ratio:.0%}"
    promise(
        f"{what}: the interval holds the median, 0.5 to 4 % noise",
        goal="94 %",
        measured=f"{held[least]:.1%} at {least:.1%} noise",
        kept=held[least] >= 0.94,
    )
    fixed = needed(SPREADS[-1], precision_ratio)
    saved = 1 - fmean(taken.values()) / fixed
    rounds = ", ".join(f"{count:.0f}" for count in taken.values())
    promise(
        f"{what}: rounds saved against the {fixed} that 4 % noise needs, nine times in ten",
        goal="50 %",
        measured=f"{saved:.0%} ({rounds} rounds)",
        kept=saved >= 0.5,
    )


def needed(spread: float, precision_ratio: float) -> int:
    """The fixed number of rounds with which nine in ten measurements are known to `precision_ratio`.

    One that stops itself always is, up to its ceiling.
    """
    for rounds in range(10, 400, 2):
        draw = default_rng(SEED)
        found = [summarise(steady(draw, rounds, spread=spread, lag1=0.0).tolist()) for _ in range(100)]
        widths = [half_width_ratio(one) or 9 for one in found]
        if fmean(width <= precision_ratio for width in widths) >= 0.9:
            return rounds
    raise AssertionError("400 rounds were not enough")


def test_changes_of_level(promise: Promise) -> None:
    draw, series = default_rng(SEED), 1000
    found = [stepped(draw, runs=60, change=0.05) for _ in range(series)]
    hit, beside = fmean(near for near, _ in found), fmean(extra for _, extra in found)
    measured = f"{hit:.1%}, {beside:.2f} a series beside it"
    promise("a 5 % step in 60 runs found within 2 runs", goal="90 %", measured=measured, kept=hit >= 0.9)
    for lag1 in (0.0, 0.3, 0.5):
        false = fmean(len(change_points(steady(draw, 200, lag1=lag1).tolist())) for _ in range(500))
        what = f"changes found in 200 quiet runs, neighbours alike by {lag1:g}"
        goal, kept = ("0.2", false <= 0.2) if lag1 <= LAG1 else ("told", True)
        promise(what, goal=goal, measured=f"{false:.3f} a series", kept=kept)


def test_how_long_it_takes(promise: Promise) -> None:
    draw = default_rng(SEED)
    cases = [(steady(draw, 20).tolist(), steady(draw, 20).tolist()) for _ in range(60)]
    blocks = [[([before], [after]) for before, after in zip(*case, strict=True)] for case in cases]
    long = steady(draw, 1000)
    long[300:] *= 1.05
    long[700:] *= 1.05
    runs = long.tolist()
    for what, goal_ms, work in (
        ("60 cases of 20 rounds compared, unpaired", 50, lambda: [compare_samples(*case) for case in cases]),
        ("60 cases of 20 pairs compared", 50, lambda: [compare_pairs(case) for case in blocks]),
        ("20 rounds of 25 metrics summarised", 25, lambda: [summarise(one) for one, _ in cases[:25]]),
        ("changes of level in 1,000 runs", 100, lambda: change_points(runs)),
    ):
        took_ms = median(timed_ms(work) for _ in range(7))
        promise(what, goal=f"{goal_ms} ms", measured=f"{took_ms:.1f} ms", kept=took_ms <= goal_ms)


def timed_ms(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3
