"""The pytest door: the `--orac-*` options, the grid as parametrized benchmarks, and the `orac` fixture.

What must never live here: how a round is measured (measurement.py) or timed (pedantic.py).
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import pytest

from orac_bench import pedantic
from orac_bench.arguments import at_least, length_of_time
from orac_bench.bench import Bench, GridPoint
from orac_bench.errors import OracError
from orac_bench.progress import Progress
from orac_bench.session import Session, open_session
from orac_bench.settings import read_settings
from orac_bench.store.store import open_store
from orac_bench.suites.grid import SUITES, Suite
from orac_bench.tables import next_steps, results_table

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

__all__ = ["GridPoint", "Orac", "measure"]


class Orac:
    """The `orac` fixture: measures one grid point under pytest-benchmark."""

    def __init__(self, door: Door, session: Session, benchmark: BenchmarkFixture) -> None:
        self._door = door
        self._session = session
        self._benchmark = benchmark

    def measure(self, grid_point: GridPoint) -> None:
        """Measures and stores every round. Fails the test, without a traceback, where one failed."""
        candidate, point = grid_point
        if self._benchmark.disabled:
            point = replace(point, warmup=0, rounds=1, time_s=None)
        try:
            if self._session.has(candidate, point):
                self._door.measured += 1
                pytest.skip(f"run {self._session.run.id} had measured it before it was interrupted")
            last = not self._door.comes_again(candidate.name)
            with self._session.measuring(candidate, point, last=last) as measurement:
                pedantic.measure(measurement, self._benchmark)
        except OracError as error:
            self._door.measured += 1
            self._benchmark.has_error = True
            pytest.fail(str(error), pytrace=False)
        self._door.measured += 1
        pedantic.add_rows(measurement, self._benchmark, self._door.config, self._session.run.id)
        failure = measurement.verdict()
        if failure is not None:
            pytest.fail(failure.message, pytrace=False)


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
        self._bench: Bench | None = None

    @property
    def bench(self) -> Bench:
        """What is asked for, read from options and environment at its first use. Raises pytest's UsageError."""
        if self._bench is None:
            try:
                self._bench = Bench.asked(read_settings(), vars(self.config.option))
            except OracError as error:
                self.error = error
                raise pytest.UsageError(str(error)) from error
        return self._bench

    def comes_again(self, model: str) -> bool:
        """Whether a case after the present one is of that model."""
        return any(candidate.name == model for candidate, _ in self.planned[self.measured + 1 :])

    @property
    def quiet(self) -> bool:
        """Whether ORAC's own lines take the place of pytest's dots."""
        return bool(self.planned) and self.config.get_verbosity() <= 0

    def progress(self) -> Progress:
        """Lines on the real stderr: sys.stderr itself is pytest's while a test runs."""
        capture = self.config.pluginmanager.getplugin("capturemanager")
        screen = sys.__stderr__ or sys.stderr
        return Progress(screen, self.bench.work(self.planned), shown=capture.global_and_fixture_disabled)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """The run, from its first benchmark to its last."""
        bench = self.bench
        arguments = bench.arguments(self.planned, keyword=self.config.option.keyword)
        with ExitStack() as stack:
            stack.enter_context(interruptible())
            try:
                session = stack.enter_context(
                    open_session(bench.settings, os.environ, bench.intent(arguments), self.progress())
                )
            except OracError as error:
                self.error = error
                pytest.exit(f"Nothing was measured. {error}", returncode=pytest.ExitCode.USAGE_ERROR)
            self.run = session.run.id
            yield session
            if self.measured == len(self.planned) and not self.interrupted:
                session.end(interrupted=False)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        """Finds out what is wrong with the wish in one line, where benchmarks are asked for at all."""
        if any(_has_benchmarks(session.config.invocation_params.dir / arg) for arg in session.config.args):
            assert self.bench

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        suite = getattr(metafunc.module, "SUITE", None)
        if "grid_point" in metafunc.fixturenames and isinstance(suite, Suite):
            grid = self.bench.grid(suite)
            metafunc.parametrize("grid_point", [pytest.param(point, id=name) for name, point in grid])

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leaves out the suites that were not asked for, and puts a model's cases together: loading is slow."""
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

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        self.interrupted = isinstance(excinfo.value, KeyboardInterrupt)

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.run is None:
            return
        with open_store(self.bench.settings.database_url, write=False) as store:
            run, results = store.run(self.run), store.results(self.run, rounds=False)
        terminalreporter.section(f"ORAC run {run.id}: {run.status.value}")
        width = max(100, terminalreporter._tw.fullwidth)
        terminalreporter.write_line(results_table(results, width=width))
        for line in next_steps(run, self.bench.settings.database_url):
            terminalreporter.write_line(line)


@pytest.fixture
def orac(request: pytest.FixtureRequest, benchmark: BenchmarkFixture, orac_session: Session) -> Orac:
    """Measures a grid point: `orac.measure(grid_point)`."""
    return Orac(_door(request.config), orac_session, benchmark)


@pytest.fixture(scope="session")
def orac_session(request: pytest.FixtureRequest) -> Iterator[Session]:
    """The run of this pytest session."""
    with _door(request.config).session() as session:
        yield session


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Door(config), _NAME)


def pytest_addoption(parser: pytest.Parser) -> None:
    add = parser.getgroup("orac", "ORAC: language models through Ollama").addoption
    suites = ", ".join(SUITES)
    add("--orac-model", action="append", default=[], metavar="NAME", help="measure this model; may be repeated")
    add("--orac-suite", action="append", default=[], metavar="NAME", help=f"one of {suites}; may be repeated")
    add("--orac-rounds", type=at_least(1), metavar="N", help="counted rounds a case (default: the suite's)")
    add("--orac-warmup", type=at_least(0), metavar="N", help="warm-up rounds a case (default: the suite's)")
    add("--orac-output-tokens", type=at_least(1), metavar="N", help="tokens to write (default: the suite's)")
    add("--orac-prompt-tokens", type=at_least(1), action="append", metavar="N", help="prompt length; may be repeated")
    add("--orac-time-limit", type=length_of_time, metavar="T", help="of the suite sustained (default: 10m)")
    add("--orac-prompt-file", metavar="FILE", help="take the prompt from FILE instead of a length")
    add("--orac-note", metavar="TEXT", help="a note, kept with the run")
    add("--orac-resume", metavar="RUN", help="go on with an interrupted run at its first unfinished case")
    add("--orac-trigger", default="pytest", metavar="DOOR", help="set by ORAC itself: which door started the run")


def measure(arguments: list[str]) -> tuple[int, str | None]:
    """Runs pytest on `arguments` in this process. Its exit code and the run's id, None where none began.

    Raises the OracError for which nothing could be measured.
    """

    class Watch:
        door: Door | None = None

        def pytest_configure(self, config: pytest.Config) -> None:
            self.door = _door(config)

    watch = Watch()
    code = pytest.main(arguments, plugins=[sys.modules[__name__], watch])
    if watch.door is not None and watch.door.error is not None:
        raise watch.door.error
    return int(code), None if watch.door is None else watch.door.run


@contextmanager
def interruptible() -> Iterator[None]:
    """SIGINT and SIGTERM end the run in order, also where the shell that started it had SIGINT ignored."""

    def ended(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, ended) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_NAME = "orac-door"


def _door(config: pytest.Config) -> Door:
    door = config.pluginmanager.get_plugin(_NAME)
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
