"""How long a run will likely take: by what the same cases took before, else by what others took. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from orac_bench.bench import GridPoint
from orac_bench.forecast import work_units
from orac_bench.store.spent import Spent
from orac_bench.suites.grid import Point


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A planned case. `seconds` is None where nothing like it was ever measured."""

    model: str
    suite: str
    workload: str
    rounds: int
    seconds: float | None


def expected(planned: Sequence[GridPoint], spent: Sequence[Spent], sizes_b: Mapping[str, int]) -> tuple[Expected, ...]:
    """What each planned case will likely take, by earlier results, the newest first.

    `sizes_b` are the sizes of the models that are known, by name: by them a case that was never measured is scaled.
    """
    rate = _seconds_a_unit(spent, sizes_b)
    found = []
    for candidate, point in planned:
        known = next((one for one in spent if one.model == candidate.name and _same(one, point)), None)
        if point.time_s is not None:
            seconds: float | None = point.time_s
        elif known is not None:
            seconds = _scaled(known, point)
        else:
            seconds = None if rate is None else rate * _units(candidate.size_b, point)
        workload, rounds = point.workload.label, point.requests
        found.append(
            Expected(model=candidate.name, suite=point.suite.name, workload=workload, rounds=rounds, seconds=seconds)
        )
    return tuple(found)


def total_s(cases: Sequence[Expected]) -> float | None:
    """All cases together, in s. None where one of them cannot be told."""
    known = [case.seconds for case in cases if case.seconds is not None]
    return sum(known) if len(known) == len(cases) else None


def _scaled(known: Spent, point: Point) -> float:
    """The time of an earlier result of the case, for as many rounds as are wanted; what it took beside them stays."""
    wanted = point.requests
    if known.round_s is None or point.suite.cold or known.seconds < known.rounds * known.round_s:
        return known.seconds / known.rounds * wanted
    return known.seconds - known.rounds * known.round_s + wanted * known.round_s


def _same(one: Spent, point: Point) -> bool:
    asked = point.workload
    wanted = (point.suite.name, asked.prompt_tokens, asked.output_tokens)
    return (one.suite, one.prompt_tokens, one.output_tokens) == wanted


def _seconds_a_unit(spent: Sequence[Spent], sizes_b: Mapping[str, int]) -> float | None:
    rates = [
        one.seconds
        / work_units(
            size_b=sizes_b[one.model],
            prompt_tokens=one.prompt_tokens,
            output_tokens=one.output_tokens,
            rounds=one.rounds,
        )
        for one in spent
        if one.model in sizes_b
    ]
    return median(rates) if rates else None


def _units(size_b: int, point: Point) -> float:
    asked = point.workload
    return work_units(
        size_b=size_b,
        prompt_tokens=asked.prompt_tokens,
        output_tokens=asked.output_tokens,
        rounds=point.requests,
    )
