"""The REST door: every call behind one guard. `orac serve` runs it, and so does any ASGI server.

    uvicorn --factory orac_bench.api.app:create_app

The bounds on connections and slow headers (protocol.py) and the one-line log (log.py) are those of `orac serve`;
another server brings its own. What must never live here: what a call does (one router a noun), and global state.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from functools import partial
from types import FrameType

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI

from orac_bench import __version__
from orac_bench.api import (
    benchmark,
    cases,
    comparison,
    events,
    export,
    exposition,
    health,
    manual,
    marks,
    models,
    overview,
    problems,
    prompt,
    runs,
    telemetry,
    web,
)
from orac_bench.api.description import describe
from orac_bench.api.envelope import Envelope
from orac_bench.api.exposition import Exposition
from orac_bench.api.house import House, open_house
from orac_bench.api.packed import Packed
from orac_bench.settings import Settings, read_settings

THREADS = 64
"""Calls that may hold a thread at once. Who follows a run holds none, nor does an answer that is remembered."""

ROUTERS = (
    health.router,
    models.router,
    prompt.router,
    benchmark.router,
    runs.router,
    events.router,
    cases.router,
    comparison.router,
    overview.router,
    marks.router,
    telemetry.router,
    export.router,
    exposition.router,
    manual.router,
    web.router,
)
"""In the order of the documentation; the dashboard is the last, as it takes what the others leave."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service with these settings (None: of the environment). It opens what it owns when it is started."""
    chosen = read_settings() if settings is None else settings
    return app_of(chosen, lambda: open_house(chosen))


def app_of(settings: Settings, opened: Callable[[], AbstractContextManager[House]]) -> FastAPI:
    """The service in a house that `opened` gives, for as long as it runs."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = THREADS
        with opened() as house, _told_to_end(house.end):
            app.state.house = house
            app.state.exposition = Exposition(house)
            yield
            house.end()

    app = FastAPI(
        title="ORAC Bench",
        version=__version__,
        summary="True numbers of language models on small boards.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=problems.responses(*problems.COMMON),
    )
    app.add_middleware(Packed)
    app.add_middleware(Envelope, settings=settings)
    problems.install(app)
    for router in ROUTERS:
        app.include_router(router)
    app.openapi = partial(describe, app)  # type: ignore[method-assign] # FastAPI's documented way
    return app


@contextmanager
def _told_to_end(end: Callable[[], None]) -> Iterator[None]:
    """Calls `end` as soon as SIGTERM or SIGINT comes, before the server waits for the streams to end.

    The server's own handler is called as ever. Does nothing where the app is not on the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    loop = asyncio.get_running_loop()

    def told(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(end)  # not here: what the signal struck may hold a lock that `end` takes
        handler = before[signal.Signals(number)]
        if callable(handler):
            handler(number, frame)

    for number in before:
        signal.signal(number, told)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
