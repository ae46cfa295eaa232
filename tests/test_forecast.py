"""How long the rest of a run will take, by the work that is done and the work that is left."""

from orac_bench.forecast import Forecast, Work, work_units


def plan(*units: float) -> tuple[Work, ...]:
    return tuple(Work(units=each) for each in units)


def test_nothing_is_told_before_anything_was_done() -> None:
    forecast = Forecast(plan(1, 1))
    assert forecast.left_s(0.0) is None
    forecast.begin(0.0)
    assert forecast.left_s(5.0) is None


def test_what_was_done_is_scaled_by_the_work_that_is_left() -> None:
    forecast = Forecast(plan(10, 30))
    forecast.begin(100.0)
    forecast.reach(0.5)
    assert forecast.left_s(105.0) == 5.0 * (40 - 5) / 5  # 5 of 40 units took 5 s
    assert forecast.end(110.0) == 10.0
    assert forecast.left_s(110.0) == 10.0 * 30 / 10
    forecast.begin(110.0)
    forecast.reach(0.5)
    assert forecast.left_s(130.0) == (10 + 20) * 15 / 25
    forecast.reach(1.5)
    assert forecast.left_s(140.0) is None  # nothing is left


def test_a_case_that_was_done_before_is_neither_waited_for_nor_taken_as_quick() -> None:
    forecast = Forecast(plan(100, 10, 10))
    forecast.skip()
    forecast.begin(0.0)
    forecast.end(7.0)
    assert (forecast.number, forecast.cases) == (2, 3)
    assert forecast.left_s(7.0) == 7.0 * 10 / 10


def test_a_set_time_is_told_as_it_is_and_says_nothing_of_the_others() -> None:
    forecast = Forecast((*plan(10, 30), Work(units=1, time_s=600.0)))
    forecast.begin(0.0)
    assert forecast.left_s(1.0) is None  # of the other two nothing is known yet
    forecast.end(10.0)
    assert forecast.left_s(10.0) == 10.0 * 30 / 10 + 600.0
    forecast.begin(10.0)
    forecast.end(40.0)
    assert forecast.left_s(40.0) == 600.0
    forecast.begin(40.0)
    assert forecast.left_s(40.0) == 600.0
    forecast.reach(0.75)
    assert forecast.left_s(490.0) == 150.0
    forecast.end(650.0)
    assert forecast.left_s(650.0) is None
    first = Forecast((Work(units=1, time_s=60.0), *plan(10)))  # as a long one may be measured first
    first.begin(0.0)
    first.reach(0.5)
    assert first.left_s(30.0) is None
    first.end(60.0)
    first.begin(60.0)
    first.reach(0.5)
    assert first.left_s(64.0) == 4.0


def test_more_cases_than_were_planned_are_counted_and_told_nothing_about() -> None:
    forecast = Forecast(())
    forecast.begin(0.0)
    forecast.reach(0.5)
    assert (forecast.cases, forecast.left_s(3.0)) == (1, None)
    assert forecast.end(4.0) == 4.0


def test_a_token_that_is_read_costs_an_eighth_of_one_that_is_written() -> None:
    assert work_units(size_b=10, prompt_tokens=64, output_tokens=16, rounds=3) == 3 * (64 / 8 + 16 + 8) * 10
    assert work_units(size_b=0, prompt_tokens=None, output_tokens=16, rounds=1) == 64 / 8 + 16 + 8
