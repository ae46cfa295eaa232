"""One thread that asks the sources, 10 times a second while a round runs and once between, and keeps what they say.

A source that fails costs its readings and never the round: it is opened again after a pause, and a note says so.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from types import TracebackType

from orac_bench.telemetry.source import Sample, Source

FAST_S = 0.1
SLOW_S = 1.0
TAIL_NS = 500_000_000
"""How long the fast pace goes on after a round: the first readings behind it belong to its energy."""
ALIVE_NS = 2 * 10**9
"""A source that has told nothing for longer than this is not waited for."""
LATE_NS = 5 * 10**9
"""How much older a sample can be than one before it in the ring: a source tells late, or one was left out at first."""
KEPT = 6_000
"""Samples in memory: ten minutes of one source at 10 Hz. Older ones are dropped, and counted."""
REOPEN_S = 5.0
PUSHED_LEAST_S = 0.02
"""A source that tells is read at most this often, so that a flood waits in its pipe."""


class Sampler:
    """Readings of `sources` from `__enter__` to `__exit__`, on the monotonic clock.

    `cpu_s` is what the thread itself has used, without the sources' children. `clock` gives monotonic ns.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        fast_s: float = FAST_S,
        slow_s: float = SLOW_S,
        kept: int = KEPT,
        reopen_s: float = REOPEN_S,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.cpu_s = 0.0
        self.dropped = 0
        self._sources = tuple(sources)
        self._notes: list[str] = []
        self._periods_s = (slow_s, fast_s)
        self._reopen_ns = round(reopen_s * 1e9)
        self._clock = clock
        self._samples: deque[Sample] = deque(maxlen=kept)
        self._taken = 0
        self._news = threading.Condition()
        self._rounds = 0
        self._fast_until_ns = 0
        self._ending = False
        self._open: dict[int, contextlib.ExitStack] = {}
        self._again_ns: dict[int, int] = {}
        self._kept_ns: dict[str, int] = {}
        self._skipped: dict[str, Sample] = {}
        self._woken, self._waker = -1, -1
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Sampler:
        """Opens the sources and starts the thread. A source that cannot be opened is a note."""
        for index in range(len(self._sources)):
            self._try_open(index, self._clock())
        self._woken, self._waker = os.pipe()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="orac-sampler", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending = True
        self._nudge()
        if self._thread is not None:
            self._thread.join()
        for stack in self._open.values():
            stack.close()
        self._open.clear()
        for descriptor in (self._woken, self._waker):
            os.close(descriptor)
        self._woken, self._waker = -1, -1

    @contextlib.contextmanager
    def fast(self) -> Iterator[None]:
        """While a round runs, and half a second after it: 10 readings a second, one at once and one at the end."""
        self._rounds += 1
        self._nudge()
        try:
            yield
        finally:
            self._fast_until_ns = self._clock() + TAIL_NS
            self._rounds -= 1
            self._nudge()

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of what is asked, whether it answers or not."""
        return tuple(source.name for source in self._sources)

    @property
    def notes(self) -> tuple[str, ...]:
        """What went wrong so far, each sentence once."""
        return tuple(dict.fromkeys([*self._notes, *(note for source in self._sources for note in source.notes)]))

    @property
    def latest(self) -> Sample | None:
        """The last sample. None before the first."""
        with self._news:
            return self._samples[-1] if self._samples else None

    def between(self, start_ns: int, end_ns: int, *, around_ns: int = 3 * 10**9) -> tuple[Sample, ...]:
        """The samples from `start_ns` to `end_ns` and `around_ns` before and after, as far as they are there."""
        with self._news:
            recent = self._since(start_ns - around_ns)
        return tuple(sample for sample in recent if start_ns - around_ns <= sample.at_ns <= end_ns + around_ns)

    def wait_past(self, at_ns: int, *, limit_s: float = 1.0) -> bool:
        """Waits until every source that told something in the two seconds before `at_ns` has told something after it.

        Whether they have within `limit_s`. After the end of a round this is the reading that its energy needs.
        """

        def past() -> bool:
            last = {sample.source: sample.at_ns for sample in self._since(at_ns - ALIVE_NS)}
            alive = [told_ns for told_ns in last.values() if told_ns > at_ns - ALIVE_NS]
            return bool(alive) and min(alive) > at_ns

        with self._news:
            return self._news.wait_for(past, limit_s)

    def take(self) -> tuple[Sample, ...]:
        """The samples since the last call, for the store. Those that the ring has dropped by then are counted."""
        with self._news:
            fresh = min(self._taken, len(self._samples))
            samples = list(self._samples)[len(self._samples) - fresh :]
            self.dropped += self._taken - fresh
            self._taken = 0
        return tuple(samples)

    def _since(self, at_ns: int) -> list[Sample]:
        """All samples from `at_ns` on, in the ring's order, and some older ones. The ring is not gone through for it.

        Somebody asks each second while tokens come, and thousands of samples are spread over the memory.
        """
        recent = list(takewhile(lambda sample: sample.at_ns >= at_ns - LATE_NS, reversed(self._samples)))
        recent.reverse()
        return recent

    def _run(self) -> None:
        begun = time.thread_time_ns()
        due_ns = self._clock()
        while not self._ending:
            now_ns = self._clock()
            if now_ns >= due_ns:
                self._tick(now_ns)
                due_ns = self._next_due(due_ns)
            self.cpu_s = (time.thread_time_ns() - begun) / 1e9
            told = self._wait(due_ns)
            if self._woken in told:
                os.read(self._woken, 4096)
                due_ns = self._clock()
            tellers = [index for index in tuple(self._open) if self._sources[index].fileno() in told]
            for index in tellers:
                self._ask(index, self._clock())
            if tellers and not self._ending:
                time.sleep(min(PUSHED_LEAST_S, max(0.0, (due_ns - self._clock()) / 1e9)))
        self.cpu_s = (time.thread_time_ns() - begun) / 1e9

    def _wait(self, due_ns: int) -> frozenset[int]:
        """Waits until something arrives, or it is time. The descriptors that have something to be read."""
        poll = select.poll()
        for descriptor in (self._woken, *(self._sources[index].fileno() for index in self._open)):
            if descriptor is not None:
                poll.register(descriptor, select.POLLIN)
        left_ms = math.ceil(max(0, due_ns - self._clock()) / 1e6)
        return frozenset(descriptor for descriptor, _ in poll.poll(left_ms))

    def _tick(self, now_ns: int) -> None:
        """Asks every source that is asked; those that tell only see the time, to notice their silence."""
        for index in range(len(self._sources)):
            if index in self._open:
                self._ask(index, now_ns)
            elif now_ns >= self._again_ns.get(index, 0):
                self._try_open(index, now_ns)

    def _ask(self, index: int, now_ns: int) -> None:
        source = self._sources[index]
        try:
            samples = source.read()
        except Exception as error:  # noqa: BLE001 - a source must never end a round, whatever it raises
            self._fail(index, now_ns, f"The telemetry source {source.name} failed: {error}")
            return
        with self._news:
            for sample in samples:
                self._keep(sample)
            self._news.notify_all()

    def _keep(self, sample: Sample) -> None:
        """Puts a sample into the ring. At the slow pace one a second is enough of a source that tells faster.

        The last one left out is kept after all when a round begins soon after: it is the reading before the round.
        """
        source = sample.source
        if not self._is_fast and sample.at_ns - self._kept_ns.get(source, 0) < self._periods_s[0] * 0.9e9:
            self._skipped[source] = sample
            return
        before = self._skipped.pop(source, None)
        near = before is not None and sample.at_ns - before.at_ns <= LATE_NS
        for each in (before, sample) if before is not None and near and self._is_fast else (sample,):
            self._kept_ns[source] = each.at_ns
            self._samples.append(each)
            self._taken += 1

    @property
    def _is_fast(self) -> bool:
        return self._rounds > 0 or self._clock() < self._fast_until_ns

    def _try_open(self, index: int, now_ns: int) -> None:
        source, stack = self._sources[index], contextlib.ExitStack()
        try:
            stack.enter_context(source)
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(index, now_ns, str(error))
            return
        self._open[index] = stack

    def _fail(self, index: int, now_ns: int, note: str) -> None:
        stack = self._open.pop(index, None)
        if stack is not None:
            with contextlib.suppress(Exception):
                stack.close()
        self._again_ns[index] = now_ns + self._reopen_ns
        if note not in self._notes and len(self._notes) < 50:
            self._notes.append(note)

    def _next_due(self, due_ns: int) -> int:
        """The next instant of the even pace; missed ones are left out."""
        period_ns = round(self._periods_s[self._is_fast] * 1e9)
        return max(due_ns + period_ns, self._clock() + period_ns // 10)

    def _nudge(self) -> None:
        if self._waker >= 0:
            os.write(self._waker, b"!")
