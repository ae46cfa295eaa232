"""What a round is flagged with by what the board did meanwhile, and the gate before it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orac_bench.flags import Flag
from orac_bench.telemetry.gate import Gate, hottest, hottest_of, may_start, wait_until_cool
from orac_bench.telemetry.round import round_values
from orac_bench.telemetry.source import Sample
from orac_bench.telemetry.validity import Counters, Finding, cpu_fallback, findings

QUIET = Counters(
    overcurrent={"oc1": 0, "oc2": 3, "oc3": 70},
    alerts={"cpu-throttle-alert": 0, "gpu-throttle-alert": 0},
    swap_in_b=10 * 2**20,
    swap_out_b=20 * 2**20,
    power_mode="25W",
    clock_limits={"17000000.gpu": (306_000_000, 918_000_000)},
)
GIB = 2**30


def sample(**values: float) -> Sample:
    return Sample(source="sysfs", at_ns=0, values={name.replace("__", "."): value for name, value in values.items()})


def told(*args: object, **kwargs: object) -> list[tuple[Flag, str, bool]]:
    return [(found.flag, found.sentence, found.excludes) for found in findings(*args, **kwargs)]  # type: ignore[arg-type]


def test_a_quiet_round_has_nothing_to_be_said_of_it() -> None:
    readings = [sample(throttle_state=0, overcurrent_count=73, temperature_celsius__tj=60.0, ram_available_b=4 * GIB)]
    assert told(QUIET, QUIET, readings, ram_total_b=8 * GIB, coverage_ratio=0.9) == []
    assert told(Counters(), QUIET) == told(QUIET, Counters()) == []


def test_an_over_current_event_excludes_in_a_capped_mode_and_only_tells_in_maxn_super() -> None:
    after = replace(QUIET, overcurrent={"oc1": 0, "oc2": 4, "oc3": 75})
    assert told(QUIET, after) == [(Flag.OVERCURRENT, "over-current events: 1 x oc2, 5 x oc3", True)]
    maxn, after = (replace(each, power_mode="MAXN_SUPER") for each in (QUIET, after))
    assert told(maxn, after) == [
        (Flag.OVERCURRENT, "1 x oc2, 5 x oc3 in MAXN_SUPER, where over-current events are normal", False)
    ]


def test_an_over_current_event_is_seen_by_the_readings_as_well() -> None:
    readings = [sample(overcurrent_count=3), sample(overcurrent_count=5)]
    assert told(QUIET, QUIET, readings) == [(Flag.OVERCURRENT, "over-current events: 2 x oc", True)]


@pytest.mark.parametrize(
    ("after", "reading", "sentence"),
    [
        (replace(QUIET, alerts={"gpu-throttle-alert": 1}), sample(), "gpu-throttle-alert is active"),
        (QUIET, sample(throttle_state=2), "a throttle alert was active in the round"),
        (QUIET, sample(temperature_celsius__tj=99.5), "the junction was at 99.5 °C"),
    ],
)
def test_a_round_that_was_throttled_is_excluded(after: Counters, reading: Sample, sentence: str) -> None:
    assert told(QUIET, after, [reading]) == [(Flag.THROTTLED, sentence, True)]


def test_a_mebibyte_of_swap_excludes_and_a_few_pages_do_not() -> None:
    assert told(QUIET, replace(QUIET, swap_out_b=20 * 2**20 + 4096)) == []
    after = replace(QUIET, swap_out_b=25 * 2**20, swap_in_b=12 * 2**20)
    assert told(QUIET, after) == [(Flag.SWAPPED, "7 MiB went to or from swap", True)]


def test_another_power_mode_is_named_and_its_clocks_are_no_second_flag() -> None:
    after = replace(QUIET, power_mode="15W", clock_limits={"17000000.gpu": (306_000_000, 612_000_000)})
    assert told(QUIET, after) == [(Flag.POWER_MODE_CHANGED, "the power mode went from 25W to 15W", True)]


def test_other_clock_limits_in_the_same_mode_are_a_change_of_clocks() -> None:
    after = replace(QUIET, clock_limits={"17000000.gpu": (918_000_000, 918_000_000)})
    sentence = "the limits of 17000000.gpu went from 306-918 to 918-918 MHz"
    assert told(QUIET, after) == [(Flag.CLOCKS_CHANGED, sentence, True)]


def test_gaps_heat_low_memory_and_recordings_only_tell() -> None:
    readings = [sample(ram_available_b=300 * 2**20), sample(ram_available_b=2 * GIB)]
    found = told(QUIET, QUIET, readings, ram_total_b=8 * GIB, coverage_ratio=0.42, started_hot=True, replayed=True)
    assert found == [
        (Flag.STARTED_HOT, "the board had not cooled down in time", False),
        (Flag.TELEMETRY_GAP, "readings cover 42% of the round; its energy is left empty", False),
        (Flag.MEMORY_PRESSURE, "only 300 MiB of memory were available", False),
        (Flag.REPLAYED, "the readings are a recording", False),
    ]


@pytest.mark.parametrize(
    ("offload", "gpu", "flagged"),
    [(0.0, True, True), (0.0, False, False), (0.5, True, False), (None, True, False)],
)
def test_a_model_on_the_cpu_of_a_board_with_a_gpu_is_excluded(offload: float | None, gpu: bool, flagged: bool) -> None:
    found = cpu_fallback(offload, has_gpu=gpu)
    assert (found is not None) is flagged
    assert found is None or (isinstance(found, Finding) and found.excludes and found.flag is Flag.CPU_FALLBACK)


def test_the_hottest_zone_is_the_junction_or_the_maximum_without_constants() -> None:
    zones = {"temperature_celsius.cpu": 50.0, "temperature_celsius.gpu": 52.0, "temperature_celsius.PMIC": 100.0}
    assert hottest({**zones, "temperature_celsius.tj": 51.0, "power_w.VDD_IN": 99.0}) == 51.0
    assert hottest(zones) == 52.0
    assert hottest({"power_w.VDD_IN": 5.0}) is None


def zone(source: str, at_ns: int, celsius: float | None) -> Sample:
    """What that source tells of its one zone; nothing of it where `celsius` is None."""
    values = {"gpu_hz": 1e9} if celsius is None else {"temperature_celsius.die": celsius}
    return Sample(source=source, at_ns=at_ns, values=values)


def test_a_board_is_as_hot_as_the_hottest_of_what_its_sources_told_last() -> None:
    card_then_host = [zone("nvml", 1, 90.0), zone("host", 2, 49.0), zone("nvml", 3, 85.0), zone("host", 4, 50.0)]
    assert hottest_of(card_then_host) == 85.0
    assert hottest_of([*card_then_host, zone("nvml", 5, None)]) == 85.0
    assert hottest_of([zone("host", 1, None)]) is None
    assert hottest_of([]) is None


def test_a_round_starts_at_the_temperature_of_the_hottest_source_before_it() -> None:
    told = [zone("nvml", 1, 85.0), zone("host", 2, 50.0), zone("nvml", 4, 87.0), zone("host", 5, 51.0)]
    values = round_values(told, (3, 6), None)
    assert (values["temperature_start_celsius"], values["temperature_max_celsius"]) == (85.0, 87.0)


def test_a_round_may_start_within_the_band_and_where_nothing_is_known() -> None:
    assert may_start(53.0, start_celsius=50.0, band_celsius=3.0)
    assert not may_start(53.1, start_celsius=50.0, band_celsius=3.0)
    assert may_start(None, start_celsius=50.0, band_celsius=3.0)
    assert may_start(99.0, start_celsius=None, band_celsius=3.0)


def waited(*celsius: float, limit_s: float = 300.0) -> tuple[Gate, list[float]]:
    """The gate over a board that shows these temperatures, one a second; and what was told meanwhile."""
    now = [0.0]
    seen: list[float] = []

    def sleep(seconds: float) -> None:
        now[0] += seconds

    gate = wait_until_cool(
        lambda: celsius[min(int(now[0]), len(celsius) - 1)],
        start_celsius=50.0, band_celsius=3.0, limit_s=limit_s, clock=lambda: now[0], sleep=sleep,
        progress=lambda gate: seen.append(gate.celsius or 0.0),
    )  # fmt: skip
    return gate, seen


def test_the_gate_waits_until_the_board_is_cool_and_tells_how_far_it_is() -> None:
    gate, seen = waited(60.0, 55.0, 53.0, 50.0)
    assert gate == Gate(reached=True, waited_s=2.0, celsius=53.0, limit_celsius=53.0)
    assert (seen, gate.sentence) == ([60.0, 55.0], None)


def test_the_gate_gives_up_in_time_and_says_so() -> None:
    gate, seen = waited(60.0, limit_s=2.5)
    assert gate == Gate(reached=False, waited_s=2.5, celsius=60.0, limit_celsius=53.0)
    assert len(seen) == 3
    assert gate.sentence == (
        "The board is still at 60.0 °C after 2 s, above 53.0 °C; the round is flagged started_hot. "
        "Let it cool, or raise ORAC_GATE_CELSIUS or ORAC_GATE_LIMIT_S."
    )
