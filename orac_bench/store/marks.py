"""What people say about runs: baselines, annotations, acknowledged changes. Within the caller's transaction."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlmodel import col

from orac_bench.errors import UnknownBaseline, UnknownCase, UsageError
from orac_bench.records import Status
from orac_bench.store.tables import AcknowledgementRow, AnnotationRow, BaselineRow, CaseRow, ResultRow, RunRow

NAME = r"^[a-z0-9][a-z0-9._-]{0,79}$"
"""What a baseline can be called."""

WAITING = (Status.QUEUED, Status.RUNNING)


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A name for a run. `at` is when it was given, UTC."""

    name: str
    run: str
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """What a person wrote beside a run, or beside one case of it. `at` is UTC."""

    run: str
    case: str | None
    at: datetime
    text: str


def set_baseline(session: Session, name: str, run: RunRow, *, now: datetime) -> Baseline:
    """The baseline `name`, which is that run from now on, whatever it was before.

    Raises UsageError for a name that cannot be one, and for a run that has not ended.
    """
    _check(session, name)
    if run.status in WAITING:
        raise UsageError(
            f"Run {run.uid} is {run.status.value}; a baseline is a run that has ended.",
            next="Wait for its end: orac list",
        )
    row = session.get(BaselineRow, name) or BaselineRow(name=name, run_id=run.id or 0, at=now)
    row.run_id, row.at = run.id or 0, now
    session.add(row)
    return Baseline(name=name, run=run.uid, at=now)


def remove_baseline(session: Session, name: str) -> str:
    """The run that had the name until now. Raises UnknownBaseline with what there is."""
    row = session.get(BaselineRow, name)
    if row is None:
        known = [one.name for one in baselines(session)]
        raise UnknownBaseline(
            f"There is no baseline {name}; " + (f"there are {', '.join(known)}." if known else "there is none at all."),
            next="See them with `orac baseline list`.",
        )
    run = session.get_one(RunRow, row.run_id).uid
    session.delete(row)
    return run


def baselines(session: Session) -> tuple[Baseline, ...]:
    """Every baseline, the one that was set last first."""
    query = sa.select(col(BaselineRow.name), col(RunRow.uid), col(BaselineRow.at)).join(
        RunRow, col(RunRow.id) == col(BaselineRow.run_id)
    )
    rows = session.execute(query.order_by(col(BaselineRow.at).desc(), col(BaselineRow.name)))
    return tuple(Baseline(name=name, run=uid, at=at) for name, uid, at in rows)


def annotate(session: Session, run: RunRow, text: str, *, case_key: str | None, now: datetime) -> Annotation:
    """The new annotation of `run`, or of one case of it. Raises UnknownCase for one that the run has not."""
    case = None if case_key is None else case_of(session, run, case_key)
    session.add(
        AnnotationRow(run_id=run.id or 0, case_id=None if case is None else case.id, at=now, text=checked(text))
    )
    return Annotation(run=run.uid, case=None if case is None else case.key, at=now, text=text)


def written(session: Session, *, run: RunRow | None = None, case_key: str | None = None) -> tuple[Annotation, ...]:
    """Annotations, oldest first: of one run, or of every run of a case, but not those of another case in it."""
    query = (
        sa.select(col(RunRow.uid), col(CaseRow.key), col(AnnotationRow.at), col(AnnotationRow.text))
        .join(RunRow, col(RunRow.id) == col(AnnotationRow.run_id))
        .outerjoin(CaseRow, col(CaseRow.id) == col(AnnotationRow.case_id))
        .order_by(col(AnnotationRow.at), col(AnnotationRow.id))
    )
    if run is not None:
        query = query.where(col(AnnotationRow.run_id) == run.id)
    if case_key is not None:
        case = sa.select(col(CaseRow.id)).where(col(CaseRow.key) == case_key).scalar_subquery()
        measured = sa.exists().where(col(ResultRow.run_id) == col(AnnotationRow.run_id), col(ResultRow.case_id) == case)
        query = query.where(measured)
        query = query.where(col(AnnotationRow.case_id).is_(None) | (col(AnnotationRow.case_id) == case))
    return tuple(Annotation(run=uid, case=key, at=at, text=text) for uid, key, at, text in session.execute(query))


def acknowledge(session: Session, run: RunRow, case_key: str, metric: str, text: str | None, *, now: datetime) -> None:
    """Notes that the change of that metric of the case at `run` is known. Raises UnknownCase."""
    case_id = case_of(session, run, case_key).id or 0
    row = session.get(AcknowledgementRow, (case_id, metric, run.id or 0))
    row = row or AcknowledgementRow(case_id=case_id, metric=metric, run_id=run.id or 0, at=now)
    row.at, row.text = now, None if text is None else checked(text)
    session.add(row)


def acknowledged(session: Session, case_key: str, metric: str) -> frozenset[str]:
    """The runs whose change of that metric of the case is known."""
    query = (
        sa.select(col(RunRow.uid))
        .join(AcknowledgementRow, col(AcknowledgementRow.run_id) == col(RunRow.id))
        .join(CaseRow, col(CaseRow.id) == col(AcknowledgementRow.case_id))
        .where(col(CaseRow.key) == case_key, col(AcknowledgementRow.metric) == metric)
    )
    return frozenset(session.scalars(query))


def case_of(session: Session, run: RunRow, ref: str) -> CaseRow:
    """The case of `run` whose key begins with `ref`. Raises UnknownCase with those that the run has."""
    query = sa.select(CaseRow).join(ResultRow, col(ResultRow.case_id) == col(CaseRow.id))
    cases = session.scalars(query.where(col(ResultRow.run_id) == run.id).order_by(col(ResultRow.position))).all()
    found = [case for case in cases if case.key == ref] or [case for case in cases if ref and case.key.startswith(ref)]
    if len(found) != 1:
        keys = ", ".join(f"{case.key} ({case.suite})" for case in cases[:12])
        what = f"has no case {ref}" if not found else f"has several cases that begin with {ref}"
        raise UnknownCase(
            f"Run {run.uid} {what}; it has {keys or 'none'}.", next=f"See them with `orac show {run.uid} --json`."
        )
    return found[0]


def checked(text: str) -> str:
    """`text`, which says something. Raises UsageError for blanks only and for more than 2,000 characters."""
    if not text.strip() or len(text) > 2000:
        raise UsageError(
            f"A note has 1 to 2,000 characters; this one has {len(text.strip())}.", next="Say it in a sentence or two."
        )
    return text


def _check(session: Session, name: str) -> None:
    """Raises UsageError where `name` cannot be a baseline's, or would stand for another run as well."""
    if not re.fullmatch(NAME, name):
        raise UsageError(
            f"{name!r} cannot be a baseline's name: it has 1 to 80 lower-case letters, digits, dots, underscores and "
            "hyphens, and begins with a letter or a digit.",
            next="For example: orac baseline set main-baseline latest",
        )
    if name.startswith("latest"):
        raise UsageError(
            f"{name!r} cannot be a baseline's name: latest is the newest run.",
            next="For example: orac baseline set main-baseline latest",
        )
    taken = session.scalar(sa.select(col(RunRow.uid)).where(col(RunRow.uid).startswith(name, autoescape=True)).limit(1))
    if taken is not None and taken.startswith(name):
        raise UsageError(
            f"{name!r} cannot be a baseline's name: the id of run {taken} begins so.",
            next="For example: orac baseline set main-baseline latest",
        )
