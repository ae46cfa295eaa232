"""What goes wrong with a database file, told in ORAC's own errors. The one place that reads SQLite's messages."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy.exc

from orac_bench.errors import StoreError, StoreForeign, StoreFull, StoreLocked, StoreMissing, StoreReadOnly

FREE_SPACE_NEXT = "Free some space, or set ORAC_DATABASE_URL to a file elsewhere, then try again."
WRITABLE_NEXT = "Make the file and its folder writable, or set ORAC_DATABASE_URL to a file elsewhere."
MOUNT_NEXT = (
    "Mount it writable. Where it was so before, its device fails: see `dmesg | tail`, and save the store with "
    "`orac db backup FILE` to another one."
)
FOREIGN_NEXT = "Set ORAC_DATABASE_URL to another file; ORAC never overwrites one that it did not make."

_KINDS: tuple[tuple[str, type[StoreError], str, str], ...] = (
    (
        "locked",
        StoreLocked,
        "is held by another process for too long",
        "See which with `fuser -v {path}`, then try again.",
    ),
    ("readonly", StoreReadOnly, "cannot be written", WRITABLE_NEXT),
    ("disk is full", StoreFull, "cannot grow: no space is left on its device", FREE_SPACE_NEXT),
    ("not a database", StoreForeign, "is no SQLite database", FOREIGN_NEXT),
    (
        "malformed",
        StoreError,
        "is damaged",
        "See how badly with `orac db check`, and go back to a backup beside it: orac.db.backup-*.",
    ),
)
"""A part of SQLite's message (3.10 has no error codes), and what it means for the file."""

_OF_WHAT_IS_READ = ("locked", "not a database", "malformed")
"""Kinds that a file which is only being made cannot be of."""

_TOO_LITTLE_B = 1 << 18


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Inside, what SQLite and the file system say about the database at `path` is raised as a StoreError.

    What was begun is rolled back by whoever holds the transaction; nothing that was committed is concerned.
    """
    try:
        yield
    except (sqlalchemy.exc.DBAPIError, sqlite3.Error) as error:
        raise told(str(getattr(error, "orig", None) or error), path) from error
    except OSError as error:
        raise told(_as_sqlite_says(error), path) from error


@contextmanager
def faults_of_copy(path: Path, *, target: Path) -> Iterator[None]:
    """As `faults`, while the database at `path` is copied to `target`: the error names the one that it is about.

    An I/O error is one of `target` unless SQLite says that it is one of reading, which it does from Python 3.11 on.
    """
    try:
        yield
    except sqlite3.Error as error:
        message, name = str(error), str(getattr(error, "sqlite_errorname", ""))
        read = name.endswith("_READ") or any(part in message for part in _OF_WHAT_IS_READ)
        raise told(message, path if read else target) from error
    except OSError as error:
        raise told(_as_sqlite_says(error), target) from error


def told(message: str, path: Path) -> StoreError:
    """The error for SQLite's `message` about the database at `path`."""
    if _is_mounted_read_only(path) if "unable to open" in message else "readonly" in message and _is_permitted(path):
        return StoreReadOnly(
            f"The database {path} cannot be written: its file system takes no writes ({message}).", next=MOUNT_NEXT
        )
    for part, kind, meaning, way_out in _KINDS:
        if part in message:
            return kind(f"The database {path} {meaning} ({message}).", next=way_out.format(path=path))
    if ("I/O" in message or "unable to open" in message) and _is_full(path):
        return StoreFull(
            f"The database {path} cannot grow: no space is left on its device ({message}).", next=FREE_SPACE_NEXT
        )
    if "unable to open" in message:
        return _unopened(path, message)
    if "I/O" in message:
        return StoreError(
            f"The device refused to read or write the database {path} ({message}): a quota, a limit, or it fails.",
            next="Look at `dmesg | tail` and `df -h`, then try again.",
        )
    return StoreError(f"The database {path} refused: {message}.", next="See whether it is sound with `orac db check`.")


def _unopened(path: Path, message: str) -> StoreError:
    if path.is_dir():
        return StoreForeign(f"{path} is a folder, not a database.", next=FOREIGN_NEXT)
    if not path.parent.is_dir():
        return StoreMissing(f"There is no folder {path.parent} for the database.", next=WRITABLE_NEXT)
    return StoreReadOnly(f"The database {path} cannot be opened ({message}).", next=WRITABLE_NEXT)


def _as_sqlite_says(error: OSError) -> str:
    """The words that SQLite uses for the same fault."""
    if isinstance(error, PermissionError) or error.errno == 30:  # EROFS
        return f"readonly: {error.strerror}"
    return f"disk is full: {error.strerror}" if error.errno == 28 else f"{error.strerror}: {error.filename}"  # ENOSPC


def _is_permitted(path: Path) -> bool:
    """Whether it is not for want of a permission: a device that fails is not always said to be mounted read-only."""
    effective = os.access in os.supports_effective_ids
    return _is_mounted_read_only(path) or all(
        os.access(each, os.W_OK, effective_ids=effective) for each in (path, path.parent)
    )


def _is_mounted_read_only(path: Path) -> bool:
    try:
        return bool(os.statvfs(path.parent).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _is_full(path: Path) -> bool:
    """Whether the device of `path` has no room for a few pages: SQLite calls a full one an I/O error at times."""
    try:
        device = os.statvfs(path.parent)
    except OSError:
        return False
    return device.f_bavail * device.f_frsize < _TOO_LITTLE_B
