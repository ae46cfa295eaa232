"""The canary: a small model measured first in every run, so that it can be seen whether the machine is what it was.

Named by ORAC_CANARY_MODEL. It is stored as a case of its own, marked, and stands beside comparisons, never in them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orac_bench.candidates import Candidate, find_candidates
from orac_bench.errors import OracError, UsageError
from orac_bench.records import Phase
from orac_bench.settings import Settings
from orac_bench.suites.grid import SUITES, Point, Wishes, points

if TYPE_CHECKING:
    from orac_bench.session import Session

POINT: Point = replace(
    points(SUITES["decode"], Wishes(rounds=6, warmup=1, prompt_tokens=(64,), output_tokens=64))[0], canary=True
)
"""What is asked of it: six rounds are the fewest that have an interval."""


def find(settings: Settings) -> Candidate | None:
    """The model that is the canary, None where the settings name none.

    Raises UsageError where there is no such model, or it cannot be used.
    """
    if settings.canary_model is None:
        return None
    try:
        return find_candidates(settings, [settings.canary_model]).candidates[0]
    except OracError as error:
        next = "Set ORAC_CANARY_MODEL to one of `orac models`, or unset it."
        raise UsageError(f"The canary cannot be measured. {error.what}", next=next) from error


def measure(session: Session, candidate: Candidate) -> bool:
    """Measures the canary in the run, unless it has been. Whether it is known now; the session tells why not."""
    if session.over(candidate, POINT):
        return True
    try:
        with session.measuring(candidate, POINT, last=False) as measurement:
            for phase in [Phase.WARMUP] * POINT.warmup + [Phase.MEASURE] * POINT.rounds:
                if not measurement.given_up:
                    measurement.one(phase)
            while measurement.tries_left():
                measurement.one(Phase.MEASURE)
    except OracError:
        return False
    return measurement.verdict() is None
