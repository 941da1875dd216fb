"""Runs of linkage: what each wrote, and which was the last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cm_core.store.migrations.steps import NOW, OPTIONS, TIME, code

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table. The step can be run again: MySQL commits each DDL statement by itself."""
    op.create_table(
        "linkage_runs",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("job_id", code(50), nullable=False),
        sa.Column("written_at", TIME, nullable=False, server_default=NOW),
        sa.Column(
            "is_full", sa.Boolean(), nullable=False, comment="Whether all persons were compared with the database"
        ),
        sa.Column("persons", sa.BigInteger(), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False, comment="Persons in clusters that may have changed"),
        sa.Column("clusters", sa.BigInteger(), nullable=False),
        sa.Column("linked", sa.BigInteger(), nullable=False),
        sa.Column("unlinked", sa.BigInteger(), nullable=False),
        sa.Column("rescored", sa.BigInteger(), nullable=False),
        sa.Column("persons_changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_linkage_runs"),
        if_not_exists=True,
        comment="Each run of linkage that was written; the last one says what the database was brought to",
        **OPTIONS,
    )


def downgrade() -> None:
    """Take it out again; the next dedupe compares everything."""
    op.drop_table("linkage_runs")
