"""Records to rows and back. Pure.

What must never live here: a session, a query, a decision.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from orac_bench.flags import EXCLUDING, ONLY_TELLING_AT_TIMES, Flag
from orac_bench.records import CANARY, Case, Conditions, Failure, Json, Result, Round, Run, Summary, Workload
from orac_bench.stats.summary import METHOD, METHOD_VERSION
from orac_bench.store.tables import (
    METRIC_COLUMNS,
    CaseRow,
    ChunksRow,
    ConditionsRow,
    MetricRow,
    ResultRow,
    RoundRow,
    RunRow,
)

TICK_NS = 1_000
COARSE_TICK_NS = 1_000_000
"""Units of stored arrival times: µs, and ms for a round that outlasts 2^32 µs, which are 71 minutes."""


def run_record(row: RunRow, conditions: ConditionsRow | None) -> Run:
    """The run of `row`, with its conditions where it has any."""
    known = None
    if conditions is not None:
        known = Conditions(hash=conditions.hash, facts=_json(conditions.facts), volatile=_json(row.volatile))
    return Run(
        id=row.uid,
        status=row.status,
        started=row.started,
        ended=row.ended,
        trigger=row.trigger,
        note=row.note,
        orac_version=row.orac_version,
        metrics_version=row.metrics_version,
        conditions=known,
        seed=row.seed,
        arguments=tuple(row.arguments),
        error=row.error,
    )


def facts_record(row: ConditionsRow) -> Mapping[str, Json]:
    """The facts of a row of conditions."""
    return _json(row.facts)


def case_record(row: CaseRow, *, model: str, digest: str, facts: Mapping[str, object] | None = None) -> Case:
    """The case of `row`, under the name that the model had then, and as the `facts` of a result tell it from others."""
    workload = Workload(
        prompt_tokens=row.prompt_tokens,
        output_tokens=row.output_tokens,
        prompt_sha256=row.prompt_sha256,
        version=row.workload_version,
    )
    return Case(
        key=row.key,
        suite=row.suite,
        model=model,
        model_digest=digest,
        workload=workload,
        options=_json(row.options),
        variant=variant_of(facts or {}),
    )


def variant_of(facts: Mapping[str, object]) -> str:
    """What a result's `facts` say of its case beside the model's name: "num_thread=4", "(canary)", or ""."""
    return CANARY if facts.get("canary") is True else str(facts.get("variant") or "")


def result_record(row: ResultRow, case: Case, summary: Mapping[str, Summary], rounds: tuple[Round, ...]) -> Result:
    """The result of `row` with what belongs to it."""
    return Result(
        case=case,
        status=row.status,
        planned=row.planned,
        done=row.done,
        offload_ratio=row.offload_ratio,
        facts=_json(row.facts),
        summary=summary,
        rounds=rounds,
        failure=_failure(row.failure_code, row.failure_message),
        started=row.started,
        ended=row.ended,
    )


def result_facts(row: ResultRow) -> Mapping[str, Json]:
    """What was found out for the whole result of `row`."""
    return _json(row.facts)


def round_row(result_id: int, record: Round) -> RoundRow:
    """The row of a round. Raises ValueError for a metric that has no column or is not finite."""
    for key, value in record.metrics.items():
        if key not in METRIC_COLUMNS or not math.isfinite(value):
            raise ValueError(f"Round {record.index} has {key} = {value}; a metric is one of the table's, and a number.")
    metrics: dict[str, Any] = {key: float(value) for key, value in record.metrics.items()}
    return RoundRow(
        result_id=result_id,
        phase=record.phase,
        index=record.index,
        status=record.status,
        started=record.started,
        seed=record.seed,
        failure_code=record.failure.code if record.failure else None,
        failure_message=record.failure.message if record.failure else None,
        flags=sorted(flag.value for flag in record.flags),
        counted=record.counted,
        raw=dict(record.raw),
        block=record.block,
        **metrics,
    )


def round_record(row: RoundRow, arrivals_ns: tuple[int, ...] = ()) -> Round:
    """The round of `row`, with the arrivals given."""
    values = {key: getattr(row, key) for key in METRIC_COLUMNS}
    flags = frozenset(Flag(word) for word in row.flags)
    return Round(
        index=row.index,
        phase=row.phase,
        status=row.status,
        started=row.started,
        seed=row.seed,
        metrics={key: value for key, value in values.items() if value is not None},
        flags=flags,
        telling=only_telling(flags, counted=row.counted),
        failure=_failure(row.failure_code, row.failure_message),
        raw=_json(row.raw),
        arrivals_ns=arrivals_ns,
        block=row.block,
    )


def only_telling(flags: frozenset[Flag], *, counted: bool) -> frozenset[Flag]:
    """The excluding flags of a round that did not leave it out, by whether it counts."""
    return flags & EXCLUDING & ONLY_TELLING_AT_TIMES if counted else frozenset()


def chunks_row(round_id: int, arrivals_ns: tuple[int, ...]) -> ChunksRow:
    """The row of a round's arrivals, each rounded to the nearest tick."""
    tick_ns = TICK_NS if max(arrivals_ns) // TICK_NS < 2**32 - 1 else COARSE_TICK_NS
    ticks = [(at + tick_ns // 2) // tick_ns for at in arrivals_ns]
    return ChunksRow(round_id=round_id, tick_ns=tick_ns, arrivals=struct.pack(f"<{len(ticks)}I", *ticks))


def arrivals_of(row: ChunksRow | None) -> tuple[int, ...]:
    """Arrivals in ns after the request was sent; () where none were stored."""
    if row is None:
        return ()
    return tuple(tick * row.tick_ns for tick in struct.unpack(f"<{len(row.arrivals) // 4}I", row.arrivals))


def metric_row(result: ResultRow, metric: str, summary: Summary) -> MetricRow:
    """The row of a summary of that result, with the method that made it."""
    return MetricRow(
        result_id=result.id or 0,
        case_id=result.case_id,
        metric=metric,
        **asdict(summary),
        method=METHOD,
        method_version=METHOD_VERSION,
    )


def _failure(code: str | None, message: str | None) -> Failure | None:
    return None if code is None else Failure(code=code, message=message or "")


def _json(stored: Mapping[str, object]) -> dict[str, Json]:
    """What came out of a JSON column, which holds nothing else."""
    return cast("dict[str, Json]", dict(stored))
