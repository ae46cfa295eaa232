"""The recipe: one run under one set of conditions, case after case, every round saved as soon as it ends.

Behind every door: `pytest benchmarks/`, `orac bench` and the service run this. It composes Ollama, the models and the
store; it prints nothing and tells a `Listener` what happens.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count

from orac_bench.asking import Asking
from orac_bench.beginning import begin
from orac_bench.candidates import Candidate, models_folder
from orac_bench.cases import Cases, left_behind
from orac_bench.conditions import conditions, host_facts, server_facts, volatile_facts
from orac_bench.engine import Engine, running_engine
from orac_bench.errors import OracError, StoreError
from orac_bench.forecast import Forecast
from orac_bench.intent import Intent
from orac_bench.judging.headlines import HEADLINES
from orac_bench.listener import Listener
from orac_bench.lock import LOCK, Turn, is_alive, measuring_alone
from orac_bench.measurement import Measurement
from orac_bench.models.folder import discover
from orac_bench.models.register import forget_missing
from orac_bench.observer import Observer, observing
from orac_bench.ollama.public import public_url
from orac_bench.opened import Opened
from orac_bench.precision import FACT
from orac_bench.records import Failure, Json, Round, Run, Status
from orac_bench.settings import Settings
from orac_bench.store.store import Store, open_store
from orac_bench.store.transactions import utc_now
from orac_bench.suites import grid
from orac_bench.suites.prompt import Recipe
from orac_bench.targets import load_alone

STARTED = {"orac": "a run of `orac bench`", "pytest": "a run of pytest", "rest": "a run of the service"}
"""What those who wait are told of a measurement without a note, by what started it."""


@dataclass
class Session:
    """A run in progress. Made by `open_session`; measures one case at a time."""

    settings: Settings
    store: Store
    engine: Engine
    run: Run
    intent: Intent
    listener: Listener
    observer: Observer
    turn: Turn
    forecast: Forecast
    origin_ns: int
    """When the run began, on the clock of samples."""
    cases: Cases
    _recipes: dict[tuple[str, int], Recipe] = field(default_factory=dict)
    _unmeasured: bool = False
    """Whether there is a case that could not even begin, and so has no result."""
    _turns: Iterator[int] = field(default_factory=lambda: count(1))

    @contextmanager
    def measuring(self, candidate: Candidate, point: grid.Point, *, last: bool = True) -> Iterator[Measurement]:
        """A case, or a block of one, ready for its rounds: the model loaded alone, the prompt calibrated.

        Power at rest is measured before the first case of a model and after its `last`: facts of the result.
        However it ends, the result's status is stored: done, failed, or interrupted where it was left by an
        exception that is no OracError; and of a case in blocks still running, until its last block.
        Raises OracError where the case cannot be measured, which is stored as well.
        """
        try:
            opened = self.cases.open(candidate, point)
        except OracError as error:
            self._unmeasured = True
            self._pass_over()
            self.listener.note(f"{candidate.label} {point.suite.name} was not measured. {error}")
            raise
        self.forecast.begin(time.monotonic())
        self._tell_turn()
        if point.block is None:
            self.listener.case_started(opened.case, warmup=point.warmup, rounds=point.rounds)
        else:
            self.listener.block_started(opened.case, point, opened.rounds)
        try:
            if self.engine.revive():
                self.listener.note(f"Ollama had ended and was started again: {public_url(self.engine.client.url)}")
            self.engine.check_version()
            facts, loaded = load_alone(opened.target, self.engine, point)
            opened.facts |= facts
            opened.offload_ratio = loaded.offload_ratio
            measurement = opened.measurement or self._measurement(opened, point)
            measurement.point, measurement.offload_ratio = point, loaded.offload_ratio
            self.observer.rest_with(opened.target.digest)
            yield measurement
            opened.facts |= self.observer.run_facts(last=last and not measurement.given_up)
        except StoreError:
            raise
        except OracError as error:
            self._close(opened, Status.FAILED, Failure(code=error.code, message=str(error)))
            raise
        except BaseException:
            try:
                self._close(opened, Status.INTERRUPTED, None)
            except StoreError as error:  # why the case was left matters more
                self.listener.note(f"The end of a case could not be stored. {error}")
            raise
        if not point.is_last and not measurement.given_up:
            self.forecast.end(time.monotonic())
            return
        failure = measurement.verdict()
        self._close(opened, Status.DONE if failure is None else Status.FAILED, failure)

    def over(self, candidate: Candidate, point: grid.Point) -> bool:
        """Whether nothing of it is left to be measured: the run had it before it was interrupted, or gave it up."""
        found = self.cases.over(candidate, point)
        if found:
            self._pass_over()
        return found

    def _pass_over(self) -> None:
        """Counts a planned case, or block of one, that is not measured."""
        self.forecast.skip()
        self.listener.case_passed_over()

    def _measurement(self, opened: Opened, point: grid.Point) -> Measurement:
        """What measures the case from now on, its prompt calibrated."""
        asking = Asking(
            engine=self.engine,
            target=opened.target,
            case=opened.case,
            suite=point.suite,
            run_seed=self.run.seed,
            turns=self._turns,
            given=self.intent.prompt,
            recipes=self._recipes,
        )
        opened.facts |= asking.settle()
        opened.measurement = Measurement(
            engine=self.engine,
            target=opened.target,
            case=opened.case,
            point=point,
            asking=asking,
            keep_round=lambda round: self._keep(opened, round),
            note=self.listener.note,
            observer=self.observer,
            rounds=[*opened.kept],
        )
        return opened.measurement

    def end(self, *, interrupted: bool) -> Status:
        """Closes the run: interrupted where cases are missing, failed where one failed, else done. The status.

        A case is missing, too, that lacks some of its blocks, one whose rounds the store did not take, and one that was
        interrupted before and not asked for again.
        """
        begun = {opened.case.key for opened in self.cases.opened}
        for opened in self.cases.opened:
            self._close(opened, Status.INTERRUPTED, None, told=False)
        results = self.store.results(self.run.id, rounds=False)
        missing = [result.case for result in results if result.status is Status.INTERRUPTED]
        for case in missing:
            if not interrupted and case.key not in begun:
                self.listener.note(left_behind(case, self.run.id))
        failed = self._unmeasured or any(result.status is Status.FAILED for result in results)
        status = Status.INTERRUPTED if interrupted or missing else Status.FAILED if failed else Status.DONE
        self.store.update_run(self.run.id, status=status, ended=utc_now())
        self._find_levels()
        return status

    def _find_levels(self) -> None:
        """Finds where the levels of the run's cases changed. That it cannot be stored costs the run nothing."""
        try:
            self.store.find_levels(self.run.id, HEADLINES)
        except OracError as error:
            self.listener.note(f"Changes of level could not be stored: {error} `orac db rollup --rebuild` finds them.")

    def close(self) -> None:
        """Stores a run that was not ended as interrupted. Told and not raised where the store has failed already."""
        try:
            if self.store.run(self.run.id).status is Status.RUNNING:
                self.end(interrupted=True)
        except OracError as error:
            self.listener.note(f"The run's end could not be stored. {error}")

    def reading(self) -> dict[str, Json]:
        """What the board told last, by the names of the run's telemetry, with `t_s` since the run began.

        Empty where it told nothing within the last two seconds. From any thread.
        """
        at_ns, values = self.observer.latest()
        return {"t_s": (at_ns - self.origin_ns) / 1e9, **values} if values else {}

    def keep_readings(self) -> None:
        """Stores what telemetry has told since the last time. That it cannot be stored costs no round."""
        samples = self.observer.take()
        try:
            self.store.add_readings(self.run.id, samples, origin_ns=self.origin_ns)
        except OracError as error:
            self.listener.note(f"{len(samples)} readings could not be stored: {error}")

    def _keep(self, opened: Opened, round: Round) -> None:
        measurement = opened.measurement
        assert measurement is not None
        reached_s = measurement.reached_s
        done = None if reached_s is None else int(reached_s)
        self.store.add_round(opened.result, round, done=done, headlines=measurement.point.suite.headlines)
        self.keep_readings()
        self.forecast.reach(measurement.share)
        self._tell_turn()
        self.listener.round_kept(measurement.case, round)

    def _close(self, opened: Opened, status: Status, failure: Failure | None, *, told: bool = True) -> None:
        """Ends the case with what is known of it. One in blocks that failed is not tried any more."""
        facts = opened.facts | ({} if opened.measurement is None else opened.measurement.facts)
        known = None if opened.measurement is None else opened.measurement.reached
        if known is not None:
            facts[FACT] = known.fact
        self.cases.end(opened, status)
        self.store.close_result(
            opened.result, status=status, facts=facts, failure=failure, offload_ratio=opened.offload_ratio
        )
        if told:
            self.forecast.end(time.monotonic())
            self.listener.case_ended(opened.case, status, failure)

    def _tell_turn(self) -> None:
        """Tells those who would like to measure, or to visit, how far this is."""
        left_s = self.forecast.left_s(time.monotonic())
        self.turn.tell(
            run=self.run.id,
            cases_done=self.forecast.number - 1,
            cases=self.forecast.cases,
            likely_over=None if left_s is None else utc_now() + timedelta(seconds=left_s),
        )


