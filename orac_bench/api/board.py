"""What the host is: its software, told once, and its memory, read each time. Files below ORAC_SYSFS_ROOT only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from orac_bench.models.meminfo import available_b, gpu_used_b, total_b
from orac_bench.observer import has_gpu
from orac_bench.records import Json
from orac_bench.telemetry.board import board_facts, is_tegra
from orac_bench.telemetry.sources.files import text

NO_L4T = "this is no Jetson, or its /etc/nv_tegra_release is not mounted"
NO_CUDA = "there is no /usr/local/cuda"
TOLD_S = 5.0
"""How long what a reading told of the GPU's memory is taken for its present use."""
TELLING = frozenset({"jtop", "nvml"})
"""The sources that tell it."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """Software of the host, and the kind of its GPU. None for what it does not have or does not tell."""

    l4t: str | None
    jetpack: str | None
    cuda: str | None
    tegra: bool
    """Whether its GPU shares the memory of the CPU, as on every Jetson."""
    gpu: bool


@dataclass(frozen=True, kw_only=True)
class GpuMemory:
    """The memory that a GPU has, in bytes; `shared` with the CPU on a Jetson."""

    total_b: int | None
    used_b: int | None
    shared: bool


def read_host(root: Path = Path("/")) -> Host:
    """What is below `root`. Files only; nothing is started."""
    facts = board_facts(root)
    l4t, jetpack = facts["l4t"], facts["jetpack"]
    tegra = l4t is not None or is_tegra(root)
    return Host(
        l4t=None if l4t is None else str(l4t),
        jetpack=None if jetpack is None else str(jetpack),
        cuda=cuda(root),
        tegra=tegra,
        gpu=tegra or has_gpu(root),
    )


def cuda(root: Path = Path("/")) -> str | None:
    """The version of the CUDA toolkit in usr/local/cuda. None where there is none.

    Source: version.json of CUDA 11.1 and later, version.txt of older ones.
    """
    folder = root / "usr/local/cuda"
    try:
        return str(json.loads(text(folder / "version.json") or "")["cuda"]["version"])
    except (ValueError, KeyError, TypeError):
        found = re.search(r"CUDA Version ([\d.]+)", text(folder / "version.txt") or "")
        return found[1] if found else None


def told_b(readings: Iterable[tuple[datetime, Mapping[str, Json]]], now: datetime) -> int | None:
    """The GPU's memory in use by the newest of these readings, in bytes. None where none of the last TOLD_S tells it.

    A reading is when it was taken, and its values by the names of telemetry/source.py.
    """
    told = {
        at: value
        for at, values in readings
        if isinstance(value := values.get("gpu_memory_used_b"), int | float) and (now - at).total_seconds() <= TOLD_S
    }
    return int(told[max(told)]) if told else None


def why_unknown(sources: Iterable[str]) -> str:
    """Why the use of a card's memory is not known, where these sources are read on demand."""
    if TELLING.isdisjoint(sources):
        return "nothing here tells the memory of the card (pip install nvidia-ml-py)"
    return "nobody has looked in the last seconds; GET /v1/telemetry/latest does"


def gpu_memory(host: Host, told_b: int | None, root: Path = Path("/")) -> GpuMemory | None:
    """The GPU's memory; `told_b` is what jetson-stats or the card has just told of its use. None without a GPU.

    On a Jetson all of the memory may become the GPU's; its use is NvMapMemUsed where nobody else tells it, else all
    that is in use.
    """
    if not host.gpu:
        return None
    if not host.tegra:
        return GpuMemory(total_b=None, used_b=told_b, shared=False)
    total, available = total_b(root), available_b(root)
    in_use = None if total is None or available is None else total - available
    mapped = gpu_used_b(root)
    used = told_b if told_b is not None else mapped if mapped is not None else in_use
    return GpuMemory(total_b=total, used_b=used, shared=True)
