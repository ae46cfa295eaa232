"""Summaries as they were written when results closed; within the transaction that the caller holds.

Columns instead of records: a comparison reads a thousand of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlmodel import col

from orac_bench.records import Summary
from orac_bench.store.tables import METRIC_COLUMNS, MetricRow

_FIELDS = tuple(Summary.__dataclass_fields__)
_STORED = sa.select(
    col(MetricRow.result_id), col(MetricRow.metric), *(col(getattr(MetricRow, name)) for name in _FIELDS)
)


def stored(
    session: Session, result_ids: Collection[int], metrics: Sequence[str] = METRIC_COLUMNS
) -> dict[int, dict[str, Summary]]:
    """The summaries of these results by result and metric, of `metrics` only and in their order."""
    rows = session.connection().execute(_STORED.where(col(MetricRow.result_id).in_(result_ids)))
    kept: dict[int, dict[str, Summary]] = {}
    for result_id, metric, *values in rows:
        if metric in metrics:
            kept.setdefault(result_id, {})[metric] = _summary(dict(zip(_FIELDS, values, strict=True)))
    return {result: {metric: of[metric] for metric in metrics if metric in of} for result, of in kept.items()}


def _summary(of: dict[str, Any]) -> Summary:
    """Of the columns by their names, as the table has them."""
    return Summary(**of)
