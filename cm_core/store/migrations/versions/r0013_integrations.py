"""Pipedrive and RingCentral: requests and their limits, pulls, the CRM's people, plans and what settled conflicts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import LONGTEXT

from cm_core.store.migrations.steps import NOW, OPTIONS, TIME, code, create_index, exact

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# A third kind of match key: records of the CRM.
_COMMENTS = (
    ("person_sources", "match_key", 16, "record, email, phone, name_zip, or new"),
    ("shared_contacts", "kind", 8, "phone, email or record"),
)


def upgrade() -> None:
    """Add the tables. Each step can be run again: MySQL commits each DDL statement by itself."""
    for table, column, length, comment in _COMMENTS:
        op.alter_column(table, column, existing_type=code(length), existing_nullable=False, comment=comment)
    op.create_table(
        "api_budgets",
        sa.Column("api", code(16), nullable=False),
        sa.Column("day", sa.Date(), nullable=False, comment="By the clock of the API's server"),
        sa.Column("requests", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("tokens", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("server_ahead_seconds", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.PrimaryKeyConstraint("api", "day", name="pk_api_budgets"),
        comment="What was spent of each day's budget; its row is the lock of whoever is about to send",
        if_not_exists=True,
        **OPTIONS,
    )
    op.create_table(
        "api_pauses",
        sa.Column("api", code(16), nullable=False),
        sa.Column("limit_group", code(16), nullable=False),
        sa.Column("paused_until", TIME, nullable=False),
        sa.Column("reason", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("api", "limit_group", name="pk_api_pauses"),
        comment="Nobody sends in this group before then: the API said so",
        if_not_exists=True,
        **OPTIONS,
    )
    op.create_table(
        "api_pulls",
        sa.Column("pull_id", code(80), nullable=False),
        sa.Column(
            "source",
            code(48),
            nullable=False,
            comment="pipedrive_persons, ringcentral_calls ...",
        ),
        sa.Column("day", sa.Date(), comment="The partition; null: not of a day"),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("window_from", TIME),
        sa.Column("window_to", TIME),
        sa.Column(
            "state",
            code(16),
            nullable=False,
            comment="OPEN, LANDED, EMPTY or SAME (as the revision before it)",
        ),
        sa.Column(
            "next_cursor",
            sa.Text(),
            comment="Where the next page begins; null: at the beginning, or all read",
        ),
        sa.Column("pages", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("records", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("landing_key", exact(700)),
        sa.Column("checksum_sha256", code(64)),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("finished_at", TIME),
        sa.Column("detail", LONGTEXT(), comment="JSON: what else the pull found"),
        sa.PrimaryKeyConstraint("pull_id", name="pk_api_pulls"),
        comment="Each reading of an API: its window, how far it is, the file that landed",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_api_pulls_landing_key", "api_pulls", ["landing_key"])
    create_index("ix_api_pulls_source", "api_pulls", ["source", "day", "revision"])
    op.create_table(
        "api_requests",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column(
            "api",
            code(16),
            nullable=False,
            comment="pipedrive or ringcentral",
        ),
        sa.Column(
            "limit_group",
            code(16),
            nullable=False,
            comment="What is counted together: general, search, heavy ...",
        ),
        sa.Column("requested_at", TIME, nullable=False),
        sa.Column("done_at", TIME),
        sa.Column(
            "tokens",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="What it costs of the day's budget",
        ),
        sa.Column(
            "purpose",
            code(80),
            nullable=False,
            comment="The pull, plan or command that asked",
        ),
        sa.Column(
            "call_name",
            code(64),
            nullable=False,
            comment="Method and path without ids",
        ),
        sa.Column("waited_ms", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("status", sa.SmallInteger(), comment="HTTP status; null: no answer came, or none yet"),
        sa.PrimaryKeyConstraint("id", name="pk_api_requests"),
        comment="Every request to an outside API, reserved before it is sent: the one limiter of all processes",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_api_requests_api", "api_requests", ["api", "limit_group", "requested_at"])
    create_index("ix_api_requests_purpose", "api_requests", ["purpose"])
    op.create_table(
        "crm_persons",
        sa.Column("crm_person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "state",
            code(8),
            nullable=False,
            comment="live, deleted, merged, gone (not there, nobody says why), erased",
        ),
        sa.Column("merged_into", sa.BigInteger()),
        sa.Column("update_time", TIME, nullable=False),
        sa.Column("record", LONGTEXT(), nullable=False, comment="JSON: as last read, in normal form"),
        sa.Column("record_hash", code(64), nullable=False),
        sa.Column(
            "landed_hash",
            code(64),
            comment="record_hash of what last landed for import",
        ),
        sa.Column(
            "changed",
            LONGTEXT(),
            comment="JSON: fields that others changed since it last landed; null: it never landed",
        ),
        sa.Column(
            "said",
            LONGTEXT(),
            comment="JSON: field -> update_time with which its value was first seen, if not ours",
        ),
        sa.Column("opt_outs", LONGTEXT(), comment="JSON: the opt-outs of this person that have landed"),
        sa.Column(
            "agreed",
            LONGTEXT(),
            comment="JSON: field -> what both had when last in step, and all that the CRM ever had",
        ),
        sa.Column("pushed", LONGTEXT(), comment="JSON: field -> value of our last write, until it was read back"),
        sa.Column(
            "manual",
            LONGTEXT(),
            comment="JSON: field -> when and by whom it was edited there by hand",
        ),
        sa.Column("entity_id", sa.BigInteger(), comment="Whose it was when last planned"),
        sa.Column("first_seen_at", TIME, nullable=False),
        sa.Column("last_seen_at", TIME, nullable=False),
        sa.Column("gone_at", TIME),
        sa.Column("gone_by", sa.String(64), comment="What told: webhook, reconcile, our own merge ..."),
        sa.PrimaryKeyConstraint("crm_person_id", name="pk_crm_persons"),
        comment="Every person the CRM ever had, as last read, and what was agreed with it",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_crm_persons_entity_id", "crm_persons", ["entity_id"])
    create_index("ix_crm_persons_merged_into", "crm_persons", ["merged_into"])
    create_index("ix_crm_persons_state", "crm_persons", ["state", "record_hash", "landed_hash"])
    op.create_table(
        "crm_plans",
        sa.Column("plan_id", code(48), nullable=False),
        sa.Column(
            "kind",
            code(16),
            nullable=False,
            comment="full or suppressions",
        ),
        sa.Column(
            "state",
            code(16),
            nullable=False,
            comment="READY, APPLYING, WAITING (for budget), DONE or SUPERSEDED",
        ),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("counts", LONGTEXT(), nullable=False, comment="JSON: steps by action, fields by name"),
        sa.Column("tokens", sa.BigInteger(), nullable=False, comment="What all of it costs"),
        sa.Column(
            "seconds", sa.Numeric(precision=12, scale=1), nullable=False, comment="How long it takes at the burst limit"
        ),
        sa.Column("requested_by", sa.String(255), nullable=False),
        sa.Column("finished_at", TIME),
        sa.PrimaryKeyConstraint("plan_id", name="pk_crm_plans"),
        comment="What would go out to the CRM, before it goes",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_crm_plans_kind", "crm_plans", ["kind", "state"])
    op.create_table(
        "crm_resolutions",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("crm_person_id", sa.BigInteger(), nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("field", code(32), nullable=False),
        sa.Column("base", LONGTEXT(), comment="JSON: what was agreed"),
        sa.Column("ours", LONGTEXT(), comment="JSON"),
        sa.Column("theirs", LONGTEXT(), comment="JSON"),
        sa.Column("result", LONGTEXT(), comment="JSON"),
        sa.Column(
            "winner",
            code(8),
            nullable=False,
            comment="ours, theirs or both",
        ),
        sa.Column("rule", code(32), nullable=False),
        sa.Column("plan_id", code(48)),
        sa.Column("resolved_at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_crm_resolutions"),
        comment="Each field on which the two sides differed, and what settled it; append-only",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_crm_resolutions_crm_person_id", "crm_resolutions", ["crm_person_id"])
    create_index("ix_crm_resolutions_entity_id", "crm_resolutions", ["entity_id"])
    op.create_table(
        "crm_webhooks",
        sa.Column("event_id", code(64), nullable=False),
        sa.Column("entity", code(16), nullable=False),
        sa.Column("crm_id", sa.BigInteger(), nullable=False),
        sa.Column("action", code(8), nullable=False),
        sa.Column("meta", LONGTEXT(), nullable=False, comment="JSON: who changed it, by what, merged into whom"),
        sa.Column("changed_fields", LONGTEXT(), comment="JSON: names of the fields that changed"),
        sa.Column("received_at", TIME, server_default=NOW, nullable=False),
        sa.Column("handled_at", TIME),
        sa.Column("outcome", sa.String(255)),
        sa.PrimaryKeyConstraint("event_id", name="pk_crm_webhooks"),
        comment="Each event the CRM told of, once; hints, never the truth",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_crm_webhooks_crm_id", "crm_webhooks", ["crm_id"])
    create_index("ix_crm_webhooks_handled_at", "crm_webhooks", ["handled_at"])
    op.create_table(
        "crm_steps",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("plan_id", code(48), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False, comment="0: do-not-contact facts; higher goes later"),
        sa.Column(
            "action",
            code(8),
            nullable=False,
            comment="create, update or merge",
        ),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.Column("crm_person_id", sa.BigInteger(), comment="Null for create until it is applied"),
        sa.Column("merge_with_id", sa.BigInteger(), comment="merge: who survives"),
        sa.Column("changes", LONGTEXT(), nullable=False, comment="JSON: field, before, after, why"),
        sa.Column("ours", LONGTEXT(), comment="JSON: the golden record as the plan saw it"),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            code(12),
            nullable=False,
            comment="waiting, sending, applied, failed or superseded",
        ),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("error", sa.String(500)),
        sa.Column("sent_at", TIME),
        sa.Column("done_at", TIME),
        sa.ForeignKeyConstraint(["plan_id"], ["crm_plans.plan_id"], name="fk_crm_steps_plan_id"),
        sa.PrimaryKeyConstraint("id", name="pk_crm_steps"),
        comment="One change of one person in the CRM",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_crm_steps_crm_person_id", "crm_steps", ["crm_person_id"])
    create_index("ix_crm_steps_entity_id", "crm_steps", ["entity_id"])
    create_index("ix_crm_steps_plan_id", "crm_steps", ["plan_id", "state", "priority"])
    create_index("ix_crm_steps_state", "crm_steps", ["state"])


def downgrade() -> None:
    """Take them out again: what was agreed with the CRM is forgotten, and the next pull reads all of it."""
    op.drop_table("crm_steps")
    op.drop_table("crm_webhooks")
    op.drop_table("crm_resolutions")
    op.drop_table("crm_plans")
    op.drop_table("crm_persons")
    op.drop_table("api_requests")
    op.drop_table("api_pulls")
    op.drop_table("api_pauses")
    op.drop_table("api_budgets")
