"""A source that is a set of held files: `host` on any Linux, `sysfs` on a Jetson."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from orac_bench.errors import MissingPrerequisite
from orac_bench.telemetry.source import Sample
from orac_bench.telemetry.sources.files import HeldFiles

Hold = Callable[[HeldFiles, Path], None]
"""Holds the files of one kind below a root."""


class PolledFiles:
    """A source that reads its files whenever it is asked. Values whose file has vanished are simply absent."""

    def __init__(
        self, name: str, root: Path, holds: Sequence[Hold], *, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self.name = name
        self.notes: tuple[str, ...] = ()
        self._root = root
        self._holds = tuple(holds)
        self._clock = clock
        self._files = HeldFiles()

    def __enter__(self) -> PolledFiles:
        """Opens the files. Raises MissingPrerequisite where none of them is there."""
        self._files.close()
        for hold in self._holds:
            hold(self._files, self._root)
        if not self._files.files:
            raise MissingPrerequisite(
                f"The telemetry source {self.name} found none of its files below {self._root}.",
                next="Set ORAC_SYSFS_ROOT to where sys/ and proc/ are.",
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def fileno(self) -> int | None:
        """None: it is asked."""
        return None

    def read(self) -> Sequence[Sample]:
        """One sample, stamped halfway through the reading. Empty where no file had a value."""
        before = self._clock()
        values = self._files.read()
        after = self._clock()
        for path in self._files.lost:
            note = f"{path} has vanished; its value is missing from then on."
            if note not in self.notes:
                self.notes = (*self.notes, note)
        return (Sample(source=self.name, at_ns=(before + after) // 2, values=values),) if values else ()
