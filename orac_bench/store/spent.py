"""How long earlier results took, for estimates; within the transaction that the caller holds."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlmodel import col

from orac_bench.records import Status
from orac_bench.store.tables import CaseRow, MetricRow, ResultRow, RoundRow


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a finished result took, its load and warm-ups included. `round_s` is its median round, None without one."""

    model: str
    suite: str
    prompt_tokens: int | None
    output_tokens: int
    rounds: int
    """With warm-ups, failed and excluded ones."""
    seconds: float
    round_s: float | None


def spent(session: Session, *, limit: int) -> tuple[Spent, ...]:
    """The last finished results, the newest first, at most `limit`."""
    newest = (
        sa.select(col(ResultRow.id))
        .where(col(ResultRow.status) == Status.DONE)
        .where(col(ResultRow.started).is_not(None), col(ResultRow.ended).is_not(None))
        .order_by(col(ResultRow.id).desc())
        .limit(limit)
    )
    rounds = sa.func.count(col(RoundRow.id))
    found = session.execute(
        sa.select(ResultRow, CaseRow, rounds, sa.func.max(col(MetricRow.median)))
        .join(CaseRow, col(CaseRow.id) == col(ResultRow.case_id))
        .join(RoundRow, col(RoundRow.result_id) == col(ResultRow.id))
        .outerjoin(MetricRow, (col(MetricRow.result_id) == col(ResultRow.id)) & (col(MetricRow.metric) == "e2e_s"))
        .where(col(ResultRow.id).in_(newest))
        .group_by(col(ResultRow.id))
        .order_by(col(ResultRow.id).desc())
    ).all()
    return tuple(
        Spent(
            model=result.model_name,
            suite=case.suite,
            prompt_tokens=case.prompt_tokens,
            output_tokens=case.output_tokens,
            rounds=number,
            seconds=(result.ended - result.started).total_seconds(),
            round_s=round_s,
        )
        for result, case, number, round_s in found
        if result.started is not None and result.ended is not None
    )
