"""The gate before a round: a board still hot from the last one would throttle earlier, so it is waited for.

The rule is pure; the waiter is given its clock, its sleep and what to ask.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orac_bench.telemetry.source import Sample, owned

LOOK_EVERY_S = 1.0
JUNCTION = "tj"
"""The zone that is the maximum of all, where a board has it."""
_NOT_THE_BOARD = ("pmic", "iwlwifi", "nvme", "cv")
"""Zones that show a constant (PMIC), hang on other hardware, or sleep."""


@dataclass(frozen=True, kw_only=True)
class Gate:
    """How the wait for a cool board ended. `celsius` is None where no zone tells its temperature."""

    reached: bool
    waited_s: float
    celsius: float | None
    limit_celsius: float | None

    @property
    def sentence(self) -> str | None:
        """What to say when it gave up. None when it did not."""
        if self.reached or self.celsius is None or self.limit_celsius is None:
            return None
        return (
            f"The board is still at {self.celsius:.1f} °C after {self.waited_s:.0f} s, above {self.limit_celsius:.1f} "
            "°C; the round is flagged started_hot. Let it cool, or raise ORAC_GATE_CELSIUS or ORAC_GATE_LIMIT_S."
        )


def hottest_zone(values: Mapping[str, float]) -> tuple[str, float] | None:
    """The hottest zone among named values, and its temperature. None where there is none.

    The temperature is that of `tj` where the board has it, under the name of the zone that it is of, where that is
    known; constants and zones of other hardware do not count.
    """
    junction: tuple[str, float] | None = None
    best: tuple[str, float] | None = None
    for zone, celsius in owned(values, "temperature_celsius").items():
        name = zone.lower()
        if name == JUNCTION:
            junction = (zone, celsius)
        elif not name.startswith(_NOT_THE_BOARD) and (best is None or celsius > best[1]):
            best = (zone, celsius)
    return best if junction is None or (best is not None and best[1] == junction[1]) else junction


def hottest(values: Mapping[str, float]) -> float | None:
    """The temperature of the hottest zone among named values. None where there is none."""
    found = hottest_zone(values)
    return None if found is None else found[1]


def hottest_of(samples: Sequence[Sample]) -> float | None:
    """The temperature of the hottest zone by what each source told last. None where none tells.

    `samples` are in order of time. A source tells of its own zones only: a card is not cool because a processor is.
    """
    last = {sample.source: hot for sample in samples if (hot := hottest(sample.values)) is not None}
    return max(last.values(), default=None)


def may_start(celsius: float | None, *, start_celsius: float | None, band_celsius: float) -> bool:
    """Whether a round may start: the board is at most `band_celsius` above where the run began.

    True where either temperature is not known: there is nothing to wait for.
    """
    return celsius is None or start_celsius is None or celsius <= start_celsius + band_celsius


def wait_until_cool(
    look: Callable[[], float | None],
    *,
    start_celsius: float | None,
    band_celsius: float,
    limit_s: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    progress: Callable[[Gate], None] = lambda _: None,
) -> Gate:
    """Waits until `look`, the hottest zone in celsius, lets a round start, at most `limit_s`; tells `progress` why.

    `clock` gives seconds that only grow.
    """
    begun = clock()
    limit = None if start_celsius is None else start_celsius + band_celsius
    while True:
        celsius, waited = look(), clock() - begun
        reached = may_start(celsius, start_celsius=start_celsius, band_celsius=band_celsius)
        gate = Gate(reached=reached, waited_s=waited, celsius=celsius, limit_celsius=limit)
        if reached or waited >= limit_s:
            return gate
        progress(gate)
        sleep(min(LOOK_EVERY_S, limit_s - waited))
