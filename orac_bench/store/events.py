"""What happened in a run, kept in the transaction of what happened; each function within the one its caller holds.

Numbered from 1 without gaps in each run, so that a follower who comes back misses none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlmodel import col

from orac_bench.records import Case, Event, Json, Round, Status
from orac_bench.store.document import case_part, failure_part
from orac_bench.store.tables import CaseRow, EventRow, ResultRow, RunRow

STARTED = "started"
ENDS = frozenset({Status.DONE, Status.FAILED, Status.CANCELLED, Status.INTERRUPTED, Status.LOST})
"""The statuses that are events of the same name. Only after `interrupted` may more follow."""

PRECISION = "--orac-precision"
"""Among the arguments of a run whose cases go on until their headlines are known."""


def tell(session: Session, run: RunRow, kind: str, data: Mapping[str, Json], now: datetime) -> None:
    """Adds an event to `run`, with the next number."""
    last = sa.select(sa.func.max(col(EventRow.number))).where(col(EventRow.run_id) == run.id)
    session.add(
        EventRow(run_id=run.id or 0, number=(session.scalar(last) or 0) + 1, at=now, kind=kind, data=dict(data))
    )
    session.flush()


def tell_status(session: Session, run: RunRow, now: datetime) -> None:
    """Tells that `run` is queued, or has ended, and why."""
    if run.status is Status.QUEUED:
        tell(session, run, run.status.value, {}, now)
    elif run.status in ENDS:
        tell(session, run, run.status.value, {"error": run.error}, now)


def tell_started(session: Session, run: RunRow, now: datetime, *, resumed: bool, cases: int | None) -> None:
    """Tells that a process measures `run` now; `cases` is how many are planned, None where that is not known."""
    tell(session, run, STARTED, {"resumed": resumed, "cases": cases}, now)


def tell_case(session: Session, run: RunRow, case: Case, now: datetime, *, position: int, planned: int) -> None:
    """Tells that a case begins."""
    named = case_part(case)
    named["case"] = named.pop("key")
    named["variant"] = case.variant or None
    aim = aim_part(case, precise=PRECISION in run.arguments)
    tell(session, run, "case", {**named, "position": position, "planned": planned, **aim}, now)


def aim_part(case: Case, *, precise: bool) -> dict[str, Json]:
    """What `planned` and `done` of a case count: rounds that count, or seconds where a time is set.

    And whether there may be more than planned, as it goes on until it is `precise`; but a canary does not.
    """
    timed = "time_limit_s" in case.options
    at_least = precise and not timed and "canary" not in case.options
    return {"planned_unit": "s" if timed else "rounds", "planned_at_least": at_least}


def tell_round(session: Session, result: ResultRow, one: Round, now: datetime, *, metrics: Sequence[str]) -> None:
    """Tells that a round was kept, with those of its values that `metrics` names, and what its result has reached."""
    run = session.get(RunRow, result.run_id)
    case = session.get(CaseRow, result.case_id)
    if run is None or case is None:
        return
    data: dict[str, Json] = {
        "case": case.key,
        "index": one.index,
        "phase": one.phase.value,
        "status": one.status.value,
        "counted": one.counted,
        "flags": [*sorted(flag.value for flag in one.flags)],
        "error": failure_part(one.failure),
        "metrics": {key: one.metrics.get(key) for key in metrics},
        "done": result.done,
    }
    tell(session, run, "round", data, now)


def events(session: Session, run_id: int, *, after: int, limit: int) -> tuple[Event, ...]:
    """The events of a run behind number `after`, in their order, at most `limit`."""
    rows = session.execute(
        sa.select(col(EventRow.number), col(EventRow.at), col(EventRow.kind), col(EventRow.data))
        .where(col(EventRow.run_id) == run_id, col(EventRow.number) > after)
        .order_by(col(EventRow.number))
        .limit(limit)
    )
    return tuple(
        Event(number=number, at=at, kind=kind, data=cast("dict[str, Json]", data)) for number, at, kind, data in rows
    )


def forget(session: Session, run_id: int) -> None:
    """Deletes the events of a run."""
    session.execute(sa.delete(EventRow).where(col(EventRow.run_id) == run_id))
