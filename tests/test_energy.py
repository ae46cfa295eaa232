"""Energy of a window, seen through a sensor that lags: simulated with a known truth, and on a recorded edge."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean

import pytest

from orac_bench.errors import UsageError
from orac_bench.telemetry.energy import (
    Energy,
    counter_energy,
    coverage,
    mean_power,
    module_rail,
    phase_energy,
    window_energy,
)
from orac_bench.telemetry.lag import fit_tau, interpolated, level_at
from orac_bench.telemetry.log import even_times, printed_seconds, read_log, read_rails

RECORDED = Path(__file__).parent / "data" / "tegrastats"
LOG = RECORDED / "orin-nano_jp6_R36.5_sudo_100ms_log.txt"
TAU_S = 0.52
IDLE_W = 5.0
TRIALS = 400
Curve = tuple[list[float], list[float]]


def sensed(
    loads: Sequence[tuple[float, float, float]], seed: int, *, step_w: float = 0.04, noise_w: float = 0.02
) -> Curve:
    """Times and readings of a lagging sensor at 10 Hz that sees loads (from, to, W) over idle, and 3 s around them."""
    chance = random.Random(seed)
    edges = sorted({edge for load in loads for edge in load[:2]})
    time, now, level = chance.random() * 0.1 - 3, -8.0, IDLE_W
    times, readings = [], []
    while time < edges[-1] + 3:
        for until in (*(edge for edge in edges if now < edge < time), time):
            power = next((watts for start, end, watts in loads if start <= (now + until) / 2 < end), IDLE_W)
            level, now = power + (level - power) * math.exp(-(until - now) / TAU_S), until
        times.append(time)
        readings.append(round((level + chance.gauss(0, noise_w)) / step_w) * step_w)
        time += 0.1 + abs(chance.gauss(0, 0.005))
    return times, readings


@pytest.mark.parametrize(("span_s", "goal_ratio"), [(1.0, 0.02), (0.3, 0.05), (5.0, 0.002)])
def test_the_energy_of_a_short_load_is_true_although_the_sensor_lags(span_s: float, goal_ratio: float) -> None:
    truth = 12.0 * span_s
    errors = []
    for seed in range(TRIALS):
        times, readings = sensed([(0.0, span_s, 17.0)], seed)
        energy = window_energy(times, readings, 0.0, span_s, tau_s=TAU_S, idle_w=IDLE_W)
        assert energy.energy_above_idle_j is not None
        errors.append(energy.energy_above_idle_j / truth - 1)
    assert abs(mean(errors)) < goal_ratio / 5
    assert sorted(map(abs, errors))[int(0.95 * TRIALS)] < goal_ratio


def test_without_undoing_the_lag_the_same_load_would_seem_much_cheaper() -> None:
    times, readings = sensed([(0.0, 1.0, 17.0)], 1)
    energy = window_energy(times, readings, 0.0, 1.0, tau_s=0.0, idle_w=IDLE_W)
    assert energy.energy_above_idle_j == pytest.approx(12 - 12 * 0.52 * (1 - math.exp(-1 / 0.52)), rel=0.15)


@pytest.mark.parametrize(("prefill_w", "decode_w"), [(17.0, 17.0), (20.0, 12.0), (12.0, 20.0)])
def test_prefill_and_decode_are_told_apart_at_their_seam(prefill_w: float, decode_w: float) -> None:
    prefill, decode = [], []
    for seed in range(TRIALS):
        times, readings = sensed([(0.0, 0.4, prefill_w), (0.4, 2.4, decode_w)], seed)
        first, second = phase_energy(times, readings, (0.0, 0.4, 2.4), tau_s=TAU_S, idle_w=IDLE_W)
        assert first.energy_above_idle_j is not None
        assert second.energy_above_idle_j is not None
        prefill.append(first.energy_above_idle_j / ((prefill_w - IDLE_W) * 0.4) - 1)
        decode.append(second.energy_above_idle_j / ((decode_w - IDLE_W) * 2.0) - 1)
    assert abs(mean(prefill)) < 0.01
    assert abs(mean(decode)) < 0.005


def test_phases_add_up_to_the_window() -> None:
    times, readings = sensed([(0.0, 0.4, 20.0), (0.4, 2.4, 12.0)], 3)
    whole = window_energy(times, readings, 0.0, 2.4, tau_s=TAU_S)
    parts = phase_energy(times, readings, (0.0, 0.4, 1.1, 2.4), tau_s=TAU_S)
    assert sum(part.energy_j or 0.0 for part in parts) == pytest.approx(whole.energy_j)


def test_after_the_recorded_falling_edge_of_an_orin_nano_no_energy_is_left_over() -> None:
    log = read_log(LOG.read_text().splitlines())
    times, powers = log.rail("VDD_IN")
    fit = fit_tau(times, powers)
    edge = fit.edges[-1]
    assert fit.tau_s == pytest.approx(0.52, rel=0.05)
    assert (edge.at_s, edge.height_w) == (pytest.approx(70.6, abs=0.1), pytest.approx(-16.25, abs=0.1))
    for tau_s in (fit.tau_s, TAU_S):
        for span_s in (0.5, 0.75, 1.0, 1.25, 1.5):  # the log ends 1.6 s after the edge
            start_s = edge.at_s - 0.05
            left = window_energy(times, powers, start_s, start_s + span_s, tau_s=tau_s, idle_w=edge.after_w)
            assert left.energy_above_idle_j is not None
            assert abs(left.energy_above_idle_j) < 0.05 * -edge.height_w * tau_s


def test_the_lag_is_fitted_from_simulated_steps_and_not_from_a_flat_or_ramping_load() -> None:
    times, readings = sensed([(0.0, 4.0, 17.0), (8.0, 12.0, 20.0)], 5)
    assert fit_tau(times, readings).tau_s == pytest.approx(TAU_S, rel=0.03)
    assert fit_tau(times, [5.0] * len(times)).tau_s is None
    assert fit_tau(times, [5.0 + 0.5 * max(0.0, min(time, 8.0)) for time in times]).tau_s is None


def test_energy_is_linear_where_power_is_constant() -> None:
    times = [index / 10 for index in range(101)]
    energy = window_energy(times, [7.0] * 101, 2.03, 6.05, tau_s=TAU_S, idle_w=5.0)
    assert energy == Energy(
        energy_j=pytest.approx(7.0 * 4.02),
        energy_above_idle_j=pytest.approx(2.0 * 4.02),
        coverage_ratio=pytest.approx(1.0),
        idle_w=5.0,
        tau_s=TAU_S,
        method="lag undone, outward to the enclosing readings",
    )


def test_a_sensor_without_lag_and_a_window_without_idle_give_the_plain_integral() -> None:
    energy = window_energy([0.0, 1.0, 2.0, 3.0], [0.0, 2.0, 4.0, 6.0], 1.0, 2.0, tau_s=0.0)
    assert energy == Energy(
        energy_j=3.0, energy_above_idle_j=None, coverage_ratio=1.0, idle_w=None, tau_s=0.0,
        method="integral of the readings",
    )  # fmt: skip


def test_coverage_counts_the_share_of_the_window_in_short_gaps() -> None:
    times = [0.0, 1.0, 2.0, 3.0, 6.0, 7.0, 8.0, 9.0, 13.0, 14.0]
    assert coverage(times, 0.0, 9.0) == 1.0  # 3 s is three median periods
    assert coverage(times, 8.0, 13.0) == pytest.approx(1 / 5)
    assert coverage(times, -10.0, 10.0) == pytest.approx(9 / 20)
    assert (coverage([], 0.0, 1.0), coverage([0.5], 0.0, 1.0)) == (0.0, 0.0)


@pytest.mark.parametrize(("gap_s", "there"), [(0.9, True), (1.1, False)])
def test_below_a_coverage_of_nine_tenths_there_is_no_energy(gap_s: float, there: bool) -> None:
    times = [time for time in (index / 10 for index in range(201)) if not 5.05 < time < 5.0 + gap_s + 0.05]
    energy = window_energy(times, [7.0] * len(times), 3.0, 13.0, tau_s=TAU_S, idle_w=5.0)
    assert energy.coverage_ratio == pytest.approx(1 - (times[51] - times[50]) / 10)
    assert (energy.energy_j is not None, energy.energy_above_idle_j is not None) == (there, there)


def test_a_coverage_of_nine_tenths_is_enough() -> None:
    times = [float(second) for second in range(10)]
    assert window_energy(times, [7.0] * 10, 0.0, 10.0, tau_s=0.0).energy_j == pytest.approx(70.0)
    assert counter_energy(times, [7.0 * time for time in times], 0.0, 10.0).energy_j == pytest.approx(70.0)


def test_of_a_window_that_is_not_covered_every_phase_is_empty() -> None:
    phases = phase_energy([0.0, 1.0, 2.0], [7.0] * 3, (0.0, 1.0, 2.0, 8.0), tau_s=TAU_S, idle_w=5.0)
    assert [(one.energy_j, one.coverage_ratio) for one in phases] == [(None, 0.25)] * 3  # 2 of 8 s


def test_order_repeats_and_readings_that_are_no_number_do_not_matter() -> None:
    times, readings = sensed([(0.0, 1.0, 17.0)], 2)
    mixed = [*zip(times, readings, strict=True), (0.5, math.nan), (math.inf, 3.0), (times[9], readings[9])]
    random.Random(1).shuffle(mixed)
    assert window_energy(*zip(*mixed, strict=True), 0.0, 1.0, tau_s=TAU_S) == window_energy(
        times, readings, 0.0, 1.0, tau_s=TAU_S
    )


def test_an_edge_that_no_reading_encloses_is_carried_on_from_the_nearest() -> None:
    energy = window_energy([0.05 + index / 10 for index in range(100)], [7.0] * 100, 0.0, 10.0, tau_s=TAU_S)
    assert energy.energy_j == pytest.approx(70.0)


RAMP = ([0.0, 1.0, 2.0, 3.0], [0.0, 2.0, 4.0, 6.0])


def test_outside_the_first_and_the_last_reading_their_own_power_counts() -> None:
    # from 0 to 2 s (0 + 2) / 2 + (2 + 4) / 2 = 4 J, less 0.5 s at 0 W
    assert window_energy(*RAMP, 0.5, 2.0, tau_s=0.0).energy_j == pytest.approx(4.0)
    # from 1 to 3 s 3 + 5 = 8 J, less 0.5 s at 6 W
    assert window_energy(*RAMP, 1.0, 2.5, tau_s=0.0).energy_j == pytest.approx(5.0)


def test_what_is_outside_the_window_is_estimated_from_two_periods_and_no_more() -> None:
    times, powers = [float(second) for second in range(8)], [10.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 10.0]
    # 4 J from 3 to 4 s, less a quarter of a second at 4 W on each side
    assert window_energy(times, powers, 3.25, 3.75, tau_s=0.0).energy_j == pytest.approx(2.0)


def test_a_seam_divides_what_the_window_has() -> None:
    first, second = phase_energy(*RAMP, (0.5, 1.5, 2.0), tau_s=0.0)
    assert first.energy_j == pytest.approx(1 + 0.5 * (2 + 3) / 2)  # to 1 s, and half a second to 3 W at the seam
    assert second.energy_j == pytest.approx(4 - 2.25)
    first, second = phase_energy(*RAMP, (1.25, 1.75, 2.0), tau_s=0.0)
    # from 1 s to 3.5 W at the seam, less a quarter of a second at the mean of the second before, 1 W
    assert first.energy_j == pytest.approx(0.75 * (2 + 3.5) / 2 - 0.25)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: window_energy([0.0], [1.0, 2.0], 0.0, 1.0, tau_s=0.5), "1 times and 2 readings"),
        (lambda: window_energy([0.0], [1.0], 2.0, 2.0, tau_s=0.5), "The window 2 to 2 s"),
        (lambda: window_energy([0.0], [1.0], 0.0, math.nan, tau_s=0.5), "The window 0 to nan s"),
        (lambda: window_energy([0.0], [1.0], 0.0, 1.0, tau_s=-1.0), "A lag of -1 s"),
        (lambda: counter_energy([0.0], [1.0], 2.0, 1.0), "The window 2 to 1 s"),
        (lambda: phase_energy([0.0], [1.0], (0.0, 2.0, 1.0), tau_s=0.5), "The window 0 to 2 to 1 s"),
    ],
)
def test_a_call_that_makes_no_sense_is_refused(call: Callable[[], object], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        call()
    assert said in str(refused.value)


def test_no_readings_at_all_give_no_energy() -> None:
    assert window_energy([], [], 0.0, 1.0, tau_s=TAU_S).energy_j is None


def test_a_counter_is_energy_by_difference() -> None:
    times = [float(second) for second in range(11)]
    counted = [90.0 + 8.0 * second for second in range(11)]
    energy = counter_energy(times, counted, 1.5, 9.0, idle_w=3.0)
    assert (energy.energy_j, energy.energy_above_idle_j) == (pytest.approx(8.0 * 7.5), pytest.approx(5.0 * 7.5))
    assert (energy.coverage_ratio, energy.tau_s, energy.method) == (1.0, 0.0, "difference of a counter")


def test_a_counter_that_was_set_back_is_a_gap() -> None:
    times, counted = [0.0, 1.0, 2.0, 3.0, 4.0], [10.0, 20.0, 0.0, 10.0, 20.0]
    assert counter_energy(times, counted, 0.0, 4.0, idle_w=3.0) == Energy(
        energy_j=None, energy_above_idle_j=None, coverage_ratio=0.75, idle_w=3.0, tau_s=0.0,
        method="difference of a counter",
    )  # fmt: skip
    assert counter_energy(times, counted, 2.0, 4.0).energy_j == pytest.approx(20.0)


def test_a_counter_that_stands_still_or_grows_a_little_is_no_gap() -> None:
    times, counted = [0.0, 0.5, 1.0, 1.5, 2.0], [10.0, 10.0, 10.5, 10.5, 11.0]
    assert counter_energy(times, counted, 0.0, 2.0).energy_j == pytest.approx(1.0)
    assert counter_energy(times, counted, 0.6, 1.6).energy_j == pytest.approx(0.4 + 0.1)  # 4/5 and 1/5 of 0.5 J


def test_module_power_is_the_rail_that_feeds_the_module_and_never_a_sub_rail() -> None:
    assert module_rail(["VDD_CPU_GPU_CV", "VDD_SOC", "VDD_IN"]) == "VDD_IN"
    assert module_rail(["POM_5V_GPU", "POM_5V_IN", "POM_5V_CPU"]) == "POM_5V_IN"
    assert module_rail(["VDD_GPU", "VIN"]) == "VIN"
    assert module_rail(["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "NC"]) is None


def test_idle_is_the_mean_of_the_readings_inside_its_window() -> None:
    assert mean_power([0.0, 1.0, 2.0, 3.0], [1.0, 5.0, 6.0, 9.0], 1.0, 2.0) == 5.5
    assert mean_power([0.0], [1.0], 1.0, 2.0) is None
    assert [interpolated([0.0, 1.0], [2.0, 4.0], at) for at in (-1.0, 0.25, 2.0)] == [2.0, 2.5, 4.0]


LINE = "RAM 1/2MB (lfb 1x4MB) CPU [0%@1] VDD_IN {}mW/1mW"


def test_lines_that_share_a_printed_second_are_laid_out_evenly() -> None:
    lines = [f"04-19-2026 23:59:{50 + index // 8:02d} " + LINE.format(index) for index in range(80)]
    log = read_log([lines[0], "", *lines[1:40], "noise", *lines[41:]])
    assert log.bad == 1
    assert [round(later - earlier, 3) for earlier, later in pairwise(log.times_s[:39])] == [0.125] * 38
    assert log.times_s[40] - log.times_s[39] == pytest.approx(0.25, rel=0.02)
    assert log.rail("VDD_IN")[1][:3] == (0.0, 0.001, 0.002)
    assert (log.rails, log.rail("VIN")) == (("VDD_IN",), ((), ()))


def test_a_log_goes_on_over_midnight_and_a_pause_stays_a_pause() -> None:
    stamps = ["04-19-2026 23:59:58", "04-19-2026 23:59:59", "04-20-2026 00:00:00", "04-20-2026 00:00:01"]
    late = ["04-20-2026 00:01:01", "04-20-2026 00:01:02", "04-20-2026 00:01:03"]
    log = read_log([f"{stamp} {LINE.format(1)}" for stamp in (*stamps, *late)])
    assert log.times_s == pytest.approx((0.0, 1.0, 2.0, 3.0, 63.0, 64.0, 65.0))


@pytest.mark.parametrize(
    "stamps",
    [
        ("23:59:57", "23:59:58", "23:59:59", "00:00:00", "00:00:01", "00:00:02"),  # no date: midnight
        ("23:59:57", "23:59:58", "23:59:59", "23:40:00", "23:40:01", "23:40:02"),  # a clock that was set back
        (
            "Dec 31 23:59:57",
            "Dec 31 23:59:58",
            "Dec 31 23:59:59",
            "Jan  1 00:00:00",
            "Jan  1 00:00:01",
            "Jan  1 00:00:02",
        ),
        tuple(
            f"04-19-2026 {clock}" for clock in ("02:59:58", "02:59:59", "03:00:00", "02:00:01", "02:00:02", "02:00:03")
        ),
    ],
)
def test_printed_times_that_fall_go_on_where_they_were(stamps: tuple[str, ...]) -> None:
    log = read_log([f"{stamp} {LINE.format(1)}" for stamp in stamps])
    assert log.times_s == pytest.approx((0.0, 1.0, 2.0, 3.0, 4.0, 5.0))


def test_a_pause_over_midnight_is_as_long_as_it_was_though_no_date_is_printed() -> None:
    log = read_log(
        [f"{stamp} {LINE.format(1)}" for stamp in ("23:58:58", "23:58:59", "23:59:00", "00:09:00", "00:09:01")]
    )
    assert log.times_s == pytest.approx((0.0, 1.0, 2.0, 602.0, 603.0))


def test_a_log_without_times_needs_to_be_told_its_interval() -> None:
    lines = [LINE.format(1), LINE.format(2), LINE.format(3)]
    assert read_log(lines, interval_s=0.5).times_s == (0.0, 0.5, 1.0)
    with pytest.raises(UsageError) as refused:
        read_log(lines)
    assert refused.value.next == "Give --interval 0.1"
    with pytest.raises(UsageError):
        read_log(["noise"])


def test_json_lines_of_rails_are_read_and_a_wrong_one_is_named() -> None:
    lines = ['{"t_s": 0, "rails_w": {"VDD_IN": 5.1, "VDD_SOC": 1}}', "", '{"t_s": 0.5, "rails_w": {"VDD_IN": 5.2}}']
    assert read_rails(lines) == {"VDD_IN": ([0.0, 0.5], [5.1, 5.2]), "VDD_SOC": ([0.0], [1.0])}
    for wrong in ("{", "[]", '{"t_s": 1}', '{"t_s": "x", "rails_w": {}}', '{"t_s": 1, "rails_w": [1]}'):
        with pytest.raises(UsageError) as refused:
            read_rails([*lines, wrong])
        assert "Line 4 is no reading of rails" in str(refused.value)


def test_printed_times_of_every_kind_are_seconds_that_differ_as_they_should() -> None:
    pairs = [
        ("04-19-2026 23:59:59", "04-20-2026 00:00:01"),
        ("2026-04-19T23:59:59Z", "2026-04-20T00:00:01Z"),
        ("2026/04/19 23:59:59.5", "2026/04/20 00:00:01.5"),
        ("Apr 30 23:59:59", "May  1 00:00:01"),
        ("Sun Apr 19 23:59:59 2026", "Mon Apr 20 00:00:01 2026"),
        ("12:00:00,250", "12:00:02,250"),
    ]
    for before, after in pairs:
        assert (printed_seconds(after) or 0) - (printed_seconds(before) or 0) == pytest.approx(2.0), before
    assert [printed_seconds(at) for at in (None, "soon", "13-40-2026 00:00:00")] == [None, None, None]


def test_lines_a_second_apart_or_more_keep_their_printed_pace() -> None:
    assert even_times([(0, 10.0), (1, 12.0), (2, 14.0), (4, 18.0)], 5) == pytest.approx([0, 2, 4, 6, 8])
    assert even_times([(1, 10.0), (2, 11.0)], 4) == pytest.approx([0, 1, 2, 3])


def test_a_level_between_too_few_readings_is_interpolated() -> None:
    assert level_at([0.0, 1.0], [2.0, 4.0], (0.5,), 0.5, TAU_S) == 3.0
    assert level_at([0.0, 1.0, 2.0], [2.0, 4.0, 6.0], (0.5,), 0.5, 0.0) == 3.0
    together = [1.0, 1.0 + 1e-9, 1.0 + 2e-9, 1.0 + 3e-9, 1.0 + 4e-9]
    assert level_at(together, [2.0] * 5, (1.0 + 1e-9,), 1.0 + 2e-9, TAU_S) == 2.0
