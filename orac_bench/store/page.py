"""Runs as lines of a list, newest first, with how far each is; within the transaction that the caller holds.

Columns instead of records: a line needs little of what a run holds, and a page of them is asked for all the time.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased
from sqlmodel import col

from orac_bench.errors import Holder
from orac_bench.records import Status
from orac_bench.store.document import Object, moment
from orac_bench.store.events import STARTED
from orac_bench.store.reading import run_row
from orac_bench.store.tables import CaseRow, EventRow, ResultRow, RunRow


@dataclass(frozen=True, kw_only=True)
class RunLine:
    """A run in one line of a list. A case that is measured for a set time counts as one round, done when it is over."""

    id: str
    status: Status
    started: datetime
    ended: datetime | None
    trigger: str
    note: str | None
    models: tuple[str, ...]
    rounds: int
    """Those in the statistics."""
    rounds_planned: int
    """Of the cases that were begun."""
    failed: int
    """Measured rounds that failed."""
    cases: int
    """Those that were begun."""
    cases_done: int
    cases_planned: int | None
    """None where nobody knows any more: the run's events are forgotten, or it has not begun."""
    position: int | None
    """How many queued runs come before this one. None where it is not queued."""


_AHEAD = aliased(RunRow)
_POSITION = sa.case(
    (
        col(RunRow.status) == Status.QUEUED,
        sa.select(sa.func.count())
        .select_from(_AHEAD)
        .where(col(_AHEAD.status) == Status.QUEUED, col(_AHEAD.id) < col(RunRow.id))
        .correlate(RunRow)
        .scalar_subquery(),
    ),
    else_=None,
)
_PAGE = sa.select(
    col(RunRow.id),
    col(RunRow.uid),
    col(RunRow.status),
    col(RunRow.started),
    col(RunRow.ended),
    col(RunRow.trigger),
    col(RunRow.note),
    _POSITION,
).order_by(col(RunRow.started).desc(), col(RunRow.id).desc())
_TIMED = col(CaseRow.suite) == "sustained"
"""Of a case: `done` and `planned` of its results are seconds."""
_INSIDE = (
    sa.select(
        col(ResultRow.run_id),
        col(ResultRow.model_name),
        col(ResultRow.status),
        sa.case(
            (_TIMED, sa.cast(col(ResultRow.done) >= col(ResultRow.planned), sa.Integer)), else_=col(ResultRow.done)
        ),
        sa.case((_TIMED, 1), else_=col(ResultRow.planned)),
        col(ResultRow.failed),
    )
    .join(CaseRow, col(CaseRow.id) == col(ResultRow.case_id))
    .order_by(col(ResultRow.position))
)
_STARTS = (
    sa.select(col(EventRow.run_id), col(EventRow.data))
    .where(col(EventRow.kind) == STARTED)
    .order_by(col(EventRow.number))
)
_FINISHED = (Status.DONE, Status.FAILED)

_Inside = tuple[str, Status, int, int, int]
"""Of a result: its model, its status, rounds done, planned and failed."""


def runs(session: Session, *, limit: int, before: str | None) -> tuple[RunLine, ...]:
    """Runs, newest first, at most `limit`, older than the run `before`. Raises UnknownRun where that is none."""
    page = _PAGE.limit(limit)
    if before is not None:
        edge = run_row(session, before)
        older, as_old = col(RunRow.started) < edge.started, col(RunRow.started) == edge.started
        page = page.where(older | (as_old & (col(RunRow.id) < edge.id)))
    rows = session.execute(page).all()
    ids = [row[0] for row in rows]
    inside: dict[int, list[_Inside]] = {row: [] for row in ids}
    for run_id, *result in session.execute(_INSIDE.where(col(ResultRow.run_id).in_(ids))):
        inside[run_id].append(cast(_Inside, tuple(result)))
    planned = _planned(session, ids)
    return tuple(
        RunLine(
            id=uid,
            status=status,
            started=started,
            ended=ended,
            trigger=trigger,
            note=note,
            models=tuple(dict.fromkeys(model for model, *_ in inside[row])),
            rounds=sum(done for _, _, done, _, _ in inside[row]),
            rounds_planned=sum(wanted for _, _, _, wanted, _ in inside[row]),
            failed=sum(failed for *_, failed in inside[row]),
            cases=len(inside[row]),
            cases_done=sum(one in _FINISHED for _, one, _, _, _ in inside[row]),
            cases_planned=planned.get(row),
            position=position,
        )
        for row, uid, status, started, ended, trigger, note, position in rows
    )


def page_part(lines: Sequence[RunLine], *, limit: int, holder: Holder | None) -> Object:
    """A page of at most `limit` runs as `GET /v1/runs` and `orac list --json` answer it; `holder` measures now.

    `next` is for the page after it, null on the last one.
    """
    following = lines[-1].id if len(lines) == limit else None
    return {"runs": [line_part(line, holder) for line in lines], "next": following}


def line_part(line: RunLine, holder: Holder | None) -> Object:
    """A run in a list. `likely_over` is null but of the run that `holder` measures now, once it can be told."""
    over = holder.likely_over if holder is not None and holder.run == line.id else None
    return {
        "id": line.id,
        "status": line.status.value,
        "started": moment(line.started),
        "ended": moment(line.ended),
        "trigger": line.trigger,
        "note": line.note,
        "models": [*line.models],
        "progress": {
            "rounds_done": line.rounds,
            "rounds_planned": line.rounds_planned,
            "rounds_failed": line.failed,
            "cases_done": line.cases_done,
            "cases_planned": line.cases_planned,
        },
        "position": line.position,
        "likely_over": moment(over) if line.status is Status.RUNNING else None,
    }


def _planned(session: Session, run_ids: Collection[int]) -> dict[int, int]:
    """How many cases were planned, as each run's last start told."""
    planned = {}
    for run_id, data in session.execute(_STARTS.where(col(EventRow.run_id).in_(run_ids))):
        cases = data.get("cases")
        if isinstance(cases, int):
            planned[run_id] = cases
    return planned
