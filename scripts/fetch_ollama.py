"""Fetches a release of Ollama, checks it against the release's own checksums, and unpacks what a board needs of it.

    python3 scripts/fetch_ollama.py --version 0.20.7 --to /opt/ollama

For the Dockerfile; standard library only, and `tar` with `zstd`. An archive whose SHA-256 is not the one that the
release's sha256sum.txt says is not unpacked; --checksums-sha256 pins that file itself. Of the main archive only the
program and the libraries for the processor are taken: the folders beside them are for graphics cards that are no
Jetson. On JetPack 5 and 6 the overlay with the board's CUDA library is laid over it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

RELEASES = "https://github.com/ollama/ollama/releases/download"
CHECKSUMS = "sha256sum.txt"
MACHINES = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "amd64"}
SILENCE_S = 60.0
CHUNK_B = 2**20


class NotFetched(Exception):
    """The release was not unpacked; the message says why and what to do."""


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 unpacked, 2 not."""
    parser = argparse.ArgumentParser(description="Fetch a release of Ollama, checked.")
    parser.add_argument("--version", required=True, help="a release, such as 0.20.7")
    parser.add_argument("--to", type=Path, required=True, help="the folder that gets bin/ and lib/")
    parser.add_argument("--releases", default=RELEASES, help="where releases are (default %(default)s)")
    parser.add_argument("--checksums-sha256", default="", help="the SHA-256 that the release's sha256sum.txt must have")
    parser.add_argument("--machine", default=platform.machine(), help="aarch64 or x86_64 (default: this machine)")
    chosen = parser.parse_args(arguments)
    try:
        fetch(
            f"{chosen.releases.rstrip('/')}/v{chosen.version}",
            archives(chosen.machine, jetpack=jetpack(os.environ, Path("/etc/nv_tegra_release"))),
            chosen.to,
            pinned=chosen.checksums_sha256 or None,
        )
    except NotFetched as error:
        print(f"Ollama {chosen.version} was not fetched. {error}", file=sys.stderr)
        return 2
    return 0


def archives(machine: str, *, jetpack: int | None) -> tuple[str, ...]:
    """The names of the archives for a machine, in the order in which they are unpacked. Raises NotFetched."""
    if machine not in MACHINES:
        raise NotFetched(f"There is no release for {machine}; there is one for {' and '.join(MACHINES)}.")
    main_archive = f"ollama-linux-{MACHINES[machine]}"
    overlay = (f"{main_archive}-jetpack{jetpack}.tar.zst",) if jetpack and MACHINES[machine] == "arm64" else ()
    return (f"{main_archive}.tar.zst", *overlay)


def jetpack(environ: Mapping[str, str], release: Path) -> int | None:
    """The JetPack, 5 or 6, of JETSON_JETPACK or else of the file nv_tegra_release. None where there is neither.

    Source: Ollama's own installer, which takes R35 for JetPack 5 and R36 for JetPack 6.
    """
    given = re.match(r"[56](?!\d)", environ.get("JETSON_JETPACK", ""))
    if given:
        return int(given.group())
    try:
        found = re.match(r"# R(\d+)", release.read_text(encoding="ascii", errors="replace"))
    except OSError:
        return None
    return {"35": 5, "36": 6}.get(found.group(1)) if found else None


def fetch(release: str, names: tuple[str, ...], target: Path, *, pinned: str | None) -> None:
    """Unpacks the archives `names` of the release at the address `release` into `target`. Raises NotFetched."""
    with tempfile.TemporaryDirectory() as scratch:
        listed = Path(scratch) / CHECKSUMS
        found = _download(f"{release}/{CHECKSUMS}", listed)
        if pinned is not None and found != pinned:
            raise NotFetched(f"{release}/{CHECKSUMS} has SHA-256 {found}, expected is {pinned}.")
        expected = checksums(listed.read_text(encoding="utf-8", errors="replace"))
        target.mkdir(parents=True, exist_ok=True)
        for name in names:
            if name not in expected:
                raise NotFetched(f"{release}/{CHECKSUMS} names no {name}. Choose another version.")
            archive = Path(scratch) / name
            print(f"Fetching {release}/{name}", flush=True)
            if (found := _download(f"{release}/{name}", archive)) != expected[name]:
                raise NotFetched(f"{name} has SHA-256 {found}, expected is {expected[name]}. Try again.")
            _unpack(archive, target, whole=name != names[0])
            archive.unlink()


def checksums(text: str) -> dict[str, str]:
    """SHA-256 by name, of what `sha256sum` wrote."""
    return {name: digest for digest, name in re.findall(r"^([0-9a-f]{64})[ *]+(?:\./)?(\S+)$", text, re.MULTILINE)}


def _download(url: str, file: Path) -> str:
    """The SHA-256 of what is now in `file`. Raises NotFetched."""
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(url, timeout=SILENCE_S) as answer, file.open("wb") as out:
            while chunk := answer.read(CHUNK_B):
                digest.update(chunk)
                out.write(chunk)
    except (OSError, urllib.error.URLError) as error:
        raise NotFetched(f"{url} could not be read: {error}. Is the network there?") from error
    return digest.hexdigest()


def _unpack(archive: Path, target: Path, *, whole: bool) -> None:
    if shutil.which("zstd") is None:
        raise NotFetched("There is no zstd. Type: sudo apt-get install zstd")
    only = [] if whole else ["--exclude=lib/ollama/*/*", "--exclude=./lib/ollama/*/*"]
    command = ["tar", "--zstd", "--extract", "--no-same-owner", "--file", archive, "--directory", target, *only]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotFetched(f"{archive.name} could not be unpacked: {done.stderr.strip()[-300:]}")


if __name__ == "__main__":
    sys.exit(main())
