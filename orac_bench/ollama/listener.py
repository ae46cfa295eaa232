"""Who listens on a port of this machine, as far as /proc tells.

What must never live here: opening a socket.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_LISTENING = "0A"
"""Source: TCP_LISTEN in the kernel's include/net/tcp_states.h."""


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


def _sockets(port: int, proc: Path) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        for line in _text(proc / "net" / table).splitlines()[1:]:
            fields = line.split()
            if len(fields) > 9 and fields[3] == _LISTENING and fields[1].endswith(f":{port:04X}"):
                found.add(f"socket:[{fields[9]}]")
    return found


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
