"""A run as it is shown over HTTP: the document of `orac show RUN --json`, and what a page draws beside it. Pure.

Beside the document: what a plan counts, why a run, a case or its answer is as it is, when a round began, who wrote
what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from orac_bench.judging.document import annotation_body
from orac_bench.precision import FACT
from orac_bench.records import Json, Result, Run
from orac_bench.store.document import (
    Object,
    document,
    failure_part,
    moment,
    plan_part,
    result_part,
    round_part,
    run_part,
)
from orac_bench.store.events import PRECISION, aim_part
from orac_bench.store.marks import Annotation


def shown(
    run: Run,
    results: Sequence[Result],
    annotations: Sequence[Annotation],
    *,
    rounds: bool,
    concealed: Callable[[str], str],
) -> Object:
    """The body of GET /v1/runs/{id}. `concealed` takes this machine's paths out of what went wrong."""
    told = [
        {
            **result_part(result),
            **aim_part(result.case, precise=FACT in result.facts or PRECISION in run.arguments),
            "variant": result.case.variant or None,
            "error": _failure(failure_part(result.failure), concealed),
            "answer": result.facts.get("answer"),
            "pair": result.facts.get("pair"),
            "started": moment(result.started),
            "ended": moment(result.ended),
            **({"rounds": _rounds(run, result, concealed)} if rounds else {}),
        }
        for result in results
    ]
    return {
        **document(run, (), rounds=rounds),
        "run": {**run_part(run), **plan_part(results), "error": None if run.error is None else concealed(run.error)},
        "results": [*told],
        "annotations": [annotation_body(one) for one in annotations],
    }


def _rounds(run: Run, result: Result, concealed: Callable[[str], str]) -> list[Json]:
    return [
        {
            **round_part(one),
            "error": _failure(failure_part(one.failure), concealed),
            "started_s": _since(run.started, one.started),
        }
        for one in result.rounds
    ]


def _since(begin: datetime, at: datetime) -> float:
    """Seconds after the run's begin: on the clock of its readings' `t_s`."""
    return (at - begin).total_seconds()


def _failure(failure: Object | None, concealed: Callable[[str], str]) -> Object | None:
    if failure is None:
        return None
    return {**failure, "message": concealed(str(failure["message"]))}
