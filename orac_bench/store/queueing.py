"""The store's part for runs that wait, are taken over, are watched and shall end.

What must never live here: SQL (`queue.py`, `events.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orac_bench.records import Event, Json, Run, Status
from orac_bench.store import events, queue, reading
from orac_bench.store.rows import run_record
from orac_bench.store.spent import Spent, spent
from orac_bench.store.tables import ConditionsRow
from orac_bench.store.transactions import Transactions


class Queueing(Transactions):
    """The queue and the events of runs; ids are those of runs."""

    def enqueue(self, run: Run, *, request: Mapping[str, Json], key: str | None = None, most: int | None = None) -> Run:
        """The queued run for `request`: `run`, or the one that came with the same `key` before, whatever became of it.

        Raises KeyReused where that had another request, and QueueFull where `most` are queued already.
        """
        with self._writing() as session:
            kept = queue.enqueue(session, run, request=request, key=key, most=most, now=self._clock())
            return reading.run(session, kept)

    def next_queued(self) -> str | None:
        """The run whose turn is next. None where none waits."""
        with self._reading() as session:
            return queue.next_queued(session)

    def position(self, run_id: str) -> int | None:
        """How many queued runs come before this one: 0 where it is next. None where it is not queued.

        Raises UnknownRun.
        """
        with self._reading() as session:
            return queue.position(session, reading.run_row(session, run_id))

    def request(self, run_id: str) -> dict[str, Json] | None:
        """What the service was asked for, checked. None for a run of a shell. Raises UnknownRun."""
        with self._reading() as session:
            return queue.request(reading.run_row(session, run_id))

    def claim(self, run: Run, *, pid: int, cases: int | None = None) -> Run:
        """Makes the queued run with `run`'s id the running one of process `pid`, begun and conditioned as `run` is.

        Seed, note and door stay as they were; so it is returned. `cases` is how many are planned. Raises UsageError
        where it is not queued, and UnknownRun.
        """
        with self._writing() as session:
            row = reading.run_row(session, run.id)
            queue.claim(session, row, run, pid=pid, cases=cases, now=self._clock())
            session.flush()
            return run_record(row, session.get(ConditionsRow, row.conditions_id) if row.conditions_id else None)

    def ask_cancel(self, run_id: str, *, is_alive: Callable[[int], bool] = lambda _pid: True) -> Status:
        """What became of the wish to end a run: cancelled at once, or still running until its process has ended.

        However that ends, the run is then cancelled. One whose process `is_alive` denies is cancelled at once. Raises
        RunOver where it has ended for good, and UnknownRun.
        """
        with self._writing() as session:
            return queue.ask_cancel(session, reading.run_row(session, run_id), is_alive, self._clock())

    def count_attempt(self, run_id: str) -> int:
        """How often its process was started since a case was last done, with the start that is counted now.

        Raises UnknownRun.
        """
        with self._writing() as session:
            row = reading.run_row(session, run_id)
            row.attempts += 1
            return row.attempts

    def forgive_attempt(self, run_id: str) -> None:
        """Takes the last start back: the service ended in order while it went on, which says nothing about the run.

        Raises UnknownRun.
        """
        with self._writing() as session:
            row = reading.run_row(session, run_id)
            row.attempts = max(0, row.attempts - 1)

    def counts(self) -> dict[Status, int]:
        """How many runs there are of each status, 0 included."""
        with self._reading() as session:
            return queue.counts(session)

    def running(self) -> tuple[tuple[str, int | None], ...]:
        """The runs that are said to be running, oldest first, each with the process that measures it, where known."""
        with self._reading() as session:
            return queue.running(session)

    def unfinished(self, trigger: str) -> tuple[tuple[str, Status, int | None], ...]:
        """The runs of that door that are queued, running or interrupted, oldest first, each with its last process."""
        with self._reading() as session:
            return queue.unfinished(session, trigger=trigger)

    def spent(self, *, limit: int = 300) -> tuple[Spent, ...]:
        """What the last finished results took, the newest first, for estimates."""
        with self._reading() as session:
            return spent(session, limit=limit)

    def events(self, run_id: str, *, after: int = 0, limit: int = 1000) -> tuple[Event, ...]:
        """What happened in a run behind event number `after`, in order, at most `limit`. Raises UnknownRun."""
        with self._reading() as session:
            return events.events(session, reading.run_key(session, run_id), after=after, limit=limit)
