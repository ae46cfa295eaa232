"""One case under pytest-benchmark's `pedantic`: the rounds are its rounds, and only what counts stays in its numbers.

Touches two names of pytest-benchmark that are not documented (`config._benchmarksession.benchmarks` and
`stats.Metadata`); tests/test_plugin.py fails when they change. What must never live here: options, collection, runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from pytest_benchmark.stats import Metadata

from orac_bench.attempt import Attempt
from orac_bench.measurement import Measurement
from orac_bench.metrics import METRICS
from orac_bench.records import Phase
from orac_bench.store.pytest_json import FURTHER
from orac_bench.units import Unit

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture


class GivenUp(Exception):
    """Leaves pytest-benchmark's loop: too many rounds in a row failed."""


def measure(measurement: Measurement, benchmark: BenchmarkFixture) -> None:
    """Every round of the case, or of the present block, timed by pytest-benchmark; then those that luck had spoilt.

    With `--benchmark-disable` one round, not timed by it. Rounds that do not count are taken out of its statistics.
    Of a case in blocks the last one alone is left in them, under the name of the case, with the rounds of all.
    """
    point = measurement.point
    benchmark.group = point.suite.name
    if point.block is not None:
        _name_case(benchmark, point.block)
    try:
        _pedantic(measurement, benchmark)
        if benchmark.disabled:
            return
        while measurement.tries_left():
            measurement.one(Phase.MEASURE)
    except GivenUp:
        benchmark.has_error = True
        return
    except BaseException:
        benchmark.has_error = True
        raise
    _keep_counted(measurement, benchmark)


def part_name(case: str, block: int) -> str:
    """The name of a block in pytest's list: "phi-2-block3" for the third."""
    return f"{case}-block{block + 1}"


def leave_out(benchmark: BenchmarkFixture, config: pytest.Config) -> None:
    """Takes a block that is not its case's last out of the table and the JSON: the last one has all rounds."""
    if benchmark.stats is not None:
        config._benchmarksession.benchmarks.remove(benchmark.stats)  # type: ignore[attr-defined]  # no other way out


def add_rows(measurement: Measurement, benchmark: BenchmarkFixture, config: pytest.Config, run: str) -> None:
    """A row of its own for each further time, and everything else as extra information of the case's row."""
    counted = measurement.counted
    if benchmark.disabled or benchmark.has_error:
        return
    about = {"orac_run": run, "orac_case": measurement.case.key}
    benchmark.extra_info.update(about)
    benchmark.extra_info.update({key: [round.metrics.get(key) for round in counted] for key in METRICS})
    for key in FURTHER:
        values = [round.metrics[key] for round in counted if key in round.metrics]
        if len(values) == len(counted):
            row = _row(key, values, benchmark, about)
            config._benchmarksession.benchmarks.append(row)  # type: ignore[attr-defined]  # there is no other way in


def _pedantic(measurement: Measurement, benchmark: BenchmarkFixture) -> None:
    point = measurement.point
    rounds = point.share if point.rule is None else 1
    phases = iter([Phase.WARMUP] * point.warmup + [Phase.MEASURE] * rounds)
    prepared: list[Attempt] = []

    def setup() -> tuple[tuple[Attempt], dict[str, object]]:
        if measurement.given_up:
            raise GivenUp
        prepared.append(measurement.prepare(next(phases)))
        return (prepared[-1],), {}

    def target(attempt: Attempt) -> None:
        attempt.send()

    def teardown(attempt: Attempt) -> None:
        measurement.keep(attempt)

    benchmark.pedantic(target, setup=setup, teardown=teardown, rounds=rounds, warmup_rounds=point.warmup, iterations=1)
    if benchmark.disabled:  # then pytest-benchmark calls no teardown
        measurement.keep(prepared[-1])


def _name_case(benchmark: BenchmarkFixture, block: int) -> None:
    """Gives the row of a block the name of its case."""
    end = part_name("", block)
    benchmark.name = f"{benchmark.name.removesuffix(']').removesuffix(end)}]"
    benchmark.fullname = f"{benchmark.fullname.removesuffix(']').removesuffix(end)}]"
    benchmark.param = benchmark.param.removesuffix(end)


def _keep_counted(measurement: Measurement, benchmark: BenchmarkFixture) -> None:
    counted = measurement.counted
    if benchmark.stats is None or not counted:
        benchmark.has_error = True
        return
    benchmark.stats.stats.data[:] = [round.metrics["e2e_s"] for round in counted]


def _row(key: str, values: Sequence[float], benchmark: BenchmarkFixture, about: dict[str, str]) -> Metadata:
    assert METRICS[key].unit is Unit.SECOND  # pytest-benchmark knows seconds only
    label = METRICS[key].label
    row = Metadata(
        SimpleNamespace(
            name=f"{benchmark.name}::{label}",
            fullname=f"{benchmark.fullname}::{label}",
            group=f"{benchmark.group}: {label}",
            param=benchmark.param,
            params=benchmark.params,
            extra_info=dict(about),
            cprofile_stats=None,
            has_error=False,
        ),
        1,
        {},
    )
    for value in values:
        row.update(value)
    return row
