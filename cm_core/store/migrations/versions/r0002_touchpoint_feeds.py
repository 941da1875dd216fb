"""Campaigns and touchpoints as feeds: their natural keys, the keys that find the person, and the campaign lists' rows.

Nothing wrote the two tables before; rows that somebody put there by hand stay, under keys of their own.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import LONGTEXT

from cm_core.store.migrations.steps import (
    NOW,
    OPTIONS,
    TIME,
    add_column,
    code,
    create_index,
    create_unique,
    drop_index,
    exact,
)

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEY_OF_CAMPAIGN = "code:CODE, or name:NAME|type where no code is given"
_TYPE_OF_CAMPAIGN = "mail, sms, call, email; null: its lists do not say"
_KEY_OF_TOUCHPOINT = "SHA-256 of source and external id, or of the content"
_AS_NAMED = "As the source names it, upper case; kept while no campaign has it"

_FILL_CAMPAIGNS = """
update campaigns set campaign_key = concat('name:', upper(name), '|', coalesce(type, '')) where campaign_key is null
"""
_FILL_TOUCHPOINTS = """
update touchpoints
set touchpoint_key = sha2(concat('by hand ', id), 256), content_key = left(sha2(id, 256), 32), source = 'by hand',
    source_date = touchpoint_date, unmatched_reason = case when person_id is null then 'unknown' end,
    match_key = case when person_id is not null then 'phone' end
where touchpoint_key is null
"""


def upgrade() -> None:
    """Add what the feeds need. Each step can be run again: MySQL commits each DDL statement by itself."""
    _campaigns()
    _touchpoints()


def _campaigns() -> None:
    for column in (
        sa.Column("campaign_key", exact(320), comment=_KEY_OF_CAMPAIGN),
        sa.Column("code", sa.String(64)),
        sa.Column("source_date", TIME),
        sa.Column("first_import_id", code(24)),
        sa.Column("last_import_id", code(24)),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.Column("updated_at", TIME, server_default=NOW, nullable=False),
    ):
        add_column("campaigns", column)
    op.execute(_FILL_CAMPAIGNS)
    op.alter_column("campaigns", "campaign_key", existing_type=exact(320), nullable=False, comment=_KEY_OF_CAMPAIGN)
    op.alter_column(
        "campaigns",
        "type",
        existing_type=code(16),
        nullable=True,
        comment=_TYPE_OF_CAMPAIGN,
        existing_comment="mail, sms, call, email",
    )
    create_unique("uq_campaigns_campaign_key", "campaigns", ["campaign_key"])
    drop_index("uq_campaigns_name", "campaigns")
    op.create_table_comment("campaigns", "Marketing campaigns, as their lists say")
    op.create_table(
        "campaign_sources",
        sa.Column("import_id", code(24), nullable=False),
        sa.Column("row_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("campaign_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.String(64)),
        sa.Column("name", sa.String(255)),
        sa.Column("type", code(16)),
        sa.Column("start_date", sa.Date()),
        sa.Column("end_date", sa.Date()),
        sa.Column("source_date", TIME, nullable=False),
        sa.Column("operation", code(16), nullable=False, comment="inserted, updated or skipped"),
        sa.ForeignKeyConstraint(["import_id"], ["import_metadata.import_id"], name="fk_campaign_sources_import_id"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_campaign_sources_campaign_id"),
        sa.PrimaryKeyConstraint("import_id", "row_number", name="pk_campaign_sources"),
        comment="Every row of a campaign list, and the campaign it speaks of; any name it ever had finds it",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_campaign_sources_campaign_id", "campaign_sources", ["campaign_id"])


def _touchpoints() -> None:
    required: dict[str, tuple[Any, str | None]] = {
        "touchpoint_key": (code(64), _KEY_OF_TOUCHPOINT),
        "source": (sa.String(64), "The system that an external id is of"),
        "content_key": (code(32), "MD5 of what the source says"),
        "source_date": (TIME, None),
    }
    for name, (kind, comment) in required.items():
        add_column("touchpoints", sa.Column(name, kind, comment=comment))
    for column in (
        sa.Column("match_key", code(16), comment="phone, email or name_zip: what person_id was found by"),
        sa.Column(
            "unmatched_reason",
            code(16),
            comment="Why person_id is null: no_key, unknown, other_name, shared or ambiguous",
        ),
        sa.Column("campaign_code", exact(64), comment=_AS_NAMED),
        sa.Column("campaign_name", exact(255), comment=_AS_NAMED),
        sa.Column("name_zip_key", code(255), comment="FIRST|LAST|SUFFIX|ZIP5"),
        sa.Column("first_key", code(100)),
        sa.Column("generation", code(4)),
        sa.Column("organization_key", code(255)),
        sa.Column("external_id", exact(255)),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.Column("updated_at", TIME, server_default=NOW, nullable=False),
    ):
        add_column("touchpoints", column)
    op.execute(_FILL_TOUCHPOINTS)
    for name, (kind, comment) in required.items():
        op.alter_column("touchpoints", name, existing_type=kind, nullable=False, comment=comment)
    op.alter_column(
        "touchpoints", "import_id", existing_type=code(24), comment="The import and row that brought what is here now"
    )
    op.alter_column(
        "touchpoints",
        "metadata",
        existing_type=LONGTEXT(),
        comment="JSON: direction, duration_seconds, cost ...",
        existing_comment="JSON",
    )
    create_unique("uq_touchpoints_touchpoint_key", "touchpoints", ["touchpoint_key"])
    for column_name in ("campaign_code", "campaign_name", "email_key", "name_zip_key"):
        create_index(f"ix_touchpoints_{column_name}", "touchpoints", [column_name])
    op.create_table_comment(
        "touchpoints", "Every contact made: the life of a lead; waits for its person by its contact keys"
    )


def downgrade() -> None:
    """Touchpoints would lose what finds their person: no way back."""
    raise NotImplementedError("Revision 0002 is not taken back: it would drop people's history.")
