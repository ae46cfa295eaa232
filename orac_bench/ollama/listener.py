"""Who listens on a port of this machine, as far as /proc tells.

What must never live here: opening a socket.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_LISTENING = "0A"
"""Source: TCP_LISTEN in the kernel's include/net/tcp_states.h."""
_LOOPBACK = re.compile(r"[0-9A-F]{6}7F|0{24}01000000|0{16}FFFF0000[0-9A-F]{6}7F")
"""127.0.0.0/8, ::1, and the first written as IPv6, in words of four bytes as a little-endian machine prints them."""


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A process that listens: its id and its short name."""

    pid: int
    name: str


def listener(port: int, *, root: Path = Path("/")) -> Listener | None:
    """Who listens on TCP `port`. None when nobody does, or when it is another user's process.

    Source: proc(5), /proc/net/tcp (fields 2, 4 and 10) and the links in /proc/PID/fd.
    """
    sockets = _sockets(port, root / "proc")
    if not sockets:
        return None
    for process in (root / "proc").iterdir():
        if process.name.isdigit() and _holds(process, sockets):
            return Listener(pid=int(process.name), name=_text(process / "comm").strip() or "?")
    return None


def open_to_others(port: int, *, root: Path = Path("/")) -> bool:
    """Whether somebody listens on TCP `port` at an address that is not the machine's own loopback."""
    return any(not _LOOPBACK.fullmatch(fields[1].partition(":")[0]) for fields in _listening(port, root / "proc"))


def _sockets(port: int, proc: Path) -> set[str]:
    return {f"socket:[{fields[9]}]" for fields in _listening(port, proc)}


def _listening(port: int, proc: Path) -> Iterator[list[str]]:
    """The fields of each line of a listening socket at that port."""
    for table in ("tcp", "tcp6"):
        for line in _text(proc / "net" / table).splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == _LISTENING and fields[1].endswith(f":{port:04X}"):
                yield fields


def _holds(process: Path, sockets: set[str]) -> bool:
    try:
        return any(str(link.readlink()) in sockets for link in (process / "fd").iterdir())
    except OSError:
        return False  # another user's, or gone meanwhile


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
