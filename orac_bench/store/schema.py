"""What a database file is: none, new, ORAC's of this version, an older, a newer one, or another program's.

An older one is upgraded in one transaction, after a backup beside it. What must never live here: the tables themselves.
"""

from __future__ import annotations

import fcntl
import glob
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from orac_bench import __version__
from orac_bench.errors import StoreError, StoreForeign, StoreLocked, StoreMissing, StoreNewer
from orac_bench.store.engine import connect, sqlite_engine
from orac_bench.store.faults import FOREIGN_NEXT, faults, faults_of_copy
from orac_bench.store.tables import RunRow

APPLICATION_ID = int.from_bytes(b"ORAC", "big")
"""Stands in the header of each file that ORAC made, so that another program's is known before it is touched."""


@dataclass(frozen=True, kw_only=True)
class Migrations:
    """Where the steps are, and the last of them: what this ORAC reads and writes."""

    folder: Path
    head: str
    tables: sa.MetaData | None = None
    """What all steps come to, to make a new database of. None where only the steps know."""


HALF = ".part"
"""At the end of the name of a backup that is being written."""

UPGRADE_PATIENCE_S = 120.0
"""How long another process may take to create or upgrade a database; a card of a board that wears out is slow."""

MIGRATIONS = Migrations(folder=Path(__file__).parent / "migrations", head="0004", tables=RunRow.metadata)

_REVISIONS = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), nullable=False),
    sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)
"""Where Alembic keeps the number of the last step, as it makes that table itself."""


def open_to_read(path: Path, *, patience_s: float, migrations: Migrations) -> Engine:
    """An engine that only reads the database at `path`.

    Raises StoreMissing where there is none, StoreForeign, StoreNewer, and StoreError for an older one: reading never
    changes a file.
    """
    check_there(path)
    found = revision(path, patience_s=patience_s, migrations=migrations)
    if found is None:
        raise StoreMissing(f"The database {path} is empty.", next="Measure something first with `orac bench`.")
    if found != migrations.head:
        raise StoreError(
            f"The database {path} has schema {found}; this ORAC {__version__} reads {migrations.head}.",
            next="Upgrade it with `orac db upgrade`, which makes a backup beside it first.",
        )
    return sqlite_engine(path, "read", patience_s=patience_s)


def check_there(path: Path) -> None:
    """Raises StoreMissing where there is no file at `path`."""
    if not path.exists():
        raise StoreMissing(
            f"There is no database at {path}.",
            next="Measure something first with `orac bench`, or name another one with --database URL.",
        )


def open_to_write(path: Path, *, patience_s: float, migrations: Migrations, clock: Callable[[], datetime]) -> Engine:
    """An engine that writes the database at `path`, which is created, or upgraded after a backup, where needed.

    Raises StoreReadOnly and StoreLocked now, not with the first round, and StoreForeign, StoreNewer, StoreFull.
    """
    with faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if _found(path, patience_s=patience_s, migrations=migrations) == migrations.head:
            _prove_writable(path, patience_s=patience_s)
        else:
            with _alone_in(path.parent):
                _bring_up(path, patience_s=patience_s, migrations=migrations, now=clock())
    return sqlite_engine(path, "write", patience_s=patience_s)


def _found(path: Path, *, patience_s: float, migrations: Migrations) -> str | None:
    return revision(path, patience_s=patience_s, migrations=migrations) if path.exists() else None


def _bring_up(path: Path, *, patience_s: float, migrations: Migrations, now: datetime) -> None:
    """Creates the database at `path`, or upgrades it after a backup, unless another process just did."""
    found = _found(path, patience_s=patience_s, migrations=migrations)
    _prove_writable(path, patience_s=patience_s)
    if found == migrations.head:
        return
    if found is not None:
        _forget(*path.parent.glob(f"{glob.escape(path.name)}.backup-*{HALF}"))
        backup(path, _backup_path(path, found, now), patience_s=patience_s)
    engine = sqlite_engine(path, "migrate", patience_s=patience_s)
    try:
        if found is None and migrations.tables is not None:
            _create(engine, migrations.tables, head=migrations.head)
        else:
            upgrade(engine, migrations)
    finally:
        engine.dispose()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Holds `folder` while the `with` block runs, so that only one process at a time creates or upgrades there.

    SQLite's own locks do not do: who changes a new file to a write-ahead log is refused at once where another does.
    The kernel lets go when the holder ends in any way. A file system without such locks (NFS for a folder) leaves it
    to SQLite's. Raises StoreLocked after UPGRADE_PATIENCE_S.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _take(handle, folder, until=time.monotonic() + UPGRADE_PATIENCE_S)
        yield
    finally:
        os.close(handle)


