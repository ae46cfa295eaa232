"""What tells that answers about the past are other ones now; within the transaction that the caller holds."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlmodel import col

from orac_bench.store.tables import (
    AcknowledgementRow,
    AnnotationRow,
    BaselineRow,
    LevelChangeRow,
    MetricRow,
    RunRow,
)

_STATE = sa.select(
    sa.select(sa.func.count()).select_from(RunRow).scalar_subquery(),
    sa.select(col(RunRow.uid)).order_by(col(RunRow.started).desc(), col(RunRow.id).desc()).limit(1).scalar_subquery(),
    sa.select(sa.func.max(col(RunRow.ended))).scalar_subquery(),
    sa.select(sa.func.max(col(MetricRow.result_id))).scalar_subquery(),
    *(
        sa.select(sa.func.count()).select_from(table).scalar_subquery()
        for table in (LevelChangeRow, BaselineRow, AnnotationRow, AcknowledgementRow)
    ),
    sa.select(sa.func.max(col(BaselineRow.at))).scalar_subquery(),
    sa.select(sa.func.max(col(AcknowledgementRow.at))).scalar_subquery(),
)


def state(session: Session) -> tuple[object, ...]:
    """Something that is another when a run, a closed result, a change or a mark came or went. Costs next to nothing."""
    return tuple(session.execute(_STATE).one())
