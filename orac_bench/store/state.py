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
    """Something that is another when a run, a closed result, a change or a mark came or went, or was computed anew.

    Costs next to nothing.
    """
    return (*session.execute(_STATE).one(), _times_anew(session))


def computed_anew(session: Session) -> None:
    """Makes the state another one, as changes of level or summaries are other ones than before.

    By the number in the file's head that SQLite leaves to programs: rows that were replaced are as many as before, and
    a sum over all of them costs too much. Source: SQLite's "PRAGMA user_version".
    """
    number = _times_anew(session)
    if number is not None:
        session.execute(sa.text(f"PRAGMA user_version = {(number + 1) % 2**31}"))


def _times_anew(session: Session) -> int | None:
    """How often something was computed anew. None on a database that has no such number."""
    connection = session.connection()
    if connection.dialect.name != "sqlite":
        return None
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
