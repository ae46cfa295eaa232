"""What a run is started with."""

from __future__ import annotations

from dataclasses import dataclass

from orac_bench.candidates import Candidate
from orac_bench.forecast import Work


@dataclass(frozen=True, kw_only=True)
class Intent:
    """What a run is started with."""

    trigger: str
    arguments: tuple[str, ...] = ()
    note: str | None = None
    resume: str | None = None
    """The run to go on with, None for a new one."""
    claim: str | None = None
    """The queued run to begin with, None for a new one."""
    prompt: str | None = None
    """The text of --prompt-file, None where prompts have a wanted length."""
    plan: tuple[Work, ...] = ()
    """What is planned in the order of measuring, case by case or block by block, as far as it is known."""
    seed: int | None = None
    """That of the run, where the order of measuring was drawn from it already; None for a new one."""
    pair: tuple[Candidate, Candidate] | None = None
    """The base and the candidate whose cases are measured beside each other. None where nothing is paired."""
