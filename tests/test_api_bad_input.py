"""What bad input gets from the real service on a real port: a problem with the right status, and nobody else waits."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.fake_ollama import FakeOllama, answer, json_reply, stream
from tests.service import Service, running_service
from tests.waiting import eventually

MODEL = {"name": "tiny:latest", "digest": "a" * 64, "size": 1000, "details": {"family": "llama"}}
ROUTES = {
    "GET /api/version": [json_reply({"version": "0.11.4"})],
    "GET /api/tags": [json_reply({"models": [MODEL]})],
    "GET /api/ps": [json_reply({"models": [{"name": "tiny:latest", "size": 1000, "size_vram": 0}]})],
    "POST /api/show": [json_reply({"model_info": {"llama.context_length": 512}})],
    "POST /api/generate": [stream(answer(["a", "b"]))],
}
LIMIT_B = 2**20 + 64 * 1024


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with FakeOllama(ROUTES) as fake:
        folder = tmp_path_factory.mktemp("service")
        with running_service(folder, ORAC_OLLAMA_URL=fake.url, ORAC_HOST="0.0.0.0") as running:
            running.ready()
            yield running


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/models/", 404),
        ("DELETE", "/v1/models", 405),
        ("GET", "/v1/prompt", 405),
        ("BREW", "/v1/health", 405),
        ("POST", "/v1/models/nope/load", 404),
        ("POST", "/v1/models/../../etc/passwd/load", 404),
        ("POST", "/v1/models/%2e%2e%2f%2e%2e%2fetc%2fpasswd/load", 404),
        ("POST", "/v1/models/a%00b/load", 404),
        ("POST", "/v1/models/%ff%fe/load", 404),
        ("POST", "/v1/models/tiny%0aERROR%20forged/unload", 404),
        ("POST", f"/v1/models/{'x' * 401}/load", 422),
        ("POST", "/v1/models/tiny/load?force=perhaps", 422),
        ("GET", "/v1/runs/..%2f..%2fetc%2fpasswd/telemetry", 404),
        ("GET", "/v1/runs/%00/telemetry", 404),
        ("GET", "/v1/runs/latest/telemetry", 404),
        ("GET", "/v1/export", 422),
        ("GET", "/v1/export?run=latest", 404),
        ("GET", "/docs/../v1/health", 404),
    ],
)
def test_wrong_addresses_and_names_are_problems(service: Service, method: str, path: str, status: int) -> None:
    got = service.call(method, path)
    assert got.status == status
    assert got.problem["detail"]


LONG_NUMBER = 400 if hasattr(sys, "set_int_max_str_digits") else 422
"""A number that is too long to be read at all, or, before Python 3.10.7, to be a prompt."""


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 400),
        (b"null", 422),
        (b"[]", 422),
        (b'"text"', 422),
        (b"\xff\xfe\x00", 400),
        (b'{"model": "tiny", "prompt": "\xff"}', 400),
        (b"[" * 100_000, 400),
        (b'{"a":' * 100_000, 400),
        (b'{"model": "tiny", "prompt": ' + b"9" * 10_000 + b"}", LONG_NUMBER),
        (b'{"model": "tiny", "prompt": "\\ud800"}', 422),
        (b'{"model": "tiny"}', 422),
        (b'{"model": "tiny", "prompt": ""}', 422),
        (b'{"model": "tiny", "prompt": 7}', 422),
        (b'{"model": "tiny", "prompt": "a", "stream": "yes"}', 422),
        (b'{"model": "tiny", "prompt": "a", "raw": true}', 422),
        (b'{"model": "tiny", "prompt": "a", "options": {"num_ctx": 9}}', 422),
        (b'{"model": "tiny", "prompt": "a", "options": {"num_predict": 0}}', 422),
        (b'{"model": "tiny", "prompt": "a", "options": {"num_predict": "5"}}', 422),
        (b'{"model": "tiny", "prompt": "a", "options": {"num_predict": 4097}}', 422),
        (b'{"model": "tiny", "prompt": "a", "options": {"temperature": NaN}}', 422),
        (b'{"model": "tiny", "prompt": "a", "options": {"temperature": 1e999}}', 422),
        (b'{"model": "tiny", "prompt": "a", "options": {"stop": []}}', 422),
        (b'{"model": "nope", "prompt": "a"}', 404),
        (b'{"model": "http://evil.example/x", "prompt": "a"}', 404),
        (json.dumps({"model": "tiny", "prompt": "a" * (2**20 + 1)}).encode(), 422),
    ],
    ids=lambda value: value[:40].decode("ascii", "replace") if isinstance(value, bytes) else str(value),
)
def test_wrong_bodies_are_problems(service: Service, body: bytes, status: int) -> None:
    got = service.post("/v1/prompt", body)
    assert (got.status, got.problem["status"]) == (status, status)


def test_the_longest_prompt_is_taken(service: Service) -> None:
    assert service.post("/v1/prompt", {"model": "tiny", "prompt": "a" * 2**20}).status == 200


def test_a_wrong_field_is_named_and_what_was_sent_is_not_repeated(service: Service) -> None:
    got = service.post("/v1/prompt", {"model": "tiny", "prompt": ["<script>"], "colour": "red"})
    assert got.problem["errors"] == [
        {"where": "body.prompt", "what": "Input should be a valid string"},
        {"where": "body.colour", "what": "Extra inputs are not permitted"},
    ]


def test_near_names_are_told(service: Service) -> None:
    told = service.post("/v1/models/tinny/load").problem
    assert told["detail"] == "the Ollama at ORAC_OLLAMA_URL has no model 'tinny'. Near names: tiny."


def test_a_body_that_is_too_long_is_refused_by_its_length_alone(service: Service) -> None:
    head = (
        b"POST /v1/prompt HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    )
    began = time.monotonic()
    said = service.said(head % 10**9)
    assert said.startswith(b"HTTP/1.1 413 ")
    assert time.monotonic() - began < 5


def test_a_whole_body_that_is_too_long_is_answered_all_the_same(service: Service) -> None:
    got = service.post("/v1/prompt", b" " * 40_000_000)
    assert (got.status, got.problem["title"]) == (413, "Content Too Large")


def test_chunks_without_end_are_refused_at_the_limit(service: Service) -> None:
    head = b"POST /v1/prompt HTTP/1.1\r\nHost: a.local\r\nContent-Type: application/json\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    said = service.said(head + chunk * (LIMIT_B // 65_536 + 2))
    assert said.startswith(b"HTTP/1.1 413 ")


def test_a_name_of_ten_megabytes_is_refused(service: Service) -> None:
    said = service.said(b"POST /v1/models/" + b"x" * 10_000_000 + b"/load HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in said


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a browser that tries TLS
        b"GET /v1/health\r\n\r\n",
        b"GET /v1/health HTTP/1.1\r\n\r\n",  # no Host
        b"GET /v1/health HTTP/1.1\r\nHost: a.local\r\nHost: b.local\r\n\r\n",
        b"GET /v1/health\xff HTTP/1.1\r\nHost: a.local\r\n\r\n",
        b"GET /v1/health HTTP/1.1\r\nHost: a.local\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
        b"POST /v1/prompt HTTP/1.1\r\nHost: a.local\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/prompt HTTP/1.1\r\nHost: a.local\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /v1/prompt HTTP/1.1\r\nHost: a.local\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_no_http_is_told_so_with_safe_headers(service: Service, data: bytes) -> None:
    said = service.said(data, within_s=5)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b"Content-Security-Policy: default-src 'none'" in said


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:8000"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "192.168.1.7"}, 200),
        ({"Host": "[2001:db8::1]:18000"}, 200),
        ({"Host": "orin.local:80", "Origin": "http://orin.local"}, 200),
        ({"Host": socket.gethostname()}, 200),
    ],
)
def test_foreign_hosts_and_origins_are_refused_and_the_machine_s_own_are_not(
    service: Service, headers: dict[str, str], status: int
) -> None:
    assert service.get("/v1/models", headers=headers).status == status
    assert service.post("/v1/models/tiny/load", headers=headers).status == status


def test_every_answer_has_safe_headers(service: Service) -> None:
    for got in (service.get("/v1/health"), service.get("/nowhere"), service.get("/docs"), service.get("/metrics")):
        assert got.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["referrer-policy"] == "no-referrer"
        assert "server" not in got.headers
    assert service.get("/v1/health").headers["cache-control"] == "no-store"


def test_a_form_is_no_json(service: Service) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    got = service.post("/v1/prompt", b"model=tiny&prompt=a", headers=headers)
    assert (got.status, got.problem["next"]) == (415, "Send the header `Content-Type: application/json`.")


def test_slow_headers_and_bodies_are_closed_and_cost_nobody_else_anything(service: Service) -> None:
    slow = [socket.create_connection(("127.0.0.1", service.port), timeout=30) for _ in range(50)]
    began = time.monotonic()
    try:
        for connection in slow:
            connection.sendall(b"POST /v1/prompt HTTP/1.1\r\nHost: localhost\r\nX: ")
        slow[0].sendall(b"a\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
        assert service.get("/v1/health").status == 200
        assert time.monotonic() - began < 2
        assert eventually(lambda: _answered(slow[0], drip=b" "), within_s=20).startswith(b"HTTP/1.1 408 ")
        assert eventually(lambda: _answered(slow[1], drip=b"a"), within_s=20).startswith(b"HTTP/1.1 408 ")
        assert 9 < time.monotonic() - began < 20
    finally:
        for connection in slow:
            connection.close()


def test_nothing_of_a_caller_begins_a_line_of_the_log(service: Service) -> None:
    service.post("/v1/models/tiny%0d%0a2026-11-22T12:00:00Z%20ERROR%20forged%1b[31m/load")
    service.call("DELETE", "/v1/a%0aERROR%20forged?b=%0aERROR%20forged", headers={"X-A": "b\t c"})
    service.post("/v1/prompt", {"model": "a\nERROR forged", "prompt": "a"})
    assert eventually(lambda: "forged" in service.log)
    lines = service.log.splitlines()
    assert [line for line in lines if not line.startswith("20") and not line.startswith("  | ")] == []
    assert [line for line in lines if " ERROR forged" in line or "\x1b" in line] == []


def test_no_problem_names_a_path_or_an_address(service: Service, tmp_path: Path) -> None:
    said = b"".join(
        service.call(method, path, body).body
        for method, path, body in (
            ("POST", "/v1/models/nope/load", None),
            ("GET", "/v1/runs/nope/telemetry", None),
            ("POST", "/v1/prompt", {"model": "nope", "prompt": "a"}),
            ("GET", "/v1/export?run=latest", None),
        )
    )
    assert [part for part in (str(tmp_path.parent.parent), "orac.db", "127.0.0.1") if part.encode() in said] == []


def _answered(connection: socket.socket, *, drip: bytes) -> bytes:
    """Sends a little more; what has come back, nothing where nothing has."""
    connection.settimeout(0.2)
    try:
        connection.sendall(drip)
        return connection.recv(4096)
    except TimeoutError:
        return b""
