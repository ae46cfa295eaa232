"""Numbers out of small files that the kernel writes: held open, read from their beginning each time."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

PAGE_B = 8192
_GONE = frozenset({errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ESRCH})


class HeldFile:
    """A file that is read again and again. Where it cannot be read it gives None, now or for good."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def gone(self) -> bool:
        """Whether it is closed: never opened, or its device has vanished."""
        return self._descriptor is None

    def open(self) -> bool:
        """Opens it. Whether that was possible."""
        self.close()
        try:
            self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Closes it, if it is open."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def read(self) -> bytes | None:
        """What is in it now, at most 8 KiB. None where it cannot be read at the moment (EAGAIN) or any more."""
        if self._descriptor is None:
            return None
        try:
            return os.pread(self._descriptor, PAGE_B, 0)
        except OSError as error:
            if error.errno in _GONE:
                self.close()
            return None

    def number(self) -> float | None:
        """The number in it. None where it cannot be read or holds none."""
        data = self.read()
        if not data:
            return None
        try:
            return float(data)
        except ValueError:
            return None


Probe = Callable[[dict[str, float]], None]
"""Reads its files and puts their values, in base units, into the dictionary."""


class HeldFiles:
    """The files of one source, opened together, with the probes that read them."""

    def __init__(self) -> None:
        self.files: list[HeldFile] = []
        self.probes: list[Probe] = []

    def hold(self, path: Path) -> HeldFile | None:
        """The file at `path`, open. None where it is not there or may not be read."""
        file = HeldFile(path)
        if not file.open():
            return None
        self.files.append(file)
        return file

    def hold_first(self, paths: Iterable[Path]) -> HeldFile | None:
        """The first of `paths` that can be read and holds a number, open. None where there is none."""
        for path in paths:
            file = self.hold(path)
            if file is not None and file.number() is not None:
                return file
        return None

    def number(self, name: str, file: HeldFile | None, factor: float = 1.0) -> None:
        """Adds a probe for one number; `factor` brings it to the base unit. Nothing where there is no file."""
        if file is None:
            return

        def probe(values: dict[str, float]) -> None:
            number = file.number()
            if number is not None:
                values[name] = number * factor

        self.probes.append(probe)

    def read(self) -> Mapping[str, float]:
        """All values that can be had now."""
        values: dict[str, float] = {}
        for probe in self.probes:
            probe(values)
        return values

    @property
    def lost(self) -> tuple[Path, ...]:
        """Files whose device has vanished since they were opened."""
        return tuple(file.path for file in self.files if file.gone)

    def close(self) -> None:
        """Closes all and forgets the probes."""
        for file in self.files:
            file.close()
        self.files, self.probes = [], []


def text(path: Path) -> str | None:
    """The one line in a small file, without space around it. None where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").replace("\0", "").strip()
    except OSError:
        return None
