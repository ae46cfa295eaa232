"""The cases of a run: on which bytes each is measured, which have begun, and of which nothing is left to be measured.

What must never live here: a round, and what a case came to (session.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from orac_bench.candidates import Candidate
from orac_bench.engine import Engine
from orac_bench.errors import OracError, UsageError
from orac_bench.intent import Intent
from orac_bench.listener import Listener
from orac_bench.opened import Before, Opened, facts_before
from orac_bench.records import Case, Status, Workload
from orac_bench.settings import Settings
from orac_bench.store.store import Store
from orac_bench.suites.grid import Point
from orac_bench.targets import Target, case_on, registered


@dataclass(kw_only=True)
class Cases:
    """Those of the run `run_id`. `before` is what it had measured before it was interrupted."""

    run_id: str
    store: Store
    engine: Engine
    settings: Settings
    listener: Listener
    intent: Intent
    before: Before
    _targets: dict[str, Target] = field(default_factory=dict)
    _opened: dict[str, Opened] = field(default_factory=dict)
    _given_up: set[str] = field(default_factory=set)
    """Keys of cases that failed, so that their other blocks are not tried."""
    _refused: set[tuple[str, str, Workload]] = field(default_factory=set)
    """Those that could not even begin, as they have no key then."""
    _position: int = field(init=False)
    """Of the case that began last, from 1 in the order of measuring, those before an interruption among them."""

    def __post_init__(self) -> None:
        self._position = len(self.before.finished)

    @property
    def opened(self) -> tuple[Opened, ...]:
        """Those that have begun and are not over."""
        return tuple(self._opened.values())

    def target(self, candidate: Candidate) -> Target:
        """The candidate, known to the server under its name and with its digest. Files are registered once a run."""
        if candidate.label not in self._targets:
            self._targets[candidate.label] = registered(candidate, self.engine, self.settings, self.listener.note)
        return self._targets[candidate.label]

    def over(self, candidate: Candidate, point: Point) -> bool:
        """Whether nothing of it is left to be measured: it was before an interruption, or it was given up."""
        if _named(candidate, point) in self._refused:
            return True
        if not (self.before.finished or self.before.kept or self._given_up):
            return False
        try:
            key = case_on(self.target(candidate), point).key
        except OracError:
            return False  # `open` tells why
        return key in self._given_up or self.before.has(key, point.block)

    def open(self, candidate: Candidate, point: Point) -> Opened:
        """The case as its earlier blocks left it; else begun, or taken up where an interrupted run left it."""
        try:
            return self._open(candidate, point)
        except OracError:
            self._refused.add(_named(candidate, point))
            raise

    def end(self, opened: Opened, status: Status) -> None:
        """The case is over. One that failed is given up."""
        self._opened.pop(opened.case.key, None)
        if status is Status.FAILED:
            self._given_up.add(opened.case.key)

    def _open(self, candidate: Candidate, point: Point) -> Opened:
        target = self.target(candidate)
        case = case_on(target, point)
        if case.key in self._opened:
            return self._opened[case.key]
        facts = facts_before(candidate, point, pair=self.intent.pair, partner=self._partner(candidate, case, point))
        self._position += 1
        kept, place, planned = self.before.kept.get(case.key), self._position, point.planned
        if kept is None:
            result = self.store.begin_result(self.run_id, case, planned=planned, position=place, facts=facts)
        else:
            blocks = {round.block for round in kept if round.block is not None}
            result = self.store.reopen_result(self.run_id, case.key, blocks=blocks)
        self._opened[case.key] = Opened(result=result, case=case, target=target, kept=kept or ())
        return self._opened[case.key]

    def _partner(self, candidate: Candidate, case: Case, point: Point) -> Case | None:
        """The case on the other side of the pair, None without one. Raises UsageError where both are one case."""
        if point.blocks is None or self.intent.pair is None:
            return None
        base, other = self.intent.pair
        partner = case_on(self.target(other if candidate.label == base.label else base), point)
        if partner.key == case.key:
            raise UsageError(
                f"{base.label} and {other.label} are the same bytes, so there is nothing to compare.",
                next="Name two models, or two settings of one with --variant.",
            )
        return partner


def left_behind(case: Case, run_id: str) -> str:
    """What is told of a case that was interrupted, where the run goes on without it."""
    return (
        f"{case.name} {case.suite} {case.workload.label} of run {run_id} is not over, and nothing more of it was asked "
        "for: it was left out, or its file or text is another one now. What was measured of it is kept."
    )


def _named(candidate: Candidate, point: Point) -> tuple[str, str, Workload]:
    return candidate.label, point.suite.name, point.workload
