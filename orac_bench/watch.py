"""A round that is watched: by which rules, from when, and what was seen of it.

What must never live here: waiting, reading (observer.py).
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from orac_bench.flags import Flag
from orac_bench.records import Json
from orac_bench.telemetry.phases import RoundEnergy
from orac_bench.telemetry.validity import Counters, Finding


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the settings and the machine say about a run's telemetry."""

    root: Path = Path("/")
    tau_s: float
    band_celsius: float
    limit_s: float
    has_gpu: bool = False
    """Whether Ollama could use one, so that a model on the CPU is a mishap."""
    replayed: bool = False


@dataclass(kw_only=True)
class Watch:
    """A round that is being watched. Made by `Observer.begin`, given back to `end`."""

    counters: Counters
    sampler_cpu_s: float
    started_hot: bool
    pace: ExitStack


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What telemetry says of a round. `facts` go into its raw record: how the energy was had, a sentence a flag."""

    metrics: dict[str, float] = field(default_factory=dict)
    energy: RoundEnergy | None = None
    findings: tuple[Finding, ...] = ()
    facts: dict[str, Json] = field(default_factory=dict)

    @property
    def flags(self) -> frozenset[Flag]:
        """Those that it gives the round."""
        return frozenset(found.flag for found in self.findings)

    @property
    def telling(self) -> frozenset[Flag]:
        """Those among them that do not leave the round out."""
        return frozenset(found.flag for found in self.findings if not found.excludes)
