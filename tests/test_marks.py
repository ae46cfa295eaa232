"""Baselines, annotations and acknowledgements in the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orac_bench.errors import RunNamed, UnknownBaseline, UnknownCase, UnknownRun, UsageError
from orac_bench.records import Status
from orac_bench.store.marks import Annotation, Baseline
from orac_bench.store.store import Store, open_store
from tests.builders import a_run, later
from tests.histories import DECODE, FIRST, Took, measured


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'orac.db'}", write=True, clock=lambda: later(60)) as opened:
        yield opened


def test_a_baseline_is_a_name_for_a_run_everywhere(store: Store) -> None:
    measured(store, "first-run", [(DECODE, Took())])
    measured(store, "second-run", [(DECODE, Took())], started=later(1))
    assert store.set_baseline("main", "first-run") == Baseline(name="main", run="first-run", at=later(60))
    assert (store.resolve("main"), store.resolve("latest")) == ("first-run", "second-run")


def test_a_baseline_is_moved_by_setting_it_again_and_the_last_one_set_is_listed_first(tmp_path: Path) -> None:
    clock = iter(later(second) for second in range(1000))
    with open_store(f"sqlite:///{tmp_path / 'orac.db'}", write=True, clock=lambda: next(clock)) as store:
        measured(store, "first-run", [(DECODE, Took())])
        measured(store, "second-run", [(DECODE, Took())], started=later(1))
        store.set_baseline("main", "first-run")
        store.set_baseline("other", "first-run")
        store.set_baseline("main", "second-run")
        assert [(one.name, one.run) for one in store.baselines()] == [("main", "second-run"), ("other", "first-run")]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("", "cannot be a baseline's name: it has 1 to 80"),
        ("Main", "cannot be a baseline's name: it has 1 to 80"),
        ("-main", "cannot be a baseline's name: it has 1 to 80"),
        ("a/b", "cannot be a baseline's name: it has 1 to 80"),
        ("main\n", "cannot be a baseline's name: it has 1 to 80"),
        ("a" * 81, "cannot be a baseline's name: it has 1 to 80"),
        ("latest", "latest is the newest run"),
        ("latest-good", "latest is the newest run"),
        ("first-run", "the id of run first-run begins so"),
        ("first", "the id of run first-run begins so"),
    ],
)
def test_a_name_that_could_mean_something_else_is_refused(store: Store, name: str, wrong: str) -> None:
    measured(store, "first-run", [(DECODE, Took())])
    with pytest.raises(UsageError, match=wrong):
        store.set_baseline(name, "first-run")
    assert store.baselines() == ()


def test_a_run_that_has_not_ended_is_no_baseline(store: Store) -> None:
    store.add_run(a_run(id="running-run", status=Status.RUNNING), pid=1)
    with pytest.raises(UsageError, match="Run running-run is running; a baseline is a run that has ended"):
        store.set_baseline("main", "running-run")


def test_a_run_is_not_deleted_while_it_has_a_name(store: Store) -> None:
    measured(store, "first-run", [(DECODE, Took())])
    store.set_baseline("main", "first-run")
    with pytest.raises(RunNamed, match="orac baseline remove main"):
        store.delete_run("first-run")
    assert store.remove_baseline("main") == "first-run"
    store.delete_run("first-run")
    assert store.runs() == ()


def test_an_unknown_name_is_refused_with_those_there_are(store: Store) -> None:
    with pytest.raises(UnknownBaseline, match="There is no baseline main; there is none at all"):
        store.remove_baseline("main")
    measured(store, "first-run", [(DECODE, Took())])
    store.set_baseline("other", "first-run")
    with pytest.raises(UnknownBaseline, match="There is no baseline main; there are other"):
        store.remove_baseline("main")


def test_notes_are_kept_beside_a_run_or_a_case_of_it(store: Store) -> None:
    measured(store, "first-run", [(DECODE, Took()), (FIRST, Took(metric="ttft_s"))])
    store.annotate("first-run", "new fan")
    store.annotate("first-run", "odd", case_key="dec0")
    whole = Annotation(run="first-run", case=None, at=later(60), text="new fan")
    decode = Annotation(run="first-run", case=DECODE.key, at=later(60), text="odd")
    assert store.annotations(run_id="first-run") == (whole, decode)
    assert store.annotations(case_key=DECODE.key) == (whole, decode)
    assert store.annotations(case_key=FIRST.key) == (whole,)


def test_a_note_says_something_about_something_that_is_there(store: Store) -> None:
    measured(store, "first-run", [(DECODE, Took())])
    with pytest.raises(UsageError, match="A note has 1 to 2,000 characters"):
        store.annotate("first-run", "  \n")
    with pytest.raises(UnknownCase, match=r"Run first-run has no case f00; it has dec0de0000000001 \(decode\)"):
        store.annotate("first-run", "odd", case_key="f00")
    with pytest.raises(UnknownRun):
        store.annotate("second-run", "odd")


def test_what_is_known_is_known_for_that_run_case_and_metric(store: Store) -> None:
    measured(store, "first-run", [(DECODE, Took())])
    store.acknowledge("first-run", DECODE.key, ["decode_tokens_per_s"], "new fan")
    store.acknowledge("first-run", DECODE.key, ["decode_tokens_per_s"])
    assert store.acknowledged(DECODE.key, "decode_tokens_per_s") == {"first-run"}
    assert store.acknowledged(DECODE.key, "ttft_s") == frozenset()


def test_what_hangs_on_a_run_goes_with_it(store: Store) -> None:
    measured(store, "first-run", [(DECODE, Took())])
    store.annotate("first-run", "new fan")
    store.acknowledge("first-run", DECODE.key, ["decode_tokens_per_s"])
    store.delete_run("first-run")
    assert store.annotations() == ()
    assert store.acknowledged(DECODE.key, "decode_tokens_per_s") == frozenset()
    assert store.check() == ()
