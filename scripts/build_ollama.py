"""Builds one version of Ollama with Go: a complete server for the CPU in a single file.

    python scripts/build_ollama.py                                       into ORAC_HOME, what `make bench` uses
    python scripts/build_ollama.py --version 0.20.7 --headers DIR --to PATH

Standard library only, as it runs before anything is installed. Source: from 0.5.8 to 0.24 Ollama's CPU engine is
compiled by cgo inside the Go build, so one `go install` makes the whole program.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import ollama_headers

DEFAULT_VERSION = "0.11.4"
GO_NEEDED = (1, 24)
GO_HINT = "Install Go 1.24 or newer (https://go.dev/doc/install)"
GXX_HINT = "Install one: `sudo apt-get install g++` (Debian, Ubuntu) or `sudo dnf install gcc-c++` (Fedora)"


class CannotBuild(Exception):
    """The build cannot start or did not succeed; the message says why and what to type."""


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 built or already there, 2 cannot be built here, 130 interrupted."""
    parser = argparse.ArgumentParser(description="Build Ollama with Go, once.")
    parser.add_argument(
        "--version", default=DEFAULT_VERSION, help=f"a version from 0.5.8 to 0.24 (default {DEFAULT_VERSION})"
    )
    parser.add_argument("--to", type=Path, help="the file to make (default: ollama/bin/ollama in ORAC_HOME)")
    parser.add_argument(
        "--include", type=Path, action="append", default=[], help="a folder of C++ headers, may be repeated"
    )
    parser.add_argument("--headers", type=Path, help="fetch the headers that 0.11.5 and newer need into this folder")
    chosen = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        target = (chosen.to or _built_ollama()).absolute()
        if built_version(target) == chosen.version:
            print(f"Ollama {chosen.version} is there already: {target}")
            return 0
        build(chosen.version, target, include=chosen.include, headers=chosen.headers)
    except (CannotBuild, ollama_headers.HeadersMissing) as error:
        print(f"Ollama {chosen.version} was not built. {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted; nothing was left behind.", file=sys.stderr)
        return 130
    return 0


def build(version: str, target: Path, *, include: list[Path], headers: Path | None) -> None:
    """Makes `target`, an Ollama of `version`. It appears whole or not at all. Raises CannotBuild, HeadersMissing."""
    check(version)
    go = shutil.which("go")
    if go is None:
        raise CannotBuild(
            f"There is no Go on PATH. {GO_HINT}, or install Ollama itself: "
            "curl -fsSL https://ollama.com/install.sh | sh"
        )
    _check_go(go)
    compiler = _compilers()
    if headers is not None:
        print(f"Fetching three C++ headers that Ollama {version} needs into {headers}.", flush=True)
        ollama_headers.gather(headers)
        include = [*include, headers]
    if number(version) >= (0, 11, 5) and (lacking := ollama_headers.missing(include)):
        raise CannotBuild(f"It needs {', '.join(lacking)}. Add `--headers DIR` to fetch them, or `--include DIR`.")
    print(
        f"Building Ollama {version} with Go, as ORAC needs one to measure models with.\n"
        f"This takes about {2 if number(version) < (0, 11, 5) else 4} minutes on two cores, once. It becomes {target}",
        flush=True,
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=".building-", dir=target.parent)
    except OSError as error:
        raise CannotBuild(
            f"{target.parent} cannot be written: {error.strerror}. Name another place with --to."
        ) from error
    with scratch as folder:
        started = time.monotonic()
        _install(go, version, environment(version, folder, include=include, compiler=compiler))
        built = Path(folder) / "ollama"
        if (found := built_version(built)) != version:
            raise CannotBuild(f"The program that was built says version {found}, not {version}.")
        built.replace(target)
    print(f"Built Ollama {version} in {time.monotonic() - started:.0f} s.", flush=True)


def check(version: str) -> None:
    """Raises CannotBuild for what is no version, or one that Go alone does not build."""
    if not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+(-rc[0-9]+)?", version):
        raise CannotBuild(f"{version!r} is no version of Ollama. Write it like {DEFAULT_VERSION}.")
    if not (0, 5, 8) <= number(version) < (0, 25):
        raise CannotBuild("Go alone builds the versions from 0.5.8 to 0.24; for others use Ollama's own installer.")


def number(version: str) -> tuple[int, ...]:
    """ "0.11.4" as (0, 11, 4), for comparing."""
    return tuple(int(part) for part in version.partition("-")[0].split("."))


