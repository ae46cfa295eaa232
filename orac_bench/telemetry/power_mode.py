"""nvpmodel's files: which power mode is on, and what it allows. Pure.

An id alone means different things: 1 is 25W on one image and 7W on another. So its name and caps go with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_MODEL = re.compile(r"<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+?)\s*>")
_SECTION = re.compile(r"^\s*<", re.MULTILINE)
_CAP = re.compile(r"^\s*(CPU_\w+|GPU|EMC)\s+MAX_FREQ\s+(-?\d+)\s*$", re.MULTILINE)
_STATUS = re.compile(r"pmode:\s*(\d+)")


@dataclass(frozen=True, kw_only=True)
class PowerMode:
    """One mode. `caps_hz` has the highest clock by unit, None for one without a cap."""

    id: int
    name: str | None
    caps_hz: Mapping[str, int | None] = field(default_factory=dict)


def current_mode(status: str | None, config: str | None) -> PowerMode | None:
    """The mode that is on, by the text of nvpmodel's status and of its configuration. None without a status."""
    found = _STATUS.search(status or "")
    if found is None:
        return None
    number = int(found[1])
    return next((mode for mode in modes(config or "") if mode.id == number), PowerMode(id=number, name=None))


def modes(config: str) -> tuple[PowerMode, ...]:
    """All modes of an nvpmodel.conf, in its order."""
    found = []
    for match in _MODEL.finditer(config):
        end = _SECTION.search(config, match.end())
        section = config[match.end() : end.start() if end else len(config)]
        found.append(
            PowerMode(
                id=int(match[1]),
                name=match[2],
                caps_hz={unit: _hertz(unit, int(number)) for unit, number in _CAP.findall(section)},
            )
        )
    return tuple(found)


def _hertz(unit: str, number: int) -> int | None:
    """CPU clocks are written in kHz, the others in Hz; 0 and below mean no cap."""
    if number <= 0:
        return None
    return number * 1000 if unit.startswith("CPU") else number
