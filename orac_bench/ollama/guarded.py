"""A program that runs under guardian.py, and so never outlives us.

What must never live here: anything that knows what the program is.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from orac_bench.errors import OllamaError

GUARDIAN = Path(__file__).with_name("guardian.py")
_START_LIMIT_S = 10.0
_GUARDIAN_LIMIT_S = 8.5
"""guardian.py needs 8 s at most: 5 after SIGTERM, 3 after SIGKILL."""
_KILL_LIMIT_S = 1.0


class Guarded:
    """A running program: `pid` is its process and its process group, `guardian_pid` what watches over both."""

    def __init__(self, guardian: subprocess.Popen[bytes], *, life: int, report: int) -> None:
        self.guardian_pid = guardian.pid
        self._guardian = guardian
        self._life = life
        self._report = report
        self._reports = select.poll()
        self._reports.register(report, select.POLLIN)
        self._heard = b""
        self._closed = False
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """The program's process id. Raises OllamaError where the guardian could not tell one."""
        started = self._said("started")
        if started is None:
            raise OllamaError("The guardian of Ollama ended before it had started anything.")
        return int(started)

    @property
    def failed(self) -> str | None:
        """Why the program could not be run at all, in the kernel's words. None where it ran."""
        return self._said("failed")

    @property
    def ended(self) -> str | None:
        """How the program ended: "exit 1", "signal 9". None while it runs, "unseen" where its guardian was killed."""
        return self._said("ended") or ("unseen" if self._hear() else None)

    def wait_started(self) -> None:
        """Returns once the guardian has said the program's process id, or has ended."""
        deadline = time.monotonic() + _START_LIMIT_S
        while self._said("started") is None and not self._closed and time.monotonic() < deadline:
            self._reports.poll(100)

    def end(self) -> None:
        """Ends the program with everything it started, within 10 s. A second time does nothing.

        Raises OllamaError where a process could not be ended: it then waits in the kernel, for a device.
        """
        if self._life < 0:
            return
        os.close(self._life)
        self._life = -1
        deadline = time.monotonic() + _GUARDIAN_LIMIT_S
        try:
            while not self._hear() and time.monotonic() < deadline:
                self._reports.poll(100)
            left = self._end_group()
        finally:
            self._guardian.kill()
            self._guardian.wait()
            with self._lock:
                self._closed = True
                os.close(self._report)
        if left:
            raise OllamaError(
                f"Ollama was told to end and did not: process {', '.join(map(str, sorted(left)))} is left.",
                next="It will go when its device answers; `ps -o pid,stat,wchan,cmd` tells what it waits for.",
            )

    def _end_group(self) -> set[int]:
        """What is left of the program's process group, killed where the guardian did not live to do it."""
        started = self._said("started")
        if started is None:
            return set()
        group = int(started)
        deadline = time.monotonic() + _KILL_LIMIT_S
        while (left := members(group)) and time.monotonic() < deadline:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
            time.sleep(0.02)
        return left

    def _said(self, word: str) -> str | None:
        self._hear()
        for line in self._heard.decode(errors="replace").splitlines():
            if line.startswith(f"{word} "):
                return line.removeprefix(f"{word} ")
        return None

    def _hear(self) -> bool:
        """Takes in what the guardian has said so far. Whether it has ended."""
        with self._lock:
            while not self._closed:
                try:
                    said = os.read(self._report, 4096)
                except BlockingIOError:
                    break
                self._heard += said
                self._closed = not said
            return self._closed


@contextmanager
def guarded(command: Sequence[str | Path], *, environ: Mapping[str, str], output: int) -> Iterator[Guarded]:
    """Runs `command`, both its outputs into the open file `output`, until the block ends or we end in any way.

    The program has a session of its own, so Ctrl-C reaches us and not it. It may be started from any thread, which
    may end before the program does.
    """
    life, ours = os.pipe()
    report, theirs = os.pipe()
    os.set_blocking(report, False)
    words = [sys.executable, "-I", "-S", GUARDIAN, str(life), str(theirs), str(os.getpid()), *command]
    try:
        guardian = subprocess.Popen(
            words,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=(life, theirs),
            start_new_session=True,
        )
    except OSError:
        os.close(ours)
        os.close(report)
        raise
    finally:
        os.close(life)
        os.close(theirs)
    program = Guarded(guardian, life=ours, report=report)
    try:
        program.wait_started()
        yield program
    finally:
        program.end()


def members(group: int) -> set[int]:
    """The living processes of a process group. Source: proc(5), /proc/PID/stat, fields 3 and 5."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, _, of_group = (entry / "stat").read_bytes().rpartition(b")")[2].split()[:3]
                if int(of_group) == group and state not in (b"Z", b"X"):
                    found.add(int(entry.name))
    return found
