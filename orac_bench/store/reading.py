"""What is asked of the store, each function within the transaction that its caller holds. Nothing is changed here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlmodel import col

from orac_bench.errors import UnknownRound, UnknownRun
from orac_bench.records import Phase, Result, Round, Run, Status, Summary
from orac_bench.stats.summary import summarise
from orac_bench.store.marks import Annotation, case_of, written
from orac_bench.store.rows import arrivals_of, case_record, result_record, round_record, run_record
from orac_bench.store.summaries import stored
from orac_bench.store.tables import (
    METRIC_COLUMNS,
    BaselineRow,
    CaseRow,
    ChunksRow,
    ConditionsRow,
    ModelRow,
    ResultRow,
    RoundRow,
    RunRow,
)

SHORTEST_PREFIX = 4
"""Letters of a run's id that are enough to name it, where no other run begins with them."""

_RUN = (
    sa.select(RunRow, ConditionsRow)
    .outerjoin(ConditionsRow, col(ConditionsRow.id) == col(RunRow.conditions_id))
    .where(col(RunRow.uid) == sa.bindparam("run"))
)
_RESULTS = (
    sa.select(ResultRow, CaseRow, col(ModelRow.digest))
    .join(CaseRow, col(CaseRow.id) == col(ResultRow.case_id))
    .join(ModelRow, col(ModelRow.id) == col(CaseRow.model_id))
    .where(col(ResultRow.run_id) == sa.bindparam("run"))
    .order_by(col(ResultRow.position), col(ResultRow.id))
)

FLAT_COLUMNS = ("run", "case", "model", "suite", "round", "phase", "counted", "flags", *METRIC_COLUMNS)
"""Of the table with one row a round; flags are words with a space between them."""


class Whole(NamedTuple):
    """A run with its results, and with what people wrote beside it, all as of one moment."""

    run: Run
    results: tuple[Result, ...]
    annotations: tuple[Annotation, ...]


def resolve(session: Session, ref: str, *, place: str) -> str:
    """The id of the run that `ref` names: an id, a baseline's name, the beginning of an id, `latest`, or `latest~2`.

    Raises UnknownRun, with what there is in the database at `place`.
    """
    if holds(session, ref):
        return ref
    newest = sa.select(col(RunRow.uid)).order_by(col(RunRow.started).desc(), col(RunRow.id).desc())
    begun = newest.where(col(RunRow.status) != Status.QUEUED)
    named = sa.select(col(RunRow.uid)).join(BaselineRow, col(BaselineRow.run_id) == col(RunRow.id))
    if (run := session.scalar(named.where(col(BaselineRow.name) == ref))) is not None:
        return run
    if step := re.fullmatch(r"latest(?:~(\d{1,9}))?", ref):
        found = session.scalars(begun.offset(int(step[1] or 0)).limit(1)).all()
    elif len(ref) >= SHORTEST_PREFIX:
        found = session.scalars(newest.where(col(RunRow.uid).startswith(ref, autoescape=True)).limit(5)).all()
        found = [uid for uid in found if uid.startswith(ref)]
    else:
        found = []
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownRun(f"{ref} fits more than one run: {', '.join(found)}.", next="Give more of its id.")
    known = session.scalars(newest.limit(3)).all()
    if not known:
        raise UnknownRun(f"There is no run in {place} yet.", next="Measure something first with `orac bench`.")
    total = session.scalar(sa.select(sa.func.count()).select_from(RunRow))
    raise UnknownRun(
        f"There is no run {ref} in {place}, which holds {total}; the newest: {', '.join(known)}.",
        next="See them with `orac list`.",
    )


def revision(session: Session) -> str:
    """The number of the schema."""
    return str(session.scalar(sa.text("SELECT version_num FROM alembic_version")))


def run_row(session: Session, run_id: str) -> RunRow:
    """The row of the run with exactly this id. Raises UnknownRun."""
    row = session.scalars(sa.select(RunRow).where(col(RunRow.uid) == run_id)).one_or_none()
    if row is None:
        raise _no_run(run_id)
    return row


