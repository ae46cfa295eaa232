"""One table of options for both doors: what `orac bench` takes, pytest takes as `--orac-...`."""

from __future__ import annotations

import argparse

from orac_bench.cli import parser
from orac_bench.options import OPTIONS, add_to_pytest, wished
from orac_bench.suites.grid import SUITES


def options_of_pytest() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser()
    add_to_pytest(made.add_argument)
    return made


def test_both_doors_take_the_same_words_for_the_same_values() -> None:
    typed = ["--suite=decode", "--rounds=3", "--variant=num_thread=4", "--precision=2%", "--time-limit=90s", "--paired"]
    shell = wished(parser().parse_args(["bench", "phi-2", *typed]))
    words = ["--orac-model=phi-2", *(word.replace("--", "--orac-", 1) for word in typed)]
    pytest = vars(options_of_pytest().parse_args(words))
    assert shell == {key: value for key, value in pytest.items() if key in shell}
    assert set(pytest) - set(shell) == {"orac_resume", "orac_claim", "orac_trigger"}
    assert (shell["orac_rounds"], shell["orac_precision"], shell["orac_time_limit"]) == (3, 0.02, 90.0)


def test_what_is_named_twice_in_one_call_is_not_there_in_the_next_one() -> None:
    assert parser().parse_args(["bench", "--suite=decode", "--suite=cold_load"]).suite == ["decode", "cold_load"]
    assert parser().parse_args(["bench"]).suite == []


def test_every_suite_is_named_where_suites_are_asked_for() -> None:
    (suite,) = [option for option in OPTIONS if option.name == "suite"]
    assert [name for name in SUITES if name not in suite.help] == []
    assert suite.pytest_help == f"one of {', '.join(SUITES)}; may be repeated"
