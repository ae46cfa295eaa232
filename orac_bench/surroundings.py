"""What around ORAC is not as it should be, in plain words: mounts, rights, the way to the GPU, an open port.

Each finding says what was found, where, and what to type next. Looks and never changes anything; files only. What must
never live here: whether Ollama answers (api/keeper.py), what a GGUF file holds (models/folder.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orac_bench.candidates import models_folder
from orac_bench.errors import NoModels
from orac_bench.mounts import Kept, Mount, kept, mount_of, mounts
from orac_bench.ollama.listener import open_to_others
from orac_bench.settings import Settings
from orac_bench.telemetry.board import in_container, is_tegra
from orac_bench.telemetry.sources.files import text

OLLAMA_PORT = 11434
_GPU_DEVICES = ("dev/nvmap", "dev/nvhost-gpu", "dev/nvidia0")
"""What a program opens to reach the GPU: of a Jetson up to JetPack 6, of one up to JetPack 5, of a card and of Thor."""
_TEMPORARY = ("/tmp", "/var/tmp", "/usr/tmp", os.curdir)  # as Python's tempfile looks for one
_SHOWN = 3

Access = Callable[[Path, int], bool]
"""As `os.access`."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is wrong. `name` is what it is about; `broken` says whether something does not work for it."""

    name: str
    detail: str
    next: str
    broken: bool

    def __str__(self) -> str:
        return f"{self.detail} {self.next}"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where ORAC runs: the mounts that it sees, whether it is inside a container, its user, and what that may."""

    container: bool
    mounts: Sequence[Mount]
    user: int
    may: Access


def surroundings(
    settings: Settings, environ: Mapping[str, str], *, may: Access = os.access, user: int | None = None
) -> tuple[Finding, ...]:
    """Everything that is wrong, in the order in which a person would mend it. Empty where nothing is.

    Container, mounts and devices are looked for below ORAC_SYSFS_ROOT. `may` and `user` (None: this
    process's) say who asks.
    """
    root = settings.sysfs_root
    place = Place(
        container=in_container(root),
        mounts=mounts(text(root / "proc/self/mountinfo") or ""),
        user=os.geteuid() if user is None else user,
        may=may,
    )
    return (
        *_models(settings, place),
        *_results(settings, place),
        *_home(settings, place),
        *_temporary(environ, place),
        *_gpu(root, place),
        *_address(settings, environ),
    )


def open_port(settings: Settings) -> tuple[Finding, ...]:
    """Whether an Ollama on this machine takes connections from others: at most one finding.

    Asked apart, as the kernel takes tens of milliseconds to list the connections of a busy machine.
    """
    port = settings.ollama_port or OLLAMA_PORT
    if settings.ollama_url is not None or not open_to_others(port, root=settings.sysfs_root):
        return ()
    return (
        Finding(
            name="port",
            detail=f"Port {port} takes connections from other machines: an Ollama there lets everybody use, replace "
            "and delete its models.",
            next=f"See whose it is with `sudo ss -ltnp sport = :{port}`, and start it with OLLAMA_HOST=127.0.0.1",
            broken=False,
        ),
    )


def _models(settings: Settings, place: Place) -> Iterator[Finding]:
    """A folder of models that is missing, closed or empty, and files in it that this user may not read."""
    if settings.ollama_url is not None:
        return
    try:
        folder = models_folder(settings)
    except NoModels:
        return  # nobody has named one, and the error itself says what to type
    way = (*reversed(folder.parents), folder)
    shut = next((part for part in way if _exists(part) and not place.may(part, os.X_OK)), None)
    if shut is not None or (_is_folder(folder) and not place.may(folder, os.R_OK)):
        shut = shut or folder
        yield Finding(
            name="models",
            detail=f"The folder of models {folder} may not be read by user {place.user}: {shut} is closed to it.",
            next=f"{_on_host(place)}chmod a+rx {_outside(shut, place)}",
            broken=True,
        )
        return
    if not _is_folder(folder):
        yield _no_models(f"There is no folder of models {folder}.", folder, place)
        return
    files = sorted(path for path in folder.glob("[!.]*") if path.name.lower().endswith(".gguf"))
    if not files:
        yield _no_models(f"There is no GGUF file in {folder}.", folder, place)
        return
    closed = [path.name for path in files if _exists(path) and not place.may(path, os.R_OK)]
    if closed:
        named = ", ".join(closed[:_SHOWN]) + (f" and {len(closed) - _SHOWN} more" if len(closed) > _SHOWN else "")
        yield Finding(
            name="models",
            detail=f"{len(closed)} of {len(files)} GGUF files in {folder} may not be read by user {place.user}: "
            f"{named}.",
            next=f"{_on_host(place)}chmod a+r {_outside(folder, place)}/*.gguf",
            broken=len(closed) == len(files),
        )


def _no_models(what: str, folder: Path, place: Place) -> Finding:
    if not place.container:
        detail, way = what, f"Put GGUF files into {folder}, or set ORAC_MODELS_DIR to a folder that holds some."
    elif _mounted(folder, place):
        outside = _outside(folder, place)
        detail = (
            f"{what} What is mounted there is {outside} of the host, and Docker makes an empty folder of a wrong path."
        )
        way = f"On the host: ls {outside}, then mount the folder that holds the files."
    else:
        detail = f"{what} Nothing is mounted there."
        way = f"docker run -v /home/USER/ORAC/models/gguf:{folder}:ro, or set ORAC_GGUF for docker compose."
    return Finding(name="models", detail=detail, next=way, broken=True)


def _results(settings: Settings, place: Place) -> Iterator[Finding]:
    if settings.database_url.startswith("sqlite:"):
        folder = settings.database_path.parent
        yield from _writable("results", folder, "where rounds are kept", "ORAC_DATABASE_URL", place)
        yield from _lasting("results", folder, "every run goes with the container.", place)


def _home(settings: Settings, place: Place) -> Iterator[Finding]:
    yield from _writable("home", settings.home, "which is ORAC_HOME", "ORAC_HOME", place)
    if settings.home not in settings.database_path.parents:
        cost = "each new container reads every model once more before its first load."
        yield from _lasting("home", settings.home, cost, place)


def _temporary(environ: Mapping[str, str], place: Place) -> Iterator[Finding]:
    """No place for temporary files, as in a container whose root is read-only."""
    given = [environ[name] for name in ("TMPDIR", "TEMP", "TMP") if environ.get(name)]
    if not any(_is_folder(path) and place.may(path, os.W_OK | os.X_OK) for path in map(Path, (*given, *_TEMPORARY))):
        yield Finding(
            name="temporary",
            detail=f"No place for temporary files, such as /tmp, can be written by user {place.user}: "
            "nothing can be measured.",
            next="docker run --tmpfs /tmp" if place.container else "Set TMPDIR to a folder that you can write.",
            broken=True,
        )


def _writable(name: str, folder: Path, what: str, setting: str, place: Place) -> Iterator[Finding]:
    there = next(parent for parent in (folder, *folder.parents) if _exists(parent))
    if _is_folder(there) and place.may(there, os.W_OK | os.X_OK):
        return
    mount = mount_of(str(there), place.mounts)
    read_only = mount is not None and mount.read_only
    if not _is_folder(there):
        why = f"{there} is no folder"
    elif read_only:
        why = "it is mounted read-only"
    else:
        why = f"{there} belongs to user {there.stat().st_uid}"
    if place.container and _mounted(there, place):
        way = (
            "Leave `:ro` off its mount."
            if read_only
            else f"On the host: sudo chown -R {place.user} {_outside(there, place)}"
        )
    elif place.container:
        way = f"Give it a volume: docker run -v orac-{name}:{folder}"
    else:
        way = f"Set {setting} to a place that you can write."
    yield Finding(
        name=name, detail=f"{folder}, {what}, cannot be written by user {place.user}: {why}.", next=way, broken=True
    )


def _lasting(name: str, folder: Path, cost: str, place: Place) -> Iterator[Finding]:
    """Whether what is written to `folder` outlives the container; `cost` is what it means that it does not."""
    where = {
        Kept.INSIDE: "is inside the container",
        Kept.NAMELESS: "is on a volume without a name, which no other container gets and `docker run --rm` deletes",
        Kept.MEMORY: "is in memory",
    }
    found = kept(str(folder), place.mounts)
    if place.container and found in where:
        yield Finding(
            name=name,
            detail=f"{folder} {where[found]}: {cost}",
            next=f"Give it a volume: docker run -v orac-{name}:{folder}",
            broken=False,
        )


def _gpu(root: Path, place: Place) -> Iterator[Finding]:
    """A machine with an NVIDIA GPU whose devices are not here, or may not be opened."""
    tegra = is_tegra(root)
    if not tegra and not (root / "proc/driver/nvidia/version").exists():
        return
    device = next((root / name for name in _GPU_DEVICES if (root / name).exists()), None)
    if device is None:
        names = ", ".join(f"/{name}" for name in _GPU_DEVICES)
        where = "the container" if place.container else "this system"
        flag = "--runtime nvidia" if tegra else "--gpus all"
        yield Finding(
            name="gpu",
            detail=f"This machine has an NVIDIA GPU, and {where} does not see it (none of {names}): "
            "models run on the CPU.",
            next=f"docker run {flag}, or docker compose up"
            if place.container
            else "See why with: sudo dmesg | grep -i nv",
            broken=False,
        )
    elif not place.may(device, os.R_OK | os.W_OK):
        group, name = device.stat().st_gid, f"/{device.relative_to(root)}"
        yield Finding(
            name="gpu",
            detail=f"The GPU's device {name} may not be opened by user {place.user} (it belongs to group {group}): "
            "models run on the CPU.",
            next=f"docker run --group-add {group}"
            if place.container
            else f"sudo usermod -aG $(stat -c %G {name}) $USER, then log in again",
            broken=False,
        )


def _address(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """An OLLAMA_HOST for everybody. Ollama has no password: it is to be reached from this machine alone."""
    given = environ.get("OLLAMA_HOST", "").strip()
    if settings.ollama_url is None and given and not _loopback(given):
        yield Finding(
            name="port",
            detail=f"OLLAMA_HOST is {given!r} and is not used: ORAC's Ollama listens on 127.0.0.1 alone, "
            "so that its port is of no use to others even where it is published.",
            next=f"Unset OLLAMA_HOST, and publish port {settings.port} only.",
            broken=False,
        )


def _loopback(address: str) -> bool:
    """Whether an OLLAMA_HOST, which is a host, a port or both, means this machine alone. Source: Ollama's envconfig."""
    name = address.split("://")[-1].split("/")[0].lower()
    return name == "localhost" or name.startswith(("127.", "localhost:", "[::1]")) or name == "::1"


def _mounted(folder: Path, place: Place) -> bool:
    mount = mount_of(str(folder), place.mounts)
    return mount is not None and mount.point != "/"


def _outside(folder: Path, place: Place) -> str:
    """How the host calls `folder`, as far as the mount tells: on a disk of its own the path begins there."""
    mount = mount_of(str(folder), place.mounts)
    if mount is None or not place.container or mount.point == "/":
        return str(folder)
    return mount.origin.rstrip("/") + str(folder)[len(mount.point.rstrip("/")) :]


def _on_host(place: Place) -> str:
    return "On the host: " if place.container else ""


def _exists(path: Path) -> bool:
    """As far as this user can see. Path.exists raises where a folder above is closed."""
    try:
        return path.exists()
    except OSError:
        return False


def _is_folder(path: Path) -> bool:
    return _exists(path) and path.is_dir()
