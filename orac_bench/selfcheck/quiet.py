"""A listener that passes on notes and says nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orac_bench.lock import Holder
from orac_bench.records import Case, Failure, Round, Status
from orac_bench.suites.grid import Point


class Quiet:
    """Tells notes and whom it waits for; rounds and cases pass in silence."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def note(self, text: str) -> None:
        """A line."""
        self._tell(text)

    def waiting(self, holder: Holder) -> None:
        """A line."""
        self._tell(f"waiting: this machine is measuring already: {holder}")

    def case_started(self, case: Case, *, warmup: int, rounds: int) -> None:
        """Nothing."""

    def block_started(self, case: Case, point: Point, kept: Sequence[Round]) -> None:
        """Nothing."""

    def case_passed_over(self) -> None:
        """Nothing."""

    def round_kept(self, case: Case, round: Round) -> None:
        """Nothing."""

    def case_ended(self, case: Case, status: Status, failure: Failure | None) -> None:
        """Nothing, unless it failed."""
        if failure is not None:
            self._tell(f"{case.model} {case.suite} {status.value}: {failure.message}")
