"""The tables, as SQLModel classes; `migrations/` makes them. Portable: SQLite now, PostgreSQL as well.

    conditions <- run <- result -> bench_case -> model
                          result <- round <- round_chunks
                          result <- result_metric
                  run <- reading, reading_name, event
                  run <- baseline, annotation, acknowledgement, level_change

What is deleted with a run: all that hangs on it, but a baseline, which keeps its run. Every instant is aware and
in UTC. What must never live here: queries, what a column is made of (columns.py), and anything that a record already
says.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Field

from orac_bench.records import Phase, RoundStatus, Status
from orac_bench.store.columns import ID, KHZ, KIB, METADATA, MILLI, OPTIONAL_JSON, Instant, Table, Words, words_of


class ConditionsRow(Table, table=True):
    """Facts that decide whether runs may be compared, once for all runs that share them."""

    __tablename__ = "conditions"

    id: int | None = Field(default=None, primary_key=True, sa_type=ID)
    hash: str = Field(unique=True)
    facts: dict[str, object] = Field(sa_type=sa.JSON)


class ModelRow(Table, table=True):
    """A model by its digest. `name` is the latest that it had; a result keeps the one of its time."""

    __tablename__ = "model"

    id: int | None = Field(default=None, primary_key=True, sa_type=ID)
    digest: str = Field(unique=True)
    name: str = Field(sa_type=Words)


class CaseRow(Table, table=True):
    """A grid point. The table is not called `case`, which is a word of SQL."""

    __tablename__ = "bench_case"

    id: int | None = Field(default=None, primary_key=True, sa_type=ID)
    key: str = Field(unique=True)
    suite: str = Field(index=True)
    model_id: int = Field(foreign_key="model.id", index=True, sa_type=ID)
    prompt_tokens: int | None = None
    output_tokens: int
    prompt_sha256: str | None = None
    workload_version: int
    options: dict[str, object] = Field(sa_type=sa.JSON)


class RunRow(Table, table=True):
    """A run. `id` is for joins; `uid` is the id that users see."""

    __tablename__ = "run"
    __table_args__ = (
        sa.Index(None, "started", "id"),
        sa.Index("ix_run_idempotency_key", "idempotency_key", unique=True),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=ID)
    uid: str = Field(unique=True)
    status: Status = Field(sa_type=words_of(Status), index=True)
    created: datetime = Field(sa_type=Instant)
    started: datetime = Field(sa_type=Instant)
    ended: datetime | None = Field(default=None, sa_type=Instant)
    heartbeat: datetime | None = Field(default=None, sa_type=Instant)
    pid: int | None = None
    trigger: str
    note: str | None = Field(default=None, sa_type=Words)
    orac_version: str
    metrics_version: int
    seed: int = Field(sa_type=sa.BigInteger)
    arguments: list[str] = Field(sa_type=sa.JSON)
    conditions_id: int | None = Field(default=None, foreign_key="conditions.id", index=True, sa_type=ID)
    volatile: dict[str, object] = Field(sa_type=sa.JSON)
    error: str | None = Field(default=None, sa_type=Words)
    request: dict[str, object] | None = Field(default=None, sa_type=OPTIONAL_JSON)
    """What the service was asked for, checked; None for a run of a shell."""
    idempotency_key: str | None = None
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """How often its process was started since a case was last finished."""
    cancelled: bool = Field(default=False, sa_column_kwargs={"server_default": sa.false()})
    """Whether a person wants it to end: however its process ends, it is then cancelled, not interrupted."""


class ResultRow(Table, table=True):
    """A case in a run. `done` counts the rounds in the statistics, `failed` the measured ones that failed."""

    __tablename__ = "result"
    __table_args__ = (
        sa.UniqueConstraint("run_id", "case_id"),
        sa.Index("ix_result_case_id_started", "case_id", "started", "run_id", "offload_ratio"),
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=ID)
    run_id: int = Field(foreign_key="run.id", ondelete="CASCADE", sa_type=ID)
    case_id: int = Field(foreign_key="bench_case.id", sa_type=ID)
    model_name: str = Field(sa_type=Words)
    position: int
    status: Status = Field(sa_type=words_of(Status))
    planned: int
    done: int = 0
    failed: int = 0
    offload_ratio: float | None = None
    facts: dict[str, object] = Field(sa_type=sa.JSON)
    failure_code: str | None = None
    failure_message: str | None = Field(default=None, sa_type=Words)
    started: datetime | None = Field(default=None, sa_type=Instant)
    ended: datetime | None = Field(default=None, sa_type=Instant)


class RoundRow(Table, table=True):
    """A timed request. One column a metric: they are known, and a tall table is three times as large."""

    __tablename__ = "round"
    __table_args__ = (sa.UniqueConstraint("result_id", "phase", "index"),)

    id: int | None = Field(default=None, primary_key=True, sa_type=ID)
    result_id: int = Field(foreign_key="result.id", ondelete="CASCADE", sa_type=ID)
    phase: Phase = Field(sa_type=words_of(Phase))
    index: int
    status: RoundStatus = Field(sa_type=words_of(RoundStatus))
    started: datetime = Field(sa_type=Instant)
    seed: int = Field(sa_type=sa.BigInteger)
    failure_code: str | None = None
    failure_message: str | None = Field(default=None, sa_type=Words)
    flags: list[str] = Field(sa_type=sa.JSON)
    counted: bool
    ttft_s: float | None = None
    ttfa_s: float | None = None
    tpot_s: float | None = None
    e2e_s: float | None = None
    load_s: float | None = None
    decode_tokens_per_s: float | None = None
    client_decode_tokens_per_s: float | None = None
    prefill_tokens_per_s: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None
    itl_p50_s: float | None = None
    itl_max_s: float | None = None
    energy_j: float | None = None
    energy_above_idle_j: float | None = None
    joules_per_output_token: float | None = None
    joules_per_input_token: float | None = None
    model_memory_b: float | None = None
    ram_peak_b: float | None = None
    temperature_start_celsius: float | None = None
    temperature_max_celsius: float | None = None
    gpu_hz_mean: float | None = None
    power_w_mean: float | None = None
    sustained_ratio: float | None = None
    client_cpu_s: float | None = None
    sampler_cpu_s: float | None = None
    raw: dict[str, object] = Field(sa_type=sa.JSON)
    block: int | None = None
    """From 0: which block of interleaved rounds it belongs to; None where rounds follow each other plainly."""


METRIC_COLUMNS = tuple(column.name for column in METADATA.tables["round"].columns if isinstance(column.type, sa.Float))
"""The metrics that a round can hold, in the order of tables."""


class ChunksRow(Table, table=True):
    """When a round's chunks arrived: little-endian unsigned 32-bit counts of `tick_ns` since the request.

    Apart from the round, as it is as large as the rest and is seldom read. A tick is 1 µs, and 1 ms where a round took
    more than the 71 minutes that 32 bits of µs can count.
    """

    __tablename__ = "round_chunks"

    round_id: int = Field(primary_key=True, foreign_key="round.id", ondelete="CASCADE", sa_type=ID)
    tick_ns: int
    arrivals: bytes = Field(sa_type=sa.LargeBinary)


class MetricRow(Table, table=True):
    """A `Summary` of one metric of a closed result, and the method that made it. Can be rebuilt from the rounds."""

    __tablename__ = "result_metric"
    __table_args__ = (
        sa.Index("ix_result_metric_line", "case_id", "metric", "result_id", "n", "median", "ci_low", "ci_high"),
    )

    result_id: int = Field(primary_key=True, foreign_key="result.id", ondelete="CASCADE", sa_type=ID)
    metric: str = Field(primary_key=True)
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
    method: str
    method_version: int
    drift_ratio: float | None = None
    lag1: float | None = None
    case_id: int = Field(sa_type=ID, sa_column_kwargs={"server_default": "0"})
    """The result's, said again so that the medians of a case over time stand beside each other in the index."""


