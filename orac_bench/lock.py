"""One measurement at a time on a machine: a lock file that says who holds it.

The kernel drops the lock when its holder ends in any way, so a lock file left behind blocks nobody.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from orac_bench.errors import Busy, MissingPrerequisite


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who measures now. `since` is UTC in RFC 3339; a field is None where the file could not be read."""

    pid: int | None
    what: str | None
    since: str | None

    def __str__(self) -> str:
        who = self.what or "another measurement"
        pid = "" if self.pid is None else f" (process {self.pid})"
        since = "" if self.since is None else f", since {self.since}"
        return f"{who}{pid}{since}"


@contextmanager
def measuring_alone(
    path: Path,
    *,
    what: str,
    waiting: Callable[[Holder], None] | None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[None]:
    """Holds this machine for one measurement while the `with` block runs.

    `what` is told to those who wait. Where another holds it, `waiting` is called once with who that is, then it is
    waited for; with `waiting` None, Busy is raised instead. Raises MissingPrerequisite where the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise MissingPrerequisite(
            f"The lock file {path} could not be made: {error.strerror}.",
            next="Set ORAC_HOME to a folder that you can write.",
        ) from error
    try:
        told = False
        while not _taken(handle):
            if waiting is None:
                raise Busy(f"This machine is measuring already: {holder(path)}.", next="Wait for it, or end it.")
            if not told:
                waiting(holder(path))
                told = True
            sleep(0.5)
        os.truncate(handle, 0)
        os.pwrite(handle, _card(what).encode(), 0)
        try:
            yield
        finally:
            os.truncate(handle, 0)
    finally:
        os.close(handle)


def holder(path: Path) -> Holder:
    """Who holds the lock, as the holder wrote it down. All None where nothing can be read."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        return Holder(pid=int(card["pid"]), what=str(card["what"]), since=str(card["since"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Holder(pid=None, what=None, since=None)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _card(what: str) -> str:
    since = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
    return json.dumps({"pid": os.getpid(), "what": what, "since": since})
