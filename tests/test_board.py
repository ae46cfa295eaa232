"""The facts of a board made of files, its counters, and which sources are taken there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from orac_bench.errors import MissingPrerequisite, SettingError
from orac_bench.flags import Flag
from orac_bench.telemetry.auto import Offer, choose
from orac_bench.telemetry.board import board_facts, clock_limits, jetpack, l4t, read_counters
from orac_bench.telemetry.cautions import Caution, cautions, has_desktop
from orac_bench.telemetry.power_mode import PowerMode, current_mode, modes
from orac_bench.telemetry.sources.jtop import Board, Jtop, values_of
from orac_bench.telemetry.sources.jtop import missing as no_jtop
from orac_bench.telemetry.sources.nvml import Nvml
from orac_bench.telemetry.sources.nvml import missing as no_nvml
from orac_bench.telemetry.validity import Counters, findings
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


def test_a_change_of_the_mode_in_mid_round_excludes_the_round(tmp_path: Path) -> None:
    before = read_counters(orin_nano(tmp_path))
    write(tmp_path, "var/lib/nvpmodel/status", "pmode:0000")
    write(tmp_path, f"{GPU_CLOCKS}/max_freq", 612000000)
    assert [(each.flag, each.excludes) for each in findings(before, read_counters(tmp_path))] == [
        (Flag.POWER_MODE_CHANGED, True)
    ]


def test_the_same_id_is_another_mode_on_another_image() -> None:
    assert [(mode.id, mode.name) for mode in modes(MODES)] == [(0, "15W"), (1, "25W"), (2, "MAXN_SUPER")]
    assert modes(MODES)[2].caps_hz == {"CPU_A78_0": None, "GPU": None, "EMC": None}
    other = "< POWER_MODEL ID=1 NAME=7W >\nCPU_ONLINE CORE_5 0\nGPU MAX_FREQ 408000000\n"
    assert current_mode("pmode:0001", other) == PowerMode(id=1, name="7W", caps_hz={"GPU": 408_000_000})
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
    (tmp_path / "some.log").touch()
    choice = choose(f"sysfs, host,replay:{tmp_path}/some.log", root=tmp_path)
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
        self.power: Mapping[str, Mapping[str, object]] = {
            "rail": {"VDD_SOC": {"volt": 4952, "curr": 283, "power": 1401, "avg": 1400}},
            "tot": {"volt": 4952, "curr": 1016, "power": 5031, "avg": 5000, "name": "VDD_IN"},
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


def test_what_jtop_adds_up_where_a_board_has_no_rail_of_the_module_is_no_rail() -> None:
    service = Service()
    service.power = {"rail": {"GPU": {"power": 900}, "CPU": {"power": 600}}, "tot": {"power": 1500, "avg": 1500}}
    with Jtop(connecting=lambda _: service) as source:
        values = source.read()[0].values
    assert {name: value for name, value in values.items() if name.startswith("power_w")} == {
        "power_w.GPU": 0.9,
        "power_w.CPU": 0.6,
    }
    service.power = {}  # no sensors at all
    with Jtop(connecting=lambda _: service) as source:
        assert not any(name.startswith("power_w") for name in source.read()[0].values)


def test_what_jtop_tells_is_in_base_units_and_offline_zones_are_absent() -> None:
    service = Service()
    with Jtop(connecting=lambda _: service) as source:
        assert source.read()[0].values == {
            "power_w.VDD_SOC": 1.401,
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


class NoSupportError(Exception):
    """Plays NVMLError."""


class Library:
    """pynvml as far as it is used, with a card that does not tell its energy."""

    NVMLError = NoSupportError
    NVML_CLOCK_GRAPHICS, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU = 0, 2, 0

    def __init__(self, *, cards: int = 1) -> None:
        self.cards, self.open, self.lost = cards, 0, False

    def nvmlInit(self) -> None:  # noqa: N802 - the library's own name, as all below
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:  # noqa: N802
        if index >= self.cards:
            raise NoSupportError("Invalid Argument")
        return index

    def nvmlDeviceGetUtilizationRates(self, _: int) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(gpu=97)

    def nvmlDeviceGetMemoryInfo(self, _: int) -> SimpleNamespace:  # noqa: N802
        return SimpleNamespace(used=5 * 2**30)

    def nvmlDeviceGetClockInfo(self, _: int, kind: int) -> int:  # noqa: N802
        return 2619 if kind == self.NVML_CLOCK_MEM else 1980

    def nvmlDeviceGetTemperature(self, _: int, __: int) -> int:  # noqa: N802
        return 41

    def nvmlDeviceGetPowerUsage(self, _: int) -> int:  # noqa: N802
        if self.lost:
            raise NoSupportError("GPU is lost")
        return 123_456

    def nvmlDeviceGetTotalEnergyConsumption(self, _: int) -> int:  # noqa: N802
        raise NoSupportError("Not Supported")


def test_what_a_card_tells_is_in_base_units_and_what_it_does_not_is_said_once() -> None:
    library = Library()
    told = {
        "gpu_load_ratio": 0.97,
        "gpu_hz": 1980e6,
        "emc_hz": 2619e6,
        "gpu_memory_used_b": 5 * 2**30,
        "temperature_celsius.gpu": 41.0,
        "power_w.GPU": 123.456,
    }
    with Nvml(loading=lambda: library) as source:  # type: ignore[arg-type, return-value]
        assert source.read()[0].values == told
        library.lost = True
        assert "power_w.GPU" not in source.read()[0].values
        assert source.fileno() is None
    assert source.notes == ("nvml does not tell energy_j.GPU: Not Supported.",)
    assert (library.open, list(source.read())) == (0, [])


def test_without_its_library_or_a_card_nvml_is_said_to_be_missing() -> None:
    library = Library(cards=0)
    with pytest.raises(MissingPrerequisite) as refused, Nvml(loading=lambda: library):  # type: ignore[arg-type, return-value]
        pass
    assert str(refused.value) == "The telemetry source nvml cannot be had: Invalid Argument."
    assert library.open == 0
    if no_nvml():
        with pytest.raises(MissingPrerequisite) as refused, Nvml():
            pass
        assert "nvidia-ml-py is not installed" in str(refused.value)


def test_without_its_library_jtop_is_said_to_be_missing() -> None:
    if no_jtop() is None:
        pytest.skip("jetson-stats is installed here")
    with pytest.raises(MissingPrerequisite) as refused, Jtop():
        pass
    assert "jetson-stats is not installed" in str(refused.value)


def test_a_board_that_is_ready_to_measure_has_nothing_to_warn_of() -> None:
    facts = {"l4t": "36.4.3", "clocks_locked": True, "power_mode": "25W"}
    assert cautions(facts, celsius=45.0, desktop=False) == ()
    assert cautions({}, celsius=None, desktop=False) == ()


def test_what_spoils_a_measurement_is_warned_of_with_a_way_out() -> None:
    facts = {"l4t": "36.4.7", "clocks_locked": False, "power_mode": "25W"}
    found = cautions(facts, celsius=71.0, desktop=True)
    assert [caution.name for caution in found] == ["clocks", "desktop", "temperature", "l4t"]
    assert found[0] == Caution(
        name="clocks",
        detail="the clocks are not locked: default governors are 18 to 45 % slower and vary by a quarter",
        next="sudo jetson_clocks",
    )
    assert all(caution.next for caution in found)


def test_a_desktop_is_seen_by_its_display_server(tmp_path: Path) -> None:
    write(tmp_path, "proc/17/comm", "sshd")
    assert not has_desktop(tmp_path)
    write(tmp_path, "proc/99/comm", "gnome-shell")
    assert has_desktop(tmp_path)
