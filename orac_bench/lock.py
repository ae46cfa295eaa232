"""One measurement at a time on a machine, and no visitor meanwhile: lock files that say who holds them.

The kernel drops a lock when its holder ends in any way, so a file left behind blocks nobody. Who measures holds
`path`; a visitor, a call of the service that uses Ollama, shares `visit.lock` beside it while nobody measures.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

from orac_bench.errors import Busy, Holder, MissingPrerequisite

__all__ = [
    "LOCK",
    "Holder",
    "Turn",
    "holder",
    "is_alive",
    "measuring_alone",
    "measuring_now",
    "taken",
    "taken_at_once",
    "visiting",
]

LOCK = "measure.lock"
"""The lock of this machine, in ORAC_HOME."""
VISITS = "visit.lock"
GLANCES = 20
GLANCE_S = 0.01
"""A lock that is only being looked at is free again at once: it counts as held when it is after so many looks."""
VISITOR = Holder(pid=None, what="a call of the service that uses Ollama", since=None)


class Turn:
    """The machine, held for one measurement. Made by `measuring_alone`."""

    def __init__(self, handle: int, what: str) -> None:
        self._handle = handle
        self._card: dict[str, object] = {"pid": os.getpid(), "what": what, "since": _moment(datetime.now(timezone.utc))}
        self._length = 0
        self._write()

    def tell(self, *, run: str, cases_done: int, cases: int, likely_over: datetime | None) -> None:
        """Writes down how far the measurement is, for those who want to know when it is over.

        Where that finds no room, they read what was told before: it costs no round.
        """
        self._card |= {"run": run, "cases_done": cases_done, "cases": cases}
        self._card["likely_over"] = None if likely_over is None else _moment(likely_over)
        with suppress(OSError):
            self._write()

    def _write(self) -> None:
        """One write that is never shorter than the one before: who reads meanwhile finds a whole card."""
        text = json.dumps(self._card).ljust(self._length)
        self._length = len(text)
        os.pwrite(self._handle, text.encode(), 0)


@contextmanager
def measuring_alone(
    path: Path,
    *,
    what: str,
    waiting: Callable[[Holder], None] | None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Turn]:
    """Holds this machine for one measurement while the `with` block runs.

    `what` is told to those who wait. Where another holds it, `waiting` is called once with who that is, then it is
    waited for; with `waiting` None, Busy is raised instead. So it is with visitors, and new ones are refused from then
    on. Raises MissingPrerequisite where the file cannot be made or written.
    """
    handle, visits = _opened(path), -1
    try:
        _wait(handle, waiting, lambda: holder(path), sleep)
        try:
            os.truncate(handle, 0)
            turn = Turn(handle, what)
        except OSError as error:
            raise MissingPrerequisite(
                f"The lock file {path} could not be written: {error.strerror}.",
                next="Make room (`df -h` shows where), or set ORAC_HOME to a folder that you can write.",
            ) from error
        try:
            visits = _opened(path.with_name(VISITS))
            _wait(visits, waiting, lambda: VISITOR, sleep)
            os.close(visits)  # nobody visits any more: the next one sees the lock that is held
            visits = -1
            yield turn
        finally:
            os.truncate(handle, 0)
    finally:
        for each in (handle, visits):
            if each >= 0:
                os.close(each)


@contextmanager
def visiting(path: Path) -> Iterator[None]:
    """Uses Ollama while the `with` block runs, as one of many and while nobody measures.

    Raises Busy where a measurement holds the machine, or has it and waits for visitors to go.
    """
    handle = _opened(path.with_name(VISITS))
    try:
        if not taken(handle, fcntl.LOCK_SH):
            found = measuring_now(path) or Holder(pid=None, what=None, since=None)
            raise _busy(found)
        found_now = _held_by(path)
        if found_now is not None:
            raise _busy(found_now)
        yield
    finally:
        os.close(handle)


def measuring_now(path: Path) -> Holder | None:
    """Who measures now. None where nobody does. Costs a few microseconds and disturbs nobody."""
    try:
        if path.stat().st_size == 0:
            return None
    except OSError:
        return None
    return _held_by(path)


def holder(path: Path) -> Holder:
    """Who holds the lock, as the holder wrote it down. All None where nothing can be read."""
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        over = card.get("likely_over")
        return Holder(
            pid=int(card["pid"]),
            what=str(card["what"]),
            since=str(card["since"]),
            run=card.get("run"),
            cases_done=card.get("cases_done"),
            cases=card.get("cases"),
            likely_over=None if over is None else datetime.strptime(over, _FORM).replace(tzinfo=timezone.utc),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Holder(pid=None, what=None, since=None)


def is_alive(pid: int) -> bool:
    """Whether that process may still be measuring: it is another than this one, and runs orac or pytest.

    Numbers are given again, after a reboot or in a new container above all.
    """
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return pid != os.getpid() and any(word in command for word in (b"orac", b"pytest"))


def taken(handle: int, how: int) -> bool:
    """Whether the lock of the open file `handle` could be taken, others' glances at it waited out.

    `how` is LOCK_EX or LOCK_SH of fcntl.
    """
    for _ in range(GLANCES):
        if taken_at_once(handle, how):
            return True
        time.sleep(GLANCE_S)
    return False


def taken_at_once(handle: int, how: int) -> bool:
    """The same without waiting: a glance at it."""
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


_FORM = "%Y-%m-%dT%H:%M:%SZ"


def _held_by(path: Path) -> Holder | None:
    """Who holds the lock at `path`, found out by sharing it for a moment. None where nobody does."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if taken_at_once(handle, fcntl.LOCK_SH) else holder(path)
    finally:
        os.close(handle)


def _opened(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise MissingPrerequisite(
            f"The lock file {path} could not be made: {error.strerror}.",
            next="Set ORAC_HOME to a folder that you can write.",
        ) from error


def _wait(
    handle: int,
    waiting: Callable[[Holder], None] | None,
    who: Callable[[], Holder],
    sleep: Callable[[float], None],
) -> None:
    """Takes the lock of `handle` for its own, once it is free."""
    if taken(handle, fcntl.LOCK_EX):
        return
    if waiting is None:
        raise _busy(who())
    waiting(who())
    while not taken_at_once(handle, fcntl.LOCK_EX):
        sleep(0.5)


def _busy(found: Holder) -> Busy:
    if found is VISITOR:
        return Busy("Ollama is answering a call of the service.", next="Wait until it has.", holder=found)
    return Busy(f"This machine is measuring already: {found}.", next="Wait for it, or end it.", holder=found)


def _moment(at: datetime) -> str:
    return at.astimezone(timezone.utc).strftime(_FORM)
