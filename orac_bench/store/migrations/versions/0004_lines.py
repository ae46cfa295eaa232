"""Version 4: a case over time is read in one piece.

A step is history: it names its types itself, imports nothing of ORAC, and is never changed after a release.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Adds each summary's case to `result_metric`, and an index in which a case's medians stand beside each other.

    They were looked up one by one, each on a page of its own: 5 of the 9 ms of a history over 1,000 runs.
    """
    op.add_column("result_metric", sa.Column("case_id", ID, nullable=False, server_default="0"))
    op.execute(
        "UPDATE result_metric SET case_id ="
        " (SELECT result.case_id FROM result WHERE result.id = result_metric.result_id)"
    )
    op.create_index(
        "ix_result_metric_line",
        "result_metric",
        ["case_id", "metric", "result_id", "n", "median", "ci_low", "ci_high"],
    )
