"""The command line: what bad input gets (what happened, where, what to type next), and the shape of each document."""

from __future__ import annotations

import io
import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from orac_bench.cli import main
from orac_bench.flags import Flag
from orac_bench.metrics import METRICS
from orac_bench.records import Status
from orac_bench.selfcheck.known_server import Biases, known_server
from orac_bench.store.store import open_store
from tests.builders import a_case, a_round, a_run, later
from tests.fakes.fake_ollama import (
    LOAD,
    End,
    FakeOllama,
    Reply,
    error_reply,
    html_reply,
    json_reply,
    stream,
    text_reply,
)

Cli = Callable[..., "Said"]


class Said:
    """What a command said."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err
        assert "Traceback" not in out + err

    @property
    def document(self) -> Any:
        return json.loads(self.out)


class Terminal(io.StringIO):
    """A person at the keyboard, who types that and then Ctrl-D."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def orac(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Cli:
    """`orac WORDS`, in this process, with a home and a store of its own; settings by name."""
    monkeypatch.setenv("ORAC_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ORAC_DATABASE_URL", f"sqlite:///{tmp_path}/orac.db")
    monkeypatch.chdir(tmp_path)

    def run(*words: str, **settings: str) -> Said:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        try:
            status = main(list(words))
        except SystemExit as ended:  # argparse's own way
            status = int(ended.code or 0)
        out, err = capfd.readouterr()
        return Said(status, out, err)

    return run


@pytest.fixture
def measured(tmp_path: Path) -> str:
    """The id of a done run with one case of two rounds in the store."""
    with open_store(f"sqlite:///{tmp_path}/orac.db", write=True) as store:
        run = a_run()
        store.add_run(run)
        result = store.begin_result(run.id, a_case(), planned=2, position=1)
        for index in range(2):
            store.add_round(result, a_round(index=index))
        store.close_result(result, status=Status.DONE)
        store.update_run(run.id, status=Status.DONE, ended=later(60))
    return run.id


# What bad input gets.


@pytest.mark.parametrize("rounds", ["0", "-1", "ten", "1.5"])
def test_rounds_that_are_no_number_from_1_on_are_refused(orac: Cli, rounds: str) -> None:
    said = orac("bench", "--rounds", rounds)
    assert said.status == 2
    assert "argument --rounds" in said.err


def test_the_suite_that_answers_a_text_asks_for_the_text(orac: Cli, tiny_models: Path) -> None:
    said = orac("bench", "--suite", "prompt", ORAC_MODELS_DIR=str(tiny_models))
    assert said.status == 2
    assert "The suite prompt needs a text to be answered." in said.err
    assert "--prompt-file" in said.err


def test_an_unknown_command_and_an_unknown_suite_are_named_with_what_there_is(orac: Cli, tiny_models: Path) -> None:
    assert (orac("benhc").status, orac().status) == (2, 2)
    said = orac("bench", "--suite", "decoding", ORAC_MODELS_DIR=str(tiny_models))
    assert said.status == 2
    assert "There is no suite 'decoding'." in said.err
    assert "next: There are: first_token, decode, prompt_length, cold_load, sustained, prompt." in said.err


def test_an_unknown_model_is_answered_with_the_near_names(orac: Cli, tiny_models: Path) -> None:
    said = orac("bench", "tinylama", ORAC_MODELS_DIR=str(tiny_models))
    assert said.status == 2
    assert "tinylama" in said.err
    assert "tinyllama-1.1b" in said.err


