"""A real HTTP server on loopback that plays Ollama from a script, faults included, and notes what it was asked.

    with FakeOllama({"POST /api/generate": [stream(answer(["a", "b"]))]}) as fake:
        ...                     # talk to fake.url
    assert [request.path for request in fake.requests] == ["/api/generate"]

Each route has its replies in order; the last one is repeated. A route that is not scripted is Ollama's own 404. With a
script for LOAD, loads and unloads are answered by that, and are no requests of POST /api/generate.
Recorded answers of real servers come from `recording.py`.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Record = Mapping[str, Any]

GENERATE = "POST /api/generate"
LOAD = "LOAD"
"""The route of a generate without a prompt, where it has a script of its own."""

NDJSON = "application/x-ndjson"
JSON = "application/json; charset=utf-8"


class End(Enum):
    """What follows the last piece of a reply."""

    DONE = "done"  # the answer is complete, the connection stays open
    CLOSE = "close"  # the answer is complete, then the connection is closed without a word
    CUT = "cut"  # the connection is cut before the answer is complete
    HANG = "hang"  # nothing more comes until the fake is closed


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer. `pieces` are (delay_s, bytes): each is one write to the socket, `delay_s` after the one before.

    A chunked reply sends each piece as one HTTP chunk; otherwise Content-Length is the length of them all.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: tuple[tuple[float, bytes], ...] = ()
    chunked: bool = False
    end: End = End.DONE


@dataclass(frozen=True, kw_only=True)
class Request:
    """What the fake was asked. `json` is None where there was no body, or none that is JSON."""

    method: str
    path: str
    headers: Mapping[str, str]
    json: Any


class FakeOllama:
    """The server. It listens from `with` on; `requests` holds what arrived, in order, also afterwards."""

    def __init__(self, routes: Mapping[str, Sequence[Reply]]) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        """How many connections were made to it."""
        self._scripts = {route: list(replies) for route, replies in routes.items()}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens: "http://127.0.0.1:PORT"."""
        assert self._server is not None, "FakeOllama listens only inside `with`"
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> FakeOllama:
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), name="fake-ollama")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        assert self._thread is not None
        self._ended.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()

    def asked(self, route: str) -> list[Any]:
        """The JSON bodies that came to `route` ("POST /api/generate"), in order."""
        return [request.json for request in self.requests if self._route(request) == route]

    def play(self, routes: Mapping[str, Sequence[Reply]]) -> None:
        """Gives these routes new replies, from the first on, and forgets what was asked so far."""
        with self._lock:
            self._scripts |= {route: list(replies) for route, replies in routes.items()}
            self.requests.clear()

    def answer_to(self, request: Request) -> Reply:
        """The next reply of the route, noting the request."""
        with self._lock:
            self.requests.append(request)
            script = self._scripts.get(self._route(request))
            if not script:
                return text_reply("404 page not found", status=404)
            return script.pop(0) if len(script) > 1 else script[0]

    def _route(self, request: Request) -> str:
        """What its script is kept under. A generate without a prompt loads or unloads: LOAD, if that has a script."""
        route = f"{request.method} {request.path}"
        return LOAD if LOAD in self._scripts and route == GENERATE and "prompt" not in request.json else route

    def waited(self, seconds: float | None) -> bool:
        """Waits `seconds` (None: for ever). False where the fake was closed meanwhile."""
        return not self._ended.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64

    def __init__(self, fake: FakeOllama) -> None:
        self.fake = fake
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        self.fake.connections += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self._open):
            _shut(connection)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def handle(self) -> None:
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client went away: its right

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815  http.server's names

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: tests read `requests`."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            document = json.loads(body) if body else None
        except ValueError:
            document = None
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(method=self.command, path=self.path, headers=headers, json=document)
        self._play(self.server.fake.answer_to(request))

    def _play(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(sum(len(data) for _, data in reply.pieces)))
        self.end_headers()
        for delay_s, data in reply.pieces:
            if delay_s and not self.server.fake.waited(delay_s):
                return
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data) if reply.chunked else data)
        if reply.end is End.HANG:
            self.server.fake.waited(None)
        if reply.end in (End.DONE, End.CLOSE) and reply.chunked:
            self.wfile.write(b"0\r\n\r\n")
        if reply.end is not End.DONE:
            self.close_connection = True
            _shut(self.connection)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the other side was quicker


