"""The queue's worker, with processes that behave as runs should and as they should not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from orac_bench.api.child import HASTE, Patience
from orac_bench.api.jobs import Jobs
from orac_bench.api.said import last_words
from orac_bench.errors import Busy, KeyReused, RunOver, StoreFull
from orac_bench.lock import measuring_alone
from orac_bench.records import Json, Run, Status
from orac_bench.store.store import Store, open_store
from tests.builders import a_run, later
from tests.waiting import eventually, running

FAKE = Path(__file__).parent / "fakes" / "fake_run.py"
QUICK = Patience(after_interrupt_s=0.3, after_terminate_s=0.3)
ROUNDS = [(suite, index) for suite in ("first_token", "decode") for index in range(2)]


@dataclass
class Service:
    """A store, and the workers that were opened on it one after the other."""

    folder: Path
    store: Store
    told: list[tuple[str, Mapping[str, Json] | None]] = field(default_factory=list)

    @property
    def database(self) -> str:
        return f"sqlite:///{self.folder}/orac.db"

    @property
    def lock(self) -> Path:
        return self.folder / "measure.lock"

    @contextmanager
    def jobs(
        self,
        *,
        patience: Patience = QUICK,
        haste: Patience = QUICK,
        found: Callable[[], Callable[[], None]] = lambda: lambda: None,
        awaited: Callable[[], bool] = lambda: False,
        ollama_s: float = 0.0,
        pauses_s: tuple[float, ...] = (0.0,),
    ) -> Iterator[Jobs]:
        def command(run_id: str, wish: Mapping[str, Json]) -> list[str]:
            return [sys.executable, str(FAKE), str(wish["how"]), self.database, run_id]

        with Jobs(
            self.store,
            home=self.folder,
            environ={**os.environ, "PYTHONPATH": str(FAKE.parent.parent.parent)},
            told=lambda run_id, said: self.told.append((run_id, said)),
            command=command,
            again=lambda run_id: command(run_id, self.store.request(run_id) or {}),
            found=found,
            awaited=awaited,
            ollama_s=ollama_s,
            patience=patience,
            haste=haste,
            pauses_s=pauses_s,
            looked_s=0.01,
        ) as jobs:
            yield jobs

    def queued(self, jobs: Jobs, how: str, run_id: str = "first") -> Run:
        return jobs.enqueue(queued_run(run_id), {"how": how})

    def stands(self, run_id: str = "first") -> Status:
        return self.store.run(run_id).status

    def ends(self, *statuses: Status, run_id: str = "first") -> None:
        eventually(lambda: self.stands(run_id) in statuses)

    def kinds(self, run_id: str = "first") -> list[str]:
        return [event.kind for event in self.store.events(run_id)]

    def rounds(self, run_id: str = "first") -> list[tuple[str, int]]:
        results = self.store.results(run_id, rounds=True)
        return [(result.case.suite, one.index) for result in results for one in result.rounds]

    def says(self, text: str) -> int:
        """The process of the run that is running now, once it has told that."""
        eventually(lambda: any(said and said.get("text") == text for _, said in self.told))
        ((_, pid),) = self.store.running()
        assert pid is not None
        return pid


def queued_run(run_id: str) -> Run:
    return a_run(id=run_id, status=Status.QUEUED, trigger="rest")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_store(f"sqlite:///{tmp_path}/orac.db", write=True) as store:
        yield Service(folder=tmp_path, store=store)
    assert [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()] == []


def test_a_queued_run_is_measured_in_a_process_of_its_own_which_is_heard(service: Service) -> None:
    with service.jobs() as jobs:
        service.queued(jobs, "sound")
        service.ends(Status.DONE)
        eventually(lambda: not jobs.goes_on("first"))  # its process has ended, too
    assert service.kinds() == ["queued", "started", "case", "round", "round", "case", "round", "round", "done"]
    assert [said["index"] for _, said in service.told if said and said["kind"] == "round"] == [0, 1, 0, 1]
    assert (service.folder / "runs" / "first" / "log.txt").read_text() == "orac: it is told to be sound\n"


def test_runs_are_measured_one_at_a_time_in_the_order_in_which_they_were_asked_for(service: Service) -> None:
    with service.jobs() as jobs:
        for name in ("first", "second", "third"):
            service.queued(jobs, "sound", name)
        assert [service.store.position(name) for name in ("first", "second", "third")][1:] in ([1, 2], [0, 1])
        for name in ("first", "second", "third"):
            service.ends(Status.DONE, run_id=name)
    first, second, third = (service.store.results(name, rounds=False) for name in ("first", "second", "third"))
    ends = [(results[0].started, results[-1].ended) for results in (first, second, third)]
    assert all(before[1] < after[0] for before, after in pairwise(ends) if before[1] and after[0])


def test_a_run_waits_while_a_shell_measures(service: Service) -> None:
    with measuring_alone(service.lock, what="a colleague's run", waiting=None), service.jobs() as jobs:
        service.queued(jobs, "sound")
        busy = jobs.busy()
        assert busy is not None
        assert busy.holder is not None
        assert busy.holder.what == "a colleague's run"
        assert jobs.present is None
    assert service.kinds() == ["queued"]
    with service.jobs():
        service.ends(Status.DONE)


def test_the_same_key_brings_the_first_run_again_and_another_wish_under_it_is_refused(service: Service) -> None:
    with service.jobs() as jobs:
        first = jobs.enqueue(queued_run("first"), {"how": "sound"}, key="k")
        again = jobs.enqueue(queued_run("second"), {"how": "sound"}, key="k")
        assert (first.id, again.id) == ("first", "first")
        with pytest.raises(KeyReused):
            jobs.enqueue(queued_run("third"), {"how": "loud"}, key="k")
        service.ends(Status.DONE)
        assert jobs.enqueue(queued_run("fourth"), {"how": "sound"}, key="k").id == "first"
    assert [line.id for line in service.store.runs()] == ["first"]


def test_who_wants_the_machine_alone_is_told_what_is_before_it(service: Service) -> None:
    with service.jobs() as jobs:
        service.queued(jobs, "slow")
        service.says("ready")
        with pytest.raises(Busy) as told:
            jobs.enqueue(queued_run("second"), {"how": "sound"}, alone=True)
        assert told.value.holder is not None
        assert told.value.holder.run == "first"
        jobs.cancel("first")
        service.ends(Status.CANCELLED)
        eventually(lambda: jobs.busy() is None)
        jobs.enqueue(queued_run("third"), {"how": "sound"}, alone=True)
        service.ends(Status.DONE, run_id="third")


def test_what_keeps_the_queue_waiting_is_logged_once_and_again_when_it_is_something_else(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    tried: list[str] = []

    def found() -> Callable[[], None]:
        tried.append("full" if len(tried) < 3 else "locked")
        if len(tried) == 6:
            return lambda: None
        raise StoreFull(f"The store is {tried[-1]}.")

    with service.jobs(found=found) as jobs:
        service.queued(jobs, "sound")
        service.ends(Status.DONE)
    assert tried == ["full"] * 3 + ["locked"] * 3
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == [
        "the queue waits, and tries again every 0.01 s: 'The store is full.'",
        "the queue waits, and tries again every 0.01 s: 'The store is locked.'",
    ]


def test_a_fault_of_orac_s_own_is_logged_and_the_queue_goes_on(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    faults = [RuntimeError("can't start new thread")] * 2

    def found() -> Callable[[], None]:
        if faults:
            raise faults.pop()
        return lambda: None

    with service.jobs(found=found) as jobs:
        service.queued(jobs, "sound")
        service.ends(Status.DONE)
    (line,) = [record for record in caplog.records if "can't start new thread" in record.getMessage()]
    assert line.exc_info is not None


def test_visitors_are_told_of_a_run_before_its_process_holds_the_machine(service: Service) -> None:
    with service.jobs() as jobs:
        assert jobs.soon() is None
        service.queued(jobs, "slow")
        soon = eventually(jobs.soon)
        assert soon is not None
        assert soon.holder is not None
        assert soon.holder.run == "first"
        jobs.cancel("first")
        service.ends(Status.CANCELLED)
        eventually(lambda: jobs.soon() is None)


def test_a_cancelled_run_ends_in_order_and_does_not_come_back(service: Service) -> None:
    with service.jobs() as jobs:
        service.queued(jobs, "slow")
        service.says("ready")
        assert jobs.cancel("first") is Status.RUNNING
        service.ends(Status.CANCELLED)
        with pytest.raises(RunOver):
            jobs.cancel("first")
    assert service.kinds() == ["queued", "started", "cancelled"]
    with service.jobs() as jobs:
        service.queued(jobs, "sound", "second")
        service.ends(Status.DONE, run_id="second")
    assert service.stands() is Status.CANCELLED


def test_a_process_that_does_not_listen_is_killed_with_its_group(service: Service) -> None:
    with service.jobs() as jobs:
        service.queued(jobs, "deaf")
        pid = service.says("ready")
        jobs.cancel("first")
        service.ends(Status.CANCELLED)
        assert not running(pid)


def test_a_service_that_ends_gives_a_process_less_time_than_a_cancel_does(service: Service) -> None:
    with service.jobs(patience=Patience(after_interrupt_s=600.0), haste=QUICK) as jobs:
        service.queued(jobs, "deaf")
        pid = service.says("ready")
    assert not running(pid)
    assert service.stands() is Status.INTERRUPTED
    most_s = HASTE.after_interrupt_s + HASTE.after_terminate_s + HASTE.after_kill_s
    assert most_s < 10  # as long as Docker waits


def test_a_run_that_is_cancelled_before_it_is_started_again_holds_up_nobody(service: Service) -> None:
    with service.jobs(pauses_s=(0.0, 120.0)) as jobs:
        service.queued(jobs, "killed")
        service.queued(jobs, "sound", "second")
        service.ends(Status.INTERRUPTED)
        assert jobs.present == "first"  # and would be for two minutes
        assert jobs.cancel("first") is Status.CANCELLED
        service.ends(Status.DONE, run_id="second")
    assert service.kinds() == ["queued", "started", "interrupted", "cancelled"]


def test_a_queued_run_is_cancelled_at_once(service: Service) -> None:
    with service.jobs() as jobs:
        service.queued(jobs, "slow")
        service.queued(jobs, "sound", "second")
        service.says("ready")
        assert jobs.cancel("second") is Status.CANCELLED
        jobs.cancel("first")
        service.ends(Status.CANCELLED)
    assert service.kinds("second") == ["queued", "cancelled"]


def test_a_run_whose_process_is_killed_goes_on_at_its_first_unfinished_case(service: Service) -> None:
    with service.jobs() as jobs:
        service.queued(jobs, "killed in its second case")
        service.ends(Status.DONE)
    assert service.kinds().count("interrupted") == 1
    assert service.rounds() == ROUNDS


def test_a_run_is_lost_when_its_process_was_started_three_times_for_nothing(service: Service) -> None:
    with service.jobs() as jobs:
        service.queued(jobs, "killed")
        service.ends(Status.LOST)
    assert service.kinds() == ["queued", *["started", "interrupted"] * 3, "lost"]
    assert service.store.run("first").error == (
        "its process was started 3 times without finishing a case; it said at last: it is told to be killed"
    )


def test_a_finished_case_gives_a_run_three_more_starts(service: Service) -> None:
    with service.jobs() as jobs:
        service.queued(jobs, "killed again and again in its second case")
        service.ends(Status.LOST)
    assert service.kinds().count("started") == 4  # the first of them finished a case
    assert service.rounds() == ROUNDS[:2]


def test_a_run_that_cannot_begin_has_failed_with_what_its_process_said(service: Service) -> None:
    with service.jobs() as jobs:
        service.queued(jobs, "refused")
        service.ends(Status.FAILED)
        service.queued(jobs, "absent", "second")
        service.ends(Status.LOST, run_id="second")
    assert service.store.run("first").error == "the model is gone"
    assert service.kinds() == ["queued", "failed"]
    assert service.kinds("second") == ["queued", "lost"]


def test_a_run_that_found_no_ollama_is_tried_again_and_goes_on_where_there_is_one(service: Service) -> None:
    with service.jobs() as jobs:
        service.queued(jobs, "without an ollama at first")
        service.ends(Status.DONE)
        service.queued(jobs, "without an ollama", "second")
        service.ends(Status.LOST, run_id="second")
    assert service.kinds()[:2] == ["queued", "started"]
    assert service.store.run("second").error == (
        "its process was started 3 times without finishing a case; it said at last: nobody answers"
    )


def test_a_run_waits_for_an_ollama_that_is_being_started(service: Service) -> None:
    looks = iter([True, True, True, False])
    tried: list[str] = []

    def found() -> Callable[[], None]:
        tried.append("after the last look" if next(looks, None) is None else "too early")
        return lambda: None

    with service.jobs(awaited=lambda: next(looks), found=found, ollama_s=600.0) as jobs:
        service.queued(jobs, "sound")
        service.ends(Status.DONE)
    assert tried == ["after the last look"]


def test_an_ollama_that_does_not_come_is_not_waited_for_for_ever(service: Service) -> None:
    with service.jobs(awaited=lambda: True, ollama_s=0.1) as jobs:
        service.queued(jobs, "sound")
        service.ends(Status.DONE)


def test_what_waits_for_an_ollama_is_cancelled_and_ends_with_the_service_at_once(service: Service) -> None:
    with service.jobs(awaited=lambda: True, ollama_s=600.0) as jobs:
        service.queued(jobs, "sound")
        eventually(lambda: jobs.present == "first")
        assert jobs.cancel("first") is Status.CANCELLED
        service.queued(jobs, "sound", "second")
        eventually(lambda: jobs.present == "second")
    assert (service.stands(), service.stands("second")) == (Status.CANCELLED, Status.QUEUED)
    with service.jobs():
        service.ends(Status.DONE, run_id="second")


def test_what_is_no_line_of_orac_on_the_pipe_costs_nothing(service: Service) -> None:
    with service.jobs() as jobs:
        service.queued(jobs, "loud")
        service.ends(Status.DONE)
    said = [said["kind"] for _, said in service.told if said]
    assert said == [*["round"] * 4, "reading"]


def test_a_service_that_ends_interrupts_its_run_and_the_next_one_goes_on_with_it(service: Service) -> None:
    with service.jobs() as jobs:
        service.queued(jobs, "slow")
        pid = service.says("ready")
    assert not running(pid)
    assert (service.stands(), service.kinds()) == (Status.INTERRUPTED, ["queued", "started", "interrupted"])
    service.told.clear()
    with service.jobs() as jobs:
        service.says("ready")
        assert service.kinds()[3:] == ["started"]
        jobs.cancel("first")
        service.ends(Status.CANCELLED)


def test_a_run_outlives_any_number_of_services_that_end_in_order(service: Service) -> None:
    # given a run whose one case is not over when the service ends, four times: more often than a run is started in vain
    for _ in range(4):
        service.told.clear()
        with service.jobs() as jobs:
            if not service.store.counts()[Status.INTERRUPTED]:
                service.queued(jobs, "slow")
            service.says("ready")
        assert service.stands() is Status.INTERRUPTED
    # then it still has all its starts
    assert service.store.count_attempt("first") == 1


def test_a_service_that_comes_back_ends_the_process_that_outlived_the_one_before(service: Service) -> None:
    service.store.enqueue(queued_run("first"), request={"how": "sound"})
    reading, writing = os.pipe()
    orphan = subprocess.Popen(
        [sys.executable, str(FAKE), "deaf", service.database, "first", "--claim=first"],
        env={**os.environ, "ORAC_EVENTS_FD": str(writing), "PYTHONPATH": str(FAKE.parent.parent.parent)},
        pass_fds=(writing,),
        start_new_session=True,
    )
    try:
        with os.fdopen(reading, "rb") as lines:
            assert json.loads(lines.readline())["text"] == "ready"
            collector = threading.Thread(target=orphan.wait)  # init, which an orphan would have
            collector.start()
            with service.jobs():
                service.ends(Status.DONE)
            collector.join()
    finally:
        orphan.kill()
        os.close(writing)
    assert orphan.returncode == -signal.SIGKILL
    assert service.kinds()[:5] == ["queued", "started", "interrupted", "started", "case"]
    assert service.rounds() == ROUNDS


def test_a_shells_interrupted_run_is_left_to_its_person(service: Service) -> None:
    service.store.add_run(a_run(id="shell", trigger="orac"), pid=None)
    with service.jobs() as jobs:
        service.queued(jobs, "sound")
        service.ends(Status.DONE)
    assert service.kinds("shell") == ["started", "interrupted"]


def test_a_shells_run_whose_process_was_killed_is_cancelled_at_once(service: Service) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with service.jobs() as jobs:
        service.queued(jobs, "sound")
        service.ends(Status.DONE)  # what was left when the service began is put in order by now
        service.store.add_run(a_run(id="shell", trigger="orac"), pid=gone.pid)
        assert jobs.cancel("shell") is Status.CANCELLED
    assert service.kinds("shell") == ["started", "cancelled"]


def test_a_run_whose_process_holds_the_lock_lives_though_its_number_is_of_another_container(service: Service) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with service.jobs() as jobs:
        service.queued(jobs, "sound")
        service.ends(Status.DONE)
        service.store.add_run(a_run(id="shell", trigger="orac"), pid=gone.pid)
        with measuring_alone(service.lock, what="a run", waiting=lambda _: None) as turn:
            turn.tell(run="shell", cases_done=0, cases=1, likely_over=None)
            assert jobs.cancel("shell") is Status.RUNNING


def test_an_interrupted_run_of_another_boards_service_is_left_as_it_came(service: Service) -> None:
    theirs = a_run(id="theirs", trigger="rest", status=Status.INTERRUPTED, ended=later(60))
    service.store.take_in([(theirs, ())])
    with service.jobs() as jobs:
        service.queued(jobs, "sound")
        service.ends(Status.DONE)
    assert service.store.run("theirs") == theirs


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        (b"orac: first\norac: the model is gone\n  next: look\n", "the model is gone"),
        (b"Traceback:\nModuleNotFoundError: No module named 'x'\n", "ModuleNotFoundError: No module named 'x'"),
        (b"[1/2] phi-2 decode\n", None),
        (b"", None),
    ],
)
def test_the_last_words_of_a_process_are_its_last_error(tmp_path: Path, printed: bytes, words: str | None) -> None:
    (tmp_path / "log.txt").write_bytes(printed)
    assert last_words(tmp_path / "log.txt") == words
