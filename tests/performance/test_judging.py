"""How quick the answers about the past are in a large store, and whether benchstat says the same of our exports."""

import contextlib
import csv
import gc
import http.client
import json
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

import pytest

from orac_bench.judging.case_history import case_history
from orac_bench.judging.compare import Wishes, compare
from orac_bench.judging.headlines import HEADLINES
from orac_bench.judging.overview import overview
from orac_bench.metrics import METRICS
from orac_bench.store.export import export
from orac_bench.store.levels import changes
from orac_bench.store.store import open_store
from tests.performance.big_store import CASES, ROUNDS, RUNS, SLOWER, build, case_key, run_id
from tests.service import running_service

SIZE = f"{CASES} cases x {RUNS} runs x {ROUNDS} rounds"


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """The folder of a store with 1.2 million rounds, whose changes of level are found."""
    folder = tmp_path_factory.mktemp("large")
    url = build(folder / "orac.db")
    with open_store(url, write=True) as store:
        for number in range(CASES):
            line = store.cases()[number].case
            for metric in HEADLINES[line.suite]:
                assert changes(store.points(line.key, metric))
        started = time.perf_counter()
        store.find_levels(run_id(RUNS - 1), HEADLINES)
        took_s = time.perf_counter() - started
    return folder, took_s


def took(ask, *, times):
    """Wall times of `ask(number)`, in s, after one that is not counted.

    What this process has kept so far is no business of the collector's meanwhile: a shell or a service has not got it.
    """
    ask(0)
    gc.collect()
    gc.freeze()
    found = []
    for number in range(times):
        started = time.perf_counter()
        ask(number)
        found.append(time.perf_counter() - started)
    gc.unfreeze()
    return sorted(found)


def told(found):
    """Median and 95th percentile, for people, and the latter in s."""
    p95 = found[min(len(found) - 1, round(0.95 * len(found)))]
    return f"median {statistics.median(found) * 1000:.1f} ms, p95 {p95 * 1000:.1f} ms of {len(found)}", p95


def test_judging(promise, large):
    folder, found_s = large
    with open_store(f"sqlite:///{folder}/orac.db", write=False) as store:
        two = took(lambda n: compare(store, run_id(900 + n), [run_id(930 + n)], Wishes()), times=20)
        stored = took(lambda n: case_history(store, case_key(n % CASES)), times=100)
        lines = {case_key(n): store.case(case_key(n)) for n in range(CASES)}
        points = {key: store.points(key, HEADLINES[case.suite][0]) for key, case in lines.items()}
        computed = took(lambda n: changes(points[case_key(n % CASES)]), times=60)
        whole = took(
            lambda n: changes(store.points(case_key(n % CASES), HEADLINES[lines[case_key(n % CASES)].suite][0])),
            times=60,
        )
        worst = took(lambda _: overview(store), times=20)
    for what, goal_ms, times in (
        ("two runs of 60 cases x 20 rounds compared, warm", 100, two),
        ("history over 1,000 runs, change points computed from points in memory", 100, computed),
        ("history over 1,000 runs, read and change points computed", 100, whole),
        ("history over 1,000 runs, from what was stored", 10, stored),
        ("overview of 60 cases, nothing remembered", 1000, worst),
    ):
        text, p95 = told(times)
        promise(f"{what} ({SIZE})", goal=f"p95 {goal_ms} ms", measured=text, kept=p95 <= goal_ms / 1000)
    promise(
        "changes of level found when a run of 60 cases closes as the 1,000th",
        goal="5 s",
        measured=f"{found_s:.2f} s",
        kept=found_s <= 5,
    )


