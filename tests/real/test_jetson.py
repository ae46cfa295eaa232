"""What only a board can show. Skipped elsewhere, with the reason; how many is printed behind the tests."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from orac_bench.telemetry.board import board_facts, in_container, is_tegra
from orac_bench.telemetry.energy import module_rail
from orac_bench.telemetry.sources.sysfs import sysfs
from orac_bench.telemetry.tegrastats import parse_line

pytestmark = pytest.mark.jetson

ROOT = Path("/")


@pytest.fixture(autouse=True)
def _board() -> None:
    # not by /etc/nv_tegra_release: the base image of the container carries that of the machine that built it
    if not is_tegra(ROOT):
        pytest.skip("this machine is no Jetson: neither its kernel nor its device tree says so")
    if in_container(ROOT):
        pytest.skip("a container has no tegrastats and no power mode of its own: run this on the board itself")


def test_the_boards_own_files_tell_its_modules_power_and_a_temperature() -> None:
    with sysfs(ROOT) as source:
        (sample,) = source.read()
    rails = {name.removeprefix("power_w."): watts for name, watts in sample.values.items() if "power_w." in name}
    rail = module_rail(tuple(rails))

    assert rail is not None, f"no rail of the module among {sorted(rails)}"
    assert 0.5 < rails[rail] < 80
    assert any(name.startswith("temperature_celsius.") for name in sample.values)


def test_the_boards_own_tegrastats_is_read_without_a_word_left_over() -> None:
    program = shutil.which("tegrastats")
    assert program is not None, "tegrastats is not on PATH"
    with subprocess.Popen([program, "--interval", "200"], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        readings = [parse_line(child.stdout.readline()) for _ in range(5)]
        child.terminate()

    assert [reading.bad for reading in readings] == [None] * 5
    assert [reading.unknown for reading in readings] == [()] * 5


def test_the_boards_power_mode_is_known_by_name_and_caps() -> None:
    facts = board_facts(ROOT)

    assert facts.get("l4t")
    assert facts.get("power_mode")
