"""What a source of telemetry is, and how its values are named.

A value's name is its quantity with the unit, and after a dot what it belongs to: `power_w.VDD_IN`,
`temperature_celsius.tj`, `energy_j.package-0`, `gpu_load_ratio`, `gpu_hz`, `emc_load_ratio`, `emc_hz`,
`cpu_load_ratio` (mean of the cores that are on), `cpu_hz` (the fastest), `ram_used_b`, `ram_available_b`,
`swap_used_b`, `lfb_b`, `gpu_memory_used_b`, `throttle_state` (the highest of the board's throttle alerts),
`overcurrent_count` (of all events since boot).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """What one source saw at one instant (monotonic ns), in base units. A value that is not there has no key."""

    source: str
    at_ns: int
    values: Mapping[str, float]
    raw: str | None = None
    """The line it came from, kept only where words in it were not understood."""


class Source(Protocol):
    """A place where readings come from. It holds its files or its child from `__enter__` to `__exit__`."""

    @property
    def name(self) -> str:
        """As in ORAC_TELEMETRY."""

    @property
    def notes(self) -> Sequence[str]:
        """What went wrong so far, in sentences, each once."""

    def __enter__(self) -> Source:
        """Opens it. Raises OSError or MissingPrerequisite where it cannot be had; it may be tried again."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Gives everything back. Never raises."""

    def fileno(self) -> int | None:
        """What becomes readable when something arrives. None for a source that is asked, and while there is none."""

    def read(self) -> Sequence[Sample]:
        """What is there: one sample of a source that is asked, those that arrived of one that tells. Never waits."""


def named(quantity: str, owner: str) -> str:
    """The name of a value that belongs to something: `power_w` and `VDD_IN` give `power_w.VDD_IN`."""
    return f"{quantity}.{owner}"


def owned(values: Mapping[str, float], quantity: str) -> dict[str, float]:
    """The values of one quantity by what they belong to: of `power_w` those of each rail."""
    begin = quantity + "."
    return {name.removeprefix(begin): value for name, value in values.items() if name.startswith(begin)}
