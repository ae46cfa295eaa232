"""What the store promises: records come back whole, and rounds outlive their process."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from orac_bench.errors import (
    StoreError,
    StoreMissing,
    UnknownCase,
    UnknownRound,
    UnknownRun,
)
from orac_bench.flags import Flag
from orac_bench.records import Failure, Phase, Status, Summary
from orac_bench.store.page import RunLine
from orac_bench.store.store import Store, open_store
from tests.builders import a_case, a_conditions, a_result, a_round, a_run, a_workload, later

ROOT = Path(__file__).parent.parent


def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results" / "orac.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with open_store(url(path), write=True, clock=lambda: later(60)) as opened:
        yield opened


def test_a_run_comes_back_as_it_was_given(store: Store) -> None:
    run = a_run(note="fan on — ü", arguments=("--orac-model", "ti\nny"))
    store.add_run(run, pid=1)
    assert store.run(run.id) == run


def test_rounds_come_back_with_flags_failures_raw_fields_and_arrivals(store: Store) -> None:
    # given a warm-up, a sound round, a throttled one and a failed one
    rounds = (
        a_round(phase=Phase.WARMUP),
        a_round(index=0, raw={"eval_count": 16, "nested": {"list": [1, None, "é\udcff"]}}),
        a_round(index=1, flags=[Flag.THROTTLED, Flag.STARTED_HOT], seed=2**63 - 1),
        a_round(index=2, failure=Failure(code="ollama_silent", message="no byte for 120 s"), arrivals_ns=()),
    )
    # when a case is measured
    store.add_run(a_run(), pid=1)
    handle = store.begin_result(a_run().id, a_case(), planned=10, position=0, offload_ratio=1.0, facts={"nonce": 5})
    for measured in rounds:
        store.add_round(handle, measured)
    summary = store.close_result(handle, status=Status.FAILED, facts={"load": True})
    # then everything is there; one round counts
    assert store.results(a_run().id, rounds=True, arrivals=True) == (
        replace(
            a_result(status=Status.FAILED, rounds=rounds, facts={"nonce": 5, "load": True}, summary=summary),
            started=later(60),
            done=1,
        ),
    )
    assert summary["ttft_s"] == Summary(n=1, median=0.2, minimum=0.2, maximum=0.2, q25=0.2, q75=0.2)


def test_a_summary_is_that_of_the_rounds_that_count(store: Store) -> None:
    store.add_run(a_run(), pid=1)
    handle = store.begin_result(a_run().id, a_case(), planned=6, position=0)
    store.add_round(handle, a_round(phase=Phase.WARMUP, metrics={"ttft_s": 9.0}))
    store.add_round(handle, a_round(index=6, metrics={"ttft_s": 9.0}, flags=[Flag.RELOADED]))
    for index in range(6):
        store.add_round(handle, a_round(index=index, metrics={"ttft_s": 1.0 + index}))
    store.close_result(handle, status=Status.DONE)
    assert store.results(a_run().id, rounds=False)[0].summary == {
        "ttft_s": Summary(
            n=6,
            median=3.5,  # of 1..6: middle of 3 and 4
            minimum=1.0,
            maximum=6.0,
            ci_low=1.0,
            ci_high=6.0,
            q25=2.25,  # at position 5/4
            q75=4.75,  # at position 15/4
            drift_ratio=5 / 3.5,  # from 1 to 6
        )
    }


def test_a_running_result_shows_the_summary_of_its_rounds_so_far(store: Store) -> None:
    store.add_run(a_run(), pid=1)
    handle = store.begin_result(a_run().id, a_case(), planned=10, position=0)
    store.add_round(handle, a_round(metrics={"ttft_s": 0.3}))
    (result,) = store.results(a_run().id, rounds=False)
    assert (result.status, result.done, result.summary["ttft_s"].median) == (Status.RUNNING, 1, 0.3)


def test_a_running_result_is_summed_up_by_block_for_comparisons_as_well(store: Store) -> None:
    # given six blocks of two rounds
    store.add_run(a_run(), pid=1)
    handle = store.begin_result(a_run().id, a_case(), planned=20, position=0)
    for index in range(12):
        store.add_round(handle, replace(a_round(index=index, metrics={"ttft_s": 1.0 + index}), block=index // 2))
    # when it is read for a comparison, then the interval is that of the blocks' medians, 1.5 to 11.5
    store.begin_result(a_run().id, a_case(key="unbegun"), planned=20, position=1)
    compared, unbegun = store.measured(a_run().id, ("ttft_s",))
    assert (compared.summary["ttft_s"].ci_low, compared.summary["ttft_s"].ci_high) == (1.5, 11.5)
    assert [compared.summary, unbegun.summary] == [one.summary for one in store.results(a_run().id, rounds=False)]


def test_arrivals_are_kept_to_the_microsecond(store: Store) -> None:
    store.add_run(a_run(), pid=1)
    handle = store.begin_result(a_run().id, a_case(), planned=1, position=0)
    store.add_round(handle, a_round(arrivals_ns=[200_000_499, 220_000_500, 4_294_967_294_000]))
    assert store.arrivals(a_run().id, a_case().key, 0) == (200_000_000, 220_001_000, 4_294_967_294_000)


def test_arrivals_of_a_round_of_hours_are_kept_to_the_millisecond(store: Store) -> None:
    store.add_run(a_run(), pid=1)
    handle = store.begin_result(a_run().id, a_case(), planned=1, position=0)
    store.add_round(handle, a_round(arrivals_ns=[200_400_000, 86_400_000_600_000]))
    assert store.arrivals(a_run().id, a_case().key, 0) == (200_000_000, 86_400_001_000_000)


def test_arrivals_of_a_round_that_is_not_there_are_refused(store: Store) -> None:
    store.add_run(a_run(), pid=1)
    result = store.begin_result(a_run().id, a_case(), planned=2, position=0)
    for index in range(2):
        store.add_round(result, a_round(index=index))
    with pytest.raises(UnknownCase) as no_case:
        store.arrivals(a_run().id, "nokey", 3)
    assert no_case.value.what.startswith(f"Run {a_run().id} has no case nokey; it has {a_case().key} ")
    with pytest.raises(UnknownRound) as no_round:
        store.arrivals(a_run().id, a_case().key, 3)
    assert no_round.value.what == (
        f"Case {a_case().key} of run {a_run().id} has no round 3 of phase measure; it has 2 of phase measure (0 to 1)."
    )


@pytest.mark.parametrize("odd", [{"ttft_s": float("nan")}, {"ttft_s": float("inf")}, {"unheard_of_s": 1.0}])
def test_a_metric_that_is_no_number_or_unknown_is_refused_and_nothing_is_stored(
    store: Store, odd: dict[str, float]
) -> None:
    store.add_run(a_run(), pid=1)
    handle = store.begin_result(a_run().id, a_case(), planned=1, position=0)
    with pytest.raises(ValueError):
        store.add_round(handle, a_round(metrics=odd))
    assert store.results(a_run().id, rounds=True)[0].rounds == ()


def test_an_instant_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(Exception, match="has no time zone"):
        store.add_run(a_run(started=datetime(2026, 11, 22)), pid=1)


def test_an_instant_of_another_zone_comes_back_in_utc(store: Store) -> None:
    store.add_run(a_run(started=datetime(2026, 11, 22, 14, tzinfo=timezone(timedelta(hours=2)))), pid=1)
    assert store.run(a_run().id).started.isoformat() == "2026-11-22T12:00:00+00:00"


def test_text_that_no_database_takes_is_stored_readably(store: Store) -> None:
    store.add_run(a_run(note="a\0b\udcff"), pid=1)
    assert store.run(a_run().id).note == "a\ufffdb\ufffd"


def test_one_run_id_is_given_once(store: Store) -> None:
    store.add_run(a_run(), pid=1)
    with pytest.raises(StoreError) as refusal:
        store.add_run(a_run(), pid=1)
    assert refusal.value.what == f"Run {a_run().id} is in {store.path} already."


def test_a_case_that_is_done_is_not_measured_again_in_the_same_run(store: Store) -> None:
    store.add_run(a_run(), pid=1)
    store.close_result(store.begin_result(a_run().id, a_case(), planned=1, position=0), status=Status.DONE)
    with pytest.raises(StoreError, match="Two names of one model are one case"):
        store.begin_result(a_run().id, replace(a_case(), model="other-name"), planned=1, position=1)


def test_an_interrupted_case_begins_anew_without_its_old_rounds(store: Store) -> None:
    # given a run that was interrupted in its only case
    store.add_run(a_run(), pid=1)
    store.add_round(store.begin_result(a_run().id, a_case(), planned=2, position=0), a_round(seed=1))
    store.update_run(a_run().id, status=Status.INTERRUPTED, ended=later(9))
    assert [one.status for one in store.results(a_run().id, rounds=False)] == [Status.INTERRUPTED]
    # when it is resumed
    store.update_run(a_run().id, status=Status.RUNNING, pid=2)
    handle = store.begin_result(a_run().id, a_case(), planned=2, position=0)
    store.add_round(handle, a_round(seed=2))
    # then only the new round is there, and the run has no end
    (result,) = store.results(a_run().id, rounds=True)
    assert ([one.seed for one in result.rounds], result.done, store.run(a_run().id).ended) == ([2], 1, None)


def test_a_model_keeps_the_name_that_it_had_in_a_run(store: Store) -> None:
    for run, name in (("run-1", "tiny"), ("run-2", "tiny-renamed")):
        store.add_run(a_run(id=run), pid=1)
        case = replace(a_case(model_digest="sha256:1", key="key"), model=name)
        store.close_result(store.begin_result(run, case, planned=0, position=0), status=Status.DONE)
    assert [store.results(run, rounds=False)[0].case.model for run in ("run-1", "run-2")] == ["tiny", "tiny-renamed"]


def test_one_key_for_two_cases_is_refused(store: Store) -> None:
    store.add_run(a_run(), pid=1)
    store.begin_result(a_run().id, a_case(key="key"), planned=1, position=0)
    with pytest.raises(StoreError, match="Case key is in the store with another suite"):
        store.begin_result(a_run().id, a_case(key="key", workload=a_workload(output_tokens=17)), planned=1, position=1)


def test_conditions_may_come_after_the_run_began(store: Store) -> None:
    store.add_run(replace(a_run(), conditions=None), pid=1)
    store.update_run(a_run().id, status=Status.RUNNING, pid=1, conditions=a_conditions(volatile={"uptime_s": 9.0}))
    assert store.run(a_run().id).conditions == a_conditions(volatile={"uptime_s": 9.0})


def test_one_hash_for_two_sets_of_facts_is_refused(store: Store) -> None:
    store.add_run(a_run(), pid=1)
    with pytest.raises(StoreError, match="Conditions c0ffee are in the store with other facts"):
        store.add_run(a_run(id="other", conditions=a_conditions(facts={"board": "nano"})), pid=1)


def test_runs_are_listed_newest_first_with_what_is_in_them(store: Store) -> None:
    store.add_run(a_run(id="run-1", started=later(1)), pid=1)
    store.add_run(a_run(id="run-3", started=later(3), note="last"), pid=1)
    store.add_run(a_run(id="run-2", started=later(2)), pid=1)
    for position, case in enumerate((a_case(), a_case(suite="decode"), a_case(model="phi-2"))):
        handle = store.begin_result("run-3", case, planned=3, position=position)
        store.add_round(handle, a_round(phase=Phase.WARMUP))
        store.add_round(handle, a_round())
        store.add_round(handle, a_round(index=1, failure=Failure(code="ollama", message="500")))
    assert store.runs(limit=2)[0] == RunLine(
        id="run-3",
        status=Status.RUNNING,
        started=later(3),
        ended=None,
        trigger="pytest",
        note="last",
        models=("tiny", "phi-2"),
        rounds=3,
        rounds_planned=9,
        failed=3,
        cases=3,
        cases_done=0,
        cases_planned=None,
        position=None,
    )
    assert [line.id for line in store.runs(limit=2)] == ["run-3", "run-2"]
    assert [line.id for line in store.runs(limit=2, before="run-2")] == ["run-1"]


def test_a_case_that_is_measured_for_a_set_time_counts_as_one_round_in_a_list(store: Store) -> None:
    store.add_run(a_run(id="run-1"), pid=1)
    store.begin_result("run-1", a_case(), planned=10, position=0)
    hot = store.begin_result("run-1", a_case(suite="sustained"), planned=600, position=1)
    seen = []
    for index, reached_s in enumerate((150, 600)):
        store.add_round(hot, a_round(index=index), done=reached_s)
        (line,) = store.runs(limit=1)
        seen.append((line.rounds, line.rounds_planned))
    assert seen == [(0, 11), (1, 11)]


def test_runs_that_began_together_are_on_one_page_only(store: Store) -> None:
    for number in range(4):
        store.add_run(a_run(id=f"run-{number}"), pid=1)
    first = [line.id for line in store.runs(limit=2)]
    assert (first, [line.id for line in store.runs(limit=2, before=first[-1])]) == (
        ["run-3", "run-2"],
        ["run-1", "run-0"],
    )


@pytest.mark.parametrize(
    ("ref", "id"),
    [("20261121-a", "20261121-a"), ("latest", "20261122-b"), ("latest~1", "20261121-a"), ("20261122", "20261122-b")],
)
def test_a_run_is_named_by_its_id_its_beginning_or_its_place(store: Store, ref: str, id: str) -> None:
    store.add_run(a_run(id="20261121-a"), pid=1)
    store.add_run(a_run(id="20261122-b", started=later(1)), pid=1)
    assert store.resolve(ref) == id


@pytest.mark.parametrize(
    ("ref", "what"),
    [
        ("2026", "2026 fits more than one run: 20261122-b, 20261121-a."),
        ("202", "There is no run 202 in {path}, which holds 2; the newest: 20261122-b, 20261121-a."),
        ("latest~2", "There is no run latest~2 in {path}, which holds 2; the newest: 20261122-b, 20261121-a."),
        ("2026%", "There is no run 2026% in {path}, which holds 2; the newest: 20261122-b, 20261121-a."),
    ],
)
def test_a_run_that_is_not_there_is_told_with_what_is(store: Store, ref: str, what: str) -> None:
    store.add_run(a_run(id="20261121-a"), pid=1)
    store.add_run(a_run(id="20261122-b", started=later(1)), pid=1)
    with pytest.raises(UnknownRun) as refusal:
        store.resolve(ref)
    assert refusal.value.what == what.format(path=store.path)


def test_an_empty_store_says_what_to_type_first(store: Store) -> None:
    with pytest.raises(UnknownRun) as refusal:
        store.resolve("latest")
    assert str(refusal.value) == (f"There is no run in {store.path} yet. Measure something first with `orac bench`.")


def test_a_deleted_run_takes_everything_with_it_and_nothing_else(store: Store, path: Path) -> None:
    for id in ("goes", "stays"):
        store.add_run(a_run(id=id), pid=1)
        handle = store.begin_result(id, a_case(), planned=1, position=0)
        store.add_round(handle, a_round())
        store.close_result(handle, status=Status.DONE)
    store.delete_run("goes", is_alive=lambda _pid: False)
    tables = ("run", "result", '"round"', "round_chunks", "result_metric")
    with sqlite3.connect(path) as raw:
        metrics = raw.execute("SELECT count(*) FROM result_metric").fetchone()[0]
        assert [raw.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables] == [1, 1, 1, 1, metrics]
    raw.close()
    assert metrics == 5  # the metrics of one sound round
    with pytest.raises(UnknownRun):
        store.run("goes")


def test_a_round_of_a_run_that_was_deleted_meanwhile_is_refused_in_words(store: Store) -> None:
    store.add_run(a_run(), pid=1)
    handle = store.begin_result(a_run().id, a_case(), planned=1, position=0)
    store.delete_run(a_run().id, is_alive=lambda _pid: False)
    with pytest.raises(StoreError, match="was deleted while it was measured"):
        store.add_round(handle, a_round())


def test_runs_of_dead_processes_become_interrupted_and_keep_their_rounds(store: Store) -> None:
    for id, pid in (("alive", 10), ("dead", 20)):
        store.add_run(a_run(id=id), pid=pid)
        store.add_round(store.begin_result(id, a_case(), planned=2, position=0), a_round())
    assert store.mark_interrupted(lambda pid: pid == 10) == ("dead",)
    assert [(line.id, line.status) for line in store.runs()] == [
        ("dead", Status.INTERRUPTED),
        ("alive", Status.RUNNING),
    ]
    (result,) = store.results("dead", rounds=True)
    assert (result.status, result.done, result.summary["ttft_s"].n) == (Status.INTERRUPTED, 1, 1)
    assert store.check() == ()


def test_a_dead_run_and_its_open_case_ended_with_the_last_round_that_was_kept(path: Path) -> None:
    now = [later(0)]
    with open_store(url(path), write=True, clock=lambda: now[0]) as store:
        store.add_run(a_run(), pid=20)
        handle = store.begin_result(a_run().id, a_case(), planned=9, position=0)
        now[0] = later(30)
        store.add_round(handle, a_round())
        now[0] = later(9000)
        store.mark_interrupted(lambda _: False)
        (result,) = store.results(a_run().id, rounds=False)
        assert (store.run(a_run().id).ended, result.ended) == (later(30), later(30))


def test_a_killed_process_loses_no_round_that_it_had_finished(path: Path) -> None:
    # given a process that measures, and says each round when it is stored
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes.endless_run", url(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert child.stdout is not None
    said = [int(child.stdout.readline()) for _ in range(5)]
    # when it is killed in the middle of its work
    child.send_signal(signal.SIGKILL)
    said += [int(line) for line in child.stdout.read().split()]
    child.wait()
    child.stdout.close()
    # then whoever only reads sees each round that was said, and at most the one that was not said any more
    with open_store(url(path), write=False) as store:
        (result,) = store.results("killed", rounds=True)
        kept = [one.index for one in result.rounds]
    assert kept[: len(said)] == said
    assert len(kept) - len(said) in (0, 1)
    # and the next measurement finds it interrupted, with a summary
    with open_store(url(path), write=True) as store:
        assert store.mark_interrupted(lambda pid: pid != child.pid) == ("killed",)
        assert store.results("killed", rounds=False)[0].summary["ttft_s"].n == len(kept)
        assert store.check() == ()


def test_two_threads_that_write_wait_for_each_other(path: Path) -> None:
    with open_store(url(path), write=True) as one, open_store(url(path), write=True) as two:
        for store, id in ((one, "run-1"), (two, "run-2")):
            store.add_run(a_run(id=id), pid=1)

        def measure(store: Store, id: str) -> None:
            handle = store.begin_result(id, a_case(), planned=20, position=0)
            for index in range(20):
                store.add_round(handle, a_round(index=index))

        threads = [threading.Thread(target=measure, args=pair) for pair in ((one, "run-1"), (two, "run-2"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [line.rounds for line in one.runs()] == [20, 20]


def test_a_backup_is_whole_while_a_run_is_measured_and_never_replaces_a_file(store: Store, tmp_path: Path) -> None:
    store.add_run(a_run(), pid=1)
    store.add_round(store.begin_result(a_run().id, a_case(), planned=1, position=0), a_round())
    store.backup(tmp_path / "copy.db")
    with open_store(url(tmp_path / "copy.db"), write=False) as copy:
        assert copy.results(a_run().id, rounds=True) == store.results(a_run().id, rounds=True)
    with pytest.raises(StoreError) as refusal:
        store.backup(tmp_path / "copy.db")
    assert refusal.value.what == f"{tmp_path / 'copy.db'} is there already; a backup never replaces a file."


def test_a_backup_can_be_made_by_who_only_reads(store: Store, path: Path, tmp_path: Path) -> None:
    store.add_run(a_run(), pid=1)
    with open_store(url(path), write=False) as reader:
        reader.backup(tmp_path / "copy.db")
    with open_store(url(tmp_path / "copy.db"), write=False) as copy:
        assert copy.run(a_run().id) == a_run()


def test_a_backup_into_a_folder_that_is_not_there_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match="There is no folder"):
        store.backup(tmp_path / "nowhere" / "copy.db")


def test_check_finds_rows_that_contradict_each_other(store: Store, path: Path) -> None:
    store.add_run(a_run(), pid=None)
    handle = store.begin_result(a_run().id, a_case(), planned=1, position=0)
    store.add_round(handle, a_round())
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE result SET done = 5")
        raw.execute("INSERT INTO round_chunks VALUES (999, 1000, x'')")
    raw.close()
    assert store.check() == (
        "Row 999 of round_chunks belongs to a row of round that is not there.",
        f"Run {a_run().id} has another number of counted rounds in case {a_case().key} than it says.",
        f"Run {a_run().id} is running, but by no process.",
    )


def test_a_sustained_run_of_which_no_request_counts_is_sound(store: Store) -> None:
    store.add_run(a_run(), pid=1)
    handle = store.begin_result(a_run().id, a_case(suite="sustained"), planned=600, position=0)
    store.add_round(handle, a_round(flags=[Flag.SWAPPED]), done=600)
    store.close_result(handle, status=Status.DONE)
    assert store.check() == ()


def test_check_finds_summaries_of_another_case_which_the_rollup_puts_right(store: Store, path: Path) -> None:
    store.add_run(a_run(), pid=1)
    handle = store.begin_result(a_run().id, a_case(), planned=1, position=0)
    store.add_round(handle, a_round())
    store.close_result(handle, status=Status.DONE)
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE result_metric SET case_id = 0")
    raw.close()
    assert store.points(a_case().key, "ttft_s") == ()
    assert store.check() == (
        f"Run {a_run().id} has summaries of its case {a_case().key} under another case; "
        "`orac db rollup --rebuild` puts them right.",
    )
    store.rebuild({}, told=lambda _done, _of: None)
    assert (store.check(), len(store.points(a_case().key, "ttft_s"))) == ((), 1)


def test_check_finds_a_damaged_file(path: Path) -> None:
    with open_store(url(path), write=True) as store:
        for number in range(200):
            store.add_run(a_run(id=f"run-{number}"), pid=1)
    with path.open("r+b") as file:
        file.seek(path.stat().st_size - 3 * 4096)
        file.write(b"\xff" * 4096)
    with open_store(url(path), write=False) as store:
        problems = store.check()
    assert [problem for problem in problems if "damaged" in problem] == list(problems) != []


def test_a_path_with_signs_of_urls_is_only_a_path(tmp_path: Path) -> None:
    path = tmp_path / "a b%20?mode=memory#x" / "orac.db"
    with open_store(url(path), write=True) as store:
        store.add_run(a_run(), pid=1)
    with open_store(url(path), write=False) as store:
        assert store.run(a_run().id) == a_run()
    assert [file.name for file in path.parent.iterdir()] == ["orac.db"]


def test_rounds_are_on_the_disk_when_add_round_returns(store: Store) -> None:
    with store._engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}  # 2 is FULL
