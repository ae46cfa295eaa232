"""A run as JSON: the one place that shapes the document of `orac show RUN --json`. Pure.

Keys carry their unit, what is absent is null, moments are RFC 3339 in UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

from orac_bench.records import Case, Conditions, Failure, Json, Result, Round, Run, Summary, Workload
from orac_bench.store.tables import METRIC_COLUMNS

Object = dict[str, Json]
"""A JSON object."""


def document(run: Run, results: Sequence[Result], *, rounds: bool) -> Object:
    """What `orac show RUN --json` prints; each result has its rounds only where `rounds` says so."""
    return {
        "run": {**run_part(run), **plan_part(results)},
        "conditions": conditions_part(run.conditions),
        "results": [
            {**result_part(result), "rounds": [round_part(one) for one in result.rounds]}
            if rounds
            else result_part(result)
            for result in results
        ],
    }


def run_part(run: Run) -> Object:
    """The run itself."""
    return {
        "id": run.id,
        "status": run.status.value,
        "started": moment(run.started),
        "ended": moment(run.ended),
        "trigger": run.trigger,
        "note": run.note,
        "orac_version": run.orac_version,
        "metrics_version": run.metrics_version,
    }


def plan_part(results: Sequence[Result]) -> Object:
    """How a run was measured where it was not plainly case after case; null or false what was not asked for."""
    facts = [result.facts for result in results]
    blocks = [count for each in facts if isinstance(count := each.get("blocks"), int)]
    precision = [told.get("wanted") for each in facts if isinstance(told := each.get("precision"), dict)]
    return {
        "blocks": max(blocks, default=None),
        "paired": any("pair" in each for each in facts),
        "precision": next(iter(precision), None),
        "canary": next((one.case.key for one in results if one.facts.get("canary") is True), None),
    }


def conditions_part(conditions: Conditions | None) -> Object | None:
    """What decides comparability; None where the run ended before it was known."""
    return None if conditions is None else {"hash": conditions.hash, "facts": dict(conditions.facts)}


def result_part(result: Result) -> Object:
    """A result without its rounds."""
    return {
        "case": case_part(result.case),
        "model_digest": result.case.model_digest,
        "options": dict(result.case.options),
        "offload_ratio": result.offload_ratio,
        "status": result.status.value,
        "planned": result.planned,
        "done": result.done,
        "summary": {metric: summary_part(summary) for metric, summary in result.summary.items()},
    }


def summary_part(summary: Summary) -> Object:
    """The statistics of one metric."""
    return {
        "n": summary.n,
        "median": summary.median,
        "ci_low": summary.ci_low,
        "ci_high": summary.ci_high,
        "min": summary.minimum,
        "max": summary.maximum,
        "q25": summary.q25,
        "q75": summary.q75,
        "p90": summary.p90,
        "p95": summary.p95,
        "p99": summary.p99,
    }


def round_part(one: Round) -> Object:
    """A round, with every metric: null where it could not be had."""
    return {
        "index": one.index,
        "phase": one.phase.value,
        "block": one.block,
        "status": one.status.value,
        "error": failure_part(one.failure),
        "flags": [*sorted(flag.value for flag in one.flags)],
        "counted": one.counted,
        "metrics": {metric: one.metrics.get(metric) for metric in METRIC_COLUMNS},
        "raw": dict(one.raw),
    }


def failure_part(failure: Failure | None) -> Object | None:
    """Why there is no result; None where there is one."""
    return None if failure is None else {"code": failure.code, "message": failure.message}


def moment(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the microsecond: "2026-11-22T12:00:00.000000Z"."""
    return None if at is None else at.astimezone(timezone.utc).isoformat(timespec="microseconds")[:-6] + "Z"


def case_part(case: Case) -> Object:
    """A case as people know it; its digest and options stand beside it."""
    return {
        "key": case.key,
        "suite": case.suite,
        "model": case.model,
        "workload": workload_part(case.workload),
    }


def workload_part(workload: Workload) -> Object:
    """What is asked of the model."""
    return {
        "prompt_tokens": workload.prompt_tokens,
        "output_tokens": workload.output_tokens,
        "prompt_sha256": workload.prompt_sha256,
        "version": workload.version,
    }
