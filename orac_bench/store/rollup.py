"""Summaries computed anew from the rounds, each within the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlmodel import col

from orac_bench.records import Status
from orac_bench.store.reading import summaries_of
from orac_bench.store.rows import metric_row
from orac_bench.store.state import computed_anew
from orac_bench.store.tables import MetricRow, ResultRow


def closed(session: Session) -> list[int]:
    """The rows of all results that have ended, oldest first."""
    query = sa.select(col(ResultRow.id)).where(col(ResultRow.status) != Status.RUNNING)
    return [result_id or 0 for result_id in session.scalars(query.order_by(col(ResultRow.id)))]


def rebuild(session: Session, result_ids: Sequence[int]) -> int:
    """Puts new summaries in the place of those of these results. How many they are."""
    session.execute(sa.delete(MetricRow).where(col(MetricRow.result_id).in_(result_ids)))
    found = summaries_of(session, result_ids)
    results = session.scalars(sa.select(ResultRow).where(col(ResultRow.id).in_(found)))
    rows = [
        metric_row(result, metric, summary) for result in results for metric, summary in found[result.id or 0].items()
    ]
    session.add_all(rows)
    session.flush()
    computed_anew(session)
    return len(rows)
