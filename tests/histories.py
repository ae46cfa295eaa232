"""Stores with ended runs whose numbers are given, for the tests of what may be said about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from orac_bench.flags import Flag
from orac_bench.judging.headlines import HEADLINES
from orac_bench.records import Case, Conditions, Json, Status
from orac_bench.store.store import Store
from tests.builders import a_case, a_conditions, a_round, a_run, later

DECODE = a_case(key="dec0de0000000001", suite="decode")
FIRST = a_case(key="f1257000000000aa", suite="first_token")

STEADY = (50.0, 49.4, 50.6, 49.0, 50.1, 51.0, 49.7, 50.3, 49.9, 50.0)
"""Ten rates around 50 tokens/s that lie within 2 %."""


def scaled(factor: float, values: Iterable[float] = STEADY) -> tuple[float, ...]:
    """`values`, each times `factor`."""
    return tuple(value * factor for value in values)


@dataclass(frozen=True, kw_only=True)
class Took:
    """A result: a value a round of one metric."""

    values: Sequence[float] = STEADY
    metric: str = "decode_tokens_per_s"
    more: Mapping[str, float] = field(default_factory=dict)
    """Other metrics, equal in every round."""
    blocks: Sequence[int | None] | None = None
    flags: Sequence[Flag] = ()
    offload_ratio: float | None = 1.0
    facts: Mapping[str, Json] = field(default_factory=dict)


def measured(
    store: Store,
    run_id: str,
    results: Mapping[Case, Took] | Sequence[tuple[Case, Took]],
    *,
    started: datetime | None = None,
    conditions: Conditions | None = None,
    metrics_version: int = 1,
    known: bool = True,
) -> str:
    """The id of a run that has ended with these results; where the levels changed is found, as at every end."""
    begun = started or later(0)
    run = a_run(id=run_id, started=begun, conditions=conditions or a_conditions(), metrics_version=metrics_version)
    store.add_run(run if known else replace(run, conditions=None), pid=1)
    for position, (case, took) in enumerate(results.items() if isinstance(results, Mapping) else results):
        handle = store.begin_result(
            run_id,
            case,
            planned=len(took.values),
            position=position,
            offload_ratio=took.offload_ratio,
            facts=took.facts,
        )
        blocks = took.blocks or [None] * len(took.values)
        for index, (value, block) in enumerate(zip(took.values, blocks, strict=True)):
            metrics = {took.metric: value, **took.more}
            store.add_round(handle, replace(a_round(index=index, metrics=metrics, flags=took.flags), block=block))
        store.close_result(handle, status=Status.DONE)
    store.update_run(run_id, status=Status.DONE, ended=later(3600))
    store.find_levels(run_id, HEADLINES)
    return run_id


def nightly(store: Store, medians: Sequence[float], *, conditions: Sequence[Conditions] | None = None) -> list[str]:
    """The ids of one run a night of DECODE, each with ten rounds around its median."""
    return [
        measured(
            store,
            f"night-{number:02d}",
            [(DECODE, Took(values=scaled(median / 50.0)))],
            started=later(number * 86_400),
            conditions=conditions[number] if conditions else None,
        )
        for number, median in enumerate(medians)
    ]