def test_no_folder_an_empty_one_and_one_that_is_not_there_say_what_to_set(orac: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for settings, what in (
        ({}, "ORAC_MODELS_DIR is not set"),
        ({"ORAC_MODELS_DIR": str(tmp_path / "empty")}, str(tmp_path / "empty")),
        ({"ORAC_MODELS_DIR": str(tmp_path / "nowhere")}, str(tmp_path / "nowhere")),
    ):
        for command in ("bench", "models"):
            said = orac(command, **settings)
            assert said.status == 2, (command, settings)
            assert what in said.err
            assert "  next: " in said.err


def test_no_ollama_is_answered_with_the_line_that_installs_it(orac: Cli, tiny_models: Path, tmp_path: Path) -> None:
    said = orac("bench", "phi-2", ORAC_MODELS_DIR=str(tiny_models), PATH=str(tmp_path))
    assert said.status == 2
    assert "orac: No Ollama was found" in said.err
    assert "curl -fsSL https://ollama.com/install.sh | sh" in said.err
    assert not (tmp_path / "orac.db").exists() or not orac("list", "--json").document["runs"]


def test_nobody_at_the_address_of_an_ollama_is_said_with_the_address(orac: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    said = orac("bench", ORAC_OLLAMA_URL=url)
    assert said.status == 2
    assert url in said.err
    assert "  next: " in said.err


def test_the_service_that_started_a_run_is_told_which_error_kept_it_from_measuring(orac: Cli) -> None:
    reading, writing = os.pipe()
    said = orac("bench", ORAC_OLLAMA_URL="http://127.0.0.1:1", ORAC_EVENTS_FD=str(writing))
    os.close(writing)
    with os.fdopen(reading) as heard:
        assert [json.loads(line) for line in heard] == [{"kind": "failed", "code": "ollama_unreachable"}]
    assert said.status == 2


def test_a_setting_that_is_not_allowed_is_refused_by_name(orac: Cli) -> None:
    said = orac("list", ORAC_OLLAMA_PORT="http")
    assert said.status == 2
    assert "orac: ORAC_OLLAMA_PORT is 'http'; allowed is a port from 1 to 65535." in said.err


def test_a_database_that_is_none_is_left_alone_and_named(orac: Cli, tmp_path: Path) -> None:
    file = tmp_path / "orac.db"
    file.write_bytes(b"a letter to my aunt, long enough to be read as a header" * 100)
    before = file.read_bytes()
    with known_server(ttft_s=0.005, token_s=0.001) as server:
        for words in (["list"], ["show", "latest"], ["db", "check"], ["bench", "--suite=first_token"]):
            said = orac(*words, ORAC_OLLAMA_URL=server.url)
            assert said.status == 2, words
            assert str(file) in said.err
    assert file.read_bytes() == before


def test_a_place_where_nothing_can_be_written_is_said_before_anything_is_measured(orac: Cli) -> None:
    with known_server(ttft_s=0.005, token_s=0.001) as server:
        said = orac("bench", ORAC_OLLAMA_URL=server.url, ORAC_DATABASE_URL="sqlite:////proc/results/orac.db")
        assert said.status == 2
        assert "/proc/results" in said.err
        said = orac("bench", ORAC_OLLAMA_URL=server.url, ORAC_HOME="/proc/home")
        assert said.status == 2
        assert "Set ORAC_HOME to a folder that you can write." in said.err


def test_commands_about_runs_that_were_measured_never_create_a_store(orac: Cli, tmp_path: Path) -> None:
    changing = (["delete", "x"], ["annotate", "x", "a"], ["baseline", "set", "a", "x"], ["baseline", "remove", "a"])
    reading = (["list"], ["show", "latest"], ["export", "latest"], ["db", "check"], ["db", "backup", "b.db"])
    for words in (*reading, *changing):
        said = orac(*words)
        assert said.status == 2
        assert f"There is no database at {tmp_path}/orac.db." in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_prompt_that_the_context_cannot_hold_is_left_out_and_said(orac: Cli) -> None:
    with known_server(ttft_s=0.005, token_s=0.001) as server:
        said = orac("bench", "--suite=decode", "--prompt-tokens=10000000", ORAC_OLLAMA_URL=server.url)
    assert said.status == 2
    assert "10000000 → 128 tokens do not fit into its context of" in said.out + said.err


# What an Ollama that goes wrong gets. `known` is its one model.

SMALL = ("--suite=first_token", "--rounds=2", "--warmup=0", "--output-tokens=4", "--prompt-tokens=16")


def playing(generate: Reply) -> FakeOllama:
    """An Ollama that is well until it is asked to write."""
    loaded = json_reply({"models": [{"name": "known:latest", "size": 1, "size_vram": 0, "context_length": 4096}]})
    model = {"name": "known:latest", "digest": "d" * 64, "size": 1, "details": {"family": "llama"}}
    info = {"model_info": {"llama.context_length": 4096}, "capabilities": ["completion"]}
    routes: Mapping[str, list[Reply]] = {
        "GET /api/version": [json_reply({"version": "0.11.4"})],
        "GET /api/tags": [json_reply({"models": [model]})],
        "POST /api/show": [json_reply(info)],
        "GET /api/ps": [loaded],
        LOAD: [json_reply({"done": True})],
        "POST /api/generate": [generate],
    }
    return FakeOllama(routes)


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        (error_reply(500, "llama runner process has terminated"), "ollama_refused", "llama runner process has"),
        (error_reply(503, "server busy"), "ollama_refused", "server busy"),
        (error_reply(404, "model 'known' not found"), "ollama_refused", "model 'known' not found"),
        (html_reply(), "ollama_garbled", "It works!"),
        (stream([], end=End.HANG), "ollama_silent", "1 s"),
    ],
    ids=["500", "503", "404", "HTML", "silence"],
)
def test_an_ollama_that_cannot_answer_fails_the_case_with_its_own_words(
    orac: Cli, tmp_path: Path, reply: Reply, code: str, words: str
) -> None:
    with playing(reply) as fake:
        said = orac("bench", *SMALL, ORAC_OLLAMA_URL=fake.url, ORAC_IDLE_TIMEOUT_S="1")
    assert said.status == 1
    with open_store(f"sqlite:///{tmp_path}/orac.db", write=False) as store:
        run = store.run(store.resolve("latest"))
        (result,) = store.results(run.id, rounds=True)
    assert (run.status, result.status) == (Status.FAILED, Status.FAILED)
    assert result.failure is not None
    assert (result.failure.code, words in result.failure.message) == (code, True), result.failure
    assert words in said.err  # told when it happens
    assert words in said.out  # and beside the results


