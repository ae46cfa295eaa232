"""A run in the text form of Go's benchmarks, so that `benchstat OLD NEW` judges it. Pure.

    power_mode: 15W
    Unit decode_tokens_per_s better=higher
    BenchmarkDecode/model=phi-2/prompt=64/output=128/case=1f0c… 1 13.37 decode_tokens_per_s 0.191 ttft_s

A line a round that counts; a unit is a metric's key. The conditions are file configuration: benchstat puts what was
measured under different ones into different tables and does not compare it.
Source: golang.org/design/14313-benchmark-format and golang.org/x/perf/benchfmt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from orac_bench.metrics import METRICS
from orac_bench.records import Json, Result, Run
from orac_bench.store.tables import METRIC_COLUMNS


def benchstat_text(run: Run, results: Sequence[Result]) -> str:
    """The form of one run, whose results have their rounds. Results without a round that counts are left out."""
    facts = run.conditions.facts if run.conditions else {}
    counted = [[one for one in result.rounds if one.counted] for result in results]
    lines = [f"# run {run.id} of {run.started:%Y-%m-%d %H:%M} UTC, ORAC {run.orac_version}"]
    lines += [f"{_key(key)}: {_words(value)}" for key, value in facts.items()]
    lines.append(f"metrics_version: {run.metrics_version}")
    shown = {key for rounds in counted for one in rounds for key in one.metrics}
    for key in METRIC_COLUMNS:
        better = METRICS[key].better
        if key in shown and better is not None:
            lines.append(f"Unit {key} better={better}")
    for result, rounds in zip(results, counted, strict=True):
        name = _name(result)
        for one in rounds:
            values = [f"{one.metrics[key]!r} {key}" for key in METRIC_COLUMNS if key in one.metrics]
            lines.append(" ".join([name, "1", *values]))
    return "\n".join(lines) + "\n"


def _name(result: Result) -> str:
    """The benchmark's name. The case's key at its end keeps apart what must not be compared, and is no `-N` of Go's."""
    case = result.case
    suite = "".join(word.capitalize() for word in re.split(r"[^A-Za-z0-9]+", case.suite))
    asked = "file" if case.workload.prompt_tokens is None else str(case.workload.prompt_tokens)
    model = re.sub(r"[\s/]+", "_", case.model)
    key = re.sub(r"[\s/-]+", "_", case.key)
    return f"Benchmark{suite}/model={model}/prompt={asked}/output={case.workload.output_tokens}/case={key}"


def _key(fact: str) -> str:
    """A key of the form: it begins with a lower-case letter and has no blank and no upper-case letter in it."""
    key = re.sub(r"[\s:]+", "_", fact.lower())
    return key if key[:1].isalpha() else f"fact_{key}"


def _words(value: Json) -> str:
    return " ".join(str(value).split()) or "none"
