"""What is answered about cases over time, as /docs describes it.

What must never live here: anything that acts.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from orac_bench.api.mark_bodies import AnnotationItem
from orac_bench.metrics import Better

Verdict = Literal["slower", "faster", "worse", "better", "same", "inconclusive"]

_WORKLOAD: JsonDict = {"prompt_tokens": 64, "output_tokens": 128, "prompt_sha256": None, "version": 1}
_CASE: JsonDict = {
    "case": "1f0c2a9e5b7d4433",
    "model": "phi-2",
    "variant": None,
    "suite": "decode",
    "workload": _WORKLOAD,
}
_METRIC: JsonDict = {"metric": "decode_tokens_per_s", "unit": "tokens/s", "better": "higher"}
_SUMMARY: JsonDict = {
    "n": 10,
    "median": 13.4,
    "ci_low": 13.2,
    "ci_high": 13.6,
    "min": 13.1,
    "max": 13.7,
    "q25": 13.3,
    "q75": 13.5,
    "p90": None,
    "p95": None,
    "p99": None,
}


def _example(example: JsonDict) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]})


class WorkloadPart(BaseModel):
    """What is asked of the model."""

    prompt_tokens: int | None = Field(description="null where the prompt was given by file.")
    output_tokens: int
    prompt_sha256: str | None
    version: int


class CaseKeys(BaseModel):
    """A case: suite, model file, workload and options."""

    case: str = Field(description="Its key.")
    model: str
    variant: str | None = Field(description="What tells it from the model's other cases, such as num_thread=4.")
    suite: str
    workload: WorkloadPart


class SummaryPart(BaseModel):
    """Statistics over the rounds that count, in the metric's unit; null below a value's floor of rounds."""

    n: int
    median: float
    ci_low: float | None = Field(description="Of the 95 % interval of the median; null below 6 rounds.")
    ci_high: float | None
    min: float
    max: float
    q25: float | None
    q75: float | None
    p90: float | None
    p95: float | None
    p99: float | None


class CaseItem(CaseKeys):
    """A case in a list."""

    runs: int = Field(description="How many runs have it.")
    last_at: str = Field(description="RFC 3339 in UTC.")
    metrics: list[str] = Field(description="Those of its latest results.")


class Cases(BaseModel):
    """Every case that was measured, the one with the newest result first."""

    model_config = _example(
        {"cases": [{**_CASE, "runs": 31, "last_at": "2026-11-22T12:00:00.000000Z", "metrics": ["ttft_s"]}]}
    )

    cases: list[CaseItem]


class PointItem(BaseModel):
    """A case's metric in one run."""

    run: str
    at: str
    n: int
    median: float
    ci_low: float | None
    ci_high: float | None
    conditions: str | None = Field(description="The hash of the run's conditions.")


class ChangeItem(BaseModel):
    """A new level, from run `at_run` on."""

    at_run: str
    ratio: float | None = Field(description="New level over the one before; null where the conditions changed.")
    cause: str = Field(description="`measured`, or `conditions: ` and each fact that is another.")
    acknowledged: bool


class GapItem(BaseModel):
    """A run that has the case, and no value of the metric for it."""

    run: str
    at: str
    status: str = Field(description="How the case ended there.")


class HistoryBody(CaseKeys):
    """A case's metric over time, oldest first."""

    model_config = _example(
        {
            **_CASE,
            **_METRIC,
            "points": [
                {
                    "run": "20261122-120000-3fa9",
                    "at": "2026-11-22T12:00:00.000000Z",
                    "n": 10,
                    "median": 13.4,
                    "ci_low": 13.2,
                    "ci_high": 13.6,
                    "conditions": "9c1f0b7a52d3e684",
                }
            ],
            "changes": [{"at_run": "20261122-120000-3fa9", "ratio": 0.95, "cause": "measured", "acknowledged": False}],
            "annotations": [],
            "gaps": [],
            "conditions": {"9c1f0b7a52d3e684": {"power_mode": "15W", "ollama_version": "0.11.4"}},
        }
    )

    metric: str
    unit: str
    better: Better | None
    points: list[PointItem]
    changes: list[ChangeItem]
    annotations: list[AnnotationItem]
    gaps: list[GapItem] = Field(description="Where a value is missing, oldest first.")
    conditions: dict[str, dict[str, object]] = Field(description="Facts by the hash that points name.")


