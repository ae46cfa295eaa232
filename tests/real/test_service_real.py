"""The real service with the real Ollama and the six tiny models: what there is, loading, prompting, and what breaks."""

from __future__ import annotations

import http.client
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orac_bench.announcement import read_announcement
from orac_bench.models.catalog import CATALOG
from orac_bench.settings import read_settings
from tests.real.doors import Machine, nothing_left
from tests.service import Service, connections_to, running_service
from tests.waiting import eventually, running

pytestmark = pytest.mark.real

SIX = sorted(entry.name for entry in CATALOG)
LONG = {"prompt": "Tell me a story.", "options": {"num_predict": 4096, "seed": 7}}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path, ollama_binary: Path) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    with running_service(folder, models=tiny_models, ollama=ollama_binary) as started:
        started.ready()
        yield started


def test_the_six_models_are_listed_and_ready(service: Service) -> None:
    listed = service.get("/v1/models").json["models"]
    assert sorted(line["name"] for line in listed) == SIX
    assert {(line["fits"], line["reason"]) for line in listed} == {("yes", None)}
    assert {line["state"] for line in listed} <= {"ready", "loaded"}


@pytest.mark.parametrize("version", ["ollama_binary", "newer_ollama_binary"])
def test_a_prompt_longer_than_the_context_is_a_problem_though_an_old_ollama_answers_what_is_left_of_it(
    version: str, request: pytest.FixtureRequest, tiny_models: Path, tmp_path: Path
) -> None:
    long = {"model": "distilgpt2", "prompt": "word " * 6000, "options": {"num_predict": 4}}
    with running_service(tmp_path, models=tiny_models, ollama=request.getfixturevalue(version)) as started:
        started.ready()
        for _ in ("loaded by the prompt", "in memory"):
            refused = started.post("/v1/prompt", long)
            assert refused.status == 422
            assert "does not fit into distilgpt2's context of 1024 tokens" in refused.problem["detail"]
        last = list(started.events("POST", "/v1/prompt", {**long, "stream": True}))[-1]
        assert (last["event"], last["data"]) == ("error", refused.problem)
        assert prompted(started, "distilgpt2", num_predict=4)["output_tokens"] == 4


@pytest.mark.parametrize("model", SIX)
def test_each_model_is_loaded_prompted_and_unloaded(service: Service, model: str) -> None:
    before = loaded(service)
    first, again = (service.post(f"/v1/models/{model}/load").json for _ in range(2))
    others = [name for name in before if name != model]
    assert (first["name"], first["state"], first["evicted"]) == (model, "loaded", others)
    assert (again["state"], again["evicted"], again["elapsed_ms"] < 250) == ("loaded", [], True)
    assert loaded(service) == [model]

    answer = prompted(service, model, num_predict=8)
    assert (answer["model"], answer["load_ms"], answer["output_tokens"]) == (model, None, 8)
    assert 0 < answer["ttft_ms"] <= answer["elapsed_ms"]

    gone, still = (service.post(f"/v1/models/{model}%3Alatest/unload").json for _ in range(2))
    assert (gone["state"], gone["evicted"], still["state"], still["evicted"]) == ("ready", [model], "ready", [])
    assert loaded(service) == []

    cold = prompted(service, model, num_predict=8)
    assert cold["load_ms"] is not None  # 30 to 600 ms: Ollama mostly looks only every 250 ms whether a load is done
    assert loaded(service) == [model]


def test_a_streamed_answer_is_the_whole_one_in_pieces(service: Service) -> None:
    asked = {
        "model": "tinyllama:latest",
        "prompt": "Hello",
        "options": {"num_predict": 20, "seed": 3, "temperature": 0},
    }
    whole = service.post("/v1/prompt", asked).json
    *tokens, done = service.events("POST", "/v1/prompt", {**asked, "stream": True})
    assert {event["event"] for event in tokens} == {"token"}
    assert "".join(event["data"].get("text", "") for event in tokens) == whole["response"]
    assert (done["event"], done["data"]["response"]) == ("done", whole["response"])


def test_a_load_puts_out_what_was_loaded_and_loads_at_once_are_put_in_order(service: Service) -> None:
    service.post("/v1/models/phi-2/load")
    answers: list[Any] = []
    threads = [
        threading.Thread(target=lambda name=name: answers.append(service.post(f"/v1/models/{name}/load").json))
        for name in ("pythia-70m", "distilgpt2")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer["state"] for answer in answers] == ["loaded", "loaded"]
    assert answers[0]["evicted"] == ["phi-2"]
    assert answers[1]["evicted"] == [answers[0]["name"]]
    assert loaded(service) == [answers[1]["name"]]


@pytest.mark.parametrize("streamed", [False, True])
def test_who_goes_away_frees_ollama_for_the_next_one(service: Service, *, streamed: bool) -> None:
    prompted(service, "tinyllama", num_predict=1)
    url = announced(service)
    before = connections_to(url)
    with closing(http.client.HTTPConnection("127.0.0.1", service.port)) as connection:
        body = json.dumps({"model": "tinyllama", "stream": streamed, **LONG})
        connection.request("POST", "/v1/prompt", body=body, headers={"Content-Type": "application/json"})
        eventually(lambda: connections_to(url) > before)
    eventually(lambda: connections_to(url) == before, within_s=1.0)
    began = time.monotonic()
    prompted(service, "tinyllama", num_predict=1)
    assert time.monotonic() - began < 5  # 4096 tokens take ten times as long


