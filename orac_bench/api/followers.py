"""Who follows which run: one reader of the store a run, however many follow it, and nobody waits for the slowest.

A follower keeps no buffer, only the number of the last event that it was given: what it missed meanwhile is in the
window of its run's feed, or is read from the store again. Of readings it gets the latest. Everything here lives on
one event loop, but for `wake`, `reading` and `close`, which any thread may call. What must never live here: HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from orac_bench.errors import OracError, UnknownRun
from orac_bench.records import Event, Json
from orac_bench.store.store import Store

ENDS = frozenset({"done", "failed", "cancelled", "lost"})
"""The kinds of a run's last event. `interrupted` is one where nobody goes on with the run."""

PAGE = 500
WINDOW = 1000
"""Events that are read at a time, and those that a feed keeps for its followers."""


@dataclass(frozen=True, kw_only=True)
class Live:
    """A reading of the board while a run is measured. It is not kept as an event, so it has no number."""

    data: Mapping[str, Json]


class Followers:
    """The feeds of all runs that somebody follows.

    `goes_on` says whether a run is in hand here: its process tells what happens, and the service goes on with it where
    it stands as interrupted. Any other run is looked at every `poll_s`. A follower who is told nothing gets a sign of
    life every `beat_s`; a run in hand is looked at no more often.
    """

    def __init__(
        self,
        store: Store,
        *,
        goes_on: Callable[[str], bool],
        poll_s: float = 2.0,
        beat_s: float = 15.0,
        page: int = PAGE,
        window: int = WINDOW,
    ) -> None:
        self._store = store
        self._goes_on = goes_on
        self._poll_s = poll_s
        self._beat_s = beat_s
        self._page = page
        self._window = window
        self._feeds: dict[str, _Feed] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def wake(self, run_id: str) -> None:
        """Something may have happened in the run. From any thread."""
        self._soon(run_id, None)

    def reading(self, run_id: str, data: Mapping[str, Json]) -> None:
        """A reading has come from the run. From any thread."""
        self._soon(run_id, Live(data=data))

    def close(self) -> None:
        """Ends all that is followed, now and later. From any thread, and from a signal's handler."""
        self._closed = True
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._turn_all)

    async def follow(self, run_id: str, *, after: int) -> AsyncGenerator[Event | Live | None, None]:
        """Events of the run with numbers above `after`, until its last one; between them the latest readings.

        None is a sign of life. Ends early where the run is deleted, or the service ends. Raises StoreError where older
        events cannot be read.
        """
        shown: Live | None = None
        with self._feed(run_id, after) as feed:
            while not self._closed:
                changed = feed.changed
                fresh = feed.since(after)
                if fresh is None:
                    fresh = await asyncio.to_thread(self._store.events, run_id, after=after, limit=self._page)
                for event in fresh:
                    after = event.number
                    yield event
                    if event.kind in ENDS:
                        return
                if feed.gone or (fresh and self._left_alone(run_id, fresh[-1], feed)):
                    return
                if not fresh and feed.latest is not shown and feed.latest is not None:
                    shown = feed.latest
                    yield shown
                elif not fresh and not await _within(self._beat_s, changed):
                    yield None

    def _left_alone(self, run_id: str, last: Event, feed: _Feed) -> bool:
        return last.kind == "interrupted" and last.number >= feed.last and not self._goes_on(run_id)

    @contextmanager
    def _feed(self, run_id: str, after: int) -> Iterator[_Feed]:
        self._loop = asyncio.get_running_loop()
        feed = self._feeds.get(run_id)
        if feed is None:
            feed = self._feeds[run_id] = _Feed(last=after, window=self._window)
            feed.pump = asyncio.create_task(self._pump(run_id, feed))
        feed.followers += 1
        try:
            yield feed
        finally:
            feed.followers -= 1
            if feed.followers == 0:
                del self._feeds[run_id]
                if feed.pump is not None:
                    feed.pump.cancel()

    async def _pump(self, run_id: str, feed: _Feed) -> None:
        """Reads what is new, once for all followers, whenever the feed is woken or it is time to look."""
        while not feed.gone:
            feed.woken.clear()
            fresh: tuple[Event, ...] = ()
            try:
                fresh = await asyncio.to_thread(self._store.events, run_id, after=feed.last, limit=self._page)
            except UnknownRun:
                feed.gone = True
            except OracError:
                await asyncio.sleep(self._poll_s)  # a store that is locked or full for a while
                continue
            if fresh or feed.gone:
                feed.take(fresh)
            if len(fresh) < self._page:
                await _within(self._beat_s if self._goes_on(run_id) else self._poll_s, feed.woken)

    def _turn_all(self) -> None:
        for feed in self._feeds.values():
            feed.turn()

    def _soon(self, run_id: str, live: Live | None) -> None:
        if run_id in self._feeds and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and its followers with it
                self._loop.call_soon_threadsafe(self._told, run_id, live)

    def _told(self, run_id: str, live: Live | None) -> None:
        feed = self._feeds.get(run_id)
        if feed is None:
            return
        if live is None:
            feed.woken.set()
        else:
            feed.latest = live
            feed.turn()


class _Feed:
    """What is known of one run that is followed. `last` is the number of the newest event that was read."""

    def __init__(self, *, last: int, window: int) -> None:
        self.last = last
        self.latest: Live | None = None
        self.gone = False
        self.followers = 0
        self.pump: asyncio.Task[None] | None = None
        self.woken = asyncio.Event()
        self.changed = asyncio.Event()
        """Set once, when something is new; the next one takes its place."""
        self._window: deque[Event] = deque(maxlen=window)

    def since(self, number: int) -> tuple[Event, ...] | None:
        """The events above `number`. None where some of them are not in the window any more, or never were."""
        if number >= self.last:
            return ()
        if not self._window or self._window[0].number > number + 1:
            return None
        return tuple(event for event in self._window if event.number > number)

    def take(self, fresh: tuple[Event, ...]) -> None:
        """Adds what was read."""
        self._window.extend(fresh)
        if fresh:
            self.last = fresh[-1].number
        self.turn()

    def turn(self) -> None:
        """Wakes all followers."""
        self.changed, changed = asyncio.Event(), self.changed
        changed.set()


async def _within(limit_s: float, event: asyncio.Event) -> bool:
    """Whether `event` was set within `limit_s`."""
    try:
        await asyncio.wait_for(event.wait(), limit_s)
    except (TimeoutError, asyncio.TimeoutError):
        return False
    return True
