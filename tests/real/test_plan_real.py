"""Blocks, pairs, variants, precision and the canary with a real Ollama and tiny models."""

from __future__ import annotations

import re
import signal
from collections import Counter
from pathlib import Path

import pytest

from orac_bench.records import Phase, Result, Status
from tests.real.doors import Machine, a_machine, nothing_left
from tests.waiting import eventually

pytestmark = pytest.mark.real

QUICK = ("--suite=decode", "--output-tokens=16", "--prompt-tokens=64")


@pytest.fixture
def machine(ollama_binary: Path, tiny_models: Path, tmp_path: Path) -> Machine:
    return a_machine(tmp_path, tiny_models, ollama_binary)


def in_order(results: tuple[Result, ...]) -> list[tuple[int | None, str]]:
    """Block and case of each counted round, in the order of measuring."""
    rounds = [(one.started, one.block, result.case.name) for result in results for one in result.rounds if one.counted]
    return [(block, name) for _, block, name in sorted(rounds)]


def test_two_models_are_measured_beside_each_other_and_judged(machine: Machine) -> None:
    said = machine.orac("bench", "phi-2", "pythia-70m", "--paired", *QUICK, "--blocks=6", "--rounds=12")

    assert (said.status, said.calm) == (0, True), said.out + said.err
    assert "interleaved" in said.out
    assert "phi-2 and pythia-70m" in said.out
    results = machine.results()
    facts = {result.case.model: result.facts for result in results}
    keys = {result.case.model: result.case.key for result in results}
    assert facts["phi-2"]["pair"] == {"with": keys["pythia-70m"], "side": "base"}
    assert facts["pythia-70m"]["pair"] == {"with": keys["phi-2"], "side": "candidate"}
    assert [(result.status, result.done, result.facts["blocks"]) for result in results] == [(Status.DONE, 12, 6)] * 2
    order = in_order(results)
    assert [block for block, _ in order] == [block for block in range(6) for _ in range(4)]
    assert Counter(order) == {(block, name): 2 for block in range(6) for name in ("phi-2", "pythia-70m")}
    assert all(order[at] == order[at + 1] for at in range(0, len(order), 2))  # both rounds of a side together

    body = machine.orac("compare", "latest", "--json").document
    (case,) = body["cases"]
    assert (case["paired"], case["n"], case["metric"]) == (True, 6, "decode_tokens_per_s")
    assert machine.orac("db", "check").status == 0


def threads_of_loads(machine: Machine) -> list[str]:
    """With how many threads its Ollama loaded a model, load by load: told by 0.11.4, and by 0.20.7."""
    log = (machine.home / "ollama" / "serve.log").read_text()
    return re.findall(r"(?:--threads |Operation:commit .*?NumThreads:)(\d+)", log)


def test_two_settings_of_a_model_reach_its_runner(machine: Machine) -> None:
    words = ("--variant=num_thread=1", "--variant=num_thread=2,top_k=5", "--blocks=3", "--rounds=3")
    said = machine.orac("bench", "phi-2", *QUICK, *words)

    assert (said.status, said.calm) == (0, True), said.out + said.err
    assert "phi-2 num_thread=1" in said.out
    by_side = {result.facts["pair"]["side"]: result for result in machine.results()}  # type: ignore[index, call-overload]
    assert [by_side[side].case.options.get("num_thread") for side in ("base", "candidate")] == [1, 2]
    threads = threads_of_loads(machine)
    order = [{"phi-2 num_thread=1": "1"}.get(name, "2") for _, name in in_order(machine.results())]
    changes = [one for at, one in enumerate(order) if at == 0 or order[at - 1] != one]
    assert threads == changes  # loaded again where the setting changed, and nowhere else


def test_settings_of_sampling_alone_load_nothing_again(machine: Machine) -> None:
    words = ("--variant=temperature=0.7", "--variant=temperature=0.71", "--blocks=3", "--rounds=3")
    assert machine.orac("bench", "phi-2", *QUICK, *words).status == 0
    assert len(threads_of_loads(machine)) == 1


