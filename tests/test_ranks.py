"""The exact distributions of the rank statistics, and the intervals of them: by hand, and against scipy."""

from __future__ import annotations

import math
import random
from itertools import combinations_with_replacement
from statistics import NormalDist

import pytest
from scipy import stats

from orac_bench.stats.ranks import (
    EXACT_RANK_SUM,
    EXACT_SIGNED_RANK,
    Shift,
    _rank_sum_tails,
    _signed_rank_tails,
    rank_sum_shift,
    rank_sum_tail,
    signed_rank_shift,
    signed_rank_tail,
    t_tails,
)


def test_three_differences_have_eight_signs() -> None:
    # the ranks 1, 2, 3 with signs add up to 0, 1, 2, 3, 3, 4, 5 or 6
    assert [signed_rank_tail(3, k) for k in range(7)] == [1 / 8, 2 / 8, 3 / 8, 5 / 8, 6 / 8, 7 / 8, 1]


def test_two_and_two_values_have_six_orders() -> None:
    # U is 0, 1, 2, 2, 3 or 4
    assert [rank_sum_tail(2, 2, k) for k in range(5)] == [1 / 6, 2 / 6, 4 / 6, 5 / 6, 1]


def test_the_shift_of_six_differences_is_the_median_of_their_averages_and_has_their_range() -> None:
    found = signed_rank_shift([-1.0, 2.0, 4.0, 8.0, 16.0, 32.0])
    # -1, 0.5, 1.5, 2, 3, 3.5, 4, 5, 6, 7.5, then 8 as the 11th of 21. W = 0 is 1 of 64 on each side: 3.1 %.
    # One average is not above 0, so W = 1, and W <= 1 is 2 of 64 on each side.
    assert found == Shift(point=8.0, interval=(-1.0, 32.0), p=4 / 64)


def test_five_differences_have_no_interval() -> None:
    assert signed_rank_shift([1.0, 2.0, 3.0, 4.0, 5.0]) == Shift(point=3.0, interval=None, p=2 / 32)


def test_four_values_a_side_have_the_range_of_their_differences() -> None:
    found = rank_sum_shift([0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0])
    assert found == Shift(point=2.5, interval=(1.0, 4.0), p=2 / 70)  # C(8, 4) = 70 orders
    assert rank_sum_shift([0.0] * 3, [1.0, 2.0, 3.0]).interval is None  # 2 of 20 orders: 10 %


def test_a_shift_beyond_something_is_as_sure_as_what_lies_beyond_it() -> None:
    base, candidate = [0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0]
    # of 16 differences 0 and 4 are not beyond: U <= 0 in 1 of 70 orders, U <= 4 in 1+1+2+3+5 = 12
    assert [rank_sum_shift(base, candidate, beyond=beyond).p for beyond in (0.5, 1.0)] == pytest.approx(
        [2 / 70, 24 / 70]
    )
    assert rank_sum_shift(candidate, base, beyond=1.0).p == pytest.approx(24 / 70)
    assert rank_sum_shift(base, candidate, beyond=4.0).p == 1.0


def test_ties_count_against_a_shift() -> None:
    tied = signed_rank_shift([0.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    assert tied == Shift(point=1.0, interval=(0.0, 1.0), p=4 / 64)  # one average is 0: W = 1


@pytest.mark.parametrize("n", [1, 2, 5, 6, 9, 10, 25, EXACT_SIGNED_RANK])
def test_p_of_the_signed_rank_is_that_of_scipy(n: int) -> None:
    draw = random.Random(n)
    differences = [-0.1, *(draw.gauss(0.2, 1) for _ in range(n - 1))]
    truth = stats.wilcoxon(differences, method="exact").pvalue
    assert signed_rank_shift(differences).p == pytest.approx(truth, rel=1e-9)


@pytest.mark.parametrize(("m", "n"), [(1, 1), (4, 4), (5, 9), (9, 5), (20, 20), (30, 30)])
def test_p_of_the_rank_sum_is_that_of_scipy(m: int, n: int) -> None:
    draw = random.Random(m)
    base, candidate = [draw.gauss(0, 1) for _ in range(m)], [draw.gauss(0.3, 1) for _ in range(n)]
    truth = stats.mannwhitneyu(base, candidate, method="exact").pvalue
    assert rank_sum_shift(base, candidate).p == pytest.approx(truth, rel=1e-9)


@pytest.mark.parametrize("n", [2, 3, 10, 11, 40])
def test_both_tails_of_t_are_those_of_scipy(n: int) -> None:
    draw = random.Random(n)
    differences = [draw.gauss(0.5, 1) for _ in range(n)]
    assert t_tails(differences) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, rel=1e-9)


def test_equal_differences_are_as_sure_as_can_be_or_not_at_all() -> None:
    assert (t_tails([0.5, 0.5]), t_tails([0.0, 0.0])) == (1e-12, 1.0)


def test_where_all_differences_agree_their_sizes_say_how_sure() -> None:
    differences = [1.0, 1.1, 0.9, 1.05, 0.95, 1.0, 1.1, 0.9, 1.0, 1.0]
    assert signed_rank_tail(10, 0) * 2 == 1 / 512  # by rank alone
    assert signed_rank_shift(differences).p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, rel=1e-6)
    wide = [0.1, 30.0, 0.2, 20.0, 0.3, 0.1, 0.2, 0.1, 0.3, 0.2]
    assert signed_rank_shift(wide).p == 1 / 512  # here t says less than the ranks


