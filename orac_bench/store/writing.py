"""What changes the store, each function within the transaction that its caller holds.

What must never live here: a commit. `store.py` decides what belongs to one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlmodel import col

from orac_bench.errors import RunMeasuring, RunNamed, StoreError
from orac_bench.records import Case, Conditions, Failure, Json, Phase, Result, Round, RoundStatus, Run, Status, Summary
from orac_bench.store import levels
from orac_bench.store.events import tell_status
from orac_bench.store.reading import summaries_of
from orac_bench.store.rows import chunks_row, metric_row, round_row
from orac_bench.store.tables import (
    BaselineRow,
    CaseRow,
    ConditionsRow,
    MetricRow,
    ModelRow,
    ResultRow,
    RoundRow,
    RunRow,
)

SUSTAINED = "reached_s"
"""The fact of a result that planned a time: its `done` is seconds, not rounds."""


def add_run(session: Session, run: Run, *, pid: int | None = None) -> RunRow:
    """The new row of `run`, which process `pid` measures."""
    row = RunRow(
        uid=run.id,
        status=run.status,
        created=run.started,
        started=run.started,
        ended=run.ended,
        heartbeat=run.started,
        pid=pid,
        trigger=run.trigger,
        note=run.note,
        orac_version=run.orac_version,
        metrics_version=run.metrics_version,
        seed=run.seed,
        arguments=list(run.arguments),
        conditions_id=None,
        volatile={},
        error=run.error,
    )
    if run.conditions is not None:
        set_conditions(session, row, run.conditions)
    session.add(row)
    session.flush()
    return row


def set_conditions(session: Session, run: RunRow, conditions: Conditions) -> None:
    """Gives `run` its conditions; runs with equal facts share one row.

    Raises StoreError where the hash is known with other facts: then such runs would be compared by mistake.
    """
    row = session.scalars(sa.select(ConditionsRow).where(col(ConditionsRow.hash) == conditions.hash)).one_or_none()
    if row is None:
        row = ConditionsRow(hash=conditions.hash, facts=dict(conditions.facts))
        session.add(row)
        session.flush()
    elif row.facts != dict(conditions.facts):
        raise StoreError(f"Conditions {conditions.hash} are in the store with other facts than these.")
    run.conditions_id = row.id
    run.volatile = dict(conditions.volatile)


def begin_result(
    session: Session, run: RunRow, case: Case, *, planned: int, position: int, now: datetime | None
) -> ResultRow:
    """The running result of `case` in `run`, empty.

    One that was interrupted or failed begins anew: its rounds are deleted, as those of two sittings have no common
    warm-up. Raises StoreError for a case that is done already, or is being measured.
    """
    case_id = _case_id(session, case)
    row = session.scalars(
        sa.select(ResultRow).where(col(ResultRow.run_id) == run.id, col(ResultRow.case_id) == case_id)
    ).one_or_none()
    if row is not None:
        if row.status not in (Status.INTERRUPTED, Status.FAILED):
            raise StoreError(
                f"Case {case.key} ({case.suite}, {case.model}) is in run {run.uid} already, as {row.status.value}. "
                "Two names of one model are one case.",
                next="Name each model once.",
            )
        session.delete(row)
        session.flush()
    row = ResultRow(
        run_id=run.id or 0,
        case_id=case_id,
        model_name=case.model,
        position=position,
        status=Status.RUNNING,
        planned=planned,
        facts={},
        started=now,
    )
    session.add(row)
    session.flush()
    return row


def reopen_result(session: Session, run: RunRow, case_key: str, *, blocks: Collection[int]) -> ResultRow:
    """The result of that case in `run`, running again with the rounds of `blocks` and no others.

    Raises StoreError where there is none, or it is being measured.
    """
    row = session.scalars(
        sa.select(ResultRow)
        .join(CaseRow, col(CaseRow.id) == col(ResultRow.case_id))
        .where(col(ResultRow.run_id) == run.id, col(CaseRow.key) == case_key)
    ).one_or_none()
    if row is None or row.status is Status.RUNNING:
        stood = "not there" if row is None else "being measured"
        raise StoreError(f"Case {case_key} of run {run.uid} cannot go on: it is {stood}.")
    others = sa.or_(col(RoundRow.block).is_(None), col(RoundRow.block).not_in(blocks))
    session.execute(sa.delete(RoundRow).where(col(RoundRow.result_id) == row.id, others))
    session.execute(sa.delete(MetricRow).where(col(MetricRow.result_id) == row.id))
    kept = sa.select(sa.func.count()).where(col(RoundRow.result_id) == row.id)
    failed = col(RoundRow.status) == RoundStatus.FAILED
    row.done = session.scalar(kept.where(col(RoundRow.counted))) or 0
    row.failed = session.scalar(kept.where(col(RoundRow.phase) == Phase.MEASURE, failed)) or 0
    row.status = Status.RUNNING
    row.ended = row.failure_code = row.failure_message = None
    session.flush()
    return row


def add_round(session: Session, result_id: int, record: Round, *, done: int | None = None) -> ResultRow:
    """Adds a round with its arrivals, and counts it in its result, which has reached `done` unless that is None.

    Raises StoreError where the result is gone.
    """
    result = session.get(ResultRow, result_id)
    if result is None:
        raise StoreError(
            "The run was deleted while it was measured; this round has no place any more.",
            next="Measure again with `orac bench`.",
        )
    row = round_row(result_id, record)
    session.add(row)
    session.flush()
    if record.arrivals_ns and row.id is not None:
        session.add(chunks_row(row.id, record.arrivals_ns))
    result.done = result.done + record.counted if done is None else done
    result.failed += record.phase is Phase.MEASURE and record.status is RoundStatus.FAILED
    return result


def note_alive(session: Session, result: ResultRow, now: datetime) -> None:
    """Notes that the process that measures the result's run lives now."""
    run = session.get(RunRow, result.run_id)
    if run is not None:
        run.heartbeat = now


