"""Which sources ORAC_TELEMETRY stands for on this machine, and why each of them was taken or left."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orac_bench.errors import MissingPrerequisite
from orac_bench.settings import telemetry
from orac_bench.telemetry.source import Source
from orac_bench.telemetry.sources import host, jtop, nvml, replay, sysfs, tegrastats

REPLAY = f"{replay.NAME}:"


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One source, whether it is taken, and why, in words that go behind its name. For `orac doctor`."""

    source: str
    taken: bool
    why: str


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The sources to sample, not yet opened, and what was thought of each. `replayed` marks a recording."""

    sources: tuple[Source, ...]
    offers: tuple[Offer, ...]
    replayed: bool = False


def choose(wanted: str = "auto", *, root: Path = Path("/"), program: str | None = None) -> Choice:
    """The sources that `wanted` stands for below `root`, with `program` for tegrastats (None: the one on PATH).

    A listed source that is not there is left out, and its offer says why. Raises SettingError for a
    word that is no source, MissingPrerequisite for a recording that is not there.
    """
    words = [word.strip() for word in telemetry(wanted).split(",")]
    if words == ["off"]:
        return Choice(sources=(), offers=(Offer(source="telemetry", taken=False, why="ORAC_TELEMETRY is off"),))
    there = _there(root, program)
    if words == ["auto"]:
        return _best(there)
    offers: list[Offer] = []
    sources: list[Source] = []
    for word in words:
        if word.startswith(REPLAY):
            sources.append(replay.Replay(_recording(word.removeprefix(REPLAY))))
            offers.append(Offer(source=replay.NAME, taken=True, why="it is asked for; every round is flagged"))
            continue
        found = there[word]
        if found.make is not None:
            sources.append(found.make())
        offers.append(Offer(source=word, taken=found.make is not None, why=found.why))
    replayed = any(word.startswith(REPLAY) for word in words)
    return Choice(sources=tuple(sources), offers=tuple(offers), replayed=replayed)


def _recording(file: str) -> Path:
    path = Path(file).expanduser().absolute()
    if not path.is_file():
        raise MissingPrerequisite(
            f"There is no recorded log {path}.", next="Write the setting as ORAC_TELEMETRY=replay:FILE"
        )
    return path


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What is known of a source before it is opened. `make` is None where it cannot be had."""

    why: str
    make: Callable[[], Source] | None = None


def _there(root: Path, program: str | None) -> dict[str, _Found]:
    path = shutil.which(program or "tegrastats") or program
    no_jtop, no_nvml = jtop.missing(), nvml.missing()
    rails = len(sysfs.rail_folders(root))
    return {
        tegrastats.NAME: _Found(why="no program tegrastats on PATH; ORAC_TEGRASTATS names one")
        if path is None
        else _Found(why=f"{path} prints ten lines a second", make=lambda: tegrastats.Tegrastats(path)),
        sysfs.NAME: _Found(why=f"no power monitor below {root}; this is no Jetson, or the container does not see it")
        if not rails
        else _Found(why="rails, zones, clocks and counters are files here", make=lambda: sysfs.sysfs(root)),
        jtop.NAME: _Found(why=no_jtop) if no_jtop else _Found(why="jetson-stats is installed", make=jtop.Jtop),
        nvml.NAME: _Found(why=no_nvml) if no_nvml else _Found(why="nvidia-ml-py is installed", make=nvml.Nvml),
        host.NAME: _Found(why="cores, memory and zones of any Linux", make=lambda: host.host(root)),
    }


def _best(there: dict[str, _Found]) -> Choice:
    """The cheapest sources that tell the power, and `host` where no other tells the memory."""
    taken: Sequence[str]
    if there[sysfs.NAME].make is not None:
        taken, rest = (sysfs.NAME,), "sysfs tells the same at less cost"
    elif there[tegrastats.NAME].make is not None:
        taken, rest = (tegrastats.NAME,), "tegrastats tells it"
    else:
        taken = tuple(name for name in (nvml.NAME, host.NAME) if there[name].make is not None)
        rest = "only used when it is listed"
    offers = [
        Offer(source=name, taken=name in taken, why=found.why if name in taken or found.make is None else rest)
        for name, found in there.items()
    ]
    sources = [make() for name in taken if (make := there[name].make) is not None]
    return Choice(sources=tuple(sources), offers=tuple(offers))
