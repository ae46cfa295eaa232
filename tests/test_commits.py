"""Whether anything was written since: what the service's answers are remembered by."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orac_bench.judging.headlines import HEADLINES
from orac_bench.judging.remembered import Remembered
from orac_bench.records import Status
from orac_bench.store.store import Store, open_store
from tests.builders import a_case, a_round, a_run
from tests.histories import DECODE, nightly


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/orac.db", write=True) as opened:
        yield opened


def test_the_version_is_another_one_after_each_commit_and_after_nothing_else(store: Store) -> None:
    seen = [store.version()]
    store.add_run(a_run(), pid=1)
    seen.append(store.version())
    store.annotate(a_run().id, "a fan")
    seen.append(store.version())
    assert len(set(seen)) == 3
    store.runs()
    store.whole(a_run().id, rounds=True)
    assert store.version() == seen[-1]


def test_what_another_process_or_connection_writes_is_seen_as_well(store: Store) -> None:
    before = store.version()
    with open_store(f"sqlite:///{store.path}", write=True) as other:
        other.add_run(a_run(), pid=1)
    assert store.version() != before


def test_the_state_is_another_one_when_a_result_closes_and_not_with_each_round(store: Store) -> None:
    store.add_run(a_run(), pid=1)
    result = store.begin_result(a_run().id, a_case(), planned=1, position=0)
    before = store.state()
    store.add_round(result, a_round())
    assert store.state() == before
    store.close_result(result, status=Status.DONE)
    assert store.state() != before


def test_the_state_is_another_one_when_a_change_of_level_is_found_with_another_ratio(store: Store) -> None:
    # given a change of level whose ratio was found before the last night
    nightly(store, [50.0] * 10 + [45.0] * 10)
    with closing(sqlite3.connect(store.path)) as raw, raw:
        raw.execute("UPDATE level_change SET ratio = 0.91")
    before = store.state()
    # when it is found anew, and once more
    store.find_levels("night-19", HEADLINES)
    after = store.state()
    store.find_levels("night-19", HEADLINES)
    assert [one.ratio for one in store.level_changes(DECODE.key, "decode_tokens_per_s")] == [0.9]
    assert before != after == store.state()


def test_the_state_is_another_one_when_summaries_are_computed_anew(store: Store) -> None:
    nightly(store, [50.0, 50.0])
    with closing(sqlite3.connect(store.path)) as raw, raw:
        raw.execute("UPDATE result_metric SET median = 49.0")
    before = store.state()
    store.rebuild(HEADLINES, told=lambda _done, _of: None)
    assert [point.median for point in store.points(DECODE.key, "decode_tokens_per_s")] == [50.0, 50.0]
    assert store.state() != before


def test_a_store_that_is_only_read_has_a_version_too(store: Store) -> None:
    store.add_run(a_run(), pid=1)
    with open_store(f"sqlite:///{store.path}", write=False) as reader:
        before = reader.version()
        store.annotate(a_run().id, "a fan")
        assert reader.version() != before


def test_an_answer_is_found_once_in_a_state_and_again_in_the_next() -> None:
    remembered: Remembered[str] = Remembered()
    asked: list[str] = []

    def found() -> str:
        asked.append("found")
        return f"answer {len(asked)}"

    assert remembered.known("monday", "how many") is None
    assert [remembered.answer("monday", "how many", found) for _ in range(2)] == ["answer 1", "answer 1"]
    assert remembered.known("monday", "how many") == "answer 1"
    assert remembered.answer("tuesday", "how many", found) == "answer 2"
    assert remembered.known("monday", "how many") is None


def test_only_the_answers_asked_for_last_are_remembered() -> None:
    remembered: Remembered[str] = Remembered(most=2)
    for question in ("a", "b", "a", "c"):
        remembered.answer(1, question, question.upper)
    assert [remembered.known(1, question) for question in ("a", "b", "c")] == ["A", None, "C"]


def test_an_answer_that_was_overtaken_while_it_was_found_is_not_remembered() -> None:
    remembered: Remembered[str] = Remembered()

    def overtaken() -> str:
        remembered.answer(2, "b", lambda: "new")
        return "old"

    assert remembered.answer(1, "a", overtaken) == "old"
    assert remembered.known(2, "a") is None
