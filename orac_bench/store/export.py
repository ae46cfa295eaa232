"""Runs as others read them: tables and documents as text, and a frame for pandas.

What must never live here: computing a statistic, writing a file.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from orac_bench.errors import UsageError
from orac_bench.metrics import METRICS, RESULT_KEYS
from orac_bench.records import Phase, Result, Run, Summary
from orac_bench.store.benchstat import benchstat_text
from orac_bench.store.exchange import packed
from orac_bench.store.pytest_json import pytest_document
from orac_bench.store.reading import FLAT_COLUMNS
from orac_bench.store.store import Store, open_store
from orac_bench.store.tables import METRIC_COLUMNS
from orac_bench.units import ABSENT, Unit, interval
from orac_bench.units import format as written

if TYPE_CHECKING:
    import pandas


def export(store: Store, run_ids: Sequence[str], *, format: str) -> str:
    """The runs with these ids as text in one of `FORMATS`, in the order given.

    Raises UsageError for another format, and for several runs where the format holds one; UnknownRun.
    """
    if format not in FORMATS:
        raise UsageError(f"{format!r} is no format of an export.", next=f"Formats: {', '.join(FORMATS)}.")
    return FORMATS[format](store, run_ids)


def frame(database_url: str, run: str | None = None) -> pandas.DataFrame:
    """One row a round of `run` (id, `latest`, `latest~2`), of all runs where None: `reading.FLAT_COLUMNS`.

    `round` counts from 0 in its `phase`; `flags` are words with a space between them; a metric that could not be had
    is NaN, as pandas writes absence. Raises StoreMissing, UnknownRun.
    """
    import pandas

    with open_store(database_url, write=False) as store:
        rows = store.flat(None if run is None else [store.resolve(run)])
    table = pandas.DataFrame.from_records(rows, columns=[*FLAT_COLUMNS])
    typed: pandas.DataFrame = table.astype(dict.fromkeys(METRIC_COLUMNS, "float64") | {"counted": "bool"})
    return typed


def _csv(store: Store, run_ids: Sequence[str]) -> str:
    """One row a round, every metric in its base unit; an empty cell where it could not be had."""
    for run_id in run_ids:
        store.run(run_id)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(FLAT_COLUMNS)
    table.writerows(store.flat(run_ids))
    return text.getvalue()


def _json(store: Store, run_ids: Sequence[str]) -> str:
    """All that is known of the runs, for `orac import` on another board."""
    return json.dumps(packed([_whole(store, run_id) for run_id in run_ids]), indent=1, allow_nan=False) + "\n"


def _markdown(store: Store, run_ids: Sequence[str]) -> str:
    """A table a run, for people."""
    return "\n".join(_table(store.run(run_id), store.results(run_id, rounds=True)) for run_id in run_ids)


def _pytest_benchmark(store: Store, run_ids: Sequence[str]) -> str:
    if len(run_ids) != 1:
        raise UsageError(
            f"pytest-benchmark's form holds one run a file, and {len(run_ids)} were named.",
            next="Export each to a file of its own: orac export RUN --format pytest-benchmark -o FILE",
        )
    return json.dumps(pytest_document(*_whole(store, run_ids[0])), indent=1, allow_nan=False) + "\n"


def _benchstat(store: Store, run_ids: Sequence[str]) -> str:
    if len(run_ids) != 1:
        raise UsageError(
            f"benchstat compares files, so each holds one run, and {len(run_ids)} were named.",
            next="Export each to a file of its own: orac export RUN --format benchstat -o FILE",
        )
    return benchstat_text(*_whole(store, run_ids[0]))


FORMATS: Mapping[str, Callable[[Store, Sequence[str]], str]] = {
    "csv": _csv,
    "json": _json,
    "markdown": _markdown,
    "pytest-benchmark": _pytest_benchmark,
    "benchstat": _benchstat,
}
"""The forms that a run can be exported in."""


def _whole(store: Store, run_id: str) -> tuple[Run, tuple[Result, ...]]:
    return store.run(run_id), store.results(run_id, rounds=True, arrivals=True)


def _table(run: Run, results: Sequence[Result]) -> str:
    shown = [key for key in RESULT_KEYS if any(key in result.summary for result in results)]
    head = ["Model", "Suite", "Tokens", *(METRICS[key].label for key in shown), "n"]
    conditions = f"conditions {run.conditions.hash}" if run.conditions else "conditions unknown"
    lines = [
        f"### Run {run.id}",
        "",
        f"{run.status.value}, {run.started:%Y-%m-%d %H:%M} UTC, ORAC {run.orac_version}, {conditions}"
        + (f": {_cell(run.note)}" if run.note else ""),
        "",
        _row(head),
        _row(["---"] * 3 + ["---:"] * (len(shown) + 1)),
    ]
    for result in results:
        cells = [_spread(result.summary.get(key), METRICS[key].unit) for key in shown]
        measured = sum(one.phase is Phase.MEASURE for one in result.rounds)
        left_out = f" ({measured - result.done} left out)" if measured > result.done else ""
        workload = result.case.workload.label
        cells.append(f"{result.tally}{left_out}")
        lines.append(_row([_cell(result.case.name), _cell(result.case.suite), workload, *cells]))
    return "\n".join([*lines, "", "Median [95 % interval] of the rounds that count; n: those, of those planned.", ""])


def _spread(summary: Summary | None, unit: Unit) -> str:
    """A median with its interval in one unit; with its number of rounds where that is another than the table's."""
    if summary is None:
        return ABSENT
    middle = written(summary.median, unit)
    if summary.ci_low is None or summary.ci_high is None:
        return f"{middle} (n={summary.n})"
    return f"{middle} [{interval(summary.ci_low, summary.ci_high, unit, beside=summary.median, between=', ')}]"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    """`text` so that it stays in its cell."""
    return " ".join(text.split()).replace("|", "\\|")
