"""Where the level of a series changed: known steps, stray results, quiet series and bad values."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from orac_bench.stats.history import change_points


def noisy(levels: list[tuple[int, float]]) -> list[float]:
    """So many results at each level, each up to 1 % off in a pattern that repeats after seven."""
    off = (0.0, 0.01, -0.007, 0.004, -0.01, 0.006, -0.003)
    flat = [level for count, level in levels for _ in range(count)]
    return [level * (1 + off[index % 7]) for index, level in enumerate(flat)]


def test_a_step_of_five_percent_is_found_where_it_is() -> None:
    assert change_points(noisy([(20, 1.0), (20, 1.05)])) == (20,)
    assert change_points(noisy([(20, 50.0), (20, 47.5)])) == (20,)


def test_a_level_between_two_others_has_a_beginning_and_an_end() -> None:
    assert change_points(noisy([(20, 1.0), (8, 1.2), (30, 1.0)])) == (20, 28)


def test_a_clock_without_noise_changes_where_it_changes() -> None:
    assert change_points([2.0] * 5 + [2.1] * 5) == (5,)
    assert change_points([2.0] * 30) == ()


def test_a_step_below_two_percent_is_none_however_sure() -> None:
    assert change_points([1.0] * 50 + [1.019] * 50) == ()
    assert change_points([1.0] * 50 + [1.021] * 50) == (50,)


def test_a_step_is_found_where_it_explains_more_than_its_penalty() -> None:
    def step(away: float) -> list[float]:
        """Ten results and ten that are 2.2 % higher, each `away` above or below its level in turn."""
        return [(1 + away * (-1) ** index) * (1.0 if index < 10 else 1.022) for index in range(20)]

    # the step explains 10 x 10 / 20 x (log 1.022)^2 = 0.00237. Steps of 2 x away are a noise of 1.4826 / sqrt(2) of
    # that, and its square times 6 x log(20) is 0.00160 for 0.0045 and 0.00257 for 0.0057
    assert change_points(step(0.0045)) == (10,)
    assert change_points(step(0.0057)) == ()


def test_a_small_step_beside_a_large_one_falls_and_the_large_one_stays() -> None:
    assert change_points([1.0] * 50 + [1.05] * 50 + [1.065] * 50) == (50,)


def test_a_stray_result_is_no_level() -> None:
    quiet = noisy([(40, 1.0)])
    for at in (0, 1, 20, 38, 39):
        assert change_points([1.15 * one if index == at else one for index, one in enumerate(quiet)]) == ()


def test_a_stray_result_hides_no_step() -> None:
    stepped = noisy([(30, 1.0), (30, 1.05)])
    for at in (3, 27, 33, 57):
        assert change_points([1.15 * one if index == at else one for index, one in enumerate(stepped)]) == (30,)


def test_four_results_are_no_level_yet_and_five_are() -> None:
    assert change_points(noisy([(30, 1.0), (4, 1.3)])) == ()
    assert change_points(noisy([(30, 1.0), (5, 1.3)])) == (30,)


def test_a_slow_rise_is_divided_into_levels_that_differ() -> None:
    rise = noisy([(10, 1.0 + 0.01 * step) for step in range(10)])
    found = change_points(rise)
    assert 1 <= len(found) <= 4


def test_what_explains_itself_but_is_not_sure_falls() -> None:
    # from the 6th on four of seven are lower, and the others equal: the least squares see a level, the ranks do not
    assert change_points([1.0, 1.0, 1.0, 1.0, 1.0, 0.97, 0.97, 1.0, 0.97, 0.97, 1.0, 1.0]) == ()


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0] * 4 + [9.0]])
def test_below_ten_results_there_is_no_level_to_change(values: list[float]) -> None:
    assert change_points(values) == ()


@pytest.mark.parametrize("odd", [0.0, -1.0])
def test_what_has_no_ratio_has_no_levels(odd: float) -> None:
    assert change_points([1.0] * 10 + [odd] + [2.0] * 10) == ()


@pytest.mark.parametrize("odd", [math.nan, math.inf])
def test_a_value_that_is_none_is_refused(odd: float) -> None:
    with pytest.raises(ValueError, match="is no measured value"):
        change_points([1.0] * 10 + [odd])


@settings(deadline=None)  # no test asserts a speed
@given(some.lists(some.floats(0.9, 1.2).map(lambda value: round(value, 3)), min_size=10, max_size=40))
def test_neither_the_unit_nor_its_reciprocal_moves_a_change(values: list[float]) -> None:
    found = change_points(values)
    assert change_points([1000 * value for value in values]) == found
    assert change_points([1 / value for value in values]) == found
    assert all(later - earlier >= 5 for earlier, later in zip((0, *found), (*found, len(values)), strict=True))


def test_numpy_is_loaded_only_where_a_series_is_looked_at() -> None:
    modules = "compare, history, holm, plan, ranks, series, stopping, summary"
    text = f"from orac_bench.stats import {modules}; import sys; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