@contextmanager
def open_session(
    settings: Settings, environ: Mapping[str, str], intent: Intent, listener: Listener
) -> Iterator[Session]:
    """A session that holds the machine, an Ollama and the store while the `with` block runs.

    The block ends it with `session.end`; where it did not, the run is stored as interrupted. Raises OracError for
    whatever is missing, before any round.
    """
    with ExitStack() as stack:
        what = intent.note or STARTED.get(intent.trigger, f"a run of {intent.trigger}")
        turn = stack.enter_context(measuring_alone(settings.home / LOCK, what=what, waiting=listener.waiting))
        store = stack.enter_context(open_store(settings.database_url, write=True))
        store.mark_interrupted(is_alive)
        engine = stack.enter_context(running_engine(settings, environ, note=listener.note))
        facts = server_facts(version=engine.version, supervised=engine.supervised, environment=engine.environment)
        root = settings.sysfs_root
        observer = stack.enter_context(observing(settings, local=engine.local, note=listener.note))
        now = conditions(host_facts(root), facts, volatile_facts(root, celsius=observer.start_celsius))
        if engine.store is not None and not engine.borrowed:
            forget_missing(engine.store, discover(models_folder(settings)))
        run, before = begin(store, intent, now)
        session = Session(
            settings=settings,
            store=store,
            engine=engine,
            run=run,
            intent=intent,
            listener=listener,
            observer=observer,
            turn=turn,
            forecast=Forecast(intent.plan),
            origin_ns=time.monotonic_ns() - round((utc_now() - run.started).total_seconds() * 1e9),
            cases=Cases(
                run_id=run.id,
                store=store,
                engine=engine,
                settings=settings,
                listener=listener,
                intent=intent,
                before=before,
            ),
        )
        try:
            _fold_readings(store, settings, listener)  # now that this run is no ended one
            yield session
        finally:
            session.close()
            session.keep_readings()


def _fold_readings(store: Store, settings: Settings, listener: Listener) -> None:
    """Folds the readings of old runs to minutes. That it cannot be done costs no run."""
    try:
        store.fold_readings(older_than_days=settings.telemetry_keep_days)
    except OracError as error:
        listener.note(f"Readings of old runs could not be folded to minutes: {error} The next run tries again.")
