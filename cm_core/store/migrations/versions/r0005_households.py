"""Households: which entities belong together without being one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cm_core.store.migrations.steps import NOW, OPTIONS, TIME, code, create_index

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table. Each step can be run again: MySQL commits each DDL statement by itself."""
    op.create_table(
        "households",
        sa.Column("entity_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("household_id", sa.BigInteger(), nullable=False, comment="The lowest entity_id of the household"),
        sa.Column("reason", code(32), nullable=False, comment="What the entity has in common with another of them"),
        sa.Column("job_id", code(50), nullable=False),
        sa.Column("updated_at", TIME, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("entity_id", name="pk_households"),
        if_not_exists=True,
        comment="Entities of people who live together, made anew by each dedupe; who lives alone is not in it",
        **OPTIONS,
    )
    create_index("ix_households_household_id", "households", ["household_id"])


def downgrade() -> None:
    """Take it out again; the next dedupe of a later version makes it anew."""
    op.drop_table("households")
