"""How far runs are; within the transaction that the caller holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlmodel import col

from orac_bench.records import Status
from orac_bench.store.events import STARTED
from orac_bench.store.tables import EventRow, ResultRow, RunRow


@dataclass(frozen=True, kw_only=True)
class Done:
    """What is done of a run. Rounds are those of the cases that were begun, in a sustained one seconds."""

    rounds: int
    rounds_planned: int
    cases: int
    cases_planned: int | None
    """None where nobody knows any more: the run's events are forgotten, or it has not begun."""


def done(session: Session, run_ids: Sequence[str]) -> dict[str, Done]:
    """How far each of these runs is, by its id."""
    finished = sa.case((col(ResultRow.status).in_([Status.DONE, Status.FAILED]), 1), else_=0)
    rows = session.execute(
        sa.select(
            col(RunRow.uid),
            sa.func.coalesce(sa.func.sum(col(ResultRow.done)), 0),
            sa.func.coalesce(sa.func.sum(col(ResultRow.planned)), 0),
            sa.func.coalesce(sa.func.sum(finished), 0),
        )
        .outerjoin(ResultRow, col(ResultRow.run_id) == col(RunRow.id))
        .where(col(RunRow.uid).in_(run_ids))
        .group_by(col(RunRow.uid))
    ).all()
    planned = _planned(session, run_ids)
    return {
        uid: Done(rounds=rounds, rounds_planned=wanted, cases=cases, cases_planned=planned.get(uid))
        for uid, rounds, wanted, cases in rows
    }


def _planned(session: Session, run_ids: Sequence[str]) -> dict[str, int]:
    """How many cases were planned, as each run's last start told."""
    started = session.execute(
        sa.select(col(RunRow.uid), col(EventRow.data))
        .join(EventRow, col(EventRow.run_id) == col(RunRow.id))
        .where(col(RunRow.uid).in_(run_ids), col(EventRow.kind) == STARTED)
        .order_by(col(EventRow.number))
    )
    planned = {}
    for uid, data in started:
        cases = data.get("cases")
        if isinstance(cases, int):
            planned[uid] = cases
    return planned
