"""The calls about runs: what is queued, what is refused, what is shown; nothing is measured here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from orac_bench.lock import measuring_alone
from orac_bench.records import Status
from orac_bench.store.document import document
from orac_bench.store.store import open_store
from tests.builders import NOON, a_case, a_round, a_run, a_workload, later
from tests.service import Service, running_service
from tests.waiting import eventually

QUIET = {"ORAC_OLLAMA_BIN": "/nowhere/ollama", "ORAC_MAX_QUEUED": "4"}


@pytest.fixture(scope="module")
def shell() -> Iterator[int]:
    """The process of a shell that measures."""
    command = [sys.executable, "-c", "input()  # a shell in which orac measures"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        yield process.pid
        process.communicate(b"\n")


@pytest.fixture(scope="module")
def service(shell: int, tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose machine is measuring all the time, so that what is queued stays so."""
    folder = tmp_path_factory.mktemp("runs")
    lock = folder / "home" / "measure.lock"
    with (
        measuring_alone(lock, what="a colleague's run", waiting=None) as turn,
        running_service(folder, models=tiny_models, **QUIET) as started,
    ):
        turn.tell(run="shell", cases_done=1, cases=4, likely_over=datetime(2026, 11, 22, 13, 0, tzinfo=timezone.utc))
        fill(started, shell)
        yield started


def fill(service: Service, shell: int) -> None:
    """A run that process `shell` measures, and two that are done: one of phi-2, one that told nothing."""
    with open_store(service.database, write=True) as store:
        store.add_run(a_run(id="first", started=later(-7200)))
        case = a_case(suite="decode", model="phi-2", workload=a_workload(output_tokens=128))
        result = store.begin_result("first", case, planned=2, position=0)
        for index in range(2):
            store.add_round(result, a_round(index=index), headlines=("decode_tokens_per_s",))
        store.close_result(result, status=Status.DONE)
        store.update_run("first", status=Status.DONE, ended=later(-7000))
        store.take_in([(a_run(id="other-board", started=later(-3600), status=Status.DONE, ended=NOON), ())])
        store.add_run(a_run(id="shell", note="mine"), pid=shell, cases=4)


def asked(service: Service, **wish: object) -> str:
    """The id of a run that was queued just now."""
    answer = service.post("/v1/runs", wish)
    assert answer.status == 202, answer.body
    found: str = answer.json["id"]
    return found


def waiting(service: Service) -> list[str]:
    return [run["id"] for run in service.get("/v1/runs").json["runs"] if run["status"] == "queued"]


