"""Kills a service, its run, or everything, at random moments of a run, and looks whether a finished round was lost.

    python -m tests.real.kills --kills 20 --seed 1 --ollama /path/to/ollama

Three of them are in the gate, in tests/real/test_service_runs_real.py.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from orac_bench.records import Result, Status
from orac_bench.store.store import Store, open_store
from tests.service import Service, running_service
from tests.waiting import eventually

WISH = {"suites": ["first_token", "decode"], "rounds": 8, "warmup": 1, "output_tokens": 8, "prompt_tokens": [64]}
OVER = frozenset({Status.DONE, Status.FAILED, Status.CANCELLED, Status.LOST})
STARTS = 3
"""How often a run is started without finishing a case before it is given up: two kills in a row are survived."""
CASE_LIMIT_S = 300.0
"""The longest that a run may take without finishing a case."""


@dataclass(kw_only=True)
class Killer:
    """A machine on which things are killed. What it did is in `killed`, and what was wrong afterwards in `faults`."""

    folder: Path
    models: Path
    ollama: Path
    draw: random.Random
    say: Callable[[str], None]
    killed: Counter[str] = field(default_factory=Counter)
    runs: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def kills(self, number: int) -> None:
        """Kills so often, over as many runs as that takes, each of which is then let end."""
        with ExitStack() as stack:
            service = self._started(stack)
            while sum(self.killed.values()) < number:
                service = self._one_run(service, stack, number)

    def _one_run(self, service: Service, stack: ExitStack, number: int) -> Service:
        run = service.post("/v1/runs", {**WISH, "models": self.draw.sample(NAMES, 2)}).json["id"]
        self.runs.append(run)
        deadline = time.monotonic() + CASE_LIMIT_S
        done, in_a_row = 0, 0
        with open_store(service.database, write=False) as store:
            while store.run(run).status not in OVER:
                until = time.monotonic() + self.draw.uniform(0.2, 5.0)
                while time.monotonic() < until and store.run(run).status not in OVER:
                    time.sleep(0.05)
                stands = store.run(run).status.value
                assert time.monotonic() < deadline, f"{run} is {stands} and finished no case in {CASE_LIMIT_S:g} s"
                now = len(finished(store, run))
                if now > done:
                    done, in_a_row, deadline = now, 0, time.monotonic() + CASE_LIMIT_S
                over = store.run(run).status in OVER
                if not over and sum(self.killed.values()) < number and in_a_row < STARTS - 1:
                    in_a_row += 1
                    service = self._kill(service, store, run, stack)
            self._judge(store, run)
        return service

    def _kill(self, service: Service, store: Store, run: str, stack: ExitStack) -> Service:
        """Kills one thing or all of them; the service that runs afterwards."""
        victim = self.draw.choice(("run", "service", "everything"))
        measuring = [pid for uid, pid in store.running() if uid == run and pid is not None]
        if victim == "run" and not measuring:
            victim = "service"
        before = finished(store, run)
        self.killed[victim] += 1
        self.say(f"{run}: {victim} is killed after {len(before)} cases")
        if victim in ("run", "everything"):
            for pid in measuring:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, signal.SIGKILL)
        if victim in ("service", "everything"):
            service.process.kill()
            service.process.wait()
        if victim == "everything":
            for pid in belonging(service.home):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        after = finished(store, run)
        for key, rounds in before.items():
            if after.get(key) != rounds:
                self.faults.append(f"{run}: finished case {key} is not what it was")
        return service if victim == "run" else self._started(stack)

    def _judge(self, store: Store, run: str) -> None:
        """What became of the run, once it is over."""
        status, results = store.run(run).status, store.results(run, rounds=True)
        self.say(f"{run}: {status.value}, {len(results)} cases")
        if status is not Status.DONE or [result.status for result in results] != [Status.DONE] * 4:
            self.faults.append(f"{run} is {status.value}: {store.run(run).error}; {[each.status for each in results]}")
        for result in results:
            found = Counter((one.phase.value, one.index) for one in result.rounds)
            wanted = Counter([("warmup", 0), *(("measure", index) for index in range(8))])
            if any(count > 1 for count in found.values()) or wanted - found:
                self.faults.append(f"{run}: case {result.case.key} has the rounds {sorted(found.elements())}")
        numbers = [event.number for event in store.events(run)]
        if numbers != [*range(1, len(numbers) + 1)]:
            self.faults.append(f"{run}: its events are numbered {numbers}")
        self.faults += [f"{run}: {problem}" for problem in store.check()]

    def _started(self, stack: ExitStack) -> Service:
        return stack.enter_context(running_service(self.folder, models=self.models, ollama=self.ollama))


NAMES = ("phi-2", "pythia-70m", "tinyllama-1.1b", "qwen3-0.6b", "distilgpt2")


def finished(store: Store, run: str) -> dict[str, Result]:
    """The finished cases of a run, with their rounds."""
    return {one.case.key: one for one in store.results(run, rounds=True) if one.status is Status.DONE}


def belonging(home: Path) -> set[int]:
    """Every process that was started for this home: services, runs, Ollamas, their guardians."""
    marks = (f"ORAC_HOME={home}\0".encode(), f"OLLAMA_MODELS={home}/".encode())
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environ = (process / "environ").read_bytes()
            if any(mark in environ for mark in marks) and int(process.name) != os.getpid():
                found.add(int(process.name))
    return found


def killed(
    folder: Path, models: Path, ollama: Path, *, kills: int, seed: int, say: Callable[[str], None] = lambda _text: None
) -> Killer:
    """A machine after so many kills, with what was wrong."""
    killer = Killer(folder=folder, models=models, ollama=ollama, draw=random.Random(seed), say=say)
    killer.kills(kills)
    eventually(lambda: not belonging(folder / "home"), within_s=20)
    return killer


def main(arguments: Sequence[str]) -> int:
    """Exit status 0 where nothing was lost."""
    from tests.make_gguf import write_tiny

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, metavar="N")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), metavar="N")
    parser.add_argument("--ollama", type=Path, required=True, metavar="FILE")
    given = parser.parse_args(arguments)
    print(f"seed {given.seed}")
    with tempfile.TemporaryDirectory() as place:
        models = Path(place) / "models"
        models.mkdir()
        write_tiny(models)
        done = killed(Path(place), models, given.ollama, kills=given.kills, seed=given.seed, say=print)
    print(
        f"{sum(done.killed.values())} kills {dict(done.killed)} over {len(done.runs)} runs, {len(done.faults)} faults"
    )
    for fault in done.faults:
        print(f"  {fault}")
    return 1 if done.faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
