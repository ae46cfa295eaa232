"""The numbers of telemetry: what it reads, what it adds up, and what it costs."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import mean

from orac_bench.candidates import find_candidates
from orac_bench.intent import Intent
from orac_bench.measurement import Measurement
from orac_bench.observer import Observer
from orac_bench.records import Phase
from orac_bench.selfcheck.quiet import Quiet
from orac_bench.session import open_session
from orac_bench.settings import Settings, read_settings
from orac_bench.stats.compare import compare_pairs
from orac_bench.stats.summary import summarise
from orac_bench.store.store import open_store
from orac_bench.suites.grid import SUITES, Wishes, points
from orac_bench.telemetry.energy import phase_energy, window_energy
from orac_bench.telemetry.lag import fit_tau
from orac_bench.telemetry.log import read_log
from orac_bench.telemetry.sampler import Sampler
from orac_bench.telemetry.source import Sample, Source
from orac_bench.telemetry.sources.host import host
from orac_bench.telemetry.sources.sysfs import sysfs
from orac_bench.telemetry.sources.tegrastats import Tegrastats
from orac_bench.watch import Rules
from tests.builders import a_run
from tests.fakes.board import orin_nano
from tests.fakes.tegrastats_replay import program
from tests.performance.undisturbed import SAMPLED_S, rates
from tests.test_energy import IDLE_W, LOG, TAU_S, TRIALS, sensed

Row = tuple[str, str, str, bool | None]
"""What, what was measured, its goal, and whether that is kept; None where there is none."""

WATCHED_S = 20.0
STORED = 20_000
PAIRS = 20
SAMPLED = 150
"""Rounds of which each is compared with its own moments between samples."""
READ = ("HOME", "PATH", "XDG_DATA_HOME", "ORAC_HOME", "ORAC_MODELS_DIR", "ORAC_OLLAMA_BIN")
"""What of the caller's environment says where a model and an Ollama are."""


def short_loads() -> list[Row]:
    """The energy above idle of one load of 12 W."""
    rows = []
    for span_s, goal in ((1.0, 0.02), (0.3, 0.05)):
        errors = []
        for seed in range(TRIALS):
            energy = window_energy(*sensed([(0.0, span_s, 17.0)], seed), 0.0, span_s, tau_s=TAU_S, idle_w=IDLE_W)
            errors.append((energy.energy_above_idle_j or 0.0) / (12.0 * span_s) - 1)
        found = f"mean {mean(errors):+.2%}, worst {max(map(abs, errors)):.2%}"
        rows.append(
            (
                f"energy above idle of 12 W for {span_s:g} s, {TRIALS} trials",
                found,
                f"{goal:.0%}",
                max(map(abs, errors)) < goal,
            )
        )
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
        label, good = (
            f"energy of prefill and decode, {first_w:g} W then {second_w:g} W",
            abs(prefill) < 0.1 and abs(decode) < 0.02,
        )
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
    return [
        (
            f"energy left over behind a recorded edge, tau {tau_s:.3f} s, 0.5 to 1.5 s behind it",
            f"{worst:.2%}",
            "5 %",
            worst < 0.05,
        )
    ]


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


def stored() -> list[Row]:
    """The bytes of a day of stored readings of an Orin Nano whose every value moves."""
    random, rows = Random(7), []
    for period_s, goal_mb in ((1.0, 15), (0.1, 110)):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "orac.db"
            with open_store(f"sqlite:///{file}", write=True) as store:
                store.add_run(a_run(), pid=1)
                for begin in range(0, STORED, 500):
                    batch = [moving(index * period_s, random) for index in range(begin, begin + 500)]
                    store.add_readings(a_run().id, batch, origin_ns=0)
            day_mb = file.stat().st_size / STORED * 86_400 / period_s / 1e6
        rows.append(
            (f"a day of readings at {1 / period_s:g} Hz", f"{day_mb:.1f} MB", f"{goal_mb} MB", day_mb <= goal_mb)
        )
    return rows


