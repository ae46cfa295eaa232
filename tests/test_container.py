"""The container as far as a machine without any tells: the Dockerfile's form, its entrypoint as a plain process, and
what is sent to a build. It is built and run by `make container-test`."""

from __future__ import annotations

import fnmatch
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orac_bench import __version__
from tests.conftest import NEWER
from tests.waiting import eventually, running

ROOT = Path(__file__).parent.parent
ENTRYPOINT = [sys.executable, "-I", "-S", str(ROOT / "deploy" / "entrypoint.py")]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def test_the_dockerfile_pleases_its_linter() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    said = subprocess.run([linter, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_the_build_arguments_and_stages_are_those_of_the_interface() -> None:
    arguments = dict(re.findall(r'^ARG (\w+)="?([^"\n]*)"?$', DOCKERFILE, re.MULTILINE))
    asked = ("BASE_IMAGE", "OLLAMA_FROM", "OLLAMA_VERSION", "OLLAMA_FILE", "JETSON_STATS_VERSION")
    assert {name: arguments[name] for name in asked} == {
        "BASE_IMAGE": "dustynv/ollama:r36.4.3",
        "OLLAMA_FROM": "release",
        "OLLAMA_VERSION": NEWER,  # the newest that the tests drive
        "OLLAMA_FILE": "LICENSE",  # there, and no Ollama
        "JETSON_STATS_VERSION": "",
    }
    stages = re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE)
    assert {"ollama-release", "ollama-source", "ollama-base", "ollama-file", "test"} <= set(stages)
    assert stages[-1] == "orac"  # what `docker build .` makes


def test_versions_agree() -> None:
    assert re.findall(r'image\.version="(.+?)"', DOCKERFILE) == [__version__]
    assert set(re.findall(r"^ARG OLLAMA_VERSION=(.+)$", DOCKERFILE, re.MULTILINE)) == {NEWER}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "dustynv/ollama:r36.4.3" in readme
    assert f"Ollama {NEWER}" in readme
    assert set(re.findall(r"OLLAMA_VERSION=(\S+)", (ROOT / "docs" / "board.md").read_text())) == {NEWER}


def test_the_readme_has_the_two_commands_of_the_dockerfile() -> None:
    commands = re.findall(r"^#   (docker .+)$", DOCKERFILE, re.MULTILINE)[:2]
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(commands) == 2
    assert [command for command in commands if command not in readme] == []


@pytest.mark.parametrize("name", ["orac_bench/cli.py", "requirements/runtime.txt", "build/ollama", "tests/conftest.py"])
def test_what_a_build_needs_is_sent_to_it(name: str) -> None:
    assert sent(name)


@pytest.mark.parametrize(
    "name",
    [
        *(".git/HEAD", ".venv/bin/python", ".venv-py310/bin/python", "results/orac.db", ".hypothesis/examples/a"),
        *(
            "orac_bench/__pycache__/tag",
            "orac_bench/a.pyc",
            "tests/.pytest_cache/v/cache",
            ".mypy_cache/x.json",
            "a-secret.txt",
        ),
    ],
)
def test_caches_results_and_strangers_are_not(name: str) -> None:
    assert not sent(name)


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (["sh", "-c", "exit 3"], 3, ""),
        (["sh", "-c", "kill -9 $$"], 128 + 9, ""),
        (["no-such-command"], 127, "entrypoint.py: there is no command 'no-such-command'.\n"),
        (["/"], 126, "entrypoint.py: '/' cannot be run: Permission denied.\n"),
        ([], 2, "entrypoint.py: no command was given. Type for example: docker run --rm orac orac doctor\n"),
    ],
)
def test_the_exit_status_is_the_commands(command: list[str], status: int, said: str) -> None:
    done = subprocess.run(
        [*ENTRYPOINT, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stderr) == (status, said)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_is_handed_on(number: signal.Signals) -> None:
    name = number.name.removeprefix("SIG")
    with (
        heeded(number),
        entered(f"trap 'echo heard; exit 5' {name}; echo ready; while :; do sleep 0.05; done") as process,
    ):
        assert line(process) == "ready"
        process.send_signal(number)
        assert (line(process), process.wait(30)) == ("heard", 5)


def test_a_command_that_does_not_handle_the_signal_ends_by_it() -> None:
    with entered("echo ready; exec sleep 60") as process:
        assert line(process) == "ready"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM


def test_orphans_come_to_it_and_are_buried() -> None:
    with entered("(sleep 60 & echo $!); echo ready; read -r _") as process:
        orphan = int(line(process))
        assert line(process) == "ready"
        eventually(lambda: f"PPid:\t{process.pid}\n" in Path(f"/proc/{orphan}/status").read_text())
        os.kill(orphan, signal.SIGKILL)
        eventually(lambda: not Path(f"/proc/{orphan}").exists())  # a dead one that nobody waits for stays there
        assert running(process.pid)


@contextmanager
def heeded(number: signal.Signals) -> Iterator[None]:
    """Has programs that are started in the block heed the signal, also where the tests run under `nohup`."""
    before = signal.getsignal(number)
    if before == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(number, before)


@contextmanager
def entered(script: str) -> Iterator[subprocess.Popen[str]]:
    """A shell that runs `script` below the entrypoint, killed where the block leaves it."""
    command = [*ENTRYPOINT, "sh", "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        late = threading.Timer(60.0, process.kill)  # so that no test waits for ever for a line
        late.start()
        try:
            yield process
        finally:
            late.cancel()
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    """Its next line on stdout."""
    assert process.stdout is not None
    return process.stdout.readline().rstrip("\n")


def sent(name: str) -> bool:
    """Whether .dockerignore lets that file into a build: the last rule that meets it or a folder above it decides."""
    parts = name.split("/")
    paths = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    ignored = False
    for rule in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        if rule and not rule.startswith("#"):
            pattern = rule.removeprefix("!")
            names = [pattern, pattern.removeprefix("**/")]
            if any(
                fnmatch.fnmatchcase(path, one) and path.count("/") >= one.count("/") for path in paths for one in names
            ):
                ignored = not rule.startswith("!")
    return not ignored
