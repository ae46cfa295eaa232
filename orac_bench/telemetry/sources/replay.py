"""A recorded log of tegrastats at its own pace, as if the board were here. Every round it meets is flagged."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from orac_bench.errors import MissingPrerequisite
from orac_bench.telemetry.log import Log, read_log
from orac_bench.telemetry.source import Sample
from orac_bench.telemetry.sources.values import values_of

NAME = "replay"
UNTIMED_PERIOD_S = 1.0
"""Lines without printed times are as far apart as tegrastats prints by default."""


class Replay:
    """The readings of a recorded log, each when it is due. At its end the log begins again."""

    name = NAME

    def __init__(self, path: Path, *, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.notes: tuple[str, ...] = ()
        self._path = path
        self._clock = clock
        self._log: Log | None = None
        self._due_ns: list[int] = []
        self._round_ns = 0
        self._started_ns = 0
        self._told_ns = 0

    def __enter__(self) -> Replay:
        """Reads the log. Raises MissingPrerequisite where it cannot be read, UsageError where it is no log."""
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError as error:
            raise MissingPrerequisite(
                f"The recorded log {self._path} cannot be read: {error.strerror}.",
                next="Write the setting as ORAC_TELEMETRY=replay:FILE",
            ) from None
        timed = any(parse.at is not None for parse in read_log(lines, interval_s=UNTIMED_PERIOD_S).readings[:2])
        self._log = read_log(lines, interval_s=None if timed else UNTIMED_PERIOD_S)
        self._due_ns = [round(seconds * 1e9) for seconds in self._log.times_s]
        period_ns = self._due_ns[-1] // max(1, len(self._due_ns) - 1)
        self._round_ns = self._due_ns[-1] + max(1, period_ns)
        self._started_ns = self._clock()
        self._told_ns = -1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._log = None

    def fileno(self) -> int | None:
        """None: it is asked."""
        return None

    def read(self) -> Sequence[Sample]:
        """The readings that have come due since the last call, stamped when they were; at most one turn of the log."""
        if self._log is None:
            return ()
        elapsed = self._clock() - self._started_ns
        self._told_ns = max(self._told_ns, elapsed - self._round_ns)
        samples = []
        while (due := self._next_due())[0] <= elapsed:
            self._told_ns, reading = due[0], self._log.readings[due[1]]
            raw = reading.raw if reading.unknown else None
            at_ns = self._started_ns + due[0]
            samples.append(Sample(source=NAME, at_ns=at_ns, values=values_of(reading), raw=raw))
        return samples

    def _next_due(self) -> tuple[int, int]:
        """When, after the start, the next reading is due, and its index."""
        turn, within = divmod(self._told_ns, self._round_ns)
        index = bisect_right(self._due_ns, within)
        if index == len(self._due_ns):
            turn, index = turn + 1, 0
        return turn * self._round_ns + self._due_ns[index], index
