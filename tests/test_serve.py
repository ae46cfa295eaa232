"""How `orac serve` is told to end: at every moment, and never by what is raised in the middle of something."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import uvicorn

from orac_bench.commands.serve import _ending
from tests.service import free_port
from tests.waiting import eventually


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_noted_and_raises_nothing_where_it_strikes(number: signal.Signals) -> None:
    # given the handlers of a service whose server does not run yet
    server = uvicorn.Server(uvicorn.Config("no:app"))
    before = signal.getsignal(number)
    with _ending() as ending:
        ending.of(server)
        assert (ending.number, server.should_exit) == (None, False)
        # when it is told to end, twice
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGTERM)
        # then whoever held a lock just then still gives it back
        assert (ending.number, server.should_exit) == (number, True)
    assert signal.getsignal(number) == before


def test_a_signal_before_there_is_a_server_ends_it_before_it_runs() -> None:
    with _ending() as ending:
        os.kill(os.getpid(), signal.SIGTERM)
        server = uvicorn.Server(uvicorn.Config("no:app"))
        ending.of(server)
        assert server.should_exit


def test_an_interrupt_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with _ending() as ending:
            os.kill(os.getpid(), signal.SIGINT)
            assert (ending.number, signal.getsignal(signal.SIGINT)) == (None, signal.SIG_IGN)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_told_to_end_while_it_begins_it_ends_in_order_and_says_nothing_of_listening(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "orac_bench.cli", "serve", "--json"],
        env={**os.environ, **own(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            eventually(lambda: catches(process.pid, signal.SIGTERM))
            process.send_signal(number)
            said, log = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, said) == (status, ""), log
    assert "Traceback" not in log
    assert (tmp_path / "home/service.lock").read_text() == ""


def test_told_to_end_as_soon_as_it_says_that_it_listens_it_ends(tmp_path: Path) -> None:
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen(
            [sys.executable, "-m", "orac_bench.cli", "serve", "--json"],
            env={**os.environ, **own(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stdout is not None
                assert json.loads(process.stdout.readline())["pid"] == process.pid
                process.send_signal(number)
                _, log = process.communicate(timeout=60)
            finally:
                process.kill()
        assert process.returncode == (0 if number == signal.SIGTERM else 130), log
        assert "Exception ignored" not in log


def own(folder: Path) -> dict[str, str]:
    """The settings of a service that has everything in `folder`, and an Ollama elsewhere that does not answer."""
    return {
        "ORAC_HOME": f"{folder}/home",
        "ORAC_DATABASE_URL": f"sqlite:///{folder}/orac.db",
        "ORAC_OLLAMA_URL": f"http://127.0.0.1:{free_port()}",
        "ORAC_TELEMETRY": "off",
        "ORAC_PORT": str(free_port()),
    }


def catches(pid: int, number: signal.Signals) -> bool:
    """Whether the process has a handler for the signal."""
    caught = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)
