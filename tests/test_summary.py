"""What a result's numbers mean: median, interval, quartiles and tails, against scipy and by hand."""

from __future__ import annotations

import math
import random

import numpy
import pytest
from scipy import stats

from orac_bench.records import Summary
from orac_bench.stats.summary import METHOD_VERSION, TAIL_FLOORS, notes, summarise
from orac_bench.verdicts import Note


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
        drift_ratio=pytest.approx(9 * 6 / 7 / 5.5),  # the middle of 45 slopes is 6 in 7 rounds; there are 9 steps
        lag1=pytest.approx(-0.02956, abs=1e-5),  # around 6 / 7 a round neighbours are not alike
    )


def test_one_round_is_its_own_median_and_has_no_interval() -> None:
    assert summarise([0.25]) == Summary(n=1, median=0.25, minimum=0.25, maximum=0.25, q25=0.25, q75=0.25)


def test_five_rounds_have_no_interval_and_six_have_their_range() -> None:
    five, six = summarise([1.0, 2.0, 3.0, 4.0, 5.0]), summarise([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    assert (five.ci_low, five.ci_high) == (None, None)  # even min to max holds only 1 - 2 / 2^5 = 93.75 %
    assert (five.drift_ratio, six.drift_ratio) == (None, pytest.approx(5 / 3.5))
    assert (summarise([1.0, 2.0]).median, summarise([1.0, 2.0]).q25) == (1.5, 1.25)
    assert (six.ci_low, six.ci_high) == (1.0, 6.0)  # 1 - 2 / 2^6 = 96.9 %


def test_the_interval_is_that_of_scipy_for_every_number_of_independent_rounds() -> None:
    draw = random.Random(20261122)
    for n in [*range(1, 80), 100, 367, 368, 1000, 1024, 3000]:  # 2^1024 is no float any more
        values = [draw.lognormvariate(0, 0.3) for _ in range(n)]
        while (summarise(values).lag1 or 0) > 0:
            draw.shuffle(values)
        truth = stats.quantile_test(values, q=numpy.median(values), p=0.5).confidence_interval(0.95)
        ours = summarise(values)
        assert [ours.ci_low, ours.ci_high] == [None if math.isnan(end) else end for end in (truth.low, truth.high)], n


def test_the_interval_takes_in_more_where_neighbours_are_alike() -> None:
    waves = [0.0, 0.1, 0.4, 0.7, 0.9, 1.0, 0.9, 0.7, 0.4, 0.1]
    ours = summarise([10 + value for value in waves + waves])
    # C(20, 0..5) = 21,700 of 2^20 is 2.07 %: k = 6. Alike by 0.72 + 2 / 20, at most 0.8, 20 rounds tell as
    # much as 20 x 0.2 / 1.8 = 2.2: no two of them hold 95 %, and it is the whole range
    assert ours.lag1 == pytest.approx(0.7175, abs=1e-4)
    assert (ours.ci_low, ours.ci_high) == (10.0, 11.0)
    assert notes(ours) == (Note.AUTOCORRELATED,)
    apart = summarise([10 + value for value in (waves + waves)[::7] * 7][:20])
    assert notes(apart) == ()


def test_likeness_that_chance_may_have_made_widens_and_is_not_told() -> None:
    ours = summarise([1.3, 1.2, 1.3, 1.3, 1.3, 1.4, 1.3, 1.2, 1.0, 1.3])
    # lag-1 0.119 where -2 / 10 is to be expected: 1.01 standard errors of 1 / sqrt(10); 0.7 widen, 1.645 are told
    assert ours.lag1 == pytest.approx(0.119, abs=1e-3)
    assert (ours.ci_low, ours.ci_high) == (1.0, 1.4)  # not 1.2 to 1.3, the 2nd from below and above
    assert notes(ours) == ()


def test_rounds_that_drift_are_told_and_their_interval_is_plain() -> None:
    ours = summarise([1.00, 1.01, 1.02, 1.03, 1.04, 1.05, 1.06, 1.07, 1.08, 1.09])
    assert ours.drift_ratio == pytest.approx(0.09 / 1.045)
    assert (ours.ci_low, ours.ci_high) == (1.01, 1.08)
    assert notes(ours) == (Note.DRIFT,)


def test_a_trend_of_more_than_three_percent_is_told() -> None:
    ours = summarise([1.0 + 0.005 * index for index in range(10)])
    assert ours.drift_ratio == pytest.approx(0.045 / 1.0225)  # 4.4 %
    assert notes(ours) == (Note.DRIFT,)


def test_a_trend_of_less_than_three_percent_or_within_the_noise_is_no_drift() -> None:
    small = summarise([1.00, 1.002, 1.004, 1.006, 1.008, 1.010, 1.012, 1.014, 1.016, 1.018])
    assert small.drift_ratio == pytest.approx(0.018 / 1.009)
    noisy = summarise([1.0, 1.2, 0.9, 1.1, 1.0, 1.2, 0.9, 1.1, 1.1, 1.2])
    assert noisy.drift_ratio is not None
    assert noisy.drift_ratio > 0.03
    assert Note.DRIFT not in (*notes(small), *notes(noisy))


def test_below_six_rounds_nothing_is_said_about_their_order() -> None:
    five = summarise([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (five.drift_ratio, five.lag1, notes(five)) == (None, None, (Note.TOO_FEW,))


def test_a_trend_around_zero_has_no_ratio() -> None:
    assert summarise([-2.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0]).drift_ratio is None


def test_long_series_are_folded_before_their_trend_is_taken() -> None:
    ours = summarise([1000.0 + index for index in range(601)])
    assert ours.drift_ratio == pytest.approx(600 / 1300)


def test_rounds_of_a_block_count_as_one() -> None:
    blocks = [level + rest for level in (3.0, 1.0, 2.0, 6.0, 4.0, 5.0) for rest in (-0.1, 0.0, 0.2)]
    ours = summarise(blocks, [number for number in range(6) for _ in range(3)])
    # 18 rounds alone would have the 5th from below and above; six medians 1 to 6 have their range
    assert (ours.n, ours.ci_low, ours.ci_high) == (18, 1.0, 6.0)
    assert ours.median == pytest.approx(3.55)  # halfway from 3.2 to 3.9
    assert summarise(blocks[:15], [number for number in range(5) for _ in range(3)]).ci_low is None


def test_the_interval_of_blocks_holds_the_median_of_all_rounds() -> None:
    ours = summarise([1.0] * 6 + [2.0] * 30, [0, 1, 2, 3, 4, 5, *[6] * 30])
    assert (ours.ci_low, ours.median, ours.ci_high) == (1.0, 2.0, 2.0)


def test_a_round_of_no_block_counts_as_a_block() -> None:
    values = [3.0, 1.0, 2.0, 5.0, 4.0, 6.0, 10.0, 8.0, 7.0, 9.0]
    assert summarise(values, [None] * 10) == summarise(values)


def test_blocks_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="3 values have 2 blocks"):
        summarise([1.0, 2.0, 3.0], [0, 1])


def test_strange_rounds_stay() -> None:
    ours = summarise([1.0, 1.01, 0.99, 1.02, 0.98, 1.0, 1.09, 0.94, 9.0])
    assert (ours.n, ours.median, ours.maximum) == (9, 1.0, 9.0)


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


@pytest.mark.parametrize(
    ("drift", "told"),
    [(0.20, False), (0.205, True), (-0.205, True)],
)
def test_a_trend_is_told_from_where_chance_does_not_make_it(drift: float, told: bool) -> None:
    # of 20 rounds whose quartiles lie 0.1349 apart, a spread of 10 %: what the trend leaves of it is
    # sqrt(0.01 - 0.2^2 / 12) = 8.16 %, and chance reaches 2.6 x (1 + 5 / 20) x 8.16 % x sqrt(12 / 20) = 20.5 %;
    # at 0.205 it is 8.06 % and 20.3 %
    assert notes(spread_by(drift, quartiles=0.1349)) == ((Note.DRIFT,) if told else ())


def test_a_trend_of_three_percent_is_none_and_one_above_is_however_small_the_spread() -> None:
    assert notes(spread_by(0.03, quartiles=0.0)) == ()
    assert notes(spread_by(0.0301, quartiles=0.0)) == (Note.DRIFT,)


def spread_by(drift: float, *, quartiles: float) -> Summary:
    """Of 20 rounds around 1 whose neighbours are not alike."""
    low, high = 1 - quartiles / 2, 1 + quartiles / 2
    return Summary(
        n=20,
        median=1.0,
        minimum=0.5,
        maximum=1.5,
        ci_low=0.9,
        ci_high=1.1,
        q25=low,
        q75=high,
        drift_ratio=drift,
        lag1=-0.1,
    )


def test_the_version_of_the_method_is_another_where_these_figures_are() -> None:
    rounds = [1.3, 1.2, 1.3, 1.3, 1.3, 1.4, 1.3, 1.2, 1.0, 1.3, 1.5, 1.1]
    found = summarise(rounds)
    figures = (found.median, found.ci_low, found.ci_high, found.q25, found.q75, found.drift_ratio)
    assert (METHOD_VERSION, *figures) == (2, 1.3, 1.2, 1.3, 1.2, 1.3, 0.0)


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
