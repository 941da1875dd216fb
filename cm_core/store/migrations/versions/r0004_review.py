"""Decisions of people about who is who, and the queue of pairs to decide."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cm_core.store.migrations.steps import OPTIONS, TIME, code

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NOW = sa.text("CURRENT_TIMESTAMP(6)")


def upgrade() -> None:
    """Add the tables. Each step can be run again: MySQL commits each DDL statement by itself."""
    op.create_table(
        "review_decisions",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("decision", code(16), nullable=False, comment="same, different (of two persons) or golden (of one)"),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("other_id", sa.BigInteger(), comment="The higher id of the two; null for golden"),
        sa.Column("decided_by", sa.String(255), nullable=False),
        sa.Column("decided_at", TIME, nullable=False),
        sa.Column("reason", sa.String(500)),
        sa.Column("undone_by", sa.String(255)),
        sa.Column("undone_at", TIME),
        sa.Column("undone_reason", sa.String(500)),
        sa.PrimaryKeyConstraint("id", name="pk_review_decisions"),
        sa.Index("ix_review_decisions_person_id", "person_id"),
        sa.Index("ix_review_decisions_other_id", "other_id"),
        if_not_exists=True,
        comment="What people decided about who is who; holds until undone. Append-only",
        **OPTIONS,
    )
    op.create_table(
        "review_queue",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("other_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "cause", code(16), nullable=False, comment="uncertain, rule, contradiction, weak_bridge or too_large"
        ),
        sa.Column("match_probability", sa.Numeric(9, 8)),
        sa.Column("match_score", sa.Numeric(5, 2), nullable=False),
        sa.Column("match_tier", sa.SmallInteger()),
        sa.Column("match_reason", sa.String(100), nullable=False),
        sa.Column(
            "value",
            sa.Numeric(12, 4),
            nullable=False,
            comment="Bits of doubt times the pairs of persons that it decides",
        ),
        sa.Column("job_id", code(50), nullable=False),
        sa.Column("queued_at", TIME, nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("person_id", "other_id", name="pk_review_queue"),
        sa.Index("ix_review_queue_value", "value"),
        if_not_exists=True,
        comment="Pairs that a person should look at, made anew by each dedupe; the lower person id stands first",
        **OPTIONS,
    )


def downgrade() -> None:
    """Take both out again: decisions are lost, and the next dedupe no longer heeds them."""
    op.drop_table("review_queue")
    op.drop_table("review_decisions")
