"""How `orac serve` is told to end: at every moment, and never by what is raised in the middle of something."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from orac_bench.api.app import _told_to_end
from orac_bench.api.server import Server
from orac_bench.commands.serve import _ending
from orac_bench.garbage import uncollected
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


def test_garbage_is_collected_again_when_what_is_imported_is_there_or_could_not_be() -> None:
    try:
        with pytest.raises(OSError), uncollected():
            assert not gc.isenabled()
            raise OSError
        assert gc.isenabled()
    finally:
        gc.enable()


def test_the_app_ends_what_it_holds_in_the_loop_and_not_where_the_signal_strikes() -> None:
    ended: list[str] = []

    async def told() -> tuple[list[str], list[str]]:
        with _told_to_end(lambda: ended.append("house")):
            os.kill(os.getpid(), signal.SIGTERM)
            at_once = [*ended]
            await asyncio.sleep(0)
        return at_once, [*ended]

    before = signal.signal(signal.SIGTERM, lambda *_: ended.append("server"))
    try:
        assert asyncio.run(told()) == (["server"], ["server", "house"])
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_server_that_nobody_calls_sleeps_until_its_date_is_old_or_it_is_told_to_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticks: list[int] = []

    class Counted(Server):
        async def on_tick(self, counter: int) -> bool:
            ticks.append(counter)
            return await super().on_tick(counter)

    async def app(scope: object, receive: object, send: object) -> None: ...

    async def ended(tick_s: float, after_ticks: int) -> bool:
        """Whether a server that is told to end after so many ticks has done so."""
        monkeypatch.setattr("orac_bench.api.server.TICK_S", tick_s)
        config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None)
        config.load()
        server = Counted(config)
        ticks.clear()
        running = asyncio.ensure_future(server.main_loop())
        while len(ticks) < after_ticks:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.3)
        server.handle_exit(signal.SIGTERM, None)
        await asyncio.wait_for(running, 60)
        return server.should_exit and bool(server.server_state.default_headers)

    # given that the date is never old: it looks once, and once more when it is told
    assert asyncio.run(ended(3600.0, 1))
    assert ticks == [0, 0]
    # else again and again
    assert asyncio.run(ended(0.01, 5))


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_told_to_end_while_it_begins_it_ends_in_order_and_says_nothing_of_listening(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    with serving(tmp_path) as process:
        eventually(lambda: catches(process.pid, signal.SIGTERM))
        process.send_signal(number)
        said, log = process.communicate(timeout=60)
    assert (process.returncode, said) == (status, ""), log
    assert "Traceback" not in log
    assert (tmp_path / "home/service.lock").read_text() == ""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_told_to_end_as_soon_as_it_says_that_it_listens_it_ends(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    with serving(tmp_path) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["pid"] == process.pid
        process.send_signal(number)
        _, log = process.communicate(timeout=60)
    assert process.returncode == status, log
    assert "Exception ignored" not in log


@contextmanager
def serving(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A service that has just been started; it is killed where it has not ended."""
    with subprocess.Popen(
        [sys.executable, "-m", "orac_bench.cli", "serve", "--json"],
        env={**os.environ, **own(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


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
