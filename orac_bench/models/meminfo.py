"""How much memory this machine has to give."""

from __future__ import annotations

import re
from pathlib import Path


def available_b(root: Path = Path("/")) -> int | None:
    """Bytes that programs can have without swapping: MemAvailable of proc/meminfo under `root`. None where unread.

    Source: Documentation/filesystems/proc.rst of Linux; the kB there are 1024 bytes.
    """
    return _bytes(root, "MemAvailable")


def total_b(root: Path = Path("/")) -> int | None:
    """Bytes of memory that the kernel manages: MemTotal. None where unread."""
    return _bytes(root, "MemTotal")


def free_b(root: Path = Path("/")) -> int | None:
    """Bytes that nothing uses, not even the cache of files: MemFree. None where unread."""
    return _bytes(root, "MemFree")


def swap_free_b(root: Path = Path("/")) -> int | None:
    """Bytes of swap that are not in use: SwapFree. None where unread."""
    return _bytes(root, "SwapFree")


def gpu_used_b(root: Path = Path("/")) -> int | None:
    """Bytes that a Jetson's GPU has of the memory it shares: NvMapMemUsed. None where the kernel does not tell."""
    return _bytes(root, "NvMapMemUsed")


def _bytes(root: Path, name: str) -> int | None:
    try:
        text = (root / "proc" / "meminfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    found = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return None if found is None else int(found.group(1)) * 1024
