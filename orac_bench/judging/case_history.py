"""A case over time: its points, the places where its level changed, what changed there, and what people wrote.

    told = case_history(store, case_key, metric=None)

What must never live here: finding a change (`stats/history.py`), and how it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orac_bench.errors import UnknownCase, UsageError
from orac_bench.judging.headlines import headlines
from orac_bench.judging.headlines import metric as metric_of
from orac_bench.judging.judge import conditions_text
from orac_bench.metrics import Metric
from orac_bench.models.catalog import short_names
from orac_bench.records import Case, Json
from orac_bench.store.history import CaseLine, Gap, Point
from orac_bench.store.levels import Change, changes
from orac_bench.store.marks import Annotation
from orac_bench.store.past import Line
from orac_bench.store.store import Store


@dataclass(frozen=True, kw_only=True)
class Told:
    """A change of level as people are told of it: from run `at_run` on."""

    at_run: str
    ratio: float | None
    """New level over the one before; None where the conditions changed."""
    cause: str
    """"measured", or "conditions: " and each fact that is another."""
    acknowledged: bool


@dataclass(frozen=True, kw_only=True)
class CaseHistory:
    """A case's metric over time, oldest first."""

    case: Case
    metric: Metric
    points: tuple[Point, ...]
    changes: tuple[Told, ...]
    annotations: tuple[Annotation, ...]
    gaps: tuple[Gap, ...]
    """Runs that have the case, and no value."""
    conditions: Mapping[str, Mapping[str, Json]]
    """Facts of the conditions that the points name, by their hash."""


def case_history(store: Store, case_key: str, *, metric: str | None = None) -> CaseHistory:
    """The history of a case; of its suite's first headline where `metric` is None.

    Changes of headlines were found when their runs closed; of other metrics they are found now. Raises UnknownCase,
    UsageError for an unknown metric.
    """
    case = store.case(case_key)
    chosen = metric_of(metric or headlines(case.suite)[0])
    line = store.line(case.key, chosen.key)
    found = line.changes if chosen.key in headlines(case.suite) else changes(line.points)
    return CaseHistory(
        case=case,
        metric=chosen,
        points=line.points,
        changes=_told(line, found),
        annotations=line.annotations,
        gaps=line.gaps,
        conditions=line.conditions,
    )


def cases_named(
    store: Store, *, model: str | None = None, suite: str | None = None, key: str | None = None
) -> list[CaseLine]:
    """The cases of that model and suite, or whose key begins so, those with the newest results first.

    Raises UsageError where nothing is named, and UnknownCase with what there is.
    """
    if not (model or suite or key):
        raise UsageError("No case is named.", next="For example: orac history --model phi-2 --suite decode")
    lines = store.cases()
    found = [
        line
        for line in lines
        if (model is None or model.removesuffix(":latest") in (line.case.model, *short_names(line.case.model)))
        and (suite is None or line.case.suite == suite)
        and (key is None or line.case.key.startswith(key))
    ]
    if not found:
        known = list(dict.fromkeys(f"{line.case.model} {line.case.suite}" for line in lines))
        asked = " ".join(
            f"--{name} {value}" for name, value in (("model", model), ("suite", suite), ("case", key)) if value
        )
        there = ", ".join(known[:8]) + (f" and {len(known) - 8} more" if len(known) > 8 else "")
        raise UnknownCase(
            f"No case was measured for {asked}; there are {there or 'none at all'}.",
            next="See what was measured with `orac list` and `orac show latest`.",
        )
    return found


def changed_at(store: Store, case: Case, run_id: str, *, metric: str | None = None) -> tuple[str, ...]:
    """The metrics of `case`, of its headlines where `metric` is None, whose level changed at that run.

    Raises UsageError with the runs at which it did where it did not, and for an unknown metric.
    """
    asked = headlines(case.suite) if metric is None else (metric_of(metric).key,)
    by_metric = {key: _changes(store, case, key, store.points(case.key, key)) for key in asked}
    found = tuple(key for key, known in by_metric.items() if any(one.run == run_id for one in known))
    if not found:
        runs = list(dict.fromkeys(one.run for known in by_metric.values() for one in known))
        raise UsageError(
            f"The level of {', '.join(asked)} of case {case.key} ({case.model} {case.suite}) did not change at run "
            f"{run_id}; " + (f"it did at {', '.join(runs[-6:])}." if runs else "it never did."),
            next=f"See its changes with `orac history --case {case.key}`.",
        )
    return found


def _changes(store: Store, case: Case, metric: str, points: Sequence[Point]) -> tuple[Change, ...]:
    """Those of a headline were found when its runs closed; those of other metrics are found now."""
    return store.level_changes(case.key, metric) if metric in headlines(case.suite) else changes(points)


def _told(line: Line, found: Sequence[Change]) -> tuple[Told, ...]:
    """The changes that are `found`, those whose run the line no longer has left out."""
    runs = {one.run for one in found}
    at = {point.run: place for place, point in enumerate(line.points) if point.run in runs}
    return tuple(
        Told(
            at_run=one.run,
            ratio=one.ratio,
            cause=one.cause if one.cause == "measured" else f"conditions: {_differences(line, at[one.run])}",
            acknowledged=one.run in line.acknowledged,
        )
        for one in found
        if one.run in at
    )


def _differences(line: Line, place: int) -> str:
    """What decides comparability and is another at that point than at the one before it, for people."""
    a, b = line.points[max(place - 1, 0)], line.points[place]
    differ: dict[str, tuple[Json, ...]] = {}
    if a.conditions != b.conditions:
        ours, theirs = line.conditions.get(a.conditions or "", {}), line.conditions.get(b.conditions or "", {})
        keys = sorted({*ours, *theirs})
        differ = {key: (ours.get(key), theirs.get(key)) for key in keys if ours.get(key) != theirs.get(key)}
    if a.metrics_version != b.metrics_version:
        differ["metrics_version"] = (a.metrics_version, b.metrics_version)
    if a.kind[2] != b.kind[2]:
        differ["offload_ratio"] = (a.offload_ratio, b.offload_ratio)
    return conditions_text(differ, between="to")
