"""Records with defaults, for every test: name what matters, leave out the rest.

The defaults are one sound run of the model `tiny` on the board `orin`: ten rounds of 16 tokens are planned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone

from orac_bench.flags import Flag
from orac_bench.records import (
    METRICS_VERSION,
    Case,
    Conditions,
    Failure,
    Json,
    Phase,
    Result,
    Round,
    RoundStatus,
    Run,
    Status,
    Summary,
    Workload,
)

NOON = datetime(2026, 11, 22, 12, 0, 0, tzinfo=timezone.utc)
"""When everything happens unless said otherwise."""

SOUND: Mapping[str, float] = {
    "ttft_s": 0.2,
    "e2e_s": 0.5,
    "decode_tokens_per_s": 50.0,
    "input_tokens": 64.0,
    "output_tokens": 16.0,
}
"""The metrics of a sound round: 0.2 s to the first token, then 15 tokens at 20 ms."""


def later(seconds: float) -> datetime:
    """`seconds` after noon."""
    return NOON + timedelta(seconds=seconds)


def a_workload(
    *,
    prompt_tokens: int | None = 64,
    output_tokens: int = 16,
    prompt_sha256: str | None = None,
    version: int = 1,
) -> Workload:
    """64 tokens in, 16 out."""
    return Workload(
        prompt_tokens=prompt_tokens, output_tokens=output_tokens, prompt_sha256=prompt_sha256, version=version
    )


def a_case(
    *,
    key: str | None = None,
    suite: str = "first_token",
    model: str = "tiny",
    model_digest: str | None = None,
    workload: Workload | None = None,
    options: Mapping[str, Json] | None = None,
) -> Case:
    """The suite `first_token` on `tiny`. Key and digest follow from the names unless given."""
    workload = workload or a_workload()
    return Case(
        key=key or f"{suite}-{model}-{workload.prompt_tokens}-{workload.output_tokens}",
        suite=suite,
        model=model,
        model_digest=model_digest or f"sha256:{model}",
        workload=workload,
        options=options if options is not None else {"temperature": 0.7, "num_ctx": 2048},
    )


def a_round(
    *,
    index: int = 0,
    phase: Phase = Phase.MEASURE,
    metrics: Mapping[str, float] | None = None,
    flags: Sequence[Flag] = (),
    failure: Failure | None = None,
    started: datetime | None = None,
    seed: int = 1,
    raw: Mapping[str, Json] | None = None,
    arrivals_ns: Sequence[int] = (200_000_000, 220_000_000, 240_000_000),
) -> Round:
    """A sound round; with `failure` a failed one without metrics. Rounds start 1 s apart."""
    return Round(
        index=index,
        phase=phase,
        status=RoundStatus.OK if failure is None else RoundStatus.FAILED,
        started=started or later(index),
        seed=seed,
        metrics=metrics if metrics is not None else ({} if failure else SOUND),
        flags=frozenset(flags),
        failure=failure,
        raw=raw if raw is not None else {"eval_count": 16},
        arrivals_ns=tuple(arrivals_ns),
    )


def a_conditions(
    *, hash: str = "c0ffee", facts: Mapping[str, Json] | None = None, volatile: Mapping[str, Json] | None = None
) -> Conditions:
    """The board `orin` in MAXN."""
    return Conditions(
        hash=hash,
        facts=facts if facts is not None else {"board": "orin", "power_mode": "MAXN"},
        volatile=volatile if volatile is not None else {"uptime_s": 60.0},
    )


def a_run(
    *,
    id: str = "20261122-120000-abcd",
    status: Status = Status.RUNNING,
    started: datetime = NOON,
    ended: datetime | None = None,
    trigger: str = "pytest",
    note: str | None = None,
    conditions: Conditions | None = None,
    seed: int = 7,
    arguments: Sequence[str] = ("--orac-model", "tiny"),
    error: str | None = None,
    orac_version: str = "0.1.0",
    metrics_version: int = METRICS_VERSION,
) -> Run:
    """A run that began at noon and is running."""
    return Run(
        id=id,
        status=status,
        started=started,
        ended=ended,
        trigger=trigger,
        note=note,
        orac_version=orac_version,
        metrics_version=metrics_version,
        conditions=conditions or a_conditions(),
        seed=seed,
        arguments=tuple(arguments),
        error=error,
    )


def a_result(
    *,
    case: Case | None = None,
    status: Status = Status.DONE,
    rounds: Sequence[Round] = (),
    planned: int = 10,
    offload_ratio: float | None = 1.0,
    facts: Mapping[str, Json] | None = None,
    summary: Mapping[str, Summary] | None = None,
    failure: Failure | None = None,
    started: datetime | None = NOON,
    ended: datetime | None = None,
) -> Result:
    """A done result; `done` counts those of `rounds` that are in the statistics."""
    return Result(
        case=case or a_case(),
        status=status,
        planned=planned,
        done=sum(measured.counted for measured in rounds),
        offload_ratio=offload_ratio,
        facts=facts if facts is not None else {},
        summary=summary if summary is not None else {},
        rounds=tuple(rounds),
        failure=failure,
        started=started,
        ended=ended or later(60),
    )
