"""The process of a run: started in a session of its own, heard through a pipe of JSON lines, ended step by step.

Nothing of a measurement happens in the service's own process. What must never live here: which run it is, and what
follows from its end (jobs.py).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orac_bench.records import Json
from orac_bench.report import EVENTS_FD

LONGEST_LINE_B = 65_536
"""A longer line on the pipe is none of ORAC's and is left out."""


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long a process group gets after SIGINT before SIGTERM, and after that before SIGKILL, in s."""

    after_interrupt_s: float = 10.0
    after_terminate_s: float = 5.0
    after_kill_s: float = 5.0


HASTE = Patience(after_interrupt_s=4.0, after_terminate_s=1.5, after_kill_s=1.0)
"""For the end of the service itself: a container is killed 10 s after it was told to stop."""


class Child:
    """A command that runs as the leader of its own process group, with no input and its output appended to `log`.

    `told` is called on a thread of the child with each JSON object that comes on its pipe. `wait` must be called, once.
    `failed` is the code of the error that it told to have ended with, None where it told none. Raises OSError where it
    cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environ: Mapping[str, str],
        log: Path,
        told: Callable[[Mapping[str, Json]], None],
        patience: Patience,
    ) -> None:
        self.failed: str | None = None
        self._told = told
        self._patience = patience
        self._over = threading.Event()
        self._ending: threading.Thread | None = None
        self._lock = threading.Lock()
        reading, writing = os.pipe()
        try:
            with log.open("ab") as output:
                self._process = subprocess.Popen(
                    [*command],
                    env={**environ, EVENTS_FD: str(writing)},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=(writing,),
                    start_new_session=True,
                )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        self._reader = threading.Thread(target=self._read, args=(reading,), name=f"reports of {self.pid}")
        self._reader.start()

    @property
    def pid(self) -> int:
        """Its process, and its process group."""
        return self._process.pid

    def wait(self) -> int:
        """The exit status, negative for a signal, once it has ended; what it left in its group is killed then."""
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)  # not collected: its number is not given again yet
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with self._lock:
            status = self._process.wait()
            self._over.set()
        self._reader.join()
        if self._ending is not None:
            self._ending.join()
        return status

    def end(self, patience: Patience | None = None) -> None:
        """Begins to end it: SIGINT, then SIGTERM, then SIGKILL, to the group. Returns at once; again does nothing.

        `patience`: another than its own.
        """
        with self._lock:
            if self._ending is None and not self._over.is_set():
                allowed = patience or self._patience
                self._ending = threading.Thread(target=self._end, args=(allowed,), name=f"end of {self.pid}")
                self._ending.start()

    def _end(self, patience: Patience) -> None:
        end_group(self.pid, over=self._over.wait, patience=patience, lock=self._lock)

    def _read(self, pipe: int) -> None:
        with open(pipe, "rb") as lines:
            while line := lines.readline(LONGEST_LINE_B):
                whole = line.endswith(b"\n")
                while not whole and (rest := lines.readline(LONGEST_LINE_B)):
                    line, whole = b"", rest.endswith(b"\n")
                said = _object(line)
                if said is not None:
                    if said.get("kind") == "failed":
                        self.failed = str(said.get("code"))
                    self._told(said)


def end_group(
    group: int,
    *,
    over: Callable[[float], bool],
    patience: Patience,
    lock: contextlib.AbstractContextManager[object] | None = None,
) -> bool:
    """Ends a process group: SIGINT, SIGTERM, SIGKILL, each when the one before had its time. Whether it is over.

    `over` waits at most so many seconds for the group's end and says whether it came. A signal is sent under `lock`,
    which whoever collects the process holds as well: a number that was given again is never hit.
    """
    steps = (
        (signal.SIGINT, patience.after_interrupt_s),
        (signal.SIGTERM, patience.after_terminate_s),
        (signal.SIGKILL, patience.after_kill_s),
    )
    for number, wait_s in steps:
        with lock or contextlib.nullcontext():
            if over(0.0):
                return True
            try:
                os.killpg(group, number)
            except ProcessLookupError:
                return True
        if over(wait_s):
            return True
    return False


def _object(line: bytes) -> dict[str, Json] | None:
    """The JSON object of a line; None for anything else."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None
