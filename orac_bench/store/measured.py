"""A run's results as comparisons read them: columns of the rounds that count, not records. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlmodel import col

from orac_bench.records import Case, Json, Status, Summary
from orac_bench.stats.summary import summarise
from orac_bench.store.rows import case_record, result_facts, summary_record
from orac_bench.store.tables import CaseRow, MetricRow, ModelRow, ResultRow, RoundRow, RunRow


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A result's counted rounds of some metrics. A metric that no counted round has is in neither mapping."""

    case: Case
    status: Status
    planned: int
    done: int
    """Counted rounds; of a sustained result seconds."""
    failed: int
    offload_ratio: float | None
    facts: Mapping[str, Json]
    summary: Mapping[str, Summary]
    values: Mapping[str, tuple[float, ...]]
    """By metric, in the order of measuring."""
    blocks: Mapping[str, tuple[int | None, ...]]
    """The block of each of `values`, None where rounds followed each other plainly."""


def measured(
    session: Session, run: RunRow, metrics: Sequence[str], *, cases: Collection[str] | None
) -> tuple[Measured, ...]:
    """The results of `run` in the order of measuring, with `metrics`; of the cases with these keys, None for all.

    The summary of one that is still running is that of its rounds so far.
    """
    query = (
        sa.select(ResultRow, CaseRow, col(ModelRow.digest))
        .join(CaseRow, col(CaseRow.id) == col(ResultRow.case_id))
        .join(ModelRow, col(ModelRow.id) == col(CaseRow.model_id))
        .where(col(ResultRow.run_id) == run.id)
    )
    if cases is not None:
        query = query.where(col(CaseRow.key).in_(cases))
    results = session.execute(query.order_by(col(ResultRow.position), col(ResultRow.id))).all()
    ids = [row.id or 0 for row, _, _ in results]
    stored: dict[int, dict[str, Summary]] = {}
    rows = sa.select(MetricRow).where(col(MetricRow.result_id).in_(ids), col(MetricRow.metric).in_(metrics))
    for one in session.scalars(rows):
        stored.setdefault(one.result_id, {})[one.metric] = summary_record(one)
    values, blocks = _columns(session, ids, metrics)
    return tuple(
        Measured(
            case=case_record(case, model=row.model_name, digest=digest, facts=row.facts),
            status=row.status,
            planned=row.planned,
            done=row.done,
            failed=row.failed,
            offload_ratio=row.offload_ratio,
            facts=result_facts(row),
            summary=stored.get(row.id or 0, {})
            if row.status is not Status.RUNNING
            else {metric: summarise(found) for metric, found in values.get(row.id or 0, {}).items()},
            values={metric: tuple(found) for metric, found in values.get(row.id or 0, {}).items()},
            blocks={metric: tuple(found) for metric, found in blocks.get(row.id or 0, {}).items()},
        )
        for row, case, digest in results
    )


_Columns = dict[int, dict[str, list[float]]]
_Blocks = dict[int, dict[str, list["int | None"]]]


def _columns(session: Session, ids: Sequence[int], metrics: Sequence[str]) -> tuple[_Columns, _Blocks]:
    """Values and blocks of the counted rounds by result and metric."""
    values: _Columns = {}
    blocks: _Blocks = {}
    query = sa.select(
        col(RoundRow.result_id), col(RoundRow.block), *(col(getattr(RoundRow, metric)) for metric in metrics)
    ).where(col(RoundRow.result_id).in_(ids), col(RoundRow.counted))
    for result_id, block, *row in session.execute(query.order_by(col(RoundRow.id))):
        for metric, value in zip(metrics, row, strict=True):
            if value is not None:
                values.setdefault(result_id, {}).setdefault(metric, []).append(value)
                blocks.setdefault(result_id, {}).setdefault(metric, []).append(block)
    return values, blocks
