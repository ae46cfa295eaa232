"""How long the rest of a run will take, from what its work so far took. Pure: the time comes in.

A guess that only has to be right in proportion: what was measured so far, scaled by the work that is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Work:
    """A planned case, or a block of one, and how long it will take, in units that are comparable within a run."""

    units: float
    ends: bool = True
    """Whether its case is over with it: false of every block but the last."""
    time_s: float | None = None
    """Of one that goes on for a set time; its units tell nothing then."""


def work_units(*, size_b: int, prompt_tokens: int | None, output_tokens: int, rounds: int) -> float:
    """How much work a case is: a token costs its model's size, and reading one an eighth of writing one."""
    return rounds * ((prompt_tokens or 64) / 8 + output_tokens + 8) * max(size_b, 1)


class Forecast:
    """Follows a run through its planned cases. Times are seconds of any one clock."""

    def __init__(self, plan: Sequence[Work]) -> None:
        self._plan = tuple(plan)
        self._place = 0
        self._skipped_units = 0.0
        self._done_units = 0.0
        self._spent_s = 0.0
        self._since_s: float | None = None
        self._share = 0.0

    @property
    def number(self) -> int:
        """Which case it is, from 1; 0 before the first. Of cases in blocks: which is the next to be over."""
        return self._place - sum(not work.ends for work in self._plan[: max(0, self._place - 1)])

    @property
    def cases(self) -> int:
        """How many cases are planned, or were begun where that is more."""
        return max(self.number, sum(work.ends for work in self._plan))

    def begin(self, now_s: float) -> None:
        """The next case, or block of one, begins."""
        self._place += 1
        self._since_s = now_s
        self._share = 0.0

    def skip(self) -> None:
        """The next case, or block of one, is not measured: it was done before."""
        self._place += 1
        self._skipped_units += self._present_units
        self._since_s = None

    def reach(self, share: float) -> None:
        """The present one is done to this share, 0 to 1."""
        self._share = min(share, 1.0)

    def end(self, now_s: float) -> float:
        """The present one has ended. How long it took, in s."""
        took_s = 0.0 if self._since_s is None else now_s - self._since_s
        if self._present is not None and self._present.time_s is None:
            self._done_units += self._present_units
            self._spent_s += took_s
        self._since_s = None
        return took_s

    def left_s(self, now_s: float) -> float | None:
        """How long the rest will take. None before anything is done, and where nothing is left."""
        total = sum(work.units for work in self._plan if work.time_s is None) - self._skipped_units
        done, spent_s = self._done_units, self._spent_s
        if self._since_s is not None and self._share > 0 and self._present_units > 0:
            done += self._present_units * self._share
            spent_s += now_s - self._since_s
        timed_s = self._timed_left_s()
        if done >= total:
            return timed_s or None
        if done <= 0 or spent_s <= 0:
            return None
        return spent_s * (total - done) / done + timed_s

    def _timed_left_s(self) -> float:
        """The set times that are still to come, with what is left of the present one."""
        left_s = sum(work.time_s or 0.0 for work in self._plan[self._place :])
        present = self._present
        if self._since_s is None or present is None or present.time_s is None:
            return left_s
        return left_s + present.time_s * (1 - self._share)

    @property
    def _present(self) -> Work | None:
        return self._plan[self._place - 1] if 0 < self._place <= len(self._plan) else None

    @property
    def _present_units(self) -> float:
        """None of what has a set time."""
        return 0.0 if self._present is None or self._present.time_s is not None else self._present.units
