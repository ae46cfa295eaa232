"""What leaves the store: documents and tables as text, and a frame."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas
import pytest
from pytest_benchmark.stats import Stats

from orac_bench.errors import StoreMissing, UnknownRun, UsageError
from orac_bench.flags import Flag
from orac_bench.records import Failure, Phase, Round, Run, Status
from orac_bench.store.document import document
from orac_bench.store.export import export, frame
from orac_bench.store.pytest_json import stats
from orac_bench.store.reading import FLAT_COLUMNS
from orac_bench.store.store import Store, open_store
from orac_bench.store.tables import METRIC_COLUMNS
from tests.builders import a_case, a_result, a_round, a_run, later


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'orac.db'}", write=True, clock=lambda: later(60)) as opened:
        yield opened


ROUNDS = (
    a_round(phase=Phase.WARMUP, metrics={"ttft_s": 0.9, "e2e_s": 1.2}),
    *(a_round(index=index, metrics={"ttft_s": 0.2 + index / 100, "e2e_s": 0.5 + index / 100}) for index in range(6)),
    a_round(index=6, flags=[Flag.THROTTLED, Flag.STARTED_HOT]),
    a_round(index=7, failure=Failure(code="ollama_silent", message="no byte for 120 s"), arrivals_ns=()),
)


def measured(store: Store, *, run: Run | None = None, rounds: tuple[Round, ...] = ROUNDS) -> Run:
    """A run of one case that has ended with a failed round."""
    run = run or a_run(status=Status.FAILED, ended=later(70), note="fan | on")
    store.add_run(run)
    handle = store.begin_result(run.id, a_case(), planned=8, position=0, offload_ratio=0.5, facts={"probe": [1, None]})
    for one in rounds:
        store.add_round(handle, one)
    store.close_result(handle, status=Status.FAILED, failure=Failure(code="ollama_silent", message="gave up"))
    return run


def test_the_document_is_that_of_the_interface() -> None:
    run = a_run(status=Status.DONE, ended=later(70))
    result = a_result(rounds=(a_round(flags=[Flag.REPLAYED]),), planned=1)
    assert document(run, [result], rounds=True) == {
        "run": {
            "id": "20261122-120000-abcd",
            "status": "done",
            "started": "2026-11-22T12:00:00.000000Z",
            "ended": "2026-11-22T12:01:10.000000Z",
            "trigger": "pytest",
            "note": None,
            "orac_version": "0.1.0",
            "metrics_version": 1,
            "blocks": None,
            "paired": False,
            "precision": None,
            "canary": None,
        },
        "conditions": {"hash": "c0ffee", "facts": {"board": "orin", "power_mode": "MAXN"}},
        "results": [
            {
                "case": {
                    "key": "first_token-tiny-64-16",
                    "suite": "first_token",
                    "model": "tiny",
                    "workload": {"prompt_tokens": 64, "output_tokens": 16, "prompt_sha256": None, "version": 1},
                },
                "model_digest": "sha256:tiny",
                "options": {"temperature": 0.7, "num_ctx": 2048},
                "offload_ratio": 1.0,
                "status": "done",
                "planned": 1,
                "done": 1,
                "summary": {},
                "rounds": [
                    {
                        "index": 0,
                        "phase": "measure",
                        "block": None,
                        "status": "ok",
                        "error": None,
                        "flags": ["replayed"],
                        "counted": True,
                        "metrics": dict.fromkeys(METRIC_COLUMNS)
                        | {
                            "ttft_s": 0.2,
                            "e2e_s": 0.5,
                            "decode_tokens_per_s": 50.0,
                            "input_tokens": 64.0,
                            "output_tokens": 16.0,
                        },
                        "raw": {"eval_count": 16},
                    }
                ],
            }
        ],
    }


def test_the_document_has_rounds_only_where_asked_and_summaries_by_metric(store: Store) -> None:
    run = measured(store)
    (result,) = json.loads(json.dumps(document(run, store.results(run.id, rounds=False), rounds=False)))["results"]
    assert "rounds" not in result
    summary = result["summary"]["ttft_s"]
    assert list(summary) == ["n", "median", "ci_low", "ci_high", "min", "max", "q25", "q75", "p90", "p95", "p99"]
    assert (summary["n"], summary["median"], summary["min"], summary["p90"]) == (6, pytest.approx(0.225), 0.2, None)


def test_a_run_without_conditions_has_null_for_them() -> None:
    run = Run(**{**vars(a_run()), "conditions": None})
    assert document(run, [], rounds=False)["conditions"] is None


def test_csv_has_one_row_a_round_in_base_units(store: Store) -> None:
    run = measured(store)
    rows = list(csv.DictReader(io.StringIO(export(store, [run.id], format="csv"))))
    assert len(rows) == 9
    assert {key: value for key, value in rows[7].items() if value} == {
        "run": run.id,
        "case": "first_token-tiny-64-16",
        "model": "tiny",
        "suite": "first_token",
        "round": "6",
        "phase": "measure",
        "counted": "False",
        "flags": "started_hot throttled",
        "ttft_s": "0.2",
        "e2e_s": "0.5",
        "decode_tokens_per_s": "50.0",
        "input_tokens": "64.0",
        "output_tokens": "16.0",
    }


def test_the_frame_has_one_row_a_round_and_nan_for_what_could_not_be_had(store: Store) -> None:
    run = measured(store)
    measured(store, run=a_run(id="other", status=Status.FAILED, ended=later(9), started=later(1)))
    table = frame(f"sqlite:///{store.path}", "latest~1")
    assert list(table.columns) == [
        *("run", "case", "model", "suite", "round", "phase", "counted", "flags"),
        *METRIC_COLUMNS,
    ]
    assert (len(table), set(table["run"]), table["counted"].sum()) == (9, {run.id}, 6)
    assert table.loc[table["counted"], "ttft_s"].median() == pytest.approx(0.225)
    assert (table["energy_j"].dtype, table["energy_j"].isna().all()) == ("float64", True)
    assert len(frame(f"sqlite:///{store.path}")) == 18


def test_the_frame_of_no_rounds_has_its_columns(store: Store) -> None:
    store.add_run(a_run())
    table = frame(f"sqlite:///{store.path}", "latest")
    assert (list(table.columns), len(table)) == ([*FLAT_COLUMNS], 0)
    assert isinstance(table, pandas.DataFrame)


def test_the_frame_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing):
        frame(f"sqlite:///{tmp_path / 'none.db'}")


def test_markdown_is_a_table_of_medians_with_interval_and_n(store: Store) -> None:
    run = measured(store)
    assert export(store, [run.id], format="markdown") == (
        "### Run 20261122-120000-abcd\n"
        "\n"
        "failed, 2026-11-22 12:00 UTC, ORAC 0.1.0, conditions c0ffee: fan \\| on\n"
        "\n"
        "| Model | Suite | Tokens | TTFT | E2E | n |\n"
        "| --- | --- | --- | ---: | ---: | ---: |\n"
        "| tiny | first_token | 64 → 16 | 225 ms [200, 250] | 525 ms [500, 550] | 6/8 (2 left out) |\n"
        "\n"
        "Median [95 % interval] of the rounds that count; n: those, of those planned.\n"
    )


def test_markdown_does_not_hold_the_rounds_of_a_precision_against_the_most_there_may_be(store: Store) -> None:
    store.add_run(a_run())
    result = store.begin_result(a_run().id, a_case(), planned=200, position=0)
    for one in ROUNDS[1:8]:
        store.add_round(result, one)
    store.close_result(result, status=Status.DONE, facts={"precision": {"wanted": 0.02}})
    text = export(store, [a_run().id], format="markdown")
    assert "| tiny | first_token | 64 → 16 | 225 ms [200, 250] | 525 ms [500, 550] | 6 (1 left out) |" in text


def test_markdown_has_the_ratio_of_a_sustained_run(store: Store) -> None:
    store.add_run(a_run())
    result = store.begin_result(a_run().id, a_case(suite="sustained"), planned=1, position=0)
    store.add_round(result, a_round(metrics={"e2e_s": 2.0, "sustained_ratio": 0.91}))
    store.close_result(result, status=Status.DONE)
    text = export(store, [a_run().id], format="markdown")
    assert "| Model | Suite | Tokens | E2E | Sustained | n |" in text
    assert "| tiny | sustained | 64 → 16 | 2.00 s (n=1) | 0.910 (n=1) | 1/1 |" in text


def test_an_unknown_format_is_refused_with_those_that_exist(store: Store) -> None:
    with pytest.raises(UsageError) as refusal:
        export(store, [], format="xml")
    assert str(refusal.value) == (
        "'xml' is no format of an export. Formats: csv, json, markdown, pytest-benchmark, benchstat."
    )


@pytest.mark.parametrize("format", ["csv", "json", "markdown", "pytest-benchmark", "benchstat"])
def test_a_run_that_is_not_there_is_refused_in_every_format(store: Store, format: str) -> None:
    with pytest.raises(UnknownRun):
        export(store, ["nothing"], format=format)


@pytest.mark.parametrize("n", range(1, 24))
def test_statistics_are_those_of_pytest_benchmark(n: int) -> None:
    values = [0.2 + (index * 7 % 11) / 100 + (index == 3) for index in range(n)]
    theirs = Stats()
    theirs.data = list(values)
    ours = stats(values)
    assert {key: ours[key] for key in Stats.fields} == theirs.as_dict()
    assert (ours["data"], ours["iterations"]) == (values, 1)


def pytest_benchmark(folder: Path, *arguments: str) -> str:
    """What the real command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest_benchmark", "compare", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "200"},
    )
    return done.stdout + done.stderr


