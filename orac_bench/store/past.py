"""The store's part for cases over time, for what is compared, and for what people say about runs.

What must never live here: SQL (`history.py`, `levels.py`, `measured.py`, `marks.py`, `rollup.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from orac_bench.records import Case, Json
from orac_bench.store import history, levels, marks, reading, rollup, state
from orac_bench.store.history import CaseLine, Gap, Point, Recent
from orac_bench.store.levels import Change
from orac_bench.store.marks import Annotation, Baseline
from orac_bench.store.measured import Measured, measured
from orac_bench.store.transactions import Transactions

Headlines = Mapping[str, Sequence[str]]
"""The metrics of each suite that its changes of level are kept of."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A case's metric over time with all that is known of it, read at one moment; points and gaps oldest first."""

    points: tuple[Point, ...]
    gaps: tuple[Gap, ...]
    """The runs that have the case, and not the metric."""
    changes: tuple[Change, ...]
    """Of level, as they were found when the runs closed; () of a metric that none are kept of."""
    acknowledged: frozenset[str]
    """The runs whose change is known."""
    annotations: tuple[Annotation, ...]
    conditions: Mapping[str, Mapping[str, Json]]
    """The facts of those that the points name, by their hash."""


class Past(Transactions):
    """Points, changes, baselines and annotations; ids are those of runs, never of rows."""

    _state: tuple[int, tuple[object, ...]] | None = None
    """The last answer of `state`, and the version of the store that it is of."""

    def points(self, case_key: str, metric: str) -> tuple[Point, ...]:
        """The case's metric in every run that has it, oldest first; () where none has."""
        with self._reading() as session:
            return history.points(session, case_key, metric)

    def line(self, case_key: str, metric: str) -> Line:
        """The case's metric in every run of the case, and what was found and written about it."""
        with self._reading() as session:
            points, gaps = history.line(session, case_key, metric)
            return Line(
                points=points,
                gaps=gaps,
                changes=levels.stored(session, case_key, metric),
                acknowledged=marks.acknowledged(session, case_key, metric),
                annotations=marks.written(session, case_key=case_key),
                conditions=history.facts(session, {point.conditions for point in points if point.conditions}),
            )

    def level_changes(self, case_key: str, metric: str) -> tuple[Change, ...]:
        """The changes of level as they were found when the runs of the case closed, oldest first."""
        with self._reading() as session:
            return levels.stored(session, case_key, metric)

    def find_levels(self, run_id: str, headlines: Headlines) -> int:
        """Finds the changes of level anew for the cases of a run that ended or was taken in. How many there are.

        One transaction a case, so that nobody waits for long. Raises UnknownRun.
        """
        with self._reading() as session:
            cases = levels.cases_of(session, reading.run_row(session, run_id))
        found = 0
        for case in cases:
            with self._writing() as session:
                found += levels.find(session, case, headlines.get(case.suite, ()), run_id)
        return found

    def case(self, key: str) -> Case:
        """The case with exactly this key, under its model's latest name. Raises UnknownCase."""
        with self._reading() as session:
            return history.case(session, key)

    def cases(self) -> tuple[CaseLine, ...]:
        """Every case that was measured, the one with the newest result first."""
        with self._reading() as session:
            return history.cases(session)

    def case_keys(self, run_id: str) -> frozenset[str]:
        """The keys of the cases that a run measured. Raises UnknownRun."""
        with self._reading() as session:
            return frozenset(case.key for case in levels.cases_of(session, reading.run_row(session, run_id)))

    def recent(self, metrics: Mapping[str, str], *, otherwise: str, limit: int) -> tuple[Recent, ...]:
        """Each case's last `limit` points of the metric that `metrics` has for its suite, `otherwise` for others."""
        with self._reading() as session:
            return history.recent(session, metrics, otherwise=otherwise, limit=limit)

    def medians(self) -> tuple[tuple[Case, dict[str, float]], ...]:
        """Every metric's median in the newest result of each case."""
        with self._reading() as session:
            return history.medians(session)

    def state(self) -> tuple[object, ...]:
        """Something that is another when a run, a closed result, a change or a mark came or went.

        Rounds and readings that are being measured are none of it. Takes microseconds where nothing was written since.
        """
        version = self.version()
        seen = self._state
        if seen is None or seen[0] != version:
            with self._reading() as session:
                seen = self._state = version, state.state(session)
        return seen[1]

    def measured(
        self, run_id: str, metrics: Sequence[str], *, cases: Collection[str] | None = None
    ) -> tuple[Measured, ...]:
        """The results of a run with the counted rounds of `metrics`, for comparing; of `cases`, None for all of them.

        Raises UnknownRun.
        """
        with self._reading() as session:
            return measured(session, reading.run_row(session, run_id), metrics, cases=cases)

    def rebuild(self, headlines: Headlines, *, told: Callable[[int, int], None]) -> tuple[int, int]:
        """Computes every summary and every change of level anew from the rounds; how many there are of each.

        `told` hears how many results of how many are done. A result that is being measured is left alone. A few
        hundred results are one transaction, so that a measurement meanwhile does not wait for long.
        """
        with self._reading() as session:
            ids, lines = rollup.closed(session), history.cases(session)
        summaries = 0
        for some in _portions(ids, 200):
            with self._writing() as session:
                summaries += rollup.rebuild(session, some)
            told(ids.index(some[-1]) + 1, len(ids))
        found = 0
        for line in lines:
            with self._writing() as session:
                found += levels.rebuild(session, line.case, headlines.get(line.case.suite, ()))
        return summaries, found

    def set_baseline(self, name: str, run_id: str) -> Baseline:
        """The baseline `name`, which is that run from now on, whatever it was before.

        Raises UsageError for a name that cannot be one, and for a run that has not ended; UnknownRun.
        """
        with self._writing() as session:
            return marks.set_baseline(session, name, reading.run_row(session, run_id), now=self._clock())

    def remove_baseline(self, name: str) -> str:
        """The run that had the name until now. Raises UnknownBaseline."""
        with self._writing() as session:
            return marks.remove_baseline(session, name)

    def baselines(self) -> tuple[Baseline, ...]:
        """Every baseline, the one that was set last first."""
        with self._reading() as session:
            return marks.baselines(session)

    def annotate(self, run_id: str, text: str, *, case_key: str | None = None) -> Annotation:
        """The new annotation of a run, or of one case of it. Raises UnknownRun, UnknownCase, UsageError for no text."""
        with self._writing() as session:
            row = reading.run_row(session, run_id)
            return marks.annotate(session, row, text, case_key=case_key, now=self._clock())

    def annotations(self, *, run_id: str | None = None, case_key: str | None = None) -> tuple[Annotation, ...]:
        """Annotations, oldest first: of one run, or of every run of a case. Raises UnknownRun."""
        with self._reading() as session:
            row = None if run_id is None else reading.run_row(session, run_id)
            return marks.written(session, run=row, case_key=case_key)

    def acknowledge(self, run_id: str, case_key: str, metrics: Sequence[str], text: str | None = None) -> None:
        """Notes that the changes of a case's metrics at a run are known. Raises UnknownRun, UnknownCase."""
        with self._writing() as session:
            row = reading.run_row(session, run_id)
            for metric in metrics:
                marks.acknowledge(session, row, case_key, metric, text, now=self._clock())

    def acknowledged(self, case_key: str, metric: str) -> frozenset[str]:
        """The runs whose change of that metric of the case is known."""
        with self._reading() as session:
            return marks.acknowledged(session, case_key, metric)


def _portions(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for begin in range(0, len(ids), size):
        yield ids[begin : begin + size]
