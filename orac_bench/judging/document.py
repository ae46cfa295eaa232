"""Comparisons, histories and the overview as JSON: the bodies of the service and of `--json`. Pure.

Keys carry their unit, what is absent is null, moments are RFC 3339 in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence

from orac_bench.judging.case_history import CaseHistory
from orac_bench.judging.compare import Compared
from orac_bench.judging.judge import Judged
from orac_bench.judging.overview import Standing
from orac_bench.records import Case, Summary
from orac_bench.store.document import Object, moment, summary_part, workload_part
from orac_bench.store.history import CaseLine
from orac_bench.store.marks import Annotation, Baseline


def comparison_body(compared: Compared) -> Object:
    """The body of GET /v1/compare. With one candidate `candidate` is its name, with several a list of them."""
    several = len(compared.candidates) > 1
    return {
        "base": compared.base,
        "candidate": [*compared.candidates] if several else compared.candidates[0],
        "conditions_differ": {key: [*values] for key, values in compared.conditions_differ.items()},
        "cases": [_row(row) for row in compared.rows],
    }


def history_body(told: CaseHistory) -> Object:
    """The body of GET /v1/history: the case and its metric, points and changes oldest first, what people wrote."""
    return {
        **case_keys(told.case),
        "metric": told.metric.key,
        "unit": told.metric.unit.value,
        "better": told.metric.better,
        "points": [
            {
                "run": point.run,
                "at": moment(point.at),
                "n": point.n,
                "median": point.median,
                "ci_low": point.ci_low,
                "ci_high": point.ci_high,
                "conditions": point.conditions,
            }
            for point in told.points
        ],
        "changes": [
            {"at_run": one.at_run, "ratio": one.ratio, "cause": one.cause, "acknowledged": one.acknowledged}
            for one in told.changes
        ],
        "annotations": [annotation_body(one) for one in told.annotations],
        "gaps": [{"run": one.run, "at": moment(one.at), "status": one.status.value} for one in told.gaps],
        "conditions": {key: dict(facts) for key, facts in told.conditions.items()},
    }


def cases_body(lines: Sequence[CaseLine]) -> Object:
    """The body of GET /v1/cases."""
    return {
        "cases": [
            {**case_keys(line.case), "runs": line.runs, "last_at": moment(line.last_at), "metrics": [*line.metrics]}
            for line in lines
        ]
    }


def standing_body(one: Standing) -> Object:
    """A case of GET /v1/overview."""
    return {
        **case_keys(one.case),
        "metric": one.metric.key,
        "unit": one.metric.unit.value,
        "better": one.metric.better,
        "run": one.run,
        "at": moment(one.at),
        "last": summary_part(one.last),
        "baseline": one.baseline,
        "ratio": one.comparison.ratio,
        "ci_low": one.comparison.ci_low,
        "ci_high": one.comparison.ci_high,
        "verdict": one.verdict.value,
        "acknowledged": one.acknowledged,
        "spark": [*one.spark],
        "power_mode": one.power_mode,
    }


def baseline_body(one: Baseline) -> Object:
    """A baseline of GET /v1/baselines."""
    return {"name": one.name, "run": one.run}


def annotation_body(one: Annotation) -> Object:
    """What a person wrote; `case` is null where it is about the whole run."""
    return {"run": one.run, "case": one.case, "at": moment(one.at), "text": one.text}


def case_keys(case: Case) -> Object:
    """A case where a list has many."""
    return {
        "case": case.key,
        "model": case.model,
        "variant": case.variant or None,
        "suite": case.suite,
        "workload": workload_part(case.workload),
    }


def _row(row: Judged) -> Object:
    comparison = row.comparison
    return {
        **case_keys(row.case),
        "metric": row.metric.key,
        "unit": row.metric.unit.value,
        "better": row.metric.better,
        "base": _summary(row.base),
        "candidate": _summary(row.candidate),
        "ratio": comparison.ratio,
        "ci_low": comparison.ci_low,
        "ci_high": comparison.ci_high,
        "verdict": row.verdict.value,
        "paired": row.paired,
        "in_blocks": row.in_blocks,
        "n": comparison.n,
        "needed": comparison.needed,
        "notes": [*row.notes],
        "failed_on": row.failed_on,
        "canary": row.canary,
        "candidate_run": row.run,
        "candidate_case": row.other.key,
        "candidate_model": row.other.model,
        "candidate_variant": row.other.variant or None,
    }


def _summary(summary: Summary | None) -> Object | None:
    return None if summary is None else summary_part(summary)
