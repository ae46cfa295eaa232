"""Runs that another store takes in: whole, once, or not at all."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from orac_bench.errors import StoreError, UsageError
from orac_bench.flags import Flag
from orac_bench.records import Failure, Json, Phase, Round, Run, Status
from orac_bench.store.exchange import import_document
from orac_bench.store.export import export
from orac_bench.store.store import Store, open_store
from tests.builders import a_case, a_round, a_run, later


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'orac.db'}", write=True, clock=lambda: later(60)) as opened:
        yield opened


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path / 'elsewhere.db'}", write=True) as opened:
        yield opened


ROUNDS = (
    a_round(phase=Phase.WARMUP, metrics={"ttft_s": 0.9, "e2e_s": 1.2}),
    *(a_round(index=index, metrics={"ttft_s": 0.2 + index / 100, "e2e_s": 0.5 + index / 100}) for index in range(6)),
    a_round(index=6, flags=[Flag.THROTTLED, Flag.STARTED_HOT]),
    a_round(index=7, failure=Failure(code="ollama_silent", message="no byte for 120 s"), arrivals_ns=()),
)


def measured(store: Store, *, run: Run | None = None, rounds: tuple[Round, ...] = ROUNDS) -> Run:
    """A run of one case that has ended with a failed round."""
    run = run or a_run(status=Status.FAILED, ended=later(70), note="fan | on")
    store.add_run(run)
    handle = store.begin_result(run.id, a_case(), planned=8, position=0, offload_ratio=0.5, facts={"probe": [1, None]})
    for one in rounds:
        store.add_round(handle, one)
    store.close_result(handle, status=Status.FAILED, failure=Failure(code="ollama_silent", message="gave up"))
    return run


def test_an_export_taken_in_elsewhere_is_the_same_run(store: Store, elsewhere: Store) -> None:
    run = measured(store)
    text = export(store, [run.id], format="json")
    assert import_document(elsewhere, json.loads(text)) == (run.id,)
    assert elsewhere.run(run.id) == store.run(run.id)
    everything = {"rounds": True, "arrivals": True}
    assert elsewhere.results(run.id, **everything) == store.results(run.id, **everything)
    assert export(elsewhere, [run.id], format="json") == text
    assert elsewhere.check() == ()


def test_the_same_run_again_changes_nothing(store: Store) -> None:
    run = measured(store)
    text = export(store, [run.id], format="json")
    assert import_document(store, json.loads(text)) == ()
    assert export(store, [run.id], format="json") == text


def test_another_run_under_a_known_id_is_refused_and_nothing_is_taken_in(store: Store, elsewhere: Store) -> None:
    run, other = measured(store), measured(store, run=a_run(id="new", status=Status.DONE, ended=later(9)))
    measured(elsewhere, rounds=ROUNDS[:3])
    with pytest.raises(StoreError) as refusal:
        import_document(elsewhere, json.loads(export(store, [other.id, run.id], format="json")))
    assert refusal.value.what == (
        f"Run {run.id} is in {elsewhere.path} already, with other content. Nothing was taken in."
    )
    assert [line.id for line in elsewhere.runs()] == [run.id]


def at(document: Json, *path: str | int) -> Json:
    """The value at `path`."""
    for step in path:
        document = document[step]  # type: ignore[index,call-overload]  # as the test knows the document
    return document


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("version",), 2, "The export has version 2; this ORAC reads up to 1"),
        (("runs",), {}, "runs is no list"),
        (("runs", 0, "run", "id"), "", "runs[0].run.id is empty"),
        (("runs", 0, "run", "id"), None, "runs[0].run.id is no text"),
        *(
            (("runs", 0, "run", "id"), odd, "runs[0].run.id is no plain name of letters, digits and ._-")
            for odd in ("../../etc", "..", "-x", "a/b", 'a"b', "a\nb", "ü", "a" * 81)
        ),
        (("runs", 0, "run", "status"), "running", "runs[0].run.status is running: export the run when it has ended"),
        (("runs", 0, "run", "started"), "yesterday", "runs[0].run.started is no moment in RFC 3339"),
        (("runs", 0, "run", "started"), "2026-11-22T12:00:00", "runs[0].run.started has no time zone"),
        (("runs", 0, "run", "seed"), 2**63, "runs[0].run.seed is no whole number from"),
        (("runs", 0, "run", "seed"), True, "runs[0].run.seed is no whole number from"),
        (("runs", 0, "run", "note"), "a\0b", "runs[0].run.note has characters that cannot be stored"),
        (("runs", 0, "conditions", "facts"), [], "runs[0].conditions.facts is no object"),
        (("runs", 0, "results", 0, "planned"), -1, "runs[0].results[0].planned is no whole number from"),
        (("runs", 0, "results", 0, "facts", "deep"), [float("nan")], "results[0].facts.deep[0] is no number"),
        (("runs", 0, "results", 0, "rounds", 1, "phase"), "cold", "rounds[1].phase is none of warmup, measure"),
        (("runs", 0, "results", 0, "rounds", 1, "block"), -1, "rounds[1].block is no whole number from"),
        (("runs", 0, "results", 0, "rounds", 1, "flags"), ["odd"], "rounds[1].flags[0] is none of short_output"),
        (("runs", 0, "results", 0, "rounds", 1, "metrics", "ttft_s"), "1", "rounds[1].metrics.ttft_s is no number"),
        (("runs", 0, "results", 0, "rounds", 1, "metrics", "new_s"), 1, "rounds[1].metrics.new_s is a metric that"),
        (("runs", 0, "results", 0, "rounds", 2, "index"), 0, "results[0].rounds has round measure 0 twice"),
        (("runs", 0, "results", 0, "rounds", 1, "arrivals_ns"), [-1], "rounds[1].arrivals_ns[0] is no whole number"),
    ],
)
def test_a_malformed_document_is_refused_with_its_key_and_nothing_is_taken_in(
    store: Store, elsewhere: Store, path: tuple[str | int, ...], value: Json, why: str
) -> None:
    broken = json.loads(export(store, [measured(store).id], format="json"))
    at(broken, *path[:-1])[path[-1]] = value  # type: ignore[index,call-overload]  # as the test knows the document
    with pytest.raises(UsageError) as refusal:
        import_document(elsewhere, broken)
    assert why in refusal.value.what
    assert refusal.value.what.endswith("Nothing was taken in.")
    assert elsewhere.runs() == ()


def keys(value: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where each key is that ORAC gave, not the free contents of facts, options, raw fields and metrics."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        if isinstance(key, str):
            yield (*path, key)
        if key not in ("facts", "volatile", "options", "raw", "metrics", "summary"):
            yield from keys(member, (*path, key))


def test_each_key_that_is_missing_is_named(store: Store, elsewhere: Store) -> None:
    whole = json.loads(export(store, [measured(store, rounds=ROUNDS[-1:]).id], format="json"))
    derived = {"summary", "done", "counted"}  # follow from the rounds, so that they may be absent
    newer = {"block"}  # older exports lack it
    wanted = [path for path in keys(whole) if path[-1] not in derived | newer and path != ("format",)]
    for path in wanted:
        broken = copy.deepcopy(whole)
        del at(broken, *path[:-1])[path[-1]]  # type: ignore[union-attr,arg-type]  # as the test knows the document
        with pytest.raises(UsageError) as refusal:
            import_document(elsewhere, broken)
        named = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")
        assert f" {named} is missing" in refusal.value.what
    assert (len(wanted) > 40, elsewhere.runs()) == (True, ())


@pytest.mark.parametrize("stranger", [None, [], "text", {"benchmarks": []}, {"format": "other"}])
def test_a_document_of_another_program_is_refused(store: Store, stranger: Json) -> None:
    with pytest.raises(UsageError, match="This is no export of ORAC"):
        import_document(store, stranger)
