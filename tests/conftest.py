"""What every test gets: a clean environment. And what real tests ask for: Ollamas, tiny models, a running server."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from orac_bench.ollama.server import Server, supervise
from orac_bench.settings import Settings, read_settings
from tests.shuffle import shuffled

NEWER = "0.20.7"
_SCRUBBED = ("ORAC_", "OLLAMA_", "PYTEST_XDIST_")
"""The last so that a `pytest benchmarks/` that a test starts does not take itself for one of several workers."""
_OURS = ("schemathesis", "hypothesispytest", "xdist", "anyio")
"""Plugins of these tests that nobody has who measures; a `pytest benchmarks/` would load them for 2 s each time."""

# Each module is compiled once, as at a user's: else every start of `orac` in a test compiles all of them, for 0.3 s.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


@pytest.fixture(scope="session", autouse=True)
def caller_environ() -> Mapping[str, str]:
    """The environment that the tests were started with, before any of them has a clean one."""
    return dict(os.environ)


@pytest.fixture(scope="session", autouse=True)
def lean_benchmarks(caller_environ: Mapping[str, str]) -> Iterator[None]:
    """Every `pytest benchmarks/` that a test or its service starts has the plugins of a user."""
    without = [f"-p no:{plugin}" for plugin in _OURS]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_ADDOPTS", " ".join([caller_environ.get("PYTEST_ADDOPTS", ""), *without]).strip())
        yield


@pytest.fixture(scope="session")
def caller_settings(caller_environ: Mapping[str, str]) -> Settings:
    """Where the person who runs the tests keeps a built Ollama."""
    home = {name: caller_environ[name] for name in ("ORAC_HOME", "XDG_DATA_HOME", "HOME") if name in caller_environ}
    return read_settings(home)


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No setting, no proxy and no home of the caller reaches a test."""
    for name in list(os.environ):
        if name.startswith(_SCRUBBED) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))


@pytest.fixture(scope="session")
def ollama_binary(caller_environ: Mapping[str, str], caller_settings: Settings) -> Path:
    """The Ollama that real tests drive: ORAC_TEST_OLLAMA, else the built one, else `ollama` on PATH. Never skips."""
    on_path = shutil.which("ollama", path=caller_environ.get("PATH"))
    return _program(
        (caller_environ.get("ORAC_TEST_OLLAMA"), caller_settings.built_ollama, on_path),
        "Real tests need an Ollama. Type `python scripts/build_ollama.py`, or set ORAC_TEST_OLLAMA to one.",
    )


@pytest.fixture(scope="session")
def newer_ollama_binary(caller_environ: Mapping[str, str], caller_settings: Settings) -> Path:
    """The newer Ollama that real tests drive too: ORAC_TEST_OLLAMA_NEWER, else the built one. Never skips."""
    built = caller_settings.built_ollama.with_name(f"ollama-{NEWER}")
    headers = caller_settings.home / "ollama" / "headers"
    return _program(
        (caller_environ.get("ORAC_TEST_OLLAMA_NEWER"), built),
        f"Real tests need Ollama {NEWER}, too. Type "
        f"`python scripts/build_ollama.py --version {NEWER} --headers {headers} --to {built}`, "
        "or set ORAC_TEST_OLLAMA_NEWER to one.",
    )


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with six tiny GGUFs, one of each architecture, named as the six models of the catalogue."""
    from make_gguf import write_tiny

    folder = tmp_path_factory.mktemp("tiny")
    write_tiny(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_server(ollama_binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A supervised Ollama with an empty store; the store is its OLLAMA_MODELS in `environment`."""
    folder = tmp_path_factory.mktemp("tiny-server")
    with supervise(ollama_binary, store=folder / "store", home=folder, log=folder / "ollama.log") as server:
        yield server


def _program(places: tuple[str | Path | None, ...], advice: str) -> Path:
    """The first place that is set, where that is a file, or the first file. Fails with `advice` otherwise."""
    given, *others = places
    for place in others if given is None else [given]:
        if place is not None and Path(place).is_file():
            return Path(place).absolute()
    looked = ", ".join(str(place) for place in ([given] if given else others) if place)
    pytest.fail(f"{advice} Looked at: {looked}.", pytrace=False)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--shuffle SEED`: another order, the same each time for a seed."""
    parser.addoption("--shuffle", type=int, metavar="SEED", help="run files, and each file's tests, in another order")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts the tests in the order that was asked for."""
    seed = config.getoption("--shuffle")
    if seed is not None:
        items[:] = shuffled(items, seed)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many tests only a board can run, and how many a browser."""
    waiting = [report for report in terminalreporter.stats.get("skipped", []) if "test_jetson.py" in report.nodeid]
    if waiting:
        terminalreporter.write_line(f"{len(waiting)} tests need a Jetson and were skipped.")
    without = [report for report in terminalreporter.stats.get("skipped", []) if "tests/browser/" in report.nodeid]
    if without:
        terminalreporter.write_line(f"{len(without)} tests need a browser and were skipped.")
