"""The statistics on boards that do not hold still, at a small size; full size is in tests/performance.

Seeds are fixed, so nothing here flakes; the limits leave room besides: with any other seed each would be missed less
than once in 10,000, by the rates that the full size finds.
"""

from __future__ import annotations

import numpy
import pytest
from numpy.random import default_rng

from orac_bench.stats.compare import compare_samples
from orac_bench.stats.history import change_points
from orac_bench.stats.summary import summarise
from orac_bench.verdicts import DECIDED, Verdict
from tests.simulation import SHAPES, paired, steady, stepped, stopped

SEED = 20261122


@pytest.mark.parametrize("shape", SHAPES)
def test_equal_models_are_not_called_different(shape: str) -> None:
    draw = default_rng(SEED)
    wrong = sum(paired(draw, SHAPES[shape]).verdict in DECIDED for _ in range(60))
    assert wrong <= 5  # at 1 % a session more than 5 of 60 is 1 in 30,000


@pytest.mark.parametrize("shape", SHAPES)
def test_a_change_of_five_percent_is_found(shape: str) -> None:
    draw = default_rng(SEED)
    found = sum(paired(draw, SHAPES[shape], change=0.05).verdict is Verdict.SLOWER for _ in range(60))
    assert found >= 46  # at 94 % a session fewer than 46 of 60 is 1 in 200,000


def test_measured_one_after_the_other_a_warming_board_is_not_told_from_a_slower_model() -> None:
    draw = default_rng(SEED)
    wrong = 0
    for _ in range(60):
        board = SHAPES["warming_up"](draw, 60).tolist()
        wrong += compare_samples(board[:30], board[30:]).verdict is Verdict.SLOWER
    alone = wrong / 60
    interleaved = sum(paired(draw, SHAPES["warming_up"]).verdict in DECIDED for _ in range(60)) / 60
    assert interleaved <= 0.05 < alone  # which is why pairs are interleaved, and the other is labelled


@pytest.mark.parametrize(("rounds", "lag1", "fewest"), [(10, 0.0, 0.93), (17, 0.0, 0.90), (17, 0.3, 0.87)])
def test_the_interval_of_a_median_holds_it(rounds: int, lag1: float, fewest: float) -> None:
    draw = default_rng(SEED)
    held = 0
    for _ in range(400):
        found = summarise(steady(draw, rounds, lag1=lag1).tolist())
        held += (found.ci_low or 9) <= 1 <= (found.ci_high or 0)
    assert held / 400 >= fewest  # 98, 96 and 94 %: more than 4 standard errors below


def test_the_interval_of_a_measurement_that_stopped_itself_holds_the_median() -> None:
    draw = default_rng(SEED)
    held = sum(stopped(draw, spread=0.02, precision_ratio=0.01)[1] for _ in range(200))
    assert held / 200 >= 0.88  # 95 %: more than 4 standard errors below


def test_a_step_in_sixty_runs_is_found_within_two_and_quiet_runs_have_none() -> None:
    draw = default_rng(SEED)
    found = sum(stepped(draw, runs=60, change=0.05)[0] for _ in range(60))
    false = sum(len(change_points(steady(draw, 200).tolist())) for _ in range(30))
    assert found >= 50  # at 98 % fewer than 50 of 60 is 1 in a million
    assert false <= 3  # at 0.01 a series more than 3 in 30 is 1 in 3,000 series


def test_the_noise_is_what_it_says() -> None:
    series = numpy.log(steady(default_rng(SEED), 20_000))
    assert series.std() == pytest.approx(0.015, rel=0.03)
    assert numpy.corrcoef(series[1:], series[:-1])[0, 1] == pytest.approx(0.3, abs=0.03)
