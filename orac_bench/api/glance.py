"""A look at the board on demand, while nobody measures: at most one reading a second, and no sensor held open for long.

What must never live here: sampling by itself. While a run is measured, its own process tells (house.py).
"""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timezone

from orac_bench.errors import OracError
from orac_bench.settings import Settings
from orac_bench.telemetry.auto import Choice, choose
from orac_bench.telemetry.source import Source

FRESH_S = 1.0
"""A younger reading is given again."""
HELD_S = 5.0
"""How long sources stay open for whoever looks again: loads are differences of two readings."""
TOLD_WITHIN_S = 1.2
"""How long a source that tells by itself, such as tegrastats, is waited for."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the sources said at one moment: values by the names of telemetry/source.py, in base units."""

    at: datetime
    sources: tuple[str, ...]
    values: Mapping[str, float]
    replayed: bool


class Glance:
    """The sources that ORAC_TELEMETRY stands for. From any thread; close it at the end."""

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._open = ExitStack()
        self._sources: tuple[Source, ...] = ()
        self._choice: Choice | None = None
        self._read_s = float("-inf")
        self._timer: threading.Timer | None = None
        self.latest: Reading | None = None
        """The last one that was taken. None before the first, and where nothing tells anything."""

    def take(self) -> Reading | None:
        """A reading of now, or one that is less than a second old. None where no source tells anything.

        A recording holds no sensor, so it stays open and goes on; between two of its readings the last one holds.
        """
        with self._lock:
            if self._clock() - self._read_s >= FRESH_S:
                self._read_s = self._clock()
                found, replayed = self._read(), self._chosen().replayed
                if found is not None or not replayed:
                    self.latest = found
                if not replayed:
                    self._close_later()
            return self.latest

    def close(self) -> None:
        """Gives the sources back. The next look opens them again."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
            self._close()

    def offers(self) -> tuple[str, ...]:
        """The names of the sources that are taken here. Opens none."""
        try:
            return tuple(source.name for source in self._chosen().sources)
        except OracError:
            return ()

    def _read(self) -> Reading | None:
        if not self._sources:
            self._open_all()
        values: dict[str, float] = {}
        told = []
        for source in self._sources:
            for sample in _asked(source):
                values.update(sample)
                told.append(source.name)
        if not values:
            return None
        return Reading(
            at=datetime.now(timezone.utc),
            sources=tuple(dict.fromkeys(told)),
            values=values,
            replayed=self._chosen().replayed,
        )

    def _open_all(self) -> None:
        opened = []
        for source in self._chosen().sources:
            try:
                opened.append(self._open.enter_context(source))
            except (OracError, OSError):
                continue  # it is not there today; the others are
        self._sources = tuple(opened)

    def _chosen(self) -> Choice:
        """What the setting stands for, kept until the sources are given back: `auto` looks at many files.

        Raises MissingPrerequisite.
        """
        if self._choice is None:
            given = self._settings
            self._choice = choose(given.telemetry, root=given.sysfs_root, program=given.tegrastats)
        return self._choice

    def _close_later(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(HELD_S, self.close)
        self._timer.daemon = True
        self._timer.start()

    def _close(self) -> None:
        self._open.close()
        self._sources = ()
        self._choice = None


def _asked(source: Source) -> list[Mapping[str, float]]:
    """What a source says now; one that tells by itself is waited for. Empty where it fails."""
    try:
        descriptor = source.fileno()
        if descriptor is not None:
            select.select([descriptor], [], [], TOLD_WITHIN_S)
        return [sample.values for sample in source.read()]
    except (OracError, OSError, ValueError):
        return []