def test_blocks_mix_the_cases_and_are_one_result_each(machine: Machine) -> None:
    said = machine.pytest(
        *("-k", "decode or first_token", "--orac-model=phi-2", "--orac-model=pythia-70m", "--orac-blocks=3"),
        *("--orac-output-tokens=8", "--orac-rounds=6"),
    )

    assert said.status == 0, said.out + said.err
    results = machine.results()
    assert sorted((one.case.model, one.case.suite, one.done) for one in results) == [
        (model, suite, 6) for model in ("phi-2", "pythia-70m") for suite in ("decode", "first_token")
    ]
    assert [block for block, _ in in_order(results)] == [block for block in range(3) for _ in range(8)]
    assert said.out.count("12 passed") == 1
    assert "Measured in 3 blocks in random order." in machine.orac("show", "latest").out


@pytest.mark.parametrize(
    ("words", "stopped", "text"),
    [
        (("--precision=50%", "--time-limit=100s"), "precision", "which is within the 50.0 % asked for"),
        (("--precision=0.001%", "--time-limit=2s"), "time", "the time limit of 2 s was reached"),
    ],
)
def test_rounds_go_on_until_it_is_precise_or_the_time_is_up(
    machine: Machine, words: tuple[str, ...], stopped: str, text: str
) -> None:
    said = machine.orac("bench", "phi-2", *QUICK, *words)

    assert (said.status, said.calm) == (0, True), said.out + said.err
    (result,) = machine.results()
    fact = result.facts["precision"]
    assert isinstance(fact, dict)
    assert fact["stopped"] == stopped
    assert text in said.out
    assert text in machine.orac("show", "latest").out


def test_the_canary_is_measured_first_and_stands_beside_the_comparison(machine: Machine) -> None:
    for _ in range(2):
        said = machine.orac("bench", "phi-2", *QUICK, "--rounds=2", ORAC_CANARY_MODEL="pythia-70m")
        assert (said.status, said.calm) == (0, True), said.out + said.err
    canary, measured = machine.results()
    assert (canary.case.name, canary.facts["canary"], canary.done) == ("pythia-70m (canary)", True, 6)
    assert measured.started is not None
    assert canary.ended is not None
    assert canary.ended <= measured.started
    body = machine.orac("compare", "latest~1", "latest", "--json").document
    assert [case["canary"] for case in body["cases"]] == [True, False]

    said = machine.orac("bench", "phi-2", *QUICK, ORAC_CANARY_MODEL="nobody")
    assert (said.status, said.calm) == (2, True)
    assert "The canary cannot be measured." in said.err


def test_an_interrupted_pair_goes_on_at_its_first_unfinished_block(machine: Machine) -> None:
    words = ("--paired", *QUICK, "--blocks=5", "--rounds=15")
    with machine.started("orac", "bench", "phi-2", "pythia-70m", *words) as started:
        eventually(lambda: any(one.block == 2 for result in machine.results() for one in result.rounds), within_s=100)
        machine.stall()
        started.signal(signal.SIGINT)
        assert started.ends() == 130
    run, stood = machine.run()
    before = {result.case.key: result.rounds for result in machine.results()}
    assert stood is Status.INTERRUPTED
    assert nothing_left(machine)

    said = machine.orac("bench", "--resume", run)
    assert (said.status, said.calm) == (0, True), said.out + said.err
    assert machine.run() == (run, Status.DONE)
    for result in machine.results():
        assert Counter(one.block for one in result.rounds if one.counted) == dict.fromkeys(range(5), 3)
        kept = [one for one in result.rounds if one.block in (0, 1)]
        assert kept == [one for one in before[result.case.key] if one.block in (0, 1)]
        indexes = [one.index for one in result.rounds if one.phase is Phase.MEASURE]
        assert indexes == list(range(len(indexes)))
    order = in_order(machine.results())
    assert [block for block, _ in order] == [block for block in range(5) for _ in range(6)]
