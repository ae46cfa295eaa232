"""What a person sees while it measures: a line a case, and on a terminal a line that follows the rounds.

Drawn between rounds only: no thread redraws anything while a round runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TextIO

from orac_bench.lock import Holder
from orac_bench.metrics import METRICS
from orac_bench.records import Case, Failure, Phase, Round, RoundStatus, Status
from orac_bench.stats.summary import summarise
from orac_bench.suites.grid import SUITES
from orac_bench.units import format as written
from orac_bench.units import span

WHILE_SUSTAINED = ("decode_tokens_per_s", "temperature_max_celsius", "power_w_mean")
"""What is shown of each request of a sustained run; its headline is only known at its end."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """A planned case and how long it will take, in units that are comparable within a run."""

    units: float


def work_units(*, size_b: int, prompt_tokens: int | None, output_tokens: int, rounds: int) -> float:
    """How much work a case is: a token costs its model's size, and reading one an eighth of writing one.

    A guess that only has to be right in proportion: time left is what was measured so far, scaled by it.
    """
    return rounds * ((prompt_tokens or 64) / 8 + output_tokens + 8) * max(size_b, 1)


class Progress:
    """Writes to `out` what happens. `shown` wraps each write (pytest holds the screen while a test runs)."""

    def __init__(
        self,
        out: TextIO,
        plan: Sequence[Work],
        *,
        shown: Callable[[], AbstractContextManager[object]] = nullcontext,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = out
        self._plan = list(plan)
        self._shown = shown
        self._clock = clock
        with shown():
            self._terminal = out.isatty()
        self._done_units = 0.0
        self._spent_s = 0.0
        self._number = 0
        self._since = clock()
        self._planned = (0, 0)
        self._rounds: list[Round] = []
        self._case: Case | None = None

    def note(self, text: str) -> None:
        """A line of its own."""
        self._line(f"  note: {text}")

    def waiting(self, holder: Holder) -> None:
        """Says whom the measurement waits for."""
        self._line(f"  waiting: this machine is measuring already: {holder}")

    def case_started(self, case: Case, *, warmup: int, rounds: int) -> None:
        """Begins a case."""
        self._case = case
        self._number += 1
        self._since = self._clock()
        self._planned = (warmup, rounds)
        self._rounds = []
        if self._terminal:
            self._update(f"{self._head(case)}: loading")

    def round_kept(self, case: Case, round: Round) -> None:
        """Follows a round, on a terminal."""
        self._rounds.append(round)
        if self._terminal:
            self._update(f"{self._head(case)}: {self._where(case, round)}{self._value(case, round)}{self._left()}")

    def case_ended(self, case: Case, status: Status, failure: Failure | None) -> None:
        """Says what a case gave."""
        took_s = self._clock() - self._since
        if self._number <= len(self._plan):
            self._done_units += self._plan[self._number - 1].units
            self._spent_s += took_s
        self._rounds, rounds = [], self._rounds
        said = (
            self._result(case, rounds)
            if status is Status.DONE
            else f"{status.value}. {failure.message if failure else ''}"
        )
        self._line(f"{self._head(case)}: {said.rstrip()}  ({span(took_s)}{self._left()})")

    def _head(self, case: Case) -> str:
        total = max(self._number, len(self._plan))
        return f"[{self._number:>{len(str(total))}}/{total}] {case.model} {case.suite} {case.workload.label}"

    def _where(self, case: Case, round: Round) -> str:
        warmup, rounds = self._planned
        limit_s = _time_limit_s(case)
        if limit_s is not None:
            return f"{span(self._reached_s())} of {span(limit_s)}"
        if round.phase is Phase.WARMUP:
            return f"warm-up {round.index + 1}/{warmup}"
        return f"round {round.index + 1}/{rounds}"

    def _value(self, case: Case, round: Round) -> str:
        if round.status is RoundStatus.FAILED:
            return " failed"
        parts = [
            f"{METRICS[key].label} {written(round.metrics[key], METRICS[key].unit)}"
            for key in (SUITES[case.suite].headlines if _time_limit_s(case) is None else WHILE_SUSTAINED)
            if key in round.metrics
        ]
        return "".join(f", {part}" for part in parts)

    def _result(self, case: Case, rounds: Sequence[Round]) -> str:
        parts = []
        for key in SUITES[case.suite].headlines:
            values = [round.metrics[key] for round in rounds if round.counted and key in round.metrics]
            if values:
                parts.append(f"{METRICS[key].label} {written(summarise(values).median, METRICS[key].unit)}")
        left_out = sum(round.phase is Phase.MEASURE and not round.counted for round in rounds)
        again = f", {left_out} left out" if left_out else ""
        return ", ".join(parts) + again

    def _left(self) -> str:
        """How long the rest will take, from what the work so far took."""
        total = sum(work.units for work in self._plan)
        warmup, rounds = self._planned
        limit_s = None if self._case is None else _time_limit_s(self._case)
        within = len(self._rounds) / max(1, warmup + rounds) if limit_s is None else self._reached_s() / limit_s
        open_units = (
            self._plan[self._number - 1].units * min(within, 1.0) if 0 < self._number <= len(self._plan) else 0.0
        )
        done = self._done_units + (open_units if self._rounds else 0.0)
        spent = self._spent_s + (self._clock() - self._since if self._rounds else 0.0)
        if done <= 0 or done >= total or spent <= 0:
            return ""
        return f", about {span(spent * (total - done) / done)} left"

    def _reached_s(self) -> float:
        """From the first round's start to the last one's end."""
        if not self._rounds:
            return 0.0
        last = self._rounds[-1]
        return (last.started - self._rounds[0].started).total_seconds() + last.metrics.get("e2e_s", 0.0)

    def _update(self, text: str) -> None:
        with self._shown():
            self._out.write(f"\r\x1b[K{text}")
            self._out.flush()

    def _line(self, text: str) -> None:
        with self._shown():
            self._out.write(f"\r\x1b[K{text}\n" if self._terminal else f"{text}\n")
            self._out.flush()


def _time_limit_s(case: Case) -> float | None:
    """The set time of a sustained run. None of other cases."""
    limit_s = case.options.get("time_limit_s")
    return float(limit_s) if isinstance(limit_s, (int, float)) else None
