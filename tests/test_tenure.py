"""One service a home and a store: what a second one is told, and one that cannot write its lock file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orac_bench.api.tenure import tenure
from orac_bench.errors import MissingPrerequisite
from tests.limits import no_room
from tests.sessions import settings_for

NOWHERE = "http://127.0.0.1:1"


def test_a_second_service_of_a_home_is_told_the_process_of_the_first(tmp_path: Path) -> None:
    settings = settings_for(NOWHERE, tmp_path)
    with tenure(settings), pytest.raises(MissingPrerequisite) as refusal, tenure(settings):
        pass
    assert str(refusal.value) == (
        f"Another service (process {os.getpid()}) has {settings.home} already. Use that one, end it, or set ORAC_HOME "
        "to another place."
    )


def test_a_lock_file_without_room_for_its_one_line_is_told(tmp_path: Path) -> None:
    # given a process that may not write a byte more, as on a full device
    settings = settings_for(NOWHERE, tmp_path)
    with no_room(), pytest.raises(MissingPrerequisite) as refusal, tenure(settings):
        pass
    assert str(refusal.value) == (
        f"The lock file {settings.home}/service.lock could not be written: File too large. Make room (`df -h` shows "
        "where), or set ORAC_HOME to another place."
    )
    with tenure(settings):  # then nothing of it is held
        pass
