"""Rounds that luck spoilt are tried again: which, and how often. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from orac_bench.flags import Flag
from orac_bench.records import Phase, Round

LUCK = frozenset({Flag.SHORT_OUTPUT, Flag.ABORTED, Flag.RELOADED})
"""Flags that another seed or a quieter moment may avoid; such rounds are tried again, at most as often as planned."""


def retries(rounds: Sequence[Round], planned: int) -> int:
    """How many rounds to add to these: one for each that luck spoilt and that is missing, at most `planned` in all.

    `rounds` are those of one case, or of one block of it, warm-ups among them.
    """
    measured = _measured(rounds)
    unlucky = [round for round in measured if round.flags & LUCK]
    missing = min(planned - sum(round.counted for round in measured), len(unlucky))
    return max(0, min(missing, 2 * planned - len(measured)))


def complete(rounds: Sequence[Round], planned: int) -> bool:
    """Whether everything was measured that was planned, with all that was to be tried again."""
    return len(_measured(rounds)) >= planned and retries(rounds, planned) == 0


def _measured(rounds: Sequence[Round]) -> list[Round]:
    return [round for round in rounds if round.phase is Phase.MEASURE]
