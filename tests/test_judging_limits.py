"""Thresholds below the least effect, and thresholds beside many cases: what fails, what warns, and what is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from orac_bench.judging.compare import Compared, Wishes, compare, told
from orac_bench.judging.text import comparison_text
from orac_bench.store.store import Store, open_store
from orac_bench.verdicts import Note, Verdict
from tests.builders import a_case, a_workload, later
from tests.histories import Took, measured, scaled

NARROW = (50.00, 50.02, 49.98, 50.05, 49.95, 50.01, 49.99, 50.03, 49.97, 50.00)
"""Ten rates within 0.1 %: even 1 % less is certain."""
LIMIT = "decode_tokens_per_s:1%"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'orac.db'}", write=True, clock=lambda: later(60)) as opened:
        yield opened


def compared(
    store: Store, candidate: Sequence[float], *, cases: int = 1, base: Sequence[float] = NARROW, strict: bool = False
) -> Compared:
    """So many cases that are equal in two runs, but for the first: its candidate has these rates. 1 % is allowed."""
    asked = [a_case(key=f"{n:016d}", suite="decode", workload=a_workload(prompt_tokens=n)) for n in range(cases)]
    measured(store, "base", [(case, Took(values=base)) for case in asked])
    took = [candidate, *[base] * (cases - 1)]
    rates = [(case, Took(values=values)) for case, values in zip(asked, took, strict=True)]
    measured(store, "cand", rates, started=later(1))
    return compare(store, "base", ["cand"], Wishes(fail_on=(LIMIT,), strict=strict))


def test_a_change_within_the_least_effect_fails_where_less_was_allowed_and_says_why(store: Store) -> None:
    found = compared(store, scaled(0.985, NARROW))
    (row,) = found.rows
    why = "certainly worse than `--fail-on` allows, though within the 2 % that no verdict calls a change"
    assert (row.verdict, row.failed_on, found.warnings) == (Verdict.SAME, True, ())
    assert told(row).startswith("tiny decode 0 → 16: Decode -1.5 % (")
    assert told(row).endswith(f"), same: {why}")
    assert f"\n{why.capitalize()}.\n" in comparison_text(found)


def test_it_does_not_fail_where_as_much_was_allowed(store: Store) -> None:
    (row,) = compared(store, scaled(0.995, NARROW)).rows
    assert (row.verdict, row.failed_on, Note.WITHIN_EFFECT in row.comparison.notes) == (Verdict.SAME, False, False)


def test_beside_many_cases_a_weak_one_neither_fails_nor_passes_but_warns(store: Store) -> None:
    # five and five rounds have p = 2 / C(10, 5) = 0.8 % at best, and beside 59 others 48 %
    found = compared(store, scaled(0.985, NARROW[:5]), base=NARROW[:5], cases=60)
    row = found.rows[0]
    assert (row.verdict, row.failed_on, Note.HOLM in row.comparison.notes) == (Verdict.SAME, False, True)
    (warning,) = found.warnings
    assert warning.startswith(f"tiny decode 0 → 16: {LIMIT} cannot be told: ")
    assert "would hold by itself, but not beside so many cases (Holm)" in warning
    assert compare(store, "base", ["cand"], Wishes(fail_on=(LIMIT,), strict=True)).rows[0].failed_on


def test_alone_the_weak_one_fails(store: Store) -> None:
    assert compared(store, scaled(0.985, NARROW[:5]), base=NARROW[:5]).failed


def test_beside_many_cases_a_sure_one_fails(store: Store) -> None:
    # ten and ten have p = 2 / C(20, 10) = 0.001 %, and beside 59 others 0.06 %
    found = compared(store, scaled(0.985, NARROW), cases=60)
    assert [row.case.key for row in found.rows if row.failed_on] == [f"{0:016d}"]
    assert found.warnings == ()


def test_what_fails_is_not_warned_of_as_untold_though_its_verdict_is_open(store: Store) -> None:
    # six rounds at -1.4 % and four at -2.8 %: the interval spans both, and so 2 %, and lies beyond 1 %
    mixed = [at * level for at, level in zip(NARROW, [0.986, 0.972, 0.986, 0.986, 0.972] * 2, strict=True)]
    found = compared(store, mixed)
    (row,) = found.rows
    assert (row.verdict, row.failed_on, found.warnings) == (Verdict.INCONCLUSIVE, True, ())
    assert Note.WITHIN_EFFECT in row.comparison.notes


def test_a_change_with_a_verdict_needs_no_more_words(store: Store) -> None:
    (row,) = compared(store, scaled(0.9, NARROW)).rows
    assert (row.verdict, row.failed_on, row.comparison.notes) == (Verdict.SLOWER, True, (Note.NOT_INTERLEAVED,))
