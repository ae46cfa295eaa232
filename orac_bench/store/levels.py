"""Where the level of a case changed: found when a run of it closes, kept, and read from there.

A change of conditions begins a new segment by definition; within a segment the change points of stats/history.py
count. What must never live here: the words for a cause.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, cast

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlmodel import col

from orac_bench.records import Case
from orac_bench.stats.history import change_points
from orac_bench.store.history import Point, points
from orac_bench.store.state import computed_anew
from orac_bench.store.tables import CaseRow, LevelChangeRow, ResultRow, RunRow

METHOD_VERSION = 1
"""Of `change_points` and of what a segment is; stored with every change that was found."""

Cause = Literal["measured", "conditions"]
"""`conditions`: what decides comparability is another from this run on. `measured`: it is not, and yet the level is."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A new level of a case's metric, from run `run` on."""

    run: str
    ratio: float | None
    """New level over the one before, as medians of the runs' medians. None where the conditions changed, and where
    the level before is not above 0."""
    cause: Cause


def changes(line: Sequence[Point]) -> tuple[Change, ...]:
    """The changes of level in `line` (one case's metric, oldest first)."""
    return _changes(line, segments(line))


def segments(line: Sequence[Point]) -> list[tuple[int, int]]:
    """Where stretches of equal conditions begin and end (exclusive) in `line`."""
    edges = [index for index, (a, b) in enumerate(pairwise(line), start=1) if a.kind != b.kind]
    return list(pairwise([0, *edges, len(line)])) if line else []


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """A case by its row, its key and its suite."""

    row: int
    key: str
    suite: str


@dataclass(frozen=True, kw_only=True)
class Found:
    """The changes of level of a case's metric, and all the runs at which they were sought."""

    case_id: int
    metric: str
    runs: frozenset[str]
    changes: tuple[Change, ...]


def cases_of(session: Session, run: RunRow) -> tuple[Measuring, ...]:
    """The cases that `run` measured."""
    query = sa.select(col(CaseRow.id), col(CaseRow.key), col(CaseRow.suite)).join(
        ResultRow, col(ResultRow.case_id) == col(CaseRow.id)
    )
    rows = session.execute(query.where(col(ResultRow.run_id) == run.id).order_by(col(ResultRow.position)))
    return tuple(Measuring(row=row or 0, key=key, suite=suite) for row, key, suite in rows)


def find(session: Session, case: Measuring, metrics: Sequence[str], run: str) -> int:
    """Finds the changes of level of one case's metrics anew where `run` can have changed them. How many are there.

    That is the segment of this run, and those beside it.
    """
    found = 0
    for metric in metrics:
        line = points(session, case.key, metric)
        found += _keep(session, _sought(case.row, metric, line, _around(line, run)))
    return found


def rebuild(session: Session, case: Case, metrics: Sequence[str]) -> int:
    """Finds the changes of level of one case anew, from its first run on. How many there are."""
    case_id = session.scalar(sa.select(col(CaseRow.id)).where(col(CaseRow.key) == case.key)) or 0
    session.execute(sa.delete(LevelChangeRow).where(col(LevelChangeRow.case_id) == case_id))
    computed_anew(session)
    found = 0
    for metric in metrics:
        line = points(session, case.key, metric)
        found += _keep(session, _sought(case_id, metric, line, segments(line)))
    return found


def without(session: Session, run: RunRow) -> tuple[Found, ...]:
    """What the changes of level are without `run`, of the metrics of its cases that have any: each leans on its runs.

    Takes a second for 60 cases in 1,000 runs, which is too long for others to wait.
    """
    query = (
        sa.select(col(CaseRow.id), col(CaseRow.key), col(LevelChangeRow.metric))
        .join(LevelChangeRow, col(LevelChangeRow.case_id) == col(CaseRow.id))
        .join(ResultRow, col(ResultRow.case_id) == col(CaseRow.id))
    )
    found = []
    for case_id, key, metric in session.execute(query.where(col(ResultRow.run_id) == run.id).distinct()).all():
        line = [point for point in points(session, key, metric) if point.run != run.uid]
        found.append(_sought(case_id or 0, metric, line, segments(line)))
    return tuple(found)


