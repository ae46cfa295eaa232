"""What is mounted where, as the kernel's mountinfo tells, and how long what is written there is kept. Pure.

Source: proc(5), /proc/PID/mountinfo.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

_ESCAPED = re.compile(r"\\([0-7]{3})")
_NAMELESS = re.compile(r"/volumes/[0-9a-f]{64}/_data$")
"""Docker and Podman call a volume that nobody named by 64 digits. Source: seen in mountinfo of both."""
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_LAYERED = frozenset({"overlay", "aufs", "fuse.fuse-overlayfs"})
"""Filesystems of a container's root. Others are a folder of the host's disk; the whole of one is a machine's own."""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """One mount: the folder or file `point`, which is `origin` on the disk that it comes from."""

    point: str
    origin: str
    filesystem: str
    read_only: bool


class Kept(str, Enum):
    """How long a container keeps what is written to a place."""

    LASTING = "lasting"  # on a volume with a name, or in a folder of the host
    NAMELESS = "nameless"  # on a volume that was made for this container and goes with it
    INSIDE = "inside"  # in the container itself
    MEMORY = "memory"  # until it stops


def mounts(mountinfo: str) -> tuple[Mount, ...]:
    """The mounts in the text of a mountinfo, in its order; a line that is none is left out."""
    found = []
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 6 or len(kind) < 2:
            continue
        options = {*fields[5].split(","), *(kind[2].split(",") if len(kind) > 2 else ())}
        found.append(
            Mount(
                point=_unescaped(fields[4]),
                origin=_unescaped(fields[3]),
                filesystem=kind[0],
                read_only="ro" in options,
            )
        )
    return tuple(found)


def mount_of(path: str, among: Sequence[Mount]) -> Mount | None:
    """The mount that the absolute `path` lies on: the innermost, of equal ones the last. None where none is known."""
    holding = [mount for mount in among if (path + "/").startswith(mount.point.rstrip("/") + "/")]
    return max(reversed(holding), key=lambda mount: len(mount.point), default=None)


def kept(path: str, among: Sequence[Mount]) -> Kept | None:
    """How long a container with these mounts keeps what is written to `path`. None where it cannot be told."""
    mount = mount_of(path, among)
    if mount is None:
        return None
    if mount.filesystem in _IN_MEMORY:
        return Kept.MEMORY
    if mount.point == "/":
        return Kept.INSIDE if mount.filesystem in _LAYERED or mount.origin != "/" else None
    return Kept.NAMELESS if _NAMELESS.search(mount.origin) else Kept.LASTING


def _unescaped(field: str) -> str:
    """A blank, a tab, a line end and a backslash are written as three octal digits."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), field)
