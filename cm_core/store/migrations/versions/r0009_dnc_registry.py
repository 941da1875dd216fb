"""Do-not-call registry in the lake: numbers of area codes that are not held, and since when known rows are listed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cm_core.store.migrations.steps import OPTIONS, TIME, code, exact

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# Rows that came before lists had versions: listed since the date of the file that first had them.
_DATE_KNOWN_ROWS = """
update dnc_registry as r
inner join import_metadata as i on i.import_id = r.first_import_id
set r.listed_from = i.source_date
where r.listed_from is null
"""


def upgrade() -> None:
    """Add the table and date the rows. Each step can be run again: MySQL commits each DDL statement by itself."""
    op.create_table(
        "dnc_additions",
        sa.Column("source", code(32), nullable=False),
        sa.Column("area_code", code(3), nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("obtained_at", TIME, nullable=False),
        sa.Column("numbers", sa.BigInteger(), nullable=False),
        sa.Column("lake_key", exact(700), nullable=False, comment="Parquet of them, as for dnc_area_coverage"),
        sa.PrimaryKeyConstraint("source", "area_code", name="pk_dnc_additions"),
        sa.ForeignKeyConstraint(["version_id"], ["dnc_list_versions.id"], name="fk_dnc_additions_version_id"),
        if_not_exists=True,
        comment="Numbers listed in area codes of which no full list is held: the area codes are not covered by them",
        **OPTIONS,
    )
    op.execute(_DATE_KNOWN_ROWS)


def downgrade() -> None:
    """Take the table out again; the dates stay."""
    op.drop_table("dnc_additions")
