"""Frozen records: what ORAC knows, and how it travels from the socket to the store. Pure.

Raw stamps are integers in ns of one monotonic clock; everything else is in base units, with the unit in the name.
Absent is None. What must never live here: anything that reads, computes a metric, or knows a library; what only
telemetry knows (telemetry/reading.py, telemetry/energy.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Union

from orac_bench.flags import EXCLUDING, Flag

Json = Union[None, bool, int, float, str, "list[Json]", "dict[str, Json]"]
"""What a JSON document can hold."""

METRICS_VERSION = 1
"""The definitions in metrics.py. Raised when one of them changes; runs of different versions are not compared."""


class Phase(str, Enum):
    """What a round counts for."""

    WARMUP = "warmup"  # run first, stored, never in a statistic
    MEASURE = "measure"  # counted, unless it failed or a flag excludes it


class RoundStatus(str, Enum):
    """How a round ended."""

    OK = "ok"  # the final record arrived
    FAILED = "failed"  # it did not; `error` says why


class Status(str, Enum):
    """Where a run or a result stands."""

    QUEUED = "queued"  # waits for its turn
    RUNNING = "running"  # a process is measuring it
    DONE = "done"  # every planned round is there and none failed
    FAILED = "failed"  # it ended, and a round or a whole case failed
    CANCELLED = "cancelled"  # a person ended it on purpose; it is not resumed
    INTERRUPTED = "interrupted"  # it stopped before its end and can be resumed
    LOST = "lost"  # it stopped and cannot be resumed: the conditions changed, or the retries are used up


CANARY = "(canary)"
"""The variant of the canary's case, for people."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One grid point: suite x model x workload x options. `key` is a hash of these, never a pytest node id."""

    key: str
    suite: str
    model: str
    """The name, for people; the digest decides."""
    model_digest: str
    workload: Workload
    options: Mapping[str, Json]
    """What is sent with each request and is equal in every round; the seed is not among them."""
    variant: str = ""
    """What tells it from the model's other cases in its run, for people: "num_thread=4", or "(canary)"."""

    @property
    def name(self) -> str:
        """The model with its variant, for tables: "tinyllama num_thread=4"."""
        return f"{self.model} {self.variant}".rstrip()


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What is asked of the model. `prompt_tokens` is None where a prompt was given by file, `prompt_sha256` else."""

    prompt_tokens: int | None
    output_tokens: int
    prompt_sha256: str | None = None
    version: int = 1
    """Of the texts in suites/; raised when they change, so that old and new results are not mixed."""

    @property
    def label(self) -> str:
        """For tables: "64 → 128"."""
        asked = "file" if self.prompt_tokens is None else str(self.prompt_tokens)
        return f"{asked} → {self.output_tokens}"


@dataclass(frozen=True, slots=True)
class Arrival:
    """Bytes as they came from the socket, stamped when the read returned (monotonic ns)."""

    at_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Chunk:
    """One streamed object that is not the final record. It may carry 0..n tokens.

    `at_ns` is the arrival of the read that completed its line.
    """

    at_ns: int
    text: str = ""
    thinking: str = ""


@dataclass(frozen=True, kw_only=True)
class ServerTimings:
    """The final record's own fields, as Ollama names them, converted to seconds. None where it left one out.

    `prompt_cached_count` is only said by newer servers. Nothing is corrected here.
    """

    done_reason: str | None = None
    total_s: float | None = None
    load_s: float | None = None
    prompt_count: int | None = None
    prompt_cached_count: int | None = None
    prompt_s: float | None = None
    eval_count: int | None = None
    eval_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a round has no result. `code` is one of errors.py; `message` is for people."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One streamed answer, from just before the request was sent to its final record.

    Stamps are monotonic ns. `timings` and `done_ns` are None where no final record came; then `failure` says why.
    `raw` is the final record as the server wrote it, without the text and the `context` array.
    """

    sent_ns: int
    chunks: tuple[Chunk, ...]
    done_ns: int | None
    timings: ServerTimings | None
    failure: Failure | None = None
    raw: Mapping[str, Json] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The whole answer, without thinking."""
        return "".join(chunk.text for chunk in self.chunks)

    @property
    def thinking(self) -> str:
        """The whole thinking."""
        return "".join(chunk.thinking for chunk in self.chunks)


@dataclass(frozen=True, kw_only=True)
class Round:
    """One timed request, ready to be stored. `metrics` has a value for each key that could be had."""

    index: int
    """From 0 in its phase; retried rounds go on counting."""
    phase: Phase
    status: RoundStatus
    started: datetime
    """UTC."""
    seed: int
    metrics: Mapping[str, float]
    flags: frozenset[Flag] = frozenset()
    telling: frozenset[Flag] = frozenset()
    """Those of ONLY_TELLING_AT_TIMES that do not exclude this round. Of a round that does not count anyway: none."""
    failure: Failure | None = None
    raw: Mapping[str, Json] = field(default_factory=dict)
    """The server's own fields, and what was asked: prompt_tokens, output_tokens, nonce. Under `telemetry`: what
    measured the energy and how, and the sentence of each flag that telemetry gave."""
    arrivals_ns: tuple[int, ...] = ()
    """Arrival of each chunk with text, in ns after the request was sent."""
    block: int | None = None
    """From 0: which block of interleaved rounds it belongs to. None where rounds follow each other plainly."""

    @property
    def counted(self) -> bool:
        """Whether the round is in the statistics."""
        excluded = (self.flags - self.telling) & EXCLUDING
        return self.phase is Phase.MEASURE and self.status is RoundStatus.OK and not excluded


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """The host and the server. `facts` decide comparability and are hashed; `volatile` ones are not."""

    hash: str
    facts: Mapping[str, Json]
    volatile: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One session under one set of conditions. Instants are UTC, None where not yet."""

    id: str
    status: Status
    started: datetime
    ended: datetime | None
    trigger: str
    """Which door: `pytest`, `orac`, `rest`, `import`."""
    note: str | None
    orac_version: str
    metrics_version: int
    conditions: Conditions | None
    seed: int
    arguments: tuple[str, ...] = ()
    """The command line, so that a run can be resumed as it was started."""
    error: str | None = None
    """Why the run as a whole ended early, None where it did not."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Statistics of one metric over the counted rounds of a result, in the metric's unit.

    A value is None below its floor: the interval below 6 rounds, p90 below 36, p95 below 72, p99 below 368.
    """

    n: int
    median: float
    minimum: float
    maximum: float
    ci_low: float | None = None
    ci_high: float | None = None
    q25: float | None = None
    q75: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None
    drift_ratio: float | None = None
    """How much the last round lies above the first by the trend within the result; None below 6 rounds."""
    lag1: float | None = None
    """Correlation of each round with the one before it, around their trend, -1 to 1; None below 6 rounds, and where
    all lie on it."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """A case measured in a run. `rounds` is empty where they were not asked for."""

    case: Case
    status: Status
    planned: int
    done: int
    """Counted rounds; warm-ups, failed and excluded ones are not among them. Of a sustained run, where `planned` is
    the time, the seconds reached."""
    offload_ratio: float | None
    """Share of the model on the GPU, 0 to 1; None where the server did not say."""
    facts: Mapping[str, Json]
    """What was found out for the whole result: calibration, cache probe, memory."""
    summary: Mapping[str, Summary]
    rounds: tuple[Round, ...] = ()
    failure: Failure | None = None
    """Why the result as a whole could not be measured, None where it could."""
    started: datetime | None = None
    ended: datetime | None = None
    """UTC, None where not yet. The store sets both."""

    @property
    def tally(self) -> str:
        """For tables: "6/10"; "6" under a precision, where the plan is only the least that there are."""
        return str(self.done) if "precision" in self.facts else f"{self.done}/{self.planned}"


@dataclass(frozen=True, kw_only=True)
class Event:
    """What happened in a run, as its followers are told. `number` counts from 1 within the run; `at` is UTC."""

    number: int
    at: datetime
    kind: str
    data: Mapping[str, Json]
