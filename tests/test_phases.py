"""Energy of a round from samples, whatever measures it; and the lag measured with a load of one's own."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import pytest

from orac_bench.errors import MissingPrerequisite
from orac_bench.telemetry.calibrate import busy_cores, calibrate
from orac_bench.telemetry.phases import idle_power, meter, round_energy, series_of
from orac_bench.telemetry.sampler import Sampler
from orac_bench.telemetry.source import Sample

SECOND_NS = 10**9


def samples_of(values: Sequence[dict[str, float]], *, period_ns: int = SECOND_NS // 10) -> list[Sample]:
    return [Sample(source="any", at_ns=index * period_ns, values=value) for index, value in enumerate(values)]


def test_the_module_rail_is_preferred_to_counters_and_sub_rails_are_never_summed() -> None:
    assert meter(samples_of([{"energy_j.package-0": 1.0, "power_w.VDD_SOC": 1.0, "power_w.VDD_IN": 5.0}])) == (
        "power_w.VDD_IN"
    )
    assert meter(samples_of([{"power_w.VDD_SOC": 1.0, "power_w.VDD_CPU_GPU_CV": 1.0}])) is None
    assert (
        meter(samples_of([{"energy_j.package-0": 1.0, "energy_j.psys": 1.0, "energy_j.GPU": 2.0}])) == "energy_j.psys"
    )
    assert meter([]) is None


def test_the_energy_of_a_round_on_a_constant_rail_is_power_times_time() -> None:
    samples = samples_of([{"power_w.VDD_IN": 7.0}] * 100)
    found = round_energy(samples, (2 * SECOND_NS, 3 * SECOND_NS, 6 * SECOND_NS), tau_s=0.52, idle_w=5.0)
    assert found is not None
    assert (found.measured, found.whole.energy_j) == ("VDD_IN", pytest.approx(28.0))
    assert [phase.energy_above_idle_j for phase in found.phases] == [pytest.approx(2.0), pytest.approx(6.0)]


def test_the_energy_of_a_round_by_a_counter_has_no_lag() -> None:
    samples = samples_of([{"energy_j.package-0": 3.0 * index / 10} for index in range(100)])
    found = round_energy(samples, (2 * SECOND_NS, 3 * SECOND_NS, 6 * SECOND_NS), tau_s=0.52)
    assert found is not None
    assert (found.measured, found.whole.tau_s, found.whole.energy_j) == ("package-0", 0.0, pytest.approx(12.0))
    assert [phase.energy_j for phase in found.phases] == [pytest.approx(3.0), pytest.approx(9.0)]


def test_a_gap_leaves_the_energy_of_the_round_and_of_its_phases_empty() -> None:
    samples = [each for each in samples_of([{"power_w.VDD_IN": 7.0}] * 100) if not 3.0 < each.at_ns / 1e9 < 4.0]
    found = round_energy(samples, (2 * SECOND_NS, 3 * SECOND_NS, 6 * SECOND_NS), tau_s=0.52)
    assert found is not None
    assert [energy.energy_j for energy in (found.whole, *found.phases)] == [None, None, None]


def test_a_gap_in_a_short_phase_leaves_it_empty_where_a_counter_measures_and_not_where_a_rail_does() -> None:
    # given half a second without readings in a prefill of one, of a round of ten
    values = [{"power_w.VDD_IN": 7.0, "energy_j.GPU": 0.7 * index} for index in range(140)]
    gap = [each for each in samples_of(values) if not 2.05 < each.at_ns / 1e9 < 2.55]
    counter = [replace(each, values={"energy_j.GPU": each.values["energy_j.GPU"]}) for each in gap]
    rails, counted = (
        round_energy(samples, (2 * SECOND_NS, 3 * SECOND_NS, 12 * SECOND_NS), tau_s=0.52) for samples in (gap, counter)
    )
    # then a rail's phases are there with the whole, and of a counter's the one that is covered
    assert rails is not None
    assert counted is not None
    assert [energy.energy_j for energy in (rails.whole, *rails.phases)] == [
        pytest.approx(joules) for joules in (70, 7, 63)
    ]
    assert [energy.energy_j for energy in (counted.whole, *counted.phases)] == [
        pytest.approx(70),
        None,
        pytest.approx(63),
    ]


def test_without_a_meter_there_is_no_energy_and_no_idle_power() -> None:
    assert round_energy(samples_of([{"gpu_hz": 1.0}] * 9), (0, SECOND_NS), tau_s=0.52) is None
    assert idle_power([], 0, SECOND_NS) is None


def test_idle_power_is_a_mean_of_readings_or_a_difference_of_a_counter() -> None:
    rail = samples_of([{"power_w.VDD_IN": 5.0 + index % 2} for index in range(100)])
    counter = samples_of([{"energy_j.GPU": 2.5 * index / 10} for index in range(100)])
    assert idle_power(rail, SECOND_NS, 2 * SECOND_NS - 1) == pytest.approx(5.5)
    assert idle_power(counter, SECOND_NS, 2 * SECOND_NS) == pytest.approx(2.5)
    assert idle_power(counter, 20 * SECOND_NS, 30 * SECOND_NS) is None
    assert series_of(rail[:2], "power_w.VDD_IN") == ([0.0, 0.1], [5.0, 6.0])


class Sensor:
    """A rail of 5 W, or 15 W under its own load, seen with a lag of `tau_s` in true time."""

    name = "sensor"
    notes: tuple[str, ...] = ()

    def __init__(self, tau_s: float) -> None:
        self.tau_s, self.level, self.power, self.seen = tau_s, 5.0, 5.0, time.monotonic()

    def __enter__(self) -> Sensor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.power = 5.0

    def fileno(self) -> int | None:
        return None

    def read(self) -> Sequence[Sample]:
        self.settle()
        at_ns = round(self.seen * 1e9)
        return (Sample(source=self.name, at_ns=at_ns, values={"power_w.VDD_IN": self.level}),)

    @contextlib.contextmanager
    def load(self) -> Iterator[None]:
        self.settle()
        self.power = 15.0
        yield
        self.settle()
        self.power = 5.0

    def settle(self) -> None:
        now = time.monotonic()
        self.level = self.power + (self.level - self.power) * math.exp(-(now - self.seen) / self.tau_s)
        self.seen = now


def test_the_lag_is_measured_with_a_load_of_ones_own() -> None:
    sensor = Sensor(0.2)
    with Sampler([sensor], fast_s=0.05) as sampler:
        fit = calibrate(
            sampler, sleep=time.sleep, clock=time.monotonic_ns, load=sensor.load, steps=2, on_s=1.2, off_s=1.2
        )
    assert fit.tau_s == pytest.approx(0.2, rel=0.1)
    assert [edge.height_w < 0 for edge in fit.edges if edge.clean].count(True) == 2


def test_where_no_rail_is_read_there_is_no_lag_to_fit() -> None:
    with Sampler([]) as sampler, pytest.raises(MissingPrerequisite) as refused:
        calibrate(sampler, sleep=lambda _: None, clock=time.monotonic_ns, load=contextlib.nullcontext, on_s=0, off_s=0)
    assert "no lag to fit" in str(refused.value)


def children() -> set[str]:
    return {child for file in Path("/proc/self/task").glob("*/children") for child in file.read_text().split()}


def test_busy_cores_are_free_again_at_the_end() -> None:
    before = children()
    with busy_cores(2):
        assert len(children() - before) == 2
    assert children() <= before
