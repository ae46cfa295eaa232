"""SHA-256 of model files, each computed once and then known by the file's device, inode, size and time of change."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orac_bench.errors import BadModel, MissingPrerequisite
from orac_bench.models.whole import write_whole

_BLOCK_B = 4 * 2**20


@dataclass(frozen=True, kw_only=True)
class Digests:
    """The digests kept in the JSON file `path`. A file there that is no such JSON is thrown away."""

    path: Path

    def of(self, file: Path, *, progress: Callable[[int, int], None] | None = None) -> str:
        """The SHA-256 of `file`, 64 hex digits; read from the file only where it is not known yet.

        `progress` is called with bytes read and bytes in all, every 4 MiB. Raises BadModel where the file cannot be
        read or changes meanwhile, MissingPrerequisite where the digest cannot be kept.
        """
        known = self.known(file)
        if known is not None:
            return known
        try:
            key, digest = _hashed(file, progress)
        except OSError as error:
            raise BadModel(f"{file.name} cannot be read: {error.strerror}.") from error
        name = str(file.absolute())
        kept = {old: row for old, row in self._read().items() if row["file"] != name}
        self._write({**kept, key: {"file": name, "sha256": digest}})
        return digest

    def known(self, file: Path) -> str | None:
        """The SHA-256 of `file` as kept. None where it was never computed, the file changed, or there is none."""
        key = identity(file)
        row = None if key is None else self._read().get(key)
        return None if row is None else row["sha256"]

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            rows = json.loads(self.path.read_bytes())
            return {str(key): {"file": str(row["file"]), "sha256": _sha256(row["sha256"])} for key, row in rows.items()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return {}

    def _write(self, rows: dict[str, dict[str, str]]) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.path, json.dumps(rows, indent=1).encode(), beside=self.path.parent)
        except OSError as error:
            raise MissingPrerequisite(
                f"The digests of the models cannot be kept in {self.path}: {error.strerror}.",
                next="Make room or make that folder writable, or set ORAC_HOME to one that is.",
            ) from error


def identity(file: Path) -> str | None:
    """By what `file` is known again: device, inode, size and time of change. None where it is not there."""
    try:
        return _key(file.stat())
    except OSError:
        return None


def _key(status: os.stat_result) -> str:
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"


def _sha256(text: str) -> str:
    if len(bytes.fromhex(text)) != 32:
        raise ValueError(text)
    return text


def _hashed(file: Path, progress: Callable[[int, int], None] | None) -> tuple[str, str]:
    """The key and the SHA-256 of `file`. Raises BadModel where it changed while it was read."""
    sha256, done = hashlib.sha256(), 0
    with file.open("rb") as source:
        before = os.fstat(source.fileno())
        while done <= before.st_size and (block := source.read(_BLOCK_B)):
            sha256.update(block)
            done += len(block)
            if progress is not None:
                progress(done, before.st_size)
        key = _key(os.fstat(source.fileno()))
    if key != _key(before):
        raise BadModel(f"{file.name} changed while it was read. Wait until it is copied.")
    return key, sha256.hexdigest()
