"""What spoils a measurement before it has begun, with what to type against it. For `orac doctor`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orac_bench.records import Json
from orac_bench.telemetry.sources.files import text

HOT_CELSIUS = 65.0
"""A board this hot at rest has little room before it throttles."""
LEAKY_L4T = "36.4.7"
"""This release cannot allocate memory that is free. Source: NVIDIA forum 349752, llama.cpp discussion 16706."""
_DISPLAYS = frozenset({"Xorg", "Xwayland", "gnome-shell", "lxsession", "weston"})


@dataclass(frozen=True, kw_only=True)
class Caution:
    """A warning: its name, what was seen and what it costs, and what to type."""

    name: str
    detail: str
    next: str


def cautions(facts: Mapping[str, Json], *, celsius: float | None, desktop: bool) -> tuple[Caution, ...]:
    """The warnings that `facts` (of `board.board_facts`) and the state of the machine call for.

    `celsius` is the hottest zone at rest, None where none tells.
    """
    found = (
        (
            facts.get("clocks_locked") is False and facts.get("l4t") is not None,
            "clocks",
            "the clocks are not locked: default governors are 18 to 45 % slower and vary by a quarter",
            "sudo jetson_clocks",
        ),
        (
            desktop,
            "desktop",
            "a desktop session is running and takes about 800 MB of the memory that a model could have",
            "sudo systemctl isolate multi-user.target",
        ),
        (
            celsius is not None and celsius > HOT_CELSIUS,
            "temperature",
            f"the board is at {celsius or 0.0:.0f} °C at rest and may throttle under load",
            "Let it cool, or turn up its fan.",
        ),
        (
            facts.get("l4t") == LEAKY_L4T,
            "l4t",
            f"L4T {LEAKY_L4T} refuses large allocations although memory is free",
            "Update to 36.5 or later; until then reboot without a desktop before a run.",
        ),
    )
    return tuple(Caution(name=name, detail=detail, next=way) for seen, name, detail, way in found if seen)


def has_desktop(root: Path = Path("/")) -> bool:
    """Whether a display server is running."""
    return any(text(path) in _DISPLAYS for path in (root / "proc").glob("[0-9]*/comm"))
