"""Connections to a SQLite file, with the settings that keep rounds through a power cut.

What must never live here: tables, and decisions about what the file is; `schema.py` takes those.
"""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import QueuePool

from orac_bench.records import Json

Mode = Literal["read", "write", "migrate"]

READS = "orac_reads"
"""Execution option of a transaction that only reads, and so needs no write lock."""


def connect(path: Path, mode: Mode, *, patience_s: float) -> sqlite3.Connection:
    """A connection to the database at `path`, which only `write` and `migrate` create, waiting `patience_s` for a lock.

    Synchronous FULL, as boards lose power and NORMAL may then lose the last rounds. `migrate` leaves foreign keys off:
    with them a table that is rebuilt takes its children with it. Source: SQLite's "Write-Ahead Logging", "Foreign Key
    Support" and "ALTER TABLE", section 7.
    """
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?{_how(path, mode)}",
        uri=True,
        timeout=patience_s,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        if mode == "read":
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA foreign_keys = {'OFF' if mode == 'migrate' else 'ON'}")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA cache_size = -16000")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def sqlite_engine(path: Path, mode: Mode, *, patience_s: float) -> Engine:
    """An engine on the database at `path`; the caller disposes of it."""
    engine = sa.create_engine(
        "sqlite://",
        creator=lambda: connect(path, mode, patience_s=patience_s),
        poolclass=QueuePool,
        json_serializer=to_json,
    )
    sa.event.listen(engine, "begin", _begin_reading if mode == "read" else _begin)
    return engine


def to_json(value: Json) -> str:
    """`value` as JSON text, ASCII only. Raises ValueError for NaN and infinity, which no JSON has."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _how(path: Path, mode: Mode) -> str:
    """The URI's options. A file in a folder that cannot be written is read as it is, without a log beside it."""
    if mode != "read":
        return "mode=rwc"
    unwritable = not os.access(path.parent, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
    return "mode=ro&immutable=1" if unwritable and not _log_of(path).exists() else "mode=rw"


def _log_of(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _begin(connection: Connection) -> None:
    """Begins IMMEDIATE where something is written: a lock taken late fails at once, however long it may wait."""
    reads = connection.get_execution_options().get(READS, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _begin_reading(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")
