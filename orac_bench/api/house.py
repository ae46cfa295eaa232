"""What a running service owns, each thing once: the store, the Ollama, the queue. Made in the app's lifespan.

Endpoints reach it by the dependency `house`; there is no global. What must never live here: HTTP.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from orac_bench.api.board import Host, read_host
from orac_bench.api.followers import Followers
from orac_bench.api.glance import Glance
from orac_bench.api.jobs import Jobs
from orac_bench.api.keeper import Keeper
from orac_bench.api.lookout import Lookout
from orac_bench.api.shelf import Shelf
from orac_bench.api.tenure import tenure
from orac_bench.judging.remembered import Remembered
from orac_bench.lock import LOCK, measuring_now
from orac_bench.records import Json
from orac_bench.settings import NAMES, Settings, as_environ
from orac_bench.store.store import Store, open_store

MOST_CURRENT = 16
"""Bodies of answers that are remembered; that of a run of 60 cases with all its rounds has some 700 KB."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """A reading that the process of a run told, and when it was heard."""

    run: str
    at: datetime
    data: Mapping[str, Json]


@dataclass(kw_only=True)
class House:
    """The service's own things, for as long as it runs."""

    settings: Settings
    store: Store
    shelf: Shelf
    keeper: Keeper
    glance: Glance
    jobs: Jobs
    followers: Followers
    host: Host
    lookout: Lookout
    sources: tuple[str, ...]
    """The names of the sources of telemetry that are taken here."""
    remembered: Remembered[str] = field(default_factory=Remembered)
    """Answers about the past as JSON, as long as nothing new was measured."""
    current: Remembered[str] = field(default_factory=lambda: Remembered(most=MOST_CURRENT))
    """Bodies of answers, as long as nothing was written to the store at all."""
    closing: threading.Event
    """Set when the service is told to end: calls that wait give up then."""
    began_s: float = field(default_factory=time.monotonic)
    loads: threading.Lock = field(default_factory=threading.Lock)
    """Held by calls that load or unload, one after the other. A prompt has Ollama load its model outside it."""
    loading: str | None = None
    """The model that is being loaded by a call. None while none is."""
    last_reading: Told | None = None
    """What the process of the present run told last of the board. None while none is measured."""

    @property
    def lock(self) -> Path:
        """The lock of who measures."""
        return self.settings.home / LOCK

    def end(self) -> None:
        """Has every stream end: the service is told to."""
        self.closing.set()
        self.followers.close()

    @property
    def measuring(self) -> bool:
        """Whether somebody measures on this machine now, here or in a shell."""
        return measuring_now(self.lock) is not None


async def house(request: Request) -> House:
    """The house of the app that answers `request`; a coroutine, as FastAPI would call a function on a thread."""
    found: House = request.app.state.house
    return found


Here = Annotated[House, Depends(house)]
"""A parameter of an endpoint: the house that it is in."""


@contextmanager
def open_house(settings: Settings, *, environ: Mapping[str, str] | None = None) -> Iterator[House]:
    """A house that runs while the `with` block does; Ollama is started meanwhile.

    Raises OracError where another service has the home or the store, or where the store cannot be used.
    """
    own = dict(os.environ if environ is None else environ)
    lock = settings.home / LOCK
    closing = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(tenure(settings))
        keeper = stack.enter_context(
            Keeper(settings, environ=own, closing=closing, quiet=lambda: measuring_now(lock) is not None)
        )
        store = stack.enter_context(open_store(settings.database_url, write=True))
        glance = Glance(settings)
        stack.callback(glance.close)

        def told(run_id: str, said: Mapping[str, Json] | None) -> None:
            """What the process of a run says; None where its standing may have changed."""
            if said is not None and said.get("kind") == "reading":
                made.last_reading = Told(run=run_id, at=datetime.now(timezone.utc), data=said)
                followers.reading(run_id, said)
                return
            if said is None:
                made.last_reading = None
            followers.wake(run_id)

        others = {name: value for name, value in own.items() if name not in NAMES}
        jobs = Jobs(
            store,
            home=settings.home,
            environ={**others, **as_environ(settings)},
            told=told,
            found=keeper.found,
            awaited=keeper.awaited,
            most_queued=settings.max_queued,
        )
        followers = Followers(store, goes_on=jobs.goes_on)
        made = House(
            settings=settings,
            store=store,
            shelf=Shelf(settings),
            keeper=keeper,
            glance=glance,
            jobs=jobs,
            followers=followers,
            host=read_host(settings.sysfs_root),
            lookout=Lookout(settings, own),
            sources=glance.offers(),
            closing=closing,
        )
        stack.enter_context(jobs)
        yield made
