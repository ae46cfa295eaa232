"""Cases over time: what was summarised when results closed, as columns. Nothing is changed here.

Each function works within the transaction that its caller holds. Rounds are not read, so that a thousand runs of a
case answer in a few milliseconds. What must never live here: a judgement.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased
from sqlmodel import col

from orac_bench.errors import UnknownCase
from orac_bench.records import Case, Json, Status, Summary
from orac_bench.store.rows import case_record, facts_record
from orac_bench.store.summaries import stored
from orac_bench.store.tables import (
    METRIC_COLUMNS,
    CaseRow,
    ConditionsRow,
    MetricRow,
    ModelRow,
    ResultRow,
    RunRow,
)


class Point(NamedTuple):
    """A case's metric in one run. The interval is None below 6 rounds."""

    run: str
    at: datetime
    """When the run began, UTC."""
    n: int
    median: float
    ci_low: float | None
    ci_high: float | None
    conditions: str | None
    """Their hash; None where the run ended before they were known."""
    metrics_version: int
    offload_ratio: float | None

    @property
    def kind(self) -> tuple[str | None, int, float | None]:
        """What must be equal for points to be of one level: conditions, definitions, share on the GPU to 1 %."""
        share = None if self.offload_ratio is None else round(self.offload_ratio, 2)
        return self.conditions, self.metrics_version, share


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A run that has the case, and no value of the metric for it: it failed, or nothing of it counts."""

    run: str
    at: datetime
    """When the run began, UTC."""
    status: Status


@dataclass(frozen=True, kw_only=True)
class CaseLine:
    """A case in one line of a list. `metrics` are those of its latest results, in the order of tables."""

    case: Case
    runs: int
    last_at: datetime
    metrics: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Recent:
    """A case's metric in its latest results, oldest first."""

    case: Case
    points: tuple[Point, ...]
    last: Summary
    """Of the newest point."""


_POINT = (
    col(RunRow.uid),
    col(RunRow.started),
    col(MetricRow.n),
    col(MetricRow.median),
    col(MetricRow.ci_low),
    col(MetricRow.ci_high),
    col(ConditionsRow.hash),
    col(RunRow.metrics_version),
    col(ResultRow.offload_ratio),
)

_CASE = sa.select(col(CaseRow.id)).where(col(CaseRow.key) == sa.bindparam("case")).scalar_subquery()

_MEDIANS = sa.select(
    col(MetricRow.result_id), col(MetricRow.n), col(MetricRow.median), col(MetricRow.ci_low), col(MetricRow.ci_high)
).where(col(MetricRow.case_id) == _CASE, col(MetricRow.metric) == sa.bindparam("metric"))
"""Out of one stretch of an index. Joined to the results they would be looked up one by one, a page each."""

_RESULTS = (
    sa.select(
        col(ResultRow.id),
        col(RunRow.uid),
        col(RunRow.started),
        col(ConditionsRow.hash),
        col(RunRow.metrics_version),
        col(ResultRow.offload_ratio),
    )
    .join(RunRow, col(RunRow.id) == col(ResultRow.run_id))
    .outerjoin(ConditionsRow, col(ConditionsRow.id) == col(RunRow.conditions_id))
    .where(col(ResultRow.case_id) == _CASE)
    .order_by(col(RunRow.started), col(RunRow.id))
)


def points(session: Session, case_key: str, metric: str) -> tuple[Point, ...]:
    """The case's metric in every run that has it, oldest first."""
    return _line(session, case_key, metric)[0]


def line(session: Session, case_key: str, metric: str) -> tuple[tuple[Point, ...], tuple[Gap, ...]]:
    """The case's metric in every run that has it, and the ended results of the case without it; both oldest first."""
    there, lacking = _line(session, case_key, metric)
    if not lacking:
        return there, ()
    query = (
        sa.select(col(RunRow.uid), col(ResultRow.status))
        .join(ResultRow, col(ResultRow.run_id) == col(RunRow.id))
        .join(CaseRow, col(CaseRow.id) == col(ResultRow.case_id))
        .where(col(CaseRow.key) == case_key, col(ResultRow.status).not_in((Status.QUEUED, Status.RUNNING)))
    )
    ended = {run: status for run, status in session.execute(query) if run in lacking}
    return there, tuple(Gap(run=run, at=at, status=ended[run]) for run, at in lacking.items() if run in ended)


def _line(session: Session, case_key: str, metric: str) -> tuple[tuple[Point, ...], dict[str, datetime]]:
    """The case's points, and when the runs began whose result of it lacks the metric; both oldest first.

    On the connection itself: the session would look for records in each of a thousand rows.
    """
    connection, of = session.connection(), {"case": case_key, "metric": metric}
    medians = {row[0]: row for row in connection.execute(_MEDIANS, of).all()}
    there, lacking = [], {}
    for result, run, at, conditions, version, share in connection.execute(_RESULTS, of).all():
        figures = medians.get(result or 0)
        if figures is None:
            lacking[run] = at
        else:
            _, n, median, low, high = figures
            there.append(Point(run, at, n, median, low, high, conditions, version, share))
    return tuple(there), lacking


def case(session: Session, key: str) -> Case:
    """The case with exactly this key, under its model's latest name. Raises UnknownCase."""
    query = sa.select(CaseRow, ModelRow, _facts()).join(ModelRow, col(ModelRow.id) == col(CaseRow.model_id))
    found = session.execute(query.where(col(CaseRow.key) == key)).one_or_none()
    if found is None:
        raise UnknownCase(
            f"There is no case {key} in the store.", next="See the cases of a run with `orac show latest --json`."
        )
    row, model, told = found
    return case_record(row, model=model.name, digest=model.digest, facts=told)


