"""Around every call: the guard first, then the whole body within its bounds, safe headers on the way out, a log line.

What must never live here: what a call does.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Mapping
from urllib.parse import quote

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orac_bench.api import problems
from orac_bench.api.guard import READING, has_body, refusal
from orac_bench.settings import Settings

BESIDE_PROMPT_B = 64 * 1024
"""What a body may hold beside the longest prompt."""
BODY_S = 10.0
"""A body that has not come whole after so long is not waited for."""

SAFE: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer: nothing is loaded from elsewhere, nothing is framed, nothing is guessed.

Without Cross-Origin-Opener-Policy: over plain HTTP from another machine a browser ignores it with an error in the
console, and over loopback it costs a new process for each visit. The page opens no window and hears no message.
"""

_LOGGER = logging.getLogger(__name__)


class Envelope:
    """The app inside. It gets calls that were let in, with their bodies read."""

    def __init__(self, app: ASGIApp, *, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._names = {socket.gethostname().lower()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            threading.Thread(target=self._learn_names, name="names", daemon=True).start()
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        out = _Out(scope, send)
        try:
            await self._answer(scope, receive, out)
        except Exception:
            _LOGGER.exception("a fault of ORAC's own in %s %s", scope["method"], shown(scope))
            if out.status is not None:
                raise  # half an answer is out: the server cuts it
            await problems.fault()(scope, receive, out)
        finally:
            _log(scope, out.status, (time.perf_counter() - began) * 1e3)

    async def _answer(self, scope: Scope, receive: Receive, out: _Out) -> None:
        refused = refusal(scope["method"], scope["headers"], self._settings, self._names)
        if refused is not None:
            await problems.refused(refused)(scope, receive, out)
            return
        limit_b = self._settings.prompt_limit_b + BESIDE_PROMPT_B
        body = await _body(scope, receive, limit_b)
        if isinstance(body, Response):
            await body(scope, receive, out)
        elif body is not None:
            await self._app(scope, _replayed(body, receive), out)

    def _learn_names(self) -> None:
        """Asks the resolver for the machine's whole name, which may take seconds where no network is."""
        self._names = self._names | {socket.getfqdn().lower()}


class _Out:
    """What is sent, with safe headers. `status` is None until the answer begins."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.status: int | None = None
        self._scope = scope
        self._send = send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in SAFE.items():
                headers.setdefault(name, value)
            if self._scope["path"].startswith("/v1"):
                headers.setdefault("Cache-Control", "no-store")
        await self._send(message)


def shown(scope: Scope) -> str:
    """The path of a call for the log: nothing of it can begin a new line or hide."""
    return quote(scope["path"][:200], safe="/:~@+,=")


async def _body(scope: Scope, receive: Receive, limit_b: int) -> bytes | Response | None:
    """The whole body; an answer where it is too long or too slow; None where the caller went away."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    if not has_body(headers):
        return b""
    too_long = problems.answer(
        413,
        "Content Too Large",
        f"A body may have {limit_b} bytes at most.",
        next="Send a shorter prompt, or raise ORAC_PROMPT_LIMIT_B.",
        code="too_large",
    )
    if int(headers.get("content-length", "0")) > limit_b:
        return too_long
    try:
        body = await asyncio.wait_for(_read(receive, limit_b), BODY_S)
    except (TimeoutError, asyncio.TimeoutError):
        return problems.answer(
            408,
            "Request Timeout",
            f"The body did not come whole within {BODY_S:g} s.",
            code="too_slow",
            headers={"Connection": "close"},
        )
    return too_long if body is not None and len(body) > limit_b else body


async def _read(receive: Receive, limit_b: int) -> bytes | None:
    """The body, or a beginning of it that is longer than `limit_b`; None where the caller went away."""
    body = bytearray()
    while len(body) <= limit_b:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the whole body at once, then what comes after it: that the caller went away."""
    given = False

    async def next_message() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return next_message


def _log(scope: Scope, status: int | None, took_ms: float) -> None:
    """A line for what changes something and for what fails; pages that poll would fill the log."""
    if scope["method"] in READING and status is not None and status < 400:
        return
    level = logging.ERROR if status is not None and status >= 500 else logging.INFO
    said = "no answer, the caller went away" if status is None else str(status)
    _LOGGER.log(level, "%s %s: %s, %.0f ms", scope["method"][:20], shown(scope), said, took_ms)
