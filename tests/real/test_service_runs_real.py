"""Runs over REST on a real Ollama: to their end, cancelled, resumed after every kind of kill, and what is restored."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orac_bench.lock import measuring_now
from orac_bench.records import Phase, Status
from orac_bench.store.store import Store, open_store
from tests.real.doors import Machine
from tests.real.kills import belonging, finished, killed
from tests.service import Service, running_service
from tests.waiting import eventually

pytestmark = pytest.mark.real

QUICK = {"suites": ["decode"], "rounds": 4, "warmup": 1, "output_tokens": 8, "prompt_tokens": [64]}
LONG = {**QUICK, "suites": ["first_token", "decode"], "rounds": 60}
WAIT_S = 100.0


@pytest.fixture(scope="module")
def service(ollama_binary: Path, tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with running_service(folder, models=tiny_models, ollama=ollama_binary) as started:
        started.ready()
        yield started
    eventually(lambda: not belonging(folder / "home"), within_s=20)


@pytest.fixture(scope="module")
def store(service: Service) -> Iterator[Store]:
    with open_store(service.database, write=False) as opened:
        yield opened


@pytest.fixture(autouse=True)
def empty_queue(service: Service) -> Iterator[None]:
    """Nothing of one test is measured in the next one."""
    yield
    for run in service.get("/v1/runs").json["runs"]:
        service.post(f"/v1/runs/{run['id']}/cancel")
    eventually(lambda: all(run["status"] not in ("queued", "running") for run in listed(service)), within_s=WAIT_S)
    eventually(lambda: service.get("/v1/health").json["measuring"] is None, within_s=WAIT_S)


def asked(service: Service, wish: dict[str, Any], *models: str) -> str:
    """The id of a run that was queued just now."""
    answer = service.post("/v1/runs", {**wish, "models": [*models]})
    assert answer.status == 202, answer.body
    found: str = answer.json["id"]
    return found


def listed(service: Service) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = service.get("/v1/runs").json["runs"]
    return runs


def measuring(store: Store, run: str) -> int:
    """The process of the run, once it has measured a round of its present case and is about to go on."""

    def there() -> int | None:
        found = store.results(run, rounds=True)
        here = dict(store.running()).get(run)
        return here if found and found[-1].status is Status.RUNNING and found[-1].rounds else None

    pid = eventually(there, within_s=WAIT_S)
    assert pid is not None
    return pid


def ends(store: Store, run: str, wanted: Status = Status.DONE) -> None:
    eventually(lambda: store.run(run).status in (wanted, Status.LOST), within_s=WAIT_S)
    assert store.run(run).status is wanted


def complete(store: Store, run: str, *, rounds: int) -> None:
    """Each case is done and has each of its rounds once."""
    for result in store.results(run, rounds=True):
        assert result.status is Status.DONE
        indexes = [one.index for one in result.rounds if one.phase is Phase.MEASURE]
        assert (indexes, len(result.rounds)) == ([*range(rounds)], rounds + 1)


def loaded(service: Service) -> list[str]:
    models = service.get("/v1/models").json["models"]
    return [model["name"] for model in models if model["state"] == "loaded"]


def test_a_run_is_followed_from_its_queue_to_its_end(service: Service, store: Store) -> None:
    run = asked(service, QUICK, "phi-2", "pythia-70m")
    told = [*service.events("GET", f"/v1/runs/{run}/events")]
    kept = [event for event in told if event["event"] != "reading"]
    one_case = ["case", *["round"] * 5]
    assert [event["event"] for event in kept] == ["queued", "started", *one_case, *one_case, "done"]
    assert [event["id"] for event in kept] == [str(number) for number in range(1, len(kept) + 1)]
    assert kept[1]["data"] == {"resumed": False, "cases": 2, "at": kept[1]["data"]["at"]}
    assert list(kept[-2]["data"]["metrics"]) == ["decode_tokens_per_s"]
    complete(store, run, rounds=4)
    assert service.get(f"/v1/runs/{run}").json["run"]["trigger"] == "rest"
    assert "pythia-70m decode 64 → 8" in service.get(f"/v1/runs/{run}/log").body.decode()
    again = [*service.events("GET", f"/v1/runs/{run}/events", headers={"Last-Event-ID": "9"})]
    assert again == kept[9:]


def test_readings_are_told_once_a_second_under_the_number_of_the_event_before(
    ollama_binary: Path, tiny_models: Path, tmp_path: Path
) -> None:
    with running_service(tmp_path, models=tiny_models, ollama=ollama_binary, ORAC_TELEMETRY="host") as board:
        run = asked(board, LONG, "phi-2")
        before: dict[str, Any] = {}
        for event in board.events("GET", f"/v1/runs/{run}/events"):
            if event["event"] == "reading" and before:
                break
            before = event
    assert event["id"] == before["id"]
    assert event["data"]["ram_used_b"] > 0


def test_a_run_is_cancelled_in_mid_round_and_keeps_its_finished_ones(service: Service, store: Store) -> None:
    run = asked(service, LONG, "phi-2")
    pid = measuring(store, run)
    (item,) = [one for one in listed(service) if one["id"] == run]
    assert (item["status"], item["progress"]["cases_planned"]) == ("running", 2)
    assert "a run of the service (process" in service.post("/v1/models/phi-2/load").problem["detail"]
    answer = service.post(f"/v1/runs/{run}/cancel")
    assert (answer.status, answer.json) == (202, {"id": run, "status": "running"})
    ends(store, run, Status.CANCELLED)
    kept = store.results(run, rounds=True)
    assert kept[-1].status is Status.INTERRUPTED
    assert kept[-1].rounds
    eventually(lambda: not Path(f"/proc/{pid}").exists())
    *_, last = service.events("GET", f"/v1/runs/{run}/events")
    assert last["event"] == "cancelled"


def test_two_runs_are_measured_one_after_the_other_through_the_services_own_ollama(
    service: Service, store: Store
) -> None:
    first, second = asked(service, QUICK, "phi-2"), asked(service, QUICK, "pythia-70m")
    ends(store, second)
    one, two = store.run(first), store.run(second)
    assert one.conditions is not None
    assert two.conditions is not None
    assert one.ended is not None
    assert one.ended < two.started
    assert one.conditions.hash == two.conditions.hash
    assert one.conditions.facts["ollama_supervised"] is True


def test_a_run_waits_for_a_shells_measurement_and_has_the_same_conditions(service: Service, store: Store) -> None:
    shell = Machine(folder=service.folder, settings=service.settings)
    words = ("bench", "phi-2", "--suite=decode", "--rounds=30", "--output-tokens=8")
    with shell.started("orac", *words) as started:
        eventually(lambda: measuring_now(service.home / "measure.lock"), within_s=WAIT_S)
        run = asked(service, QUICK, "phi-2")
        assert service.post("/v1/benchmark", {"models": ["phi-2"]}).status == 409
        assert store.run(run).status is Status.QUEUED
        assert started.ends() == 0, started.shown
    ends(store, run)
    mine, its = store.run(store.resolve("latest~1")), store.run(run)
    assert (mine.trigger, its.trigger) == ("orac", "rest")
    assert mine.conditions is not None
    assert its.conditions is not None
    assert mine.ended is not None
    assert mine.ended < its.started
    assert mine.conditions.hash == its.conditions.hash


def test_what_was_loaded_before_a_run_is_loaded_again_after_it(service: Service, store: Store) -> None:
    assert service.post("/v1/models/tinyllama/load").status == 200
    assert loaded(service) == ["tinyllama-1.1b"]
    run = asked(service, QUICK, "phi-2")
    ends(store, run)
    eventually(lambda: loaded(service) == ["tinyllama-1.1b"])
    service.post("/v1/models/tinyllama/unload")


def test_who_comes_when_a_run_is_just_over_is_let_in_as_soon_as_it_has_tidied_up(service: Service) -> None:
    assert service.post("/v1/models/tinyllama/load").status == 200
    run = asked(service, QUICK, "phi-2")
    assert [event["event"] for event in service.events("GET", f"/v1/runs/{run}/events")][-1] == "done"
    answer = service.post("/v1/prompt", {"model": "tinyllama", "prompt": "Once", "options": {"num_predict": 2}})
    assert answer.status == 200, answer.body
    assert loaded(service) == ["tinyllama-1.1b"]
    service.post("/v1/models/tinyllama/unload")


def test_a_waiting_benchmark_answers_with_each_models_time_and_words(service: Service, store: Store) -> None:
    assert service.post("/v1/models/tinyllama/load").status == 200
    wish = {"models": ["phi-2", "pythia-70m"], "prompt": "Once upon a time", "rounds": 2, "output_tokens": 8}
    answer = service.post("/v1/benchmark", wish)
    assert answer.status == 200, answer.body
    rows = answer.json["results"]
    assert sorted(row["model"] for row in rows) == ["phi-2", "pythia-70m"]
    assert [row["latency_ms"] for row in rows] == sorted(row["latency_ms"] for row in rows)
    for row in rows:
        assert (row["status"], row["error"]) == ("done", None)
        assert isinstance(row["answer"], str)
        assert row["ttft_ms"] > 0
    run = answer.json["run"]
    (first, _) = sorted(store.results(run, rounds=True), key=lambda result: result.summary["e2e_s"].median)
    assert rows[0]["latency_ms"] == first.summary["e2e_s"].median * 1e3
    assert (first.case.suite, first.case.workload.output_tokens, len(first.rounds)) == ("prompt", 8, 2)
    assert loaded(service) == ["tinyllama-1.1b"]

    (row,) = service.post("/v1/benchmark", {"rounds": 1, "output_tokens": 4}).json["results"]
    assert row["model"] == "tinyllama-1.1b"  # without names, those that are loaded
    service.post("/v1/models/tinyllama/unload")


def test_the_canary_is_measured_with_a_benchmark_and_is_no_answer_to_it(
    ollama_binary: Path, tiny_models: Path, tmp_path: Path
) -> None:
    with running_service(tmp_path, models=tiny_models, ollama=ollama_binary, ORAC_CANARY_MODEL="pythia-70m") as board:
        board.ready()
        planned = board.post("/v1/runs?dry=true", {"models": ["phi-2"], "suites": ["decode"]}).json["cases"]
        assert [(case["model"], case["suite"]) for case in planned] == [("pythia-70m", "decode"), ("phi-2", "decode")]
        answer = board.post(
            "/v1/benchmark", {"models": ["phi-2"], "prompt": "Hm", "rounds": 1, "output_tokens": 4}
        ).json
        assert [(row["model"], row["status"]) for row in answer["results"]] == [("phi-2", "done")]
        suites = [result["case"]["suite"] for result in board.get(f"/v1/runs/{answer['run']}").json["results"]]
        assert suites == ["decode", "prompt"]


def test_who_goes_away_from_a_waiting_benchmark_ends_it(service: Service, store: Store) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", service.port)
    body = json.dumps({"models": ["phi-2"], "rounds": 100, "output_tokens": 64})
    connection.request("POST", "/v1/benchmark", body=body, headers={"Content-Type": "application/json"})
    run = eventually(lambda: [one["id"] for one in listed(service) if one["status"] == "running"], within_s=WAIT_S)[0]
    connection.close()
    ends(store, run, Status.CANCELLED)


def test_a_run_whose_process_is_killed_goes_on_while_it_is_followed(service: Service, store: Store) -> None:
    assert service.post("/v1/models/tinyllama/load").status == 200
    run = asked(service, {**LONG, "rounds": 8}, "phi-2")
    told: list[str] = []
    follower = threading.Thread(
        target=lambda: told.extend(event["event"] for event in service.events("GET", f"/v1/runs/{run}/events"))
    )
    follower.start()
    eventually(lambda: len(store.results(run, rounds=True)) == 2, within_s=WAIT_S)
    before = finished(store, run)
    os.kill(measuring(store, run), signal.SIGKILL)
    ends(store, run)
    follower.join(timeout=WAIT_S)
    assert {key: finished(store, run)[key] for key in before} == before
    complete(store, run, rounds=8)
    assert [kind for kind in told if kind in ("started", "interrupted", "done")] == [
        "started",
        "interrupted",
        "started",
        "done",
    ]
    # and what a person had loaded is there again, though the process that found it so was killed
    eventually(lambda: loaded(service) == ["tinyllama-1.1b"])
    service.post("/v1/models/tinyllama/unload")


def test_a_service_that_is_ended_in_mid_run_goes_on_with_it_when_it_comes_back(
    ollama_binary: Path, tiny_models: Path, tmp_path: Path
) -> None:
    with running_service(tmp_path, models=tiny_models, ollama=ollama_binary) as first:
        run = asked(first, {**LONG, "rounds": 8}, "phi-2")
        with open_store(first.database, write=False) as store:
            pid = measuring(store, run)
            assert first.end(signal.SIGTERM) == 0
            assert not Path(f"/proc/{pid}").exists()
            assert store.run(run).status is Status.INTERRUPTED
        assert not belonging(first.home)
    with (
        running_service(tmp_path, models=tiny_models, ollama=ollama_binary) as second,
        open_store(second.database, write=False) as store,
    ):
        ends(store, run)
        complete(store, run, rounds=8)


def test_no_finished_round_is_lost_whatever_is_killed(ollama_binary: Path, tiny_models: Path, tmp_path: Path) -> None:
    machine = killed(tmp_path, tiny_models, ollama_binary, kills=3, seed=5)
    assert (sum(machine.killed.values()), machine.faults) == (3, [])
