"""A measurement beside a running service: through the service's Ollama, which is left as it was found, and reported."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from orac_bench.announcement import announced
from orac_bench.engine import engine_store
from orac_bench.intent import Intent
from orac_bench.models.digests import Digests
from orac_bench.models.folder import discover
from orac_bench.models.register import register
from orac_bench.newrun import new_run
from orac_bench.ollama.client import Client
from orac_bench.ollama.server import Server, supervise
from orac_bench.records import RoundStatus, Status
from orac_bench.report import EVENTS_FD
from orac_bench.settings import read_settings
from orac_bench.store.store import open_store
from tests.real.doors import CHECKOUT, Machine, a_machine, nothing_left
from tests.waiting import eventually

pytestmark = pytest.mark.real

QUICK = ("phi-2", "--suite=decode", "--warmup=1", "--output-tokens=16", "--prompt-tokens=64")


@dataclass(frozen=True, kw_only=True)
class Service:
    """What a service has: a supervised Ollama in its home, announced, with pythia-70m in memory."""

    server: Server
    machine: Machine
    announcing: ExitStack

    def loaded(self) -> list[str]:
        with Client(self.server.url) as client:
            return [model.name for model in client.loaded()]

    def run(self, *words: str, reports: int) -> subprocess.Popen[str]:
        """`orac bench WORDS` as the service starts it: in a session of its own, with a pipe to report on."""
        own = {
            "ORAC_HOME": str(self.machine.home),
            "ORAC_DATABASE_URL": self.machine.database,
            EVENTS_FD: str(reports),
        }
        return subprocess.Popen(
            [sys.executable, "-m", "orac_bench.cli", "bench", *words],
            cwd=CHECKOUT,
            env={**os.environ, **self.machine.settings, **own},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=(reports,),
            start_new_session=True,
        )


@pytest.fixture
def service(ollama_binary: Path, tiny_models: Path, tmp_path: Path) -> Iterator[Service]:
    machine = a_machine(tmp_path, tiny_models, ollama_binary)
    settings = read_settings({"ORAC_HOME": str(machine.home)}, folder=tmp_path)
    store = engine_store(settings)
    with (
        supervise(ollama_binary, store=store, home=machine.home / "ollama", log=tmp_path / "service.log") as server,
        ExitStack() as announcing,
    ):
        for model in discover(tiny_models):
            register(model, store, digests=Digests(path=machine.home / "digests.json"), owned=True)
        with Client(server.url) as client:
            client.load("pythia-70m")
        announcing.enter_context(announced(settings, server))
        yield Service(server=server, machine=machine, announcing=announcing)


def test_a_shell_measures_through_the_services_ollama_and_leaves_it_as_it_was(service: Service) -> None:
    machine = service.machine
    assert machine.orac("bench", *QUICK, "--rounds=2").status == 0
    assert not (machine.home / "ollama" / "serve.log").exists()  # no other Ollama was started
    assert service.loaded() == ["pythia-70m:latest"]
    # and under the conditions of an Ollama that it would have started itself
    service.announcing.close()
    assert machine.orac("bench", *QUICK, "--rounds=2").status == 0
    assert (machine.home / "ollama" / "serve.log").exists()
    with open_store(machine.database, write=False) as store:
        hashes = [store.run(line.id).conditions for line in store.runs()]
    assert hashes[0] is not None
    assert [None if each is None else each.hash for each in hashes] == [hashes[0].hash] * 2


def test_an_interrupted_measurement_leaves_the_services_ollama_as_it_was(service: Service) -> None:
    machine = service.machine
    with machine.started("orac", "bench", *QUICK, "--rounds=2000") as started:
        eventually(lambda: machine.rounds("decode") >= 1, within_s=100)
        assert service.loaded() == ["phi-2:latest"]
        started.signal(signal.SIGINT)
        assert started.ends() == 130
    assert service.loaded() == ["pythia-70m:latest"]
    assert machine.run()[1] is Status.INTERRUPTED


def test_a_shell_goes_on_with_an_ollama_of_its_own_where_the_service_ends(service: Service) -> None:
    machine = service.machine
    with machine.started("orac", "bench", *QUICK, "--rounds=400") as started:
        eventually(lambda: machine.rounds("decode") >= 1, within_s=100)
        service.announcing.close()
        os.killpg(service.server.pid, signal.SIGKILL)
        before = machine.rounds("decode")
        started.shows("Ollama had ended and was started again")
        eventually(lambda: machine.rounds("decode") > before + 3, within_s=100)
        started.signal(signal.SIGINT)
        assert started.ends() == 130
    assert nothing_left(machine)


def test_a_run_of_the_service_takes_its_place_in_the_queue_and_reports(service: Service) -> None:
    with open_store(service.machine.database, write=True) as store:
        waits = new_run(Intent(trigger="rest"), conditions=None)
        store.enqueue(waits, request={"models": ["phi-2"]}, key=None)
    reads, writes = os.pipe()
    with service.run(*QUICK, "--rounds=2", f"--claim={waits.id}", reports=writes) as process:
        os.close(writes)
        with os.fdopen(reads) as lines:
            told = [json.loads(line) for line in lines]
        out, _ = process.communicate(timeout=100)
    assert (process.returncode, "Traceback" in out) == (0, False)
    kinds = [line["kind"] for line in told if line["kind"] not in ("reading", "note")]
    assert kinds == ["case", "round", "round", "round", "case_ended"]
    with open_store(service.machine.database, write=False) as store:
        assert store.run(waits.id).status is Status.DONE
        told_later = [event.kind for event in store.events(waits.id)]
    assert told_later == ["queued", "started", "case", "round", "round", "round", "done"]


def started(machine: Machine, run: str) -> list[object]:
    """What was told each time that a process began to measure the run."""
    with open_store(machine.database, write=False) as store:
        return [event.data for event in store.events(run, limit=10_000) if event.kind == "started"]


@pytest.mark.parametrize("ollama_dies", [False, True])
def test_a_run_whose_service_was_killed_is_interrupted_and_goes_on_later(service: Service, ollama_dies: bool) -> None:
    machine = service.machine
    reads, writes = os.pipe()
    with service.run(*QUICK, "--rounds=400", reports=writes) as process:
        os.close(writes)
        eventually(lambda: machine.rounds("decode") >= 1, within_s=100)
        os.close(reads)
        if ollama_dies:
            service.announcing.close()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(service.server.pid, signal.SIGKILL)
        out, _ = process.communicate(timeout=100)
    assert (process.returncode, "Traceback" in out) == (130, False)
    run, status = machine.run()
    (result,) = machine.results()
    assert (status, result.status) == (Status.INTERRUPTED, Status.INTERRUPTED)
    with machine.started("orac", "bench", "--resume", run) as again:
        eventually(lambda: len(started(machine, run)) == 2 and machine.rounds("decode") >= 1, within_s=100)
        again.signal(signal.SIGINT)
        assert again.ends() == 130
    with open_store(machine.database, write=False) as store:
        told = store.events(run, limit=10_000)
    starts = started(machine, run)
    assert starts == [{"resumed": False, "cases": 1}, {"resumed": True, "cases": 1}]
    assert [event.number for event in told] == list(range(1, len(told) + 1))


def test_a_prompt_as_it_is_is_answered_by_every_model_in_its_own_template(service: Service, tmp_path: Path) -> None:
    (tmp_path / "question.txt").write_text("Why is the sky blue?")
    words = ("--suite=prompt", f"--prompt-file={tmp_path}/question.txt", "--output-tokens=12")
    said = service.machine.orac("bench", "phi-2", "tinyllama", "qwen3-0.6b", *words)
    results = service.machine.results()
    assert {result.case.suite for result in results} == {"prompt"}
    assert len(results) == 3
    for result in results:
        rounds = [one for one in result.rounds if one.status is RoundStatus.OK]
        assert len(rounds) >= 3
        assert len({one.metrics["input_tokens"] for one in rounds}) == 1  # the same prompt each time
        assert isinstance(result.facts["answer"], str)
        assert result.summary["e2e_s"].n == 3
    assert said.status == 0
    assert service.loaded() == ["pythia-70m:latest"]
