"""A container that runs: an image started by crun in namespaces of its own, as Docker starts one, without Docker.

It has a layer of its own over the image's files, process ids in which its command is number 1, the user, groups,
capabilities and mounts that Docker would give it, and a network that is one cable to this machine.
"""

from __future__ import annotations

import itertools
import json
import os
import secrets
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.container.engine import Image, ran
from tests.waiting import eventually

CAPABILITIES = (
    *("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID"),
    *("CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL"),
    "CAP_AUDIT_WRITE",
)
"""Docker's own choice, for root; another user has none of them in effect. Source: moby, oci/caps/defaults.go."""
WITHOUT_CGROUPS = 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"'
OPEN = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
PORT = 8000
_NUMBERS = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Mount:
    """What `-v SOURCE:TARGET[:ro]` is."""

    source: Path
    target: str
    readonly: bool = False


@dataclass(frozen=True, kw_only=True)
class Room:
    """A container that was started. `address` is where this machine reaches it."""

    name: str
    address: str
    process: subprocess.Popen[bytes]
    log: Path
    began_s: float
    state: Path

    @property
    def url(self) -> str:
        return f"http://{self.address}:{PORT}"

    def said(self) -> str:
        """What it has written to stdout and stderr."""
        return self.log.read_text(errors="replace")

    def ask(self, path: str, body: Any = None, *, method: str | None = None, within_s: float = 60.0) -> Any:
        """The JSON that the service answers. Raises urllib.error.HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data=data, headers={"content-type": "application/json"}, method=method
        )
        with OPEN(request, timeout=within_s) as answer:
            return json.load(answer)

    def status(self, path: str) -> int:
        """The status of a GET; 0 where nobody listens."""
        try:
            with OPEN(self.url + path, timeout=10.0) as answer:
                return int(answer.status)
        except OSError:
            return 0

    def ready(self, *, within_s: float = 30.0) -> float:
        """Waits until Ollama answers behind the service. Seconds since it was started."""
        eventually(lambda: self.process.poll() is not None or self._up(), within_s=within_s)
        assert self.process.poll() is None, self.said()
        return time.monotonic() - self.began_s

    def _up(self) -> bool:
        try:
            health = self.ask("/v1/health", within_s=5.0)
        except OSError:
            return False
        return bool(health["versions"]["ollama"])

    def inside(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command that is run beside, as `docker exec` does."""
        words = ["crun", "--root", str(self.state), "--cgroup-manager=disabled", "exec", self.name, *command]
        return subprocess.run(_apart(words), capture_output=True, text=True, check=False, timeout=60.0)

    def signal(self, name: str) -> None:
        """Sends process 1 a signal, such as TERM."""
        ran(*_apart(["crun", "--root", str(self.state), "--cgroup-manager=disabled", "kill", self.name, name]))

    def stop(self, name: str = "TERM", *, within_s: float = 20.0) -> tuple[int, float]:
        """Its exit status after the signal, and how many seconds it took."""
        began = time.monotonic()
        self.signal(name)
        return self.process.wait(within_s), time.monotonic() - began

    def processes(self) -> list[int]:
        """Every process that is in its network, seen from this machine."""
        return [int(word) for word in ran("ip", "netns", "pids", self.name).split()]


