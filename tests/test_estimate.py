"""How long a run will likely take."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from orac_bench.api.estimate import expected, total_s
from orac_bench.bench import GridPoint
from orac_bench.candidates import Candidate
from orac_bench.records import Status
from orac_bench.store.spent import Spent
from orac_bench.store.store import open_store
from orac_bench.suites.grid import SUITES, Wishes, points
from tests.builders import a_case, a_round, a_run, a_workload, later

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


CASES = [
    a_case(suite="decode", model=model, workload=a_workload(output_tokens=tokens))
    for model in ("small", "large")
    for tokens in (128, 64)
]


def taken_turns(folder: Path, hours: list[float], *, round_s: float | None = 2.0) -> tuple[Spent, ...]:
    """What is told of a run of four cases, each with a block of two rounds, 2 s apart, at each of `hours`."""
    now = [later(0)]
    with open_store(f"sqlite:///{folder}/orac.db", write=True, clock=lambda: now[0]) as store:
        store.add_run(a_run(), pid=1)
        facts = {"blocks": len(hours)}
        begun = [store.begin_result(a_run().id, case, planned=4, position=0, facts=facts) for case in CASES]
        for block, hour in enumerate(hours):
            for result, turn in product(begun, range(2)):
                now[0] = later(hour * 3600 + 2 * turn)
                metrics = {} if round_s is None else {"e2e_s": round_s}
                measured = a_round(index=2 * block + turn, started=now[0], metrics=metrics)
                store.add_round(result, replace(measured, block=block))
        for result in begun:
            store.close_result(result, status=Status.DONE)
        return store.spent()


@pytest.mark.parametrize("hours", [[0.0, 1.0], [0.0, 12.0]], ids=["an hour", "a night's interruption"])
def test_a_case_in_blocks_took_the_time_of_its_own_blocks(tmp_path: Path, hours: list[float]) -> None:
    # given four cases whose blocks took turns from the first to the last hour
    found = taken_turns(tmp_path, hours)
    # then each took its two blocks of two rounds of 2 s, and as many rounds take as long again
    assert [(one.rounds, one.seconds, one.round_s) for one in found] == [(4, 2 * 4.0, 2.0)] * 4
    candidate, point = planned("small", rounds=2)
    assert total_s(expected([(candidate, point)], found, SIZES)) == 8


def test_a_case_in_blocks_of_which_nothing_tells_its_time_is_left_out(tmp_path: Path) -> None:
    assert taken_turns(tmp_path, [1.0], round_s=None) == ()
