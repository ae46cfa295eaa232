"""tegrastats as a child of this process: each line is stamped when it arrives.

The child is started again when it ends or falls silent, with a pause that grows while it prints nothing good. It ends
with us: killed when the source is left, and by its broken pipe at its next line where we are killed ourselves.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from orac_bench.errors import MissingPrerequisite
from orac_bench.telemetry.source import Sample
from orac_bench.telemetry.sources.values import values_of
from orac_bench.telemetry.tegrastats import parse_line

NAME = "tegrastats"
CHUNK_B = 65_536
LINE_LIMIT_B = 16_384
"""A line longer than this is no line of tegrastats, and is dropped."""
FLOOD_LINES = 20
"""More lines than this in one read are a flood: only the last of them is parsed."""
FIRST_PAUSE_NS, LONGEST_PAUSE_NS = 10**9, 60 * 10**9
SILENCE_NS = 5 * 10**9
"""A child that prints nothing for this long, or for five periods, hangs and is ended."""


class Tegrastats:
    """Lines of `program`, read as they come. `bad_lines` and `starts` count what happened."""

    name = NAME

    def __init__(
        self,
        program: str = "tegrastats",
        *,
        period_s: float = 0.1,
        silence_ns: int | None = None,
        first_pause_ns: int = FIRST_PAUSE_NS,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.notes: tuple[str, ...] = ()
        self.bad_lines = 0
        self.starts = 0
        self._command = (program, "--interval", str(max(1, round(period_s * 1000))))
        self._silence_ns = silence_ns or max(SILENCE_NS, round(5e9 * period_s))
        self._first_pause_ns = first_pause_ns
        self._pause_ns = first_pause_ns
        self._clock = clock
        self._child: subprocess.Popen[bytes] | None = None
        self._heard_ns = 0
        self._again_ns = 0
        self._rest = b""

    def __enter__(self) -> Tegrastats:
        """Starts the child. Raises MissingPrerequisite where the program is not there or may not be run."""
        try:
            self._start(self._clock())
        except OSError as error:
            raise MissingPrerequisite(
                f"{self._command[0]} cannot be started: {error.strerror}.",
                next="Set ORAC_TEGRASTATS to the program, or ORAC_TELEMETRY=sysfs.",
            ) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def child_id(self) -> int | None:
        """The process id of the child. None while there is none."""
        return None if self._child is None else self._child.pid

    def fileno(self) -> int | None:
        """The child's output. None between two children."""
        return None if self._child is None or self._child.stdout is None else self._child.stdout.fileno()

    def read(self) -> Sequence[Sample]:
        """The lines that arrived since the last call, stamped now. Ends a silent child, starts the next one."""
        descriptor, now_ns = self.fileno(), self._clock()
        if descriptor is None:
            if now_ns >= self._again_ns:
                self._try_start(now_ns)
            return ()
        try:
            data = os.read(descriptor, CHUNK_B)
        except BlockingIOError:
            if now_ns - self._heard_ns > self._silence_ns:
                self._give_up(now_ns, f"said nothing for {self._silence_ns / 1e9:g} s")
            return ()
        if not data:
            self._give_up(now_ns, "ended")
            return ()
        self._heard_ns = now_ns
        return self._samples(data, now_ns)

    def _samples(self, data: bytes, now_ns: int) -> list[Sample]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > LINE_LIMIT_B:
            self._rest = b""
            self.bad_lines += 1
        if len(lines) > FLOOD_LINES:
            self._note(f"{self._command[0]} printed {len(lines)} lines at once; only the last of them is read.")
            lines = lines[-1:]
        samples = []
        for line in lines:
            reading = parse_line(line.decode("utf-8", errors="replace"))
            if reading.bad is not None:
                self.bad_lines += 1
                self._note(f"{self._command[0]} printed a line that cannot be read: {reading.bad}.")
                continue
            self._pause_ns = self._first_pause_ns
            raw = reading.raw if reading.unknown else None
            samples.append(Sample(source=NAME, at_ns=now_ns, values=values_of(reading), raw=raw))
        return samples

    def _try_start(self, now_ns: int) -> None:
        try:
            self._start(now_ns)
        except OSError as error:
            self._wait(now_ns)
            self._note(f"{self._command[0]} cannot be started again: {error.strerror}.")

    def _start(self, now_ns: int) -> None:
        self._end()
        child = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        if child.stdout is not None:
            os.set_blocking(child.stdout.fileno(), False)
        self._child, self._heard_ns, self._rest = child, now_ns, b""
        self.starts += 1

    def _give_up(self, now_ns: int, why: str) -> None:
        self._end()
        self._wait(now_ns)
        self._note(f"{self._command[0]} {why}; it is started again.")

    def _wait(self, now_ns: int) -> None:
        self._again_ns = now_ns + self._pause_ns
        self._pause_ns = min(2 * self._pause_ns, LONGEST_PAUSE_NS)

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        if child.stdout is not None:
            child.stdout.close()

    def _note(self, note: str) -> None:
        if note not in self.notes and len(self.notes) < 20:
            self.notes = (*self.notes, note)