@contextmanager
def room(
    image: Image,
    folder: Path,
    *command: str,
    mounts: Sequence[Mount] = (),
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
    readonly: bool = False,
) -> Iterator[Room]:
    """`docker run IMAGE COMMAND`, killed where the block leaves it. `user` may be `UID:GID`; `readonly` its root."""
    with ExitStack() as stack:
        name, address = stack.enter_context(_network())
        bundle = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="room-", dir=folder)))
        root = stack.enter_context(_layer(image.root, bundle))
        (root / ".dockerenv").touch()
        given = [*mounts, *_nameless(image, {mount.target for mount in mounts}, bundle)]
        config = {
            "ociVersion": "1.0.2",
            "root": {"path": str(root), "readonly": readonly},
            "hostname": "orac",
            "process": {
                "terminal": False,
                "user": _user(root, user or image.user),
                "args": [*image.entrypoint, *(command or image.command)],
                "env": [f"{key}={value}" for key, value in {**image.environment, **(environment or {})}.items()],
                "cwd": image.workdir,
                "capabilities": dict.fromkeys(("bounding", "permitted", "effective"), CAPABILITIES),
            },
            "mounts": [*_SYSTEM, *map(_bind, given)],
            "linux": {
                "namespaces": [
                    *({"type": kind} for kind in ("pid", "ipc", "uts", "mount")),
                    {"type": "network", "path": f"/run/netns/{name}"},
                ]
            },
        }
        (bundle / "config.json").write_text(json.dumps(config))
        state = bundle / "state"
        words = ["crun", "--root", str(state), "--cgroup-manager=disabled", "run", "--bundle", str(bundle), name]
        log = bundle / "said.txt"
        with log.open("wb") as out:
            began_s = time.monotonic()
            process = subprocess.Popen(
                _apart(words), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        started = Room(name=name, address=address, process=process, log=log, began_s=began_s, state=state)
        try:
            yield started
        finally:
            for pid in started.processes():
                with suppress(ProcessLookupError):  # process 1 takes the others with it
                    os.kill(pid, signal.SIGKILL)
            process.wait(20)


def _apart(words: list[str]) -> list[str]:
    """The command where crun finds no control groups: it refuses those of some machines, and needs none here."""
    return ["unshare", "--mount", "sh", "-c", WITHOUT_CGROUPS, "sh", *words]


def _nameless(image: Image, taken: set[str], folder: Path) -> Iterator[Mount]:
    """A volume that nobody named for each place that the image wants one for, beginning as the image has it."""
    for target in image.volumes:
        if target not in taken:
            source = folder / "volumes" / secrets.token_hex(32) / "_data"
            source.parent.mkdir(parents=True)
            ran("cp", "--archive", f"{image.root}{target}", str(source))
            yield Mount(source=source, target=target)


@contextmanager
def _network() -> Iterator[tuple[str, str]]:
    """The name of a new network with a cable to this machine, and the address of its end in there."""
    number = next(_NUMBERS)
    name = f"orac-{os.getpid()}-{number}"
    subnet = f"10.213.{os.getpid() % 256}.{4 * number % 252}"
    outer, inner = (subnet.rpartition(".")[0] + f".{4 * number % 252 + end}" for end in (1, 2))
    cable = f"orac{os.getpid() % 65536:x}n{number}"
    ran("ip", "netns", "add", name)
    try:
        ran("ip", "link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
        ran("ip", "address", "add", f"{outer}/30", "dev", cable)
        ran("ip", "link", "set", cable, "up")
        for words in (("address", "add", f"{inner}/30", "dev", "eth0"), ("link", "set", "eth0", "up")):
            ran("ip", "-netns", name, *words)
        ran("ip", "-netns", name, "link", "set", "lo", "up")
        yield name, inner
    finally:
        ran("ip", "netns", "delete", name)


@contextmanager
def _layer(lower: Path, folder: Path) -> Iterator[Path]:
    """The image's files with a layer of the container's own above them."""
    for part in ("upper", "work", "root"):
        (folder / part).mkdir()
    options = f"lowerdir={lower},upperdir={folder}/upper,workdir={folder}/work"
    ran("mount", "-t", "overlay", "overlay", "-o", options, f"{folder}/root")
    try:
        yield folder / "root"
    finally:
        ran("umount", f"{folder}/root")


def _user(root: Path, name: str) -> dict[str, Any]:
    """The numbers of a user and its groups, as Docker finds them: of a name with all its groups, of numbers alone."""
    if ":" in name or name.isdigit():
        uid, _, gid = name.partition(":")
        return {"uid": int(uid), "gid": int(gid or 0)}
    entries = [line.split(":") for line in (root / "etc/passwd").read_text().splitlines()]
    uid, gid = next((int(entry[2]), int(entry[3])) for entry in entries if entry[0] == (name or "root"))
    groups = [line.split(":") for line in (root / "etc/group").read_text().splitlines()]
    return {"uid": uid, "gid": gid, "additionalGids": [int(one[2]) for one in groups if name in one[3].split(",")]}


def _bind(mount: Mount) -> dict[str, Any]:
    options = ["rbind", "rprivate", "ro" if mount.readonly else "rw"]
    return {"destination": mount.target, "type": "bind", "source": str(mount.source), "options": options}


_SYSTEM: tuple[dict[str, Any], ...] = (
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"]},
    {
        "destination": "/dev/pts",
        "type": "devpts",
        "source": "devpts",
        "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "nodev", "size=65536k"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
)