def test_something_that_is_no_ollama_is_said_before_anything_is_measured(orac: Cli, tmp_path: Path) -> None:
    page = {"GET /api/tags": [html_reply()], "GET /api/version": [html_reply()]}
    for routes, words in ((page, "is not Ollama"), ({"GET /api/tags": [text_reply("no", status=500)]}, "500")):
        with FakeOllama(routes) as fake:
            said = orac("bench", ORAC_OLLAMA_URL=fake.url)
        assert said.status == 2, said.err
        assert words in said.err
    assert not (tmp_path / "orac.db").exists()


def test_rounds_that_do_not_count_are_stored_and_the_case_says_why(orac: Cli, tmp_path: Path) -> None:
    with known_server(ttft_s=0.005, token_s=0.001, biases=Biases(short=True)) as server:
        said = orac("bench", *SMALL, ORAC_OLLAMA_URL=server.url)
    assert said.status == 1
    with open_store(f"sqlite:///{tmp_path}/orac.db", write=False) as store:
        (result,) = store.results(store.resolve("latest"), rounds=True)
    assert (result.status, result.done, result.summary) == (Status.FAILED, 0, {})
    assert all(Flag.SHORT_OUTPUT in one.flags for one in result.rounds)
    assert "0 of 2 rounds count; the others: " in said.out


def test_what_breaks_beside_the_rounds_is_told_with_where_it_broke(orac: Cli) -> None:
    with known_server(ttft_s=0.005, token_s=0.001) as server:
        said = orac("bench", *SMALL, ORAC_OLLAMA_URL=server.url, PYTEST_ADDOPTS="-p tests.fakes.broken_fixture")
    assert said.status == 1
    assert "bench_first_token[known], setup:" in said.err
    assert "RuntimeError: the fixture is broken" in said.err


# The shape of each document, which other programs rely on.


def test_doctor_says_for_each_check_how_it_is_and_what_to_type(orac: Cli, tiny_models: Path, tmp_path: Path) -> None:
    said = orac("doctor", "--json", ORAC_MODELS_DIR=str(tiny_models), PATH=str(tmp_path))
    assert said.status == 2  # no Ollama
    checks = said.document["checks"]
    assert all(set(check) == {"name", "state", "detail", "next"} for check in checks)
    states = {check["name"]: check["state"] for check in checks}
    assert (states["models"], states["ollama"]) == ("ok", "missing")
    assert "MISSING" in orac("doctor").out