def delete_run(session: Session, run: RunRow, found: Sequence[Found]) -> None:
    """Deletes `run`, and keeps what was `found` without it."""
    session.delete(run)
    session.flush()
    session.expire_all()
    for one in found:
        _keep(session, one)


def stored(session: Session, case_key: str, metric: str) -> tuple[Change, ...]:
    """The changes as they were found when runs closed, oldest first."""
    query = (
        sa.select(col(RunRow.uid), col(LevelChangeRow.ratio), col(LevelChangeRow.cause))
        .join(RunRow, col(RunRow.id) == col(LevelChangeRow.run_id))
        .join(CaseRow, col(CaseRow.id) == col(LevelChangeRow.case_id))
        .where(col(CaseRow.key) == case_key, col(LevelChangeRow.metric) == metric)
        .order_by(col(RunRow.started), col(RunRow.id))
    )
    return tuple(Change(run=uid, ratio=ratio, cause=cast(Cause, cause)) for uid, ratio, cause in session.execute(query))


def _sought(case_id: int, metric: str, line: Sequence[Point], pieces: Sequence[tuple[int, int]]) -> Found:
    """What is found in `pieces` of `line`."""
    runs = frozenset(point.run for begin, end in pieces for point in line[begin:end])
    return Found(case_id=case_id, metric=metric, runs=runs, changes=_changes(line, pieces))


def _keep(session: Session, sought: Found) -> int:
    """Puts the changes in the place of those known at these runs; nothing is written where all are. How many are."""
    case_id, metric = sought.case_id, sought.metric
    query = sa.select(LevelChangeRow, col(RunRow.uid)).join(RunRow, col(RunRow.id) == col(LevelChangeRow.run_id))
    ours = query.where(col(LevelChangeRow.case_id) == case_id, col(LevelChangeRow.metric) == metric)
    known = {uid: row for row, uid in session.execute(ours) if uid in sought.runs}
    found = {one.run: one for one in sought.changes}
    equal = {
        uid
        for uid, row in known.items()
        if uid in found and (row.ratio, row.cause) == (found[uid].ratio, found[uid].cause)
    }
    for uid in known.keys() - equal:
        session.delete(known[uid])
    session.flush()
    fresh = [one for uid, one in found.items() if uid not in equal]
    ids = sa.select(col(RunRow.uid), col(RunRow.id)).where(col(RunRow.uid).in_([one.run for one in fresh]))
    rows = {uid: run_id or 0 for uid, run_id in session.execute(ids)} if fresh else {}
    session.add_all(
        LevelChangeRow(
            case_id=case_id,
            metric=metric,
            run_id=rows[one.run],
            ratio=one.ratio,
            cause=one.cause,
            method_version=METHOD_VERSION,
        )
        for one in fresh
    )
    session.flush()
    if fresh or known.keys() != equal:
        computed_anew(session)
    return len(found)


def _around(line: Sequence[Point], run: str) -> list[tuple[int, int]]:
    """The segment that holds `run` and its neighbours; [] where the line has no such point."""
    pieces = segments(line)
    at = next((n for n, (begin, end) in enumerate(pieces) if any(p.run == run for p in line[begin:end])), None)
    return [] if at is None else pieces[max(0, at - 1) : at + 2]


def _changes(line: Sequence[Point], pieces: Sequence[tuple[int, int]]) -> tuple[Change, ...]:
    """The changes at the beginnings of `pieces`, but for the first of the line, and within them."""
    found = []
    for begin, end in pieces:
        if begin > 0:
            found.append(Change(run=line[begin].run, ratio=None, cause="conditions"))
        medians = [point.median for point in line[begin:end]]
        edges = [0, *change_points(medians), len(medians)]
        for before, at, after in zip(edges, edges[1:], edges[2:], strict=False):
            old, new = statistics.median(medians[before:at]), statistics.median(medians[at:after])
            ratio = new / old if old > 0 else None
            found.append(Change(run=line[begin + at].run, ratio=ratio, cause="measured"))
    return tuple(found)
