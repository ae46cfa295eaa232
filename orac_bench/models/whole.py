"""`write_whole`: a file appears with all of its bytes or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, data: bytes, *, beside: Path) -> None:
    """Puts `data` at `path`: written under another name in the folder `beside` (same file system), then renamed.

    Raises OSError; then `path` is as it was and nothing is left behind.
    """
    unfinished = beside / f".orac-{os.getpid()}-{path.name}"
    try:
        unfinished.write_bytes(data)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
