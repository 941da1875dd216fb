"""A tick of `Do not contact` is about what the person had there before, too: who has ticks lands once more."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Mark them. What has landed of their requests does not land again."""
    op.execute(
        "update crm_persons set landed_hash = null "
        "where state <> 'erased' and agreed is not null and opt_outs is not null and opt_outs <> '[]'"
    )


def downgrade() -> None:
    """Nothing to undo."""
