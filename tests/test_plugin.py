"""The pytest door as people use it: `pytest benchmarks/` in a process of its own, against a server of known timing."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from orac_bench.records import Status
from orac_bench.selfcheck.known_server import Biases, known_server
from orac_bench.stats.plan import Side, pair_order, warmups
from orac_bench.store.store import open_store
from tests.fakes.fake_ollama import FakeOllama, error_reply, json_reply
from tests.fakes.several_models import SeveralModels

ROOT = Path(__file__).parent.parent


@pytest.fixture
def bench(tmp_path):
    """Runs `pytest benchmarks/ ...` against the known server at `url`."""

    def run(url, *arguments):
        environ = {
            **os.environ,
            "ORAC_HOME": str(tmp_path / "home"),
            "ORAC_OLLAMA_URL": url,
            "ORAC_DATABASE_URL": f"sqlite:///{tmp_path}/orac.db",
            "COLUMNS": "160",
        }
        command = [sys.executable, "-m", "pytest", "benchmarks/", "-p", "no:cacheprovider", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120)

    run.database = f"sqlite:///{tmp_path}/orac.db"
    return run


SMALL = ("-k", "first_token", "--orac-rounds=3", "--orac-warmup=1", "--orac-output-tokens=4")


def test_a_benchmark_is_measured_stored_and_shown(bench):
    with known_server(ttft_s=0.005, token_s=0.002) as server:
        done = bench(server.url, *SMALL)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "[1/1] known first_token 64 → 4: TTFT" in done.stderr
    assert "known" in done.stdout
    assert "1 passed" in done.stdout
    with open_store(bench.database, write=False) as store:
        run = store.resolve("latest")
        assert store.run(run).status is Status.DONE
        assert f"orac show {run} --rounds" in done.stdout
        (result,) = store.results(run, rounds=True)
        assert len(result.rounds) == 4


def test_pytest_benchmarks_json_has_the_round_and_each_further_time_in_a_row_of_its_own(bench, tmp_path):
    with known_server(ttft_s=0.005, token_s=0.002) as server:
        bench(server.url, *SMALL, f"--benchmark-json={tmp_path}/b.json")

    rows = json.loads((tmp_path / "b.json").read_text())["benchmarks"]
    with open_store(bench.database, write=False) as store:
        (result,) = store.results(store.resolve("latest"), rounds=True)
    counted = [round for round in result.rounds if round.counted]
    assert [(row["group"], row["stats"]["data"]) for row in rows] == [
        ("first_token", [round.metrics["e2e_s"] for round in counted]),
        ("first_token: TTFT", [round.metrics["ttft_s"] for round in counted]),
        ("first_token: TPOT", [round.metrics["tpot_s"] for round in counted]),
    ]


def test_rounds_that_do_not_count_stay_out_of_pytest_benchmarks_numbers_and_fail_the_test(bench, tmp_path):
    with known_server(ttft_s=0.005, token_s=0.002, biases=Biases(short=True)) as server:
        done = bench(server.url, *SMALL, f"--benchmark-json={tmp_path}/b.json")

    assert done.returncode == 1
    assert "0 of 3 rounds count; the others: " in done.stdout
    assert "short_output" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "b.json").read_text() or json.loads((tmp_path / "b.json").read_text())["benchmarks"] == []


def test_disabled_benchmarks_measure_one_round(bench):
    with known_server(ttft_s=0.005, token_s=0.002) as server:
        done = bench(server.url, *SMALL, "--benchmark-disable")

    assert done.returncode == 0, done.stdout + done.stderr
    with open_store(bench.database, write=False) as store:
        (result,) = store.results(store.resolve("latest"), rounds=True)
    assert (result.planned, result.done, len(result.rounds)) == (1, 1, 1)


def test_a_wrong_wish_is_told_in_a_line_before_anything_is_measured(bench):
    with known_server() as server:
        for arguments, words in (
            (("--orac-model=knwon",), "has no model 'knwon'. Near names: known."),
            (("--orac-suite=decod",), "There is no suite 'decod'."),
            (("--orac-rounds=0",), "'0' is not allowed: a whole number from 1 on is"),
            (("--orac-prompt-file=/no/such",), "cannot be read: No such file or directory"),
        ):
            done = bench(server.url, *arguments)
            assert done.returncode == 4
            assert words in done.stdout + done.stderr
            assert "Traceback" not in done.stdout + done.stderr


def test_lengths_that_do_not_fit_the_context_are_left_out_and_named_once(bench):
    with known_server(ttft_s=0.005, token_s=0.001) as server:
        done = bench(
            server.url, "-k", "prompt_length", "--orac-prompt-tokens=64", "--orac-prompt-tokens=9000000", *SMALL[2:]
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr.count("left out: known: 9000000 → 4 tokens do not fit into its context of") == 1


def test_collecting_measures_nothing(bench):
    with known_server() as server:
        done = bench(server.url, "--collect-only", "-q")
    assert done.returncode == 0
    assert "bench_decode[known]" in done.stdout
    assert not Path(bench.database.removeprefix("sqlite:///")).exists()


def test_blocks_are_items_of_their_own_and_one_row_of_pytest_benchmark(bench, tmp_path):
    with known_server(ttft_s=0.005, token_s=0.002) as server:
        done = bench(server.url, *SMALL, "--orac-blocks=3", "-v", f"--benchmark-json={tmp_path}/b.json")

    assert done.returncode == 0, done.stdout + done.stderr
    assert [f"bench_first_token[known-block{number}] PASSED" in done.stdout for number in (1, 2, 3)] == [True] * 3
    with open_store(bench.database, write=False) as store:
        (result,) = store.results(store.resolve("latest"), rounds=True)
    counted = [round for round in result.rounds if round.counted]
    assert [round.block for round in result.rounds] == [0, 0, 1, 2]  # one warm-up: nothing else was loaded between
    rows = json.loads((tmp_path / "b.json").read_text())["benchmarks"]
    assert [(row["name"], row["fullname"], row["param"], row["stats"]["data"]) for row in rows[:1]] == [
        (
            "bench_first_token[known]",
            "benchmarks/bench_first_token.py::bench_first_token[known]",
            "known",
            [round.metrics["e2e_s"] for round in counted],
        )
    ]
    assert [row["group"] for row in rows] == ["first_token", "first_token: TTFT", "first_token: TPOT"]


PAIR = (*SMALL, "--orac-rounds=6", "--orac-variant=num_thread=1", "--orac-variant=num_thread=2")


def test_a_pair_is_interleaved_in_the_order_of_the_runs_seed_and_ends_with_a_verdict(bench):
    with known_server(ttft_s=0.005, token_s=0.002) as server:
        done = bench(server.url, *PAIR, "--orac-blocks=6")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "known: num_thread 1 and 2" in done.stdout
    assert "interleaved" in done.stdout
    assert done.stdout.count("bench_first_token[known-num_thread=2]") >= 1
    with open_store(bench.database, write=False) as store:
        run = store.run(store.resolve("latest"))
        results = store.results(run.id, rounds=True)
    assert {(result.facts["pair"]["side"], result.facts["variant"]) for result in results} == {
        ("base", "num_thread=1"),
        ("candidate", "num_thread=2"),
    }
    measured = sorted(
        (round.started, round.block, result.facts["pair"]["side"])
        for result in results
        for round in result.rounds
        if round.counted
    )
    assert [(block, side) for _, block, side in measured] == [
        (turn.block, turn.side.value) for turn in pair_order(1, 6, seed=run.seed)
    ]
    assert all(round.block is not None for result in results for round in result.rounds)
    assert [sum(round.phase.value == "warmup" for round in result.rounds) for result in results] == [
        sum(warm for turn, warm in zip(turns(run.seed), warmups(turns(run.seed), 1), strict=True) if turn.side is side)
        for side in (Side(result.facts["pair"]["side"]) for result in results)
    ]


def turns(seed):
    return pair_order(1, 6, seed=seed)


def test_an_interrupted_pair_keeps_its_order_when_it_goes_on(bench):
    with known_server(ttft_s=0.005, token_s=0.002) as server:
        stopped = bench(server.url, *PAIR, "--orac-blocks=6", "-p", "tests.fakes.stops_after_five_items")
        with open_store(bench.database, write=False) as store:
            run = store.run(store.resolve("latest"))
            first = store.results(run.id, rounds=True)
        done = bench(server.url, *PAIR, "--orac-blocks=6", f"--orac-resume={run.id}")

    assert (stopped.returncode, run.status) == (2, Status.INTERRUPTED)
    assert done.returncode == 0, done.stdout + done.stderr
    with open_store(bench.database, write=False) as store:
        assert store.run(run.id).status is Status.DONE
        results = store.results(run.id, rounds=True)
    kept = {result.case.key: [round for round in result.rounds if round.block in (0, 1)] for result in results}
    assert kept == {
        result.case.key: [round for round in result.rounds if round.block in (0, 1)] for result in first
    }  # five items are two blocks of both sides, and half of the third
    measured = sorted((round.started, round.block) for result in results for round in result.rounds if round.counted)
    assert [block for _, block in measured] == [turn.block for turn in turns(run.seed)]
    sides = {result.case.key: result.facts["pair"]["side"] for result in results}
    placed = sorted(
        (round.started, sides[result.case.key]) for result in results for round in result.rounds if round.counted
    )
    assert [side for _, side in placed] == [turn.side.value for turn in turns(run.seed)]


def test_a_run_goes_on_with_what_it_was_asked_for_whatever_is_typed_beside_it(bench):
    asked = ("--orac-rounds=2", "--orac-warmup=0", "--orac-output-tokens=4", "-k", "known")
    with known_server(ttft_s=0.005, token_s=0.002) as server:
        stopped = bench(server.url, *asked, "-p", "tests.fakes.stops_after_five_items")
        done = bench(server.url, "--orac-resume=latest", "--orac-rounds=5")

    assert (stopped.returncode, done.returncode) == (2, 0), done.stdout + done.stderr
    assert "1 passed, 5 skipped" in done.stdout
    with open_store(bench.database, write=False) as store:
        run = store.run(store.resolve("latest"))
        results = store.results(run.id, rounds=True)
    assert (run.status, run.arguments[-2:]) == (Status.DONE, ("-k", "known"))
    assert [(result.done, len(result.rounds), result.case.workload.output_tokens) for result in results] == [
        (2, 2, 4)
    ] * 6


def test_a_run_that_goes_on_without_all_of_its_cases_is_not_over_and_says_so(bench):
    with known_server(ttft_s=0.005, token_s=0.002) as server:
        asked = (server.url, *PAIR, "--orac-blocks=6")
        bench(*asked, "-p", "tests.fakes.stops_after_five_items")
        done = bench(server.url, "--orac-resume=latest", "-k", "block1 or block2")  # which are there

    assert done.returncode == 1, done.stdout + done.stderr
    assert "num_thread=2 first_token 64 → 4 of run" in done.stderr
    assert "is not over, and nothing more of it was asked for" in done.stderr
    with open_store(bench.database, write=False) as store:
        assert store.run(store.resolve("latest")).status is Status.INTERRUPTED


def test_precision_goes_on_after_the_rounds_and_says_how_well_it_is_known(bench):
    with known_server(ttft_s=0.005, token_s=0.002) as server:
        done = bench(server.url, *SMALL, "--orac-precision=50%", "--orac-time-limit=60s")

    assert done.returncode == 0, done.stdout + done.stderr
    with open_store(bench.database, write=False) as store:
        (result,) = store.results(store.resolve("latest"), rounds=False)
    assert result.facts["precision"]["wanted"] == 0.5
    assert f"after {result.done} rounds, which is within the 50.0 % asked for." in done.stdout
    assert result.done >= 11  # two looks in a row, the first at 10


def test_the_canary_comes_first_and_is_no_item(bench, monkeypatch):
    monkeypatch.setenv("ORAC_CANARY_MODEL", "known")
    with known_server(ttft_s=0.005, token_s=0.002) as server:
        done = bench(server.url, *SMALL)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
    lines = [line for line in done.stderr.splitlines() if line.startswith("[")]
    assert [line.partition(":")[0] for line in lines] == [
        "[1/2] known (canary) decode 64 → 64",
        "[2/2] known first_token 64 → 4",
    ]
    assert "known (canary)" in done.stdout


def test_a_canary_that_is_not_there_is_told_before_anything_is_measured(bench, monkeypatch):
    monkeypatch.setenv("ORAC_CANARY_MODEL", "nobody")
    with known_server() as server:
        done = bench(server.url, *SMALL)

    assert done.returncode == 4
    assert "The canary cannot be measured." in done.stdout + done.stderr
    assert not Path(bench.database.removeprefix("sqlite:///")).exists()


def test_a_case_that_cannot_be_measured_is_told_once_and_in_a_sentence(bench):
    listed = {"name": "m:latest", "digest": "d1", "size": 100, "details": {"family": "llama"}}
    routes = {
        "GET /api/version": [json_reply({"version": "0.11.4"})],
        "GET /api/tags": [json_reply({"models": [listed]})],
        "GET /api/ps": [json_reply({"models": []})],
        "POST /api/show": [json_reply({"model_info": {"llama.context_length": 2048}})],
        "POST /api/generate": [error_reply(500, "out of memory")],
    }
    with FakeOllama(routes) as fake:
        done = bench(fake.url, *SMALL)
    assert done.returncode == 1
    assert "out of memory" in done.stdout
    assert "During handling" not in done.stdout


def test_a_store_that_fails_at_the_end_of_a_run_is_told_in_a_sentence(bench):
    # given a store that takes rounds, and fails when the run shall be closed
    open_store(bench.database, write=True).close()
    with closing(sqlite3.connect(bench.database.removeprefix("sqlite:///"))) as raw:
        raw.execute(
            "CREATE TRIGGER dead BEFORE UPDATE OF status ON run BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
        )
    with known_server(ttft_s=0.005, token_s=0.002) as server:
        done = bench(server.url, *SMALL)
    assert done.returncode == 1
    assert "The run's end could not be stored. The device refused to read or write the database" in done.stderr
    assert "door.py" not in done.stdout + done.stderr  # no line of a traceback
    assert ": running =" in done.stdout  # as the store says, until somebody measures again
    assert "3/3" in done.stdout


class Forgetful(SeveralModels):
    """Loses what it has loaded with its second measured answer, as a server does whose runner is killed."""

    measured = 0

    def answer_to(self, request):
        reply = super().answer_to(request)
        options = (request.json or {}).get("options") or {}
        if request.path == "/api/generate" and options.get("num_predict") == 4:
            self.measured += 1
            if self.measured == 2:
                self._loaded.clear()
        return reply


def test_a_block_is_warmed_up_where_the_model_is_not_loaded_any_more(bench):
    with Forgetful(["m"]) as fake:
        done = bench(fake.url, *SMALL, "--orac-blocks=3")

    assert done.returncode == 0, done.stdout + done.stderr
    with open_store(bench.database, write=False) as store:
        (result,) = store.results(store.resolve("latest"), rounds=True)
    assert [(round.block, round.phase.value) for round in result.rounds] == [
        *((0, "warmup"), (0, "measure")),
        *((1, "warmup"), (1, "measure")),
        (2, "measure"),
    ]
