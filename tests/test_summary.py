"""What a result's numbers mean: median, interval, quartiles and tails, against scipy and by hand."""

from __future__ import annotations

import math
import random

import numpy
import pytest
from scipy import stats

from orac_bench.records import Summary
from orac_bench.stats.summary import TAIL_FLOORS, summarise


def test_ten_rounds_give_the_median_the_interval_and_the_quartiles() -> None:
    assert summarise([3.0, 1.0, 2.0, 5.0, 4.0, 6.0, 10.0, 8.0, 7.0, 9.0]) == Summary(
        n=10,
        median=5.5,  # halfway from the 5th to the 6th
        minimum=1.0,
        maximum=10.0,
        ci_low=2.0,  # C(10,0) + C(10,1) = 11 of 1024 is below 2.5 %, with C(10,2) = 56 of 1024 it is above: k = 2
        ci_high=9.0,
        q25=3.25,  # position 9 * 0.25 = 2.25: 3 + 0.25 * (4 - 3)
        q75=7.75,
    )


def test_one_round_is_its_own_median_and_has_no_interval() -> None:
    assert summarise([0.25]) == Summary(n=1, median=0.25, minimum=0.25, maximum=0.25, q25=0.25, q75=0.25)


def test_five_rounds_have_no_interval_and_six_have_their_range() -> None:
    five, six = summarise([1.0, 2.0, 3.0, 4.0, 5.0]), summarise([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert (five.ci_low, five.ci_high) == (None, None)  # even min to max holds only 1 - 2 / 2^5 = 93.75 %
    assert (six.ci_low, six.ci_high) == (1.0, 6.0)  # 1 - 2 / 2^6 = 96.9 %


def test_the_interval_is_that_of_scipy_for_every_number_of_rounds() -> None:
    draw = random.Random(20261122)
    for n in [*range(1, 80), 100, 367, 368, 1000]:
        values = [draw.lognormvariate(0, 0.3) for _ in range(n)]
        truth = stats.quantile_test(values, q=numpy.median(values), p=0.5).confidence_interval(0.95)
        ours = summarise(values)
        assert [ours.ci_low, ours.ci_high] == [None if math.isnan(end) else end for end in (truth.low, truth.high)], n


def test_quartiles_and_tails_are_those_of_numpy() -> None:
    draw = random.Random(7)
    values = [draw.gauss(100, 5) for _ in range(400)]
    ours = summarise(values)
    assert [ours.q25, ours.median, ours.q75, ours.p90, ours.p95, ours.p99] == pytest.approx(
        numpy.percentile(values, [25, 50, 75, 90, 95, 99]).tolist(), rel=1e-12
    )


@pytest.mark.parametrize(("tail", "floor"), [("p90", 36), ("p95", 72), ("p99", 368)])
def test_a_tail_percentile_is_given_from_its_floor_on_and_not_before(tail: str, floor: int) -> None:
    assert getattr(summarise([1.0] * (floor - 1)), tail) is None
    assert getattr(summarise([1.0] * floor), tail) == 1.0


@pytest.mark.parametrize(("share", "floor"), TAIL_FLOORS)
def test_a_floor_is_the_fewest_rounds_whose_interval_scipy_can_bound(share: float, floor: int) -> None:
    def bounded(n: int) -> bool:
        interval = stats.quantile_test(range(n), q=n / 2, p=share).confidence_interval(0.95)
        return not (math.isnan(interval.low) or math.isnan(interval.high))

    assert (bounded(floor - 1), bounded(floor)) == (False, True)


def test_no_rounds_have_no_summary() -> None:
    with pytest.raises(ValueError) as refusal:
        summarise([])
    assert str(refusal.value) == (
        "There is nothing to summarise: no value was given. A metric without values has no summary."
    )


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_none_is_refused(odd: float) -> None:
    with pytest.raises(ValueError, match="is no measured value"):
        summarise([1.0, odd, 2.0])


def test_equal_rounds_have_an_interval_of_no_width() -> None:
    same = summarise([0.2] * 10)
    assert (same.median, same.ci_low, same.ci_high, same.q25, same.q75) == (0.2, 0.2, 0.2, 0.2, 0.2)
