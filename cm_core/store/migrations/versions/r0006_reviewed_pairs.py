"""What linkage itself said of a pair when a person decided about it: how often it is right."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cm_core.store.migrations.steps import add_column

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of decisions from before nobody knows."""
    add_column(
        "review_decisions",
        sa.Column("was_one", sa.SmallInteger(), comment="1: linkage had made the two one by then; 0: it had not"),
    )


def downgrade() -> None:
    """Take it out again."""
    op.drop_column("review_decisions", "was_one")
