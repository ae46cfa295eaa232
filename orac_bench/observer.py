"""What the board does while a run is measured: waited for before a round, watched in it, told of after it.

Composes the sampler, the counters, the gate and the findings; nothing of it is in the timed region. What must never
live here: how a source is read (telemetry/), what is stored (session.py).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from orac_bench.models.meminfo import total_b
from orac_bench.records import Generation, Json
from orac_bench.settings import Settings
from orac_bench.telemetry.auto import Choice, choose
from orac_bench.telemetry.board import clock_limits, read_counters
from orac_bench.telemetry.gate import Gate, hottest_of, wait_until_cool
from orac_bench.telemetry.phases import idle_power, meter, round_energy
from orac_bench.telemetry.round import edges, round_facts, round_values, within
from orac_bench.telemetry.sampler import ALIVE_NS, Sampler
from orac_bench.telemetry.source import Sample
from orac_bench.telemetry.validity import Counters, cpu_fallback, findings
from orac_bench.watch import Rules, Seen, Watch

FIRST_S = 1.5
"""The longest wait for the first reading of a run."""
BEFORE_S = 0.3
"""The longest wait for the reading before a round."""
SETTLE_S = 2.0
REST_S = 3.0
"""A board at rest is measured for so long, after its power has settled: four lags of the sensor."""


class Observer:
    """The telemetry of one run. `sampler` is running and may have no source; then nothing is waited for.

    The sampler's clock is the one of `Call`: on Linux `time.monotonic_ns` and `time.perf_counter_ns` are the same.
    """

    def __init__(
        self,
        sampler: Sampler,
        rules: Rules,
        *,
        note: Callable[[str], None],
        clock: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.start_celsius: float | None = None
        """The hottest zone when the run began. None where none tells."""
        self.idle_w: float | None = None
        """Power at rest with the present model in memory. None until measured, or where nothing measures it."""
        self.settle_s, self.rest_s = SETTLE_S, REST_S
        self._sampler = sampler
        self._rules = rules
        self._note = note
        self._clock = clock
        self._sleep = sleep
        self._origin = Counters()
        self._measures = False
        self._noted: set[str] = set()
        self._rested: dict[str, float | None] = {}
        self._dropped = 0
        self._ram_total_b = total_b(rules.root)

    def start(self) -> None:
        """Waits for the first readings, and keeps what the board was like: every round is held against it."""
        self._origin = read_counters(self._rules.root)
        if self._sampler.sources:
            waited_until = self._clock() + round(FIRST_S * 1e9)
            while self._sampler.latest is None and not self._sampler.notes and self._clock() < waited_until:
                self._sleep(0.02)
            self._sleep(0.05)  # the other sources of the same tick
        self.start_celsius = self._celsius()
        self._tell_notes()

    def cool(self) -> bool:
        """Waits until a round may start. Whether the board was still too hot when the wait was given up.

        A recorded board does not cool down because somebody waits, so a replay goes on at once.
        """
        rules, told = self._rules, [0.0]
        if rules.replayed:
            return False

        def progress(gate: Gate) -> None:
            if gate.waited_s >= told[0]:
                told[0] = gate.waited_s + 15.0
                self._note(
                    f"waiting for the board to cool: {gate.celsius:.1f} °C, it began at {self.start_celsius:.1f} °C; "
                    f"a round starts at {gate.limit_celsius:.1f} °C, or after {rules.limit_s:.0f} s"
                )

        gate = wait_until_cool(
            self._celsius,
            start_celsius=self.start_celsius,
            band_celsius=rules.band_celsius,
            limit_s=rules.limit_s,
            clock=lambda: self._clock() / 1e9,
            sleep=self._sleep,
            progress=progress,
        )
        if gate.sentence is not None:
            self._note(gate.sentence)
        return not gate.reached

    def begin(self, *, started_hot: bool = False) -> Watch:
        """Takes up the fast pace, and returns when the reading before the round is there."""
        counters = read_counters(self._rules.root)
        pace = ExitStack()
        now_ns = self._clock()
        pace.enter_context(self._sampler.fast())
        self._wait_past(now_ns, BEFORE_S)
        return Watch(
            counters=replace(
                counters, power_mode=self._origin.power_mode, clock_limits=self._origin.clock_limits
            ),  # a mode that changed between two rounds is as bad as one that changed within
            sampler_cpu_s=self._sampler.cpu_s,
            started_hot=started_hot,
            pace=pace,
        )

    def end(self, watch: Watch, generation: Generation, *, offload_ratio: float | None) -> Seen:
        """What was seen of a round. Energy and temperatures only of one with a final record."""
        watch.pace.close()
        rules = self._rules
        cpu_s = self._sampler.cpu_s - watch.sampler_cpu_s
        metrics = {"sampler_cpu_s": cpu_s} if self._sampler.sources else {}
        if generation.done_ns is None:
            return Seen(metrics=metrics)
        edges_ns = edges(generation)
        self._wait_past(edges_ns[-1], 1.0)
        samples = self._sampler.between(edges_ns[0], edges_ns[-1])
        energy = round_energy(samples, edges_ns, tau_s=rules.tau_s, idle_w=self.idle_w)
        self._measures = self._measures or energy is not None
        covered = energy.whole.coverage_ratio if energy is not None else 0.0 if self._measures else None
        found = findings(
            watch.counters,
            read_counters(rules.root),
            within(samples, edges_ns[0], edges_ns[-1]),
            ram_total_b=self._ram_total_b,
            coverage_ratio=covered,
            started_hot=watch.started_hot,
            replayed=rules.replayed,
        )
        fallback = cpu_fallback(offload_ratio, has_gpu=rules.has_gpu)
        found = found if fallback is None else (*found, fallback)
        self._tell_notes()
        metrics |= round_values(samples, edges_ns, energy)
        return Seen(metrics=metrics, energy=energy, findings=found, facts=round_facts(energy, found))

    def rest(self) -> float | None:
        """The power of the board at rest, measured now, in W. None where nothing measures it."""
        if meter(self.recent()) is None:
            return None
        with self._sampler.fast():
            self._sleep(self.settle_s)
            begun_ns = self._clock()
            self._sleep(self.rest_s)
            ended_ns = self._clock()
        self._wait_past(ended_ns, 1.0)
        self._measures = True
        return idle_power(self._sampler.between(begun_ns, ended_ns), begun_ns, ended_ns)

    def rest_with(self, model: str) -> None:
        """Takes the power at rest with that model in memory, measured where it was not yet in this run."""
        if model not in self._rested:
            self._rested[model] = self.rest()
        self.idle_w = self._rested[model]

    def run_facts(self, *, last: bool) -> dict[str, Json]:
        """Where telemetry comes from, and the power at rest; measured again now after the `last` case of a model."""
        facts: dict[str, Json] = {"telemetry": [*self.sources]} if self.sources else {}
        if self.idle_w is not None:
            facts["idle_before_w"] = self.idle_w
            if last:
                facts["idle_after_w"] = self.rest()
        return facts

    def recent(self) -> tuple[Sample, ...]:
        """The samples of the last three seconds."""
        now_ns = self._clock()
        return self._sampler.between(now_ns, now_ns)

    def latest(self) -> tuple[int, dict[str, float]]:
        """The last value of each name that was told within two seconds, and when the last of them was. Any thread."""
        now_ns = self._clock()
        samples = self._sampler.between(now_ns, now_ns, around_ns=2 * 10**9)
        values = {name: value for sample in samples for name, value in sample.values.items()}
        return max((sample.at_ns for sample in samples), default=now_ns), values

    def since(self, start_ns: int) -> tuple[Sample, ...]:
        """The samples from `start_ns` until now."""
        return self._sampler.between(start_ns, self._clock(), around_ns=0)

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of what is asked."""
        return self._sampler.sources

    def take(self) -> tuple[Sample, ...]:
        """The samples that nobody has taken yet, for the store."""
        samples = self._sampler.take()
        if self._sampler.dropped > self._dropped:
            self._note(f"{self._sampler.dropped - self._dropped} readings came too fast to be kept.")
            self._dropped = self._sampler.dropped
        return samples

    def _celsius(self) -> float | None:
        return hottest_of(self.recent())

    def _wait_past(self, at_ns: int, limit_s: float) -> None:
        latest = self._sampler.latest
        if latest is not None and latest.at_ns > at_ns - ALIVE_NS:
            self._sampler.wait_past(at_ns, limit_s=limit_s)

    def _tell_notes(self) -> None:
        for text in self._sampler.notes:
            if text not in self._noted:
                self._noted.add(text)
                self._note(text)