def cases(session: Session) -> tuple[CaseLine, ...]:
    """Every case that was measured, the one with the newest result first."""
    times = sa.func.count(), sa.func.max(col(ResultRow.started))
    counted = {
        case_id: (runs, last)
        for case_id, runs, last in session.execute(
            sa.select(col(ResultRow.case_id), *times).group_by(col(ResultRow.case_id))
        )
    }
    metrics: dict[int, set[str]] = {}
    told = (
        sa.select(col(CaseRow.id), col(MetricRow.metric))
        .select_from(CaseRow)
        .join(ResultRow, col(ResultRow.id).in_(_latest(5)))
        .join(MetricRow, col(MetricRow.result_id) == col(ResultRow.id))
    )
    for case_id, metric in session.execute(told.distinct()):
        metrics.setdefault(case_id or 0, set()).add(metric)
    lines = [
        CaseLine(
            case=case,
            runs=counted[case_id][0],
            last_at=last_at,
            metrics=tuple(key for key in METRIC_COLUMNS if key in metrics.get(case_id, ())),
        )
        for case_id, case in _cases(session).items()
        if case_id in counted and (last_at := counted[case_id][1]) is not None
    ]
    return tuple(sorted(lines, key=lambda line: line.last_at, reverse=True))


def recent(session: Session, metrics: Mapping[str, str], *, otherwise: str, limit: int) -> tuple[Recent, ...]:
    """Each case's last `limit` points of its suite's metric, in the order of the cases' rows."""
    wanted = sa.case(*((col(CaseRow.suite) == suite, one) for suite, one in metrics.items()), else_=otherwise)
    query = (
        sa.select(col(CaseRow.id), col(ResultRow.id), *_POINT)
        .select_from(CaseRow)
        .join(ResultRow, col(ResultRow.id).in_(_latest(limit)))
        .join(MetricRow, (col(MetricRow.result_id) == col(ResultRow.id)) & (col(MetricRow.metric) == wanted))
        .join(RunRow, col(RunRow.id) == col(ResultRow.run_id))
        .outerjoin(ConditionsRow, col(ConditionsRow.id) == col(RunRow.conditions_id))
        .order_by(col(RunRow.started), col(RunRow.id))
    )
    lines: dict[int, list[Point]] = {}
    newest: dict[int, int] = {}
    for case_id, result_id, *point in session.execute(query):
        lines.setdefault(case_id or 0, []).append(Point(*point))
        newest[case_id or 0] = result_id or 0
    known = _cases(session)
    summaries = stored(session, newest.values())
    return tuple(
        Recent(
            case=(case := known[case_id]),
            points=tuple(line),
            last=summaries[newest[case_id]][metrics.get(case.suite, otherwise)],
        )
        for case_id, line in sorted(lines.items())
    )


def medians(session: Session) -> tuple[tuple[Case, dict[str, float]], ...]:
    """Every metric's median in the newest result of each case, in the order of the cases' rows."""
    query = (
        sa.select(col(CaseRow.id), col(MetricRow.metric), col(MetricRow.median))
        .select_from(CaseRow)
        .join(ResultRow, col(ResultRow.id).in_(_latest(1)))
        .join(MetricRow, col(MetricRow.result_id) == col(ResultRow.id))
    )
    found: dict[int, dict[str, float]] = {}
    for case_id, metric, median in session.execute(query):
        found.setdefault(case_id or 0, {})[metric] = median
    known = _cases(session)
    return tuple((known[case_id], values) for case_id, values in sorted(found.items()))


def facts(session: Session, hashes: Collection[str]) -> dict[str, Mapping[str, Json]]:
    """The facts of conditions by their hash."""
    rows = session.scalars(sa.select(ConditionsRow).where(col(ConditionsRow.hash).in_(hashes)))
    return {row.hash: facts_record(row) for row in rows}


def _latest(limit: int) -> sa.Select[Any]:
    """Ids of the newest results that have a summary, at most `limit`, of the case that the query around it is at."""
    inner = aliased(ResultRow)
    return (
        sa.select(col(inner.id))
        .where(col(inner.case_id) == col(CaseRow.id))
        .where(sa.exists().where(col(MetricRow.result_id) == col(inner.id)).correlate(inner))
        .order_by(col(inner.started).desc())
        .limit(limit)
        .correlate(CaseRow)
    )


def _cases(session: Session) -> dict[int, Case]:
    """Every case by its row, under the model's latest name and as its latest result tells it from others."""
    query = sa.select(CaseRow, ModelRow, _facts()).join(ModelRow, col(ModelRow.id) == col(CaseRow.model_id))
    return {
        row.id or 0: case_record(row, model=model.name, digest=model.digest, facts=told)
        for row, model, told in session.execute(query)
    }


def _facts() -> sa.ScalarSelect[dict[str, object] | None]:
    """What was found out for the newest result of the case that the query around it is at; None without one."""
    return (
        sa.select(col(ResultRow.facts))
        .where(col(ResultRow.case_id) == col(CaseRow.id))
        .order_by(col(ResultRow.started).desc())
        .limit(1)
        .correlate(CaseRow)
        .scalar_subquery()
    )