class ReadingRow(Table, table=True):
    """What telemetry told at one tick of a run, all sources together; once folded, the mean of a minute.

    Wide, as a tall table is several times as large. Rails, zones and counters are named differently on each board:
    they have numbered columns, and `reading_name` says what is in them. A value that was not told is NULL.
    """

    __tablename__ = "reading"
    __table_args__ = ({"sqlite_with_rowid": False},)

    run_id: int = Field(primary_key=True, foreign_key="run.id", ondelete="CASCADE", sa_type=ID)
    at_ms: int = Field(primary_key=True, sa_type=sa.BigInteger)
    """Since the run began."""
    span_ms: int = 0
    """0 for a tick; the length of time that a mean stands for."""
    cpu_load_ratio: float | None = Field(default=None, sa_type=MILLI)
    cpu_hz: int | None = Field(default=None, sa_type=KHZ)
    gpu_load_ratio: float | None = Field(default=None, sa_type=MILLI)
    gpu_hz: int | None = Field(default=None, sa_type=KHZ)
    emc_load_ratio: float | None = Field(default=None, sa_type=MILLI)
    emc_hz: int | None = Field(default=None, sa_type=KHZ)
    ram_used_b: int | None = Field(default=None, sa_type=KIB)
    ram_available_b: int | None = Field(default=None, sa_type=KIB)
    swap_used_b: int | None = Field(default=None, sa_type=KIB)
    lfb_b: int | None = Field(default=None, sa_type=KIB)
    gpu_memory_used_b: int | None = Field(default=None, sa_type=KIB)
    throttle_state: int | None = None
    overcurrent_count: int | None = Field(default=None, sa_type=sa.BigInteger)
    rail_0_w: float | None = Field(default=None, sa_type=MILLI)
    rail_1_w: float | None = Field(default=None, sa_type=MILLI)
    rail_2_w: float | None = Field(default=None, sa_type=MILLI)
    rail_3_w: float | None = Field(default=None, sa_type=MILLI)
    rail_4_w: float | None = Field(default=None, sa_type=MILLI)
    rail_5_w: float | None = Field(default=None, sa_type=MILLI)
    rail_6_w: float | None = Field(default=None, sa_type=MILLI)
    rail_7_w: float | None = Field(default=None, sa_type=MILLI)
    zone_0_celsius: float | None = Field(default=None, sa_type=MILLI)
    zone_1_celsius: float | None = Field(default=None, sa_type=MILLI)
    zone_2_celsius: float | None = Field(default=None, sa_type=MILLI)
    zone_3_celsius: float | None = Field(default=None, sa_type=MILLI)
    zone_4_celsius: float | None = Field(default=None, sa_type=MILLI)
    zone_5_celsius: float | None = Field(default=None, sa_type=MILLI)
    zone_6_celsius: float | None = Field(default=None, sa_type=MILLI)
    zone_7_celsius: float | None = Field(default=None, sa_type=MILLI)
    zone_8_celsius: float | None = Field(default=None, sa_type=MILLI)
    zone_9_celsius: float | None = Field(default=None, sa_type=MILLI)
    zone_10_celsius: float | None = Field(default=None, sa_type=MILLI)
    zone_11_celsius: float | None = Field(default=None, sa_type=MILLI)
    counter_0_j: float | None = None
    counter_1_j: float | None = None
    raw: str | None = Field(default=None, sa_type=Words)
    """The line it came from, only where words in it were not understood."""


