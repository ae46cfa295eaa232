"""The same contract on a newer Ollama: what changed between the versions changes nothing for who measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from orac_bench.ollama.locate import program_version
from tests.make_gguf import SHAPES
from tests.real.doors import a_machine, nothing_left

pytestmark = pytest.mark.real


def test_the_newer_ollama_gives_all_six_models_the_same_metrics(
    newer_ollama_binary: Path, tiny_models: Path, tmp_path: Path
) -> None:
    machine = a_machine(tmp_path, tiny_models, newer_ollama_binary)
    quick = ("--rounds=2", "--warmup=1", "--output-tokens=10", "--prompt-tokens=128")
    said = machine.orac("bench", "--suite=first_token", "--suite=cold_load", *quick)
    assert (said.status, said.calm) == (0, True), said.err

    shown = machine.orac("show", "latest", "--rounds", "--json").document
    assert shown["conditions"]["facts"]["ollama_version"] == program_version(newer_ollama_binary)
    cases = [(result["case"]["model"], result["case"]["suite"], result["status"]) for result in shown["results"]]
    assert cases == [(model, suite, "done") for model in sorted(SHAPES) for suite in ("first_token", "cold_load")]
    later = set()
    for result in shown["results"]:
        cold, thinks = result["case"]["suite"] == "cold_load", result["case"]["model"].startswith("qwen3")
        for one in result["rounds"]:
            metrics = {key: value for key, value in one["metrics"].items() if value is not None}
            assert {"ttft_s", "e2e_s", "tpot_s", "decode_tokens_per_s"} <= set(metrics), (result["case"], one)
            assert abs(metrics["input_tokens"] - 128) <= 6
            assert ("load_s" in metrics) == cold
            later.add((thinks, metrics["ttft_s"] < metrics["ttfa_s"]))
            assert metrics["ttft_s"] <= metrics["ttfa_s"]
            assert (one["raw"]["eval_count"], one["raw"]["done_reason"]) == (10, "length")
        assert len({one["raw"]["nonce"] for one in result["rounds"]}) == 3
    assert later >= {(True, True), (False, False)}  # on a busy machine a thought and its answer may arrive together
    assert (False, True) not in later
    assert nothing_left(machine)


@pytest.mark.parametrize("version", ["ollama_binary", "newer_ollama_binary"])
def test_a_text_longer_than_the_context_is_no_result(
    version: str, request: pytest.FixtureRequest, tiny_models: Path, tmp_path: Path
) -> None:
    # given 6000 words for a context of 1024 tokens: the older Ollama cuts them in silence, the newer one would too
    machine = a_machine(tmp_path, tiny_models, request.getfixturevalue(version))
    text = tmp_path / "long.txt"
    text.write_text("word " * 6000)
    named = ("--suite=prompt", "--suite=first_token", "--suite=cold_load", "--rounds=1", "--output-tokens=4")
    said = machine.orac("bench", "distilgpt2", *named, "--prompt-file", str(text), "--json")

    assert (said.status, said.calm) == (1, True), said.err
    results = said.document["results"]
    assert {(result["case"]["suite"], result["status"], result["done"]) for result in results} == {
        (suite, "failed", 0) for suite in ("prompt", "first_token", "cold_load")
    }
    assert said.err.count("does not fit into distilgpt2's context of 1024 tokens") >= 3
    assert nothing_left(machine)
