"""Contacts made that were not lawful, and the checks that found them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cm_core.store.migrations.steps import NOW, OPTIONS, TIME, code, create_index, exact

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables. Each step can be run again: MySQL commits each DDL statement by itself."""
    op.create_table(
        "compliance_violations",
        sa.Column("touchpoint_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger()),
        sa.Column("channel", code(8), nullable=False),
        sa.Column("contact_key", exact(320), nullable=False),
        sa.Column("touched_at", TIME, nullable=False),
        sa.Column("reason_code", code(32), nullable=False, comment="The first of the rules that forbade it"),
        sa.Column("rule_ids", sa.String(255), nullable=False),
        sa.Column("evidence", sa.String(1000)),
        sa.Column("deadline", sa.Date(), comment="Last day on which the request could still be unhonoured"),
        sa.Column("severity", code(16), nullable=False, comment="violation or within_deadline"),
        sa.Column("judged_at", TIME, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("touchpoint_id", name="pk_compliance_violations"),
        if_not_exists=True,
        comment="Contacts made that the rules and facts of their time forbade; made anew for 90 days by each check",
        **OPTIONS,
    )
    create_index("ix_compliance_violations_touched_at", "compliance_violations", ["touched_at"])
    create_index("ix_compliance_violations_severity", "compliance_violations", ["severity", "reason_code"])
    op.create_table(
        "violation_checks",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("judged_up_to", sa.BigInteger(), nullable=False, comment="Last id of touchpoints that it has in it"),
        sa.Column("touches", sa.BigInteger(), nullable=False),
        sa.Column("violations", sa.BigInteger(), nullable=False),
        sa.Column("within_deadline", sa.BigInteger(), nullable=False),
        sa.Column("rules_fingerprint", code(64), nullable=False),
        sa.Column("checked_at", TIME, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("id", name="pk_violation_checks"),
        if_not_exists=True,
        comment="Each check of contacts made against the rules of their time",
        **OPTIONS,
    )


def downgrade() -> None:
    """Take them out again; the next check judges everything."""
    op.drop_table("violation_checks")
    op.drop_table("compliance_violations")
