"""Following a run: nobody misses an event, nobody waits for another, and one reader serves them all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from orac_bench.api.followers import Followers, Live
from orac_bench.records import Event, Status
from orac_bench.store.store import Store, open_store
from tests.builders import a_case, a_round, a_run, later

Told = AsyncGenerator[Event | Live | None, None]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/orac.db", write=True) as opened:
        opened.enqueue(a_run(id="run", status=Status.QUEUED, trigger="rest"), request={})
        yield opened


class Counted:
    """A store that counts how often its events are read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.reads = 0

    def events(self, run_id: str, *, after: int = 0, limit: int = 1000) -> tuple[Event, ...]:
        self.reads += 1
        return self._store.events(run_id, after=after, limit=limit)


def one_event(store: Store, index: int) -> None:
    """Keeps a round, the first one with its case: events of the kinds `case` and `round`."""
    if index == 0:
        store.begin_result("run", a_case(), planned=10, position=0)
    store.add_round(1, a_round(index=index))


def end(store: Store, status: Status = Status.DONE) -> None:
    store.update_run("run", status=status, ended=later(60))


async def kinds(told: Told, heard: list[str] | None = None) -> list[str]:
    """What was told, to the end; `heard` has it as it comes."""
    heard = [] if heard is None else heard
    async for one in told:
        heard.append(one.kind if isinstance(one, Event) else "reading" if one else "beat")
    return heard


async def until(condition: Callable[[], bool]) -> None:
    """Waits for it, half a minute at most, while others go on."""

    async def comes() -> None:
        while not condition():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(comes(), 30)


async def numbers(told: Told) -> list[int]:
    return [one.number async for one in told if isinstance(one, Event)]


def test_a_follower_is_told_what_was_kept_and_then_what_comes_until_the_last_event(store: Store) -> None:
    async def body() -> list[str]:
        them = Followers(store, goes_on=lambda _: True)
        told = asyncio.create_task(kinds(them.follow("run", after=0)))
        for act in (lambda: store.update_run("run", status=Status.RUNNING), *acts(store), lambda: end(store)):
            await asyncio.to_thread(act)
            await asyncio.to_thread(them.wake, "run")
        return await told

    assert asyncio.run(body()) == ["queued", "started", "case", "round", "round", "round", "done"]


def acts(store: Store) -> list[Callable[[], None]]:
    return [lambda index=index: one_event(store, index) for index in range(3)]  # type: ignore[misc]


def test_who_comes_back_with_the_last_number_misses_none_and_hears_none_twice(store: Store) -> None:
    for act in acts(store):
        act()
    end(store)

    async def body() -> list[list[int]]:
        them = Followers(store, goes_on=lambda _: True)
        return [await numbers(them.follow("run", after=after)) for after in (0, 3, 5, 2)]

    assert asyncio.run(body()) == [[1, 2, 3, 4, 5, 6], [4, 5, 6], [6], [3, 4, 5, 6]]


def test_an_event_of_another_process_is_found_without_being_woken(store: Store) -> None:
    async def body() -> list[str]:
        them = Followers(store, goes_on=lambda _: False, poll_s=0.05)
        heard: list[str] = []
        told = asyncio.create_task(kinds(them.follow("run", after=0), heard))
        await until(lambda: heard == ["queued"])
        await asyncio.to_thread(end, store)
        return await told

    assert asyncio.run(body()) == ["queued", "done"]


def test_a_run_in_hand_is_looked_at_when_its_process_tells_and_hardly_else(store: Store) -> None:
    async def reads(*, in_hand: bool) -> int:
        counted = Counted(store)
        them = Followers(counted, goes_on=lambda _: in_hand, poll_s=0.01, beat_s=0.5)  # type: ignore[arg-type]
        async with aclosing(them.follow("run", after=1)) as told:
            assert await told.__anext__() is None
            return counted.reads

    assert asyncio.run(reads(in_hand=True)) <= 2
    assert asyncio.run(reads(in_hand=False)) > 2


