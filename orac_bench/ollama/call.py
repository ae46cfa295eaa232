"""One measured request: a connection that is open before it, stamps of what comes, and nothing between.

A plain socket, because a client library between it and the stamps costs the model the processor on a board whose
cores are all at work: through httpx a token cost ORAC 210 µs of it, here 63 µs (SmolLM2, two cores, measured by
`orac selfcheck`), and the first token was seen 0.8 ms earlier. The request asks the server to close the
connection behind its answer, so the timed loop has nothing to look for; HTTP is read afterwards, by h11.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import unquote, urlsplit

import h11

from orac_bench.errors import OllamaError, OllamaGarbled, OllamaSilent, OllamaUnreachable
from orac_bench.ollama.public import public, public_url
from orac_bench.ollama.stream import Records, decode
from orac_bench.records import Arrival, Chunk, Failure, Generation
from orac_bench.units import counted

CONNECT_TIMEOUT_S = 5.0
READ_B = 65_536


class Call:
    """A POST of `body` (JSON) to `path` of the server at `url`, connected and ready to be sent once.

    Raises OllamaUnreachable where nothing answers there.
    """

    def __init__(
        self,
        url: str,
        path: str,
        body: bytes,
        *,
        idle_timeout_s: float,
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._asked = (url, path, body)
        self._http = h11.Connection(h11.CLIENT)
        self._wire = _request(self._http, url, path, body)
        self._idle_timeout_s = idle_timeout_s
        self._clock = clock
        self._sent_ns = 0
        self._stamped: list[tuple[int, bytes]] = []
        self._error: OSError | None = None
        self._socket = connect(url, idle_timeout_s)

    def send(self) -> Call:
        """Sends the request and stamps every piece of the answer. Never raises for the server."""
        return self._timed(self._stamped.append)

    def follow(self, tell: Callable[[Chunk], None]) -> Call:
        """As `send`; `tell` has each chunk with text as it comes. Not for what is measured: it decodes meanwhile."""
        reader, records = _Reader(h11.Connection(h11.CLIENT)), Records()
        _request(reader.http, *self._asked)

        def keep(stamped: tuple[int, bytes]) -> None:
            self._stamped.append(stamped)
            at_ns, data = stamped
            for body in reader.take(data):
                for chunk in records.chunks(Arrival(at_ns, body)):
                    tell(chunk)

        return self._timed(keep)

    def abort(self) -> None:
        """Breaks the connection off, from any thread: `send` returns, and the server stops what it does for it."""
        with contextlib.suppress(OSError):  # it is over already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _timed(self, keep: Callable[[tuple[int, bytes]], None]) -> Call:
        """The timed region."""
        clock, receive = self._clock, self._socket.recv
        self._sent_ns = clock()
        try:
            self._socket.sendall(self._wire)
            while data := receive(READ_B):
                keep((clock(), data))
        except OSError as error:
            self._error = error
        finally:
            self._socket.close()
        return self

    def generation(self) -> Generation:
        """What came back, decoded. Its `failure` says what went wrong with the connection or the answer."""
        status, arrivals, whole = _read(self._http, self._stamped)
        found = decode(arrivals, sent_ns=self._sent_ns, status=status)
        failure = found.failure
        if failure is None:
            return found
        if self._error is not None or not whole:
            cause = self._explained()
            failure = Failure(code=cause.code, message=f"{cause} {counted(len(found.chunks), 'chunk')} had arrived.")
        return replace(found, failure=Failure(code=failure.code, message=public(failure.message)))

    def _explained(self) -> OllamaError:
        if isinstance(self._error, TimeoutError):
            return silent(self._idle_timeout_s)
        return OllamaGarbled("Ollama closed the connection before its answer was complete.")


def connect(url: str, idle_timeout_s: float) -> socket.socket:
    """An open connection to the server at `url`. Raises OllamaUnreachable."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        plain = socket.create_connection((host, port), timeout=CONNECT_TIMEOUT_S)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.settimeout(idle_timeout_s)
        if parts.scheme == "https":
            return ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    except OSError as error:
        raise unreachable(url) from error
    return plain


def unreachable(url: str) -> OllamaUnreachable:
    """Nothing answers at `url`."""
    return OllamaUnreachable(
        f"Ollama did not answer at {public_url(url)}.", next="Start it with `ollama serve`, or unset ORAC_OLLAMA_URL."
    )


def silent(idle_timeout_s: float) -> OllamaSilent:
    """Nothing came for so long."""
    return OllamaSilent(
        f"Ollama sent nothing for {idle_timeout_s:g} s.",
        next="Look at its log; a slow board may need a longer ORAC_IDLE_TIMEOUT_S.",
    )


def addressed(url: str) -> dict[str, str]:
    """The headers of a call to `url`: its host, and who calls, where a name and a password are in it."""
    parts = urlsplit(url)
    headers = {"Host": parts.netloc.rpartition("@")[2]}
    if parts.username is not None:
        who = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers["Authorization"] = f"Basic {b64encode(who.encode()).decode()}"
    return headers


def _request(http: h11.Connection, url: str, path: str, body: bytes) -> bytes:
    headers: Mapping[str, str] = {
        **addressed(url),
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
    }
    request = h11.Request(method="POST", target=path, headers=list(headers.items()))
    parts = (http.send(request), http.send(h11.Data(data=body)), http.send(h11.EndOfMessage()))
    return b"".join(part for part in parts if part is not None)


def _read(http: h11.Connection, stamped: list[tuple[int, bytes]]) -> tuple[int, list[Arrival], bool]:
    """Status, body pieces with their stamps, and whether the answer was whole. Status 200 where none came."""
    reader, arrivals = _Reader(http), []
    for at_ns, data in [*stamped, (0, b"")]:
        arrivals += [Arrival(at_ns or stamped[-1][0], body) for body in reader.take(data)]
    return reader.status, arrivals, reader.whole


class _Reader:
    """Takes HTTP off what a server sends, as it comes. `whole` once the answer is complete."""

    def __init__(self, http: h11.Connection) -> None:
        self.http = http
        self.status = 200
        self.whole = False
        self._broken = False

    def take(self, data: bytes) -> list[bytes]:
        """The pieces of the body in `data`; empty bytes are the connection's end."""
        bodies: list[bytes] = []
        if self.whole or self._broken:
            return bodies
        try:
            self.http.receive_data(data)
            while True:
                event = self.http.next_event()
                if isinstance(event, h11.Response):
                    self.status = event.status_code
                elif isinstance(event, h11.Data):
                    bodies.append(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    self.whole = True
                    return bodies
                elif event is h11.NEED_DATA or isinstance(event, h11.ConnectionClosed):
                    return bodies
        except h11.RemoteProtocolError:
            self._broken = True
            return bodies
