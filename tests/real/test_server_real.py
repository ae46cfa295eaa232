"""A real Ollama under supervision: it starts, answers and stops, and nothing of it outlives whoever started it."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from waiting import eventually, running

from orac_bench.errors import OllamaStartFailed
from orac_bench.ollama.client import Client
from orac_bench.ollama.guarded import members
from orac_bench.ollama.locate import program_version
from orac_bench.ollama.server import Server, supervise

pytestmark = pytest.mark.real

HOLDS_A_SERVER = """
import os, sys, time
from pathlib import Path
from orac_bench.ollama.client import Client
from orac_bench.ollama.server import supervise
binary, folder = Path(sys.argv[1]), Path(sys.argv[2])
with supervise(binary, store=folder / "store", home=folder, log=folder / "ollama.log") as server:
    fork = os.fork() if "forks" in sys.argv else 0
    if "forks" in sys.argv and fork == 0:
        time.sleep(600)
    try:
        print(server.url, server.pid, server.guardian_pid, fork, flush=True)
        time.sleep(600)
    except KeyboardInterrupt:
        with Client(server.url) as client:
            print("interrupted, and Ollama says", client.version(), flush=True)
"""
"""What a person's program does; time.sleep stands for the measurement, and is never waited for."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """A server that another process supervises."""

    process: subprocess.Popen[str]
    url: str
    pid: int
    guardian_pid: int
    fork_pid: int


def start(binary: Path, folder: Path, *, port: int | None = None) -> AbstractContextManager[Server]:
    return supervise(binary, store=folder / "store", home=folder, log=folder / "ollama.log", port=port)