def test_beyond_the_exact_tables_the_normal_distribution_is_as_good() -> None:
    draw = random.Random(2)
    differences = [draw.gauss(0.25, 1) for _ in range(EXACT_SIGNED_RANK + 1)]
    truth = stats.wilcoxon(differences, method="exact").pvalue
    assert signed_rank_shift(differences).p == pytest.approx(truth, rel=0.05)
    side = math.isqrt(EXACT_RANK_SUM) + 1  # far out, at p = 1e-4, it says less: 2.7e-4
    draw = random.Random(4)
    base, candidate = [draw.gauss(0, 1) for _ in range(side)], [draw.gauss(0.2, 1) for _ in range(side)]
    truth = stats.mannwhitneyu(base, candidate, method="exact").pvalue
    assert rank_sum_shift(base, candidate).p == pytest.approx(truth, rel=0.05)


@pytest.mark.parametrize("k", [600, 800, 945, 1100])
def test_beyond_what_is_counted_out_the_normal_distribution_of_w_is_right_to_two_thousandths(k: int) -> None:
    assert signed_rank_tail(61, k) == pytest.approx(_signed_rank_tails(61)[k], abs=2e-3)  # its middle is 61 x 62 / 4


@pytest.mark.parametrize("k", [330, 400, 480, 560])
def test_beyond_what_is_counted_out_the_normal_distribution_of_u_is_right_to_two_thousandths(k: int) -> None:
    assert rank_sum_tail(31, 31, k) == pytest.approx(_rank_sum_tails(31, 31)[k], abs=2e-3)  # its middle is 31 x 31 / 2


def test_beyond_what_is_counted_out_the_tails_are_those_of_the_normal_distribution() -> None:
    # W of 61: mean 61 · 62 / 4, variance 61 · 62 · 123 / 24; U of 17 and 53: mean 17 · 53 / 2, variance 901 · 71 / 12
    assert signed_rank_tail(61, 800) == pytest.approx(NormalDist(945.5, math.sqrt(19382.75)).cdf(800.5), rel=1e-9)
    assert rank_sum_tail(17, 53, 380) == pytest.approx(NormalDist(450.5, math.sqrt(63971 / 12)).cdf(380.5), rel=1e-9)


def test_the_interval_leaves_out_as_many_pairs_as_the_tail_allows() -> None:
    differences = [number**1.5 for number in range(60)]
    averages = sorted((one + other) / 2 for one, other in combinations_with_replacement(differences, 2))
    outside = sum(signed_rank_tail(60, k) <= 0.025 for k in range(len(averages)))
    assert signed_rank_shift(differences).interval == (averages[outside - 1], averages[-outside])
    assert outside > len(averages) / 3
    assert signed_rank_shift([1.0, 2.0], alpha=1.0).interval == (1.5, 1.5)  # no sureness asked for: the estimate


def test_a_difference_of_nothing_lies_on_neither_side_and_leaves_p_to_the_ranks() -> None:
    differences = [-5.0, -5.1, -4.9, -5.2, -4.8, -5.3, -4.7, -5.4, -4.6, 0.0]
    found = signed_rank_shift(differences)
    assert found.p == 2 * signed_rank_tail(10, 1)  # only nothing with itself lies against it
    assert t_tails(differences) < found.p