def moving(at_s: float, random: Random) -> Sample:
    """One tick with three rails, seven zones, clocks, loads and memory."""
    values = {f"{unit}_load_ratio": random.random() for unit in ("cpu", "gpu", "emc")}
    values |= {"cpu_hz": 1.344e9, "gpu_hz": random.choice((3.06e8, 9.18e8)), "emc_hz": 3.199e9, "throttle_state": 0.0}
    values |= {name: float(random.randrange(2**33)) for name in ("ram_used_b", "ram_available_b", "swap_used_b")}
    values |= {f"power_w.{rail}": 5 + 20 * random.random() for rail in ("VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC")}
    zones = ("cpu", "gpu", "cv0", "soc0", "soc1", "soc2", "tj")
    values |= {f"temperature_celsius.{zone}": 45 + 20 * random.random() for zone in zones}
    return Sample(source="sysfs", at_ns=round(at_s * 1e9), values=values)


def decoding(settings: Settings) -> list[Row]:
    """The decode rate while the board is sampled, the model on all cores.

    By each round's own moments between samples, and by pairs of rounds with telemetry on and off in random order.
    """
    candidate = min(find_candidates(settings).candidates, key=lambda known: known.size_b)
    ratios, sampled = [], []
    with tempfile.TemporaryDirectory() as folder:
        there = replace(settings, telemetry="off", database_url=f"sqlite:///{folder}/orac.db")
        sources = lambda: [host(Path("/")), sysfs(orin_nano(Path(folder) / "board"))]  # noqa: E731
        with open_session(there, os.environ, Intent(trigger="performance"), Quiet(print)) as session:
            (point,) = points(SUITES["decode"], Wishes(rounds=PAIRS + SAMPLED, warmup=2))
            with session.measuring(candidate, point) as measurement:
                off, order = measurement.observer, Random(session.run.seed)
                for _ in range(point.warmup):
                    rate_of(measurement)
                rules = Rules(tau_s=TAU_S, band_celsius=100, limit_s=0)
                for _ in range(PAIRS):
                    found = {}
                    for on in order.sample((True, False), 2):
                        with Sampler(sources() if on else []) as sampler:
                            measurement.observer = Observer(sampler, rules, note=print) if on else off
                            found[on] = rate_of(measurement)
                    ratios.append(found[True] / found[False])
                with Sampler(sources()) as sampler:
                    measurement.observer = Observer(sampler, rules, note=print)
                    for _ in range(SAMPLED):
                        sampled.append(rates(*sampled_round(measurement, sampler), SAMPLED_S))
                measurement.observer = off
            session.end(interrupted=False)
    calm = compare_pairs([([between], [whole]) for between, whole in filter(None, sampled)], better="higher")
    pairs = summarise(ratios)
    return [
        (
            f"decode rate while two sources are sampled at 10 Hz, over its moments between samples, {calm.n} rounds",
            f"{calm.ratio:.4f} (95 %: {calm.ci_low:.4f} to {calm.ci_high:.4f})",
            "0.99 (lower end)",
            calm.ci_low is not None and calm.ci_low >= 0.99,
        ),
        (
            f"the same by {PAIRS} pairs of rounds, on over off: all that they can tell here",
            f"{pairs.median:.3f} (95 %: {pairs.ci_low:.3f} to {pairs.ci_high:.3f})",
            "none",
            None,
        ),
    ]


def sampled_round(measurement: Measurement, sampler: Sampler) -> tuple[list[float], list[float]]:
    """The arrivals of a round's tokens, and when samples were taken around it, in s on the monotonic clock."""
    attempt = measurement.prepare(Phase.MEASURE)
    sent_ns = time.monotonic_ns()
    attempt.send()
    samples = sampler.between(sent_ns, time.monotonic_ns(), around_ns=10**8)
    arrivals_ns = measurement.keep(attempt).arrivals_ns
    return [(sent_ns + arrived_ns) / 1e9 for arrived_ns in arrivals_ns], [sample.at_ns / 1e9 for sample in samples]


def rate_of(measurement: Measurement) -> float:
    attempt = measurement.prepare(Phase.MEASURE)
    attempt.send()
    return measurement.keep(attempt).metrics["decode_tokens_per_s"]


def test_what_telemetry_reads_adds_up_and_costs(
    promise: Callable[..., None], caller_environ: Mapping[str, str]
) -> None:
    settings = read_settings({name: value for name, value in caller_environ.items() if name in READ})
    for what, measured, goal, kept in [
        *short_loads(),
        *seams(),
        *falling_edge(),
        *cost(),
        *stored(),
        *decoding(settings),
    ]:
        promise(what, goal=goal, measured=measured, kept=kept)