@contextmanager
def observing(settings: Settings, *, local: bool, note: Callable[[str], None]) -> Iterator[Observer]:
    """The telemetry of a run, from its first readings on. Without a source where Ollama is not `local`.

    Raises OracError where a recording that is asked for is not there.
    """
    if local:
        choice = choose(settings.telemetry, root=settings.sysfs_root, program=settings.tegrastats)
    else:
        choice = Choice(sources=(), offers=())
        note("Ollama runs on another machine: what this one's sensors tell says nothing about it.")
    if settings.telemetry not in ("auto", "off"):
        for offer in choice.offers:
            if not offer.taken:
                note(f"no telemetry from {offer.source}: {offer.why}")
    rules = Rules(
        root=settings.sysfs_root,
        tau_s=settings.sensor_lag_s,
        band_celsius=settings.gate_celsius,
        limit_s=settings.gate_limit_s,
        has_gpu=local and has_gpu(),
        replayed=choice.replayed,
    )
    with Sampler(choice.sources) as sampler:
        observer = Observer(sampler, rules, note=note)
        observer.start()
        yield observer


def has_gpu(root: Path = Path("/")) -> bool:
    """Whether Ollama could use a GPU of this machine: an NVIDIA driver is loaded, or a Jetson's GPU has clocks.

    Asked of the machine itself, never of a tree of files that stands in for a board: Ollama does not run there.
    """
    devices = [root / "dev/nvidia0", root / "dev/nvhost-gpu", root / "dev/nvgpu"]
    clocked = any(not name.startswith("policy") for name in clock_limits(root))
    return clocked or any(device.exists() for device in devices)
