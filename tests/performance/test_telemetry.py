"""What telemetry promises about itself, measured here beside its goal: `make performance`."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from statistics import mean

from orac_bench.telemetry.energy import phase_energy, window_energy
from orac_bench.telemetry.lag import fit_tau
from orac_bench.telemetry.log import read_log
from orac_bench.telemetry.sampler import Sampler
from orac_bench.telemetry.source import Source
from orac_bench.telemetry.sources.sysfs import sysfs
from orac_bench.telemetry.sources.tegrastats import Tegrastats
from tests.fakes.board import orin_nano
from tests.fakes.tegrastats_replay import program
from tests.test_energy import IDLE_W, LOG, TAU_S, TRIALS, sensed

Row = tuple[str, str, str, bool]
WATCHED_S = 20.0


def short_loads() -> list[Row]:
    """The energy above idle of one load of 12 W."""
    rows = []
    for span_s, goal in ((1.0, 0.02), (0.3, 0.05)):
        errors = []
        for seed in range(TRIALS):
            energy = window_energy(*sensed([(0.0, span_s, 17.0)], seed), 0.0, span_s, tau_s=TAU_S, idle_w=IDLE_W)
            errors.append((energy.energy_above_idle_j or 0.0) / (12.0 * span_s) - 1)
        found = f"mean {mean(errors):+.2%}, worst {max(map(abs, errors)):.2%}"
        rows.append((f"12 W for {span_s:g} s", found, f"{goal:.0%}", max(map(abs, errors)) < goal))
    return rows


def seams() -> list[Row]:
    """The energy above idle of prefill and decode on both sides of their seam."""
    rows = []
    for first_w, second_w in ((17.0, 17.0), (20.0, 12.0), (12.0, 20.0)):
        errors: tuple[list[float], list[float]] = ([], [])
        for seed in range(TRIALS):
            times, readings = sensed([(0.0, 0.4, first_w), (0.4, 2.4, second_w)], seed)
            found = phase_energy(times, readings, (0.0, 0.4, 2.4), tau_s=TAU_S, idle_w=IDLE_W)
            for energy, watts, span_s, into in zip(found, (first_w, second_w), (0.4, 2.0), errors, strict=True):
                into.append((energy.energy_above_idle_j or 0.0) / ((watts - IDLE_W) * span_s) - 1)
        prefill, decode = map(mean, errors)
        label, good = f"{first_w:g} W then {second_w:g} W", abs(prefill) < 0.1 and abs(decode) < 0.02
        rows.append((label, f"prefill {prefill:+.2%}, decode {decode:+.2%}", "10 %, 2 %", good))
    return rows


def falling_edge() -> list[Row]:
    """What the form leaves over behind the recorded falling edge, in shares of its height x tau."""
    times, powers = read_log(LOG.read_text().splitlines()).rail("VDD_IN")
    fit = fit_tau(times, powers)
    edge, tau_s = fit.edges[-1], fit.tau_s or TAU_S
    left = []
    for span_s in (0.5, 0.75, 1.0, 1.25, 1.5):
        start_s = edge.at_s - 0.05
        energy = window_energy(times, powers, start_s, start_s + span_s, tau_s=tau_s, idle_w=edge.after_w)
        left.append((energy.energy_above_idle_j or 0.0) / (-edge.height_w * tau_s))
    worst = max(map(abs, left))
    return [(f"recorded edge, tau {tau_s:.3f} s, 0.5 to 1.5 s behind it", f"{worst:.2%}", "5 %", worst < 0.05)]


def cost() -> list[Row]:
    """The sampler's own CPU at 10 Hz."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        tree: Source = sysfs(orin_nano(Path(folder)))
        child: Source = Tegrastats(str(program(Path(folder), LOG)))
        for name, source in (("a tree of files", tree), ("a tegrastats child", child)):
            with Sampler([source]) as sampler, sampler.fast():
                time.sleep(WATCHED_S)
            share = sampler.cpu_s / WATCHED_S
            rows.append((f"sampler over {name} at 10 Hz", f"{share:.2%} of a core", "1 %", share <= 0.01))
    return rows


def test_telemetry_reaches_its_goals() -> None:
    rows = [*short_loads(), *seams(), *falling_edge(), *cost()]
    for label, found, goal, good in rows:
        sys.stdout.write(f"{label:52} {found:38} goal {goal:10} {'reached' if good else 'MISSED'}\n")
    assert [label for label, _, _, good in rows if not good] == []
