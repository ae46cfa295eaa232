"""What is sent and answered about runs, as /docs describes it. What must never live here: anything that acts."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from orac_bench.suites.grid import SUITES

Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-][^\x00-\x1f\x7f]*$")]
"""Of a model or a suite: looked for among those that are there."""

Variant = Annotated[str, Field(max_length=200, pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*=[^\x00-\x1f\x7f]+$")]
Share = Annotated[float, Field(gt=0, le=0.5)]
Percent = Annotated[str, Field(pattern=r"^[0-9]{1,2}(\.[0-9]{1,3})?%$")]
Length = Annotated[int, Field(ge=1, le=1_000_000)]


_RUN: dict[str, JsonValue] = {
    "id": "20261122-120000-3fa9",
    "status": "running",
    "started": "2026-11-22T12:00:00.000000Z",
    "ended": None,
    "trigger": "rest",
    "note": "new fan",
    "models": ["phi-2.q4_k_m"],
    "progress": {"rounds_done": 7, "rounds_planned": 24, "rounds_failed": 0, "cases_done": 0, "cases_planned": 2},
    "position": None,
    "likely_over": "2026-11-22T12:04:30.000000Z",
}
SHOWN: dict[str, JsonValue] = {
    "run": {
        "id": "20261122-120000-3fa9",
        "status": "done",
        "started": "2026-11-22T12:00:00.000000Z",
        "note": "new fan",
    },
    "conditions": {"hash": "5f3a9c", "facts": {"l4t": "36.4.3", "power_mode": "15W", "ollama": "0.11.4"}},
    "results": [
        {
            "case": {"key": "9f0c", "suite": "decode", "model": "phi-2.q4_k_m", "workload": {"output_tokens": 128}},
            "status": "done",
            "planned": 10,
            "planned_unit": "rounds",
            "planned_at_least": False,
            "done": 10,
            "summary": {"decode_tokens_per_s": {"n": 10, "median": 12.61, "ci_low": 12.55, "ci_high": 12.66}},
        }
    ],
}
"""The most telling part of a run as it is shown."""
_ANSWER: dict[str, JsonValue] = {
    "model": "tinyllama-1.1b-chat-v1.0.q4_k_m",
    "latency_ms": 912.3,
    "answer": "Because air scatters blue light more than red.",
    "tokens_per_s": 13.1,
    "ttft_ms": 142.8,
    "status": "done",
    "error": None,
}


class RunBody(BaseModel):
    """What to measure. All fields may be left out: then every model that is ready is measured with four suites."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"models": ["tinyllama"], "suites": ["decode"], "rounds": 6, "note": "a fan"}]},
    )

    models: list[Name] | None = Field(default=None, max_length=64, description="Names of GET /v1/models; else all.")
    suites: list[Name] | None = Field(
        default=None, max_length=16, description=f"Of {', '.join(SUITES)}; else all that need not be named."
    )
    rounds: int | None = Field(default=None, ge=1, le=10_000, description="Counted rounds a case.")
    warmup: int | None = Field(default=None, ge=0, le=1_000, description="Warm-up rounds a case.")
    output_tokens: int | None = Field(
        default=None, ge=1, le=1_000_000, description="Tokens to write; ORAC_OUTPUT_LIMIT_TOKENS bounds them."
    )
    prompt_tokens: Length | list[Length] | None = Field(default=None, description="Length or lengths of the prompt.")
    paired: bool | None = Field(default=None, description="Interleaves two models, or two variants, for a verdict.")
    variants: list[Variant] | None = Field(default=None, max_length=8, description="KEY=VALUE, for a paired run.")
    precision: Share | Percent | None = Field(
        default=None, description='Measures until the headlines are known that well: 0.02, or "2%".'
    )
    time_limit_s: float | None = Field(
        default=None, ge=1, le=86_400, description="Of a sustained run, and of one with a precision."
    )
    note: str | None = Field(default=None, min_length=1, max_length=1_000, description="Kept with the run.")


class BenchmarkBody(BaseModel):
    """What to ask whom. All fields may be left out."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"models": ["tinyllama"], "prompt": "Why is the sky blue?", "rounds": 3}]},
    )

    models: list[Name] | None = Field(
        default=None, max_length=64, description="Names of GET /v1/models; else those loaded, else all that are ready."
    )
    prompt: str | None = Field(
        default=None, min_length=1, description="What each model is asked, unchanged in every round."
    )
    rounds: int | None = Field(default=None, ge=1, le=100, description="Rounds a model; 3 where left out.")
    output_tokens: int | None = Field(
        default=None, ge=1, description="The most tokens of an answer; else 128. ORAC_OUTPUT_LIMIT_TOKENS bounds them."
    )


class Queued(BaseModel):
    """A run that was asked for."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": "20261122-120000-3fa9", "status": "queued", "position": 0}]}
    )

    id: str
    status: str
    position: int | None = Field(description="How many runs are before it; null where it does not wait any more.")


class CaseEstimate(BaseModel):
    """A case that would be measured."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"model": "phi-2.q4_k_m", "suite": "decode", "workload": "64 → 128", "rounds": 12, "estimate_s": 140.0}
            ]
        }
    )

    model: str
    suite: str
    workload: str = Field(description="Prompt and output tokens.")
    rounds: int = Field(description="With warm-ups.")
    estimate_s: float | None = Field(description="null where nothing like it was ever measured here.")


class Estimate(BaseModel):
    """What a run would be. Nothing was queued."""

    estimate_s: float | None = Field(description="null where a case cannot be told.")
    cases: list[CaseEstimate]


class Cancelled(BaseModel):
    """A run that ends now; `running` until its process has ended."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "20261122-120000-3fa9", "status": "running"}]})

    id: str
    status: str


class Progress(BaseModel):
    """How far a run is. Rounds are those of the cases that were begun; a sustained case counts as one."""

    rounds_done: int
    rounds_planned: int
    rounds_failed: int
    cases_done: int
    cases_planned: int | None = Field(description="null before the run begins.")


class RunItem(BaseModel):
    """A run in a list."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RUN]})

    id: str
    status: str
    started: str
    ended: str | None
    trigger: str
    note: str | None
    models: list[str]
    progress: Progress
    position: int | None = Field(description="How many runs are before a queued one; null for others.")
    likely_over: str | None = Field(description="Of a running one, where it can be told yet.")


class RunPage(BaseModel):
    """Runs, newest first. `next` is for `?before=`; null on the last page."""

    runs: list[RunItem]
    next: str | None


class Chunks(BaseModel):
    """When the chunks of a round arrived, in seconds after its request was sent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"t_s": [0.142, 0.218, 0.294]}]})

    t_s: list[float]


class Answer(BaseModel):
    """What one model did with the prompt."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ANSWER]})

    model: str
    latency_ms: float | None = Field(description="Median of the counted rounds, from request to the last token.")
    answer: str | None = Field(description="Of the first round.")
    tokens_per_s: float | None = Field(description="Median rate of writing.")
    ttft_ms: float | None = Field(description="Time to the first token of the first round; later ones are cached.")
    status: str
    error: str | None


class Answers(BaseModel):
    """The models, the quickest first, those that failed last."""

    run: str
    results: list[Answer]
