"""How long a run will likely take."""

from __future__ import annotations

from orac_bench.api.estimate import expected, total_s
from orac_bench.bench import GridPoint
from orac_bench.candidates import Candidate
from orac_bench.store.spent import Spent
from orac_bench.suites.grid import SUITES, Wishes, points

SIZES = {"small": 100, "large": 300}


def a_candidate(name: str) -> Candidate:
    return Candidate(
        name=name,
        aliases=(),
        served_as=name,
        context_length=2048,
        size_b=SIZES[name],
        architecture=None,
        quantization=None,
        prefix="",
        suffix="",
        parameters={},
        needed_b=None,
        model=None,
        listed_digest=None,
    )


def planned(model: str, suite: str = "decode", *, rounds: int = 10) -> GridPoint:
    (point,) = points(SUITES[suite], Wishes(rounds=rounds, warmup=2))
    return a_candidate(model), point


def a_spent(*, model: str = "small", rounds: int = 12, seconds: float = 30.0, round_s: float | None = 2.0) -> Spent:
    return Spent(
        model=model,
        suite="decode",
        prompt_tokens=64,
        output_tokens=128,
        rounds=rounds,
        seconds=seconds,
        round_s=round_s,
    )


def test_a_case_takes_what_it_took_before_with_as_many_rounds_as_are_wanted() -> None:
    (case,) = expected([planned("small", rounds=20)], [a_spent()], SIZES)
    assert (case.model, case.suite, case.workload, case.rounds) == ("small", "decode", "64 → 128", 22)
    assert case.seconds == 6 + 22 * 2  # 30 s were 6 s of loading and 12 rounds of 2 s


def test_the_newest_result_decides() -> None:
    (case,) = expected([planned("small")], [a_spent(seconds=24.0), a_spent(seconds=99.0)], SIZES)
    assert case.seconds == 24


def test_what_was_never_measured_is_scaled_by_its_work() -> None:
    (case,) = expected([planned("large")], [a_spent(seconds=24.0)], SIZES)
    assert case.seconds is not None
    assert round(case.seconds, 9) == 72  # as many tokens of a model of three times the size


def test_without_any_result_nobody_can_tell() -> None:
    cases = expected([planned("small"), planned("large")], [], SIZES)
    assert [case.seconds for case in cases] == [None, None]
    assert total_s(cases) is None


def test_a_set_time_is_what_it_takes() -> None:
    candidate = a_candidate("small")
    (point,) = points(SUITES["sustained"], Wishes(time_limit_s=90.0))
    cases = expected([(candidate, point)], [], SIZES)
    assert total_s(cases) == 90