def test_fifty_followers_cost_one_read_of_the_store_an_event(store: Store) -> None:
    counted = Counted(store)

    async def body() -> list[list[int]]:
        them = Followers(counted, goes_on=lambda _: True, poll_s=60)  # type: ignore[arg-type]
        told = [asyncio.create_task(numbers(them.follow("run", after=0))) for _ in range(50)]
        for act in (*acts(store), lambda: end(store)):
            before = counted.reads
            await asyncio.to_thread(act)
            them.wake("run")
            await until(lambda before=before: counted.reads > before)  # type: ignore[misc]
        return await asyncio.gather(*told)

    assert asyncio.run(body()) == [[1, 2, 3, 4, 5, 6]] * 50
    assert counted.reads <= 8  # the first look, four events, and what one of them woke again


def test_a_slow_follower_costs_nobody_anything_and_misses_no_event(store: Store) -> None:
    async def body() -> tuple[list[int], list[int]]:
        them = Followers(store, goes_on=lambda _: True, page=3, window=4)  # so that the slow one falls out of it
        async with aclosing(them.follow("run", after=0)) as slow:
            first = await slow.__anext__()
            quick = asyncio.create_task(numbers(them.follow("run", after=0)))
            for index in range(30):
                await asyncio.to_thread(one_event, store, index)
                them.wake("run")
                them.reading("run", {"power_w": index})
            await asyncio.to_thread(end, store)
            them.wake("run")
            heard = await quick
            assert isinstance(first, Event)
            return heard, [first.number, *[one.number async for one in slow if isinstance(one, Event)]]

    quick, slow = asyncio.run(body())
    assert quick == slow == list(range(1, 34))  # queued, case, 30 rounds, done


def test_only_the_latest_reading_is_told(store: Store) -> None:
    counted = Counted(store)

    async def body() -> list[object]:
        them = Followers(counted, goes_on=lambda _: True, beat_s=60)  # type: ignore[arg-type]
        async with aclosing(them.follow("run", after=1)) as told:
            waiting = asyncio.create_task(told.__anext__())
            await until(lambda: counted.reads > 0)
            for power_w in (5.0, 6.0, 7.0):
                them.reading("run", {"power_w": power_w})
            first = await waiting
            await asyncio.to_thread(end, store)
            them.wake("run")
            return [first, *[one async for one in told]]

    first, last = asyncio.run(body())
    assert isinstance(first, Live)
    assert isinstance(last, Event)
    assert (first.data, last.kind) == ({"power_w": 7.0}, "done")


def test_silence_is_filled_with_signs_of_life(store: Store) -> None:
    async def body() -> list[object]:
        them = Followers(store, goes_on=lambda _: True, beat_s=0.05)
        async with aclosing(them.follow("run", after=1)) as told:
            return [await told.__anext__(), await told.__anext__()]

    assert asyncio.run(body()) == [None, None]


def test_an_interrupted_run_is_followed_on_only_where_the_service_goes_on_with_it(store: Store) -> None:
    end(store, Status.INTERRUPTED)

    async def body(*, goes_on: bool) -> list[str]:
        them = Followers(store, goes_on=lambda _: goes_on)
        heard: list[str] = []
        told = asyncio.create_task(kinds(them.follow("run", after=0), heard))
        await until(lambda: heard == ["queued", "interrupted"])
        if goes_on:
            await asyncio.to_thread(end, store, Status.LOST)
            them.wake("run")
        return await told

    assert asyncio.run(body(goes_on=False)) == ["queued", "interrupted"]
    assert asyncio.run(body(goes_on=True)) == ["queued", "interrupted", "lost"]


def test_followers_end_with_the_run_that_is_deleted_and_with_the_service(store: Store) -> None:
    async def body(act: Callable[[Followers], None]) -> list[str]:
        them = Followers(store, goes_on=lambda _: False, poll_s=0.05)
        heard: list[str] = []
        told = asyncio.create_task(kinds(them.follow("run", after=0), heard))
        await until(lambda: heard == ["queued"])
        await asyncio.to_thread(act, them)
        return await told

    def closes(them: Followers) -> None:
        worker = threading.Thread(target=them.close)
        worker.start()
        worker.join()

    assert asyncio.run(body(closes)) == ["queued"]
    assert asyncio.run(body(lambda _: store.delete_run("run"))) == ["queued"]
