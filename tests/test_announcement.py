"""The service's Ollama is known to everybody with the same home, for as long as the service lives."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from orac_bench.announcement import Announcement, announced, read_announcement
from orac_bench.errors import MissingPrerequisite
from orac_bench.settings import read_settings
from tests.limits import no_room


@dataclass
class Serving:
    url: str = "http://127.0.0.1:11434"
    version: str = "0.11.4"
    environment: dict = field(default_factory=lambda: {"OLLAMA_NUM_PARALLEL": "1"})


ANNOUNCE = """
import sys, time
from orac_bench.announcement import announced
from orac_bench.settings import read_settings
class Serving:
    url, version, environment = "http://127.0.0.1:1", "0.11.4", {}
with announced(read_settings({"ORAC_HOME": sys.argv[1]}), Serving()):
    print("announced", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def settings(tmp_path):
    return read_settings({"ORAC_HOME": str(tmp_path / "home"), "ORAC_PORT": "8123"}, folder=tmp_path)


@pytest.fixture
def other(settings):
    """Another process that announces."""
    command = [sys.executable, "-c", ANNOUNCE, str(settings.home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "announced\n"
        yield process
        process.kill()


def test_what_is_announced_is_read_while_it_holds_and_not_after(settings):
    assert read_announcement(settings) is None
    with announced(settings, Serving()):
        assert read_announcement(settings) == Announcement(
            pid=os.getpid(),
            url="http://127.0.0.1:11434",
            version="0.11.4",
            environment={"OLLAMA_NUM_PARALLEL": "1"},
            service="http://127.0.0.1:8123",
        )
    assert read_announcement(settings) is None


def test_a_service_that_was_killed_announces_nothing_any_more(settings, other):
    assert read_announcement(settings).pid == other.pid
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert json.loads((settings.home / "service.json").read_text())["pid"] == other.pid
    assert read_announcement(settings) is None
    with announced(settings, Serving()):
        assert read_announcement(settings).pid == os.getpid()


def test_a_second_service_of_one_home_is_refused_with_the_first_ones_process(settings, other):
    with (
        pytest.raises(MissingPrerequisite, match=rf"process {other.pid}, at http://127.0.0.1:8000"),
        announced(settings, Serving()),
    ):
        pass


@pytest.mark.parametrize("text", ["", "{not json", "[]", '{"pid": 1}', '{"pid": 1, "url": 2, "environment": []}'])
def test_a_file_that_holds_anything_else_is_no_announcement(settings, text):
    with announced(settings, Serving()):
        (settings.home / "service.json").write_text(text)
        assert read_announcement(settings) is None


def test_an_announcement_without_room_is_told_and_announces_nothing(settings):
    with no_room(), pytest.raises(MissingPrerequisite) as refusal, announced(settings, Serving()):
        pass
    assert str(refusal.value) == (
        f"The service's announcement {settings.home}/service.json could not be written: File too large. Make room "
        "(`df -h` shows where), or set ORAC_HOME to a folder that you can write."
    )
    assert read_announcement(settings) is None
    with announced(settings, Serving()):
        assert read_announcement(settings).pid == os.getpid()


def test_a_home_that_cannot_be_written_is_said_with_the_setting_to_change(tmp_path):
    (tmp_path / "file").write_text("")
    settings = read_settings({"ORAC_HOME": str(tmp_path / "file" / "home")}, folder=tmp_path)
    with pytest.raises(MissingPrerequisite, match="Set ORAC_HOME"), announced(settings, Serving()):
        pass