def test_an_ollama_that_is_killed_in_mid_prompt_is_a_problem_and_comes_back(
    tmp_path: Path, tiny_models: Path, ollama_binary: Path
) -> None:
    with running_service(tmp_path, models=tiny_models, ollama=ollama_binary) as service:
        service.ready()
        prompted(service, "tinyllama", num_predict=1)
        address = announced(service)
        events = service.events("POST", "/v1/prompt", {"model": "tinyllama", "stream": True, **LONG})
        assert next(events)["event"] == "token"
        kill_ollama(service)
        last = list(events)[-1]
        assert (last["event"], last["data"]["status"]) == ("error", 502)
        assert prompted(service, "tinyllama", num_predict=1)["load_ms"] is not None  # it waited for the next one
        assert announced(service) == address  # on its port again


def test_an_ollama_that_is_killed_while_idle_comes_back_and_a_prompt_waits_for_it(
    tmp_path: Path, tiny_models: Path, ollama_binary: Path
) -> None:
    with running_service(tmp_path, models=tiny_models, ollama=ollama_binary) as service:
        service.ready()
        kill_ollama(service)
        eventually(lambda: "ollama serve" in service.log and "was ended by signal 9" in service.log)
        prompted(service, "tinyllama", num_predict=1)
        assert service.get("/v1/health").json["status"] == "ok"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_it_ends(tmp_path: Path, tiny_models: Path, ollama_binary: Path, number: int) -> None:
    with running_service(tmp_path, models=tiny_models, ollama=ollama_binary) as service:
        service.ready()
        prompted(service, "tinyllama", num_predict=1)
        machine = Machine(folder=tmp_path, settings={})
        assert len(machine.servers()) >= 2  # ollama serve and its runner
        assert service.end(number) == (0 if number == signal.SIGTERM else -number)
        assert nothing_left(machine)
        assert read_announcement(read_settings({**service.settings, "HOME": str(tmp_path)})) is None


def test_a_model_that_cannot_fit_is_not_tried_unless_it_is_forced(
    tmp_path: Path, tiny_models: Path, ollama_binary: Path
) -> None:
    (tmp_path / "board" / "proc").mkdir(parents=True)
    (tmp_path / "board" / "proc" / "meminfo").write_text("MemTotal: 65536 kB\nMemFree: 99 kB\nMemAvailable: 1024 kB\n")
    board = {"ORAC_SYSFS_ROOT": str(tmp_path / "board")}
    with running_service(tmp_path, models=tiny_models, ollama=ollama_binary, **board) as service:
        service.ready()
        assert {line["fits"] for line in service.get("/v1/models").json["models"]} == {"no"}
        for got in (
            service.post("/v1/models/tinyllama/load"),
            service.post("/v1/prompt", {"model": "tinyllama", "prompt": "a", "options": {"num_predict": 1}}),
        ):
            assert (got.status, got.problem["type"]) == (409, "/docs#does_not_fit")
            assert "1.00 MiB can be had" in got.problem["detail"]
        assert loaded(service) == []
        assert service.post("/v1/models/tinyllama/load?force=true").json["memory_before_b"] == 1024 * 1024
        assert prompted(service, "tinyllama", num_predict=1)["load_ms"] is None


def test_a_file_that_is_no_model_is_refused_with_the_reason(tmp_path: Path, ollama_binary: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "broken.gguf").write_bytes(b"no GGUF")
    with running_service(tmp_path, models=tmp_path / "models", ollama=ollama_binary) as service:
        (line,) = service.get("/v1/models").json["models"]
        assert (line["state"], line["fits"]) == ("refused", None)
        assert line["reason"]
        got = service.post("/v1/models/broken/load")
        assert (got.status, got.problem["title"]) == (409, "The model cannot be used")
        assert str(tmp_path) not in got.body.decode()


def prompted(service: Service, model: str, *, num_predict: int) -> dict[str, Any]:
    got = service.post("/v1/prompt", {"model": model, "prompt": "Hello", "options": {"num_predict": num_predict}})
    assert got.status == 200, got.body
    answer: dict[str, Any] = got.json
    return answer


def loaded(service: Service) -> list[str]:
    return [line["name"] for line in service.get("/v1/models").json["models"] if line["state"] == "loaded"]


def announced(service: Service) -> str:
    found = read_announcement(read_settings({**service.settings, "HOME": str(service.folder)}))
    assert found is not None
    return found.url


def kill_ollama(service: Service) -> None:
    """Kills `ollama serve` and its runners, as the kernel does where memory is short."""
    pids = Machine(folder=service.folder, settings={}).servers()
    for pid in pids:
        if b"guardian" not in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(running(pid) for pid in pids))
