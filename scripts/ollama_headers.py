"""Three C++ headers that Go leaves out of Ollama's source archive from 0.11.5 on, gathered in one folder.

Two come out of Debian packages, unpacked and not installed, so no root is needed; the third out of the source archive
of a Python package, held by its SHA-256. Used by build_ollama.py. Source of the need: Ollama keeps them in folders
named `vendor`, and `go help modules` leaves such folders out of module archives.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGES = {"nlohmann/json.hpp": "nlohmann-json3-dev", "stb/stb_image.h": "libstb-dev"}
MINIAUDIO = "miniaudio/miniaudio.h"
MINIAUDIO_VERSION = "1.71"
MINIAUDIO_SHA256 = "ff51e2887bb673e2e757752b586b3dc924d59aa5fbcae9bbc45f4a111bd3262b"
HEADERS = (*PACKAGES, MINIAUDIO)


class HeadersMissing(Exception):
    """A header could not be had; the message says which and what to do."""


def gather(folder: Path) -> None:
    """Puts into `folder` what is not there yet; a second call does nothing. Raises HeadersMissing."""
    for header, package in PACKAGES.items():
        if not (folder / header).is_file():
            _from_debian(package, header, folder)
    if not (folder / MINIAUDIO).is_file():
        _from_miniaudio(folder)


def missing(folders: list[Path]) -> list[str]:
    """The headers that are in none of `folders` nor where the system keeps its own."""
    places = [*folders, Path("/usr/include"), Path("/usr/local/include")]
    return [header for header in HEADERS if not any((place / header).is_file() for place in places)]


def _from_debian(package: str, header: str, folder: Path) -> None:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise HeadersMissing(
                f"{header} is missing and there is no {tool} to fetch {package} with. "
                "Name a folder that has it with --include DIR."
            )
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch).chmod(0o755)
        code, said = _run(["apt-get", "download", package], scratch)
        if code != 0 and os.geteuid() == 0:
            _run(["apt-get", "update"], scratch)
            code, said = _run(["apt-get", "download", package], scratch)
        archives = sorted(Path(scratch).glob("*.deb"))
        if code != 0 or not archives:
            raise HeadersMissing(
                f"`apt-get download {package}` failed, so {header} is missing: {said}\n"
                f"Try `sudo apt-get update`, or `sudo apt-get install {package}` and --include /usr/include."
            )
        unpacked = Path(scratch) / "unpacked"
        code, said = _run(["dpkg-deb", "-x", str(archives[0]), str(unpacked)], scratch)
        found = unpacked / "usr" / "include" / header
        if code != 0 or not found.is_file():
            raise HeadersMissing(f"{archives[0].name} has no {header}. {said}")
        shutil.copytree(found.parent, (folder / header).parent, dirs_exist_ok=True)


def _from_miniaudio(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        wanted = f"miniaudio=={MINIAUDIO_VERSION}"
        code, said = _run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--no-binary",
                "miniaudio",
                "--dest",
                scratch,
                wanted,
            ],
            scratch,
        )
        archives = sorted(Path(scratch).glob("miniaudio-*.tar.gz"))
        if code != 0 or not archives:
            raise HeadersMissing(f"`pip download {wanted}` failed, so {MINIAUDIO} is missing: {said}")
        found = hashlib.sha256(archives[0].read_bytes()).hexdigest()
        if found != MINIAUDIO_SHA256:
            raise HeadersMissing(f"{archives[0].name} has SHA-256 {found}, expected is {MINIAUDIO_SHA256}.")
        with tarfile.open(archives[0]) as archive:
            member = archive.extractfile(f"miniaudio-{MINIAUDIO_VERSION}/{MINIAUDIO}")
            if member is None:
                raise HeadersMissing(f"{archives[0].name} has no {MINIAUDIO}.")
            target = folder / MINIAUDIO
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(member.read())


def _run(command: list[str], folder: str) -> tuple[int, str]:
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.returncode, (done.stderr.strip() or done.stdout.strip())[-600:]
