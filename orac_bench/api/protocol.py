"""HTTP connections that cost nobody else anything: bounded in number and in time.

uvicorn's own protocol with these bounds. What must never live here: anything about a call.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from orac_bench.api.envelope import SAFE

MOST_CONNECTIONS = 512
HEADERS_S = 10.0
"""Headers that have not come whole after so long are not waited for."""
HEADERS_B = 32 * 1024
"""The longest request line with all headers."""
READING_S = 30.0
"""A caller that has taken nothing of its answer for so long is cut off."""
LINGER_S = 2.0
"""How long what a refused caller still sends is thrown away, so that it can read why."""


class Protocol(H11Protocol):
    """One connection."""

    _headers_due: asyncio.TimerHandle | None = None
    _reading_due: asyncio.TimerHandle | None = None
    _refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            self._refuse(503, "Too many connections are open.")
        else:
            self._watch_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        for due in (self._headers_due, self._reading_due):
            if due is not None:
                due.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        try:
            super().data_received(data)
        except UnicodeDecodeError:
            self.send_400_response("")
        self._watch_headers()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading_due = self.loop.call_later(READING_S, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._reading_due is not None:
            self._reading_due.cancel()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self.loop.call_later(LINGER_S, self.transport.abort)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """What is no HTTP, or has headers that are too long."""
        self._refuse(400, "This is no HTTP request, or its first line and headers are too long.")

    def _watch_headers(self) -> None:
        """Sees to it that headers which begin to come, come to an end. The first ones begin with the connection."""
        if self.conn.their_state is not h11.IDLE:
            if self._headers_due is not None:
                self._headers_due.cancel()
                self._headers_due = None
        elif self._headers_due is None and not self._refused:
            self._headers_due = self.loop.call_later(HEADERS_S, self._refuse, 408, "The headers came too slowly.")

    def _refuse(self, status: int, detail: str) -> None:
        """Tells a problem where an answer can still be given, and closes the connection."""
        self._refused = True
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE) or self.transport.is_closing():
            self.transport.abort()
            return
        title = HTTPStatus(status).phrase
        code = title.lower().replace(" ", "_")
        told = {"type": f"/docs#{code}", "title": title, "status": status, "detail": detail, "next": None}
        body = json.dumps(told).encode()
        headers = [
            ("Content-Type", "application/problem+json"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
            *SAFE.items(),
        ]
        for event in (
            h11.Response(status_code=status, headers=headers, reason=title.encode()),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_S, self.transport.abort)
