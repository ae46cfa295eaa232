"""A wish looked at before it is queued, by the same check as a shell's: what is wrong is told now, not by a failed run.

What must never live here: HTTP, and anything that starts.
"""

from __future__ import annotations

from dataclasses import dataclass

from orac_bench.api.shelf import at_a_glance
from orac_bench.api.wish import Wish, options
from orac_bench.bench import Bench, GridPoint
from orac_bench.errors import UsageError
from orac_bench.records import Json
from orac_bench.settings import Settings
from orac_bench.suites.grid import SUITES


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A wish that can be measured: its models by the names that they were found under, and the cases it comes to."""

    wish: Wish
    planned: tuple[GridPoint, ...]
    first: tuple[GridPoint, ...]
    """What is measured before it without having been asked for: the canary."""


def checked(settings: Settings, wish: Wish) -> Checked:
    """The wish, and what it comes to. Raises UnknownModel, UsageError and whatever `orac bench` would refuse it for."""
    bench = Bench.asked(at_a_glance(settings), options(wish))
    planned = [point for suite in SUITES.values() for _, point in bench.grid(suite) if bench.wants(point)]
    if not planned:
        left_out = "; ".join(bench.left_out)
        raise UsageError(
            f"Nothing would be measured. {left_out}".rstrip(), next="Ask for less, or for other models or suites."
        )
    named: dict[str, Json] = dict(wish)
    if "models" in wish:
        named["models"] = [*dict.fromkeys(candidate.name for candidate in bench.choice.candidates)]
    return Checked(wish=named, planned=tuple(sorted(planned, key=bench.order)), first=bench.first)
