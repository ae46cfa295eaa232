"""One measurement at a time: who waits is told whom for, and a dead holder blocks nobody."""

import json
import os
import signal
import subprocess
import sys

import pytest

from orac_bench.errors import Busy, MissingPrerequisite
from orac_bench.lock import Holder, holder, measuring_alone

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
