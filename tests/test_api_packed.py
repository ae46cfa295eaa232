"""Answers by gzip: long ones for who takes them so, and nothing that must not wait."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator, Sequence

import pytest
from starlette.types import Message, Receive, Scope, Send

from orac_bench.api.packed import LEAST_B, Packed, takes_gzip
from tests.service import Service, running_service

GZIP = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("packed")
    (folder / "models").mkdir()
    with running_service(folder, models=folder / "models", ollama=folder / "no-ollama") as running:
        yield running


def test_a_long_answer_is_packed_for_who_takes_it_so(service: Service) -> None:
    plain, packed = service.get("/openapi.json"), service.get("/openapi.json", headers=GZIP)

    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert packed.headers["content-length"] == str(len(packed.body))
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 4
    assert "content-encoding" not in plain.headers


def test_a_short_answer_goes_out_as_it_is(service: Service) -> None:
    answer = service.get("/v1/health", headers=GZIP)

    assert len(answer.body) < LEAST_B
    assert "content-encoding" not in answer.headers
    assert answer.json["status"] == "degraded"


def test_what_is_packed_already_is_not_packed_again() -> None:
    body = gzip.compress(bytes(range(256)) * LEAST_B)

    sent = played("application/json", [body], (b"content-encoding", b"gzip"))
    assert sent[-1]["body"] == body


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        *(("gzip", True), ("br, GZIP", True), ("deflate , gzip;q=0.5", True), ("gzip;q=1.0", True)),
        *(("", False), ("br", False), ("identity", False), ("gzip;q=0", False), ("gzip; q=0.000", False)),
        ("x-gzip-like", False),
    ],
)
def test_gzip_is_taken_where_the_header_names_it_and_does_not_refuse_it(said: str, taken: bool) -> None:
    assert takes_gzip([(b"host", b"localhost"), (b"accept-encoding", said.encode())]) is taken


def test_an_event_stream_begins_at_once_and_is_never_packed() -> None:
    """Its head is out before there is an event, and each event as it was given."""
    sent = played("text/event-stream", [b"", b"data: 1\n\n" * LEAST_B, b""])

    assert [message["type"] for message in sent[:2]] == ["http.response.start", "the app goes on"]
    assert [message.get("body") for message in sent[2:]] == [b"", b"data: 1\n\n" * LEAST_B, b""]
    assert b"content-encoding" not in dict(sent[0]["headers"])


def test_json_that_comes_in_parts_is_passed_on_as_it_comes() -> None:
    parts = [b"[" + b"1," * LEAST_B, b"1]"]
    sent = [message for message in played("application/json", parts) if message["type"].startswith("http")]

    assert [message.get("body") for message in sent] == [None, *parts]
    assert b"content-encoding" not in dict(sent[0]["headers"])


def test_what_is_packed_is_the_same_each_time() -> None:
    body = json.dumps([*range(LEAST_B)]).encode()

    assert played("application/json", [body]) == played("application/json", [body])
    assert gzip.decompress(played("application/json", [body])[-1]["body"]) == body


def played(media_type: str, parts: Sequence[bytes], *more: tuple[bytes, bytes]) -> list[Message]:
    """All that goes out for an answer in these parts to a GET that takes gzip."""
    sent: list[Message] = []

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        head = [(b"content-type", media_type.encode()), (b"content-length", b"%d" % sum(map(len, parts))), *more]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        sent.append({"type": "the app goes on"})
        for part in parts[:-1]:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": parts[-1], "more_body": False})

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "headers": [(b"accept-encoding", b"gzip")]}
    asyncio.run(Packed(app)(scope, receive, send))
    return sent
