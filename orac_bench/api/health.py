"""`GET /v1/health`: what stands and what does not. It reads a few small files, asks nobody and starts nothing."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from orac_bench import __version__
from orac_bench.api.board import NO_CUDA, NO_L4T, gpu_memory, told_b, why_unknown
from orac_bench.api.house import Here, House
from orac_bench.api.keeper import State
from orac_bench.api.problems import problem
from orac_bench.doctor import LITTLE_DISK_B
from orac_bench.errors import OracError
from orac_bench.lock import measuring_now
from orac_bench.models.meminfo import available_b, free_b, total_b
from orac_bench.records import Json
from orac_bench.surroundings import Finding

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

router = APIRouter(prefix="/v1", tags=["health"])


class Versions(BaseModel):
    """Of the software that a measurement depends on."""

    orac: str
    python: str
    ollama: str | None = Field(description="Of the Ollama that answers; null while none does.")
    l4t: str | None = Field(description="NVIDIA's Linux of a Jetson, as its host says.")
    jetpack: str | None
    cuda: str | None


class Memory(BaseModel):
    """Of the machine, in bytes. `available_b` is what programs can have without swapping."""

    total_b: int | None
    available_b: int | None
    free_b: int | None


class GpuMemory(BaseModel):
    """In bytes. `shared`: it is the machine's own memory, as on every Jetson."""

    total_b: int | None
    used_b: int | None
    shared: bool


class Telemetry(BaseModel):
    """Where readings come from."""

    sources: list[str]


class Health(BaseModel):
    """How the service stands. What could not be had is null, and `missing` says why."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "ok",
                    "uptime_s": 4711.0,
                    "versions": {
                        "orac": "0.1.0",
                        "python": "3.10.12",
                        "ollama": "0.11.4",
                        "l4t": "36.4.3",
                        "jetpack": "6.2",
                        "cuda": None,
                    },
                    "memory": {"total_b": 7989919744, "available_b": 6442450944, "free_b": 4294967296},
                    "gpu_memory": {"total_b": 7989919744, "used_b": 268435456, "shared": True},
                    "telemetry": {"sources": ["sysfs"]},
                    "measuring": None,
                    "warnings": [],
                    "missing": {"versions.cuda": "there is no /usr/local/cuda"},
                }
            ]
        }
    )

    status: Literal["ok", "degraded"] = Field(description="degraded: something does not work; `warnings` say what.")
    uptime_s: float = Field(description="Seconds since the service began.")
    versions: Versions
    memory: Memory
    gpu_memory: GpuMemory | None
    telemetry: Telemetry
    measuring: str | None = Field(description="The run that is measured now, here or in a shell.")
    warnings: list[str] = Field(description="What is not as it should be, and what to do about it.")
    missing: dict[str, str] = Field(description="Why a value is null, by its place.")


@router.get("/health", summary="How the service stands", response_model=Health)
def health(here: Here) -> Response:
    """Versions, memory, and what is wrong with what to do about it. 200 also while Ollama is down."""
    return Response(standing(here).model_dump_json(), media_type="application/json")


def standing(here: House) -> Health:
    """How the service stands now. Whoever has a page open asks for it all the time."""
    root, host, keeper = here.settings.sysfs_root, here.host, here.keeper
    gpu = gpu_memory(host, told_b(_readings(here), datetime.now(timezone.utc)), root)
    measured = measuring_now(here.lock)
    around = here.lookout.findings()
    broken, odd = _broken(here, around), _odd(here, around)
    found = Health(
        status="degraded" if broken else "ok",
        uptime_s=round(time.monotonic() - here.began_s, 3),
        versions=Versions(
            orac=__version__,
            python=platform.python_version(),
            ollama=keeper.version if keeper.state is State.UP else None,
            l4t=host.l4t,
            jetpack=host.jetpack,
            cuda=host.cuda,
        ),
        memory=Memory(total_b=total_b(root), available_b=available_b(root), free_b=free_b(root)),
        gpu_memory=None if gpu is None else GpuMemory(total_b=gpu.total_b, used_b=gpu.used_b, shared=gpu.shared),
        telemetry=Telemetry(sources=[*here.sources]),
        measuring=None if measured is None else measured.run,
        warnings=[*broken, *odd],
        missing={},
    )
    found.missing = _missing(found, here)
    return found


def _readings(here: House) -> Iterator[tuple[datetime, Mapping[str, Json]]]:
    """What was read last, by the service and by the present run, where there is such a reading."""
    if (own := here.glance.latest) is not None:
        yield own.at, {**own.values}
    if (told := here.last_reading) is not None:
        yield told.at, told.data


def _broken(here: House, around: Sequence[Finding]) -> list[str]:
    """What does not work."""
    said, keeper = [str(finding) for finding in around if finding.broken], here.keeper
    if keeper.state is State.STARTING:
        said.append("Ollama is being started; calls that need it wait for it.")
    elif keeper.state is State.DOWN and keeper.trouble is not None:
        told = problem(keeper.trouble, here.settings)
        said.append(f"{told.title}: {told.detail} {told.next or ''}".strip())
    elif keeper.silent:
        said.append(
            "Ollama takes calls and answers none. Where it stays so, restart it; the service's own ends and starts "
            "with the service."
        )
    if (trouble := here.jobs.trouble) is not None:
        told = problem(trouble if isinstance(trouble, OracError) else OracError(str(trouble)), here.settings)
        said.append(f"Runs wait. {told.title}: {told.detail} {told.next or ''}".strip())
    if here.shelf.usable() == 0 and not any(finding.broken and finding.name == "models" for finding in around):
        said.append("No model can be used. Put GGUF files into the folder that ORAC_MODELS_DIR names.")
    free = _free_b(here)
    if free is not None and free < LITTLE_DISK_B:
        said.append(f"Only {free // 2**20} MiB are left where the store is. Free some space before the next run.")
    return said


def _odd(here: House, around: Sequence[Finding]) -> list[str]:
    """What works, and should not stay so."""
    said = [str(finding) for finding in around if not finding.broken]
    if here.settings.host in LOOPBACK or here.settings.token is not None:
        return said
    return [*said, "Everybody who reaches this port may change things. Set ORAC_TOKEN, or ORAC_HOST=127.0.0.1."]


def _free_b(here: House) -> int | None:
    try:
        disk = os.statvfs(here.settings.database_path.parent)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def _missing(found: Health, here: House) -> dict[str, str]:
    """Why what is null is null."""
    state = here.keeper.state
    why = {
        "versions.ollama": "it is being started" if state is State.STARTING else "it does not answer",
        "versions.l4t": NO_L4T,
        "versions.jetpack": NO_L4T,
        "versions.cuda": NO_CUDA,
        "memory.total_b": "/proc/meminfo cannot be read",
        "memory.available_b": "/proc/meminfo cannot be read",
        "memory.free_b": "/proc/meminfo cannot be read",
        "gpu_memory": "there is no GPU that Ollama could use",
        "gpu_memory.total_b": "nothing here tells the memory of the card",
        "gpu_memory.used_b": why_unknown(here.sources),
    }
    values: dict[str, object] = {"gpu_memory": found.gpu_memory}
    for part, model in (("versions", found.versions), ("memory", found.memory), ("gpu_memory", found.gpu_memory)):
        if model is not None:
            values |= {f"{part}.{name}": value for name, value in model.model_dump().items()}
    return {place: why[place] for place, value in values.items() if value is None}
