"""A run's results as comparisons read them: columns of the rounds that count, not records. Nothing is changed here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlmodel import col

from orac_bench.records import Case, Json, Status, Summary
from orac_bench.stats.summary import summarise
from orac_bench.store.rows import case_record, result_facts
from orac_bench.store.summaries import stored
from orac_bench.store.tables import CaseRow, ModelRow, ResultRow, RoundRow, RunRow


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
    running = {row.id or 0 for row, _, _ in results if row.status is Status.RUNNING}
    values, blocks = _columns(session, ids, metrics)
    summaries = stored(session, ids, metrics) | {
        one: {metric: summarise(found, blocks[one][metric]) for metric, found in values[one].items()}
        for one in running & values.keys()
    }
    return tuple(
        Measured(
            case=case_record(case, model=row.model_name, digest=digest, facts=row.facts),
            status=row.status,
            planned=row.planned,
            done=row.done,
            failed=row.failed,
            offload_ratio=row.offload_ratio,
            facts=result_facts(row),
            summary=summaries.get(row.id or 0, {}),
            values={metric: tuple(found) for metric, found in values.get(row.id or 0, {}).items()},
            blocks={metric: tuple(found) for metric, found in blocks.get(row.id or 0, {}).items()},
        )
        for row, case, digest in results
    )


_Columns = dict[int, dict[str, list[float]]]
_Blocks = dict[int, dict[str, list["int | None"]]]


def _columns(session: Session, ids: Sequence[int], metrics: Sequence[str]) -> tuple[_Columns, _Blocks]:
    """Values and blocks of the counted rounds by result and metric."""
    query = (
        sa.select(col(RoundRow.result_id), col(RoundRow.block), *(col(getattr(RoundRow, metric)) for metric in metrics))
        .where(col(RoundRow.result_id).in_(ids), col(RoundRow.counted))
        .order_by(col(RoundRow.result_id), col(RoundRow.id))
    )
    values: _Columns = {}
    blocks: _Blocks = {}
    for result_id, rounds in groupby(session.connection().execute(query), key=itemgetter(0)):
        _, of_rounds, *columns = zip(*rounds, strict=True)
        told = {metric: column for metric, column in zip(metrics, columns, strict=True) if set(column) != {None}}
        values[result_id] = {metric: [one for one in column if one is not None] for metric, column in told.items()}
        blocks[result_id] = {
            metric: [block for block, one in zip(of_rounds, column, strict=True) if one is not None]
            for metric, column in told.items()
        }
    return values, blocks
