"""The Ollama of a running service, announced to everybody with the same ORAC_HOME: one Ollama at a time.

The announcement holds as long as its writer lives: it keeps a lock on the file, which the kernel drops with it.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from orac_bench.errors import MissingPrerequisite
from orac_bench.lock import taken, taken_at_once
from orac_bench.settings import Settings

FILE = "service.json"


@dataclass(frozen=True, kw_only=True)
class Announcement:
    """A running service and its Ollama."""

    pid: int
    """The service's process."""
    url: str
    """Where its Ollama answers."""
    version: str
    """Of its Ollama."""
    environment: Mapping[str, str]
    """What was pinned for that Ollama."""
    service: str
    """Where the service itself answers."""


class Serving(Protocol):
    """What is announced of a supervised Ollama."""

    url: str
    version: str
    environment: Mapping[str, str]


@contextmanager
def announced(settings: Settings, server: Serving) -> Iterator[Announcement]:
    """Tells everybody with this ORAC_HOME to use `server` while the `with` block runs.

    Raises MissingPrerequisite where another service announces its own, or the file cannot be written.
    """
    path = settings.home / FILE
    own = Announcement(
        pid=os.getpid(),
        url=server.url,
        version=server.version,
        environment=dict(server.environment),
        service=f"http://{settings.host}:{settings.port}",
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise MissingPrerequisite(
            f"The service's announcement {path} could not be written: {error.strerror}.",
            next="Set ORAC_HOME to a folder that you can write.",
        ) from error
    try:
        if not taken(handle, fcntl.LOCK_EX):
            other = _read(path)
            who = "" if other is None else f" (process {other.pid}, at {other.service})"
            raise MissingPrerequisite(
                f"Another service{who} uses {settings.home} already.",
                next="End it, or set ORAC_HOME to another folder.",
            )
        try:
            os.truncate(handle, 0)
            os.pwrite(handle, json.dumps(asdict(own)).encode(), 0)
        except OSError as error:
            raise MissingPrerequisite(
                f"The service's announcement {path} could not be written: {error.strerror}.",
                next="Make room (`df -h` shows where), or set ORAC_HOME to a folder that you can write.",
            ) from error
        try:
            yield own
        finally:
            os.truncate(handle, 0)
    finally:
        os.close(handle)


def read_announcement(settings: Settings) -> Announcement | None:
    """The Ollama that a service announces now. None where no service runs with this ORAC_HOME."""
    path = settings.home / FILE
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if taken_at_once(handle, fcntl.LOCK_SH) else _read(path)
    finally:
        os.close(handle)


def _read(path: Path) -> Announcement | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return Announcement(
            pid=int(told["pid"]),
            url=str(told["url"]),
            version=str(told["version"]),
            environment={str(key): str(value) for key, value in told["environment"].items()},
            service=str(told["service"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