def close_result(
    session: Session,
    row: ResultRow,
    *,
    status: Status,
    now: datetime | None,
    facts: Mapping[str, Json] | None = None,
    failure: Failure | None = None,
) -> dict[str, Summary]:
    """Ends a result with its summaries, which are returned by metric. `facts` are added to those that it has."""
    row.status = status
    row.ended = now
    row.facts = {**row.facts, **(facts or {})}
    row.failure_code = failure.code if failure else None
    row.failure_message = failure.message if failure else None
    summaries = summaries_of(session, [row.id or 0]).get(row.id or 0, {})
    session.execute(sa.delete(MetricRow).where(col(MetricRow.result_id) == row.id))
    session.add_all(metric_row(row, metric, summary) for metric, summary in summaries.items())
    if status is Status.DONE:
        session.execute(sa.update(RunRow).where(col(RunRow.id) == row.run_id).values(attempts=0))
    session.flush()
    return summaries


def take_over(row: RunRow, *, pid: int | None, now: datetime) -> None:
    """Makes a run running, and process `pid`'s own."""
    row.status = Status.RUNNING
    row.ended = None
    row.pid = pid
    row.heartbeat = now


def end_run(
    session: Session, row: RunRow, *, status: Status, ended: datetime | None, now: datetime, error: str | None = None
) -> None:
    """Gives a run its last status, and tells it; one that a person wanted to end is cancelled, whatever `status` says.

    A result that was still running is interrupted, with its finished rounds.
    """
    row.status = Status.CANCELLED if row.cancelled else status
    row.ended = ended
    row.error = error
    running = sa.select(ResultRow).where(col(ResultRow.run_id) == row.id, col(ResultRow.status) == Status.RUNNING)
    for result in session.scalars(running).all():
        close_result(session, result, status=Status.INTERRUPTED, now=ended or now)
    tell_status(session, row, now)


def mark_interrupted(session: Session, is_alive: Callable[[int], bool], now: datetime) -> tuple[str, ...]:
    """Ids of the runs that were said to be running and whose process is gone; they are interrupted now."""
    running = sa.select(RunRow).where(col(RunRow.status) == Status.RUNNING).order_by(col(RunRow.id))
    dead = [row for row in session.scalars(running).all() if row.pid is None or not is_alive(row.pid)]
    for row in dead:
        end_run(session, row, status=Status.INTERRUPTED, ended=row.heartbeat or row.started, now=now)
    return tuple(row.uid for row in dead)


def delete_run(session: Session, row: RunRow, is_alive: Callable[[int], bool], found: Sequence[levels.Found]) -> None:
    """Deletes a run; what hangs on it goes with it, and what was `found` without it is kept.

    Raises RunMeasuring while it runs, RunNamed for a baseline.
    """
    if row.status is Status.RUNNING and row.pid is not None and is_alive(row.pid):
        raise RunMeasuring(
            f"Run {row.uid} is being measured by process {row.pid}.", next="End it first, then delete it."
        )
    names = session.scalars(sa.select(col(BaselineRow.name)).where(col(BaselineRow.run_id) == row.id)).all()
    if names:
        raise RunNamed(
            f"Run {row.uid} is the baseline {', '.join(sorted(names))}.",
            next=f"Take the name away first: orac baseline remove {min(names)}",
        )
    levels.delete_run(session, row, found)


def add_whole(session: Session, run: Run, results: Sequence[Result]) -> None:
    """Adds an ended run with everything in it. Summaries are computed again from the rounds."""
    row = add_run(session, run)
    for position, result in enumerate(results):
        begun = begin_result(session, row, result.case, planned=result.planned, position=position, now=result.started)
        begun.offload_ratio = result.offload_ratio
        for record in result.rounds:
            add_round(session, begun.id or 0, record, done=result.done if SUSTAINED in result.facts else None)
        close_result(session, begun, status=result.status, now=result.ended, facts=result.facts, failure=result.failure)


def _case_id(session: Session, case: Case) -> int:
    """The id of `case`'s row, made where there is none; its model's name becomes the latest."""
    model = session.scalars(sa.select(ModelRow).where(col(ModelRow.digest) == case.model_digest)).one_or_none()
    if model is None:
        model = ModelRow(digest=case.model_digest, name=case.model)
        session.add(model)
        session.flush()
    model.name = case.model
    wanted: dict[str, Any] = {
        "suite": case.suite,
        "model_id": model.id,
        "prompt_tokens": case.workload.prompt_tokens,
        "output_tokens": case.workload.output_tokens,
        "prompt_sha256": case.workload.prompt_sha256,
        "workload_version": case.workload.version,
        "options": dict(case.options),
    }
    row = session.scalars(sa.select(CaseRow).where(col(CaseRow.key) == case.key)).one_or_none()
    if row is None:
        row = CaseRow(key=case.key, **wanted)
        session.add(row)
        session.flush()
    elif any(getattr(row, name) != value for name, value in wanted.items()):
        raise StoreError(f"Case {case.key} is in the store with another suite, model, workload or options than these.")
    return row.id or 0
