"""Compliance: versions of do-not-call lists, facts about contact points, calling windows, changes for the marts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from cm_core.store.migrations.steps import NOW, OPTIONS, TIME, add_column, code, create_index, exact

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OF_THE_REGISTRY = (
    "Do-not-call registrations of numbers that people here have; a fact of its list, not a person's request"
)


def upgrade() -> None:
    """Add them. Each step can be run again: MySQL commits each DDL statement by itself.

    The marts of before have other names now; what they said must not stay readable and grow stale.
    """
    _do_not_call()
    _facts()
    _marts()
    for mart in ("call_verdicts", "sms_verdicts", "email_verdicts", "mail_verdicts"):
        op.execute(f"drop table if exists {mart}")


def downgrade() -> None:
    """Take them out again, and with them every fact and every list version."""
    for table in ("scrubs", "mart_builds", "changes_in_build", "changed_entities", "calling_windows", "contact_facts"):
        op.drop_table(table)
    op.drop_table("dnc_area_coverage")
    op.drop_table("dnc_list_versions")
    op.create_table_comment(
        "dnc_registry", "Do-not-call registrations by list; a fact of its list, not a person's own request"
    )
    op.drop_column("dnc_registry", "removed_at")
    op.drop_column("dnc_registry", "listed_from")


def _do_not_call() -> None:
    add_column("dnc_registry", sa.Column("listed_from", TIME))
    add_column("dnc_registry", sa.Column("removed_at", TIME))
    op.create_table_comment("dnc_registry", _OF_THE_REGISTRY)
    op.create_table(
        "dnc_list_versions",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("source", code(32), nullable=False),
        sa.Column("kind", code(8), nullable=False, comment="full or change"),
        sa.Column("import_id", code(24), nullable=False),
        sa.Column("obtained_at", TIME, nullable=False),
        sa.Column(
            "status", code(16), nullable=False, comment="IN_FORCE, OLDER (a newer one was there already) or REFUSED"
        ),
        sa.Column("status_reason", sa.Text()),
        sa.Column("area_codes", sa.Integer(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("bad_rows", sa.BigInteger(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.Column("removed", sa.BigInteger(), nullable=False),
        sa.Column("checksum_sha256", code(64), nullable=False),
        sa.Column("loaded_at", TIME, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("id", name="pk_dnc_list_versions"),
        sa.UniqueConstraint("import_id", "source", name="uq_dnc_list_versions_import_id"),
        sa.ForeignKeyConstraint(["import_id"], ["import_metadata.import_id"], name="fk_dnc_list_versions_import_id"),
        if_not_exists=True,
        comment="Each do-not-call list obtained: when, what it covers, what it changed (16 CFR 310.4(b)(3))",
        **OPTIONS,
    )
    create_index("ix_dnc_list_versions_source", "dnc_list_versions", ["source", "obtained_at"])
    op.create_table(
        "dnc_area_coverage",
        sa.Column("source", code(32), nullable=False),
        sa.Column("area_code", code(3), nullable=False),
        sa.Column("version_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("obtained_at", TIME, nullable=False),
        sa.Column(
            "numbers",
            sa.BigInteger(),
            nullable=False,
            comment="Numbers of the list in this area code from then on",
        ),
        sa.Column("lake_key", exact(700), nullable=False, comment="Parquet of them: number bigint, in order"),
        sa.Column("is_current", sa.Boolean(), nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("source", "area_code", "version_id", name="pk_dnc_area_coverage"),
        sa.ForeignKeyConstraint(["version_id"], ["dnc_list_versions.id"], name="fk_dnc_area_coverage_version_id"),
        if_not_exists=True,
        comment="Area codes held, by list and version; the current row of each is the list in force",
        **OPTIONS,
    )
    create_index("ix_dnc_area_coverage_area_code", "dnc_area_coverage", ["area_code", "obtained_at"])


def _facts() -> None:
    op.create_table(
        "contact_facts",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column(
            "fact_key", code(64), nullable=False, comment="SHA-256 of what the fact says; the same fact comes in once"
        ),
        sa.Column(
            "fact",
            code(32),
            nullable=False,
            comment="litigator, reassigned, wireless, consent ... (docs/compliance.md)",
        ),
        sa.Column("contact_kind", code(8), nullable=False, comment="phone, email, address, name_zip, person or hash"),
        sa.Column("contact_key", exact(320), nullable=False),
        sa.Column("person_id", sa.BigInteger()),
        sa.Column("channel", code(8), nullable=False, comment="call, sms, email, mail, all"),
        sa.Column(
            "value",
            exact(64),
            comment="yes, no, wireless, landline, purchase, inquiry ...: what the kind of fact knows",
        ),
        sa.Column("starts_at", TIME, nullable=False),
        sa.Column("ends_at", TIME),
        sa.Column("reason", sa.String(255)),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("recorded_by", sa.String(255), comment="Who recorded it by hand; null: an import did"),
        sa.Column("import_id", code(24)),
        sa.Column("row_number", sa.BigInteger()),
        sa.Column("created_at", TIME, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("id", name="pk_contact_facts"),
        sa.UniqueConstraint("fact_key", name="uq_contact_facts_fact_key"),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_contact_facts_person_id"),
        if_not_exists=True,
        comment="What is known of a contact point or person and decides about its use; append-only, known to us or not",
        **OPTIONS,
    )
    create_index("ix_contact_facts_contact_kind", "contact_facts", ["contact_kind", "contact_key"])
    create_index("ix_contact_facts_person_id", "contact_facts", ["person_id"])
    create_index("ix_contact_facts_fact", "contact_facts", ["fact", "starts_at"])
    create_index("ix_contact_facts_import_id", "contact_facts", ["import_id", "row_number"])


def _marts() -> None:
    op.create_table(
        "calling_windows",
        sa.Column("places", exact(255), nullable=False, comment="State@zone pairs, all of which must be open"),
        sa.Column("channel", code(8), nullable=False),
        sa.Column("opens_at", TIME, nullable=False),
        sa.Column("closes_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("places", "channel", "opens_at", name="pk_calling_windows"),
        if_not_exists=True,
        comment="When calls and texts are lawful by the local time of every plausible place, UTC, half open",
        **OPTIONS,
    )
    op.create_table(
        "changed_entities",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False, comment="0: everything"),
        sa.Column("changed_at", TIME, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("id", name="pk_changed_entities"),
        if_not_exists=True,
        comment="Entities whose people, contact points or suppressions changed since the marts were built",
        **OPTIONS,
    )
    create_index("ix_changed_entities_entity_id", "changed_entities", ["entity_id"])
    op.create_table(
        "changes_in_build",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("entity_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_changes_in_build"),
        if_not_exists=True,
        comment="The rows of changed_entities that the running build of the marts takes in; they go when it is through",
        **OPTIONS,
    )
    create_index("ix_changes_in_build_entity_id", "changes_in_build", ["entity_id"])
    op.create_table(
        "mart_builds",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column(
            "fingerprint", code(64), nullable=False, comment="Of models, macros and rules: another one builds anew"
        ),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("is_full", sa.Boolean(), nullable=False),
        sa.Column("entities", sa.BigInteger(), nullable=False, comment="Entities whose changes it took in"),
        sa.Column("built_at", TIME, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("id", name="pk_mart_builds"),
        if_not_exists=True,
        comment="Each build of the marts",
        **OPTIONS,
    )
    op.create_table(
        "scrubs",
        sa.Column("scrub_id", code(32), nullable=False),
        sa.Column("filename", sa.String(255)),
        sa.Column("campaign_id", sa.BigInteger()),
        sa.Column("channel", code(8), nullable=False),
        sa.Column("purpose", code(16), nullable=False),
        sa.Column("as_of", TIME, nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("allowed_count", sa.BigInteger(), nullable=False),
        sa.Column("lake_key", exact(700), nullable=False, comment="Parquet of the decisions, one row per input row"),
        sa.Column("checksum_sha256", code(64), nullable=False),
        sa.Column("rules_fingerprint", code(64), nullable=False),
        sa.Column("requested_by", sa.String(255), nullable=False),
        sa.Column("created_at", TIME, nullable=False, server_default=NOW),
        sa.PrimaryKeyConstraint("scrub_id", name="pk_scrubs"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_scrubs_campaign_id"),
        if_not_exists=True,
        comment="Each scrub of a list: where its decisions are kept, by which rules (TSR records, 5 years)",
        **OPTIONS,
    )
