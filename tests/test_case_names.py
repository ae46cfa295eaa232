"""Two variants of one model are told apart wherever cases are listed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orac_bench.judging.case_history import case_history
from orac_bench.judging.compare import Wishes, compare
from orac_bench.judging.document import cases_body, comparison_body, history_body, standing_body
from orac_bench.judging.overview import overview
from orac_bench.records import Status
from orac_bench.store.export import export
from orac_bench.store.store import Store, open_store
from tests.builders import a_case, a_round, a_run, later

FOUR, SIX = "num_thread=4", "num_thread=6"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A run of `tiny` with four threads and with six, interleaved as base and candidate."""
    with open_store(f"sqlite:///{tmp_path}/orac.db", write=True) as opened:
        opened.add_run(a_run(), pid=1)
        for position, (text, other, side) in enumerate(((FOUR, "six", "base"), (SIX, "four", "candidate")), start=1):
            key = "four" if text == FOUR else "six"
            facts = {"variant": text, "pair": {"with": other, "side": side}, "blocks": 6}
            case = replace(a_case(key=key, options={"num_thread": int(text[-1])}), variant=text)
            handle = opened.begin_result(a_run().id, case, planned=6, position=position, facts=facts)
            for block in range(6):
                opened.add_round(handle, replace(a_round(index=block), block=block), headlines=("ttft_s",))
            opened.close_result(handle, status=Status.DONE)
        opened.update_run(a_run().id, status=Status.DONE, ended=later(60))
        yield opened


def test_the_overview_tells_them_apart(store: Store) -> None:
    told = {str(one["case"]): (one["model"], one["variant"]) for one in map(standing_body, overview(store))}
    assert told == {"four": ("tiny", FOUR), "six": ("tiny", SIX)}


def test_the_list_of_cases_and_the_history_of_one_do(store: Store) -> None:
    listed = {one["case"]: one["variant"] for one in cases_body(store.cases())["cases"]}
    assert listed == {"four": FOUR, "six": SIX}
    assert history_body(case_history(store, "six", metric="ttft_s"))["variant"] == SIX


def test_a_comparison_names_both_sides(store: Store) -> None:
    (row,) = comparison_body(compare(store, a_run().id, (), Wishes(metrics=("ttft_s",))))["cases"]
    assert (row["model"], row["variant"]) == ("tiny", FOUR)
    assert (row["candidate_model"], row["candidate_variant"]) == ("tiny", SIX)


def test_the_event_of_its_begin_names_it(store: Store) -> None:
    begun = [event.data["variant"] for event in store.events(a_run().id) if event.kind == "case"]
    assert begun == [FOUR, SIX]


def test_the_table_of_an_export_does(store: Store) -> None:
    rows = [line for line in export(store, [a_run().id], format="markdown").splitlines() if "first_token" in line]
    assert [row.split(" | ")[0] for row in rows] == [f"| tiny {FOUR}", f"| tiny {SIX}"]


def test_an_export_for_pytest_benchmark_has_one_entry_of_a_name(store: Store) -> None:
    told = json.loads(export(store, [a_run().id], format="pytest-benchmark"))["benchmarks"]
    of_e2e = [one for one in told if one["group"] == "first_token"]
    path = "benchmarks/bench_first_token.py::"
    assert [(one["fullname"], one["param"], one["params"]) for one in of_e2e] == [
        (
            f"{path}first_token[tiny {text} 64 → 16]",
            f"tiny {text}",
            {"model": "tiny", "variant": text, "workload": "64 → 16"},
        )
        for text in (FOUR, SIX)
    ]
    assert len({one["fullname"] for one in told}) == len(told)


def test_a_case_of_its_own_has_none(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}/orac.db", write=True) as store:
        store.add_run(a_run(), pid=1)
        handle = store.begin_result(a_run().id, a_case(), planned=1, position=1)
        store.add_round(handle, a_round(), headlines=("ttft_s",))
        store.close_result(handle, status=Status.DONE)
        assert [one["variant"] for one in cases_body(store.cases())["cases"]] == [None]
