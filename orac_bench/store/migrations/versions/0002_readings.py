"""Version 2: readings of telemetry, a row a tick.

A step is history: it names its types itself, imports nothing of ORAC, and is never changed after a release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
RATIOS = ("cpu", "gpu", "emc")
BYTES = ("ram_used_b", "ram_available_b", "swap_used_b", "lfb_b", "gpu_memory_used_b")


def upgrade() -> None:
    """Creates `reading` and `reading_name`."""
    clocks = [name for unit in RATIOS for name in (f"{unit}_load_ratio", f"{unit}_hz")]
    owned = [*(f"rail_{number}_w" for number in range(8)), *(f"zone_{number}_celsius" for number in range(12))]
    op.create_table(
        "reading",
        sa.Column("run_id", ID, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("span_ms", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.BigInteger()) for name in (*clocks, *BYTES)),
        sa.Column("throttle_state", sa.Integer()),
        sa.Column("overcurrent_count", sa.BigInteger()),
        *(sa.Column(name, sa.BigInteger()) for name in owned),
        sa.Column("counter_0_j", sa.Float()),
        sa.Column("counter_1_j", sa.Float()),
        sa.Column("raw", sa.Text()),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_reading_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "at_ms", name="pk_reading"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reading_name",
        sa.Column("run_id", ID, nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_reading_name_run_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "place", name="pk_reading_name"),
    )
