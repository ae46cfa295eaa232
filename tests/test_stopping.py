"""When a measurement ends: precise enough, at the ceiling, or out of time; and how rarely precision is looked at."""

from __future__ import annotations

import pytest

from orac_bench.records import Summary
from orac_bench.stats.stopping import Rule, Stop, half_width_ratio, looks, stop

NARROW = [1.0, 1.01, 0.99, 1.0, 1.01, 0.99, 1.0, 1.01, 0.99, 1.0, 1.0, 1.0, 1.0]
"""Of the first ten and eleven rounds, the 2nd from below and above are 0.99 and 1.01: known to 1 %."""
WIDE = [1.0, 1.2, 0.8, 1.0, 1.2, 0.8, 1.0, 1.2, 0.8, 1.0, 1.2, 0.8, 1.0]


def why(*headlines: list[float], rule: Rule, rounds: int | None = None, elapsed_s: float = 0.0) -> Stop | None:
    known = rounds if rounds is not None else max(map(len, headlines))
    return stop(headlines, rule, rounds=known, elapsed_s=elapsed_s)


def test_precision_is_looked_at_at_the_floor_and_then_at_each_tenth_more() -> None:
    assert looks(Rule(precision_ratio=0.01, ceiling=25)) == (10, 11, 13, 15, 17, 19, 21, 24, 25)
    assert looks(Rule(precision_ratio=0.01, floor=3, ceiling=3)) == (3,)


def test_rounds_go_on_until_the_interval_was_narrow_at_two_looks() -> None:
    rule = Rule(precision_ratio=0.011)
    assert [why(NARROW[:n], rule=rule) for n in (1, 9, 10, 11)] == [None, None, None, Stop.PRECISE]


def test_exactly_as_precise_as_was_asked_is_enough() -> None:
    quarters = [1.0, 1.25, 0.75, 1.0, 1.25, 0.75, 1.0, 1.25, 0.75, 1.0, 1.0]
    assert why(quarters, rule=Rule(precision_ratio=0.25)) is Stop.PRECISE  # (1.25 - 0.75) / 2
    assert why(quarters, rule=Rule(precision_ratio=0.2499)) is None


def test_where_only_one_look_is_allowed_it_decides() -> None:
    rule = Rule(precision_ratio=0.011, floor=12, ceiling=12)
    assert [why(NARROW[:n], rule=rule) for n in (11, 12)] == [None, Stop.PRECISE]
    assert why(WIDE[:12], rule=rule) is Stop.CEILING


def test_between_two_looks_nothing_is_looked_at() -> None:
    rule = Rule(precision_ratio=0.01)
    calmer = [1.2, 0.8, 1.2, 0.8, *[1.0] * 11]
    # of 10 and 11 rounds the 2nd from below and above count, 0.8 and 1.2; of 12 the 3rd, 1.0 and 1.0. The looks are at
    # 11, 13 and 15, and two narrow ones in a row are those at 13 and 15
    found = [why(calmer[:rounds], rule=rule) for rounds in range(10, 16)]
    assert found == [None, None, None, None, None, Stop.PRECISE]


def test_every_headline_must_be_known() -> None:
    rule = Rule(precision_ratio=0.011)
    assert why(NARROW, NARROW, rule=rule) is Stop.PRECISE
    assert why(NARROW, WIDE, rule=rule) is None
    assert why(NARROW, NARROW[:10], rule=rule) is None  # the second has had one look
    assert why(NARROW, [], rule=rule) is None
    assert stop((), rule, rounds=50, elapsed_s=0) is None


def test_what_is_never_precise_ends_at_the_ceiling_or_when_the_time_is_over() -> None:
    rule = Rule(precision_ratio=0.01, ceiling=13, time_limit_s=600)
    assert why(WIDE[:12], rule=rule) is None
    assert why(WIDE, rule=rule) is Stop.CEILING
    assert why(WIDE[:4], rule=rule, rounds=13) is Stop.CEILING  # failed rounds count as well
    assert why(WIDE[:4], rule=rule, elapsed_s=600) is Stop.TIME


def test_without_a_precision_only_the_limits_count() -> None:
    rule = Rule(precision_ratio=None, ceiling=13)
    assert why(NARROW[:12], rule=rule, elapsed_s=1e9) is None
    assert why(NARROW, rule=rule) is Stop.CEILING


def test_a_result_says_in_these_words_why_it_ended_and_takes_200_rounds_at_most() -> None:
    assert [one.value for one in Stop] == ["precise", "ceiling", "time"]
    assert Rule(precision_ratio=0.02) == Rule(precision_ratio=0.02, floor=10, ceiling=200, time_limit_s=None)
    assert looks(Rule(precision_ratio=0.02, floor=1, ceiling=2)) == (1, 2)


def test_how_well_a_median_is_known_is_half_its_interval_over_it() -> None:
    known = Summary(n=10, median=-4.0, minimum=-5.0, maximum=-3.0, ci_low=-4.2, ci_high=-3.9)
    assert half_width_ratio(known) == pytest.approx(0.15 / 4)
    assert half_width_ratio(Summary(n=1, median=4.0, minimum=4.0, maximum=4.0)) is None
    assert half_width_ratio(Summary(n=6, median=0.0, minimum=-1.0, maximum=1.0, ci_low=-1.0, ci_high=1.0)) is None


@pytest.mark.parametrize("precision_ratio", [0.0, -0.02, float("nan"), float("inf")])
def test_a_precision_that_no_run_has_is_refused(precision_ratio: float) -> None:
    with pytest.raises(ValueError, match=r"say 0.02 for 2 %"):
        Rule(precision_ratio=precision_ratio)


@pytest.mark.parametrize(("floor", "ceiling"), [(0, 10), (11, 10)])
def test_limits_that_leave_nothing_are_refused(floor: int, ceiling: int) -> None:
    with pytest.raises(ValueError, match="leave none to measure"):
        Rule(precision_ratio=0.02, floor=floor, ceiling=ceiling)
