"""A run in the JSON form of pytest-benchmark, so that `pytest-benchmark compare` reads it. Pure.

One entry a result for E2E, in the group of its suite; further times are entries in groups of their own. Rounds that do
not count are left out, and results without any.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from orac_bench.metrics import METRICS
from orac_bench.records import Json, Result, Run
from orac_bench.store.document import Object, moment

VERSION = "5.3.1"
"""Of the form, which is pytest-benchmark's own number."""

MAIN, FURTHER = "e2e_s", ("ttft_s", "tpot_s", "load_s")
"""Times of a round that become entries, in its table as well. pytest-benchmark knows seconds only."""


def pytest_document(run: Run, results: Sequence[Result]) -> Object:
    """The document of one run, whose results have their rounds."""
    facts = dict(run.conditions.facts) if run.conditions else {}
    return {
        "machine_info": {**facts, "orac_conditions": run.conditions.hash if run.conditions else None},
        "commit_info": {"id": run.orac_version, "project": "orac-bench", "dirty": False},
        "benchmarks": [entry for result in results for entry in _entries(run, result)],
        "datetime": moment(run.started),
        "version": VERSION,
    }


def stats(values: Sequence[float]) -> Object:
    """pytest-benchmark's statistics of `values` (seconds, in the order of measuring, not empty).

    Source: pytest_benchmark/stats.py 5.3.1, class Stats: quartiles by methods 2 and 3, outliers beyond 1 standard
    deviation and beyond 1.5 times the interquartile range.
    """
    ordered = sorted(values)
    mean, n = statistics.mean(values), len(values)
    deviation = statistics.stdev(values) if n > 1 else 0.0
    q1, q3 = _quartiles(ordered)
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    beyond_deviation = sum(not mean - deviation <= value <= mean + deviation for value in values)
    beyond_quartiles = sum(not low <= value <= high for value in values)
    return {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "stddev": deviation,
        "rounds": n,
        "median": statistics.median(values),
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": beyond_quartiles,
        "stddev_outliers": beyond_deviation,
        "outliers": f"{beyond_deviation};{beyond_quartiles}",
        "ld15iqr": min(value for value in ordered if value >= low),
        "hd15iqr": max(value for value in ordered if value <= high),
        "ops": n / sum(values) if sum(values) else 0,
        "total": sum(values),
        "data": [*values],
        "iterations": 1,
    }


def _entries(run: Run, result: Result) -> list[Json]:
    case = result.case
    counted = [one.metrics for one in result.rounds if one.counted]
    name = f"{case.suite}[{case.name} {case.workload.label}]"
    about: Object = {"orac_run": run.id, "orac_case": case.key}
    entries: list[Json] = []
    for metric in (MAIN, *FURTHER):
        values = [metrics[metric] for metrics in counted if metric in metrics]
        if not values or len(values) < len(counted):
            continue
        label = METRICS[metric].label
        entries.append(
            {
                "group": case.suite if metric == MAIN else f"{case.suite}: {label}",
                "name": name if metric == MAIN else f"{name}::{label}",
                "fullname": f"benchmarks/bench_{case.suite}.py::{name if metric == MAIN else f'{name}::{label}'}",
                "params": {
                    "model": case.model,
                    "variant": case.variant or None,
                    "workload": case.workload.label,
                },
                "param": case.name,
                "extra_info": about,
                "options": {},
                "stats": stats(values),
            }
        )
    return entries


def _quartiles(ordered: Sequence[float]) -> tuple[float, float]:
    n = len(ordered)
    if n == 1:
        return ordered[0], ordered[0]
    if n % 2 == 0:
        return statistics.median(ordered[: n // 2]), statistics.median(ordered[n // 2 :])
    k = n // 4
    if n % 4 == 1:
        return 0.25 * ordered[k - 1] + 0.75 * ordered[k], 0.75 * ordered[3 * k] + 0.25 * ordered[3 * k + 1]
    return 0.75 * ordered[k] + 0.25 * ordered[k + 1], 0.25 * ordered[3 * k + 1] + 0.75 * ordered[3 * k + 2]
