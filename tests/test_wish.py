"""What is asked for over REST becomes options of `orac bench`, each from an allow-list, and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from orac_bench.api.wish import Wish, first_command, next_command, options, run_folder
from orac_bench.cli import parser

BENCH = [sys.executable, "-m", "orac_bench.cli", "bench"]


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({}, []),
        ({"suites": ["decode", "cold_load"]}, ["--suite=decode", "--suite=cold_load"]),
        ({"rounds": 6, "warmup": 0, "output_tokens": 8}, ["--rounds=6", "--warmup=0", "--output-tokens=8"]),
        ({"prompt_tokens": [64, 256]}, ["--prompt-tokens=64", "--prompt-tokens=256"]),
        ({"time_limit_s": 90}, ["--time-limit=90s"]),
        ({"time_limit_s": 0.5}, ["--time-limit=0.5s"]),
        ({"paired": True, "variants": ["num_ctx=512"]}, ["--paired", "--variant=num_ctx=512"]),
        ({"paired": False}, []),
        ({"precision": 0.02}, ["--precision=2%"]),
        ({"precision": "1.5%"}, ["--precision=1.5%"]),
        ({"models": ["phi-2", "llama3.2:1b"]}, ["--", "phi-2", "llama3.2:1b"]),
        ({"note": "--resume=latest", "strange": "--x"}, []),  # a note goes with the run, not with the command
    ],
)
def test_each_field_has_its_option(wish: Wish, words: list[str]) -> None:
    assert first_command("run-1", wish) == [*BENCH, "--claim=run-1", *words]


def test_what_is_typed_is_understood_by_the_command() -> None:
    wish = {"models": ["phi-2"], "suites": ["decode"], "rounds": 6, "prompt_tokens": [64], "time_limit_s": 90.0}
    typed = parser().parse_args(first_command("run-1", wish)[3:])
    assert (typed.claim, typed.models, typed.suite, typed.rounds) == ("run-1", ["phi-2"], ["decode"], 6)
    assert (typed.prompt_tokens, typed.time_limit) == ([64], 90.0)
    assert parser().parse_args(next_command("run-1")[3:]).resume == "run-1"


def test_a_wish_is_checked_under_the_names_of_a_shells_options() -> None:
    assert options({"models": ["phi-2"], "rounds": 6, "time_limit_s": 90, "note": "a fan"}) == {
        "orac_model": ["phi-2"],
        "orac_note": "a fan",
        "orac_rounds": 6,
        "orac_time_limit": 90.0,
    }


@pytest.mark.parametrize("run", ["..", ".", "../../etc", "/etc", "a/../../b", "a\0b", "a\\b", "\u2025"])
def test_the_folder_of_a_run_is_one_below_the_home_whatever_its_id(run: str) -> None:
    folder = run_folder(Path("/srv/home"), run)
    assert folder.resolve().parent == Path("/srv/home/runs")
    assert run_folder(Path("/srv/home"), "20261122-120000-3fa9") == Path("/srv/home/runs/20261122-120000-3fa9")
