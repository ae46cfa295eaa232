"""The recipe: one run under one set of conditions, case after case, every round saved as soon as it ends.

Behind every door: `pytest benchmarks/`, `orac bench` and the service run this. It composes Ollama, the models and the
store; it prints nothing and tells a `Listener` what happens.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from itertools import count
from pathlib import Path
from typing import Protocol

from orac_bench import __version__
from orac_bench.candidates import Candidate, models_folder
from orac_bench.conditions import conditions, differing, host_facts, server_facts, volatile_facts
from orac_bench.engine import Engine, running_engine
from orac_bench.errors import OracError, StoreError, UsageError
from orac_bench.lock import Holder, measuring_alone
from orac_bench.measurement import Measurement
from orac_bench.models.folder import discover
from orac_bench.models.register import forget_missing
from orac_bench.observer import Observer, observing
from orac_bench.records import METRICS_VERSION, Case, Conditions, Failure, Json, Round, Run, Status
from orac_bench.settings import Settings
from orac_bench.store.store import Store, open_store
from orac_bench.suites import grid
from orac_bench.suites.prompt import Recipe
from orac_bench.targets import Target, load_alone, registered


class Listener(Protocol):
    """Who is told what happens, as it happens. Never called in a timed region."""

    def note(self, text: str) -> None:
        """Something a person should know."""

    def waiting(self, holder: Holder) -> None:
        """Another measurement holds the machine."""

    def case_started(self, case: Case, *, warmup: int, rounds: int) -> None:
        """A case begins."""

    def round_kept(self, case: Case, round: Round) -> None:
        """A round was saved."""

    def case_ended(self, case: Case, status: Status, failure: Failure | None) -> None:
        """A case ended."""


@dataclass(frozen=True, kw_only=True)
class Intent:
    """What a run is started with."""

    trigger: str
    arguments: tuple[str, ...] = ()
    note: str | None = None
    resume: str | None = None
    """The run to go on with, None for a new one."""
    prompt: str | None = None
    """The text of --prompt-file, None where prompts have a wanted length."""


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
    origin_ns: int
    """When the run began, on the clock of samples."""
    finished: frozenset[str] = frozenset()
    """Keys of the cases that an interrupted run had finished before."""
    _targets: dict[str, Target] = field(default_factory=dict)
    _recipes: dict[tuple[str, int], Recipe] = field(default_factory=dict)
    _position: int = 0
    _unmeasured: bool = False
    """Whether there is a case that could not even begin, and so has no result."""
    _turns: Iterator[int] = field(default_factory=lambda: count(1))

    @contextmanager
    def measuring(self, candidate: Candidate, point: grid.Point, *, last: bool = True) -> Iterator[Measurement]:
        """A case, ready for its rounds: the model loaded alone, the prompt calibrated, the result row written.

        Power at rest is measured before the first case of a model and after its `last`: facts of the result.
        However the block ends, the result's status is stored: done, failed, or interrupted where it was left by an
        exception that is no OracError. Raises OracError where the case cannot be measured, which is stored as well.
        """
        try:
            target = self.target(candidate)
            case = grid.case(point, model=target.name, model_digest=target.digest, parameters=target.parameters)
            self._position += 1
            result = self.store.begin_result(self.run.id, case, planned=point.planned, position=self._position)
        except OracError as error:
            self._unmeasured = True
            self.listener.note(f"{candidate.name} {point.suite.name} was not measured. {error}")
            raise
        self.listener.case_started(case, warmup=point.warmup, rounds=point.rounds)
        measurement: Measurement | None = None
        try:
            facts, loaded = load_alone(target, self.engine, point)
            measurement = Measurement(
                engine=self.engine,
                target=target,
                case=case,
                point=point,
                run_seed=self.run.seed,
                turns=self._turns,
                given=self.intent.prompt,
                recipes=self._recipes,
                keep_round=lambda round: self._keep(result, measurement, round),
                note=self.listener.note,
                observer=self.observer,
                offload_ratio=loaded.offload_ratio,
            )
            measurement.settle()
            self.observer.rest_with(target.digest)
            yield measurement
            facts |= self.observer.run_facts(last=last and not measurement.given_up)
        except StoreError:
            raise
        except OracError as error:
            self._close(result, case, Status.FAILED, {}, Failure(code=error.code, message=str(error)))
            raise
        except BaseException:
            self._close(result, case, Status.INTERRUPTED, {}, None)
            raise
        failure = measurement.verdict()
        status = Status.DONE if failure is None else Status.FAILED
        ratio = loaded.offload_ratio
        self._close(result, case, status, {**facts, **measurement.facts}, failure, offload_ratio=ratio)

    def has(self, candidate: Candidate, point: grid.Point) -> bool:
        """Whether this run had finished the case before it was interrupted."""
        if not self.finished:
            return False
        try:
            target = self.target(candidate)
        except OracError:
            return False  # `measuring` tells why
        case = grid.case(point, model=target.name, model_digest=target.digest, parameters=target.parameters)
        return case.key in self.finished

    def target(self, candidate: Candidate) -> Target:
        """The candidate, known to the server under its name and with its digest. Files are registered once a run."""
        if candidate.name not in self._targets:
            self._targets[candidate.name] = registered(candidate, self.engine, self.settings, self.listener.note)
        return self._targets[candidate.name]

    def end(self, *, interrupted: bool) -> Status:
        """Closes the run: interrupted where cases are missing, failed where one failed, else done. The status."""
        results = self.store.results(self.run.id, rounds=False)
        failed = self._unmeasured or any(result.status is Status.FAILED for result in results)
        status = Status.INTERRUPTED if interrupted else Status.FAILED if failed else Status.DONE
        self.store.update_run(self.run.id, status=status, ended=_now())
        return status

    def close(self) -> None:
        """Stores a run that was not ended as interrupted. Told and not raised where the store has failed already."""
        try:
            if self.store.run(self.run.id).status is Status.RUNNING:
                self.end(interrupted=True)
        except OracError as error:
            self.listener.note(f"The run's end could not be stored. {error}")

    def keep_readings(self) -> None:
        """Stores what telemetry has told since the last time. That it cannot be stored costs no round."""
        samples = self.observer.take()
        try:
            self.store.add_readings(self.run.id, samples, origin_ns=self.origin_ns)
        except OracError as error:
            self.listener.note(f"{len(samples)} readings could not be stored: {error}")

    def _keep(self, result: int, measurement: Measurement | None, round: Round) -> None:
        assert measurement is not None
        reached_s = measurement.reached_s
        self.store.add_round(result, round, done=None if reached_s is None else int(reached_s))
        self.keep_readings()
        self.listener.round_kept(measurement.case, round)

    def _close(
        self,
        result: int,
        case: Case,
        status: Status,
        facts: Mapping[str, Json],
        failure: Failure | None,
        *,
        offload_ratio: float | None = None,
    ) -> None:
        self.store.close_result(result, status=status, facts=facts, failure=failure, offload_ratio=offload_ratio)
        self.listener.case_ended(case, status, failure)


@contextmanager
def open_session(
    settings: Settings, environ: Mapping[str, str], intent: Intent, listener: Listener
) -> Iterator[Session]:
    """A session that holds the machine, an Ollama and the store while the `with` block runs.

    The block ends it with `session.end`; where it did not, the run is stored as interrupted. Raises OracError for
    whatever is missing, before any round.
    """
    with ExitStack() as stack:
        what = intent.note or f"orac, started by {intent.trigger}"
        stack.enter_context(measuring_alone(settings.home / "measure.lock", what=what, waiting=listener.waiting))
        store = stack.enter_context(open_store(settings.database_url, write=True))
        store.mark_interrupted(is_alive)
        engine = stack.enter_context(running_engine(settings, environ, note=listener.note))
        facts = server_facts(version=engine.version, supervised=engine.supervised, environment=engine.environment)
        root = settings.sysfs_root
        observer = stack.enter_context(observing(settings, local=engine.local, note=listener.note))
        now = conditions(host_facts(root), facts, volatile_facts(root, celsius=observer.start_celsius))
        if engine.supervised and engine.store is not None:
            forget_missing(engine.store, discover(models_folder(settings)))
        run, finished = _begin(store, intent, now)
        store.fold_readings(older_than_days=settings.telemetry_keep_days)
        session = Session(
            settings=settings,
            store=store,
            engine=engine,
            run=run,
            intent=intent,
            listener=listener,
            observer=observer,
            origin_ns=time.monotonic_ns() - round((_now() - run.started).total_seconds() * 1e9),
            finished=finished,
        )
        try:
            yield session
        finally:
            session.close()
            session.keep_readings()


def is_alive(pid: int) -> bool:
    """Whether that process may still be measuring: it is another than this one, and runs orac or pytest.

    Numbers are given again, after a reboot or in a new container above all.
    """
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return pid != os.getpid() and any(word in command for word in (b"orac", b"pytest"))


def _begin(store: Store, intent: Intent, now: Conditions) -> tuple[Run, frozenset[str]]:
    if intent.resume is not None:
        return _resumed(store, intent.resume, now)
    started = _now()
    run = Run(
        id=f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}",
        status=Status.RUNNING,
        started=started,
        ended=None,
        trigger=intent.trigger,
        note=intent.note,
        orac_version=__version__,
        metrics_version=METRICS_VERSION,
        conditions=now,
        seed=secrets.randbits(31),
        arguments=intent.arguments,
    )
    store.add_run(run, pid=os.getpid())
    return run, frozenset()


def _resumed(store: Store, reference: str, now: Conditions) -> tuple[Run, frozenset[str]]:
    run = store.run(store.resolve(reference))
    if run.status is not Status.INTERRUPTED:
        raise UsageError(
            f"Run {run.id} is {run.status.value}; only an interrupted run can be resumed.",
            next="Start a new one: orac bench",
        )
    if run.conditions is not None and run.conditions.hash != now.hash:
        changed = ", ".join(f"{key} was {a}, is {b}" for key, (a, b) in differing(run.conditions, now).items())
        store.update_run(run.id, status=Status.LOST, ended=_now(), error=f"the conditions changed: {changed}")
        raise UsageError(
            f"Run {run.id} cannot go on: the conditions changed ({changed}). What it measured is kept; it is lost.",
            next="Start a new one: orac bench",
        )
    store.update_run(run.id, status=Status.RUNNING, pid=os.getpid())
    finished = frozenset(
        result.case.key for result in store.results(run.id, rounds=False) if result.status is Status.DONE
    )
    return replace(run, status=Status.RUNNING, ended=None), finished


def _now() -> datetime:
    return datetime.now(timezone.utc)
