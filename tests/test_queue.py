"""Runs wait, are taken over, are told of and end: each in one transaction with what its followers are told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orac_bench.errors import KeyReused, QueueFull, RunMeasuring, RunNamed, RunOver, UnknownRun, UsageError
from orac_bench.flags import Flag
from orac_bench.records import Failure, Phase, Run, Status
from orac_bench.store.store import Store, open_store
from tests.builders import a_case, a_conditions, a_round, a_run, later


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    now = iter(range(60, 10_000))
    with open_store(f"sqlite:///{tmp_path}/orac.db", write=True, clock=lambda: later(next(now))) as opened:
        yield opened


def waiting(id: str = "first") -> Run:
    return replace(a_run(id=id), status=Status.QUEUED, trigger="rest", conditions=None, arguments=(), ended=None)


def kinds(store: Store, run: str) -> list[tuple[int, str]]:
    return [(event.number, event.kind) for event in store.events(run)]


def test_queued_runs_have_their_turn_in_the_order_in_which_they_came(store: Store) -> None:
    for id in ("first", "second", "third"):
        assert store.enqueue(waiting(id), request={"models": [id]}, key=None) == waiting(id)
    assert [store.position(id) for id in ("first", "second", "third")] == [0, 1, 2]
    assert store.next_queued() == "first"
    store.claim(replace(a_run(id="first"), status=Status.RUNNING), pid=7)
    assert (store.next_queued(), store.position("first"), store.position("third")) == ("second", None, 1)
    assert {line.id: line.position for line in store.runs()} == {"first": None, "second": 0, "third": 1}
    assert store.request("second") == {"models": ["second"]}
    assert store.counts() == dict.fromkeys(Status, 0) | {Status.QUEUED: 2, Status.RUNNING: 1}


def test_no_more_runs_wait_than_may_and_a_known_key_still_brings_its_run(store: Store) -> None:
    first = store.enqueue(waiting("first"), request={}, key="k", most=2)
    store.enqueue(waiting("second"), request={}, most=2)
    with pytest.raises(QueueFull, match=r"2 runs wait for their turn, and 2 may\. Nothing was queued\."):
        store.enqueue(waiting("third"), request={}, most=2)
    assert store.enqueue(waiting("third"), request={}, key="k", most=2) == first
    store.ask_cancel("second")
    assert store.enqueue(waiting("third"), request={}, most=2).id == "third"


def test_a_line_of_a_list_tells_how_far_its_run_is(store: Store) -> None:
    store.add_run(a_run(id="first"), pid=7, cases=3)
    for position, case in enumerate((a_case(), a_case(suite="decode"))):
        handle = store.begin_result("first", case, planned=5, position=position)
        store.add_round(handle, a_round())
    store.close_result(handle, status=Status.DONE)
    (line,) = store.runs()
    assert (line.rounds, line.rounds_planned) == (2, 10)
    assert (line.cases, line.cases_done, line.cases_planned) == (2, 1, 3)
    store.update_run("first", status=Status.INTERRUPTED)
    store.update_run("first", status=Status.RUNNING, pid=8, cases=4)
    assert [line.cases_planned for line in store.runs()] == [4]  # as its last start told


def test_the_same_key_and_request_give_the_first_run_again_and_another_request_is_refused(store: Store) -> None:
    first = store.enqueue(waiting("first"), request={"rounds": 3}, key="k")
    assert store.enqueue(waiting("second"), request={"rounds": 3}, key="k") == first
    with pytest.raises(KeyReused, match="belongs to run first, which was asked for something else"):
        store.enqueue(waiting("third"), request={"rounds": 4}, key="k")
    assert store.enqueue(waiting("fourth"), request={"rounds": 4}, key=None).id == "fourth"
    assert [line.id for line in store.runs()] == ["fourth", "first"]
    assert kinds(store, "first") == [(1, "queued")]


def test_a_queued_run_that_is_taken_over_keeps_its_seed_note_and_door(store: Store) -> None:
    queued = store.enqueue(replace(waiting(), seed=5, note="new fan"), request={}, key=None)
    now = Run(
        id="first",
        status=Status.RUNNING,
        started=later(90),
        ended=None,
        trigger="orac",
        note=None,
        orac_version="9.9.9",
        metrics_version=1,
        conditions=a_conditions(),
        seed=77,
        arguments=("--orac-model", "tiny"),
    )
    begun = store.claim(now, pid=42, cases=3)
    assert begun == replace(now, seed=5, note="new fan", trigger="rest")
    assert store.run("first") == begun
    assert begun.started != queued.started
    (_, started) = store.events("first")
    assert (started.kind, started.data) == ("started", {"resumed": False, "cases": 3})


def test_only_a_queued_run_is_taken_over(store: Store) -> None:
    store.add_run(a_run(), pid=1)
    with pytest.raises(UsageError, match="is running; only a queued run can be taken over"):
        store.claim(a_run(), pid=2)
    with pytest.raises(UnknownRun):
        store.claim(a_run(id="nobody"), pid=2)


def test_everything_that_happens_in_a_run_is_told_in_order_without_gaps(store: Store) -> None:
    store.enqueue(waiting(), request={}, key=None)
    store.claim(replace(a_run(id="first"), status=Status.RUNNING), pid=7, cases=1)
    handle = store.begin_result("first", a_case(), planned=2, position=1)
    store.add_round(handle, a_round(phase=Phase.WARMUP), headlines=("ttft_s",))
    store.add_round(handle, a_round(flags=[Flag.STARTED_HOT], metrics={"ttft_s": 0.25}), headlines=("ttft_s", "load_s"))
    store.update_run("first", status=Status.INTERRUPTED, ended=later(200), error="power cut")
    store.update_run("first", status=Status.RUNNING, pid=8, cases=1)
    handle = store.begin_result("first", a_case(), planned=2, position=1)
    store.add_round(handle, a_round(failure=Failure(code="ollama_silent", message="no byte")), headlines=("ttft_s",))
    store.close_result(handle, status=Status.FAILED)
    store.update_run("first", status=Status.FAILED, ended=later(300))

    told = store.events("first")
    assert [event.number for event in told] == list(range(1, 11))
    assert [event.kind for event in told] == [
        *("queued", "started", "case", "round", "round", "interrupted", "started", "case", "round", "failed")
    ]
    assert told[2].data == {
        "case": a_case().key,
        "suite": "first_token",
        "model": "tiny",
        "variant": None,
        "workload": {"prompt_tokens": 64, "output_tokens": 16, "prompt_sha256": None, "version": 1},
        "position": 1,
        "planned": 2,
        "planned_unit": "rounds",
        "planned_at_least": False,
    }
    assert told[4].data == {
        "case": a_case().key,
        "index": 0,
        "phase": "measure",
        "status": "ok",
        "counted": True,
        "flags": ["started_hot"],
        "error": None,
        "metrics": {"ttft_s": 0.25, "load_s": None},
        "done": 1,
    }
    assert told[5].data == {"error": "power cut"}
    assert told[6].data == {"resumed": True, "cases": 1}
    assert told[8].data["error"] == {"code": "ollama_silent", "message": "no byte"}
    assert told[9].data == {"error": None}
    assert told[0].at < told[9].at
    assert store.events("first", after=8) == told[8:]
    assert store.events("first", after=2, limit=3) == told[2:5]


def test_what_a_case_is_to_reach_is_told_in_seconds_as_rounds_or_as_the_least_of_them(store: Store) -> None:
    store.add_run(replace(a_run(id="first"), arguments=("--orac-precision", "0.02")), pid=7)
    plain, timed = a_case(), replace(a_case(suite="sustained"), options={"time_limit_s": 600.0})
    canary = replace(a_case(suite="decode"), options={"canary": True})
    for position, case in enumerate((plain, timed, canary), start=1):
        handle = store.begin_result("first", case, planned=600, position=position)
        store.add_round(handle, a_round(), done=17 if case is timed else None)
    told = [event.data for event in store.events("first")]
    assert [(one["planned_unit"], one["planned_at_least"]) for one in told[1::2]] == [
        *(("rounds", True), ("s", False), ("rounds", False))
    ]
    assert [one["done"] for one in told[2::2]] == [1, 17, 1]


def test_what_was_not_kept_is_not_told(store: Store, tmp_path: Path) -> None:
    store.add_run(a_run(), pid=1)
    handle = store.begin_result(a_run().id, a_case(), planned=1, position=1)
    store.add_round(handle, a_round(index=0))
    with pytest.raises(Exception, match="UNIQUE"):
        store.add_round(handle, a_round(index=0))
    with sqlite3.connect(tmp_path / "orac.db") as raw:
        raw.execute("CREATE TRIGGER no_more_events BEFORE INSERT ON event BEGIN SELECT RAISE(ABORT, 'no'); END")
    raw.close()
    with pytest.raises(Exception, match="no"):
        store.add_round(handle, a_round(index=1))
    assert kinds(store, a_run().id) == [(1, "started"), (2, "case"), (3, "round")]
    (result,) = store.results(a_run().id, rounds=True)
    assert [one.index for one in result.rounds] == [0]


def test_a_queued_run_is_cancelled_at_once_and_a_running_one_when_its_process_ends(store: Store) -> None:
    for id in ("waits", "runs", "dies"):
        store.enqueue(waiting(id), request={}, key=None)
    for id, pid in (("runs", 7), ("dies", 8)):
        store.claim(replace(a_run(id=id), status=Status.RUNNING), pid=pid)
    assert store.ask_cancel("waits") is Status.CANCELLED
    assert store.ask_cancel("runs") is store.ask_cancel("runs") is store.ask_cancel("dies") is Status.RUNNING
    assert store.run("runs").status is Status.RUNNING
    store.update_run("runs", status=Status.INTERRUPTED, ended=later(100))
    assert store.mark_interrupted(lambda _pid: False) == ("dies",)
    assert {store.run(id).status for id in ("waits", "runs", "dies")} == {Status.CANCELLED}
    assert kinds(store, "waits") == [(1, "queued"), (2, "cancelled")]
    assert kinds(store, "runs") == kinds(store, "dies") == [(1, "queued"), (2, "started"), (3, "cancelled")]
    assert store.next_queued() is None


def test_a_run_whose_process_is_gone_is_cancelled_at_once(store: Store) -> None:
    store.add_run(a_run(), pid=7)
    assert store.ask_cancel(a_run().id, is_alive=lambda pid: pid == 7) is Status.RUNNING
    assert store.ask_cancel(a_run().id, is_alive=lambda pid: pid != 7) is Status.CANCELLED
    assert kinds(store, a_run().id) == [(1, "started"), (2, "cancelled")]


@pytest.mark.parametrize("status", [Status.DONE, Status.FAILED, Status.CANCELLED, Status.LOST])
def test_what_is_over_is_not_cancelled(store: Store, status: Status) -> None:
    store.add_run(a_run(), pid=1)
    store.update_run(a_run().id, status=status, ended=later(100))
    with pytest.raises(RunOver, match=f"is {status.value} already"):
        store.ask_cancel(a_run().id)


def test_an_interrupted_run_that_is_cancelled_does_not_go_on(store: Store) -> None:
    store.add_run(a_run(), pid=1)
    store.update_run(a_run().id, status=Status.INTERRUPTED, ended=later(100))
    assert store.ask_cancel(a_run().id) is Status.CANCELLED
    assert (store.run(a_run().id).status, store.run(a_run().id).ended) == (Status.CANCELLED, later(100))


def test_starts_are_counted_until_a_case_is_done(store: Store) -> None:
    store.add_run(a_run(), pid=1)
    assert [store.count_attempt(a_run().id) for _ in range(2)] == [1, 2]
    handle = store.begin_result(a_run().id, a_case(), planned=1, position=1)
    store.close_result(handle, status=Status.FAILED)
    assert store.count_attempt(a_run().id) == 3
    handle = store.begin_result(a_run().id, a_case(), planned=1, position=1)
    store.add_round(handle, a_round())
    store.close_result(handle, status=Status.DONE)
    assert store.count_attempt(a_run().id) == 1


def test_a_run_that_is_measured_or_is_a_baseline_is_not_deleted(store: Store, tmp_path: Path) -> None:
    store.add_run(a_run(), pid=7)
    with pytest.raises(RunMeasuring, match="by process 7"):
        store.delete_run(a_run().id)
    store.update_run(a_run().id, status=Status.DONE, ended=later(100))
    with sqlite3.connect(tmp_path / "orac.db") as raw:
        raw.execute("INSERT INTO baseline SELECT 'main', id, started FROM run")
    raw.close()
    with pytest.raises(RunNamed, match="orac baseline remove main"):
        store.delete_run(a_run().id)
    with sqlite3.connect(tmp_path / "orac.db") as raw:
        raw.execute("DELETE FROM baseline")
    raw.close()
    store.delete_run(a_run().id)
    with pytest.raises(UnknownRun):
        store.events(a_run().id)


def test_a_run_whose_process_died_unseen_can_be_deleted(store: Store) -> None:
    store.add_run(a_run(), pid=7)
    store.delete_run(a_run().id, is_alive=lambda pid: pid != 7)
    assert store.runs() == ()


def test_events_of_old_runs_go_with_their_readings(store: Store) -> None:
    day = 86_400.0
    for id, started in (("old", later(-3 * day)), ("new", later(0)), ("goes on", later(-3 * day))):
        store.add_run(replace(a_run(id=id), started=started, ended=None, status=Status.RUNNING), pid=1)
    store.update_run("old", status=Status.DONE, ended=later(-2 * day))
    store.update_run("new", status=Status.DONE, ended=later(10))
    store.fold_readings(older_than_days=1)
    assert kinds(store, "old") == []
    assert kinds(store, "new") == [(1, "started"), (2, "done")]
    assert kinds(store, "goes on") == [(1, "started")]


def test_the_latest_run_is_one_that_has_begun(store: Store) -> None:
    store.add_run(replace(a_run(id="begun"), started=later(0)), pid=1)
    store.enqueue(replace(waiting("waits"), started=later(50)), request={}, key=None)
    assert (store.resolve("latest"), store.resolve("wait")) == ("begun", "waits")
