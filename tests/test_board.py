"""The facts of a board made of files, its counters, and which sources are taken there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from orac_bench.errors import MissingPrerequisite, SettingError
from orac_bench.telemetry.auto import Offer, choose
from orac_bench.telemetry.board import board_facts, clock_limits, jetpack, l4t, read_counters
from orac_bench.telemetry.power_mode import PowerMode, current_mode, modes
from orac_bench.telemetry.sources.jtop import Board, Jtop, values_of
from orac_bench.telemetry.sources.nvml import Nvml
from orac_bench.telemetry.sources.nvml import missing as no_nvml
from orac_bench.telemetry.validity import Counters
from tests.fakes.board import GPU_CLOCKS, MODES, OVERCURRENT, orin_nano, write


def test_the_facts_of_an_orin_nano(tmp_path: Path) -> None:
    assert board_facts(orin_nano(tmp_path)) == {
        "l4t": "36.4.3",
        "jetpack": "6.2",
        "power_mode": "25W",
        "power_mode_id": 1,
        "power_mode_caps_hz": {"CPU_A78_0": 1_344_000_000, "GPU": 918_000_000, "EMC": 3_199_000_000},
        "clocks_locked": False,
        "governors": "nvhost_podgov, schedutil",
        "fan": None,
        "swap_b": None,
        "zram_b": 650000 * 1024,
    }


def test_a_machine_that_is_no_jetson_tells_nothing(tmp_path: Path) -> None:
    assert set(board_facts(tmp_path).values()) == {None}
    assert read_counters(tmp_path) == Counters()


def test_in_a_container_the_release_of_the_image_is_not_the_hosts(tmp_path: Path) -> None:
    write(orin_nano(tmp_path), ".dockerenv", "")
    assert l4t(tmp_path) is None
    write(tmp_path, "proc/self/mountinfo", "611 600 259:1 /etc/nv_tegra_release /etc/nv_tegra_release ro - ext4 x rw")
    assert l4t(tmp_path) == "36.4.3"


def test_clocks_are_locked_where_every_lowest_clock_is_the_highest(tmp_path: Path) -> None:
    orin_nano(tmp_path)
    write(tmp_path, f"{GPU_CLOCKS}/min_freq", 918000000)
    assert board_facts(tmp_path)["clocks_locked"] is False
    for core in (0, 4):
        write(tmp_path, f"sys/devices/system/cpu/cpufreq/policy{core}/scaling_min_freq", 1344000)
    assert board_facts(tmp_path)["clocks_locked"] is True
    assert clock_limits(tmp_path)["policy0"] == (1_344_000_000, 1_344_000_000)


def test_counters_are_those_of_the_board(tmp_path: Path) -> None:
    orin_nano(tmp_path)
    write(tmp_path, f"{OVERCURRENT}/oc3_event_cnt", 12)
    assert read_counters(tmp_path) == Counters(
        overcurrent={"oc1": 0, "oc2": 0, "oc3": 12},
        alerts={"cpu-throttle-alert": 0, "gpu-throttle-alert": 0},
        swap_in_b=10 * 4096,
        swap_out_b=20 * 4096,
        power_mode="25W",
        clock_limits={
            "17000000.gpu": (306_000_000, 918_000_000),
            "policy0": (729_600_000, 1_344_000_000),
            "policy4": (729_600_000, 1_344_000_000),
        },
    )


def test_the_same_id_is_another_mode_on_another_image() -> None:
    assert [(mode.id, mode.name) for mode in modes(MODES)] == [(0, "15W"), (1, "25W"), (2, "MAXN_SUPER")]
    assert modes(MODES)[2].caps_hz == {"CPU_A78_0": None, "GPU": None, "EMC": None}
    other = "< POWER_MODEL ID=1 NAME=7W >\nCPU_ONLINE CORE_0 1\nCPU_ONLINE CORE_5 0\nGPU MAX_FREQ 408000000\n"
    assert current_mode("pmode:0001", other) == PowerMode(id=1, name="7W", caps_hz={"GPU": 408_000_000}, cores=1)
    assert current_mode("pmode:0007 fmode:quiet", MODES) == PowerMode(id=7, name=None)
    assert current_mode(None, MODES) is None


def test_the_installed_jetpack_is_believed_before_the_table(tmp_path: Path) -> None:
    write(orin_nano(tmp_path), "var/lib/dpkg/status", "Package: nvidia-jetpack\nStatus: ok\nVersion: 6.2.1+b38\n\n")
    assert board_facts(tmp_path)["jetpack"] == "6.2.1"
    assert [jetpack(version) for version in ("36.4.4", "39.2.1", "36.4.7", None)] == ["6.2.1", "7.2", None, None]


def test_auto_takes_the_files_of_a_jetson_and_says_why(tmp_path: Path) -> None:
    choice = choose("auto", root=orin_nano(tmp_path), program="/usr/bin/tegrastats")
    assert [source.name for source in choice.sources] == ["sysfs"]
    offers = {offer.source: offer for offer in choice.offers}
    assert offers["sysfs"] == Offer(source="sysfs", taken=True, why="rails, zones, clocks and counters are files here")
    assert offers["tegrastats"] == Offer(source="tegrastats", taken=False, why="sysfs tells the same at less cost")


def test_auto_takes_tegrastats_where_the_rails_are_no_files_and_the_host_elsewhere(tmp_path: Path) -> None:
    assert [source.name for source in choose("auto", root=tmp_path, program="/x").sources] == ["tegrastats"]
    elsewhere = [source.name for source in choose("auto", root=tmp_path).sources]
    assert elsewhere == (["host"] if no_nvml() else ["nvml", "host"])


def test_listed_sources_are_taken_as_far_as_they_are_there(tmp_path: Path) -> None:
    choice = choose("sysfs, host,replay:some.log", root=tmp_path)
    assert [source.name for source in choice.sources] == ["host", "replay"]
    assert choice.replayed
    assert [(offer.source, offer.taken) for offer in choice.offers] == [
        ("sysfs", False), ("host", True), ("replay", True)
    ]  # fmt: skip
    off = choose("off", root=tmp_path)
    assert (off.sources, off.offers[0].why, off.replayed) == ((), "ORAC_TELEMETRY is off", False)


@pytest.mark.parametrize("wanted", ["", "tegra", "auto,host", "replay:", "off,off"])
def test_a_source_that_does_not_exist_is_refused_with_what_is_allowed(wanted: str) -> None:
    with pytest.raises(SettingError) as refused:
        choose(wanted)
    assert f"ORAC_TELEMETRY is {wanted!r}" in str(refused.value)
    assert "tegrastats, sysfs, jtop, nvml, host and replay:FILE" in str(refused.value)


class Service:
    """jtop's object as far as it is used, with what a service on an Orin Nano answers."""

    def __init__(self, refusing: bool = False) -> None:
        self.events: list[str] = []
        self.refusing = refusing
        self.power: Mapping[str, Mapping[str, Mapping[str, float]]] = {
            "rail": {"VDD_IN": {"volt": 4952, "curr": 1016, "power": 5031, "avg": 5000}}
        }
        self.temperature: Mapping[str, Mapping[str, float | bool]] = {
            "tj": {"temp": 49.5, "online": True},
            "cv0": {"temp": -256, "online": False},
        }
        self.memory: Mapping[str, Mapping[str, float]] = {
            "RAM": {"tot": 7800000, "used": 2000000, "shared": 50000},
            "SWAP": {"used": 1000},
            "EMC": {"cur": 2133000, "val": 4},
        }
        self.gpu: Mapping[str, Mapping[str, Mapping[str, float]]] = {
            "gpu": {"status": {"load": 12.5}, "freq": {"cur": 306000}}
        }

    def start(self) -> None:
        self.events.append("start")
        if self.refusing:
            raise RuntimeError("Mismatch version")

    def close(self) -> None:
        self.events.append("close")


