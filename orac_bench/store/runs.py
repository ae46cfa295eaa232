"""The store's part for runs as they are kept: found by a name, listed, shown.

What must never live here: SQL (`reading.py`, `page.py`).
"""

from __future__ import annotations

from collections.abc import Sequence

from orac_bench.records import Phase, Result, Run
from orac_bench.store import page, reading
from orac_bench.store.page import RunLine
from orac_bench.store.reading import Whole
from orac_bench.store.transactions import Transactions


class Runs(Transactions):
    """Runs with their results and rounds; ids are those of runs, never of rows."""

    def resolve(self, ref: str) -> str:
        """The id of the run `ref`: an id, a baseline's name, a beginning of an id of at least 4 letters, `latest~2`.

        Raises UnknownRun with what there is.
        """
        with self._reading() as session:
            return reading.resolve(session, ref, place=str(self.path))

    def run(self, run_id: str) -> Run:
        """The run with exactly this id. Raises UnknownRun."""
        with self._reading() as session:
            return reading.run(session, run_id)

    def runs(self, *, limit: int = 50, before: str | None = None) -> tuple[RunLine, ...]:
        """Runs, newest first by their start, at most `limit`, older than run `before`. Raises UnknownRun."""
        with self._reading() as session:
            return page.runs(session, limit=limit, before=before)

    def whole(self, ref: str, *, rounds: bool) -> Whole:
        """The run `ref`, named as for `resolve`, its results with rounds where asked for, and what people wrote.

        All as of one moment. Raises UnknownRun with what there is.
        """
        with self._reading() as session:
            return reading.whole(session, ref, rounds=rounds, place=str(self.path))

    def results(self, run_id: str, *, rounds: bool, arrivals: bool = False) -> tuple[Result, ...]:
        """Results of a run in the order of measuring, with rounds and their arrivals where asked for.

        The summary of a result that is still running is that of its rounds so far. Raises UnknownRun.
        """
        with self._reading() as session:
            return reading.results(session, reading.run_row(session, run_id), rounds=rounds, arrivals=arrivals)

    def arrivals(self, run_id: str, case_key: str, index: int, *, phase: Phase = Phase.MEASURE) -> tuple[int, ...]:
        """Arrivals of a round's chunks with text, in ns after its request, to 1 µs.

        Raises UnknownRun, UnknownCase, UnknownRound.
        """
        with self._reading() as session:
            return reading.arrivals(session, run_id, case_key, index, phase)

    def flat(self, run_ids: Sequence[str] | None = None) -> list[tuple[object, ...]]:
        """One row a round with the columns `reading.FLAT_COLUMNS`, of all runs where `run_ids` is None."""
        with self._reading() as session:
            return reading.flat(session, run_ids)