def test_models_are_listed_ready_or_refused(orac: Cli, tiny_models: Path, tmp_path: Path) -> None:
    (tmp_path / "gguf").mkdir()
    (tmp_path / "gguf" / "phi-2.gguf").write_bytes((tiny_models / "phi-2.gguf").read_bytes())
    (tmp_path / "gguf" / "half.gguf").write_bytes((tiny_models / "phi-2.gguf").read_bytes()[:5000])
    said = orac("models", "--json", ORAC_MODELS_DIR=str(tmp_path / "gguf"))
    rows = {row["name"]: row for row in said.document["models"]}
    assert set(rows) == {"phi-2", "half"}
    keys = "name aliases file size_b architecture parameters quantization context_length catalogued fits state reason"
    assert set(rows["phi-2"]) == set(keys.split())
    phi = rows["phi-2"]
    assert (phi["aliases"], phi["file"], phi["architecture"], phi["state"]) == (["phi2"], "phi-2.gguf", "phi2", "ready")
    assert (phi["catalogued"], phi["fits"], phi["reason"]) == (True, "yes", None)
    assert rows["half"]["state"] == "refused"
    assert rows["half"]["reason"]
    assert "refused: half.gguf" in orac("models").out.replace("\n", " ")


def test_a_file_that_another_ollama_serves_is_listed_with_its_short_names(
    orac: Cli, tiny_models: Path, tmp_path: Path
) -> None:
    routes = {"GET /api/version": [json_reply({"version": "0.11.4"})], "GET /api/tags": [json_reply({"models": []})]}
    with FakeOllama(routes) as fake:
        there = {"ORAC_OLLAMA_STORE": str(tmp_path / "store"), "ORAC_MODELS_DIR": str(tiny_models)}
        said = orac("models", "--json", ORAC_OLLAMA_URL=fake.url, **there)
    (phi,) = [row for row in said.document["models"] if row["name"] == "phi-2"]
    assert (phi["file"], phi["aliases"], phi["catalogued"]) == ("phi-2.gguf", ["phi2"], True)


def test_an_export_that_cannot_be_written_is_refused_before_the_runs_are_read(orac: Cli) -> None:
    said = orac("export", "no-such-run", "-o", "nowhere/out.json")
    assert "nowhere/out.json could not be written" in said.err


