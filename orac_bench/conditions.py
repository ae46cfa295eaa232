"""The conditions of a run: the facts of host and server that decide which runs may be compared, and their hash.

A model's digest is in the case key and its share on the GPU is a fact of the result, so neither is here.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Mapping
from pathlib import Path

from orac_bench.models.meminfo import available_b, swap_free_b, total_b
from orac_bench.records import Conditions, Json
from orac_bench.telemetry.board import board_facts
from orac_bench.telemetry.sources.files import text

PLACES = frozenset({"OLLAMA_HOST", "OLLAMA_MODELS", "HOME", "OLLAMA_ORIGINS"})
"""Settings of the server that say where it is, not how it works."""


def conditions(host: Mapping[str, Json], server: Mapping[str, Json], volatile: Mapping[str, Json]) -> Conditions:
    """The conditions made of a host's and a server's facts, with the hash of these two.

    `volatile` facts, which change from minute to minute, are kept beside and not hashed. A fact that is None was not
    to be had; it is left out, so that a source that appears later does not look like a change of the machine.
    """
    facts = {key: value for key, value in sorted({**host, **server}.items()) if value is not None}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    return Conditions(hash=digest, facts=facts, volatile={k: v for k, v in volatile.items() if v is not None})


def differing(a: Conditions, b: Conditions) -> dict[str, tuple[Json, Json]]:
    """The facts that differ, each with both values; None where one side does not have it."""
    keys = sorted({*a.facts, *b.facts})
    return {key: (a.facts.get(key), b.facts.get(key)) for key in keys if a.facts.get(key) != b.facts.get(key)}


def server_facts(*, version: str, supervised: bool, environment: Mapping[str, str]) -> dict[str, Json]:
    """What decides how the server works: its version, whether ORAC runs it, and the settings pinned for it.

    `environment` is empty for an Ollama that ORAC did not start: its settings cannot be known from outside.
    """
    pinned: dict[str, Json] = {
        f"server.{key}": value
        for key, value in environment.items()
        if key.startswith(("OLLAMA_", "LLAMA_")) and key not in PLACES
    }
    return {"ollama_version": version, "ollama_supervised": supervised, **pinned}


def host_facts(root: Path = Path("/")) -> dict[str, Json]:
    """What decides how fast this machine is: board, processor, cores, memory, kernel, power mode, clocks, swap.

    None where it is not told.
    """
    return {
        "machine": platform.machine(),
        "board": _first(root / "proc/device-tree/model") or _first(root / "sys/devices/virtual/dmi/id/product_name"),
        "cpu": _field(root / "proc/cpuinfo", "model name"),
        "cpus": os.cpu_count(),
        "memory_total_b": total_b(root),
        "kernel": _first(root / "proc/sys/kernel/osrelease"),
        **board_facts(root),
    }


def volatile_facts(root: Path = Path("/"), *, celsius: float | None = None) -> dict[str, Json]:
    """What changes from minute to minute: time since boot, load, free memory and swap, and the hottest zone."""
    uptime, load = _first(root / "proc/uptime"), _first(root / "proc/loadavg")
    return {
        "uptime_s": float(uptime.split()[0]) if uptime else None,
        "load_1min": float(load.split()[0]) if load else None,
        "memory_available_b": available_b(root),
        "temperature_start_celsius": celsius,
        "swap_free_b": swap_free_b(root),
    }


def _first(path: Path) -> str | None:
    content = text(path)
    return content.splitlines()[0].strip() if content else None


def _field(path: Path, name: str) -> str | None:
    found = re.search(rf"^{re.escape(name)}\s*:\s*(.+)$", text(path) or "", re.MULTILINE)
    return found[1].strip() if found else None
