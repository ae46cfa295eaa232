"""Readings of telemetry in the store, each function within the transaction that its caller holds.

A tick is a row. A minute's mean takes the place of its ticks when a run has become old.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from statistics import mean
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session
from sqlmodel import col

from orac_bench.store.tables import EventRow, ReadingNameRow, ReadingRow, RunRow
from orac_bench.telemetry.source import Sample

TICK_MS = 50
"""Samples of different sources this near to each other are of one tick: half the fast period."""
MINUTE_MS = 60_000
_COLUMNS = tuple(column.name for column in ReadingRow.metadata.tables["reading"].columns)
_VALUES = tuple(name for name in _COLUMNS if name not in ("run_id", "at_ms", "span_ms", "raw"))
PLACES: Mapping[str, tuple[str, ...]] = {
    quantity: tuple(name for name in _VALUES if name.startswith(begin))
    for quantity, begin in (("power_w", "rail_"), ("temperature_celsius", "zone_"), ("energy_j", "counter_"))
}
"""The numbered columns of each quantity that belongs to something; what finds none left is not stored."""
_WHOLE = frozenset(name for name in _VALUES if name.endswith(("_hz", "_b", "_state", "_count")))
_HIGHEST = ("throttle_state", "overcurrent_count", *PLACES["energy_j"])
"""Of these a minute keeps the highest: a mean of counters is none, and an alert of a second is one."""


def add(session: Session, run_id: int, samples: Sequence[Sample], *, origin_ns: int) -> int:
    """Adds `samples`, of which those before the run began at `origin_ns` are left out. How many rows were added."""
    named = {row.name: row.place for row in _names(session, run_id)}
    rows: dict[int, dict[str, object]] = {}
    seen: dict[int, set[str]] = {}
    at_ms = -2 * TICK_MS
    for sample in sorted(samples, key=lambda sample: sample.at_ns):
        own_ms = (sample.at_ns - origin_ns) // 1_000_000
        if own_ms < 0:
            continue
        if own_ms - at_ms > TICK_MS or sample.source in seen.get(at_ms, ()):
            at_ms = max(own_ms, at_ms + 1)
        row = rows.setdefault(at_ms, dict.fromkeys(_COLUMNS) | {"run_id": run_id, "at_ms": at_ms, "span_ms": 0})
        seen.setdefault(at_ms, set()).add(sample.source)
        for name, value in sample.values.items():
            place = name if name in _VALUES else _place(session, run_id, name, named)
            if place is not None and row[place] is None:
                row[place] = round(value) if place in _WHOLE else value
        row["raw"] = row["raw"] or sample.raw
    known = sa.select(col(ReadingRow.at_ms)).where(col(ReadingRow.run_id) == run_id)
    there = set(session.scalars(known.where(col(ReadingRow.at_ms) >= min(rows)))) if rows else set()
    fresh = [row for at_ms, row in rows.items() if at_ms not in there]
    if fresh:
        session.execute(sa.insert(ReadingRow), fresh)
    return len(fresh)


def columns(session: Session, run_id: int) -> dict[str, list[float | None]]:
    """The readings of a run: `t_s`, seconds since it began, and a column a value that was told, by its name."""
    rows = session.execute(
        sa.select(*(col(getattr(ReadingRow, name)) for name in ("at_ms", *_VALUES)))
        .where(col(ReadingRow.run_id) == run_id)
        .order_by(col(ReadingRow.at_ms))
    ).all()
    named = {row.place: row.name for row in _names(session, run_id)}
    found: dict[str, list[float | None]] = {"t_s": [row[0] / 1000 for row in rows]}
    for index, place in enumerate(_VALUES, 1):
        values = [row[index] for row in rows]
        if any(value is not None for value in values):
            found[named.get(place, place)] = values
    return found


def count(session: Session) -> int:
    """How many readings are kept of all runs."""
    return session.scalar(sa.select(sa.func.count()).select_from(ReadingRow)) or 0


def unfolded(session: Session, *, before: datetime) -> tuple[int, ...]:
    """The rows of ended runs that began before then and still have their ticks or their events, oldest first."""
    has_ticks = _first_span(col(RunRow.id)).correlate(RunRow).scalar_subquery() == 0
    has_events = sa.exists().where(col(EventRow.run_id) == col(RunRow.id)).correlate(RunRow)
    old = sa.select(col(RunRow.id)).where(col(RunRow.started) < before, col(RunRow.ended).is_not(None))
    return tuple(run_id or 0 for run_id in session.scalars(old.where(has_ticks | has_events).order_by(col(RunRow.id))))


def fold(session: Session, run_id: int) -> bool:
    """Folds the ticks of a run to minutes, unless it has none or was folded before. Whether it did.

    Of the raw lines a minute keeps the first.
    """
    if session.scalar(_first_span(run_id)) != 0:
        return False
    names = ("at_ms", "raw", *_VALUES)
    ticks = session.execute(
        sa.select(*(col(getattr(ReadingRow, name)) for name in names))
        .where(col(ReadingRow.run_id) == run_id)
        .order_by(col(ReadingRow.at_ms))
    ).all()
    minutes = [
        {"run_id": run_id, "at_ms": minute * MINUTE_MS, "span_ms": MINUTE_MS}
        | _minute([dict(zip(names, tick, strict=True)) for tick in group])
        for minute, group in groupby(ticks, key=lambda tick: tick[0] // MINUTE_MS)
    ]
    session.execute(sa.delete(ReadingRow).where(col(ReadingRow.run_id) == run_id))
    session.execute(sa.insert(ReadingRow), minutes)
    return True


def _first_span(run_id: int | Mapped[int | None]) -> sa.Select[Any]:
    """What the first row of that run's readings stands for; no row where it has none."""
    of_run = sa.select(col(ReadingRow.span_ms)).where(col(ReadingRow.run_id) == run_id)
    return of_run.order_by(col(ReadingRow.at_ms)).limit(1)


def _minute(ticks: Sequence[Mapping[str, object]]) -> dict[str, object]:
    row: dict[str, object] = {"raw": next((tick["raw"] for tick in ticks if tick["raw"]), None)}
    for name in _VALUES:
        values = [float(value) for tick in ticks if isinstance(value := tick[name], (int, float))]
        middle = (max(values) if name in _HIGHEST else mean(values)) if values else None
        row[name] = round(middle) if middle is not None and name in _WHOLE else middle
    return row


def _place(session: Session, run_id: int, name: str, named: dict[str, str]) -> str | None:
    """The numbered column of a named value in this run, given to it now where it is new. None where none is left."""
    if name not in named:
        places = PLACES.get(name.partition(".")[0], ())
        free = next((place for place in places if place not in named.values()), None)
        if free is None:
            return None
        session.add(ReadingNameRow(run_id=run_id, place=free, name=name))
        named[name] = free
    return named[name]


def _names(session: Session, run_id: int) -> Sequence[ReadingNameRow]:
    return session.scalars(sa.select(ReadingNameRow).where(col(ReadingNameRow.run_id) == run_id)).all()
