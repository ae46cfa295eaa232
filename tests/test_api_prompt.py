"""Prompts and models over a real port, against an Ollama of known answers and faults."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from orac_bench.lock import measuring_alone
from tests.fakes.fake_ollama import (
    End,
    FakeOllama,
    Reply,
    answer,
    error_reply,
    final,
    json_reply,
    pieces,
    repeated_without_end,
    runner_died,
    stream,
)
from tests.service import Service, connections_to, running_service
from tests.waiting import eventually

TINY = {"name": "tiny:latest", "digest": "a" * 64, "size": 1000, "details": {"family": "llama"}}
LOADED = json_reply({"models": [{"name": "tiny:latest", "size": 1000, "size_vram": 0}]})
OTHER = json_reply({"models": [{"name": "old:latest", "size": 1000, "size_vram": 0}]})
EMPTY = json_reply({"models": []})
USUAL = {
    "GET /api/version": [json_reply({"version": "0.11.4"})],
    "GET /api/tags": [json_reply({"models": [TINY, {**TINY, "name": "old:latest", "digest": "b" * 64}]})],
    "GET /api/ps": [LOADED],
    "POST /api/show": [json_reply({"model_info": {"llama.context_length": 512}})],
    "POST /api/generate": [stream(answer(["a", "b"]))],
}
ASKED = {"model": "tiny", "prompt": "Why?"}


def test_an_answer_is_parted_and_timed_by_the_client_s_clock(service: Service, fake: FakeOllama) -> None:
    end = final(done_reason="stop", eval_count=5, eval_duration=400_000_000, load_duration=2_000_000)
    told = stream(answer([" It", " is."], thinking=["Hm", "."], end=end), first_s=0.1, every_s=0.05)
    fake.play({"POST /api/generate": [told]})
    got = service.post("/v1/prompt", {**ASKED, "options": {"num_predict": 7, "seed": 3, "stop": ["x"]}}).json
    assert got.pop("elapsed_ms") == pytest.approx(300, abs=90)  # 100 + 4 x 50
    assert got.pop("ttft_ms") == pytest.approx(100, abs=60)
    assert got == {
        "model": "tiny",
        "response": " It is.",
        "thinking": "Hm.",
        "load_ms": None,
        "output_tokens": 5,
        "tokens_per_s": pytest.approx((5 - 1) / 0.4),
        "done_reason": "stop",
    }
    assert fake.asked("POST /api/generate") == [
        {
            "model": "tiny:latest",
            "prompt": "Why?",
            "options": {"num_predict": 7, "seed": 3, "stop": ["x"]},
            "truncate": False,
            "stream": True,
        }
    ]


def test_the_output_s_limit_is_its_default(tmp_path: Path) -> None:
    with serving(tmp_path, ORAC_OUTPUT_LIMIT_TOKENS="99") as (service, fake):
        service.post("/v1/prompt", ASKED)
        assert [sent["options"] for sent in fake.asked("POST /api/generate")] == [{"num_predict": 99}]
        refused = service.post("/v1/prompt", {**ASKED, "options": {"num_predict": 100}}).problem
    assert (refused["detail"], refused["next"]) == (
        "options.num_predict is 100; at most 99 are allowed.",
        "Ask for less, or raise ORAC_OUTPUT_LIMIT_TOKENS.",
    )


def test_a_prompt_that_is_too_long_says_what_to_do(tmp_path: Path) -> None:
    with serving(tmp_path, ORAC_PROMPT_LIMIT_B="3") as (service, _):
        refused = service.post("/v1/prompt", ASKED).problem
    assert (refused["detail"], refused["next"]) == (
        "The prompt has 4 bytes; at most 3 are allowed.",
        "Shorten it, or raise ORAC_PROMPT_LIMIT_B.",
    )


IN_512, IN_64 = ({"models": [{"name": "tiny:latest", "context_length": context}]} for context in (512, 64))


@pytest.mark.parametrize(
    ("listed", "reply", "context"),
    [
        ([IN_512], stream(answer(["a"], end=final(prompt_eval_count=512))), 512),  # what it was made for
        ([IN_64], stream(answer(["a"], end=final(prompt_eval_count=64))), 64),  # loaded with less
        ([{"models": []}, IN_64], stream(answer(["a"], end=final(prompt_eval_count=64))), 64),  # loaded by the prompt
        ([IN_64], error_reply(400, "the input length exceeds the context length"), 64),  # a newer Ollama refuses it
    ],
)
def test_a_prompt_that_exceeds_the_context_is_a_problem_and_no_answer_to_what_was_left_of_it(
    service: Service, fake: FakeOllama, listed: list[dict[str, object]], reply: Reply, context: int
) -> None:
    def play() -> None:
        fake.play({"POST /api/generate": [reply], "GET /api/ps": [json_reply(models) for models in listed]})

    play()
    whole = service.post("/v1/prompt", ASKED).problem
    play()
    events = list(service.events("POST", "/v1/prompt", {**ASKED, "stream": True}))
    assert (whole["type"], whole["status"], whole["detail"]) == (
        "/docs#usage",
        422,
        f"The prompt does not fit into tiny's context of {context} tokens; Ollama cuts or refuses it.",
    )
    assert whole["next"] == "Shorten it, or name a model with a longer context; GET /v1/models lists them."
    assert (events[-1]["event"], events[-1]["data"]) == ("error", whole)


def test_a_prompt_that_fills_all_but_one_token_of_the_context_is_answered(service: Service, fake: FakeOllama) -> None:
    fake.play({"POST /api/generate": [stream(answer(["a"], end=final(prompt_eval_count=511)))]})
    assert service.post("/v1/prompt", ASKED).json["response"] == "a"


def test_a_streamed_answer_comes_as_it_is_written_and_then_whole(service: Service, fake: FakeOllama) -> None:
    fake.play({"POST /api/generate": [stream(answer([" It", " is."], thinking=["Hm"]), every_s=0.2)]})
    seen = [(time.monotonic(), event) for event in service.events("POST", "/v1/prompt", {**ASKED, "stream": True})]
    assert [event["data"] for _, event in seen[:3]] == [{"thinking": "Hm"}, {"text": " It"}, {"text": " is."}]
    assert [event["event"] for _, event in seen] == ["token", "token", "token", "done"]
    assert (seen[3][1]["data"]["response"], seen[3][1]["data"]["thinking"]) == (" It is.", "Hm")
    assert seen[2][0] - seen[0][0] > 0.3  # they were not kept back


@pytest.mark.parametrize(
    ("reply", "status", "detail"),
    [
        (error_reply(500, "unable to load model: /srv/blobs/sha256-abc"), 502, "unable to load model: …"),
        (stream(runner_died(["a"])), 502, "error was encountered while running"),
        (stream(answer(["a"]), end=End.CUT), 200, None),  # the final record had arrived
        (stream(answer(["a"])[:-1], end=End.CUT), 502, "closed the connection"),
        (stream(repeated_without_end()), 502, "the model repeats itself"),
        (stream(answer(["a"])[:-1], end=End.HANG), 504, "sent nothing for 1 s"),
    ],
)
def test_an_ollama_that_breaks_off_is_a_problem_whole_and_streamed(
    service: Service, fake: FakeOllama, reply: Reply, status: int, detail: str | None
) -> None:
    fake.play({"POST /api/generate": [reply]})
    whole = service.post("/v1/prompt", ASKED)
    events = list(service.events("POST", "/v1/prompt", {**ASKED, "stream": True}))
    assert whole.status == status
    if detail is None:
        assert events[-1]["event"] == "done"
    else:
        assert detail in whole.problem["detail"]
        assert (events[-1]["event"], events[-1]["data"]) == ("error", whole.problem)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("reply", [pieces([(60.0, b"late")]), stream(answer(["a"] * 600), every_s=0.1)])
def test_who_goes_away_ends_the_generation_within_a_second(tmp_path: Path, *, streamed: bool, reply: Reply) -> None:
    with serving(tmp_path) as (service, fake):
        fake.play({"POST /api/generate": [reply]})
        before = connections_to(fake.url)
        with closing(http.client.HTTPConnection("127.0.0.1", service.port)) as connection:
            body = json.dumps({**ASKED, "stream": streamed})
            connection.request("POST", "/v1/prompt", body=body, headers={"Content-Type": "application/json"})
            eventually(lambda: fake.asked("POST /api/generate") and connections_to(fake.url) > before)
        eventually(lambda: connections_to(fake.url) == before, within_s=1.0)
        with measuring_alone(service.home / "measure.lock", what="a test", waiting=None):
            pass  # the visit is over as well


def test_while_somebody_measures_nothing_else_is_done_and_the_problem_says_for_how_long(
    service: Service, fake: FakeOllama
) -> None:
    with measuring_alone(service.home / "measure.lock", what="a run", waiting=None) as turn:
        turn.tell(run="20261122-120000-abcd", cases_done=1, cases=4, likely_over=None)
        calls = [
            service.post("/v1/prompt", ASKED),
            service.post("/v1/prompt", {**ASKED, "stream": True}),
            service.post("/v1/models/tiny/load"),
            service.post("/v1/models/tiny/unload"),
        ]
        assert service.get("/v1/health").json["measuring"] == "20261122-120000-abcd"
        asked = len(fake.requests)
        for _ in range(5):
            assert service.get("/v1/models").status == 200
        assert len(fake.requests) - asked <= 1  # not asked again and again
    assert {call.status for call in calls} == {409}
    assert calls[0].problem | {"detail": ""} == {
        "type": "/docs#busy",
        "title": "The machine is measuring",
        "status": 409,
        "detail": "",
        "next": "Wait for it, or cancel that run.",
        "run": "20261122-120000-abcd",
        "progress": {"cases_done": 1, "cases": 4},
        "likely_over": None,
    }
    assert fake.asked("POST /api/generate") == []
    assert service.post("/v1/prompt", ASKED).status == 200


def test_a_ninth_caller_is_told_to_come_back(tmp_path: Path) -> None:
    with serving(tmp_path) as (service, fake), closing_all(8) as connections:
        fake.play({"POST /api/generate": [pieces([(60.0, b"late")])]})
        for connection in connections:
            send(connection, service)
        eventually(lambda: len(fake.asked("POST /api/generate")) == 8)
        got = service.post("/v1/prompt", ASKED)
        assert (got.status, got.problem["title"], got.headers["retry-after"]) == (503, "Too many callers", "5")
        began = time.monotonic()
        assert service.get("/v1/health").status == 200
        assert time.monotonic() - began < 1


def test_a_load_waits_until_it_is_true_and_says_what_was_given_up(service: Service, fake: FakeOllama) -> None:
    routes = {
        "GET /api/ps": [OTHER, LOADED],
        "POST /api/generate": [stream([final(done_reason="load")])],
    }
    fake.play(routes)
    first, again = service.post("/v1/models/tiny/load").json, service.post("/v1/models/tiny%3Alatest/load").json
    assert (first["state"], first["evicted"], again["state"], again["evicted"]) == ("loaded", ["old"], "loaded", [])
    assert fake.asked("POST /api/generate") == [{"model": "tiny:latest", "keep_alive": -1, "stream": True}]
    assert {line["name"]: line["state"] for line in service.get("/v1/models").json["models"]} == {
        "tiny": "loaded",
        "old": "ready",
    }


def test_a_load_that_ollama_says_and_does_not_do_is_a_problem(service: Service, fake: FakeOllama) -> None:
    routes = {"GET /api/ps": [EMPTY], "POST /api/generate": [stream([final(done_reason="load")])]}
    fake.play(routes)
    got = service.post("/v1/models/tiny/load")
    assert got.problem["detail"] == "Ollama said that tiny is loaded, and does not list it so."


def test_loads_come_one_after_the_other(service: Service, fake: FakeOllama) -> None:
    routes = {
        "GET /api/ps": [EMPTY],  # whoever asks, as the service itself does at times
        "POST /api/generate": [stream([final(done_reason="load")], first_s=2.0)],
    }
    fake.play(routes)
    threads = [threading.Thread(target=service.post, args=("/v1/models/tiny/load",)) for _ in range(3)]
    for thread in threads:
        thread.start()
    eventually(lambda: fake.asked("POST /api/generate"))
    assert len(fake.asked("POST /api/generate")) == 1
    fake.play({"GET /api/ps": [LOADED]})
    assert service.get("/v1/models").json["models"][0]["state"] == "loading"
    for thread in threads:
        thread.join()
    assert fake.asked("POST /api/generate") == []  # the others found it loaded


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, FakeOllama]]:
    with serving(tmp_path_factory.mktemp("service"), ORAC_IDLE_TIMEOUT_S="1") as served:
        yield served


@pytest.fixture
def service(stage: tuple[Service, FakeOllama]) -> Service:
    return stage[0]


@pytest.fixture
def fake(stage: tuple[Service, FakeOllama]) -> FakeOllama:
    stage[1].play(USUAL)
    return stage[1]


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[tuple[Service, FakeOllama]]:
    """A service beside an Ollama that has the model `tiny` in memory and answers "ab"."""
    with FakeOllama(USUAL) as fake:
        with running_service(folder, ORAC_OLLAMA_URL=fake.url, **settings) as service:
            service.ready()
            yield service, fake


@contextmanager
def closing_all(count: int) -> Iterator[list[socket.socket]]:
    connections = [socket.socket() for _ in range(count)]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


def send(connection: socket.socket, service: Service) -> None:
    body = json.dumps(ASKED).encode()
    connection.connect(("127.0.0.1", service.port))
    head = b"POST /v1/prompt HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