def test_service(promise, large, tiny_models):
    folder, _ = large
    with (
        running_service(folder, models=tiny_models, ORAC_OLLAMA_BIN="/nowhere/ollama") as service,
        contextlib.closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)) as connection,
    ):

        def get(path):
            connection.request("GET", path)
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200, body[:300]
            return body

        assert len(json.loads(get(f"/v1/history?case={case_key(7)}"))["points"]) == RUNS
        for what, goal_ms, path, times in (
            ("GET /v1/history of one case", 10, lambda _: f"/v1/history?case={case_key(7)}", 200),
            ("GET /v1/history of one case after the other", 30, lambda n: f"/v1/history?case={case_key(n % 60)}", 120),
            ("GET /v1/overview", 50, lambda _: "/v1/overview", 100),
            ("GET /v1/cases", 50, lambda _: "/v1/cases", 100),
            (
                "GET /v1/compare of 60 cases",
                200,
                lambda n: f"/v1/compare?base={run_id(900)}&candidate=run-09{n:02d}",
                60,
            ),
        ):
            text, p95 = told(took(lambda n, path=path: get(path(n + 1)), times=times))
            promise(f"{what} ({SIZE})", goal=f"p95 {goal_ms} ms", measured=text, kept=p95 <= goal_ms / 1000)


def benchstat():
    """The Go tool: on PATH, or where `go install` puts it."""
    installed = Path(os.environ.get("GOPATH") or Path.home() / "go") / "bin"
    return shutil.which("benchstat", path=os.pathsep.join([os.environ.get("PATH", ""), str(installed)]))


@pytest.mark.skipif(benchstat() is None, reason="go install golang.org/x/perf/cmd/benchstat@latest")
def test_agreement_with_benchstat(promise, large, tmp_path):
    folder, _ = large
    runs = [run_id(SLOWER + step) for step in (-9, -7, -5, -3, -1, 1, 3, 5, 7, 9)]
    intervals, verdicts, opposite, unlike = 0, 0, [], []
    with open_store(f"sqlite:///{folder}/orac.db", write=False) as store:
        for run in runs:
            (tmp_path / f"{run}.txt").write_text(export(store, [run], format="benchstat"))
        for base, candidate in zip(runs, runs[5:] + runs[:5], strict=True):
            said = rows(tmp_path / f"{base}.txt", tmp_path / f"{candidate}.txt")
            summaries = {result.case.key: result.summary for result in store.results(base, rounds=False)}
            for row in compare(store, base, [candidate], Wishes()).rows:
                theirs = said[row.case.key, row.metric.key]
                summary = summaries[row.case.key][row.metric.key]
                intervals += 1
                if (f"{float(theirs[0]):.10g}", theirs[1]) != (f"{summary.median:.10g}", percent_range(summary)):
                    unlike.append((base, row.case.key, row.metric.key, theirs, summary))
                verdicts += 1
                if contrary(theirs[4], row):
                    opposite.append((base, candidate, row.case.key, row.metric.key, theirs, row.verdict))
    promise(
        f"intervals of ten exports that are benchstat's own, of {intervals}",
        goal="all",
        measured=f"{intervals - len(unlike)}",
        kept=not unlike,
    )
    promise(
        f"verdicts opposite to benchstat's, of {verdicts}",
        goal="0",
        measured=f"{len(opposite)}",
        kept=not opposite,
    )
    assert (unlike, opposite) == ([], [])


def rows(base, candidate):
    """What benchstat says by case and metric: the base's median and range, the candidate's, the change."""
    command = [benchstat(), "-format", "csv", str(base), str(candidate)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found, metric = {}, None
    for row in csv.reader(done.stdout.splitlines()):
        if len(row) > 1 and row[0] == "" and row[1] in METRICS:
            metric = row[1]
        elif len(row) > 5 and "/case=" in row[0]:
            found[row[0].rpartition("=")[2], metric] = row[1:]
    return found


def percent_range(summary):
    """The interval as benchstat writes it. Source: golang.org/x/perf/benchmath, Summary.PctRangeString."""
    return f"{100 * max(summary.ci_high / summary.median - 1, 1 - summary.ci_low / summary.median):.0f}%"


def contrary(change, row):
    """Whether benchstat sees a change in one direction and ORAC in the other."""
    if change == "~" or row.verdict.value in ("same", "inconclusive"):
        return False
    return (float(change.rstrip("%")) > 0) != (row.comparison.ratio > 1)
