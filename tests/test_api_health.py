"""What the health of a service says of the GPU's memory: only what is of now."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from orac_bench import doctor
from orac_bench.api import health
from orac_bench.api.board import TOLD_S, GpuMemory, Host, gpu_memory, told_b, why_unknown
from tests.fakes.board import write

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
GIB = 2**30


@pytest.mark.parametrize(
    ("ages_s", "expected"),
    [
        ((), None),
        ((TOLD_S,), 0),
        ((TOLD_S + 0.1,), None),
        ((3.0, 1.0), 1),  # the newer one is the second
        ((1.0, 3.0), 0),
        ((7200.0, 1.0), 1),
    ],
)
def test_the_newest_reading_of_the_last_seconds_tells_what_the_gpu_has(
    ages_s: tuple[float, ...], expected: int | None
) -> None:
    readings = [
        (NOON - timedelta(seconds=age_s), {"gpu_memory_used_b": float(number)}) for number, age_s in enumerate(ages_s)
    ]
    assert told_b(readings, NOON) == expected


def test_a_reading_that_does_not_tell_it_is_passed_over() -> None:
    readings = [(NOON, {"ram_used_b": 5.0}), (NOON, {"gpu_memory_used_b": None})]
    assert told_b(readings, NOON) is None


def test_what_the_kernel_says_now_beats_what_was_told_hours_ago(tmp_path: Path) -> None:
    jetson = Host(l4t="36.4.3", jetpack="6.2", cuda=None, tegra=True, gpu=True)
    write(tmp_path, "proc/meminfo", f"MemTotal: {8 * GIB // 1024} kB\nNvMapMemUsed: {GIB // 1024} kB")
    old = [(NOON - timedelta(hours=3), {"gpu_memory_used_b": 4.0 * GIB})]
    assert gpu_memory(jetson, told_b(old, NOON), tmp_path) == GpuMemory(total_b=8 * GIB, used_b=GIB, shared=True)


def test_why_the_use_of_a_card_is_not_known_depends_on_whether_anything_could_tell_it() -> None:
    assert why_unknown(["host"]) == "nothing here tells the memory of the card (pip install nvidia-ml-py)"
    assert why_unknown(["nvml"]) == "nobody has looked in the last seconds; GET /v1/telemetry/latest does"


def test_a_disk_is_nearly_full_for_the_health_where_it_is_for_the_doctor() -> None:
    assert health.LITTLE_DISK_B is doctor.LITTLE_DISK_B
