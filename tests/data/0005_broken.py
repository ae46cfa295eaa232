"""An imagined step that leaves rounds without their results, for tests/test_migrations.py: it must not come through."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Empties a parent table behind the back of its children."""
    op.execute("DELETE FROM result")