def test_the_real_pytest_benchmark_compares_two_exports(store: Store, tmp_path: Path) -> None:
    # given two runs, the second 0.1 s slower
    slower = tuple(
        a_round(index=index, metrics={"ttft_s": 0.3 + index / 100, "e2e_s": 0.6 + index / 100}) for index in range(6)
    )
    first = measured(store)
    second = measured(store, run=a_run(id="second", status=Status.FAILED, ended=later(9)), rounds=slower)
    for run, name in ((first, "first.json"), (second, "second.json")):
        (tmp_path / name).write_text(export(store, [run.id], format="pytest-benchmark"), encoding="utf-8")
    # when the stock command compares them, then it has our medians in groups by suite and time
    pytest_benchmark(tmp_path, "first.json", "second.json", "--csv=out.csv", "--columns=median,rounds", "--sort=name")
    with (tmp_path / "out.csv").open(encoding="utf-8") as file:
        rows = [(row["name"], float(row["median"]), row["rounds"]) for row in csv.DictReader(file)]
    path = "benchmarks/bench_first_token.py::first_token[tiny 64 → 16]"
    assert sorted(rows) == [
        (path, pytest.approx(0.525), "6"),
        (path, pytest.approx(0.625), "6"),
        (f"{path}::TTFT", pytest.approx(0.225), "6"),
        (f"{path}::TTFT", pytest.approx(0.325), "6"),
    ]
    # and its other views take the files as well
    assert "first_token: TTFT" in pytest_benchmark(tmp_path, "first.json", "second.json")
    between = pytest_benchmark(tmp_path, "first.json", "second.json", "--between=median,min")
    assert "+19.0%" in between  # 0.625 / 0.525


def test_several_runs_do_not_fit_into_one_file_of_pytest_benchmark(store: Store) -> None:
    with pytest.raises(UsageError, match="holds one run a file, and 2 were named"):
        export(store, ["a", "b"], format="pytest-benchmark")
