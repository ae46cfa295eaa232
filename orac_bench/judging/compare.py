"""Two runs, or several against one: every case's verdict, and whether it is one that was asked to fail.

    compared = compare(store, "latest~1", ["latest"], Wishes(fail_on=("decode_tokens_per_s:5%",)))

What must never live here: statistics (`stats/`), and how it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from orac_bench.errors import UsageError
from orac_bench.judging.headlines import ELSE, HEADLINES, directed, headlines
from orac_bench.judging.judge import START, Judged, conditions_differ, judge
from orac_bench.judging.sides import Pair, Side, paired, pairs, side
from orac_bench.judging.thresholds import Threshold, beyond, possible, thresholds
from orac_bench.records import Json, Run
from orac_bench.stats.holm import judged_together
from orac_bench.store.measured import Measured
from orac_bench.store.store import Store
from orac_bench.units import counted, percent
from orac_bench.verdicts import DECIDED, NOTE_TEXT, Note, Verdict


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What the person asked for. Without `metrics` the headlines of each suite are compared."""

    metrics: Sequence[str] = ()
    fail_on: Sequence[str] = ()
    strict: bool = False
    """What is inconclusive or missing fails, too, where a threshold was given for it."""
    across_conditions: bool = False


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A base and its candidates. `rows` are in the order of measuring, candidate by candidate."""

    base: str
    candidates: tuple[str, ...]
    conditions_differ: Mapping[str, tuple[Json, ...]]
    """By fact: the base's value, then each candidate's."""
    rows: tuple[Judged, ...]
    warnings: tuple[str, ...]
    """What a threshold was given for and is untold, in a sentence each."""

    @property
    def failed(self) -> bool:
        """Whether a threshold is exceeded; with `strict` also whether one cannot be told."""
        return any(row.failed_on for row in self.rows)


def compare(store: Store, base: str, candidates: Sequence[str], wishes: Wishes) -> Compared:
    """The comparison of RUN or RUN:CASE `base` with each of `candidates`; with none, that of a paired run's sides.

    Raises UsageError (UnknownRun, UnknownCase) for what cannot be compared at all, with what to type instead.
    """
    limits = {limit.metric: limit for limit in thresholds(wishes.fail_on)}
    if wishes.strict and not limits:
        raise UsageError(
            "Strict is about thresholds, and none is given: nothing could fail.",
            next="Add one, such as --fail-on decode_tokens_per_s:5%",
        )
    asked = directed([*wishes.metrics])
    first = side(store, base)
    others = [side(store, text) for text in candidates] or [first]
    wanted = tuple(dict.fromkeys([*asked, *limits, *_all_headlines(), START]))
    results: dict[str, Sequence[Measured]] = {}
    for run in (first, *others):
        if run.run.id not in results:
            results[run.run.id] = store.measured(run.run.id, wanted)
    rows: list[Judged] = []
    for other in others:
        rows += _rows(first, other, _pairs(first, other, results, alone=not candidates), asked, limits, wishes)
    judged = [_limited(row, limits.get(row.metric.key), strict=wishes.strict) for row in _together(rows)]
    return Compared(
        base=first.name,
        candidates=tuple(other.name for other in others),
        conditions_differ=_conditions(first.run, [other.run for other in others]),
        rows=tuple(judged),
        warnings=tuple(_warning(row, limits[row.metric.key]) for row in judged if row.untold),
    )


def told(row: Judged) -> str:
    """A row in a sentence: "phi-2 decode 64 → 128: Decode -8.1 % (-9.0 % to -7.2 %), slower"."""
    one = row.comparison
    interval = "" if one.ci_low is None else f" ({percent(one.ci_low)} to {percent(one.ci_high)})"
    why = f": {NOTE_TEXT[Note.WITHIN_EFFECT]}" if Note.WITHIN_EFFECT in one.notes else ""
    return f"{_name(row)}: {row.metric.label} {percent(one.ratio)}{interval}, {row.verdict.value}{why}"


def _warning(row: Judged, limit: Threshold) -> str:
    """What is untold of a row, for people."""
    one = row.comparison
    inside = one.ci_low is not None and not possible(one, limit)
    return (
        f"{_name(row)}: {f'within {limit}, but inconclusive' if inside else f'{limit} cannot be told'}: {_why_not(row)}"
    )


def _why_not(row: Judged) -> str:
    """Why a row is untold: what forbids it, else how wide its interval is and what would help."""
    one = row.comparison
    if one.ci_low is None or Note.HOLM in one.notes:
        return "; ".join(row.notes)
    wide = f"the change lies between {percent(one.ci_low)} and {percent(one.ci_high)}"
    if one.needed is None:
        return wide
    return f"{wide}; {counted(one.needed, 'more block' if row.in_blocks else 'more round')} would probably decide"


def _pairs(first: Side, other: Side, results: Mapping[str, Sequence[Measured]], *, alone: bool) -> list[Pair]:
    if alone:
        return paired(first.run, results[first.run.id])
    return pairs(first, other, results[first.run.id], results[other.run.id])


def _rows(
    first: Side,
    other: Side,
    found: Sequence[Pair],
    asked: Sequence[str],
    limits: Mapping[str, Threshold],
    wishes: Wishes,
) -> list[Judged]:
    """A row a pair and metric. A threshold's metric that is no headline of any of these cases is compared in all."""
    suites = {one.case.suite for pair in found for one in (pair.base, pair.candidate) if one}
    known = {metric for suite in suites for metric in headlines(suite)}
    everywhere = [metric for metric in limits if asked or metric not in known]
    across = wishes.across_conditions
    return [
        replace(judge(first.run, other.run, pair, metric, across_conditions=across), side=other.name)
        for pair in found
        for metric in dict.fromkeys([*(asked or headlines(_suite(pair))), *everywhere])
    ]


