"""The real service on a real port: a process of its own with a fresh home, store and models, and how to talk to it."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.waiting import eventually

CHECKOUT = Path(__file__).parent.parent
PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the service answered. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The JSON document."""
        return json.loads(self.body)

    @property
    def problem(self) -> dict[str, Any]:
        """The problem that it tells. Fails where it tells none."""
        assert self.headers["content-type"] == "application/problem+json", (self.status, self.body[:500])
        found: dict[str, Any] = self.json
        assert found["status"] == self.status
        return found


@dataclass(kw_only=True, eq=False)
class Service:
    """A running `orac serve`. `folder` has all that is its own: home/, orac.db, log.txt."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def database(self) -> str:
        return f"sqlite:///{self.folder}/orac.db"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it has written to stderr and stdout so far."""
        return (self.folder / "log.txt").read_text(errors="replace")

    def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        return self.call("GET", path, headers=headers)

    def post(self, path: str, body: object = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        return self.call("POST", path, body, headers=headers)

    def delete(self, path: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        return self.call("DELETE", path, headers=headers)

    def call(self, method: str, path: str, body: object = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        """One call on a connection of its own. `body` is sent as JSON, bytes as they are, None not at all."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {} if data is None else {"Content-Type": "application/json"}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)) as connection:
            connection.request(method, path, body=data, headers={**sent, **(headers or {})})
            response = connection.getresponse()
            return Answer(
                status=response.status,
                headers={name.lower(): value for name, value in response.getheaders()},
                body=response.read(),
            )

    def events(
        self, method: str, path: str, body: object = None, *, headers: Mapping[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Server-sent events as they come: `event`, `data` (decoded), `id` where there is one. Close it to go away."""
        data = None if body is None else json.dumps(body).encode()
        sent = {} if data is None else {"Content-Type": "application/json"}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)) as connection:
            connection.request(method, path, body=data, headers={**sent, **(headers or {})})
            response = connection.getresponse()
            assert response.status == 200, response.read()
            assert response.headers["content-type"].startswith("text/event-stream")
            event: dict[str, Any] = {}
            for raw in response:
                line = raw.decode().rstrip("\r\n")
                if not line and "event" in event:
                    yield event
                    event = {}
                elif line and not line.startswith(":"):
                    name, _, value = line.partition(": ")
                    event[name] = json.loads(value) if name == "data" else value

    def said(self, data: bytes, *, within_s: float = 30.0) -> bytes:
        """What comes back for exactly these bytes on a connection, until the service closes it."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=within_s) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(data)
            heard = b""
            with contextlib.suppress(ConnectionError):
                while more := connection.recv(65_536):
                    heard += more
            return heard

    def end(self, number: int = signal.SIGTERM) -> int:
        """Sends a signal and waits. The exit status, negative for a signal."""
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE_S)

    def ready(self) -> None:
        """Waits until its Ollama answers."""
        eventually(lambda: self.get("/v1/health").json["versions"]["ollama"], within_s=PATIENCE_S)


@contextmanager
def running_service(
    folder: Path,
    *,
    models: Path | None = None,
    ollama: Path | None = None,
    port: int | None = None,
    within: Sequence[str] = (),
    **settings: str,
) -> Iterator[Service]:
    """A service in `folder` that answers; killed with all it started where the block leaves it.

    `models` is its ORAC_MODELS_DIR, `ollama` its ORAC_OLLAMA_BIN; further settings by their names; `within` are the
    words of a command that runs it. A second one in the same folder goes on with the same home and store.
    """
    chosen = free_port() if port is None else port
    given = {
        "ORAC_HOME": str(folder / "home"),
        "ORAC_DATABASE_URL": f"sqlite:///{folder}/orac.db",
        "ORAC_PORT": str(chosen),
        "ORAC_TELEMETRY": "off",
        **({} if models is None else {"ORAC_MODELS_DIR": str(models)}),
        **({} if ollama is None else {"ORAC_OLLAMA_BIN": str(ollama)}),
        **settings,
    }
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            [*within, sys.executable, "-m", "orac_bench.cli", "serve"],
            cwd=CHECKOUT,
            env={**os.environ, **given},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    service = Service(folder=folder, port=chosen, process=process, settings=given)
    try:
        eventually(lambda: answers(chosen) or process.poll() is not None, within_s=PATIENCE_S)
        assert process.poll() is None, service.log
        yield service
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=30)
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    """Whether an HTTP server answers on that port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/v1/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def connections_to(url: str) -> int:
    """How many connections to that server are held open by those who call it.

    Source: proc(5), /proc/net/tcp, fields 3 and 4.
    """
    port = int(url.rpartition(":")[2])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
