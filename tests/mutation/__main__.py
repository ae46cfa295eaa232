"""Which mistakes in the pure files no test would notice.

    python -m tests.mutation                    every file
    python -m tests.mutation stats/ranks.py     these files

Each mutant is run in a process of its own: its file is the wrong program there, and the tests that belong to the file
run until one fails. Exit status 1 where a file has less than 90 % of its mutants killed.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import importlib.abc
import importlib.machinery
import io
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import CodeType, ModuleType

import pytest
from hypothesis import Phase, settings

from tests.mutation.mutants import mutants

ROOT = Path(__file__).resolve().parent.parent.parent
WANTED_RATIO = 0.9
PATIENCE_S = 30
"""A mutant whose tests take more of the processor's time hangs, and is killed by it."""
ALIVE = 0

_METRICS = "docs.py::test_the_table_of_metrics_has_every_metric_with_its_label_and_clock"
_FLAGS = "docs.py::test_every_flag_is_in_the_readme_with_its_effect"
TESTS: Mapping[str, tuple[str, ...]] = {
    "units.py": ("units.py",),
    "flags.py": ("records.py", _FLAGS),
    "records.py": ("records.py",),
    "counting.py": ("metrics.py",),
    "metrics.py": ("metrics.py", "records.py", _METRICS),
    "ollama/stream.py": ("stream.py",),
    "telemetry/tegrastats.py": ("tegrastats.py",),
    "telemetry/energy.py": ("energy.py",),
    "stats/ranks.py": ("ranks.py", "compare.py", "records.py"),
    "stats/series.py": ("series.py", "summary.py"),
    "stats/summary.py": ("summary.py",),
    "stats/stopping.py": ("stopping.py", "records.py"),
    "stats/plan.py": ("plan.py", "records.py"),
    "stats/holm.py": ("compare.py",),
    "stats/compare.py": ("compare.py",),
    "stats/history.py": ("change_points.py",),
}
"""The tests of each file: those that say what it does."""

_UNUSED = ("cacheprovider", "unraisableexception", "threadexception", "faulthandler", "schemathesis", "benchmark")
PYTEST = (
    "-x",
    "-qq",
    "--no-header",
    "--no-summary",
    "--assert=plain",
    "--noconftest",
    *(f"-pno:{one}" for one in _UNUSED),
)
"""Pure files need no fixtures; without them a mutant takes a tenth of a second, not one."""

EQUAL = Path(__file__).with_name("equal.txt")
"""Mutants that no test can tell from the program: the file, the change, and why."""


class Wrong(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Lets one module be another program than its file."""

    def __init__(self, name: str, code: CodeType) -> None:
        self._name, self._code = name, code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(fullname, self) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 where enough mutants of each file are killed, 1 where not, 2 where the tests fail without any."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Mistakes that no test would notice.")
    parser.add_argument("files", nargs="*", default=list(TESTS), help="files of the package (default: all pure ones)")
    chosen = parser.parse_args(arguments).files
    os.chdir(ROOT)
    settings.register_profile("mutation", phases=(Phase.explicit, Phase.generate), database=None, derandomize=True)
    settings.load_profile("mutation")
    _libraries_loaded()
    return max([_judged(name) for name in chosen], default=0)


def _judged(name: str) -> int:
    """Kills the mutants of one file and says which are left."""
    path = ROOT / "orac_bench" / name
    module = ".".join(["orac_bench", *name.removesuffix(".py").split("/")])
    tests = [f"tests/test_{one}" for one in TESTS[name]]
    source = path.read_text(encoding="utf-8")
    if _ended(module, compile(source, str(path), "exec"), tests) != ALIVE:
        print(f"{name}: its tests fail as it is. Type: python -m pytest {' '.join(tests)}")
        return 2
    started, equal, killed, left, same = time.monotonic(), _equal(name), 0, [], 0
    found = list(mutants(source, str(path)))
    print(f"{name}: {len(found)} mutants; left are", flush=True)
    for mutant in found:
        if mutant.change in equal:
            same += 1
        elif _ended(module, mutant.code, tests) == ALIVE:
            left.append(mutant)
            print(f"  {name}:{mutant.line}: {mutant.change}", flush=True)
        else:
            killed += 1
    asked = killed + len(left)
    print(
        f"{name}: {killed} of {asked} mutants killed ({killed / asked:.1%}), {len(left)} left, {same} more are equal "
        f"to the program, in {time.monotonic() - started:.0f} s",
        flush=True,
    )
    return int(killed < WANTED_RATIO * asked)


def _ended(module: str, code: CodeType, tests: list[str]) -> int:
    """How the tests end in a process in which `module` is `code`: 0 where all of them pass."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.setitimer(signal.ITIMER_PROF, PATIENCE_S)
            silent = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(silent, stream)
            sys.meta_path.insert(0, Wrong(module, code))
            status = next((ended for one in tests if (ended := int(pytest.main([*PYTEST, one])))), ALIVE)
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1]


def _libraries_loaded() -> None:
    """Imports once what the tests need from outside, and pytest itself, before the processes of the mutants begin."""
    for name in ("numpy", "hypothesis.strategies"):
        importlib.import_module(name)
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main([*PYTEST, "--co", str(Path(__file__).parent)])
    gc.freeze()


def _equal(name: str) -> set[str]:
    """The changes of one file that make no difference."""
    lines = (line.partition(" | ") for line in EQUAL.read_text(encoding="utf-8").splitlines())
    return {rest.rpartition(" | ")[0] for file, _, rest in lines if file == name}


if __name__ == "__main__":
    sys.exit(main())