def within(part: Any, whole: Any) -> bool:
    """Whether all of a document is in another one, which may tell more."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and within(part[key], whole[key]) for key in part)
    if isinstance(part, list):
        return isinstance(whole, list) and all(map(within, part, whole)) and len(part) == len(whole)
    return bool(part == whole)


@pytest.fixture(autouse=True)
def empty_queue(service: Service) -> Iterator[None]:
    yield
    for run in service.get("/v1/runs").json["runs"]:
        if run["trigger"] == "rest":
            service.delete(f"/v1/runs/{run['id']}")


def test_a_run_is_queued_shown_cancelled_and_deleted(service: Service) -> None:
    answer = service.post("/v1/runs", {"models": ["phi2"], "suites": ["decode"], "rounds": 3, "note": "a fan"})
    run = answer.json["id"]
    assert (answer.status, answer.headers["location"]) == (202, f"/v1/runs/{run}")
    assert answer.json == {"id": run, "status": "queued", "position": 0}
    second = asked(service)

    listed = service.get("/v1/runs?limit=2").json
    assert [(one["id"], one["position"], one["note"]) for one in listed["runs"]] == [
        (second, 1, None),
        (run, 0, "a fan"),
    ]
    assert listed["next"] == run
    shown = service.get(answer.headers["location"]).json
    assert (shown["run"]["status"], shown["run"]["trigger"], shown["conditions"]) == ("queued", "rest", None)

    gone = service.post(f"/v1/runs/{run}/cancel")
    assert (gone.status, gone.json) == (202, {"id": run, "status": "cancelled"})
    again = service.post(f"/v1/runs/{run}/cancel")
    assert (again.status, again.problem["type"]) == (409, "/docs#run_over")
    assert [event["event"] for event in service.events("GET", f"/v1/runs/{run}/events")] == ["queued", "cancelled"]
    assert service.delete(f"/v1/runs/{run}").status == 204
    assert service.get(f"/v1/runs/{run}").problem["title"] == "No such run"


@pytest.mark.parametrize(
    ("wish", "status", "says"),
    [
        ({"models": ["phi-3"]}, 404, "Near names: phi-2"),
        ({"models": ["--help"]}, 422, "body.models.0"),
        ({"models": ["phi-2\x00"]}, 422, "body.models.0"),
        ({"models": "phi-2"}, 422, "body.models"),
        ({"suites": ["decoed"]}, 422, "There is no suite 'decoed'"),
        ({"suites": ["prompt"]}, 422, ""),
        ({"rounds": 0}, 422, "body.rounds"),
        ({"rounds": "3"}, 422, "body.rounds"),
        ({"rounds": True}, 422, "body.rounds"),
        ({"warmup": -1}, 422, "body.warmup"),
        ({"output_tokens": 4096}, 422, "Nothing would be measured"),
        ({"prompt_tokens": [64, 0]}, 422, "body.prompt_tokens"),
        ({"time_limit_s": 1e9}, 422, "body.time_limit_s"),
        ({"variants": ["no equals sign"]}, 422, "body.variants.0"),
        ({"precision": "much"}, 422, "body.precision"),
        ({"precision": 0}, 422, "body.precision: Input should be greater than 0, or: "),
        ({"paired": True}, 422, ""),
        (
            {"precision": 0.02, "paired": True, "models": ["phi-2", "pythia-70m"]},
            422,
            "precision goes on until enough is known",
        ),
        ({"prompt_tokens": [100_000], "models": ["phi-2"]}, 422, "Nothing would be measured. phi-2"),
        ({"note": "x" * 1001}, 422, "body.note"),
        ({"output_tokens": 4097}, 422, "output_tokens is 4097; at most 4096 are allowed."),
        ({"prompt_file": "/etc/passwd"}, 422, "body.prompt_file"),
        ([], 422, "body"),
    ],
)
def test_a_wrong_wish_is_refused_before_it_is_queued(service: Service, wish: object, status: int, says: str) -> None:
    answer = service.post("/v1/runs", wish)
    assert (answer.status, waiting(service)) == (status, [])
    assert says in answer.problem["detail"]
    assert "--" not in answer.problem["detail"] + answer.problem["next"]
    assert "orac bench" not in answer.problem["next"]


def test_a_run_that_may_write_too_much_says_which_setting_bounds_it(service: Service) -> None:
    refused = service.post("/v1/runs", {"output_tokens": 4097}).problem
    assert refused["next"] == "Ask for less, or raise ORAC_OUTPUT_LIMIT_TOKENS."


def test_what_is_too_long_is_said_once_a_model(service: Service) -> None:
    detail = service.post("/v1/runs", {"prompt_tokens": [100_000], "models": ["phi-2"]}).problem["detail"]
    assert detail.count("do not fit") == 1


def test_what_a_run_has_not_is_said_with_what_it_has(service: Service) -> None:
    case = service.get("/v1/runs/first").json["results"][0]["case"]["key"]
    no_round = service.get(f"/v1/runs/first/results/{case}/rounds/99/chunks")
    assert (no_round.status, no_round.problem["title"]) == (404, "No such round")
    assert "it has 2 of phase measure (0 to 1)" in no_round.problem["detail"]
    no_case = service.get("/v1/runs/first/results/nokey/rounds/0/chunks")
    assert (no_case.status, no_case.problem["title"]) == (404, "No such case")
    assert f"it has {case}" in no_case.problem["detail"]


def test_every_refusal_says_what_to_do(service: Service) -> None:
    over = service.post("/v1/runs/first/cancel")
    assert (over.status, over.problem["next"]) == (409, "GET /v1/runs/RUN shows what came of it.")
    no_json = service.call("POST", "/v1/runs", b"{")
    assert (no_json.status, no_json.problem["next"]) == (400, "GET /docs has an example of every call.")


def test_the_same_key_brings_the_same_run_and_another_body_under_it_is_refused(service: Service) -> None:
    headers = {"Idempotency-Key": "monday"}
    first = service.post("/v1/runs", {"models": ["phi-2"]}, headers=headers)
    again = service.post("/v1/runs", {"models": ["phi-2"]}, headers=headers)
    assert (first.status, again.status) == (202, 202)
    assert again.json["id"] == first.json["id"]
    assert again.headers["location"] == first.headers["location"]
    other = service.post("/v1/runs", {"models": ["pythia-70m"]}, headers=headers)
    assert (other.status, other.problem["type"]) == (422, "/docs#key_reused")
    assert waiting(service) == [first.json["id"]]


def test_a_full_queue_refuses_one_more_and_says_what_to_do(service: Service) -> None:
    first = asked(service)
    kept = [asked(service) for _ in range(3)]
    refused = service.post("/v1/runs", {})
    assert (refused.status, refused.problem["type"]) == (409, "/docs#queue_full")
    assert refused.problem["detail"] == "4 runs wait for their turn, and 4 may. Nothing was queued."
    assert refused.problem["next"] == "Cancel one of them, wait for one to begin, or raise ORAC_MAX_QUEUED."
    assert service.post(f"/v1/runs/{first}/cancel").status == 202
    assert service.post("/v1/runs", {}).json["position"] == len(kept)


def test_what_is_shown_follows_what_is_written_whoever_writes_it(service: Service) -> None:
    def seen() -> tuple[list[str], list[str]]:
        page, shown = (service.get(path).json for path in ("/v1/runs?limit=1", "/v1/runs/first"))
        return [run["note"] for run in page["runs"]], [one["text"] for one in shown["annotations"]]

    assert (seen(), seen()) == ((["mine"], []), (["mine"], []))
    with open_store(service.database, write=True) as another_process:
        another_process.annotate("first", "from a shell")
    assert seen() == (["mine"], ["from a shell"])
    run = service.post("/v1/runs", {"note": "newer"}).json["id"]
    assert seen()[0] == ["newer"]
    assert service.delete(f"/v1/runs/{run}").status == 204
    assert seen()[0] == ["mine"]


def test_a_dry_run_tells_how_long_it_would_take_and_queues_nothing(service: Service) -> None:
    answer = service.post("/v1/runs?dry=true", {"models": ["phi-2"], "suites": ["decode"], "rounds": 2, "warmup": 0})
    assert (answer.status, waiting(service)) == (200, [])
    (case,) = answer.json["cases"]
    assert (case["model"], case["suite"], case["workload"], case["rounds"]) == ("phi-2", "decode", "64 → 128", 2)
    assert answer.json["estimate_s"] == case["estimate_s"] > 0


def test_runs_come_in_pages_newest_first(service: Service) -> None:
    page = service.get("/v1/runs?limit=2").json
    assert ([run["id"] for run in page["runs"]], page["next"]) == (["shell", "other-board"], "other-board")
    rest = service.get(f"/v1/runs?limit=2&before={page['next']}").json
    assert ([run["id"] for run in rest["runs"]], rest["next"]) == (["first"], None)
    assert service.get("/v1/runs?limit=0").status == 422
    assert service.get("/v1/runs?before=nobody").status == 404


def test_a_shells_run_is_listed_with_how_far_it_is_and_is_not_deleted(service: Service) -> None:
    (run,) = service.get("/v1/runs?limit=1").json["runs"]
    assert run == {
        "id": "shell",
        "status": "running",
        "started": "2026-11-22T12:00:00.000000Z",
        "ended": None,
        "trigger": "pytest",
        "note": "mine",
        "models": [],
        "progress": {"rounds_done": 0, "rounds_planned": 0, "rounds_failed": 0, "cases_done": 0, "cases_planned": 4},
        "position": None,
        "likely_over": "2026-11-22T13:00:00.000000Z",
    }
    refused = service.delete("/v1/runs/shell")
    assert (refused.status, refused.problem["type"]) == (409, "/docs#run_measuring")


def test_a_run_is_shown_as_the_command_shows_it(service: Service) -> None:
    with open_store(service.database, write=False) as store:
        run, results = store.run("first"), store.results("first", rounds=True)
    short, whole = (service.get(f"/v1/runs/first{query}").json for query in ("", "?rounds=true"))
    assert within(document(run, results, rounds=False), short)
    assert within(document(run, results, rounds=True), whole)
    assert "rounds" not in short["results"][0]
    assert service.get("/v1/runs/latest~2").json == short


def test_a_page_of_runs_is_what_the_command_prints(service: Service) -> None:
    words = ("list", "--json", "--limit", "2")
    said = subprocess.run(
        [sys.executable, "-m", "orac_bench.cli", *words],
        env={**os.environ, **service.settings},
        capture_output=True,
        check=True,
    )
    assert json.loads(said.stdout) == service.get("/v1/runs?limit=2").json


def test_events_are_resumed_where_a_follower_stopped(service: Service) -> None:
    path = "/v1/runs/first/events"
    told = [(one["id"], one["event"]) for one in service.events("GET", path)]
    assert told == [("1", "started"), ("2", "case"), ("3", "round"), ("4", "round"), ("5", "done")]
    rest = service.events("GET", path, headers={"Last-Event-ID": "3"})
    assert [(one["id"], one["event"]) for one in rest] == told[3:]
    assert [one["id"] for one in service.events("GET", f"{path}?after=4")] == ["5"]
    assert service.get(path, headers={"Last-Event-ID": "5"}).status == 204
    (only,) = service.events("GET", "/v1/runs/other-board/events")
    assert (only["event"], "id" in only) == ("done", False)
    assert service.get("/v1/runs/nobody/events").problem["status"] == 404


@pytest.mark.parametrize("number", ["2147483649", "99999999999999999999"])
def test_a_number_that_no_event_can_have_is_behind_the_last_one(service: Service, number: str) -> None:
    told = service.get("/v1/runs/first/events", headers={"Last-Event-ID": number})
    assert (told.status, told.body) == (204, b"")  # a run that is over has no more to tell


def test_who_comes_with_a_number_that_the_run_has_not_reached_is_told_all_and_holds_up_nobody(
    service: Service, shell: int
) -> None:
    early: list[str] = []
    later: list[str] = []

    def follow(heard: list[str], number: str) -> None:
        for event in service.events("GET", "/v1/runs/shell/events", headers={"Last-Event-ID": number}):
            heard.append(event["id"])

    threading.Thread(target=follow, args=(early, "999"), daemon=True).start()
    eventually(lambda: early == ["1"])
    threading.Thread(target=follow, args=(later, "0"), daemon=True).start()
    with open_store(service.database, write=True) as store:
        store.update_run("shell", status=Status.RUNNING, pid=shell, cases=4)
    eventually(lambda: early == later == ["1", "2"])


def test_chunks_are_told_in_seconds_after_the_request(service: Service) -> None:
    case = service.get("/v1/runs/first").json["results"][0]["case"]["key"]
    path = f"/v1/runs/first/results/{quote(case)}/rounds"
    assert service.get(f"{path}/1/chunks").json == {"t_s": [0.2, 0.22, 0.24]}
    assert service.get(f"{path}/1/chunks?phase=warmup").status == 404
    assert service.get(f"{path}/9/chunks").status == 404
    assert service.get(f"{path}/-1/chunks").status == 422


def test_a_log_is_shown_from_its_end_without_places_and_without_what_a_terminal_acts_on(service: Service) -> None:
    assert service.get("/v1/runs/first/log").body == b""
    folder = service.home / "runs" / "first"
    folder.mkdir(parents=True)
    (folder / "log.txt").write_bytes(
        b"old\n" * 300_000 + f"\x1b[31mred\x1b[0m\x07 in {service.home}/x\n\xff last\n".encode("latin-1")
    )
    answer = service.get("/v1/runs/first/log?tail=2")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.body.decode() == "red in ORAC_HOME/x\n\ufffd last\n"
    assert len(service.get("/v1/runs/first/log?tail=10000").body) == 9_998 * 4 + len(answer.body)


def test_a_waiting_benchmark_is_refused_while_something_else_is_measured(service: Service) -> None:
    told = service.post("/v1/benchmark", {"models": ["phi-2"]})
    assert told.status == 409
    assert (told.problem["run"], told.problem["progress"], told.problem["likely_over"]) == (
        "shell",
        {"cases_done": 1, "cases": 4},
        "2026-11-22T13:00:00Z",
    )
    assert waiting(service) == []


@pytest.mark.parametrize("body", [{"rounds": 101}, {"models": ["-x"]}, {"prompt": 5}, {"seed": 1}])
def test_a_wrong_benchmark_is_refused(service: Service, body: object) -> None:
    assert service.post("/v1/benchmark", body).problem["status"] == 422