def _take(handle: int, folder: Path, *, until: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise StoreLocked(
                    f"Another process has been making or upgrading a database in {folder} for too long.",
                    next=f"See which with `fuser -v {folder}`, then try again.",
                ) from None
            time.sleep(0.02)
        except OSError:
            return
        else:
            return


def revision(path: Path, *, patience_s: float, migrations: Migrations) -> str | None:
    """The schema of the database at `path`; None where the file is empty.

    Raises StoreForeign where another program made it, and StoreNewer where a newer ORAC did.
    """
    with faults(path):
        connection = connect(path, "read", patience_s=patience_s)
        try:
            if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
                return None
            if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION_ID,):
                raise StoreForeign(f"The database {path} was made by another program.", next=FOREIGN_NEXT)
            numbers = [str(number) for (number,) in connection.execute("SELECT version_num FROM alembic_version")]
        finally:
            connection.close()
    if len(numbers) != 1:
        raise StoreForeign(f"The database {path} does not say which schema it has.", next=FOREIGN_NEXT)
    found = numbers[0]
    if found > migrations.head:
        raise StoreNewer(
            f"The database {path} has schema {found}, made by a newer ORAC; this ORAC {__version__} knows schemas up "
            f"to {migrations.head}. Nothing was changed.",
            next="Update ORAC, or name another database with --database URL.",
        )
    return found


def _create(engine: Engine, tables: sa.MetaData, *, head: str) -> None:
    """Makes all of `tables` at once, in one transaction: a new database has no rows that the steps would carry over.

    Alembic and its steps took 0.17 s of a first start, this takes 0.02 s. Source: Alembic's cookbook, "Building an Up
    to Date Database from Scratch".
    """
    with engine.begin() as connection:
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        tables.create_all(connection)
        _REVISIONS.create(connection)
        connection.execute(_REVISIONS.insert().values(version_num=head))


def upgrade(engine: Engine, migrations: Migrations) -> None:
    """Brings the database of `engine` to the head, in one transaction: all of it or nothing.

    Two processes that start together wait for each other; the second finds nothing to do.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations.folder).replace("%", "%%"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, migrations.head)


def backup(path: Path, target: Path, *, patience_s: float) -> None:
    """Writes a whole copy of the database at `path` to `target`, also while others write.

    `target` is whole or not there, even where the power is lost: SQLite syncs no copy. Raises StoreError where it is
    there already: a backup never replaces anything. Source: SQLite's "VACUUM", "VACUUM with an INTO clause".
    """
    if target.exists():
        raise StoreError(f"{target} is there already; a backup never replaces a file.", next="Name another file.")
    half = target.with_name(target.name + HALF)
    with faults(path):
        connection = connect(path, "read", patience_s=patience_s)
    with closing(connection), faults_of_copy(path, target=target):
        _forget(half)
        try:
            connection.execute("PRAGMA query_only = OFF")  # it would refuse to write the copy, too
            connection.execute("VACUUM INTO ?", (str(half),))
            _sync(half)
            half.rename(target)
            with suppress(OSError):  # not every file system syncs a folder
                _sync(target.parent)
        except (sqlite3.Error, OSError):
            _forget(half)
            raise


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _forget(*halves: Path) -> None:
    """Removes backups in which the power was lost, and what SQLite would roll back into the next one of the name."""
    for half in halves:
        for file in (half, half.with_name(half.name + "-journal")):
            file.unlink(missing_ok=True)


def _backup_path(path: Path, found: str, now: datetime) -> Path:
    return path.with_name(f"{path.name}.backup-{found}-{now:%Y%m%dT%H%M%SZ}")


def _prove_writable(path: Path, *, patience_s: float) -> None:
    connection = connect(path, "write", patience_s=patience_s)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    finally:
        connection.close()
