"""What the columns of the tables are made of: moments, words, numbers in whole steps; and what all tables share.

What must never live here: a table.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from enum import Enum
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

METADATA = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)
"""Constraints have names, so that later migrations can find them on every database."""

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""64 bits everywhere: SQLite's INTEGER has them, and only that type counts up by itself there."""


class Instant(sa.types.TypeDecorator[datetime]):
    """A moment: aware in, aware and UTC out, on every database. A naive one is refused with ValueError."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is not None and value.utcoffset() is None:
            raise ValueError(f"{value!r} has no time zone; give a moment in UTC: datetime.now(timezone.utc).")
        return None if value is None else value.astimezone(timezone.utc)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """On SQLite at once from its text to a moment: a history has a thousand of them."""
        return _read_utc if dialect.name == "sqlite" else super().result_processor(dialect, coltype)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


def _read_utc(text: str | None) -> datetime | None:
    """The moment that SQLite keeps as text, in UTC and without saying so."""
    return None if text is None else datetime.fromisoformat(text + "+00:00")


class Words(sa.types.TypeDecorator[str]):
    """Text that people or servers wrote. What no database takes, lone surrogates and NUL, is stored as U+FFFD."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return (
            None if value is None else "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in value)
        )


class Steps(sa.types.TypeDecorator[float]):
    """A number in its base unit, kept as a whole number of `step`s: half the size, as fine as sensors tell."""

    impl = sa.BigInteger
    cache_ok = True

    def __init__(self, step: float) -> None:
        super().__init__()
        self.step = step

    def process_bind_param(self, value: float | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else round(value / self.step)

    def process_result_value(self, value: int | None, dialect: Dialect) -> float | None:  # noqa: ARG002
        if value is None:
            return None
        return value * self.step if self.step >= 1 else value / round(1 / self.step)


MILLI, KHZ, KIB = Steps(0.001), Steps(1000), Steps(1024)


def words_of(kind: type[Enum]) -> sa.Enum:
    """The values of `kind` as plain text: no type of its own in the database, so that a word can be added."""
    return sa.Enum(kind, native_enum=False, length=16, values_callable=lambda members: [m.value for m in members])


OPTIONAL_JSON = sa.JSON(none_as_null=True)
"""A document or nothing: None is NULL, not the word null."""


class Table(SQLModel, registry=registry(metadata=METADATA)):
    """What all tables share: ORAC's own metadata, so that another library's tables are never among them."""

    metadata: ClassVar[sa.MetaData] = METADATA
