"""Who is told what happens while a run is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from orac_bench.lock import Holder
from orac_bench.records import Case, Failure, Round, Status
from orac_bench.suites.grid import Point


class Listener(Protocol):
    """Who is told what happens, as it happens. Never called in a timed region."""

    def note(self, text: str) -> None:
        """Something a person should know."""

    def waiting(self, holder: Holder) -> None:
        """Another measurement holds the machine."""

    def case_started(self, case: Case, *, warmup: int, rounds: int) -> None:
        """A case begins whose rounds follow each other."""

    def block_started(self, case: Case, point: Point, kept: Sequence[Round]) -> None:
        """A block of a case begins, the first one, too; `kept` are the rounds that the case has already."""

    def case_passed_over(self) -> None:
        """The next case, or block of one, is not measured: it was done before, or cannot begin."""

    def round_kept(self, case: Case, round: Round) -> None:
        """A round was saved."""

    def case_ended(self, case: Case, status: Status, failure: Failure | None) -> None:
        """A case ended."""


class Everybody:
    """A listener that tells several, one after the other."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        self._listeners = tuple(listeners)

    def note(self, text: str) -> None:
        """Something a person should know."""
        for each in self._listeners:
            each.note(text)

    def waiting(self, holder: Holder) -> None:
        """Another measurement holds the machine."""
        for each in self._listeners:
            each.waiting(holder)

    def case_started(self, case: Case, *, warmup: int, rounds: int) -> None:
        """A case begins."""
        for each in self._listeners:
            each.case_started(case, warmup=warmup, rounds=rounds)

    def block_started(self, case: Case, point: Point, kept: Sequence[Round]) -> None:
        """A block of a case begins."""
        for each in self._listeners:
            each.block_started(case, point, kept)

    def case_passed_over(self) -> None:
        """The next case, or block of one, is not measured."""
        for each in self._listeners:
            each.case_passed_over()

    def round_kept(self, case: Case, round: Round) -> None:
        """A round was saved."""
        for each in self._listeners:
            each.round_kept(case, round)

    def case_ended(self, case: Case, status: Status, failure: Failure | None) -> None:
        """A case ended."""
        for each in self._listeners:
            each.case_ended(case, status, failure)
