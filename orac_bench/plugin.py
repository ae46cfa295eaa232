"""The pytest door: the `--orac-*` options, the grid as parametrized benchmarks, and the `orac` fixture.

What must never live here: how a round is measured (measurement.py) or timed (pedantic.py).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import pytest

from orac_bench import pedantic
from orac_bench.bench import GridPoint
from orac_bench.candidates import Candidate
from orac_bench.door import NAME, Door, door_of
from orac_bench.errors import OracError
from orac_bench.measurement import Measurement
from orac_bench.options import add_to_pytest
from orac_bench.session import Session

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

__all__ = ["GridPoint", "Measured", "Orac", "measure"]


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
            point = replace(point, warmup=0, rounds=point.blocks or 1, time_s=None, rule=None)
        else:
            point = replace(point, warmup=self._door.warmup(point, held=lambda: self._holds(candidate)))
        try:
            if self._session.over(candidate, point):
                self._door.step_passed_over()
                pytest.skip(f"run {self._session.run.id} had measured it already, or had given it up")
            last = not self._door.comes_again(candidate.name)
            with self._session.measuring(candidate, point, last=last) as measurement:
                pedantic.measure(measurement, self._benchmark)
        except OracError as error:
            self._door.step_failed()
            self._benchmark.has_error = True
            raise pytest.fail.Exception(str(error), pytrace=False) from None
        self._door.step_done()
        self._report(measurement)

    def _holds(self, candidate: Candidate) -> bool:
        """Whether the model is alone in memory still, as it was loaded here: an Ollama may have ended meanwhile."""
        try:
            target = self._session.cases.target(candidate)
            return self._session.engine.only(target.served_as, target.runner) is not None
        except OracError:
            return False

    def _report(self, measurement: Measurement) -> None:
        """Hands the case over to pytest-benchmark once its last block is there. Fails the test where it failed."""
        if not measurement.point.is_last and not measurement.given_up:
            pedantic.leave_out(self._benchmark, self._door.config)
            return
        pedantic.add_rows(measurement, self._benchmark, self._door.config, self._session.run.id)
        failure = measurement.verdict()
        if failure is not None:
            pytest.fail(failure.message, pytrace=False)


@pytest.fixture
def orac(request: pytest.FixtureRequest, benchmark: BenchmarkFixture, orac_session: Session) -> Orac:
    """Measures a grid point: `orac.measure(grid_point)`."""
    return Orac(door_of(request.config), orac_session, benchmark)


@pytest.fixture(scope="session")
def orac_session(request: pytest.FixtureRequest) -> Iterator[Session]:
    """The run of this pytest session."""
    with door_of(request.config).session() as session:
        yield session


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Door(config), NAME)


def pytest_addoption(parser: pytest.Parser) -> None:
    add_to_pytest(parser.getgroup("orac", "ORAC: language models through Ollama").addoption)


class Measured(NamedTuple):
    """What became of a session of pytest."""

    code: int
    """Pytest's exit code."""
    run: str | None
    """The run's id; None where none began."""
    faults: tuple[str, ...]
    """What went wrong beside the rounds, each with its traceback: such things are told nowhere else."""


def measure(arguments: list[str]) -> Measured:
    """Runs pytest on `arguments` in this process. Raises the OracError for which nothing could be measured."""

    class Watch:
        door: Door | None = None

        def __init__(self) -> None:
            self.faults: list[str] = []

        def pytest_configure(self, config: pytest.Config) -> None:
            self.door = door_of(config)

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            """ORAC's own failures are sentences, which its lines and tables tell; what has a traceback is a fault."""
            if report.failed and not isinstance(report.longrepr, str):
                self.faults.append(f"{report.nodeid}, {report.when}:\n{report.longreprtext}\n")

    watch = Watch()
    code = pytest.main(arguments, plugins=[sys.modules[__name__], watch])
    if watch.door is not None and watch.door.error is not None:
        raise watch.door.error
    run = None if watch.door is None else watch.door.run
    return Measured(code=int(code), run=run, faults=tuple(watch.faults))