class ComparedCase(CaseKeys):
    """A case's metric in both. `ratio` is candidate over base, with its 95 % interval."""

    metric: str
    unit: str
    better: Better
    base: SummaryPart | None
    candidate: SummaryPart | None
    ratio: float | None
    ci_low: float | None
    ci_high: float | None
    verdict: Verdict
    paired: bool = Field(description="Whether the two were interleaved.")
    in_blocks: bool = Field(description="Whether `n` and `needed` count blocks, as those of pairs do; else rounds.")
    n: int = Field(description="Pairs of blocks; else the rounds or blocks of the smaller side.")
    needed: int | None = Field(description="How many more would probably decide.")
    notes: list[str]
    failed_on: bool = Field(description="Whether it is worse for certain than `fail_on` allows.")
    canary: bool = Field(description="Whether it is the canary, which stands beside the comparison.")
    candidate_run: str
    candidate_case: str = Field(description="The key of the candidate's case: another for another model or options.")
    candidate_model: str
    candidate_variant: str | None


class ComparisonBody(BaseModel):
    """Two runs, or several against one."""

    model_config = _example(
        {
            "base": "20261121-120000-aa01",
            "candidate": "20261122-120000-3fa9",
            "conditions_differ": {},
            "cases": [
                {
                    **_CASE,
                    **_METRIC,
                    "base": _SUMMARY,
                    "candidate": {**_SUMMARY, "median": 12.3},
                    "ratio": 0.918,
                    "ci_low": 0.91,
                    "ci_high": 0.926,
                    "verdict": "slower",
                    "paired": False,
                    "in_blocks": False,
                    "n": 10,
                    "needed": None,
                    "notes": ["not interleaved: what changed between the two may be the board"],
                    "failed_on": True,
                    "canary": False,
                    "candidate_run": "20261122-120000-3fa9",
                    "candidate_case": "1f0c2a9e5b7d4433",
                    "candidate_model": "phi-2",
                }
            ],
        }
    )

    base: str
    candidate: str | list[str] = Field(description="A list where several were asked for.")
    conditions_differ: dict[str, list[object]] = Field(description="By fact: the base's value, then each candidate's.")
    cases: list[ComparedCase]


class StandingItem(CaseKeys):
    """A case's last result beside its baseline."""

    metric: str
    unit: str
    better: Better | None
    run: str
    at: str
    last: SummaryPart
    baseline: str | None = Field(description="A baseline's name, or the run before; null where there is none.")
    ratio: float | None
    ci_low: float | None
    ci_high: float | None
    verdict: Verdict
    acknowledged: bool = Field(description="Whether a person knows of the change.")
    spark: list[float] = Field(description="Medians of its latest runs, oldest first.")
    power_mode: str | None = Field(description="Of the board at that run; null where it has none.")


class OverviewBody(BaseModel):
    """The board, and every case, the worst first."""

    model_config = _example(
        {
            "board": {"status": "ok"},
            "cases": [
                {
                    **_CASE,
                    **_METRIC,
                    "run": "20261122-120000-3fa9",
                    "at": "2026-11-22T12:00:00.000000Z",
                    "last": _SUMMARY,
                    "baseline": "main-baseline",
                    "ratio": 0.95,
                    "ci_low": 0.94,
                    "ci_high": 0.96,
                    "verdict": "slower",
                    "acknowledged": False,
                    "spark": [14.1, 14.0, 13.4],
                    "power_mode": "15W",
                }
            ],
        }
    )

    board: dict[str, object] = Field(
        description="As GET /v1/health, `reading` as GET /v1/telemetry/latest, and `power_mode`."
    )
    cases: list[StandingItem]
