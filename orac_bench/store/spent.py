"""How long earlier results took, for estimates; within the transaction that the caller holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlmodel import col

from orac_bench.records import Status
from orac_bench.store.tables import CaseRow, MetricRow, ResultRow, RoundRow


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a finished result took, its warm-ups included. `round_s` is its median round, None without one."""

    model: str
    suite: str
    prompt_tokens: int | None
    output_tokens: int
    rounds: int
    """With warm-ups, failed and excluded ones."""
    seconds: float
    """With its load; of a case in blocks that of the blocks alone, without what was measured or waited for between."""
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
    spans_s = _spans_s(session, [result.id or 0 for result, *_ in found if "blocks" in result.facts])
    told = []
    for result, case, number, round_s in found:
        seconds = _seconds(result, spans_s.get(result.id or 0), round_s)
        if seconds is not None:
            told.append(
                Spent(
                    model=result.model_name,
                    suite=case.suite,
                    prompt_tokens=case.prompt_tokens,
                    output_tokens=case.output_tokens,
                    rounds=number,
                    seconds=seconds,
                    round_s=round_s,
                )
            )
    return tuple(told)


def _seconds(result: ResultRow, spans_s: Sequence[float] | None, round_s: float | None) -> float | None:
    """From the begin to the end of a result; of one in blocks, a block each, the `spans_s` of its rounds' starts and a
    median round for the last.

    None where nothing tells.
    """
    if spans_s is not None:
        return None if round_s is None else sum(spans_s) + len(spans_s) * round_s
    if result.started is None or result.ended is None:
        return None
    return (result.ended - result.started).total_seconds()


def _spans_s(session: Session, results: Sequence[int]) -> dict[int, list[float]]:
    """From the first round's start to the last one's in each block of these results."""
    started = col(RoundRow.started)
    rows = session.execute(
        sa.select(col(RoundRow.result_id), sa.func.min(started), sa.func.max(started))
        .where(col(RoundRow.result_id).in_(results), col(RoundRow.block).is_not(None))
        .group_by(col(RoundRow.result_id), col(RoundRow.block))
    )
    found: dict[int, list[float]] = {}
    for result_id, first, last in rows:
        found.setdefault(result_id, []).append((last - first).total_seconds())
    return found