def run_key(session: Session, run_id: str) -> int:
    """What the tables know the run with exactly this id by. Raises UnknownRun."""
    key = session.scalar(sa.select(col(RunRow.id)).where(col(RunRow.uid) == run_id))
    if key is None:
        raise _no_run(run_id)
    return key


def holds(session: Session, run_id: str) -> bool:
    """Whether there is a run with exactly this id."""
    return session.scalar(sa.select(col(RunRow.id)).where(col(RunRow.uid) == run_id)) is not None


def same(session: Session, given: Run, given_results: Sequence[Result]) -> bool:
    """Whether the run with `given`'s id is stored exactly as given, but for its summaries, which follow from rounds."""
    row, conditions = _with_conditions(session, given.id)
    bare = [replace(result, summary={}, done=0) for result in results(session, row, rounds=True, arrivals=True)]
    return run_record(row, conditions) == given and bare == [
        replace(result, summary={}, done=0) for result in given_results
    ]


def run(session: Session, run_id: str) -> Run:
    """The run with exactly this id. Raises UnknownRun."""
    return run_record(*_with_conditions(session, run_id))


def whole(session: Session, ref: str, *, rounds: bool, place: str) -> Whole:
    """The run that `ref` names, as `resolve` says, with all that is shown of it. Raises UnknownRun."""
    row, conditions = _with_conditions(session, resolve(session, ref, place=place))
    return Whole(
        run=run_record(row, conditions),
        results=results(session, row, rounds=rounds, arrivals=False),
        annotations=written(session, run=row),
    )


def results(session: Session, run: RunRow, *, rounds: bool, arrivals: bool) -> tuple[Result, ...]:
    """The results of a run in the order of measuring, with their rounds where asked for.

    The summary of one that is still running is that of its rounds so far.
    """
    found = session.execute(_RESULTS, {"run": run.id}).all()
    ids = [row.id or 0 for row, _, _ in found]
    running = [row.id or 0 for row, _, _ in found if row.status is Status.RUNNING]
    summaries = stored(session, ids) | (summaries_of(session, running) if running else {})
    measured = _rounds(session, ids, arrivals=arrivals) if rounds else {}
    return tuple(
        result_record(
            row,
            case_record(case, model=row.model_name, digest=digest, facts=row.facts),
            summaries.get(row.id or 0, {}),
            tuple(measured.get(row.id or 0, ())),
        )
        for row, case, digest in found
    )


def arrivals(session: Session, run_id: str, case_key: str, index: int, phase: Phase) -> tuple[int, ...]:
    """Arrivals of a round's chunks, in ns after its request.

    Raises UnknownRun, UnknownCase, UnknownRound with what is there.
    """
    run = run_row(session, run_id)
    case = case_of(session, run, case_key)
    found = session.execute(
        sa.select(RoundRow, ChunksRow)
        .join(ResultRow, col(ResultRow.id) == col(RoundRow.result_id))
        .outerjoin(ChunksRow, col(ChunksRow.round_id) == col(RoundRow.id))
        .where(col(ResultRow.run_id) == run.id, col(ResultRow.case_id) == case.id)
        .where(col(RoundRow.phase) == phase, col(RoundRow.index) == index)
    ).one_or_none()
    if found is None:
        there = session.execute(
            sa.select(col(RoundRow.phase), sa.func.count(), sa.func.min(RoundRow.index), sa.func.max(RoundRow.index))
            .join(ResultRow, col(ResultRow.id) == col(RoundRow.result_id))
            .where(col(ResultRow.run_id) == run.id, col(ResultRow.case_id) == case.id)
            .group_by(col(RoundRow.phase))
            .order_by(col(RoundRow.phase))
        )
        has = ", ".join(f"{count} of phase {kind.value} ({low} to {high})" for kind, count, low, high in there)
        raise UnknownRound(
            f"Case {case.key} of run {run_id} has no round {index} of phase {phase.value}; it has {has or 'none'}.",
            next=f"See its rounds with `orac show {run_id} --rounds`.",
        )
    return arrivals_of(found[1])


