"""`orac serve`: the service on its port until it is told to end."""

from __future__ import annotations

import argparse
import errno
import gc
import json
import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from types import FrameType
from typing import TYPE_CHECKING

from orac_bench.errors import MissingPrerequisite
from orac_bench.garbage import uncollected
from orac_bench.ollama.listener import listener
from orac_bench.settings import Settings

if TYPE_CHECKING:
    import uvicorn

GRACE_S = 5
"""How long calls in flight may go on after SIGTERM."""
BACKLOG = 128


def serve(settings: Settings, arguments: argparse.Namespace) -> int:
    """Serves until SIGTERM (status 0) or Ctrl-C. Raises OracError where the port, the home or the store is taken."""
    with _ending() as ending, _listening(settings) as listening, ExitStack() as owned:
        with uncollected():
            import uvicorn

            from orac_bench.api.app import app_of
            from orac_bench.api.house import open_house
            from orac_bench.api.log import to_stderr
            from orac_bench.api.protocol import HEADERS_B, Protocol
            from orac_bench.api.server import Server
            from orac_bench.surroundings import open_port, surroundings

            to_stderr()
            for finding in (*surroundings(settings, os.environ), *open_port(settings)):
                logging.getLogger(__name__).warning("%s", finding)
            house = owned.enter_context(open_house(settings))
            gc.freeze()  # what has begun here stays as long as the service
        config = uvicorn.Config(
            app_of(settings, lambda: nullcontext(house)),
            http=Protocol,
            ws="none",
            loop="asyncio",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            h11_max_incomplete_event_size=HEADERS_B,
            timeout_graceful_shutdown=GRACE_S,
        )
        server = Server(config)
        ending.of(server)
        if not server.should_exit:
            _tell(settings, as_json=arguments.json)
            server.run(sockets=[listening])
    if ending.number == signal.SIGINT:
        raise KeyboardInterrupt
    return 0


def _tell(settings: Settings, *, as_json: bool) -> None:
    url = f"http://{f'[{settings.host}]' if ':' in settings.host else settings.host}:{settings.port}"
    if as_json:
        print(json.dumps({"url": url, "pid": os.getpid()}), flush=True)
    logging.getLogger(__name__).info("ORAC listens at %s, its documentation is at %s/docs", url, url)


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """The service's port, open: who connects from here on is answered. Raises MissingPrerequisite where it is taken."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise MissingPrerequisite(
            f"ORAC_HOST is {settings.host!r}, which is no address of this machine: {error.strerror}.",
            next="Set ORAC_HOST=127.0.0.1, or 0.0.0.0 for every address.",
        ) from error
    with socket.socket(family, kind, protocol) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        try:
            opened.bind(address)
            opened.listen(BACKLOG)
        except OSError as error:
            raise _not_bound(settings, error) from error
        yield opened


def _not_bound(settings: Settings, error: OSError) -> MissingPrerequisite:
    where = f"{settings.host}:{settings.port}"
    if error.errno != errno.EADDRINUSE:
        return MissingPrerequisite(
            f"The service cannot listen at {where}: {error.strerror}.",
            next="Set ORAC_HOST=127.0.0.1, and ORAC_PORT to a port above 1023.",
        )
    who = listener(settings.port)
    by = "another user's process" if who is None else f"{who.name} (process {who.pid})"
    return MissingPrerequisite(
        f"Port {settings.port} is taken by {by}.", next="End that, or set ORAC_PORT to another port."
    )


class _Ending:
    """By which signal the service is told to end, from its first moment to its last.

    It only notes the signal. What is raised by a handler can strike while the main thread holds a lock, such as that of
    the log, which the threads need that the house waits for when it closes.
    """

    number: int | None = None
    """The first signal. None before one came."""
    _server: uvicorn.Server | None = None

    def note(self, number: int, _frame: FrameType | None) -> None:
        """The handler. Later signals change nothing: the end has begun."""
        if self.number is None:
            self.number = number
        if self._server is not None:
            self._server.should_exit = True

    def of(self, server: uvicorn.Server) -> None:
        """From here on it ends `server`, which has own handlers while it runs; a signal before that does so, too."""
        self._server = server
        server.should_exit = self.number is not None


@contextmanager
def _ending() -> Iterator[_Ending]:
    """Has SIGTERM and SIGINT noted; a SIGINT that is ignored, as in the background of a shell, stays so."""
    ending = _Ending()
    noted = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, ending.note) for number in noted}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
