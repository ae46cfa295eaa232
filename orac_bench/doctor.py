"""Every prerequisite of a measurement, each with a verdict and a next step.

Looks and never changes anything: no server is started, no file is written, no store is made.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from orac_bench.candidates import find_candidates
from orac_bench.counting import version_key
from orac_bench.errors import OracError, StoreMissing
from orac_bench.lock import LOCK, measuring_now
from orac_bench.models.meminfo import available_b
from orac_bench.observer import has_gpu
from orac_bench.ollama.client import Client
from orac_bench.ollama.locate import find_ollama, program_version
from orac_bench.ollama.public import public_url
from orac_bench.settings import Settings, misspelt
from orac_bench.store.store import open_store
from orac_bench.surroundings import open_port, surroundings
from orac_bench.telemetry.auto import choose
from orac_bench.telemetry.board import board_facts
from orac_bench.telemetry.cautions import cautions, has_desktop
from orac_bench.telemetry.gate import hottest
from orac_bench.telemetry.sources import linux
from orac_bench.telemetry.sources.files import HeldFiles
from orac_bench.units import Unit
from orac_bench.units import format as written

QWEN3_SINCE = (0, 6, 6)
LITTLE_DISK_B = 512 * 2**20
"""Below that the disk of the store is said to be nearly full, here and in the service's health."""
BUSY_LOAD_RATIO = 0.3


class State(str, Enum):
    """How a check ended."""

    OK = "ok"  # nothing to do
    WARNING = "warning"  # measuring works; the numbers may suffer
    MISSING = "missing"  # measuring does not work


@dataclass(frozen=True, kw_only=True)
class Check:
    """One prerequisite. `next` is what to type, None where there is nothing to do."""

    name: str
    state: State
    detail: str
    next: str | None = None


def examine(settings: Settings, environ: Mapping[str, str], *, root: Path = Path("/")) -> list[Check]:
    """Every check, in the order in which a person would mend them. None raises."""
    around = [*_surroundings(settings, environ)]
    said = {check.name for check in around if check.state is State.MISSING}
    others = [
        _python(),
        _home(settings),
        *_models(settings),
        _ollama(settings, environ),
        _store(settings),
        _disk(settings),
        _memory(root),
        _idle(root),
        *_telemetry(settings),
        *_cautions(settings),
        *_gpu_use(settings, on_gpu=has_gpu(root)),
        _lock(settings),
    ]
    return [*_settings(environ), *around, *(check for check in others if check.name not in said)]


def _settings(environ: Mapping[str, str]) -> Iterator[Check]:
    for name, near in misspelt(environ).items():
        hint = f"unset {name}" if near is None else f"Did you mean {near}?"
        yield Check(
            name="settings", state=State.WARNING, detail=f"{name} is not a setting that this version reads.", next=hint
        )


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    if (3, 10) <= sys.version_info[:2] <= (3, 13):
        return Check(name="python", state=State.OK, detail=version)
    return Check(
        name="python",
        state=State.WARNING,
        detail=f"{version} is not tested; 3.10 to 3.13 are.",
        next="Install one of these.",
    )


def _surroundings(settings: Settings, environ: Mapping[str, str]) -> Iterator[Check]:
    """What mounts, rights, the way to the GPU and open ports spoil."""
    for finding in (*surroundings(settings, environ), *open_port(settings)):
        state = State.MISSING if finding.broken else State.WARNING
        yield Check(name=finding.name, state=state, detail=finding.detail, next=finding.next)


def _home(settings: Settings) -> Check:
    """That it can be written; one that cannot is among the surroundings."""
    return Check(name="home", state=State.OK, detail=str(settings.home))


def _models(settings: Settings) -> Iterator[Check]:
    try:
        choice = find_candidates(settings)
    except OracError as error:
        yield Check(name="models", state=State.MISSING, detail=error.what, next=error.next)
        return
    names = ", ".join(candidate.name for candidate in choice.candidates)
    yield Check(name="models", state=State.OK, detail=f"{len(choice.candidates)}: {names}")
    for text in choice.refused:
        yield Check(name="models", state=State.WARNING, detail=text, next="See all with: orac models")


