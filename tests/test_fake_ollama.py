"""The fake Ollama is a real server: these tests hold it to what the others rely on, with the standard library only."""

from __future__ import annotations

import http.client
import json
import time
from urllib.parse import urlsplit

import pytest

from tests.fakes.fake_ollama import (
    End,
    FakeOllama,
    Reply,
    answer,
    cut_over_writes,
    error_reply,
    final,
    html_reply,
    in_one_write,
    json_reply,
    pieces,
    repeated_without_end,
    runner_died,
    stream,
)
from tests.fakes.recording import VERSIONS, recorded

GENERATE = "POST /api/generate"


def test_replies_come_in_the_order_of_the_script_and_the_last_one_is_repeated() -> None:
    with FakeOllama({"GET /api/ps": [json_reply({"models": [1]}), json_reply({"models": []})]}) as fake:
        assert [get(fake, "/api/ps") for _ in range(3)] == [
            (200, {"models": [1]}),
            (200, {"models": []}),
            (200, {"models": []}),
        ]


def test_every_request_is_noted_with_method_path_headers_and_json() -> None:
    with FakeOllama({GENERATE: [stream(answer(["a"]))]}) as fake:
        ask(fake, {"model": "tiny-llama", "prompt": "ä"})

    (request,) = fake.requests
    assert (request.method, request.path) == ("POST", "/api/generate")
    assert request.headers["content-type"] == "application/json"
    assert fake.asked(GENERATE) == [{"model": "tiny-llama", "prompt": "ä"}]


def test_a_route_that_is_not_scripted_is_not_found() -> None:
    with FakeOllama({}) as fake, connected(fake) as connection:
        connection.request("GET", "/api/version")
        response = connection.getresponse()
        assert (response.status, response.read()) == (404, b"404 page not found")


def test_one_connection_carries_many_requests_until_a_reply_closes_it() -> None:
    closing = Reply(pieces=((0.0, b"{}"),), end=End.CLOSE)
    with FakeOllama({"GET /a": [json_reply({}), closing]}) as fake, connected(fake) as connection:
        for _ in range(2):
            connection.request("GET", "/a")
            assert connection.getresponse().read() == b"{}"
        assert connection.sock is not None
        assert connection.sock.recv(1) == b""  # closed by the fake, without a word


def test_a_stream_has_a_record_a_line_and_ends_with_the_final_record() -> None:
    with FakeOllama({GENERATE: [stream(answer(["Hel", "lo"], thinking=["hm"]))]}) as fake:
        records = ask(fake, {})

    assert [record.get("thinking") for record in records] == ["hm", None, None, None]
    assert [record["response"] for record in records] == ["", "Hel", "lo", ""]
    assert [record["done"] for record in records] == [False, False, False, True]
    assert records[-1]["eval_count"] == 3


def test_lines_keep_their_distance_in_time() -> None:
    with FakeOllama({GENERATE: [stream(answer(["a", "b"]), first_s=0.05, every_s=0.03)]}) as fake:
        before = time.monotonic()
        ask(fake, {})
        assert time.monotonic() - before >= 0.05 + 2 * 0.03  # first line, second line, final record


@pytest.mark.parametrize("reply", [in_one_write(answer(["ä€", "b"])), cut_over_writes(answer(["ä€", "b"]))])
def test_how_the_bytes_are_cut_does_not_change_the_records(reply: Reply) -> None:
    with FakeOllama({GENERATE: [reply]}) as fake:
        assert [record["response"] for record in ask(fake, {})] == ["ä€", "b", ""]


def test_in_one_write_is_one_http_chunk_and_cut_is_many() -> None:
    records = answer(["a", "b"])
    size = sum(len(data) for _, data in in_one_write(records).pieces)
    assert len(in_one_write(records).pieces) == 1
    assert [len(data) for _, data in cut_over_writes(records, every_b=10).pieces[:-1]] == [10] * ((size - 1) // 10)


def test_a_cut_connection_is_an_incomplete_read() -> None:
    reply = stream(answer(["a", "b"]), end=End.CUT)
    with FakeOllama({GENERATE: [reply]}) as fake, pytest.raises(http.client.IncompleteRead):
        ask(fake, {})


def test_a_hanging_reply_sends_its_pieces_and_then_nothing_and_closing_ends_it() -> None:
    with FakeOllama({GENERATE: [pieces([(0.0, b'{"response":"a"}\n')], End.HANG)]}) as fake:
        connection = connected(fake)
        connection.timeout = 0.2
        connection.request("POST", "/api/generate", "{}")
        response = connection.getresponse()
        assert response.readline() == b'{"response":"a"}\n'
        with pytest.raises(TimeoutError):
            response.readline()
        response.close()
        connection.close()


def test_errors_come_as_ollama_says_them_and_html_as_a_stranger_does() -> None:
    busy = "server busy, please try again.  maximum pending requests exceeded"
    routes = {"GET /busy": [error_reply(503, busy)], "GET /html": [html_reply(status=502)]}
    with FakeOllama(routes) as fake, connected(fake) as connection:
        assert get(fake, "/busy") == (503, {"error": busy})
        connection.request("GET", "/html")
        response = connection.getresponse()
        assert (response.status, response.headers["Content-Type"]) == (502, "text/html")
        assert response.read().startswith(b"<!DOCTYPE html>")


def test_the_broken_streams_have_no_final_record() -> None:
    assert [record["response"] for record in repeated_without_end()] == [" a"] * 31
    assert [record.get("done") for record in repeated_without_end()] == [False] * 31
    assert [record.get("error") for record in runner_died(["a"])] == [
        None,
        "an error was encountered while running the model: unexpected EOF",
    ]


def test_a_field_of_the_final_record_can_be_left_out() -> None:
    assert "eval_duration" in final()
    assert "eval_duration" not in final(eval_duration=None)


@pytest.mark.parametrize("version", VERSIONS)
def test_recorded_answers_are_played_as_they_were(version: str) -> None:
    with FakeOllama({"GET /api/version": [recorded(version)["version"]]}) as fake:
        assert get(fake, "/api/version") == (200, {"version": version})


def test_the_recorded_stream_of_0_6_0_left_out_durations_of_less_than_a_millisecond() -> None:
    with FakeOllama({GENERATE: [recorded("0.6.0")["stream"]]}) as fake:
        last = ask(fake, {})[-1]
    assert (last["done"], last["eval_count"], "eval_duration" in last) == (True, 6, False)


def connected(fake: FakeOllama) -> _Connection:
    address = urlsplit(fake.url)
    return _Connection(str(address.hostname), address.port, timeout=5)


class _Connection(http.client.HTTPConnection):
    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def get(fake: FakeOllama, path: str) -> tuple[int, object]:
    with connected(fake) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


def ask(fake: FakeOllama, payload: object) -> list[dict[str, object]]:
    with connected(fake) as connection:
        connection.request("POST", "/api/generate", json.dumps(payload), {"Content-Type": "application/json"})
        return [json.loads(line) for line in connection.getresponse().read().splitlines()]
