"""Telemetry of any Linux: cores, memory, thermal zones, and the energy of the CPU package where it may be read."""

from __future__ import annotations

from pathlib import Path

from orac_bench.telemetry.sources import linux
from orac_bench.telemetry.sources.polled import PolledFiles

NAME = "host"


def host(root: Path) -> PolledFiles:
    """The source `host` below `root`, which is `/` but in tests and containers."""
    return PolledFiles(NAME, root, (linux.cores, linux.memory, linux.zones, linux.package_energy))
