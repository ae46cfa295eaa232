"""A store as large as years make it: 60 cases in 1,000 runs of 20 rounds, written in bulk in half a minute.

Fifteen models and four suites; the Ollama changes at run 400 and the power mode at run 700, and at run 550 the even
cases become 5 % slower. Each round is off by 1.5 %, each run by 0.7 %, from a fixed seed.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path

import numpy

from orac_bench.stats.summary import METHOD, METHOD_VERSION
from orac_bench.store.store import open_store
from tests.builders import NOON

CASES, RUNS, ROUNDS = 60, 1000, 20
SUITES = ("first_token", "decode", "prompt_length", "cold_load")
METRICS = ("ttft_s", "e2e_s", "decode_tokens_per_s", "prefill_tokens_per_s", "load_s", "temperature_start_celsius")
"""The metrics of each round, in the order of `TYPICAL`."""

TYPICAL = (0.2, 0.9, 40.0, 400.0, 1.5, 45.0)
OLLAMA_CHANGES, SLOWER, MODE_CHANGES = 400, 550, 700
LOW, HIGH = 5, 14
"""Ranks from 0 of the 95 % interval of the median of 20 values: the 6th and the 15th."""


def run_id(number: int) -> str:
    """The id of run `number`, 0 to RUNS - 1."""
    return f"run-{number:04d}"


def case_key(number: int) -> str:
    """The key of case `number`, 0 to CASES - 1."""
    return f"case{number:012d}"


def build(path: Path, *, runs: int = RUNS, cases: int = CASES) -> str:
    """The URL of a new store at `path`."""
    url = f"sqlite:///{path}"
    open_store(url, write=True).close()
    db = sqlite3.connect(path)
    db.executescript("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA temp_store = MEMORY")
    with db:
        db.executemany("INSERT INTO conditions (id, hash, facts) VALUES (?, ?, ?)", _conditions())
        names = [f"model-{number:02d}" for number in range(-(-cases // len(SUITES)))]
        db.executemany(
            "INSERT INTO model (id, digest, name) VALUES (?, ?, ?)",
            ((number, f"sha256:{name}", name) for number, name in enumerate(names, start=1)),
        )
        chosen = list(product(range(1, len(names) + 1), SUITES))[:cases]
        db.executemany(
            "INSERT INTO bench_case (id, key, suite, model_id, prompt_tokens, output_tokens, workload_version, options)"
            " VALUES (?, ?, ?, ?, 64, 128, 1, '{}')",
            ((number + 1, case_key(number), suite, model) for number, (model, suite) in enumerate(chosen)),
        )
        db.executemany(
            "INSERT INTO run (id, uid, status, created, started, ended, trigger, orac_version, metrics_version, seed,"
            " arguments, conditions_id, volatile) VALUES (?, ?, 'done', ?, ?, ?, 'orac', '0.1.0', 1, 7, '[]', ?, '{}')",
            (
                (number + 1, run_id(number), _at(number), _at(number), _at(number, 3600), _conditions_of(number))
                for number in range(runs)
            ),
        )
    noise = numpy.random.default_rng(20261122)
    for number in range(runs):
        with db:
            _measure(db, number, [names[model - 1] for model, _ in chosen], noise)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return url


def _measure(db: sqlite3.Connection, number: int, models: list[str], noise: numpy.random.Generator) -> None:
    """Run `number` with all its results."""
    cases = len(models)
    level = numpy.ones(cases)
    if number >= SLOWER:
        level[::2] = 1.05
    level = level * (1 + 0.007 * noise.standard_normal(cases))
    off = level[:, None] * (1 + 0.015 * noise.standard_normal((cases, ROUNDS)))
    rate = numpy.array([name.endswith("tokens_per_s") for name in METRICS])
    shapes = numpy.where(rate[None, None, :], 1 / off[:, :, None], off[:, :, None])
    values = shapes * numpy.array(TYPICAL)
    first = number * cases + 1
    db.executemany(
        "INSERT INTO result (id, run_id, case_id, model_name, position, status, planned, done, failed, offload_ratio,"
        " facts, started, ended) VALUES (?, ?, ?, ?, ?, 'done', ?, ?, 0, 1.0, '{}', ?, ?)",
        (
            (first + case, number + 1, case + 1, name, case, ROUNDS, ROUNDS, _at(number, case), _at(number, case + 1))
            for case, name in enumerate(models)
        ),
    )
    columns = ", ".join(METRICS)
    db.executemany(
        'INSERT INTO round (result_id, phase, "index", status, started, seed, flags, counted, raw, '
        f"{columns}) VALUES (?, 'measure', ?, 'ok', ?, 1, '[]', 1, '{{}}', {', '.join('?' * len(METRICS))})",
        (
            (first + case, index, _at(number, case), *values[case, index].tolist())
            for case in range(cases)
            for index in range(ROUNDS)
        ),
    )
    db.executemany(
        "INSERT INTO result_metric (result_id, metric, n, median, minimum, maximum, ci_low, ci_high, q25, q75, method,"
        " method_version, case_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        _summaries(first, numpy.sort(values, axis=1)),
    )


def _summaries(first: int, ordered: numpy.ndarray) -> Iterator[tuple[object, ...]]:
    """Rows of result_metric of `ordered` values: case, round, metric."""
    quartiles = numpy.quantile(ordered, (0.25, 0.5, 0.75), axis=1)
    for case in range(len(ordered)):
        for column, metric in enumerate(METRICS):
            one, (low, middle, high) = ordered[case, :, column].tolist(), quartiles[:, case, column].tolist()
            interval = (one[LOW], one[HIGH])
            figures = (ROUNDS, middle, one[0], one[-1], *interval, low, high)
            yield (first + case, metric, *figures, METHOD, METHOD_VERSION, case + 1)


def _conditions() -> Iterator[tuple[int, str, str]]:
    versions = (("0.11.4", "15W"), ("0.20.7", "15W"), ("0.20.7", "MAXN_SUPER"))
    for number, (version, mode) in enumerate(versions, start=1):
        yield number, f"c0ffee{number}", json.dumps({"ollama_version": version, "power_mode": mode})


def _conditions_of(number: int) -> int:
    return 1 + (number >= OLLAMA_CHANGES) + (number >= MODE_CHANGES)


def _at(number: int, seconds: float = 0.0) -> str:
    """As the store writes instants: run `number` begins on day `number`."""
    return (NOON + timedelta(days=number, seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S.%f")
