"""The whole measurement as a person types it, on a real Ollama with six tiny models of the six architectures."""

from __future__ import annotations

import hashlib
import json
import shutil
import statistics
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from orac_bench.ollama.locate import program_version
from orac_bench.records import Phase, RoundStatus, Status
from tests.make_gguf import SHAPES
from tests.real.doors import Machine, Said, a_machine, nothing_left

pytestmark = pytest.mark.real

QUICK = ("--rounds=2", "--warmup=1", "--output-tokens=10", "--prompt-tokens=128")
SUITES = ("first_token", "decode", "prompt_length", "cold_load")


def contents(folder: Path) -> dict[str, tuple[str, int]]:
    """Hash and time of change of every file."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns) for path in files}


class Whole:
    """One run of all models through all suites, for many questions."""

    def __init__(self, machine: Machine, models: Path) -> None:
        self.machine = machine
        self.models = models
        self.before = contents(models)
        self.said: Said = machine.orac("bench", *QUICK, "--json")
        self.shown: Any = machine.orac("show", "latest", "--rounds", "--json").document

    def rounds(self) -> Iterator[tuple[str, str, Any]]:
        """Model, suite and document of every round."""
        for result in self.shown["results"]:
            for one in result["rounds"]:
                yield result["case"]["model"], result["case"]["suite"], one


@pytest.fixture(scope="module")
def whole(ollama_binary: Path, tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    models = folder / "read-only"
    shutil.copytree(tiny_models, models)
    for path in (*models.iterdir(), models):
        path.chmod(path.stat().st_mode & ~0o222)
    return Whole(a_machine(folder, models, ollama_binary), models)


def test_all_six_architectures_pass_all_four_suites(whole: Whole) -> None:
    assert (whole.said.status, whole.said.calm) == (0, True), whole.said.err
    assert whole.said.document["run"]["status"] == "done"
    cases = [(result["case"]["model"], result["case"]["suite"]) for result in whole.shown["results"]]
    assert cases == [(model, suite) for model in sorted(SHAPES) for suite in SUITES]  # each model is loaded once
    assert {(r["status"], r["planned"], r["done"]) for r in whole.shown["results"]} == {("done", 2, 2)}
    assert len(whole.said.err.splitlines()) == 24  # a line a case where there is no terminal
    assert nothing_left(whole.machine)


def test_every_round_has_its_times_its_counts_and_the_servers_own_fields(whole: Whole) -> None:
    wanted = {"ttft_s", "ttfa_s", "tpot_s", "e2e_s", "decode_tokens_per_s", "input_tokens", "output_tokens"}
    raw = {"eval_count", "eval_duration", "prompt_eval_count", "load_duration", "total_duration", "nonce"}
    phases = [one["phase"] for _, _, one in whole.rounds()]
    assert phases.count("warmup") == 24
    for model, suite, one in whole.rounds():
        metrics = {key: value for key, value in one["metrics"].items() if value is not None}
        assert wanted <= set(metrics), (model, suite, one)
        assert raw <= set(one["raw"])
        assert 0 < metrics["ttft_s"] <= metrics["e2e_s"]
        assert abs(metrics["input_tokens"] - 128) <= 6, (model, suite)  # 5 %
        assert ("load_s" in metrics) == (suite == "cold_load")
        assert not {"reloaded", "prompt_length_off"} & set(one["flags"]), (model, suite, one)


def test_each_round_of_cold_load_begins_with_the_model_verified_unloaded(whole: Whole, ollama_binary: Path) -> None:
    cold = [one for _, suite, one in whole.rounds() if suite == "cold_load"]
    warm = [one for _, suite, one in whole.rounds() if suite != "cold_load"]
    if program_version(ollama_binary) == "0.11.4":  # there every real load waits for one poll of 250 ms
        assert min(one["metrics"]["load_s"] for one in cold) > 0.2
    assert max(one["raw"]["load_duration"] for one in warm) < 200_000_000


def test_a_thinking_model_has_a_first_token_before_its_first_answer(whole: Whole) -> None:
    apart_s: dict[str, list[float]] = {}
    for model, _, one in whole.rounds():
        apart_s.setdefault(model, []).append(one["metrics"]["ttfa_s"] - one["metrics"]["ttft_s"])
    for model, found in apart_s.items():
        assert min(found) >= 0.0, model  # on a busy machine both may come in one piece
        assert (statistics.median(found) > 0.0) == model.startswith("qwen3"), (model, found)


def test_no_prompt_begins_like_the_one_before_it(whole: Whole) -> None:
    nonces = [one["raw"]["nonce"] for _, _, one in whole.rounds()]
    assert all(a[0] != b[0] for a, b in pairwise(nonces))
    assert len(set(nonces)) == len(nonces)


def test_the_folder_of_models_stays_as_it_was_and_nothing_of_it_is_copied(whole: Whole) -> None:
    assert contents(whole.models) == whole.before
    store = whole.machine.home / "ollama" / "models"
    sizes = {path: path.lstat().st_size for path in whole.machine.home.rglob("*") if path.is_file()}
    assert sum(size for path, size in sizes.items() if path.suffix != ".log") < 1_000_000
    links = [path for path in (store / "blobs").iterdir() if path.is_symlink()]
    assert {path.resolve().parent for path in links} == {whole.models}
    assert len(links) == 6
    assert max(size for path, size in sizes.items() if path.parent.name == "blobs") < 2000


def test_a_second_run_registers_nothing_anew_and_has_the_same_cases(whole: Whole) -> None:
    store = whole.machine.home / "ollama" / "models"
    before = contents(store)
    said = whole.machine.orac("bench", "phi2", "--suite=first_token", *QUICK, "--note=again", "--json")
    assert said.status == 0, said.err
    assert contents(store) == before
    (again,) = said.document["results"]
    assert again["case"] in [result["case"] for result in whole.shown["results"]]
    assert said.document["run"]["note"] == "again"
    assert said.document["conditions"] == whole.shown["conditions"]


# `pytest benchmarks/`, which the owner uses every day.


@pytest.fixture
def machine(ollama_binary: Path, tiny_models: Path, tmp_path: Path) -> Machine:
    return a_machine(tmp_path, tiny_models, ollama_binary)


FEW = ("--orac-rounds=3", "--orac-warmup=1", "--orac-output-tokens=10")


def test_pytest_writes_its_json_with_rows_of_their_own_and_compares_with_what_it_saved(machine: Machine) -> None:
    file, storage = machine.folder / "b.json", f"--benchmark-storage={machine.folder}/saved"
    words = ("-k", "decode", "--orac-model", "phi-2", *FEW, storage, "--benchmark-autosave")
    said = machine.pytest(*words, "--benchmark-json", str(file))
    assert (said.status, said.calm) == (0, True), said.out + said.err
    rows = {row["name"]: row for row in json.loads(file.read_text())["benchmarks"]}
    assert set(rows) == {f"bench_decode[phi-2]{row}" for row in ("", "::TTFT", "::TPOT")}
    (result,) = machine.results()
    for name, key in (("", "e2e_s"), ("::TTFT", "ttft_s"), ("::TPOT", "tpot_s")):
        values = [one.metrics[key] for one in result.rounds if one.counted]
        assert rows[f"bench_decode[phi-2]{name}"]["stats"]["rounds"] == 3
        assert rows[f"bench_decode[phi-2]{name}"]["stats"]["median"] == pytest.approx(sorted(values)[1])
    about = rows["bench_decode[phi-2]"]["extra_info"]
    assert (about["orac_run"], about["orac_case"]) == (machine.run()[0], result.case.key)
    assert len(about["decode_tokens_per_s"]) == 3

    said = machine.pytest(*words, "--benchmark-compare")
    assert said.status == 0, said.out + said.err
    assert "bench_decode[phi-2] (NOW)" in said.out
    assert "bench_decode[phi-2] (0001_" in said.out
    assert "bench_decode[phi-2]::TTFT (0001_" in said.out


def test_a_benchmark_that_is_disabled_measures_one_round(machine: Machine) -> None:
    said = machine.pytest("-k", "first_token", "--orac-model=phi-2", *FEW, "--benchmark-disable")
    assert said.status == 0, said.out + said.err
    (result,) = machine.results()
    assert [(one.phase, one.index, one.status) for one in result.rounds] == [(Phase.MEASURE, 0, RoundStatus.OK)]
    assert result.status is Status.DONE


def test_collecting_measures_nothing_and_starts_no_server(machine: Machine) -> None:
    said = machine.pytest("--collect-only", "-q", "--orac-model=phi-2", "--orac-suite=decode")
    assert said.status == 0
    assert "benchmarks/bench_decode.py::bench_decode[phi-2]" in said.out.splitlines()
    assert "bench_cold_load[" not in said.out
    assert not machine.home.exists()
    assert not (machine.folder / "orac.db").exists()


@pytest.fixture
def one_that_does_not_load(tiny_models: Path, tmp_path: Path) -> Path:
    """A folder where the first model has a sound header of an architecture that no Ollama knows."""
    folder = tmp_path / "gguf"
    folder.mkdir()
    shutil.copy(tiny_models / "phi-2.gguf", folder)
    sound = (tiny_models / "pythia-70m.gguf").read_bytes()
    (folder / "a-strange-one.gguf").write_bytes(sound.replace(b"gptneox", b"gptabcd"))
    return folder


def test_a_model_that_ollama_cannot_load_fails_alone_and_with_x_ends_the_run(
    ollama_binary: Path, one_that_does_not_load: Path, tmp_path: Path
) -> None:
    machine = a_machine(tmp_path, one_that_does_not_load, ollama_binary)
    said = machine.pytest("--orac-suite=first_token", *FEW)
    assert (said.status, said.calm) == (1, True), said.out + said.err
    strange, sound = machine.results()
    assert (strange.status, strange.rounds, sound.status) == (Status.FAILED, (), Status.DONE)
    assert strange.failure is not None
    assert "unknown model architecture" in strange.failure.message or "500" in strange.failure.message
    assert machine.run()[1] is Status.FAILED

    said = machine.pytest("-x", "--orac-suite=first_token", *FEW)
    assert (said.status, said.calm) == (1, True)
    assert [result.status for result in machine.results()] == [Status.FAILED]
    assert machine.run()[1] is Status.INTERRUPTED  # the other model can still be measured
