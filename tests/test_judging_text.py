"""What people read of a comparison: which candidate, which variant, how many of what would decide."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orac_bench.judging.case_history import case_history
from orac_bench.judging.compare import Compared, Wishes, compare, told
from orac_bench.judging.document import comparison_body
from orac_bench.judging.text import comparison_text, history_text
from orac_bench.records import Case
from orac_bench.store.store import Store, open_store
from tests.builders import a_case, later
from tests.histories import DECODE, Took, measured, scaled

ASTRAY = (30.0, 55.0, 32.0, 52.0, 34.0, 50.0)
"""Rates that decide nothing beside STEADY."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'orac.db'}", write=True, clock=lambda: later(60)) as opened:
        yield opened


def threads(count: int, took: Took | None = None) -> tuple[Case, Took]:
    """A variant of `tiny`, and what was measured of it."""
    case = a_case(key=f"4{count:015d}", suite="decode", options={"num_thread": count})
    return case, replace(took or Took(), facts={"variant": f"num_thread={count}"})


def headings(compared: Compared) -> list[str]:
    """The lines above each table: candidates and models."""
    lines = comparison_text(compared).splitlines()
    return [line for line in lines if line.startswith(("tiny", "both", "base", "pair")) and "tok/s" not in line]


def test_each_candidate_of_one_run_has_its_own_lines(store: Store) -> None:
    cases = [a_case(key=f"{model}0000000001", suite="decode", model=model) for model in ("tiny", "huge", "vast")]
    measured(store, "both", [(case, Took()) for case in cases])
    compared = compare(store, "both:tiny/decode", ["both:huge/decode", "both:vast/decode"], Wishes())
    assert headings(compared) == [
        "both:tiny/decode and both:huge/decode",
        "tiny and huge",
        "both:tiny/decode and both:vast/decode",
        "tiny and vast",
    ]


def test_variants_of_one_model_are_told_apart(store: Store) -> None:
    measured(store, "base", [threads(4), threads(8), threads(16)])
    slow = Took(values=scaled(0.9))
    measured(store, "cand", [threads(4), threads(8, slow)], started=later(1))
    compared = compare(store, "base", ["cand"], Wishes(fail_on=("decode_tokens_per_s:5%",)))
    assert headings(compared) == ["base and cand", "tiny num_thread=4", "tiny num_thread=8"]
    assert "Only one side has tiny num_thread=16 decode 64 → 16: run cand lacks it" in comparison_text(compared)
    (failed,) = (told(row) for row in compared.rows if row.failed_on)
    assert failed.startswith("tiny num_thread=8 decode 64 → 16: Decode -10.0 % (")


def test_two_variants_side_by_side_are_headed_with_what_differs(store: Store) -> None:
    measured(store, "both", [threads(4), threads(8)])
    compared = compare(store, f"both:{threads(4)[0].key}", [f"both:{threads(8)[0].key}"], Wishes())
    assert headings(compared)[-1] == "tiny: num_thread 4 and 8"
    assert told(compared.rows[0]).startswith("tiny num_thread=4 and tiny num_thread=8 decode 64 → 16: Decode +0.0 %")
    (without,) = compare(
        store, f"both:{threads(4)[0].key}", [f"both:{threads(8)[0].key}"], Wishes(metrics=("ttft_s",))
    ).rows
    assert without.name == "tiny num_thread=4 and tiny num_thread=8"


def test_what_differs_beside_an_equal_variant_does_not_hide_it(store: Store) -> None:
    case, took = threads(4)
    warmer = replace(case, key="4a00000000000001", options={"num_thread": 4, "temperature": 0.2})
    measured(store, "base", [(case, took)])
    measured(store, "cand", [(warmer, took)], started=later(1))
    compared = compare(store, f"base:{case.key}", [f"cand:{warmer.key}"], Wishes())
    assert headings(compared)[-1] == "tiny num_thread=4: temperature none and 0.2"


def test_a_case_that_has_a_variant_in_one_run_only_is_one_case(store: Store) -> None:
    case, took = threads(4)
    measured(store, "base", [(case, took)])
    measured(store, "cand", [(case, replace(took, facts={}))], started=later(1))
    assert headings(compare(store, "base", ["cand"], Wishes())) == ["base and cand", "tiny num_thread=4"]


def test_the_canary_is_called_so(store: Store) -> None:
    canary = a_case(key="ca4a4100000000aa", suite="decode")
    for number, run in enumerate(("base", "cand")):
        measured(store, run, [(canary, Took(facts={"canary": True})), (DECODE, Took())], started=later(number))
    assert headings(compare(store, "base", ["cand"], Wishes())) == ["base and cand", "tiny (canary)", "tiny"]


def test_the_history_of_a_variant_has_its_name(store: Store) -> None:
    case, took = threads(4)
    measured(store, "base", [(case, took)])
    text = history_text(case_history(store, case.key))
    assert text.startswith(f"tiny num_thread=4 decode 64 → 16, Decode (case {case.key})\n")


@pytest.mark.parametrize(
    ("base", "candidate", "word"),
    [
        (Took(blocks=range(10)), Took(values=ASTRAY, blocks=range(6)), "block"),
        (Took(), Took(values=ASTRAY, blocks=range(6)), "block"),  # n is that of the smaller side, which has blocks
        (Took(blocks=range(10)), Took(values=ASTRAY), "round"),
        (Took(), Took(values=ASTRAY), "round"),
    ],
)
def test_what_would_decide_is_counted_in_what_was_compared(
    store: Store, base: Took, candidate: Took, word: str
) -> None:
    measured(store, "base", [(DECODE, base)])
    measured(store, "cand", [(DECODE, candidate)], started=later(1))
    compared = compare(store, "base", ["cand"], Wishes(fail_on=("decode_tokens_per_s:5%",)))
    (row,), (warning,) = compared.rows, compared.warnings
    more = f"{row.comparison.needed} more {word}s"
    assert (row.paired, row.comparison.n) == (False, 6)
    assert more in comparison_text(compared)
    assert warning.endswith(f"; {more} would probably decide")
    (part,) = comparison_body(compared)["cases"]  # type: ignore[misc, union-attr]
    assert part["in_blocks"] is (word == "block")  # type: ignore[call-overload, index]
