"""Every case's last result beside its baseline, the worst first. What must never live here: how it is shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from orac_bench.judging.headlines import ELSE, FIRST
from orac_bench.judging.judge import START, Judged, judge
from orac_bench.judging.sides import Pair
from orac_bench.metrics import METRICS, Metric
from orac_bench.records import Case, Run, Summary
from orac_bench.stats.holm import judged_together
from orac_bench.store.history import Recent
from orac_bench.store.marks import Baseline
from orac_bench.store.measured import Measured
from orac_bench.store.store import Store
from orac_bench.verdicts import Comparison, Verdict

SPARK = 20
"""Medians of a case that are drawn small."""

_ITSELF = Comparison(verdict=Verdict.SAME, ratio=None, ci_low=None, ci_high=None, n=0, needed=None)
_ALONE = replace(_ITSELF, verdict=Verdict.INCONCLUSIVE)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A case's last result. `baseline` is the name or the run that it is compared with, None where there is none yet.

    `acknowledged`: a change since then is known, and so no news.
    """

    case: Case
    metric: Metric
    run: str
    at: datetime
    last: Summary
    baseline: str | None
    comparison: Comparison
    verdict: Verdict
    acknowledged: bool
    spark: tuple[float, ...]
    power_mode: str | None
    """Of the board at that run; None where it has none."""


@dataclass(frozen=True, kw_only=True)
class _Against:
    """What a case's last result is compared with."""

    name: str
    run: str


def overview(store: Store) -> tuple[Standing, ...]:
    """Every case's last result, the worst first: slower ones by how much, then what is not known, same, faster.

    A case is compared with the baseline that was set last and has it, else with its run before the last one.
    """
    lines = store.recent(FIRST, otherwise=ELSE[0], limit=SPARK)
    named = [(one, store.case_keys(one.run)) for one in store.baselines()]
    against = [_against(line, named) for line in lines]
    wanted: dict[str, set[str]] = {}
    for line, other in zip(lines, against, strict=True):
        for run in {line.points[-1].run, *([other.run] if other else [])}:
            wanted.setdefault(run, set()).add(line.case.key)
    metrics = tuple(dict.fromkeys([*(_metric(line) for line in lines), START]))
    runs = {run: store.run(run) for run in wanted}
    results = {
        (run, one.case.key): one for run, keys in wanted.items() for one in store.measured(run, metrics, cases=keys)
    }
    rows = [_judged(line, other, runs, results) for line, other in zip(lines, against, strict=True)]
    beside = judged_together([row.comparison for row in rows])
    standings = [
        _standing(store, line, other, replace(row, comparison=comparison), runs[row.run])
        for line, other, row, comparison in zip(lines, against, rows, beside, strict=True)
    ]
    return tuple(sorted(standings, key=_badness))


def _against(line: Recent, named: Sequence[tuple[Baseline, frozenset[str]]]) -> _Against | None:
    for baseline, keys in named:
        if line.case.key in keys:
            return _Against(name=baseline.name, run=baseline.run)
    return _Against(name=line.points[-2].run, run=line.points[-2].run) if len(line.points) > 1 else None


def _judged(
    line: Recent, other: _Against | None, runs: Mapping[str, Run], results: Mapping[tuple[str, str], Measured]
) -> Judged:
    """The last result beside its baseline; without one inconclusive, and the baseline itself the same, both bare."""
    last, key = line.points[-1].run, line.case.key
    base = last if other is None else other.run
    pair = Pair(base=results.get((base, key)), candidate=results.get((last, key)))
    if base != last:
        return judge(runs[base], runs[last], pair, _metric(line), across_conditions=False)
    return Judged(
        run=last,
        side=last,
        case=line.case,
        other=line.case,
        metric=METRICS[_metric(line)],
        base=line.last,
        candidate=line.last,
        comparison=_ALONE if other is None else _ITSELF,
        paired=False,
        in_blocks=False,
        canary=False,
        details={},
    )


def _standing(store: Store, line: Recent, other: _Against | None, row: Judged, run: Run) -> Standing:
    mode = run.conditions.facts.get("power_mode") if run.conditions else None
    return Standing(
        case=line.case,
        metric=row.metric,
        run=row.run,
        at=line.points[-1].at,
        last=line.last,
        baseline=other.name if other else None,
        comparison=row.comparison,
        verdict=row.verdict,
        acknowledged=row.comparison.verdict is Verdict.SLOWER and _known(store, line, other, row.metric.key),
        spark=tuple(point.median for point in line.points),
        power_mode=None if mode is None else str(mode),
    )


def _known(store: Store, line: Recent, other: _Against | None, metric: str) -> bool:
    """Whether a person knows of a change of the case since its baseline, as far back as the small line reaches."""
    runs = [point.run for point in line.points]
    since = runs.index(other.run) + 1 if other and other.run in runs else 0
    return bool(store.acknowledged(line.case.key, metric) & {*runs[since:]})


def _metric(line: Recent) -> str:
    return FIRST.get(line.case.suite, ELSE[0])


def _badness(one: Standing) -> tuple[int, float, str, str]:
    """What sorts the worst first: the verdict, then how far on the bad side the ratio is."""
    known = _ORDER[one.comparison.verdict] + (1 if one.acknowledged else 0)
    worse = math.log(one.comparison.ratio) if one.comparison.ratio else 0.0
    if one.metric.better == "higher":
        worse = -worse
    return known, -worse, one.case.model, one.case.key


_ORDER = {Verdict.SLOWER: 0, Verdict.INCONCLUSIVE: 2, Verdict.SAME: 3, Verdict.FASTER: 4}
