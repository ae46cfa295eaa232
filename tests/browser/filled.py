"""A store as it is after a year of use: 1,000 runs of 60 cases in bulk, then four runs of today through the store.

Ten models, six cases each, ten rounds a case. What happens on the way, by the number of the run: the Ollama changes at
400 and the power mode at 700; at 550 even cases become 5 % slower; from 620 to 640 there is no cold load; from 690 on
the last model is not measured any more; in the last 12 runs the cases of `MOVED` are slower or faster. Of today: a
sound run, the same again with a failed case, excluded rounds and telemetry with a gap, a cancelled one, one that was
interrupted. Noise comes from a fixed seed: 1.5 % a round, 0.7 % a run.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy

from orac_bench.judging.headlines import HEADLINES
from orac_bench.stats.summary import METHOD, METHOD_VERSION
from orac_bench.store.store import open_store
from tests.browser.board import CASES, KINDS, POWER_W, Kind, case_key, conditions_facts, typical
from tests.browser.today import measure_today

RUNS, ROUNDS = 1000, 10
OLLAMA_CHANGES, SLOWER, GIVEN_UP, MODE_CHANGES, LOST, FOUND = 400, 550, 690, 700, 620, 640
COSTLIER = ("energy_j", "joules_per_output_token", "power_w_mean")
MOVED = {7: 1.09, 33: 1.07, 49: 0.93, 52: 0.94}
"""Cases that were slower, or faster, in the last runs than at the baseline."""
MOVED_RUNS = 12
LOW, HIGH = 1, 8
"""Ranks from 0 of the 95 % interval of the median of 10 values: the second and the ninth."""


METRICS = (
    "ttft_s", "e2e_s", "decode_tokens_per_s", "prefill_tokens_per_s", "load_s", "energy_j", "joules_per_output_token",
    "model_memory_b", "ram_peak_b", "temperature_start_celsius", "temperature_max_celsius", "power_w_mean",
)  # fmt: skip
RATES = tuple(metric.endswith("tokens_per_s") for metric in METRICS)
STEADY = tuple(metric.endswith(("_b", "_celsius", "_w_mean")) for metric in METRICS)
"""What a slower run does not change."""


def run_id(number: int, now: datetime) -> str:
    """The id of run `number`, 0 to RUNS - 1."""
    return f"{_at(number, now):%Y%m%d-%H%M%S}-{number:04x}"


def fill(path: Path, *, runs: int = RUNS, now: datetime | None = None) -> str:
    """The URL of a new store at `path`, whose last run was a few minutes before `now`."""
    now = now or datetime.now(timezone.utc).replace(microsecond=0)
    url = f"sqlite:///{path}"
    open_store(url, write=True).close()
    db = sqlite3.connect(path)
    db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF")
    indexes = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    with db:
        for name, _ in indexes:
            db.execute(f"DROP INDEX {name}")  # made anew at the end, which is quicker than row by row
        _frame(db, runs, now)
    noise = numpy.random.default_rng(20261122)
    for number in range(runs):
        with db:
            _measure(db, number, now, noise)
    with db:
        for _, made in indexes:
            db.execute(made)
    db.execute("PRAGMA journal_mode = WAL")
    db.close()
    with open_store(url, write=True) as store:
        for number in (10, 600, 800, runs - 1):
            if number < runs:
                store.find_levels(run_id(number, now), HEADLINES)
        store.set_baseline("release-0.1", run_id(runs - 40, now))
        store.annotate(run_id(min(OLLAMA_CHANGES, runs - 2), now), "A newer Ollama")
        store.annotate(run_id(runs - 200 if runs > 200 else 1, now), "A new fan, and the case is closed again")
    measure_today(url, now)
    return url


def _frame(db: sqlite3.Connection, runs: int, now: datetime) -> None:
    """Everything but results."""
    db.executemany("INSERT INTO conditions (id, hash, facts) VALUES (?, ?, ?)", _conditions())
    db.executemany(
        "INSERT INTO model (id, digest, name) VALUES (?, ?, ?)",
        ((number, f"sha256:{number:064x}", kind.name) for number, kind in enumerate(KINDS, start=1)),
    )
    db.executemany(
        "INSERT INTO bench_case (id, key, suite, model_id, prompt_tokens, output_tokens, workload_version, options)"
        " VALUES (?, ?, ?, ?, ?, ?, 1, ?)",
        (
            (number + 1, case_key(number), *_of(number), json.dumps({"temperature": 0.7, "num_ctx": 2048}))
            for number in range(len(KINDS) * len(CASES))
        ),
    )
    db.executemany(
        "INSERT INTO run (id, uid, status, created, started, ended, trigger, orac_version, metrics_version, seed,"
        " arguments, conditions_id, volatile) VALUES (?, ?, 'done', ?, ?, ?, ?, '0.1.0', 1, 7, '[]', ?, '{}')",
        (
            (
                number + 1,
                run_id(number, now),
                *(_written(_at(number, now, seconds)) for seconds in (0, 0, 2400)),
                ("pytest", "orac", "rest")[number % 3],
                1 + (number >= OLLAMA_CHANGES) + (number >= MODE_CHANGES),
            )
            for number in range(runs)
        ),
    )


def _measure(db: sqlite3.Connection, number: int, now: datetime, noise: numpy.random.Generator) -> None:
    """Run `number` with all its results."""
    kinds = len(KINDS) - (number >= GIVEN_UP)
    chosen = [case for case in range(kinds * len(CASES)) if not (_cold(case) and LOST <= number < FOUND)]
    level = numpy.ones(len(chosen))
    if number >= SLOWER:
        level[[case % 2 == 0 for case in chosen]] = 1.05
    if number >= MODE_CHANGES:
        level = level / 1.34
    if number >= RUNS - MOVED_RUNS:
        level = level * [MOVED.get(case, 1.0) for case in chosen]
    level = level * (1 + 0.007 * noise.standard_normal(len(chosen)))
    off = level[:, None] * (1 + 0.015 * noise.standard_normal((len(chosen), ROUNDS)))
    shapes = numpy.where(numpy.array(RATES)[None, None, :], 1 / off[:, :, None], off[:, :, None])
    steady = 1 + 0.01 * noise.standard_normal((len(chosen), ROUNDS))[:, :, None]
    shapes = numpy.where(numpy.array(STEADY)[None, None, :], steady, shapes)
    values = shapes * numpy.array([[*_typical(case).values()] for case in chosen])[:, None, :]
    if number >= MODE_CHANGES:
        values[:, :, [METRICS.index(metric) for metric in COSTLIER]] *= POWER_W[1] / POWER_W[0]
    first = number * len(KINDS) * len(CASES) + 1
    at = [_written(_at(number, now, 40 * place)) for place in range(len(chosen) + 1)]
    db.executemany(
        "INSERT INTO result (id, run_id, case_id, model_name, position, status, planned, done, failed, offload_ratio,"
        " facts, started, ended) VALUES (?, ?, ?, ?, ?, 'done', ?, ?, 0, 1.0, '{}', ?, ?)",
        (
            (first + case, number + 1, case + 1, _kind(case).name, place, ROUNDS, ROUNDS, at[place], at[place + 1])
            for place, case in enumerate(chosen)
        ),
    )
    kept = [[None if metric == "load_s" and not _cold(case) else 1 for metric in METRICS] for case in chosen]
    db.executemany(
        'INSERT INTO round (result_id, phase, "index", status, started, seed, flags, counted, raw, '
        f"{', '.join(METRICS)}) VALUES (?, 'measure', ?, 'ok', ?, 1, '[]', 1, '{{}}', {', '.join('?' * len(METRICS))})",
        (
            (
                first + case,
                index,
                at[place],
                *(one if keep else None for one, keep in zip(values[place, index].tolist(), kept[place], strict=True)),
            )
            for place, case in enumerate(chosen)
            for index in range(ROUNDS)
        ),
    )
    db.executemany(
        "INSERT INTO result_metric (result_id, metric, n, median, minimum, maximum, ci_low, ci_high, q25, q75, method,"
        " method_version, case_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        _summaries(first, chosen, kept, numpy.sort(values, axis=1)),
    )


def _summaries(
    first: int, chosen: list[int], kept: list[list[int | None]], ordered: numpy.ndarray
) -> Iterator[tuple[object, ...]]:
    """Rows of result_metric of `ordered` values: case, round, metric."""
    quartiles = numpy.quantile(ordered, (0.25, 0.5, 0.75), axis=1)
    for place, case in enumerate(chosen):
        for column, metric in enumerate(METRICS):
            if not kept[place][column]:
                continue
            one, (low, middle, high) = ordered[place, :, column].tolist(), quartiles[:, place, column].tolist()
            interval = (one[LOW], one[HIGH])
            figures = (ROUNDS, middle, one[0], one[-1], *interval, low, high)
            yield (first + case, metric, *figures, METHOD, METHOD_VERSION, case + 1)


def _conditions() -> Iterator[tuple[int, str, str]]:
    for number in range(3):
        yield number + 1, f"c0ffee{number + 1}", json.dumps(conditions_facts(number))


def _kind(case: int) -> Kind:
    return KINDS[case // len(CASES)]


def _cold(case: int) -> bool:
    return CASES[case % len(CASES)][0] == "cold_load"


def _typical(case: int) -> Mapping[str, float]:
    _, prompt_tokens, output_tokens = CASES[case % len(CASES)]
    return typical(_kind(case), prompt_tokens, output_tokens)


def _of(case: int) -> tuple[str, int, int, int]:
    """Suite, row of the model, lengths."""
    suite, prompt_tokens, output_tokens = CASES[case % len(CASES)]
    return suite, 1 + case // len(CASES), prompt_tokens, output_tokens


def _at(number: int, now: datetime, seconds: float = 0.0) -> datetime:
    """Runs are nine hours apart, the last one a day ago; counted from the last of RUNS."""
    return now - timedelta(days=1, hours=9 * (RUNS - number)) + timedelta(seconds=seconds)


def _written(at: datetime) -> str:
    """As the store writes instants."""
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")
