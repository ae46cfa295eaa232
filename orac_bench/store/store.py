"""The store: records in, records out. Each method is one transaction, durable when it returns.

    with open_store(settings.database_url, write=True) as store:
        store.add_run(run)
        result = store.begin_result(run.id, case, planned=10, position=0, offload_ratio=1.0, facts={})
        store.add_round(result, measured)
        store.close_result(result, status=Status.DONE)
        store.update_run(run.id, status=Status.DONE, ended=now)

What must never live here: SQL (`reading.py`, `writing.py`), and what the file is (`schema.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType

from orac_bench.errors import SettingError, StoreError
from orac_bench.records import Case, Conditions, Failure, Json, Result, Round, Run, Status, Summary
from orac_bench.store import events, levels, reading, readings, schema, soundness, state, writing
from orac_bench.store.past import Past
from orac_bench.store.queueing import Queueing
from orac_bench.store.runs import Runs
from orac_bench.store.tables import ResultRow
from orac_bench.store.transactions import PATIENCE_S, utc_now
from orac_bench.telemetry.source import Sample


def open_store(
    url: str,
    *,
    write: bool,
    create: bool = True,
    patience_s: float = PATIENCE_S,
    clock: Callable[[], datetime] = utc_now,
    migrations: schema.Migrations = schema.MIGRATIONS,
) -> Store:
    """The store at `url` (`sqlite:///FILE`), which owns its connections: use it with `with`.

    To write creates it with its folder unless `create` is False, or upgrades an older one after a backup beside it,
    and finds out at once whether it can be written. To read never creates one. Raises StoreMissing, StoreForeign,
    StoreNewer, StoreReadOnly, StoreLocked, StoreFull; StoreError for an older one that shall only be read; SettingError
    for another URL.
    """
    if not url.startswith("sqlite:///") or url == "sqlite:///":
        raise SettingError(
            "Only files of SQLite are supported for now, and the database's URL names none.",
            next="Write it as sqlite:///results/orac.db, or sqlite:////var/lib/orac/orac.db for an absolute path.",
        )
    path = Path(url.removeprefix("sqlite:///"))
    if write:
        if not create:
            schema.check_there(path)
        engine = schema.open_to_write(path, patience_s=patience_s, migrations=migrations, clock=clock)
    else:
        engine = schema.open_to_read(path, patience_s=patience_s, migrations=migrations)
    return Store(engine, path, clock=clock, patience_s=patience_s)


class Store(Runs, Queueing, Past):
    """Runs, results and rounds of one database. `open_store` makes one; ids are those of runs, never of rows."""

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives all connections back; the last one to close folds the log into the file."""
        self._commits.close()
        self._engine.dispose()

    def add_run(self, run: Run, *, pid: int | None = None, cases: int | None = None) -> None:
        """Adds `run`, which process `pid` measures while it is running; `cases` is how many are planned.

        Raises StoreError for a known id.
        """
        with self._writing() as session:
            if reading.holds(session, run.id):
                raise StoreError(f"Run {run.id} is in {self.path} already.", next=f"See it with `orac show {run.id}`.")
            row = writing.add_run(session, run, pid=pid)
            if run.status is Status.RUNNING:
                events.tell_started(session, row, self._clock(), resumed=False, cases=cases)

    def update_run(
        self,
        run_id: str,
        *,
        status: Status,
        ended: datetime | None = None,
        error: str | None = None,
        conditions: Conditions | None = None,
        pid: int | None = None,
        cases: int | None = None,
    ) -> None:
        """Gives a run this status, end and error, and conditions unless None (unchanged). Raises UnknownRun.

        Running: process `pid` measures it from now on, so for a resumed one, of which `cases` are planned. Anything
        else: results of it that were still running become interrupted and keep their finished rounds; and where a
        person wanted it to end, it is cancelled instead.
        """
        with self._writing() as session:
            row = reading.run_row(session, run_id)
            if conditions is not None:
                writing.set_conditions(session, row, conditions)
            if status is Status.RUNNING:
                writing.take_over(row, pid=pid, now=self._clock())
                row.error = error
                events.tell_started(session, row, self._clock(), resumed=True, cases=cases)
            else:
                writing.end_run(session, row, status=status, ended=ended, now=self._clock(), error=error)

    def mark_interrupted(self, is_alive: Callable[[int], bool]) -> tuple[str, ...]:
        """Ids of runs that were said to be running and whose process `is_alive` denies; they are interrupted now.

        They ended with their last sign of life: the last round that was kept, else when a process began with them.
        Their results are closed with the rounds that they have. Who holds the lock of this machine knows that every
        process but its own is gone, whatever else has got its number since.
        """
        with self._writing() as session:
            return writing.mark_interrupted(session, is_alive, self._clock())

    def begin_result(
        self,
        run_id: str,
        case: Case,
        *,
        planned: int,
        position: int,
        offload_ratio: float | None = None,
        facts: Mapping[str, Json] | None = None,
    ) -> int:
        """A handle for `add_round` and `close_result`: the result of `case` in the run, running and empty.

        An interrupted or failed one begins anew and its rounds are deleted. Raises UnknownRun, and StoreError for a
        case that is done or running.
        """
        with self._writing() as session:
            run, now = reading.run_row(session, run_id), self._clock()
            row = writing.begin_result(session, run, case, planned=planned, position=position, now=now)
            events.tell_case(session, run, case, now, position=position, planned=planned)
            row.offload_ratio = offload_ratio
            row.facts = dict(facts or {})
            session.flush()
            return row.id or 0

    def reopen_result(self, run_id: str, case_key: str, *, blocks: Collection[int]) -> int:
        """As `begin_result`, of a result that goes on with the rounds of `blocks`; all others are deleted.

        Raises UnknownRun, and StoreError for a case that is not there or is running.
        """
        with self._writing() as session:
            return writing.reopen_result(session, reading.run_row(session, run_id), case_key, blocks=blocks).id or 0

    def add_round(
        self, result_id: int, measured: Round, *, done: int | None = None, headlines: Sequence[str] = ()
    ) -> None:
        """Keeps a round with its arrivals; it survives a power cut from here on. Followers are told its `headlines`.

        `done` is what the result has reached, None where its counted rounds say so. Raises StoreError where the run
        was deleted meanwhile, ValueError for a metric that has no column or is NaN.
        """
        with self._writing() as session:
            now = self._clock()
            row = writing.add_round(session, result_id, measured, done=done)
            writing.note_alive(session, row, now)
            events.tell_round(session, row, measured, now, metrics=headlines)

    def add_readings(self, run_id: str, samples: Sequence[Sample], *, origin_ns: int) -> int:
        """Keeps a batch of telemetry in one transaction; how many rows it became: one a tick.

        `origin_ns` is the run's begin on the clock of `samples`; those before it are left out. Raises UnknownRun.
        """
        if not samples:
            return 0
        with self._writing() as session:
            return readings.add(session, reading.run_key(session, run_id), samples, origin_ns=origin_ns)

    def readings(self, run_id: str) -> dict[str, list[float | None]]:
        """The telemetry of a run: `t_s`, seconds since it began, and a column a value. Raises UnknownRun."""
        with self._reading() as session:
            return readings.columns(session, reading.run_key(session, run_id))

    def reading_count(self) -> int:
        """How many readings are kept of all runs. Takes a while where there are millions."""
        with self._reading() as session:
            return readings.count(session)

    def fold_readings(self, *, older_than_days: float) -> int:
        """Puts the mean of each minute in the place of the readings of old runs, and forgets their events.

        How many runs were folded. One transaction a run, so that nobody waits for long; what it cannot do is left for
        the next time.
        """
        with self._reading() as session:
            old = readings.unfolded(session, before=self._clock() - timedelta(days=older_than_days))
        folded = 0
        for run in old:
            with self._writing() as session:
                events.forget(session, run)
                folded += readings.fold(session, run)
        return folded

    def close_result(
        self,
        result_id: int,
        *,
        status: Status,
        offload_ratio: float | None = None,
        facts: Mapping[str, Json] | None = None,
        failure: Failure | None = None,
    ) -> Mapping[str, Summary]:
        """Ends a result, and gives its summary by metric, written in the same transaction.

        `facts` are added to those known, `offload_ratio` replaces the one known unless it is None.
        """
        with self._writing() as session:
            row = session.get(ResultRow, result_id)
            if row is None:
                raise StoreError("The run was deleted while it was measured.", next="Measure again with `orac bench`.")
            if offload_ratio is not None:
                row.offload_ratio = offload_ratio
            return writing.close_result(session, row, status=status, now=self._clock(), facts=facts, failure=failure)

    def take_in(self, runs: Sequence[tuple[Run, Sequence[Result]]]) -> tuple[str, ...]:
        """Adds ended runs of elsewhere with all that is in them; the ids of those that were not here yet.

        All or none. A run that is here already and equal is left alone. Raises StoreError for one
        that is here and different.
        """
        added = []
        with self._writing() as session:
            for run, results in runs:
                if not reading.holds(session, run.id):
                    writing.add_whole(session, run, results)
                    added.append(run.id)
                elif not reading.same(session, run, results):
                    raise StoreError(
                        f"Run {run.id} is in {self.path} already, with other content. Nothing was taken in.",
                        next=f"Look at it with `orac show {run.id}`; `orac delete {run.id}` makes room.",
                    )
        return tuple(added)

    def delete_run(self, run_id: str, *, is_alive: Callable[[int], bool] = lambda _pid: True) -> None:
        """Deletes a run with all that hangs on it.

        Raises RunMeasuring while its process `is_alive`, RunNamed where it is a baseline, and UnknownRun.
        """
        with self._reading() as session:
            seen, found = state.state(session), levels.without(session, reading.run_row(session, run_id))
        with self._writing() as session:
            row = reading.run_row(session, run_id)
            if state.state(session) != seen:
                found = levels.without(session, row)
            writing.delete_run(session, row, is_alive, found)

    def revision(self) -> str:
        """The number of the database's schema, such as "0001"."""
        with self._reading() as session:
            return reading.revision(session)

    def backup(self, target: Path) -> None:
        """Writes a whole copy to `target`, also while a run is measured. Raises StoreError where that exists."""
        schema.backup(self.path, target, patience_s=self._patience_s)

    def check(self) -> tuple[str, ...]:
        """What is wrong with the store, a sentence each; () where nothing is. Reads all of it."""
        try:
            with self._reading() as session:
                return soundness.problems(session)
        except StoreError as error:
            return (error.what,)
