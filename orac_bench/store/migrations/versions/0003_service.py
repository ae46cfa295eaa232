"""Version 3: the queue of runs and their events; blocks of rounds; baselines, annotations, changes of level.

A step is history: it names its types itself, imports nothing of ORAC, and is never changed after a release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Adds columns that may be empty to `run`, `round` and `result_metric`, five tables, and widens an index.

    With the run and the share on the GPU in the index, a case over time is read without its results' own pages.
    """
    op.add_column("run", sa.Column("request", sa.JSON(none_as_null=True)))
    op.add_column("run", sa.Column("idempotency_key", sa.String()))
    op.add_column("run", sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("run", sa.Column("cancelled", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_run_idempotency_key", "run", ["idempotency_key"], unique=True)
    op.create_index("ix_run_status", "run", ["status"])
    op.drop_index("ix_result_case_id_started", "result")
    op.create_index("ix_result_case_id_started", "result", ["case_id", "started", "run_id", "offload_ratio"])
    op.add_column("round", sa.Column("block", sa.Integer()))
    op.add_column("result_metric", sa.Column("drift_ratio", sa.Float()))
    op.add_column("result_metric", sa.Column("lag1", sa.Float()))
    op.create_table(
        "event",
        sa.Column("run_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_event_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "number", name="pk_event"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "baseline",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_baseline_run_id"),
        sa.PrimaryKeyConstraint("name", name="pk_baseline"),
    )
    op.create_index("ix_baseline_run_id", "baseline", ["run_id"])
    op.create_table(
        "annotation",
        sa.Column("id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("case_id", ID),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_annotation_run_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["case_id"], ["bench_case.id"], name="fk_annotation_case_id"),
        sa.PrimaryKeyConstraint("id", name="pk_annotation"),
    )
    op.create_index("ix_annotation_run_id", "annotation", ["run_id"])
    op.create_table(
        "acknowledgement",
        sa.Column("case_id", ID, nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.Text()),
        sa.ForeignKeyConstraint(["case_id"], ["bench_case.id"], name="fk_acknowledgement_case_id"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_acknowledgement_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("case_id", "metric", "run_id", name="pk_acknowledgement"),
    )
    op.create_table(
        "level_change",
        sa.Column("case_id", ID, nullable=False),
        sa.Column("metric", sa.String(), nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("ratio", sa.Float()),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("method_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["bench_case.id"], name="fk_level_change_case_id"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_level_change_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("case_id", "metric", "run_id", name="pk_level_change"),
    )
