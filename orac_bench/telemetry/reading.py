"""What one line of tegrastats says, as frozen records in base units. Pure.

The names are the JSON keys of `orac telemetry parse`. What must never live here: the grammar of a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Core:
    """A CPU core that is on. `hz` is None where the line gives no clock."""

    load_ratio: float
    hz: int | None


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A unit beside the CPU: GR3D, EMC, NVENC and so on. `load_ratio` is None where the line does not tell.

    `hz` has one clock a cluster and is empty where none was printed. `off` is power-gated.
    """

    load_ratio: float | None
    hz: tuple[int, ...]
    off: bool


@dataclass(frozen=True, kw_only=True)
class Mts:
    """What the code translation of Denver and Carmel cores costs, as a share of time."""

    foreground_ratio: float
    background_ratio: float


@dataclass(frozen=True, kw_only=True)
class Temperature:
    """A thermal zone. `celsius` is None where the sensor is powered off; `peak_celsius` where none is printed."""

    name: str
    celsius: float | None
    peak_celsius: float | None


@dataclass(frozen=True, kw_only=True)
class Rail:
    """A supply rail. `mean_w` and `peak_w` are since that tegrastats was started, never of a round."""

    name: str
    now_w: float
    mean_w: float
    peak_w: float | None


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One line of tegrastats, in base units. `bad` says why it cannot be read, and then nothing else is known.

    The names are the JSON keys of `orac telemetry parse`.
    """

    raw: str
    bad: str | None = None
    at: str | None = None
    """Local time as printed, by tegrastats or by the logger before it."""
    ram_used_b: int | None = None
    ram_total_b: int | None = None
    ram_lfb_blocks: int | None = None
    """Count of the largest free blocks, each of `ram_lfb_block_b`."""
    ram_lfb_block_b: int | None = None
    swap_used_b: int | None = None
    swap_total_b: int | None = None
    swap_cached_b: int | None = None
    iram_used_b: int | None = None
    iram_total_b: int | None = None
    cpus: tuple[Core | None, ...] = ()
    """None for a core that is off."""
    engines: Mapping[str, Engine] = field(default_factory=dict)
    """By name without `_FREQ`."""
    mts: Mts | None = None
    temperatures: tuple[Temperature, ...] = ()
    rails: tuple[Rail, ...] = ()
    """As printed: a name may come twice, and power may be negative."""
    unknown: tuple[str, ...] = ()
    """Words that were not understood."""
