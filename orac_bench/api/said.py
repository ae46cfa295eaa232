"""What the processes of a run printed, as it may be shown: its end, without what a terminal would act on."""

from __future__ import annotations

import os
import re
from pathlib import Path

MOST_B = 2**20
"""Of a log that is looked at, from its end."""

_CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_ERROR = re.compile(r"orac: (.+)|((?:\w+\.)*\w*(?:Error|Exception): .+)")
"""ORAC's own errors, and those of Python where ORAC itself is broken."""


def last_lines(log: Path, most: int) -> list[str]:
    """The last lines of a log, at most `most` and 1 MiB; none where nothing was printed."""
    try:
        with log.open("rb") as file:
            size_b = file.seek(0, os.SEEK_END)
            file.seek(max(0, size_b - MOST_B))
            lines = file.read(MOST_B).decode("utf-8", "replace").split("\n")
    except OSError:
        return []
    if size_b > MOST_B:
        lines = lines[1:]  # the first one is cut
    if lines and not lines[-1]:
        lines.pop()
    return [_CONTROLS.sub("", line) for line in lines[-most:]]


def last_words(log: Path) -> str | None:
    """The last error that the run's processes printed, in one line. None where they printed none."""
    said = [found[1] or found[2] for line in last_lines(log, 200) if (found := _ERROR.match(line))]
    return said[-1][:500] if said else None