def _suite(pair: Pair) -> str:
    either = pair.base or pair.candidate
    return either.case.suite if either else ""


def _all_headlines() -> Sequence[str]:
    return [metric for metrics in (*HEADLINES.values(), ELSE) for metric in metrics]


def _together(rows: Sequence[Judged]) -> list[Judged]:
    """The rows judged beside each other (Holm). The canary is no case of the comparison: what it did is said beside."""
    cases = [row for row in rows if not row.canary]
    judged = iter(judged_together([row.comparison for row in cases]))
    held = [row if row.canary else replace(row, comparison=next(judged)) for row in rows]
    moved = {
        row.run: f"{row.case.model} {row.metric.label} {percent(row.comparison.ratio)}, {row.verdict.value}"
        for row in held
        if row.canary and row.comparison.verdict in DECIDED
    }
    return [_beside(row, moved.get(row.run)) for row in held]


def _beside(row: Judged, moved: str | None) -> Judged:
    if moved is None or row.canary or row.paired:
        return row
    comparison = replace(row.comparison, notes=(*row.comparison.notes, Note.CANARY_MOVED))
    return replace(row, comparison=comparison, details={**row.details, Note.CANARY_MOVED: moved})


def _limited(row: Judged, limit: Threshold | None, *, strict: bool) -> Judged:
    """`row`, failed where it is worse than allowed for certain; with `strict` where that cannot be told, too.

    For certain is what holds beside the other cases as well (Holm), whatever the verdict, which knows no threshold. A
    note says so where a row fails within the least effect, and where it does not fail though it would by itself.
    """
    if limit is None or row.canary:
        return row
    one, worse = row.comparison, beyond(row.comparison, limit)
    failed = worse and one.holds
    untold = not failed and (possible(one, limit) or row.verdict is Verdict.INCONCLUSIVE)
    said = {Note.WITHIN_EFFECT: failed and one.verdict not in DECIDED, Note.HOLM: worse and not failed}
    notes = tuple(dict.fromkeys([*one.notes, *(note for note, so in said.items() if so)]))
    return replace(row, comparison=replace(one, notes=notes), failed_on=failed or (strict and untold), untold=untold)


def _conditions(base: Run, others: Sequence[Run]) -> dict[str, tuple[Json, ...]]:
    """By fact: the base's value, then each other's. Of runs whose conditions are not known that they are not."""
    known = [run.conditions is not None for run in (base, *others)]
    if not all(known):
        return {"conditions": tuple("known" if told else None for told in known)}
    keys = sorted({key for other in others for key in conditions_differ(base, other)})
    return {
        key: tuple(run.conditions.facts.get(key) if run.conditions else None for run in (base, *others)) for key in keys
    }


def _name(row: Judged) -> str:
    return f"{row.name} {row.case.suite} {row.case.workload.label}"
