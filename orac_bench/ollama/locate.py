"""Which Ollama program to supervise, and what version a program is.

What must never live here: starting a server.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from orac_bench.errors import NoOllama
from orac_bench.settings import Settings

INSTALL = "curl -fsSL https://ollama.com/install.sh | sh"
"""Ollama's own way to install it."""

_WAYS = (
    f"Install it with `{INSTALL}`, or let `make bench` build one (needs Go and a C++ compiler), "
    "or name the address of a running one in ORAC_OLLAMA_URL."
)
# port 1: nothing listens there, so the program tells its own version and not that of a server that runs
_NOBODY = "127.0.0.1:1"


def find_ollama(settings: Settings, environ: Mapping[str, str]) -> Path:
    """The program to supervise: ORAC_OLLAMA_BIN, else `ollama` on PATH, else the one that `make bench` built.

    Raises NoOllama where there is none, or where the first that is there is no Ollama.
    """
    if settings.ollama_bin is not None:
        return _checked(settings.ollama_bin, "ORAC_OLLAMA_BIN", "Correct ORAC_OLLAMA_BIN, or unset it.")
    on_path = shutil.which("ollama", path=environ.get("PATH", os.defpath))
    if on_path is not None:
        return _checked(Path(on_path).absolute(), "`ollama` on PATH", f"Repair it with `{INSTALL}`.")
    if settings.built_ollama.exists():
        again = f"Delete {settings.built_ollama} and type `make bench` to build it again."
        return _checked(settings.built_ollama, "The Ollama that `make bench` built", again)
    raise NoOllama(
        "No Ollama was found: ORAC_OLLAMA_BIN is not set, no `ollama` is on PATH, "
        f"and none was built in {settings.built_ollama}.",
        next=_WAYS,
    )


def program_version(path: Path, *, within_s: float = 15.0) -> str | None:
    """The version that the program itself has: "0.11.4". None where it is no Ollama, or says none in time."""
    environ = {**os.environ, "OLLAMA_HOST": _NOBODY}
    with os.fdopen(os.memfd_create("said"), "w+b") as said:  # a place for temporary files may be missing
        try:
            process = subprocess.Popen(
                [path, "--version"],
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        except OSError:
            return None
        try:
            process.wait(timeout=within_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        said.seek(0)
        return version_in(said.read(65_536).decode("utf-8", errors="replace"))


def version_in(text: str) -> str | None:
    """The program's version in what `ollama --version` prints. None where there is none.

    With a server running it prints "ollama version is X", X being the server's, and where the program differs a
    second line "Warning: client version is Y". Source: ollama/cmd/cmd.go, versionHandler.
    """
    found = re.search(r"client version is (\S+)", text) or re.search(r"ollama version is (\S+)", text)
    return found and found.group(1)


def _checked(program: Path, origin: str, advice: str) -> Path:
    if not program.exists():
        raise NoOllama(f"{origin} is {program}, and there is no such file.", next=advice)
    if program.is_dir():
        raise NoOllama(f"{origin} is {program}, which is a folder and no program.", next=advice)
    if not os.access(program, os.X_OK):
        raise NoOllama(f"{origin} is {program}, which may not be executed.", next=f"Type: chmod +x {program}")
    if program_version(program) is None:
        raise NoOllama(f"{origin} is {program}, but `{program} --version` does not answer as Ollama does.", next=advice)
    return program
