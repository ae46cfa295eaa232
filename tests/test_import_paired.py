"""An interleaved run with variants and a canary, taken in elsewhere: all that it was judged by comes with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orac_bench.judging.compare import Wishes, compare
from orac_bench.records import Case
from orac_bench.store.exchange import import_document
from orac_bench.store.export import export
from orac_bench.store.store import Store, open_store
from orac_bench.verdicts import Verdict
from tests.builders import a_case, later
from tests.histories import Took, measured, scaled

RUN = "pair"
BLOCKS = [number for number in range(8) for _ in range(2)]
RATES = [50.0 * 0.95**block * (1 + 0.002 * (at % 2) + 0.001 * block) for at, block in enumerate(BLOCKS)]
"""Two rounds a block; the board gets 5 % slower from block to block."""


def case(threads: int) -> Case:
    return a_case(key=f"decode-{threads}", suite="decode", options={"num_thread": threads})


def took(values: list[float], threads: int, other: int, side: str) -> Took:
    """One side of the pair, block by block."""
    facts = {"variant": f"num_thread={threads}", "pair": {"with": case(other).key, "side": side}, "blocks": 8}
    return Took(values=values, blocks=BLOCKS, facts=facts)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A canary, then `tiny` with four threads and with six, which are 10 % slower."""
    with open_store(f"sqlite:///{tmp_path / 'orac.db'}", write=True, clock=lambda: later(60)) as opened:
        sides = [
            (a_case(key="canary", suite="decode", model="bird"), Took(facts={"canary": True})),
            (case(4), took(RATES, 4, 6, "base")),
            (case(6), took([*scaled(0.9, RATES)], 6, 4, "candidate")),
        ]
        measured(opened, RUN, sides)
        yield opened


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'elsewhere.db'}", write=True) as opened:
        yield opened


def test_its_blocks_variants_and_summaries_are_there(store: Store, elsewhere: Store) -> None:
    text = export(store, [RUN], format="json")
    assert import_document(elsewhere, json.loads(text)) == (RUN,)
    found = elsewhere.results(RUN, rounds=True, arrivals=True)
    assert found == store.results(RUN, rounds=True, arrivals=True)
    assert [one.case.variant for one in found] == ["(canary)", "num_thread=4", "num_thread=6"]
    assert [[one.block for one in result.rounds] for result in found] == [[None] * 10, BLOCKS, BLOCKS]
    assert export(elsewhere, [RUN], format="json") == text


def test_its_verdict_is_the_same(store: Store, elsewhere: Store) -> None:
    import_document(elsewhere, json.loads(export(store, [RUN], format="json")))
    here, there = (compare(one, RUN, [], Wishes()).rows for one in (store, elsewhere))
    assert there == here
    assert [(row.verdict, row.paired, row.comparison.n) for row in there] == [(Verdict.SLOWER, True, 8)]


def test_it_is_taken_into_its_own_store_again_without_a_change(store: Store) -> None:
    text = export(store, [RUN], format="json")
    assert import_document(store, json.loads(text)) == ()
    assert export(store, [RUN], format="json") == text


def test_an_older_export_that_says_nothing_of_blocks_has_none(store: Store, elsewhere: Store) -> None:
    older = json.loads(export(store, [RUN], format="json"))
    for result in older["runs"][0]["results"]:
        for one in result["rounds"]:
            del one["block"]
    import_document(elsewhere, older)
    plain = [
        replace(one, block=None) for result in store.results(RUN, rounds=True, arrivals=True) for one in result.rounds
    ]
    there = elsewhere.results(RUN, rounds=True, arrivals=True)
    assert [one for result in there for one in result.rounds] == plain