class ReadingNameRow(Table, table=True):
    """What a numbered column of `reading` holds in a run: `rail_0_w` is `power_w.VDD_IN`."""

    __tablename__ = "reading_name"

    run_id: int = Field(primary_key=True, foreign_key="run.id", ondelete="CASCADE", sa_type=ID)
    place: str = Field(primary_key=True)
    name: str = Field(sa_type=Words)


class EventRow(Table, table=True):
    """What happened in a run, numbered from 1: what followers are told, also those who come later."""

    __tablename__ = "event"
    __table_args__ = ({"sqlite_with_rowid": False},)

    run_id: int = Field(primary_key=True, foreign_key="run.id", ondelete="CASCADE", sa_type=ID)
    number: int = Field(primary_key=True)
    at: datetime = Field(sa_type=Instant)
    kind: str
    data: dict[str, object] = Field(sa_type=sa.JSON)


class BaselineRow(Table, table=True):
    """A name for a run, by which others are compared with it. Its run is not deleted while it has the name."""

    __tablename__ = "baseline"

    name: str = Field(primary_key=True)
    run_id: int = Field(foreign_key="run.id", index=True, sa_type=ID)
    at: datetime = Field(sa_type=Instant)


class AnnotationRow(Table, table=True):
    """What a person wrote beside a run, or beside one case of it."""

    __tablename__ = "annotation"

    id: int | None = Field(default=None, primary_key=True, sa_type=ID)
    run_id: int = Field(foreign_key="run.id", index=True, ondelete="CASCADE", sa_type=ID)
    case_id: int | None = Field(default=None, foreign_key="bench_case.id", sa_type=ID)
    at: datetime = Field(sa_type=Instant)
    text: str = Field(sa_type=Words)


class AcknowledgementRow(Table, table=True):
    """A change of level that a person knows of: it is no longer news."""

    __tablename__ = "acknowledgement"

    case_id: int = Field(primary_key=True, foreign_key="bench_case.id", sa_type=ID)
    metric: str = Field(primary_key=True)
    run_id: int = Field(primary_key=True, foreign_key="run.id", ondelete="CASCADE", sa_type=ID)
    at: datetime = Field(sa_type=Instant)
    text: str | None = Field(default=None, sa_type=Words)


class LevelChangeRow(Table, table=True):
    """The run at which a new level of a case's metric begins, as computed when the last run of the case closed."""

    __tablename__ = "level_change"

    case_id: int = Field(primary_key=True, foreign_key="bench_case.id", sa_type=ID)
    metric: str = Field(primary_key=True)
    run_id: int = Field(primary_key=True, foreign_key="run.id", ondelete="CASCADE", sa_type=ID)
    ratio: float | None = None
    """New level over the old one; None where the conditions changed."""
    cause: str
    """`measured`, or `conditions`."""
    method_version: int