def _ollama(settings: Settings, environ: Mapping[str, str]) -> Check:
    try:
        if settings.ollama_url is not None:
            with Client(settings.ollama_url, idle_timeout_s=5.0) as client:
                where = public_url(settings.ollama_url)
                return Check(name="ollama", state=State.OK, detail=f"{client.version()} at {where}")
        program = find_ollama(settings, environ)
    except OracError as error:
        return Check(name="ollama", state=State.MISSING, detail=error.what, next=error.next)
    version = program_version(program)
    if version is None:
        return Check(
            name="ollama",
            state=State.MISSING,
            detail=f"{program} does not tell its version; it may not be an Ollama.",
            next="Set ORAC_OLLAMA_BIN to one.",
        )
    if version_key(version) < QWEN3_SINCE:
        return Check(
            name="ollama",
            state=State.WARNING,
            detail=f"{version} at {program} cannot load Qwen3, which needs 0.6.6 or newer.",
            next="curl -fsSL https://ollama.com/install.sh | sh",
        )
    return Check(name="ollama", state=State.OK, detail=f"{version} at {program}")


def _store(settings: Settings) -> Check:
    try:
        with open_store(settings.database_url, write=False) as store:
            problems = store.check()
    except StoreMissing:
        return Check(name="store", state=State.OK, detail=f"{settings.database_path} will be made by the first run")
    except OracError as error:
        return Check(name="store", state=State.MISSING, detail=error.what, next=error.next)
    if problems:
        return Check(name="store", state=State.WARNING, detail="; ".join(problems), next="See: orac db check")
    return Check(name="store", state=State.OK, detail=str(settings.database_path))


def _disk(settings: Settings) -> Check:
    folder = next(p for p in (settings.database_path.parent, *settings.database_path.parents) if os.access(p, os.F_OK))
    free = shutil.disk_usage(folder).free
    if free < LITTLE_DISK_B:
        return Check(
            name="disk",
            state=State.WARNING,
            detail=f"{written(free, Unit.BYTE)} are left where the store is ({folder}).",
            next="Free some, or set ORAC_DATABASE_URL to another disk.",
        )
    return Check(name="disk", state=State.OK, detail=f"{written(free, Unit.BYTE)} free")


def _memory(root: Path) -> Check:
    available = available_b(root)
    detail = "unknown" if available is None else f"{written(available, Unit.BYTE)} available"
    return Check(name="memory", state=State.OK, detail=detail)


def _idle(root: Path) -> Check:
    try:
        load = float((root / "proc/loadavg").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return Check(name="load", state=State.OK, detail="unknown")
    share = load / (os.cpu_count() or 1)
    if share > BUSY_LOAD_RATIO:
        return Check(
            name="load",
            state=State.WARNING,
            detail=f"Other programs keep this machine busy (load {load:.1f}); they slow what is measured.",
            next="See which with: top",
        )
    return Check(name="load", state=State.OK, detail=f"{load:.1f}")


def _telemetry(settings: Settings) -> Iterator[Check]:
    """Each source of telemetry: whether it is taken, and why."""
    try:
        choice = choose(settings.telemetry, root=settings.sysfs_root, program=settings.tegrastats)
    except OracError as error:
        yield Check(name="telemetry", state=State.MISSING, detail=error.what, next=error.next)
        return
    for offer in choice.offers:
        taken = "taken" if offer.taken else "not taken"
        yield Check(name="telemetry", state=State.OK, detail=f"{offer.source} {taken}: {offer.why}")


def _cautions(settings: Settings) -> Iterator[Check]:
    """What spoils a measurement before it has begun."""
    root = settings.sysfs_root
    zones = HeldFiles()
    try:
        linux.zones(zones, root)
        celsius = hottest(zones.read())
    finally:
        zones.close()
    found = cautions(board_facts(root), celsius=celsius, desktop=has_desktop(root))
    for caution in found:
        yield Check(name=caution.name, state=State.WARNING, detail=caution.detail, next=caution.next)


def _gpu_use(settings: Settings, *, on_gpu: bool) -> Iterator[Check]:
    """A warning where this machine has a GPU and Ollama ran a model without it, now or in the last run."""
    if not on_gpu:
        return
    idle: list[str] = []
    try:
        if settings.ollama_url is not None:
            with Client(settings.ollama_url, idle_timeout_s=5.0) as client:
                idle = [model.name for model in client.loaded() if model.offload_ratio == 0]
        else:
            with open_store(settings.database_url, write=False) as store:
                results = store.results(store.resolve("latest"), rounds=False)
            idle = [result.case.model for result in results if result.offload_ratio == 0]
    except OracError:
        return
    if idle:
        yield Check(
            name="gpu",
            state=State.WARNING,
            detail=f"Ollama ran {', '.join(dict.fromkeys(idle))} on the CPU, not on the GPU.",
            next="See why in Ollama's log: it names the libraries that it looked for.",
        )


def _lock(settings: Settings) -> Check:
    who = measuring_now(settings.home / LOCK)
    if who is not None:
        return Check(name="lock", state=State.WARNING, detail=f"This machine is measuring: {who}.", next="Wait for it.")
    return Check(name="lock", state=State.OK, detail="no measurement is running")
