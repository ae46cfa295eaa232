"""An Ollama that somebody else runs is measured, and left as it was found."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orac_bench.models.digests import Digests
from orac_bench.models.folder import discover
from orac_bench.models.register import register
from orac_bench.ollama.client import Client
from orac_bench.ollama.server import Server, supervise
from orac_bench.records import Status
from tests.real.doors import Machine

pytestmark = pytest.mark.real

QUICK = ("--suite=first_token", "--rounds=2", "--warmup=1", "--output-tokens=8", "--prompt-tokens=64")


@dataclass(frozen=True, kw_only=True)
class Other:
    """Somebody's Ollama with phi-2 and pythia-70m, of which pythia-70m is loaded; and a machine that measures it."""

    server: Server
    store: Path
    machine: Machine

    def loaded(self) -> list[str]:
        with Client(self.server.url) as client:
            return [model.name for model in client.loaded()]

    def files(self) -> dict[str, str]:
        """Hash of every file in its store, by path."""
        files = [path for path in self.store.rglob("*") if path.is_file()]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def other(ollama_binary: Path, tiny_models: Path, tmp_path: Path) -> Iterator[Other]:
    store, machine = tmp_path / "its-store", tmp_path / "mine"
    machine.mkdir()
    with supervise(ollama_binary, store=store, home=tmp_path, log=tmp_path / "its.log") as server:
        for model in discover(tiny_models):
            if model.name in ("phi-2", "pythia-70m"):
                register(model, store, digests=Digests(path=tmp_path / "its-digests.json"), owned=True)
        with Client(server.url) as client:
            client.load("pythia-70m")
        settings = {"ORAC_OLLAMA_URL": server.url, "ORAC_OLLAMA_BIN": str(ollama_binary)}
        yield Other(server=server, store=store, machine=Machine(folder=machine, settings=settings))


@pytest.mark.parametrize("name", ["phi-2", "phi-2:latest"])
def test_its_models_are_measured_under_their_own_names_and_it_is_left_as_it_was_found(other: Other, name: str) -> None:
    before = other.files()
    said = other.machine.orac("bench", name, *QUICK, "--json")

    assert (said.status, said.calm) == (0, True), said.err
    (result,) = said.document["results"]
    assert (result["case"]["model"], result["status"], result["done"]) == ("phi-2", "done", 2)
    assert said.document["conditions"]["facts"]["ollama_supervised"] is False
    assert other.server.alive()
    assert other.loaded() == ["pythia-70m:latest"]
    assert other.files() == before
    assert not (other.machine.home / "ollama").exists()  # nothing was started or registered here


def test_files_are_registered_in_its_store_beside_what_is_there_and_nothing_is_overwritten(
    other: Other, tiny_models: Path, tmp_path: Path
) -> None:
    before = other.files()
    folder = tmp_path / "gguf"
    folder.mkdir()
    shutil.copy(tiny_models / "distilgpt2.gguf", folder)
    shutil.copy(tiny_models / "qwen3-0.6b.gguf", folder / "pythia-70m.gguf")  # another model of a name that it has
    settings = {"ORAC_MODELS_DIR": str(folder), "ORAC_OLLAMA_STORE": str(other.store)}

    good = other.machine.orac("bench", "distilgpt2", *QUICK, "--json", **settings)
    after = other.files()
    bad = other.machine.orac("bench", "pythia-70m", *QUICK, **settings)

    assert (good.status, good.document["results"][0]["status"]) == (0, "done"), good.err
    assert before.items() < after.items()
    assert (bad.status, bad.calm) == (1, True)
    assert "note: pythia-70m first_token was not measured." in bad.err
    assert "has another model named 'pythia-70m' already; nothing was changed there." in bad.err
    assert other.machine.run()[1] is Status.FAILED
    assert other.files() == after
    assert other.loaded() == ["pythia-70m:latest"]