def test_what_jtop_tells_is_in_base_units_and_offline_zones_are_absent() -> None:
    service = Service()
    with Jtop(connecting=lambda _: service) as source:
        assert source.read()[0].values == {
            "power_w.VDD_IN": 5.031,
            "temperature_celsius.tj": 49.5,
            "ram_used_b": 2000000 * 1024,
            "gpu_memory_used_b": 50000 * 1024,
            "swap_used_b": 1000 * 1024,
            "emc_load_ratio": 0.04,
            "emc_hz": 2133e6,
            "gpu_load_ratio": 0.125,
            "gpu_hz": 306e6,
        }
    assert service.events == ["start", "close"]
    assert list(source.read()) == []


def test_a_jtop_service_of_another_version_is_said_to_be_missing() -> None:
    with pytest.raises(MissingPrerequisite) as refused, Jtop(connecting=lambda _: Service(refusing=True)):
        pass
    assert (
        str(refused.value) == "The jtop service does not answer: Mismatch version. sudo systemctl restart jtop.service"
    )


def test_jtop_tables_without_a_value_leave_it_out() -> None:
    board: Board = Service()
    board.power, board.temperature, board.memory, board.gpu = {}, {}, {}, {"gpu": {}}
    assert values_of(board) == {}


def test_without_its_library_or_a_card_nvml_is_said_to_be_missing() -> None:
    if Path("/dev/nvidia0").exists() and not no_nvml():
        pytest.skip("this machine has an NVIDIA card and nvidia-ml-py")
    with pytest.raises(MissingPrerequisite) as refused, Nvml():
        pass
    assert str(refused.value).startswith("The telemetry source nvml cannot be had: ")
