"""Version 1: everything that this ORAC began with.

A step is history: it names its types itself, imports nothing of ORAC, and is never changed after a release. Going back
is done with the backup that each upgrade makes.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime(timezone=True)
WORD = sa.String(16)
APPLICATION_ID = int.from_bytes(b"ORAC", "big")


def upgrade() -> None:
    """Creates the tables, and marks a SQLite file as ORAC's."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    op.create_table(
        "conditions",
        sa.Column("id", ID, nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conditions"),
        sa.UniqueConstraint("hash", name="uq_conditions_hash"),
    )
    op.create_table(
        "model",
        sa.Column("id", ID, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_model"),
        sa.UniqueConstraint("digest", name="uq_model_digest"),
    )
    op.create_table(
        "bench_case",
        sa.Column("id", ID, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("suite", sa.String(), nullable=False),
        sa.Column("model_id", ID, nullable=False),
        sa.Column("prompt_tokens", sa.Integer()),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("prompt_sha256", sa.String()),
        sa.Column("workload_version", sa.Integer(), nullable=False),
        sa.Column("options", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name="fk_bench_case_model_id"),
        sa.PrimaryKeyConstraint("id", name="pk_bench_case"),
        sa.UniqueConstraint("key", name="uq_bench_case_key"),
    )
    op.create_index("ix_bench_case_model_id", "bench_case", ["model_id"])
    op.create_index("ix_bench_case_suite", "bench_case", ["suite"])
    op.create_table(
        "run",
        sa.Column("id", ID, nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("status", WORD, nullable=False),
        sa.Column("created", INSTANT, nullable=False),
        sa.Column("started", INSTANT, nullable=False),
        sa.Column("ended", INSTANT),
        sa.Column("heartbeat", INSTANT),
        sa.Column("pid", sa.Integer()),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("note", sa.Text()),
        sa.Column("orac_version", sa.String(), nullable=False),
        sa.Column("metrics_version", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("conditions_id", ID),
        sa.Column("volatile", sa.JSON(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.ForeignKeyConstraint(["conditions_id"], ["conditions.id"], name="fk_run_conditions_id"),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sa.UniqueConstraint("uid", name="uq_run_uid"),
    )
    op.create_index("ix_run_conditions_id", "run", ["conditions_id"])
    op.create_index("ix_run_started_id", "run", ["started", "id"])
    op.create_table(
        "result",
        sa.Column("id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("case_id", ID, nullable=False),
        sa.Column("model_name", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("status", WORD, nullable=False),
        sa.Column("planned", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("offload_ratio", sa.Float()),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("failure_code", sa.String()),
        sa.Column("failure_message", sa.Text()),
        sa.Column("started", INSTANT),
        sa.Column("ended", INSTANT),
        sa.ForeignKeyConstraint(["case_id"], ["bench_case.id"], name="fk_result_case_id"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_result_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_result"),
        sa.UniqueConstraint("run_id", "case_id", name="uq_result_run_id_case_id"),
    )
    op.create_index("ix_result_case_id_started", "result", ["case_id", "started"])
    op.create_table(
        "result_metric",
        sa.Column("result_id", ID, nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("median", sa.Float(), nullable=False),
        sa.Column("minimum", sa.Float(), nullable=False),
        sa.Column("maximum", sa.Float(), nullable=False),
        sa.Column("ci_low", sa.Float()),
        sa.Column("ci_high", sa.Float()),
        sa.Column("q25", sa.Float()),
        sa.Column("q75", sa.Float()),
        sa.Column("p90", sa.Float()),
        sa.Column("p95", sa.Float()),
        sa.Column("p99", sa.Float()),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("method_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["result_id"], ["result.id"], name="fk_result_metric_result_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("result_id", "metric", name="pk_result_metric"),
    )
    op.create_table(
        "round",
        sa.Column("id", ID, nullable=False),
        sa.Column("result_id", ID, nullable=False),
        sa.Column("phase", WORD, nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("status", WORD, nullable=False),
        sa.Column("started", INSTANT, nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("failure_code", sa.String()),
        sa.Column("failure_message", sa.Text()),
        sa.Column("flags", sa.JSON(), nullable=False),
        sa.Column("counted", sa.Boolean(), nullable=False),
        sa.Column("ttft_s", sa.Float()),
        sa.Column("ttfa_s", sa.Float()),
        sa.Column("tpot_s", sa.Float()),
        sa.Column("e2e_s", sa.Float()),
        sa.Column("load_s", sa.Float()),
        sa.Column("decode_tokens_per_s", sa.Float()),
        sa.Column("client_decode_tokens_per_s", sa.Float()),
        sa.Column("prefill_tokens_per_s", sa.Float()),
        sa.Column("input_tokens", sa.Float()),
        sa.Column("output_tokens", sa.Float()),
        sa.Column("itl_p50_s", sa.Float()),
        sa.Column("itl_max_s", sa.Float()),
        sa.Column("energy_j", sa.Float()),
        sa.Column("energy_above_idle_j", sa.Float()),
        sa.Column("joules_per_output_token", sa.Float()),
        sa.Column("joules_per_input_token", sa.Float()),
        sa.Column("model_memory_b", sa.Float()),
        sa.Column("ram_peak_b", sa.Float()),
        sa.Column("temperature_start_celsius", sa.Float()),
        sa.Column("temperature_max_celsius", sa.Float()),
        sa.Column("gpu_hz_mean", sa.Float()),
        sa.Column("power_w_mean", sa.Float()),
        sa.Column("sustained_ratio", sa.Float()),
        sa.Column("client_cpu_s", sa.Float()),
        sa.Column("sampler_cpu_s", sa.Float()),
        sa.Column("raw", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["result_id"], ["result.id"], name="fk_round_result_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_round"),
        sa.UniqueConstraint("result_id", "phase", "index", name="uq_round_result_id_phase_index"),
    )
    op.create_table(
        "round_chunks",
        sa.Column("round_id", ID, nullable=False),
        sa.Column("tick_ns", sa.Integer(), nullable=False),
        sa.Column("arrivals", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["round_id"], ["round.id"], name="fk_round_chunks_round_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("round_id", name="pk_round_chunks"),
    )