def flat(session: Session, run_ids: Sequence[str] | None) -> list[tuple[object, ...]]:
    """One row a round, in the order of FLAT_COLUMNS; of all runs where `run_ids` is None, oldest first."""
    query = (
        sa.select(
            col(RunRow.uid),
            col(CaseRow.key),
            col(ResultRow.model_name),
            col(CaseRow.suite),
            col(RoundRow.index),
            col(RoundRow.phase),
            col(RoundRow.counted),
            col(RoundRow.flags),
            *(col(getattr(RoundRow, key)) for key in METRIC_COLUMNS),
        )
        .select_from(RoundRow)
        .join(ResultRow, col(ResultRow.id) == col(RoundRow.result_id))
        .join(CaseRow, col(CaseRow.id) == col(ResultRow.case_id))
        .join(RunRow, col(RunRow.id) == col(ResultRow.run_id))
        .order_by(col(RunRow.started), col(RunRow.id), col(ResultRow.position), col(RoundRow.id))
    )
    if run_ids is not None:
        query = query.where(col(RunRow.uid).in_(run_ids))
    return [(*row[:5], row[5].value, row[6], " ".join(row[7]), *row[8:]) for row in session.execute(query)]


def summaries_of(session: Session, result_ids: Sequence[int]) -> dict[int, dict[str, Summary]]:
    """Summaries by result and metric, computed from the counted rounds; no entry for a metric without values."""
    columns = [col(getattr(RoundRow, key)) for key in METRIC_COLUMNS]
    counted = (
        sa.select(col(RoundRow.result_id), col(RoundRow.block), *columns)
        .where(col(RoundRow.result_id).in_(result_ids), col(RoundRow.counted))
        .order_by(col(RoundRow.id))  # in the order of measuring: drift and likeness are of it
    )
    values: dict[int, dict[str, list[tuple[float, int | None]]]] = {}
    for result_id, block, *metrics in session.execute(counted):
        for key, value in zip(METRIC_COLUMNS, metrics, strict=True):
            if value is not None:
                values.setdefault(result_id, {}).setdefault(key, []).append((value, block))
    return {
        result_id: {
            key: summarise([value for value, _ in found[key]], [block for _, block in found[key]])
            for key in METRIC_COLUMNS
            if key in found
        }
        for result_id, found in values.items()
    }


def _with_conditions(session: Session, run_id: str) -> tuple[RunRow, ConditionsRow | None]:
    """The row of the run with exactly this id, and that of its conditions where it has any. Raises UnknownRun."""
    found = session.execute(_RUN, {"run": run_id}).one_or_none()
    if found is None:
        raise _no_run(run_id)
    row, conditions = found
    return row, conditions


def _no_run(run_id: str) -> UnknownRun:
    return UnknownRun(f"There is no run {run_id} in the store.", next="See them with `orac list`.")


def _rounds(session: Session, result_ids: Sequence[int], *, arrivals: bool) -> dict[int, list[Round]]:
    """Rounds by result, as they were measured."""
    query = sa.select(RoundRow).where(col(RoundRow.result_id).in_(result_ids)).order_by(col(RoundRow.id))
    chunks: dict[int, ChunksRow] = {}
    if arrivals:
        joined = sa.select(ChunksRow).join(RoundRow, col(RoundRow.id) == col(ChunksRow.round_id))
        chunks = {row.round_id: row for row in session.scalars(joined.where(col(RoundRow.result_id).in_(result_ids)))}
    found: dict[int, list[Round]] = {}
    for row in session.scalars(query):
        found.setdefault(row.result_id, []).append(round_record(row, arrivals_of(chunks.get(row.id or 0))))
    return found
