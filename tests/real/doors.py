"""A person at a machine: real processes of `orac` and of `pytest benchmarks/`, with a home and a store of their own."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orac_bench.errors import StoreMissing, UnknownRun
from orac_bench.records import Phase, Result, RoundStatus, Status
from orac_bench.store.store import open_store
from tests.waiting import eventually, running

CHECKOUT = Path(__file__).parent.parent.parent
PATIENCE_S = 120.0
"""The longest that a whole command may take on a slow machine."""


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a process that has ended said."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on stdout."""
        return json.loads(self.out)

    @property
    def calm(self) -> bool:
        """Whether no traceback was shown."""
        return "Traceback" not in self.out + self.err


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A folder with all that is this machine's; `settings` are the ORAC_* variables beside home and store."""

    folder: Path
    settings: Mapping[str, str]

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def database(self) -> str:
        return f"sqlite:///{self.folder}/orac.db"

    def orac(self, *words: str, **settings: str) -> Said:
        """`orac WORDS`, to its end."""
        return self._ended(["-m", "orac_bench.cli", *words], settings)

    def pytest(self, *words: str, **settings: str) -> Said:
        """`pytest benchmarks/ WORDS`, to its end."""
        return self._ended(self._pytest(words), settings)

    @contextmanager
    def started(self, door: str, *words: str) -> Iterator[Started]:
        """`orac WORDS` or `pytest benchmarks/ WORDS` on a terminal of its own, killed where the block leaves it."""
        command = ["-m", "orac_bench.cli", *words] if door == "orac" else self._pytest(words)
        screen, line = pty.openpty()
        with (
            (self.folder / "out.txt").open("w") as out,
            subprocess.Popen(
                [sys.executable, *command],
                cwd=CHECKOUT,
                env=self._environ({}),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=line,
                start_new_session=True,
            ) as process,
        ):
            os.close(line)
            try:
                yield Started(process, screen)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def results(self, run: str = "latest") -> tuple[Result, ...]:
        """The results of a run so far, with their rounds; none where there is no store or no run yet."""
        try:
            with open_store(self.database, write=False) as store:
                return store.results(store.resolve(run), rounds=True)
        except (StoreMissing, UnknownRun):
            return ()

    def run(self) -> tuple[str, Status]:
        """The id and the status of the last run."""
        with open_store(self.database, write=False) as store:
            (line,) = store.runs(limit=1)
            return line.id, line.status

    def rounds(self, suite: str, run: str = "latest") -> int:
        """How many measured rounds of a suite are in the store."""
        rounds = [one for result in self.results(run) if result.case.suite == suite for one in result.rounds]
        return sum(one.phase is Phase.MEASURE and one.status is RoundStatus.OK for one in rounds)

    def servers(self) -> set[int]:
        """The Ollamas and their runners that this machine's commands started and that still run."""
        mark = f"OLLAMA_MODELS={self.home}/".encode()
        found = set()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (process / "environ").read_bytes() and running(int(process.name)):
                    found.add(int(process.name))
        return found

    def stall(self) -> None:
        """Stops the runners where they are: the round in progress, or the next one, does not end."""
        for pid in self.servers():
            if b"runner" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGSTOP)

    def _ended(self, command: list[str], settings: Mapping[str, str]) -> Said:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=CHECKOUT,
            env=self._environ(settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Said(status=done.returncode, out=done.stdout, err=done.stderr)

    def _pytest(self, words: tuple[str, ...]) -> list[str]:
        return ["-m", "pytest", "benchmarks/", f"-ocache_dir={self.folder}/cache", *words]

    def _environ(self, settings: Mapping[str, str]) -> dict[str, str]:
        own = {"ORAC_HOME": str(self.home), "ORAC_DATABASE_URL": self.database}
        return {**os.environ, **own, **self.settings, **settings}


class Started:
    """A command that runs on a terminal, of which `screen` is the other end; what it shows is read all the time."""

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self.process = process
        self._screen = screen
        self._seen: list[str] = []
        self._reader = threading.Thread(target=self._read, name="terminal")
        self._reader.start()

    def signal(self, number: int) -> None:
        """A signal to the whole process group, as Ctrl-C on a terminal sends it."""
        os.killpg(self.process.pid, number)

    def ends(self) -> int:
        """Its exit status, once it has ended and all that it showed is read."""
        status = self.process.wait(timeout=PATIENCE_S)
        self._reader.join(timeout=PATIENCE_S)
        return status

    @property
    def shown(self) -> str:
        """What it has shown so far."""
        return "".join(self._seen)

    def asks(self) -> bool:
        """Whether a round was sent and is not answered: it has a connection of its own, beside the one for all else."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_bytes().rpartition(b")")[2].split()
        return stat[0] == b"S" and connections(self.process.pid) == 2

    def shows(self, text: str) -> None:
        """Waits until it has shown `text`. Raises AssertionError where it ends before."""
        eventually(lambda: text in self.shown or self.process.poll() is not None, within_s=PATIENCE_S)
        assert text in self.shown

    def _read(self) -> None:
        with contextlib.suppress(OSError):  # nobody holds the other end any more
            while more := os.read(self._screen, 65_536):
                self._seen.append(more.decode(errors="replace"))
        os.close(self._screen)


def connections(pid: int) -> int:
    """How many open TCP connections over IPv4 that process has. Source: proc(5), /proc/net/tcp: 01 is established."""
    lines = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    established = {f"socket:[{fields[9]}]" for fields in map(str.split, lines) if fields[3] == "01"}
    held = 0
    for handle in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            held += str(handle.readlink()) in established
    return held


def a_machine(folder: Path, models: Path, program: Path) -> Machine:
    """A machine with these models and this Ollama, on which nothing was measured yet."""
    return Machine(folder=folder, settings={"ORAC_MODELS_DIR": str(models), "ORAC_OLLAMA_BIN": str(program)})


def nothing_left(machine: Machine) -> bool:
    """Whether every Ollama of the machine is gone within 10 s."""
    return eventually(lambda: not machine.servers(), within_s=10.0)