# Replies, from the plain to the broken.


def json_reply(document: object, *, status: int = 200) -> Reply:
    """One JSON document, as Ollama answers everything that is not streamed."""
    return Reply(status=status, headers={"Content-Type": JSON}, pieces=((0.0, json.dumps(document).encode()),))


def error_reply(status: int, message: str) -> Reply:
    """Ollama's way to refuse: a status of 400 or more and {"error": message}."""
    return json_reply({"error": message}, status=status)


def text_reply(text: str, *, status: int = 200, content_type: str = "text/plain; charset=utf-8") -> Reply:
    """What something that is not Ollama's API answers: HTML of a proxy, a plain 404."""
    return Reply(status=status, headers={"Content-Type": content_type}, pieces=((0.0, text.encode()),))


def html_reply(*, status: int = 200) -> Reply:
    """A page of some other server at that address."""
    page = "<!DOCTYPE html><html><body><h1>It works!</h1></body></html>"
    return text_reply(page, status=status, content_type="text/html")


def final(**changes: Any) -> dict[str, Any]:
    """A final record of a plain answer. `changes` replaces fields; a value of None leaves the field out.

    As 0.6.0 says it: final(prompt_eval_duration=None, eval_duration=3_000_000), absent or in whole milliseconds.
    """
    record: dict[str, Any] = {
        "model": "tiny-llama",
        "created_at": "2026-11-22T14:10:02.929733392Z",
        "response": "",
        "done": True,
        "done_reason": "length",
        "total_duration": 292_939_474,
        "load_duration": 8_022_204,
        "prompt_eval_count": 4,
        "prompt_eval_duration": 1_118_448,
        "eval_count": 6,
        "eval_duration": 5_543_684,
    }
    record.update(changes)
    return {key: value for key, value in record.items() if value is not None}


def answer(
    texts: Iterable[str], *, thinking: Iterable[str] = (), end: Record | None = None, model: str = "tiny-llama"
) -> list[Record]:
    """The records of a streamed answer: thinking first, then texts, then the final record.

    `end` replaces the final record; without it `eval_count` is the number of chunks, one token in each.
    """
    about = {"model": model, "created_at": "2026-11-22T14:10:02.928632447Z"}
    records: list[Record] = [{**about, "response": "", "thinking": text, "done": False} for text in thinking]
    records += [{**about, "response": text, "done": False} for text in texts]
    return [*records, final(model=model, eval_count=len(records)) if end is None else end]


def repeated_without_end(text: str = " a", *, times: int = 31) -> list[Record]:
    """The silent abort: equal chunks, then nothing, and no final record."""
    return answer([text] * times)[:-1]


def runner_died(texts: Iterable[str]) -> list[Record]:
    """A runner that dies in mid-stream: chunks, then an error record inside the 200, and no final record."""
    error = "an error was encountered while running the model: unexpected EOF"
    return [*answer(texts)[:-1], {"error": error}]


def lines(records: Iterable[Record]) -> list[bytes]:
    """Each record as a line of JSON."""
    return [json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records]


def stream(
    records: Iterable[Record],
    *,
    first_s: float = 0.0,
    every_s: float = 0.0,
    end: End = End.DONE,
    status: int = 200,
) -> Reply:
    """The records one by one: each line is one write, the first after `first_s`, the others `every_s` apart."""
    return pieces([(every_s if index else first_s, line) for index, line in enumerate(lines(records))], end, status)


def in_one_write(records: Iterable[Record]) -> Reply:
    """All lines in one write, as they come when the client or the server was slow."""
    return pieces([(0.0, b"".join(lines(records)))])


def cut_over_writes(records: Iterable[Record], *, every_b: int = 7, pause_s: float = 0.002) -> Reply:
    """The same bytes cut every `every_b` bytes without regard to lines or characters."""
    data = b"".join(lines(records))
    return pieces([(pause_s, data[start : start + every_b]) for start in range(0, len(data), every_b)])


def pieces(parts: Iterable[tuple[float, bytes]], end: End = End.DONE, status: int = 200) -> Reply:
    """A chunked answer of exactly these writes."""
    return Reply(status=status, headers={"Content-Type": NDJSON}, pieces=tuple(parts), chunked=True, end=end)
