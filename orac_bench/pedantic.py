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
from orac_bench.units import Unit

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

EXTRA_ROWS = ("ttft_s", "tpot_s", "load_s")
"""Times that get rows of their own in pytest-benchmark's table and JSON, beside E2E, the time of the round."""


class GivenUp(Exception):
    """Leaves pytest-benchmark's loop: too many rounds in a row failed."""


def measure(measurement: Measurement, benchmark: BenchmarkFixture) -> None:
    """Every round of the case, timed by pytest-benchmark; then those again that luck had spoilt.

    With `--benchmark-disable` one round, not timed by it. Rounds that do not count are taken out of its statistics.
    """
    point = measurement.point
    benchmark.group = point.suite.name
    try:
        _pedantic(measurement, benchmark)
        if benchmark.disabled:
            return
        while measurement.tries_left():
            _round(measurement)
    except GivenUp:
        benchmark.has_error = True
        return
    except BaseException:
        benchmark.has_error = True
        raise
    _keep_counted(measurement, benchmark)


def add_rows(measurement: Measurement, benchmark: BenchmarkFixture, config: pytest.Config, run: str) -> None:
    """A row of its own for each further time, and everything else as extra information of the case's row."""
    counted = measurement.counted
    if benchmark.disabled or benchmark.has_error:
        return
    about = {"orac_run": run, "orac_case": measurement.case.key}
    benchmark.extra_info.update(about)
    benchmark.extra_info.update({key: [round.metrics.get(key) for round in counted] for key in METRICS})
    for key in EXTRA_ROWS:
        values = [round.metrics[key] for round in counted if key in round.metrics]
        if len(values) == len(counted):
            row = _row(key, values, benchmark, about)
            config._benchmarksession.benchmarks.append(row)  # type: ignore[attr-defined]  # there is no other way in


def _pedantic(measurement: Measurement, benchmark: BenchmarkFixture) -> None:
    point = measurement.point
    phases = iter([Phase.WARMUP] * point.warmup + [Phase.MEASURE] * point.rounds)
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

    benchmark.pedantic(
        target, setup=setup, teardown=teardown, rounds=point.rounds, warmup_rounds=point.warmup, iterations=1
    )
    if benchmark.disabled:  # then pytest-benchmark calls no teardown
        measurement.keep(prepared[-1])


def _round(measurement: Measurement) -> None:
    attempt = measurement.prepare(Phase.MEASURE)
    attempt.send()
    measurement.keep(attempt)


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