def environment(version: str, folder: str, *, include: list[Path], compiler: dict[str, str]) -> dict[str, str]:
    """This process's environment, with whatever in the user's own Go setup could change the build overridden."""
    flags = "-O3" + instruction_sets()
    ours = {
        "GOBIN": folder,
        # never empty: Go would fall back to what `go env -w` has written
        "GOFLAGS": f"-buildvcs=false '-ldflags=-s -w -X=github.com/ollama/ollama/version.Version={version}'",
        "GOWORK": "off",
        "GO111MODULE": "on",
        "GOOS": "linux",
        "GOARCH": {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine()),
        "CGO_ENABLED": "1",
        "CGO_CFLAGS": flags,
        "CGO_CXXFLAGS": flags,
        "CGO_CPPFLAGS": " ".join(shlex.quote(f"-I{path.absolute()}") for path in include),
    }
    return {**os.environ, **compiler, **ours}


def instruction_sets() -> str:
    """Compiler flags of those vector instructions that this x86 processor has; elsewhere the compiler's default."""
    if platform.machine() != "x86_64":
        return ""
    try:
        words = set(Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split())
    except OSError:
        return ""
    return "".join(f" -m{name}" for name in ("avx2", "fma", "f16c") if name in words)


def built_version(program: Path) -> str | None:
    """What version `program` says it is. None where it is not there or says nothing."""
    try:
        # port 1: nothing listens there, so it speaks of itself and not of a server that runs
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            env={**os.environ, "OLLAMA_HOST": "127.0.0.1:1"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = re.search(r"version is (\S+)", done.stdout + done.stderr)
    return said and said.group(1)


def _check_go(go: str) -> None:
    done = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False)
    found = re.match(r"go(\d+)\.(\d+)", done.stdout.strip())
    if found is None:
        raise CannotBuild(f"{go} does not tell its version: {(done.stderr or done.stdout).strip()[-300:]}. {GO_HINT}.")
    have = (int(found[1]), int(found[2]))
    # from 1.21 on Go fetches the newer Go that a program asks for, unless told not to
    kept = subprocess.run([go, "env", "GOTOOLCHAIN"], capture_output=True, text=True, check=False).stdout.strip()
    if have < (1, 21) or (have < GO_NEEDED and kept == "local"):
        raise CannotBuild(f"{go} is version {have[0]}.{have[1]}, older than what Ollama asks for. {GO_HINT}.")


def _compilers() -> dict[str, str]:
    """CC and CXX for cgo. Raises CannotBuild where there is no C++ compiler."""
    if cxx := os.environ.get("CXX"):
        if shutil.which(shlex.split(cxx)[0]) is None:
            raise CannotBuild(f"CXX is {cxx!r}, and no such program is on PATH. Unset CXX, or correct it.")
        return {}
    for cc, cxx in (("gcc", "g++"), ("clang", "clang++")):
        if shutil.which(cc) and shutil.which(cxx):
            return {"CXX": cxx} if os.environ.get("CC") else {"CC": cc, "CXX": cxx}
    raise CannotBuild(f"There is no C++ compiler on PATH (looked for g++ and clang++). {GXX_HINT}.")


def _install(go: str, version: str, environ: dict[str, str]) -> None:
    command = [go, "install", "-v", f"github.com/ollama/ollama@v{version}"]
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        env=environ,
        cwd=environ["GOBIN"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    lines: collections.deque[str] = collections.deque(maxlen=60)
    reader = threading.Thread(target=_collect, args=(process, lines), daemon=True)
    reader.start()
    try:
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=10)
                break
            # the compilers' warnings are kept for an error and not shown
            now = next((line for line in reversed(list(lines)) if re.fullmatch(r"go: .*|[\w./-]+", line)), "compiling")
            print(f"  {time.monotonic() - started:4.0f} s  {now}", flush=True)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        reader.join(timeout=5)
    if process.returncode != 0:
        said = "\n".join("  " + line for line in list(lines)[-25:])
        raise CannotBuild(f"`{shlex.join(command)}` ended with exit status {process.returncode}:\n{said}")


def _collect(process: subprocess.Popen[str], lines: collections.deque[str]) -> None:
    assert process.stdout is not None
    with process.stdout as output:
        lines.extend(line.rstrip()[:300] for line in output if line.strip())


def _built_ollama() -> Path:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from orac_bench.settings import read_settings

    return read_settings().built_ollama


if __name__ == "__main__":
    sys.exit(main())
