"""The build script's refusals: what it says before it builds anything. CI runs the build itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "build_ollama.py"


def said(*arguments: str, path: str = os.environ["PATH"], **environ: str) -> tuple[int, str]:
    """Exit status and what stands on stderr."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        env={**os.environ, **environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stderr


def fake_go(folder: Path) -> str:
    """A PATH with nothing on it but a Go that tells its version."""
    folder.mkdir()
    (folder / "go").write_text('#!/bin/sh\n[ "$2" = GOVERSION ] && echo go1.25.1 || echo auto\n')
    (folder / "go").chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("latest", "'latest' is no version of Ollama. Write it like 0.11.4."),
        ("0.30.1", "Go alone builds the versions from 0.5.8 to 0.24; for others use Ollama's own installer."),
    ],
)
def test_a_version_that_go_alone_does_not_build_is_refused(tmp_path: Path, version: str, reason: str) -> None:
    refused = (2, f"Ollama {version} was not built. {reason}\n")
    assert said("--version", version, "--to", str(tmp_path / "ollama")) == refused


def test_without_go_it_says_what_to_install(tmp_path: Path) -> None:
    assert said("--to", str(tmp_path / "ollama"), path=str(tmp_path)) == (
        2,
        "Ollama 0.11.4 was not built. There is no Go on PATH. Install Go 1.24 or newer (https://go.dev/doc/install), "
        "or install Ollama itself: curl -fsSL https://ollama.com/install.sh | sh\n",
    )


def test_without_a_cpp_compiler_it_says_what_to_install(tmp_path: Path) -> None:
    assert said("--to", str(tmp_path / "ollama"), path=fake_go(tmp_path / "bin"), CXX="") == (
        2,
        "Ollama 0.11.4 was not built. There is no C++ compiler on PATH (looked for g++ and clang++). Install one: "
        "`sudo apt-get install g++` (Debian, Ubuntu) or `sudo dnf install gcc-c++` (Fedora).\n",
    )


def test_the_newer_versions_name_the_headers_that_they_need(tmp_path: Path) -> None:
    (tmp_path / "have" / "stb").mkdir(parents=True)
    (tmp_path / "have" / "stb" / "stb_image.h").write_text("")
    path = fake_go(tmp_path / "bin")
    for compiler in ("gcc", "g++"):
        (tmp_path / "bin" / compiler).symlink_to("/bin/true")

    status, message = said(
        "--version", "0.20.7", "--include", str(tmp_path / "have"), "--to", str(tmp_path / "ollama"), path=path
    )

    assert status == 2
    assert message.endswith("miniaudio/miniaudio.h. Add `--headers DIR` to fetch them, or `--include DIR`.\n")
    assert "stb_image" not in message


def test_a_built_program_of_the_right_version_is_left_alone(tmp_path: Path) -> None:
    built = tmp_path / "ollama"
    built.write_text("#!/bin/sh\necho 'Warning: client version is 0.11.4'\n")
    built.chmod(0o755)
    before = built.stat()

    assert said("--to", str(built), path=str(tmp_path)) == (0, "")
    after = built.stat()  # but for when it was last read
    assert (after.st_ino, after.st_size, after.st_mtime_ns) == (before.st_ino, before.st_size, before.st_mtime_ns)
