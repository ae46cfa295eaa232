"""A run tells the service that started it what happens: lines of JSON on an inherited pipe.

The store has all of it already, in its events; a line is a tap on the shoulder with content, and the readings. Where
the reader has gone, the service has ended and so does the run: interrupted, so that it can be resumed.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from orac_bench.lock import Holder
from orac_bench.records import Case, Failure, Json, Round, Status
from orac_bench.suites.grid import Point

EVENTS_FD = "ORAC_EVENTS_FD"
"""The environment's name for the descriptor. Set by the service for its own runs, and by nobody else."""

PERIOD_S = 1.0


class Report:
    """The lines to one descriptor. From any thread; never waits: what the pipe has no room for is left out."""

    def __init__(self, descriptor: int, *, end: Callable[[], None] | None = None) -> None:
        """`end` is what is done, once, where the reader has gone; None: SIGINT to this process."""
        self._descriptor = descriptor
        self._end = _interrupt if end is None else end
        self._gone = threading.Lock()
        os.set_blocking(descriptor, False)

    def note(self, text: str) -> None:
        """Something a person should know."""
        self.tell("note", {"text": text})

    def waiting(self, holder: Holder) -> None:
        """Another measurement holds the machine."""
        self.tell("waiting", {"text": str(holder)})

    def case_started(self, case: Case, *, warmup: int, rounds: int) -> None:
        """A case begins."""
        self.tell("case", {"case": case.key, "warmup": warmup, "rounds": rounds})

    def block_started(self, case: Case, point: Point, kept: Sequence[Round]) -> None:
        """A block of a case begins."""
        self.tell(
            "case",
            {"case": case.key, "warmup": point.warmup, "rounds": point.share, "block": point.block, "done": len(kept)},
        )

    def case_passed_over(self) -> None:
        """Nothing: the store has it already."""

    def round_kept(self, case: Case, round: Round) -> None:
        """A round was saved."""
        self.tell("round", {"case": case.key, "phase": round.phase.value, "index": round.index})

    def case_ended(self, case: Case, status: Status, failure: Failure | None) -> None:
        """A case ended."""
        error = None if failure is None else failure.message
        self.tell("case_ended", {"case": case.key, "status": status.value, "error": error})

    def tell(self, kind: str, data: Mapping[str, Json]) -> None:
        """Writes a line. One that is longer than a pipe takes at once has no content but its kind."""
        line = json.dumps({"kind": kind, **data}).encode() + b"\n"
        if len(line) > select.PIPE_BUF:
            line = json.dumps({"kind": kind}).encode() + b"\n"
        try:
            os.write(self._descriptor, line)
        except BlockingIOError:
            return
        except OSError:
            self._reader_has_gone()

    @contextmanager
    def watched(self, reading: Callable[[], Mapping[str, Json]]) -> Iterator[None]:
        """Writes what `reading` gives once a second while the block runs, and looks whether the reader is there.

        Nothing is written where it gives nothing.
        """
        woken, waker = os.pipe()

        def follow() -> None:
            poll = select.poll()
            poll.register(woken, select.POLLIN)
            poll.register(self._descriptor, 0)  # only that nobody reads any more
            while True:
                found = dict(poll.poll(PERIOD_S * 1000))
                if woken in found:
                    return
                if self._descriptor in found:
                    self._reader_has_gone()
                    return
                values = reading()
                if values:
                    self.tell("reading", values)

        thread = threading.Thread(target=follow, name="orac-report", daemon=True)
        thread.start()
        try:
            yield
        finally:
            os.write(waker, b"!")
            thread.join()
            os.close(woken)
            os.close(waker)

    def _reader_has_gone(self) -> None:
        if self._gone.acquire(blocking=False):
            self._end()


@contextmanager
def reporting(environ: Mapping[str, str], reading: Callable[[], Mapping[str, Json]]) -> Iterator[Report | None]:
    """The report that `environ` asks for, with `reading` once a second. None where it asks for none."""
    said = environ.get(EVENTS_FD)
    if said is None:
        yield None
        return
    report = Report(int(said))
    with report.watched(reading):
        yield report


def _interrupt() -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(os.getpid(), signal.SIGINT)
