"""An imagined next step for tests/test_migrations.py: rebuilds `run`, the parent of every result."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds a column by making the table anew, as SQLite must for most changes."""
    with op.batch_alter_table("run", recreate="always") as table:
        table.add_column(sa.Column("owner", sa.String(), nullable=True))
