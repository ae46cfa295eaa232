"""One measurement at a time: who waits is told whom for, and a dead holder blocks nobody."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from datetime import datetime, timezone

import pytest

from orac_bench.errors import Busy, MissingPrerequisite
from orac_bench.lock import Holder, holder, measuring_alone, measuring_now, visiting
from tests.limits import no_room

HOLD = """
import sys, time
from pathlib import Path
from orac_bench.lock import measuring_alone
with measuring_alone(Path(sys.argv[1]), what="the other", waiting=None):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another process that holds the lock at tmp_path/lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with process:
        yield process
        process.kill()


def test_who_holds_the_machine_can_be_read(tmp_path):
    with measuring_alone(tmp_path / "lock", what="decode of phi-2", waiting=None):
        found = holder(tmp_path / "lock")
    assert (found.pid, found.what) == (os.getpid(), "decode of phi-2")
    assert found.since is not None
    assert found.since.endswith("Z")
    assert holder(tmp_path / "lock") == Holder(pid=None, what=None, since=None)


def test_who_does_not_wait_is_told_who_measures(tmp_path, other):
    with pytest.raises(Busy) as caught, measuring_alone(tmp_path / "lock", what="me", waiting=None):
        pass
    assert f"the other (process {other.pid}), since 20" in str(caught.value)


def test_who_waits_is_told_once_and_gets_the_machine_when_the_other_is_killed(tmp_path, other):
    told = []

    def kill_after_two_looks(_seconds):
        told.append("slept")
        if told.count("slept") == 2:
            other.send_signal(signal.SIGKILL)
            other.wait()

    with measuring_alone(
        tmp_path / "lock", what="me", waiting=lambda h: told.append(h.pid), sleep=kill_after_two_looks
    ):
        assert holder(tmp_path / "lock").pid == os.getpid()
    assert told[:3] == [other.pid, "slept", "slept"]
    assert told.count(other.pid) == 1


def test_a_lock_file_that_holds_anything_else_blocks_nobody(tmp_path):
    (tmp_path / "lock").write_text("{not json")
    assert holder(tmp_path / "lock") == Holder(pid=None, what=None, since=None)
    with measuring_alone(tmp_path / "lock", what="me", waiting=None):
        assert json.loads((tmp_path / "lock").read_text())["what"] == "me"


def test_a_place_that_cannot_be_written_is_said_with_the_setting_to_change(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(MissingPrerequisite, match="Set ORAC_HOME"),
        measuring_alone(tmp_path / "file" / "lock", what="me", waiting=None),
    ):
        pass


def test_a_lock_file_without_room_for_its_card_is_told_and_holds_nobody_up(tmp_path):
    with (
        no_room(),
        pytest.raises(MissingPrerequisite) as refusal,
        measuring_alone(tmp_path / "lock", what="me", waiting=None),
    ):
        pass
    assert str(refusal.value) == (
        f"The lock file {tmp_path}/lock could not be written: File too large. Make room (`df -h` shows where), or set "
        "ORAC_HOME to a folder that you can write."
    )
    with measuring_alone(tmp_path / "lock", what="me", waiting=None):
        pass


def test_a_measurement_goes_on_where_the_disk_is_too_full_to_tell_how_far_it_is(tmp_path):
    with measuring_alone(tmp_path / "lock", what="me", waiting=None) as turn:
        with no_room():
            turn.tell(run="20261122-120000-abcd", cases_done=3, cases=24, likely_over=None)
        assert holder(tmp_path / "lock").what == "me"
        turn.tell(run="20261122-120000-abcd", cases_done=4, cases=24, likely_over=None)
        assert holder(tmp_path / "lock").cases_done == 4


def test_how_far_a_measurement_is_can_be_read_while_it_runs_and_nothing_is_when_it_is_over(tmp_path):
    over = datetime(2026, 11, 22, 13, 0, tzinfo=timezone.utc)
    assert measuring_now(tmp_path / "lock") is None
    with measuring_alone(tmp_path / "lock", what="me", waiting=None) as turn:
        turn.tell(run="20261122-120000-abcd", cases_done=3, cases=24, likely_over=over)
        turn.tell(run="20261122-120000-abcd", cases_done=4, cases=24, likely_over=None)
        found = measuring_now(tmp_path / "lock")
        assert (found.run, found.cases_done, found.cases, found.likely_over) == ("20261122-120000-abcd", 4, 24, None)
        turn.tell(run="20261122-120000-abcd", cases_done=5, cases=24, likely_over=over)
        assert measuring_now(tmp_path / "lock").likely_over == over
    assert measuring_now(tmp_path / "lock") is None


def test_a_card_that_a_killed_holder_left_behind_is_no_measurement(tmp_path, other):
    assert measuring_now(tmp_path / "lock").pid == other.pid
    other.kill()
    other.wait()
    assert (tmp_path / "lock").stat().st_size > 0
    assert measuring_now(tmp_path / "lock") is None
    with visiting(tmp_path / "lock"):
        pass


def test_many_visit_at_once_and_none_while_another_process_measures(tmp_path, other):
    with pytest.raises(Busy) as caught, visiting(tmp_path / "lock"):
        pass
    assert caught.value.holder.pid == other.pid
    other.kill()
    other.wait()
    with visiting(tmp_path / "lock"), visiting(tmp_path / "lock"):
        assert measuring_now(tmp_path / "lock") is None


def test_a_measurement_waits_until_visitors_have_gone_and_no_new_ones_come(tmp_path):
    told = []
    visit = ExitStack()
    visit.enter_context(visiting(tmp_path / "lock"))

    def leave_after_a_look(_seconds):
        with pytest.raises(Busy), visiting(tmp_path / "lock"):
            told.append("came in")
        told.append("refused")
        visit.close()

    with measuring_alone(
        tmp_path / "lock", what="me", waiting=lambda holder: told.append(holder.what), sleep=leave_after_a_look
    ):
        told.append("measures")
    assert told == ["a call of the service that uses Ollama", "refused", "measures"]


def test_who_does_not_wait_is_told_that_somebody_visits(tmp_path):
    with (
        visiting(tmp_path / "lock"),
        pytest.raises(Busy, match="Ollama is answering a call of the service"),
        measuring_alone(tmp_path / "lock", what="me", waiting=None),
    ):
        pass
    with measuring_alone(tmp_path / "lock", what="me", waiting=None):
        pass


def test_one_who_only_looks_keeps_nobody_from_measuring(tmp_path):
    glance = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(glance, fcntl.LOCK_SH)  # what a look does, for a moment
    over = threading.Timer(0.05, os.close, [glance])
    over.start()
    with measuring_alone(tmp_path / "lock", what="me", waiting=None):
        pass
    over.join()
