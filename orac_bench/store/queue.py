"""Runs that wait for their turn, and runs that shall end; each function within the transaction its caller holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlmodel import col

from orac_bench.errors import KeyReused, QueueFull, RunOver, UsageError
from orac_bench.records import Json, Run, Status
from orac_bench.store import writing
from orac_bench.store.events import tell_started, tell_status
from orac_bench.store.tables import RunRow


def enqueue(
    session: Session, run: Run, *, request: Mapping[str, Json], key: str | None, most: int | None, now: datetime
) -> str:
    """The id of the queued run for `request`: a new one, or the one that came with the same `key` before.

    Raises KeyReused where that had another request, and QueueFull where `most` are queued already (None: any number).
    """
    if key is not None:
        first = session.scalars(sa.select(RunRow).where(col(RunRow.idempotency_key) == key)).one_or_none()
        if first is not None:
            if first.request != dict(request):
                raise KeyReused(
                    f"The Idempotency-Key {key!r} belongs to run {first.uid}, which was asked for something else.",
                    next="Send another key with another request.",
                )
            return first.uid
    waiting = counts(session)[Status.QUEUED]
    if most is not None and waiting >= most:
        raise QueueFull(
            f"{waiting} runs wait for their turn, and {most} may. Nothing was queued.",
            next="Cancel one of them, wait for one to begin, or raise ORAC_MAX_QUEUED.",
        )
    row = writing.add_run(session, run)
    row.request = dict(request)
    row.idempotency_key = key
    row.heartbeat = None
    tell_status(session, row, now)
    return row.uid


def next_queued(session: Session) -> str | None:
    """The run whose turn is next. None where none waits."""
    waiting = sa.select(col(RunRow.uid)).where(col(RunRow.status) == Status.QUEUED)
    return session.scalar(waiting.order_by(col(RunRow.id)).limit(1))


def position(session: Session, row: RunRow) -> int | None:
    """How many queued runs come before this one. None where it is not queued."""
    if row.status is not Status.QUEUED:
        return None
    before = sa.select(sa.func.count()).select_from(RunRow)
    return session.scalar(before.where(col(RunRow.status) == Status.QUEUED, col(RunRow.id) < row.id))


def claim(session: Session, row: RunRow, run: Run, *, pid: int, cases: int | None, now: datetime) -> None:
    """Makes the queued `row` the running `run` of process `pid`: begun now, under its conditions and arguments.

    Raises UsageError where it is not queued.
    """
    if row.status is not Status.QUEUED:
        raise UsageError(
            f"Run {row.uid} is {row.status.value}; only a queued run can be taken over.",
            next=f"Look at it with `orac show {row.uid}`.",
        )
    writing.take_over(row, pid=pid, now=now)
    row.started = run.started
    row.orac_version = run.orac_version
    row.metrics_version = run.metrics_version
    row.arguments = list(run.arguments)
    if run.conditions is not None:
        writing.set_conditions(session, row, run.conditions)
    tell_started(session, row, now, resumed=False, cases=cases)


def ask_cancel(session: Session, row: RunRow, is_alive: Callable[[int], bool], now: datetime) -> Status:
    """The run's status, now that it shall end: cancelled, or running until its process has ended, if it lives.

    Raises RunOver where it has ended for good.
    """
    if row.status in (Status.QUEUED, Status.INTERRUPTED):
        writing.end_run(session, row, status=Status.CANCELLED, ended=row.ended or now, now=now)
    elif row.status is Status.RUNNING:
        row.cancelled = True
        if row.pid is not None and not is_alive(row.pid):
            writing.end_run(session, row, status=Status.CANCELLED, ended=row.heartbeat or row.started, now=now)
    else:
        raise RunOver(f"Run {row.uid} is {row.status.value} already, so there is nothing to cancel.")
    return row.status


def counts(session: Session) -> dict[Status, int]:
    """How many runs there are of each status."""
    found = session.execute(sa.select(col(RunRow.status), sa.func.count()).group_by(col(RunRow.status))).all()
    return {**dict.fromkeys(Status, 0), **{row[0]: row[1] for row in found}}


def running(session: Session) -> tuple[tuple[str, int | None], ...]:
    """The runs that are said to be running, each with the process that measures it."""
    rows = session.execute(
        sa.select(col(RunRow.uid), col(RunRow.pid)).where(col(RunRow.status) == Status.RUNNING).order_by(col(RunRow.id))
    )
    return tuple((uid, pid) for uid, pid in rows)


def unfinished(session: Session, *, trigger: str) -> tuple[tuple[str, Status, int | None], ...]:
    """The runs of that door that have not ended for good, each with its status and the process that measured it.

    Those that were asked for here: one that was taken in from another board has no request, and is that board's.
    """
    rows = session.execute(
        sa.select(col(RunRow.uid), col(RunRow.status), col(RunRow.pid), col(RunRow.request))
        .where(col(RunRow.trigger) == trigger)
        .where(col(RunRow.status).in_([Status.QUEUED, Status.RUNNING, Status.INTERRUPTED]))
        .order_by(col(RunRow.id))
    )
    return tuple((uid, status, pid) for uid, status, pid, request in rows if request is not None)


def request(row: RunRow) -> dict[str, Json] | None:
    """What the service was asked for. None for a run of a shell."""
    return None if row.request is None else cast("dict[str, Json]", dict(row.request))
