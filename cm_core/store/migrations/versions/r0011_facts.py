"""Opt-outs of people who are known by name and ZIP alone, found by address and by name and ZIP, recorded by hand."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cm_core.store.migrations.steps import add_column, code, create_index, drop_index

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the indexes. Each step can be run again: MySQL commits each DDL statement by itself."""
    add_column(
        "opt_outs",
        sa.Column("name_zip_key", code(255), comment="FIRST|LAST|SUFFIX|ZIP5 of somebody who may not be known yet"),
    )
    add_column(
        "opt_outs", sa.Column("recorded_by", sa.String(255), comment="Who recorded it by hand; null: an import did")
    )
    create_index("ix_opt_outs_address_key", "opt_outs", ["address_key"])
    create_index("ix_opt_outs_name_zip_key", "opt_outs", ["name_zip_key"])


def downgrade() -> None:
    """Take them out again, and with them the opt-outs that have nothing else."""
    op.execute("delete from opt_outs where name_zip_key is not null")
    drop_index("ix_opt_outs_name_zip_key", "opt_outs")
    drop_index("ix_opt_outs_address_key", "opt_outs")
    op.drop_column("opt_outs", "recorded_by")
    op.drop_column("opt_outs", "name_zip_key")
