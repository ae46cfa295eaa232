"""buildah with a storage of its own, and what an image that it made is: its files and its settings."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BUILD_S = 1800.0


class CommandFailed(Exception):
    """A command ended with a status other than 0; the message has what it said."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image: its tag, the folder with all its files (read only), and what its Dockerfile set."""

    tag: str
    root: Path
    environment: Mapping[str, str]
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    user: str
    workdir: str
    labels: Mapping[str, str]
    healthcheck: tuple[str, ...]
    volumes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Engine:
    """buildah. `folder` has all that it keeps."""

    folder: Path

    def __call__(self, *words: str, within_s: float = 300.0) -> str:
        """What it says on stdout. Raises CommandFailed."""
        storage = ("--root", f"{self.folder}/storage", "--runroot", f"{self.folder}/run", "--storage-driver", "overlay")
        return ran("buildah", *storage, *words, within_s=within_s)

    def build(
        self, context: Path, tag: str, *, arguments: Mapping[str, str], volumes: Sequence[str] = (), target: str = ""
    ) -> str:
        """What the build of `context` said; `tag` is the image. Steps that have not changed are taken from before."""
        given = [f"--build-arg={name}={value}" for name, value in arguments.items()]
        given += [f"--volume={volume}" for volume in volumes]
        given += [f"--target={target}"] if target else []
        command = ("bud", "--isolation=chroot", "--format=docker", "--layers", f"--tag={tag}", *given, str(context))
        return self(*command, within_s=BUILD_S)

    @contextmanager
    def image(self, tag: str) -> Iterator[Image]:
        """The image, its files mounted while the `with` block runs."""
        said: dict[str, Any] = json.loads(self("inspect", "--type=image", tag))["Docker"]
        config = said["config"]
        container = self("from", "--pull-never", tag).strip()
        root = Path(self("mount", container).strip())
        try:
            yield Image(
                tag=tag,
                root=root,
                environment=dict(entry.split("=", 1) for entry in config["Env"]),
                entrypoint=tuple(config.get("Entrypoint") or ()),
                command=tuple(config.get("Cmd") or ()),
                user=config.get("User", ""),
                workdir=config.get("WorkingDir") or "/",
                labels=config.get("Labels") or {},
                healthcheck=tuple((config.get("Healthcheck") or {}).get("Test") or ()),
                volumes=tuple(config.get("Volumes") or ()),
            )
        finally:
            self("umount", container)
            self("rm", container)

    def clean(self) -> None:
        """Removes every image and container."""
        self("rm", "--all")
        self("rmi", "--all", "--force")


def ran(*words: str, within_s: float = 300.0) -> str:
    """What a command says on stdout. Raises CommandFailed, and subprocess.TimeoutExpired."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=within_s, check=False)
    if done.returncode:
        said = (done.stdout.strip() + "\n" + done.stderr.strip())[-3000:]
        raise CommandFailed(f"`{' '.join(words)}` ended with exit status {done.returncode}:\n{said}")
    return done.stdout


def size(root: Path) -> int:
    """The bytes of all files below `root`, a file with several names once."""
    found = {(stat.st_dev, stat.st_ino): stat.st_size for path in root.rglob("*") if (stat := path.lstat())}
    return sum(found.values())
