"""One service a home and a store: two lock files that say which process has them.

The kernel drops a lock with its holder, so a file that is left behind blocks nobody.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from orac_bench.errors import MissingPrerequisite
from orac_bench.settings import Settings

GLIMPSE_B = 20


@contextmanager
def tenure(settings: Settings) -> Iterator[None]:
    """Has the home and the store for this service while the `with` block runs.

    Raises MissingPrerequisite with the process of another service that has one of them, or where a file cannot be
    made.
    """
    store = settings.database_path
    with ExitStack() as stack:
        for path, what, setting in (
            (settings.home / "service.lock", settings.home, "ORAC_HOME"),
            (store.with_name(f"{store.name}.service.lock"), store, "ORAC_DATABASE_URL"),
        ):
            stack.enter_context(_held(path, what, setting))
        yield


@contextmanager
def _held(path: Path, what: Path, setting: str) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise MissingPrerequisite(
            f"The lock file {path} could not be made: {error.strerror}.",
            next=f"Set {setting} to a place that you can write.",
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            first = os.pread(handle, GLIMPSE_B, 0).decode("ascii", "replace").strip()
            raise MissingPrerequisite(
                f"Another service (process {first or 'unknown'}) has {what} already.",
                next=f"Use that one, end it, or set {setting} to another place.",
            ) from None
        try:
            os.truncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            raise MissingPrerequisite(
                f"The lock file {path} could not be written: {error.strerror}.",
                next=f"Make room (`df -h` shows where), or set {setting} to another place.",
            ) from error
        try:
            yield
        finally:
            os.truncate(handle, 0)
    finally:
        os.close(handle)
