"""The sources that read files: a board made of files, this machine, vanished rails and sleeping zones."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from orac_bench.errors import MissingPrerequisite
from orac_bench.telemetry.source import owned
from orac_bench.telemetry.sources.files import HeldFile, HeldFiles
from orac_bench.telemetry.sources.host import host
from orac_bench.telemetry.sources.polled import PolledFiles
from orac_bench.telemetry.sources.sysfs import rails, sysfs
from tests.fakes.board import GPU, MONITOR, OVERCURRENT, orin_nano, write

KB = 1024


def test_the_files_of_an_orin_nano_give_every_value_in_base_units(tmp_path: Path) -> None:
    with sysfs(orin_nano(tmp_path)) as source:
        source.read()
        write(tmp_path, "proc/stat", "cpu  130 0 110 740 120 0 0 0 0 0")
        (sample,) = source.read()
    assert sample.source == "sysfs"
    assert sample.values == {
        "power_w.VDD_IN": 4952 * 1016 / 1e6,
        "power_w.VDD_CPU_GPU_CV": 4952 * 104 / 1e6,
        "power_w.VDD_SOC": 4944 * 288 / 1e6,
        "gpu_load_ratio": 0.12,
        "gpu_hz": 306e6,
        "throttle_state": 0,
        "overcurrent_count": 0,
        "cpu_load_ratio": pytest.approx(0.4),  # 40 busy of 100 jiffies
        "cpu_hz": 883_200_000,
        "ram_available_b": 5789000 * KB,
        "ram_used_b": 2000000 * KB,
        "swap_used_b": 1000 * KB,
        "temperature_celsius.cpu": 48.968,
        "temperature_celsius.gpu": 49.593,
        "temperature_celsius.soc0": 48.093,
        "temperature_celsius.tj": 49.593,
    }


def test_events_and_alerts_are_seen_while_they_happen(tmp_path: Path) -> None:
    with sysfs(orin_nano(tmp_path)) as source:
        write(tmp_path, f"{OVERCURRENT}/oc2_event_cnt", 2)
        write(tmp_path, f"{OVERCURRENT}/oc3_event_cnt", 5)
        write(tmp_path, "sys/class/thermal/cooling_device3/cur_state", 1)
        write(tmp_path, "sys/class/thermal/cooling_device0/cur_state", 9)  # the fan is no alert
        values = source.read()[0].values
    assert (values["overcurrent_count"], values["throttle_state"]) == (7, 1)


def test_a_rail_that_turns_unreadable_is_absent_and_the_others_go_on(tmp_path: Path) -> None:
    with sysfs(orin_nano(tmp_path)) as source:
        write(tmp_path, f"{MONITOR}/curr1_input", "")
        assert owned(source.read()[0].values, "power_w") == {
            "VDD_CPU_GPU_CV": 4952 * 104 / 1e6,
            "VDD_SOC": 4944 * 288 / 1e6,
        }
        write(tmp_path, f"{MONITOR}/curr1_input", 2000)
        assert owned(source.read()[0].values, "power_w")["VDD_IN"] == 4952 * 2000 / 1e6


def test_a_file_whose_device_vanished_is_closed_and_gives_nothing_any_more() -> None:
    process = subprocess.Popen(["sleep", "60"])
    file = HeldFile(Path(f"/proc/{process.pid}/stat"))
    assert file.open()
    assert (file.read() or b"").startswith(str(process.pid).encode())
    process.kill()
    process.wait()
    assert file.read() is None
    assert file.gone


def test_a_file_that_answers_eagain_gives_nothing_now_and_a_number_later(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    file = HeldFile(path)
    assert file.open()
    assert file.number() is None  # a pipe cannot be read at a place: an error that is not "gone"
    assert not file.gone
    file.close()


def test_a_source_without_any_of_its_files_says_so(tmp_path: Path) -> None:
    with pytest.raises(MissingPrerequisite) as refused, sysfs(tmp_path):
        pass
    assert "sysfs found none of its files" in str(refused.value)


def test_a_gpu_of_another_release_is_found_where_it_is(tmp_path: Path) -> None:
    board = orin_nano(tmp_path)
    (board / GPU).unlink()
    write(board, "sys/devices/platform/gpu.0/load", 1000)
    with sysfs(board) as source:
        assert source.read()[0].values["gpu_load_ratio"] == 1.0


def test_two_zones_of_one_type_keep_both(tmp_path: Path) -> None:
    for number in (0, 10):
        write(tmp_path, f"sys/class/thermal/thermal_zone{number}/type", "acpitz")
        write(tmp_path, f"sys/class/thermal/thermal_zone{number}/temp", 30000 + number)
    with host(tmp_path) as source:
        assert owned(source.read()[0].values, "temperature_celsius") == {"acpitz": 30.0, "acpitz-10": 30.01}


def test_the_energy_of_a_package_goes_on_over_its_wrap(tmp_path: Path) -> None:
    package = "sys/class/powercap/intel-rapl:0"
    write(tmp_path, f"{package}/name", "package-0")
    write(tmp_path, f"{package}/max_energy_range_uj", 262143328850)
    write(tmp_path, f"{package}:0/name", "core")
    write(tmp_path, f"{package}:0/energy_uj", 1)
    write(tmp_path, f"{package}/energy_uj", 262143000000)
    with host(tmp_path) as source:
        before = source.read()[0].values
        write(tmp_path, f"{package}/energy_uj", 1671150)
        after = source.read()[0].values
    assert owned(before, "energy_j") == {"package-0": 262143.0}
    assert owned(after, "energy_j") == {"package-0": 262145.0}  # 0.32885 J to the wrap and 1.67115 J behind it


def test_this_machine_tells_its_cores_and_memory() -> None:
    with host(Path("/")) as source:
        source.read()
        sum(range(10**6))
        (sample,) = source.read()
    assert 0 <= sample.values.get("cpu_load_ratio", 0.0) <= 1
    assert sample.values["ram_available_b"] > 0
    assert sample.values["ram_used_b"] > 0


def test_a_vanished_rail_is_noted_once_and_its_value_is_absent(tmp_path: Path) -> None:
    process = subprocess.Popen(["sleep", "60"])

    def hold(files: HeldFiles, root: Path) -> None:
        files.number("power_w.VDD_IN", files.hold(Path(f"/proc/{process.pid}/stat")))
        files.number("gpu_hz", files.hold(write(root, "gpu", 5)))

    with PolledFiles("sysfs", tmp_path, (hold,)) as source:
        process.kill()
        process.wait()
        assert [source.read()[0].values for _ in range(2)] == [{"gpu_hz": 5.0}] * 2
    assert source.notes == (f"/proc/{process.pid}/stat has vanished; its value is missing from then on.",)


def test_a_sample_is_stamped_halfway_through_its_reading(tmp_path: Path) -> None:
    ticks = iter([100, 200])
    with PolledFiles("sysfs", orin_nano(tmp_path), (rails,), clock=lambda: next(ticks)) as source:
        assert source.read()[0].at_ns == 150