def load(url: str, store: Path, gguf: Path) -> None:
    """Registers a GGUF by a link and loads it, so that the server has a runner."""
    digest = hashlib.sha256(gguf.read_bytes()).hexdigest()
    link = store / "blobs" / f"sha256-{digest}"
    link.unlink(missing_ok=True)
    link.symlink_to(gguf)
    body = {"model": gguf.stem, "files": {gguf.name: f"sha256:{digest}"}, "stream": False}
    asked = urllib.request.Request(f"{url}/api/create", json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert json.load(answer) == {"status": "success"}
    with Client(url) as client:
        client.load(gguf.stem)


@contextmanager
def another_process(binary: Path, folder: Path, *words: str) -> Iterator[Held]:
    """A real Python process, in a process group of its own, that supervises a server."""
    command = [sys.executable, "-c", HOLDS_A_SERVER, str(binary), str(folder), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            url, *pids = process.stdout.readline().split()
            pid, guardian_pid, fork_pid = (int(word) for word in pids)
            yield Held(process=process, url=url, pid=pid, guardian_pid=guardian_pid, fork_pid=fork_pid)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def all_gone(pids: set[int]) -> bool:
    return not any(running(pid) for pid in pids)


def test_a_server_starts_answers_and_is_gone_after_the_block(ollama_binary: Path, tmp_path: Path) -> None:
    with start(ollama_binary, tmp_path) as server, Client(server.url) as client:
        assert client.version() == server.version == program_version(ollama_binary)
        assert client.models() == ()
        assert server.alive()
        assert members(server.pid) == {server.pid}

    assert not server.alive()
    assert not running(server.pid)
    assert not running(server.guardian_pid)
    assert server.log_tail(1) == (f"ollama serve (process {server.pid}) ended with exit status 0",)  # was not killed
    assert (tmp_path / "ollama.log").read_text().startswith("=== ")


def test_an_exception_in_the_block_ends_the_server_with_its_runner(
    ollama_binary: Path, tiny_models: Path, tmp_path: Path
) -> None:
    group: set[int] = set()

    def fails() -> None:
        with start(ollama_binary, tmp_path) as server:
            load(server.url, tmp_path / "store", tiny_models / "pythia-70m.gguf")
            group.update(members(server.pid))
            raise ValueError("of the block")

    with pytest.raises(ValueError, match="of the block"):
        fails()
    assert len(group) == 2  # ollama serve and ollama runner
    assert all_gone(group)


def test_when_the_parent_is_killed_the_server_its_runner_and_the_guardian_go(
    ollama_binary: Path, tiny_models: Path, tmp_path: Path
) -> None:
    with another_process(ollama_binary, tmp_path) as held:
        load(held.url, tmp_path / "store", tiny_models / "tinyllama-1.1b.gguf")
        group = members(held.pid)
        assert len(group) == 2

        held.process.kill()

        eventually(lambda: all_gone(group | {held.guardian_pid}), within_s=10.0)


def test_when_the_parent_is_killed_the_server_goes_also_when_a_fork_of_the_parent_lives_on(
    ollama_binary: Path, tmp_path: Path
) -> None:
    with another_process(ollama_binary, tmp_path, "forks") as held:
        held.process.kill()

        eventually(lambda: all_gone({held.pid, held.guardian_pid}), within_s=10.0)
        assert running(held.fork_pid)


def test_when_the_guardian_is_killed_the_server_and_its_runner_go_and_the_parent_knows(
    ollama_binary: Path, tiny_models: Path, tmp_path: Path
) -> None:
    with start(ollama_binary, tmp_path) as server:
        load(server.url, tmp_path / "store", tiny_models / "distilgpt2.gguf")
        group = members(server.pid)
        assert len(group) == 2

        os.kill(server.guardian_pid, signal.SIGKILL)

        eventually(lambda: all_gone(group), within_s=10.0)
        eventually(lambda: not server.alive())
        assert server.log_tail(1) == (f"ollama serve (process {server.pid}) ended, as its guardian was killed",)


def test_when_guardian_and_server_are_killed_the_parent_ends_the_runner(
    ollama_binary: Path, tiny_models: Path, tmp_path: Path
) -> None:
    with start(ollama_binary, tmp_path) as server:
        load(server.url, tmp_path / "store", tiny_models / "distilgpt2.gguf")
        group = members(server.pid)
        for pid in (server.guardian_pid, server.pid):
            os.kill(pid, signal.SIGSTOP)  # so that neither can react to the other's end
        for pid in (server.guardian_pid, server.pid):
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not running(server.pid))
        assert len(members(server.pid)) == 1  # the runner, with nobody above it

    assert len(group) == 2
    assert all_gone(group)


def test_when_the_server_is_killed_its_runner_goes_and_the_log_tells(
    ollama_binary: Path, tiny_models: Path, tmp_path: Path
) -> None:
    with start(ollama_binary, tmp_path) as server:
        load(server.url, tmp_path / "store", tiny_models / "phi-2.gguf")
        group = members(server.pid)
        assert len(group) == 2

        os.kill(server.pid, signal.SIGKILL)

        eventually(lambda: not server.alive())
        assert all_gone(group)
        assert server.log_tail(1) == (f"ollama serve (process {server.pid}) was ended by signal 9",)
        assert len(server.log_tail(5)) == 5


def test_a_stopped_server_is_ended_all_the_same_within_ten_seconds(ollama_binary: Path, tmp_path: Path) -> None:
    with start(ollama_binary, tmp_path) as server:
        os.kill(server.pid, signal.SIGSTOP)
        began = time.monotonic()

    assert not running(server.pid)
    assert time.monotonic() - began < 10.0


def test_a_server_lives_on_when_the_thread_that_started_it_has_ended(ollama_binary: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        started: list[Server] = []
        thread = threading.Thread(target=lambda: started.append(stack.enter_context(start(ollama_binary, tmp_path))))
        thread.start()
        thread.join()
        # the kernel tells a child of a thread's end at once: by the time of three answers it would have gone
        with Client(started[0].url) as client:
            assert [client.version() for _ in range(3)] == [started[0].version] * 3
        assert started[0].alive()

    assert not running(started[0].pid)


def test_ctrl_c_reaches_the_parent_and_not_ollama(ollama_binary: Path, tmp_path: Path) -> None:
    with another_process(ollama_binary, tmp_path) as held:
        assert os.getsid(held.pid) == held.pid
        os.killpg(held.process.pid, signal.SIGINT)

        said, _ = held.process.communicate(timeout=30)

    assert said == f"interrupted, and Ollama says {program_version(ollama_binary)}\n"
    assert held.process.returncode == 0
    assert not running(held.pid)


def test_a_taken_port_is_refused_and_a_free_one_is_used(ollama_binary: Path, tmp_path: Path) -> None:
    with start(ollama_binary, tmp_path / "first") as first:
        port = int(first.url.rpartition(":")[2])

        with pytest.raises(OllamaStartFailed) as caught, start(ollama_binary, tmp_path / "second", port=port):
            pass
        assert str(caught.value).startswith(
            f"Port {port} is taken by {ollama_binary.name[:15]} (process {first.pid}), "
        )
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]
    with start(ollama_binary, tmp_path / "second", port=free) as second:
        assert second.url == f"http://127.0.0.1:{free}"


def test_a_store_that_ollama_cannot_use_is_told_in_its_own_words(ollama_binary: Path, tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "blobs").write_text("a file where a folder must be")

    with pytest.raises(OllamaStartFailed) as caught, start(ollama_binary, tmp_path):
        pass
    assert f"`{ollama_binary} serve` ended with exit status 1 before it was ready." in str(caught.value)
    assert f"mkdir {tmp_path}/store/blobs: not a directory" in str(caught.value)


def test_the_newer_ollama_loads_all_six_and_leaves_nothing(
    newer_ollama_binary: Path, tiny_models: Path, tmp_path: Path
) -> None:
    models = sorted(tiny_models.glob("*.gguf"))
    seen: set[int] = set()
    with start(newer_ollama_binary, tmp_path) as server:
        for gguf in models:
            load(server.url, tmp_path / "store", gguf)
            seen |= members(server.pid)
        assert server.version == program_version(newer_ollama_binary)

    assert len(models) == 6
    assert len(seen) == 7  # the server and a runner a model
    assert all_gone(seen)
