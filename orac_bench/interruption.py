"""How a measurement is interrupted by a signal: in order, so that everything is stored.

Signals are the process's, and so is what is kept of them here.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class _Held:
    """What is being finished on the main thread, which alone is interrupted, and whether a signal waits for it."""

    depth = 0
    due = False


_held = _Held()


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGINT and SIGTERM end the run in order, also where the shell that started it had SIGINT ignored.

    One that comes where Python lets no exception out, as while an object is forgotten, is raised by the next
    `undisturbed`. Source: Python's "signal", section "Note on Signal Handlers and Exceptions".
    """

    def ended(_number: int, _frame: FrameType | None) -> None:
        if _held.depth:
            _held.due = True
        else:
            raise KeyboardInterrupt

    def swallowed(unraisable: sys.UnraisableHookArgs) -> None:
        if unraisable.exc_type is KeyboardInterrupt:
            _held.due = True
        else:
            told(unraisable)

    before = {number: signal.signal(number, ended) for number in (signal.SIGINT, signal.SIGTERM)}
    told, sys.unraisablehook = sys.unraisablehook, swallowed
    try:
        yield
    finally:
        _held.due = False
        sys.unraisablehook = told
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def undisturbed() -> Iterator[None]:
    """What the block does is finished before the run is interrupted: KeyboardInterrupt comes at its end.

    For what takes a moment and must not be left halfway, such as a transaction: SQLAlchemy left in the middle of one
    keeps the connection, and with it the lock that everything after waits for.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _held.depth += 1
    try:
        yield
    finally:
        _held.depth -= 1
        if _held.due and not _held.depth:
            _held.due = False
            raise KeyboardInterrupt