def test_an_export_of_no_run_leaves_the_file_that_was_there(orac: Cli, measured: str, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("kept\n")
    assert orac("export", "no-such-run", "-o", "out.csv").status == 2
    assert orac("export", "no-such-run", "-o", "new.csv").status == 2
    assert ((tmp_path / "out.csv").read_text(), (tmp_path / "new.csv").exists()) == ("kept\n", False)
    assert orac("export", measured, "--format", "csv", "-o", "out.csv").status == 0
    assert (tmp_path / "out.csv").read_text().startswith("run,case,")


def test_list_has_runs_newest_first_a_page_at_a_time(orac: Cli, measured: str) -> None:
    document = orac("list", "--json").document
    assert document == {
        "runs": [
            {
                "id": measured,
                "status": "done",
                "started": "2026-11-22T12:00:00.000000Z",
                "ended": "2026-11-22T12:01:00.000000Z",
                "trigger": "pytest",
                "note": None,
                "models": ["tiny"],
                "progress": {
                    "rounds_done": 2,
                    "rounds_planned": 2,
                    "rounds_failed": 0,
                    "cases_done": 1,
                    "cases_planned": None,
                },
                "position": None,
                "likely_over": None,
            }
        ],
        "next": None,
    }
    assert orac("list", "--json", "--limit", "1").document["next"] == measured
    assert measured in orac("list").out


def test_show_has_run_conditions_results_and_rounds_only_when_asked(orac: Cli, measured: str) -> None:
    document = orac("show", "latest", "--json").document
    assert set(document) == {"run", "conditions", "results"}
    run = "id status started ended trigger note orac_version metrics_version"
    plan = {"blocks": None, "paired": False, "precision": None, "canary": None}
    assert set(document["run"]) == {*run.split(), *plan}
    assert {key: document["run"][key] for key in plan} == plan
    assert document["conditions"] == {"hash": "c0ffee", "facts": {"board": "orin", "power_mode": "MAXN"}}
    (result,) = document["results"]
    keys = "case model_digest options offload_ratio status planned done summary"
    assert set(result) == set(keys.split())
    assert {"key", "suite", "model", "workload"} == set(result["case"])
    statistics = "n median ci_low ci_high min max q25 q75 p90 p95 p99"
    assert set(result["summary"]["ttft_s"]) == set(statistics.split())
    assert (result["summary"]["ttft_s"]["median"], result["summary"]["ttft_s"]["ci_low"]) == (0.2, None)

    (result,) = orac("show", measured, "--rounds", "--json").document["results"]
    assert set(result) == {*keys.split(), "rounds"}
    parts = "index phase block status error flags counted metrics raw"
    assert set(result["rounds"][0]) == set(parts.split())
    assert set(METRICS) <= set(result["rounds"][0]["metrics"])
    text = orac("show", measured, "--rounds").out
    assert text.startswith(f"Run {measured}: done, 2026-11-22 12:00 to 12:01 UTC, by pytest, ORAC 0.1.0")


def test_an_unknown_run_is_said_with_what_there_is(orac: Cli, measured: str) -> None:
    for words in (["show", "latest~7"], ["delete", "nothing", "--yes"], ["export", "20200101-000000-0000"]):
        said = orac(*words)
        assert said.status == 2, words
        assert "orac: " in said.err
    assert orac("show", measured).status == 0


def test_what_is_exported_can_be_taken_in_elsewhere_and_a_second_time_is_nothing_new(
    orac: Cli, measured: str, tmp_path: Path
) -> None:
    said = orac("export", measured, "--format", "json", "-o", "out.json")
    assert (said.status, said.out) == (0, "")
    other = f"sqlite:///{tmp_path}/other.db"
    assert orac("import", "out.json", "--json", ORAC_DATABASE_URL=other).document == {"imported": [measured]}
    assert orac("import", "out.json", "--json").document == {"imported": []}
    assert orac("show", measured, "--json").document["results"][0]["done"] == 2
    for form in ("csv", "markdown", "pytest-benchmark"):
        said = orac("export", measured, "--format", form)
        assert said.status == 0
        assert "first_token" in said.out


def test_what_cannot_be_taken_in_or_written_is_said(orac: Cli, measured: str, tmp_path: Path) -> None:
    (tmp_path / "text.json").write_text("not json")
    (tmp_path / "list.json").write_text("[1, 2]")
    for words in (
        ["import", "nowhere.json"],
        ["import", "text.json"],
        ["import", "list.json"],
        ["export", measured, "-o", "nowhere/out.json"],
        ["db", "backup", "orac.db"],
    ):
        said = orac(*words)
        assert said.status == 2, words
        assert "  next: " in said.err, words


def test_delete_asks_first_and_where_nobody_can_be_asked_it_does_nothing(
    orac: Cli, measured: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path("/dev/null").open() as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        said = orac("delete", measured)
    assert said.status == 2
    assert "Add --yes." in said.err
    assert orac("delete", measured, "--yes", "--json").document == {"deleted": measured}
    assert orac("list", "--json").document == {"runs": [], "next": None}


@pytest.mark.parametrize("words", [["upgrade"], ["rollup", "--rebuild"]])
def test_a_mistyped_path_of_a_store_makes_no_store(orac: Cli, tmp_path: Path, words: list[str]) -> None:
    said = orac("db", *words, "--database", f"sqlite:///{tmp_path}/mistyped/orac.db")
    assert said.status == 2
    assert "  next: " in said.err
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.parametrize(
    ("typed", "deleted"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_a_run_is_deleted_where_the_answer_is_yes_and_an_end_of_input_is_no(
    orac: Cli, measured: str, monkeypatch: pytest.MonkeyPatch, typed: str, *, deleted: bool
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    said = orac("delete", measured, "--json")
    assert f"Delete run {measured} of " in said.err  # so that stdout is one document, or nothing
    assert (said.status, said.out) == (0, json.dumps({"deleted": measured}) + "\n" if deleted else "")
    assert [run["id"] for run in orac("list", "--json").document["runs"]] == ([] if deleted else [measured])


def test_the_store_is_looked_after(orac: Cli, measured: str, tmp_path: Path) -> None:
    assert orac("db", "check", "--json").document == {"problems": []}
    assert set(orac("db", "upgrade", "--json").document) == {"revision"}
    assert orac("db", "backup", "copy.db", "--json").document == {"backup": "copy.db"}
    assert orac("list", "--json", "--database", f"sqlite:///{tmp_path}/copy.db").document["runs"][0]["id"] == measured
    assert orac("db", "check").out.endswith(": nothing is wrong.\n")
