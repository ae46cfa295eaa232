"""The door that pytest opens: what is asked for, in which order it is measured, and the run that came of it.

What must never live here: options and fixtures (plugin.py), how a round is timed (pedantic.py).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from orac_bench import canary, pedantic
from orac_bench.bench import Bench, GridPoint
from orac_bench.errors import OracError
from orac_bench.interleaving import split
from orac_bench.interruption import interruptible
from orac_bench.listener import Everybody
from orac_bench.options import asked_before
from orac_bench.outcome import outcome
from orac_bench.progress import Progress
from orac_bench.records import Json, Status
from orac_bench.report import reporting
from orac_bench.session import Session, open_session
from orac_bench.settings import Settings, read_settings
from orac_bench.stats.plan import Turn, warmups
from orac_bench.store.store import open_store
from orac_bench.suites.grid import Point, Suite
from orac_bench.visible import visible

NAME = "orac-door"
"""Under which pytest knows it."""


class Door:
    """One pytest session's benchmarks: what is asked for, what is planned, and the run that came of it."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.planned: list[GridPoint] = []
        self.measured = 0
        self.interrupted = False
        self.run: str | None = None
        self.error: OracError | None = None
        """Why nothing could be measured."""
        self._seed: int | None = None
        """What the order was drawn from, None without blocks."""
        self._turns: list[Turn] = []
        """Those of what is planned, none without blocks."""
        self._turn_before: Turn | None = None
        """The last one that was measured by this process."""
        self._canary_failed = False
        self._unfinished = False
        """Whether all that was planned is measured, and a case of the run is not over."""
        self._bench: Bench | None = None
        self._session: Session | None = None

    @property
    def bench(self) -> Bench:
        """What is asked for, read from options and environment at its first use. Raises pytest's UsageError."""
        if self._bench is None:
            try:
                settings = read_settings()
                self._bench = Bench.asked(settings, self._options(settings))
            except OracError as error:
                self.error = error
                raise pytest.UsageError(str(error)) from error
        return self._bench

    def _options(self, settings: Settings) -> Mapping[str, object]:
        """What was typed; of a run that goes on what it was asked for then. Its -k holds unless one is typed now."""
        typed = self.config.option
        if typed.orac_resume is None:
            return vars(typed)
        with open_store(settings.database_url, write=False) as store:
            run = store.run(store.resolve(typed.orac_resume))
        wishes, keyword = asked_before(run.arguments)
        typed.keyword = typed.keyword or keyword
        return {**vars(typed), **wishes}

    def comes_again(self, model: str) -> bool:
        """Whether a case after the present one is of that model."""
        return any(candidate.name == model for candidate, _ in self.planned[self.measured + 1 :])

    def warmup(self, point: Point, *, held: Callable[[], bool]) -> int:
        """How many warm-ups the present item has. Of a block at least one, and none where the same is loaded still.

        `held` tells whether its model is; it is asked only where the item before was of the same case.
        """
        if not self._turns or point.suite.cold:
            return point.warmup
        before = [] if self._turn_before is None else [self._turn_before]
        most = max(1, point.warmup)
        return warmups([*before, self._turns[self.measured]], most)[-1] or (0 if held() else most)

    def step_done(self) -> None:
        """The present item was measured."""
        self._turn_before = self._turns[self.measured] if self._turns else None
        self.measured += 1

    def step_failed(self) -> None:
        """The present item could not be measured. Whatever was loaded before may have been unloaded for it."""
        self._turn_before = None
        self.measured += 1

    def step_passed_over(self) -> None:
        """The present item needs no measuring, and nothing was done for it."""
        self.measured += 1

    @property
    def quiet(self) -> bool:
        """Whether ORAC's own lines take the place of pytest's dots."""
        return bool(self.planned) and self.config.get_verbosity() <= 0

    def progress(self) -> Progress:
        """Lines on the real stderr: sys.stderr itself is pytest's while a test runs."""
        capture = self.config.pluginmanager.getplugin("capturemanager")
        screen = sys.__stderr__ or sys.stderr
        bench, shown = self.bench, capture.global_and_fixture_disabled
        return Progress(screen, bench.work(self.planned), shown=shown, precision=bench.wishes.precision_ratio)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """The run, from its first benchmark to its last."""
        bench = self.bench
        intent = bench.intent(self.planned, keyword=self.config.option.keyword, seed=self._seed)
        with ExitStack() as stack:
            stack.enter_context(interruptible())
            report = stack.enter_context(reporting(os.environ, self._reading))
            listener = Everybody([each for each in (self.progress(), report) if each is not None])
            try:
                session = stack.enter_context(open_session(bench.settings, os.environ, intent, listener))
            except OracError as error:
                self.error = error
                pytest.exit(f"Nothing was measured. {error}", returncode=pytest.ExitCode.USAGE_ERROR)
            self.run, self._session = session.run.id, session
            if bench.canary is not None:
                self._canary_failed = not canary.measure(session, bench.canary)
            yield session
            if self.measured == len(self.planned) and not self.interrupted:
                self._end(session)

    def _end(self, session: Session) -> None:
        """Closes the run. Where the store fails by then, that is a sentence and no fault of the program."""
        try:
            self._unfinished = session.end(interrupted=False) is Status.INTERRUPTED
        except OracError as error:
            raise pytest.fail.Exception(str(error), pytrace=False) from None

    def _reading(self) -> dict[str, Json]:
        """What the board tells at present, with the time since the run began; nothing where it does not."""
        return {} if self._session is None else self._session.reading()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        """Finds out what is wrong with the wish in one line, where benchmarks are asked for at all."""
        if any(_has_benchmarks(session.config.invocation_params.dir / arg) for arg in session.config.args):
            assert self.bench

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        suite = getattr(metafunc.module, "SUITE", None)
        if "grid_point" in metafunc.fixturenames and isinstance(suite, Suite):
            parts = [
                pytest.param((candidate, part), id=name if part.block is None else pedantic.part_name(name, part.block))
                for name, (candidate, point) in self.bench.grid(suite)
                for part in split(point)
            ]
            metafunc.parametrize("grid_point", parts)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leaves out the suites that were not asked for, and puts a model's cases together: loading is slow.

        Blocks come in random order instead, which is drawn from the run's seed.
        """
        if self._bench is None:
            return
        suites = {found[1].suite.name for item in items if (found := _grid_point(item))}
        named = next(iter(suites)) if len(suites) == 1 else None
        wants = self._bench.wants
        unwanted = [
            item for item in items if _is_empty(item) or ((found := _grid_point(item)) and not wants(found, named))
        ]
        if unwanted:
            self.config.hook.pytest_deselected(items=unwanted)
        kept = [item for item in items if item not in unwanted]
        order = self._bench.order

        def place(item: pytest.Item) -> tuple[int, int, int]:
            found = _grid_point(item)
            return (-1, 0, 0) if found is None else order(found)

        items[:] = sorted(kept, key=place)
        self._interleave(items)

    def _interleave(self, items: list[pytest.Item]) -> None:
        blocked = [(item, found) for item in items if (found := _grid_point(item)) and found[1].block is not None]
        if not blocked:
            return
        try:
            self._seed = self.bench.seed()
        except OracError as error:
            self.error = error
            raise pytest.UsageError(str(error)) from error
        steps = self.bench.steps([found for _, found in blocked], seed=self._seed)
        others = [item for item in items if not _grid_point(item)]
        items[:] = [*others, *(blocked[step.index][0] for step in steps)]
        self._turns = [step.turn for step in steps]

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.planned = [found for item in session.items if (found := _grid_point(item))]
        if self._bench is None or self.config.option.collectonly:
            return
        for line in self._bench.left_out:
            self.progress().note(f"left out: {line}")
        reporter = self.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and self.quiet:
            reporter.showfspath = False

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        """No dots and letters: each case has a line of its own already."""
        if self.quiet and report.when == "call":
            return report.outcome, "", report.outcome.upper()
        return None

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if (self._canary_failed or self._unfinished) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.interrupted = isinstance(excinfo.value, KeyboardInterrupt)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.run is None:
            return
        url = self.bench.settings.database_url
        with open_store(url, write=False) as store:
            run = store.run(self.run)
            lines = outcome(store, run, database=url, width=max(100, terminalreporter._tw.fullwidth))
        terminalreporter.section(f"ORAC run {run.id}: {run.status.value}")
        for line in lines:
            terminalreporter.write_line(visible(line))


def door_of(config: pytest.Config) -> Door:
    """The door of this pytest session."""
    door = config.pluginmanager.get_plugin(NAME)
    assert isinstance(door, Door)
    return door


def _has_benchmarks(path: Path) -> bool:
    file = Path(str(path).partition("::")[0])
    return file.name.startswith("bench_") or any(file.glob("bench_*.py"))


def _grid_point(item: pytest.Item) -> GridPoint | None:
    found = _parameter(item)
    return found if isinstance(found, tuple) else None


def _is_empty(item: pytest.Item) -> bool:
    """Whether it stands for a suite none of whose points can be measured; pytest makes one item of it all the same."""
    found = _parameter(item)
    return found is not None and not isinstance(found, tuple)


def _parameter(item: pytest.Item) -> object:
    callspec = getattr(item, "callspec", None)
    return None if callspec is None else callspec.params.get("grid_point")
