"""The layering of docs/architecture.md, held against the imports that are really there.

Three tables say what is allowed; a new file or a new library must be written into them, or a test fails.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "orac_bench"

LEVELS: tuple[tuple[str, ...], ...] = (
    ("errors", "units", "settings", "arguments", "visible", "mounts", "interruption", "garbage"),
    ("flags", "records", "counting", "metrics", "verdicts"),
    ("ollama", "models", "telemetry", "stats"),
    ("store",),
    (
        *("session", "suites", "conditions", "lock", "engine", "candidates", "targets", "measurement", "progress"),
        *("tables", "attempt", "observer", "sustained", "judging"),
        *("announcement", "asking", "beginning", "forecast", "intent", "listener", "newrun", "report", "watch"),
        *("variants", "interleaving", "opened", "cases", "retries", "precision", "canary", "outcome"),
        "surroundings",
    ),
    ("plugin", "pedantic", "bench", "selfcheck", "doctor", "door", "options"),
    ("api", "cli", "commands"),
    ("benchmarks",),
)
"""From the left to the right: a part imports its own level and those before it."""

STRANGERS = ("ollama", "models", "telemetry", "stats")
"""These do not know each other; `session` brings them together."""

HOMES: dict[str, tuple[str, ...]] = {
    "httpx": ("ollama/client.py",),
    "h11": ("ollama/call.py", "api/protocol.py"),
    "fastapi": ("api/",),
    "starlette": ("api/",),
    "anyio": ("api/app.py",),
    "pydantic": ("api/",),
    "prometheus_client": ("api/exposition.py",),
    "uvicorn": ("api/protocol.py", "api/server.py", "commands/serve.py"),
    "sqlmodel": ("store/",),
    "sqlalchemy": ("store/",),
    "alembic": ("store/",),
    "numpy": ("stats/history.py",),
    "pandas": ("store/",),
    "pytest": ("plugin.py", "door.py", "pedantic.py", "benchmarks/"),
    "pytest_benchmark": ("plugin.py", "pedantic.py"),
    "jtop": ("telemetry/sources/jtop.py",),
    "pynvml": ("telemetry/sources/nvml.py",),
    "rich": ("cli.py", "progress.py", "tables.py"),
}
"""Where a third-party name may be imported: files, or folders with a slash at their end."""

PURE = (
    *(
        "units.py",
        "visible.py",
        "flags.py",
        "records.py",
        "verdicts.py",
        "counting.py",
        "metrics.py",
        "sustained.py",
        "forecast.py",
        "intent.py",
        "variants.py",
        "retries.py",
        "precision.py",
        "opened.py",
        "mounts.py",
        "ollama/stream.py",
        "ollama/overflow.py",
        "ollama/public.py",
        "stats/",
        "suites/",
        "api/estimate.py",
        "api/guard.py",
    ),
    *(
        f"telemetry/{name}.py"
        for name in ("tegrastats", "reading", "grammar", "energy", "lag", "log", "phases", "round", "source")
    ),
    *(f"telemetry/{name}.py" for name in ("gate", "validity", "power_mode")),
    *(f"judging/{name}.py" for name in ("headlines", "thresholds", "judge", "document", "text", "chart")),
)
"""Files that read no clock, file, socket, environment or global."""

IMPURE_MODULES = (
    *("asyncio", "ctypes", "fcntl", "glob", "io", "logging", "mmap", "multiprocessing", "os", "pathlib", "platform"),
    *("secrets", "select", "selectors", "shutil", "signal", "socket", "ssl", "subprocess", "sys", "tempfile"),
    *("threading", "time", "urllib", "uuid", "warnings"),
)
IMPURE_CALLS = frozenset({"open", "print", "input", "exec", "eval", "globals"})
IMPURE_METHODS = frozenset({"now", "utcnow", "today"})

RUN_BY_OTHERS = ("store/migrations/",)
"""Alembic executes these; they are no modules to import."""


def test_every_part_of_the_package_has_its_level() -> None:
    parts = {part(name) for name in files()}
    assert parts - {name for level in LEVELS for name in level} == set()


def test_imports_point_left_only_and_strangers_do_not_meet() -> None:
    assert [wrong for name in files() for wrong in wrong_imports(name, source(name))] == []


def test_a_third_party_name_has_one_home() -> None:
    assert [wrong for name in files() for wrong in homeless(name, source(name))] == []


def test_pure_files_read_no_clock_file_socket_environment_or_global() -> None:
    assert [wrong for name in files() if within(name, PURE) for wrong in impurities(name, source(name))] == []


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("metrics.py", "from orac_bench.store import tables", "metrics.py imports store, which is right of it"),
        ("errors.py", "def f():\n    import orac_bench.cli", "errors.py imports cli, which is right of it"),
        ("stats/summary.py", "from orac_bench import models", "stats/summary.py imports models, a stranger"),
        ("stats/summary.py", "from ..ollama import stream", "stats/summary.py imports ollama, a stranger"),
    ],
)
def test_a_wrong_import_is_seen(name: str, text: str, wrong: str) -> None:
    assert wrong_imports(name, text) == [wrong]


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("session.py", "import httpx", "session.py imports httpx, whose home is ollama/client.py"),
        ("session.py", "from sqlmodel import Session", "session.py imports sqlmodel, whose home is store/"),
        ("cli.py", "importlib.import_module('jtop')", "cli.py imports jtop, whose home is telemetry/sources/jtop.py"),
        ("cli.py", "import requests", "cli.py imports requests, which has no home in HOMES"),
    ],
)
def test_a_library_away_from_home_is_seen(name: str, text: str, wrong: str) -> None:
    assert homeless(name, text) == [wrong]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("import time", "units.py:1 imports time"),
        ("from os.path import join", "units.py:1 imports os"),
        ("x = datetime.now()", "units.py:1 calls now()"),
        ("x = open('f')", "units.py:1 calls open()"),
        ("x = random.random()", "units.py:1 draws from the unseeded random.random"),
        ("x = random.Random()", "units.py:1 draws from the unseeded random.Random"),
        ("def f():\n    global x", "units.py:2 has a global"),
    ],
)
def test_an_impurity_is_seen(text: str, wrong: str) -> None:
    assert impurities("units.py", text) == [wrong]


def test_seeded_random_numbers_are_pure() -> None:
    assert impurities("units.py", "import random\nx = random.Random(7).random()") == []


def test_importing_any_module_does_nothing_observable(tmp_path: Path) -> None:
    names = [module(name) for name in files() if not name.startswith(("benchmarks/", *RUN_BY_OTHERS))]
    assert observed(names, tmp_path) == {}


def test_what_an_import_does_is_observed(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(
        "import os, sys, threading, time\n"
        "os.environ['ORAC_LOUD'] = '1'\n"
        "kept = open(os.path.join(os.environ['HOME'], 'left behind'), 'w')\n"
        "threading.Thread(target=time.sleep, args=(60,), daemon=True, name='left running').start()\n"
        "print('hello')\n"
    )
    assert sorted(observed(["loud"], tmp_path)) == ["environment", "files", "open", "output", "threads"]


def files() -> tuple[str, ...]:
    """Every source file: those of the package by their path in it, the benchmarks as benchmarks/..."""
    package = ROOT / PACKAGE
    own = (str(path.relative_to(package)) for path in package.rglob("*.py"))
    return tuple(sorted([*own, *(str(path.relative_to(ROOT)) for path in (ROOT / "benchmarks").rglob("*.py"))]))


def source(name: str) -> str:
    folder = ROOT if name.startswith("benchmarks/") else ROOT / PACKAGE
    return (folder / name).read_text(encoding="utf-8")


def part(name: str) -> str:
    """What stands in LEVELS for a file: "stats" for stats/summary.py, "errors" for errors.py and __init__.py."""
    first = name.partition("/")[0].removesuffix(".py")
    return "errors" if first == "__init__" else first


def module(name: str) -> str:
    return ".".join([PACKAGE, *name.removesuffix(".py").split("/")]).removesuffix(".__init__")


def within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or (place.endswith("/") and name.startswith(place)) for place in places)


def imported(name: str, text: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import in `text`, also those in functions; relative ones made absolute."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            here = [PACKAGE, *name.split("/")[:-1]]
            above = here[: len(here) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            if base == PACKAGE:
                yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, base
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "import_module":
            yield from ((node.lineno, word.value) for word in node.args[:1] if isinstance(word, ast.Constant))


def wrong_imports(name: str, text: str) -> list[str]:
    levels = {one: number for number, level in enumerate(LEVELS) for one in level}
    own, wrong = part(name), []
    for _, dotted in imported(name, text):
        names = dotted.split(".")
        if names[0] != PACKAGE or names[1:2] == [own] or names[-1].startswith("__"):
            continue
        other = names[1] if len(names) > 1 else "errors"
        if other in STRANGERS and own in STRANGERS:
            wrong.append(f"{name} imports {other}, a stranger")
        elif levels.get(other, 0) > levels.get(own, len(LEVELS)):
            wrong.append(f"{name} imports {other}, which is right of it")
    return wrong


def homeless(name: str, text: str) -> list[str]:
    wrong = []
    for _, dotted in imported(name, text):
        library = dotted.partition(".")[0]
        if library == PACKAGE or library in sys.stdlib_module_names:
            continue
        homes = HOMES.get(library)
        if homes is None:
            wrong.append(f"{name} imports {library}, which has no home in HOMES")
        elif not within(name, homes):
            wrong.append(f"{name} imports {library}, whose home is {', '.join(homes)}")
    return wrong


def impurities(name: str, text: str) -> list[str]:
    wrong = []
    for line, dotted in imported(name, text):
        if dotted.partition(".")[0] in IMPURE_MODULES:
            wrong.append(f"{name}:{line} imports {dotted.partition('.')[0]}")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Global):
            wrong.append(f"{name}:{node.lineno} has a global")
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in IMPURE_CALLS:
            wrong.append(f"{name}:{node.lineno} calls {called.id}()")
        elif isinstance(called, ast.Attribute) and called.attr in IMPURE_METHODS:
            wrong.append(f"{name}:{node.lineno} calls {called.attr}()")
        elif isinstance(called, ast.Attribute) and unseeded(called, node):
            wrong.append(f"{name}:{node.lineno} draws from the unseeded random.{called.attr}")
    return wrong


def unseeded(called: ast.Attribute, call: ast.Call) -> bool:
    """Whether a call is one of the module `random`, other than `random.Random(seed)`."""
    of_random = isinstance(called.value, ast.Name) and called.value.id == "random"
    return of_random and (called.attr != "Random" or not call.args)


@pytest.mark.parametrize(
    ("door", "spared"),
    [
        ("cli", ("sqlalchemy", "pydantic", "httpx", "rich")),
        ("commands.runs", ("httpx", "alembic", "pandas", "numpy", "orac_bench.session", "orac_bench.measurement")),
        ("api.app", ("alembic", "pandas", "numpy", "orac_bench.session", "orac_bench.measurement")),
    ],
)
def test_a_door_does_not_wait_for_what_it_may_never_need(door: str, spared: tuple[str, ...]) -> None:
    look = [sys.executable, "-c", f"import json, sys, {PACKAGE}.{door}; print(json.dumps([*sys.modules]))"]
    done = subprocess.run(look, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert [name for name in spared if name in json.loads(done.stdout)] == []


def observed(names: list[str], folder: Path) -> dict[str, object]:
    """What importing `names` changes in a fresh process with an empty home, by kind; empty where nothing does.

    The libraries are imported before the first look: what they do is theirs.
    """
    home = folder / "home"
    home.mkdir()
    environ = {**os.environ, "HOME": str(home), "PYTHONPATH": f"{ROOT}:{folder}", "PYTHONDONTWRITEBYTECODE": "1"}
    installed = [library for library in HOMES if find_spec(library)]  # some are optional
    command = [sys.executable, "-c", _OBSERVER, json.dumps([installed, names])]
    done = subprocess.run(command, cwd=home, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    *output, report = done.stdout.splitlines()
    changes: dict[str, object] = json.loads(report)
    if output or done.stderr:
        changes["output"] = output + done.stderr.splitlines()
    return changes


_OBSERVER = """
import importlib, json, os, signal, sys, threading

def look():
    descriptors = {}
    for number in os.listdir('/proc/self/fd'):
        try:
            descriptors[number] = os.readlink('/proc/self/fd/' + number)
        except FileNotFoundError:
            pass  # the listing itself
    return {
        'threads': sorted(thread.name for thread in threading.enumerate()),
        'open': sorted(descriptors.values()),
        'files': sorted(os.path.join(folder, name) for folder, _, names in os.walk('.') for name in names),
        'environment': sorted(os.environ.items()),
        'signals': sorted((str(one), str(signal.getsignal(one))) for one in signal.valid_signals()),
        'folder': os.getcwd(),
        'children': open('/proc/self/task/%d/children' % os.getpid()).read(),
    }

libraries, names = json.loads(sys.argv[1])
for name in libraries:
    importlib.import_module(name)
before = look()
for name in names:
    importlib.import_module(name)
after = look()
print(json.dumps({key: after[key] for key in after if after[key] != before[key]}))
"""
