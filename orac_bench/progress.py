"""What a person sees while it measures: a line a case, and on a terminal a line that follows the rounds.

Drawn between rounds only: no thread redraws anything while a round runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TextIO

from orac_bench.forecast import Forecast, Work
from orac_bench.lock import Holder
from orac_bench.metrics import METRICS
from orac_bench.precision import elapsed_s, percent, width
from orac_bench.records import Case, Failure, Phase, Round, RoundStatus, Status
from orac_bench.stats.summary import summarise
from orac_bench.suites.grid import SUITES, Point
from orac_bench.units import format as written
from orac_bench.units import span
from orac_bench.visible import visible

WHILE_SUSTAINED = ("decode_tokens_per_s", "temperature_max_celsius", "power_w_mean")
"""What is shown of each request of a sustained run; its headline is only known at its end."""


@dataclass
class Begun:
    """A case that has begun: its rounds so far, and the time that its blocks took, whatever came between them."""

    rounds: list[Round] = field(default_factory=list)
    spent_s: float = 0.0
    _before: int = 0
    _since_s: float | None = None

    @property
    def now(self) -> Sequence[Round]:
        """The rounds of the present block; all of them where there are none."""
        return self.rounds[self._before :]

    def begin(self, now_s: float) -> None:
        """It, or its next block, begins."""
        self._before, self._since_s = len(self.rounds), now_s

    def leave(self, now_s: float) -> bool:
        """It, or its block, is over. Whether it was not yet."""
        if self._since_s is None:
            return False
        self.spent_s += now_s - self._since_s
        self._since_s = None
        return True


class Progress:
    """Writes to `out` what happens. `shown` wraps each write (pytest holds the screen while a test runs)."""

    def __init__(
        self,
        out: TextIO,
        plan: Sequence[Work],
        *,
        shown: Callable[[], AbstractContextManager[object]] = nullcontext,
        clock: Callable[[], float] = time.monotonic,
        precision: float | None = None,
    ) -> None:
        """`precision` is how well the headlines shall be known, None where the number of rounds is set."""
        self._out = out
        self._forecast = Forecast(plan)
        self._shown = shown
        self._clock = clock
        with shown():
            self._terminal = out.isatty()
        self._precision = precision
        self._planned = (0, 0)
        self._begun: dict[str, Begun] = {}
        self._present = Begun()
        self._block: Point | None = None

    def note(self, text: str) -> None:
        """A line of its own."""
        self._line(f"  note: {text}")

    def waiting(self, holder: Holder) -> None:
        """Says whom the measurement waits for."""
        self._line(f"  waiting: this machine is measuring already: {holder}")

    def case_started(self, case: Case, *, warmup: int, rounds: int) -> None:
        """Begins a case."""
        self._begin(case, warmup=warmup, rounds=rounds, kept=())

    def block_started(self, case: Case, point: Point, kept: Sequence[Round]) -> None:
        """Begins a block of a case, and says when it is another block than before."""
        if self._present.leave(self._clock()):
            self._forecast.end(self._clock())
        if self._block is None or self._block.block != point.block:
            self._line(f"  block {(point.block or 0) + 1} of {point.blocks}{self._left()}")
        self._block = point
        self._begin(case, warmup=point.warmup, rounds=point.share, kept=kept)

    def _begin(self, case: Case, *, warmup: int, rounds: int, kept: Sequence[Round]) -> None:
        self._forecast.begin(self._clock())
        self._planned = (warmup, rounds)
        self._present = self._begun.setdefault(case.key, Begun(rounds=[*kept]))
        self._present.begin(self._clock())
        if self._terminal:
            self._update(f"{self._head(case)}: loading")

    def case_passed_over(self) -> None:
        """Counts a case that is not measured."""
        self._forecast.skip()

    def round_kept(self, case: Case, round: Round) -> None:
        """Follows a round, on a terminal."""
        self._present.rounds.append(round)
        self._forecast.reach(self._share(case))
        if self._terminal:
            self._update(f"{self._head(case)}: {self._where(case, round)}{self._value(case, round)}{self._left()}")

    def case_ended(self, case: Case, status: Status, failure: Failure | None) -> None:
        """Says what a case gave."""
        self._forecast.end(self._clock())
        begun = self._begun.pop(case.key, Begun())
        begun.leave(self._clock())
        said = (
            self._result(case, begun.rounds)
            if status is Status.DONE
            else f"{status.value}. {failure.message if failure else ''}"
        )
        self._line(f"{self._head(case)}: {said.rstrip()}  ({span(begun.spent_s)}{self._left()})")

    def _head(self, case: Case) -> str:
        number, total = self._forecast.number, self._forecast.cases
        return f"[{number:>{len(str(total))}}/{total}] {case.name} {case.suite} {case.workload.label}"

    def _where(self, case: Case, round: Round) -> str:
        warmup, rounds = self._planned
        limit_s = _time_limit_s(case)
        if limit_s is not None:
            return f"{span(elapsed_s(self._present.rounds))} of {span(limit_s)}"
        block = "" if self._block is None else f"block {(self._block.block or 0) + 1}/{self._block.blocks}, "
        number = sum(one.phase is round.phase for one in self._present.now)
        if round.phase is Phase.WARMUP:
            return f"{block}warm-up {number}/{warmup}"
        if self._precision is not None and _has_precision(case):
            return f"round {number}, {self._widths(case)}"
        return f"{block}round {number}/{rounds}"

    def _widths(self, case: Case) -> str:
        """How well each headline is known so far."""
        found = [width(values) for _, values in self._headlines(case, self._present.rounds)]
        return f"known to {', '.join(map(percent, found))} of {percent(self._precision).removeprefix('±')}"

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
        for key, values in self._headlines(case, rounds):
            if values:
                known = f" {percent(width(values))}" if self._precision is not None and _has_precision(case) else ""
                parts.append(f"{METRICS[key].label} {written(summarise(values).median, METRICS[key].unit)}{known}")
        left_out = sum(round.phase is Phase.MEASURE and not round.counted for round in rounds)
        again = f", {left_out} left out" if left_out else ""
        return ", ".join(parts) + again

    def _headlines(self, case: Case, rounds: Sequence[Round]) -> list[tuple[str, list[float]]]:
        """The counted values of each headline."""
        keys = SUITES[case.suite].headlines
        return [(key, [one.metrics[key] for one in rounds if one.counted and key in one.metrics]) for key in keys]

    def _left(self) -> str:
        """How long the rest will take, from what the work so far took."""
        left_s = self._forecast.left_s(self._clock())
        return "" if left_s is None else f", about {span(left_s)} left"

    def _share(self, case: Case) -> float:
        """How much of the case is done, by its rounds, or by its time where that is set."""
        limit_s = _time_limit_s(case)
        done = len(self._present.now) / max(1, sum(self._planned))
        return done if limit_s is None else elapsed_s(self._present.rounds) / limit_s

    def _update(self, text: str) -> None:
        with self._shown():
            self._out.write(f"\r\x1b[K{visible(text)}")
            self._out.flush()

    def _line(self, text: str) -> None:
        told = visible(text)
        with self._shown():
            self._out.write(f"\r\x1b[K{told}\n" if self._terminal else f"{told}\n")
            self._out.flush()


def _has_precision(case: Case) -> bool:
    """Whether the case goes on until it is known well enough: the canary and a sustained run do not."""
    return _time_limit_s(case) is None and "canary" not in case.options


def _time_limit_s(case: Case) -> float | None:
    """The set time of a sustained run. None of other cases."""
    limit_s = case.options.get("time_limit_s")
    return float(limit_s) if isinstance(limit_s, (int, float)) else None
