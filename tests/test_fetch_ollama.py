"""The download of a release of Ollama, from a server of this machine's own: what is checked, and what is unpacked."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "fetch_ollama.py"
VERSION = "0.20.7"
MAIN = "ollama-linux-arm64.tar.zst"
OVERLAY = "ollama-linux-arm64-jetpack6.tar.zst"
CONTENT = {
    MAIN: ("bin/ollama", "lib/ollama/libggml-cpu.so", "lib/ollama/cuda_v13/libggml-cuda.so"),
    OVERLAY: ("lib/ollama/cuda_jetpack6/libggml-cuda.so",),
}


class Quiet(SimpleHTTPRequestHandler):
    """A web server that writes no log."""

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release as it lies on its site, but that its archives are not compressed: `zstd` is `cat` here."""
    folder = tmp_path / "site" / f"v{VERSION}"
    folder.mkdir(parents=True)
    for name, members in CONTENT.items():
        content = tmp_path / name.partition(".")[0]
        for member in members:
            (content / member).parent.mkdir(parents=True, exist_ok=True)
            (content / member).write_text(member)
        with tarfile.open(folder / name, "w") as archive:
            archive.add(content, arcname=".")
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  ./{name}\n" for name in CONTENT]
    (folder / "sha256sum.txt").write_text("".join(lines))
    return folder


@pytest.fixture
def site(release: Path) -> Iterator[str]:
    """Its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(release.parent))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def fetched(site: str, target: Path, *words: str, machine: str = "aarch64", jetpack: str = "6.2") -> tuple[int, str]:
    """Exit status and what stands on stderr. The machine of the tests may be a Jetson, or the image for one."""
    program = SCRIPT.read_text().replace("/etc/nv_tegra_release", str(target.parent / "no-such"))
    tools = target.parent / "tools"
    tools.mkdir()
    (tools / "zstd").write_text("#!/bin/sh\nexec cat\n")
    (tools / "zstd").chmod(0o755)
    chosen = ["--version", VERSION, "--to", str(target), "--releases", site, "--machine", machine, *words]
    environ: Mapping[str, str] = {"PATH": f"{tools}:{os.environ['PATH']}", "JETSON_JETPACK": jetpack}
    done = subprocess.run(
        [sys.executable, "-", *chosen], input=program, env=environ, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stderr


def unpacked(target: Path) -> list[str]:
    return sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())


def test_a_board_gets_the_program_the_cpus_libraries_and_its_own(site: str, tmp_path: Path) -> None:
    assert fetched(site, tmp_path / "ollama") == (0, "")
    assert unpacked(tmp_path / "ollama") == [
        "bin/ollama",
        "lib/ollama/cuda_jetpack6/libggml-cuda.so",
        "lib/ollama/libggml-cpu.so",
    ]


def test_a_machine_that_is_no_jetson_gets_no_overlay(site: str, tmp_path: Path) -> None:
    assert fetched(site, tmp_path / "ollama", jetpack="") == (0, "")
    assert unpacked(tmp_path / "ollama") == ["bin/ollama", "lib/ollama/libggml-cpu.so"]


def test_an_archive_that_was_changed_is_not_unpacked(site: str, release: Path, tmp_path: Path) -> None:
    changed = (release / MAIN).read_bytes()[:-1] + b"x"
    (release / MAIN).write_bytes(changed)
    status, said = fetched(site, tmp_path / "ollama")
    assert status == 2
    assert f"{MAIN} has SHA-256 {hashlib.sha256(changed).hexdigest()}, expected is " in said
    assert unpacked(tmp_path / "ollama") == []


def test_checksums_that_are_not_the_pinned_ones_are_not_believed(site: str, tmp_path: Path) -> None:
    status, said = fetched(site, tmp_path / "ollama", "--checksums-sha256", "0" * 64)
    assert (status, "sha256sum.txt has SHA-256 " in said, f"expected is {'0' * 64}" in said) == (2, True, True)
    assert not (tmp_path / "ollama").exists()


def test_checksums_that_are_the_pinned_ones_are(site: str, release: Path, tmp_path: Path) -> None:
    pinned = hashlib.sha256((release / "sha256sum.txt").read_bytes()).hexdigest()
    assert fetched(site, tmp_path / "ollama", "--checksums-sha256", pinned) == (0, "")


@pytest.mark.parametrize(
    ("machine", "version", "said"),
    [
        ("riscv64", VERSION, "There is no release for riscv64; there is one for aarch64 and arm64 and x86_64."),
        ("x86_64", VERSION, "names no ollama-linux-amd64.tar.zst. Choose another version."),
        ("aarch64", "0.99.0", "/v0.99.0/sha256sum.txt could not be read: HTTP Error 404: File not found."),
    ],
)
def test_what_there_is_not_is_said(site: str, tmp_path: Path, machine: str, version: str, said: str) -> None:
    status, told = fetched(site, tmp_path / "ollama", "--version", version, machine=machine)
    assert (status, said in told) == (2, True), told
