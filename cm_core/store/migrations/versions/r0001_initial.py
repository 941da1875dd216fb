"""The first schema: imports, people, duplicates, campaigns and compliance.

Written out so that it stays what it was when `tables.py` moves on.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import LONGTEXT

from cm_core.store.migrations.steps import NOW, OPTIONS, TIME, code, create_index, exact

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create every table. Each step can be run again: MySQL commits each DDL statement by itself."""
    op.create_table(
        "campaigns",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("type", code(16), nullable=False, comment="mail, sms, call, email"),
        sa.Column("start_date", sa.Date()),
        sa.Column("end_date", sa.Date()),
        sa.PrimaryKeyConstraint("id", name="pk_campaigns"),
        sa.UniqueConstraint("name", "type", name="uq_campaigns_name"),
        comment="Marketing campaigns",
        if_not_exists=True,
        **OPTIONS,
    )
    op.create_table(
        "dedup_audit_log",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("job_id", code(50), nullable=False),
        sa.Column("action", code(16), nullable=False, comment="link, unlink, golden, split"),
        sa.Column("original_person_id", sa.BigInteger(), nullable=False),
        sa.Column("duplicate_person_id", sa.BigInteger(), nullable=False),
        sa.Column("match_score", sa.Numeric(5, 2)),
        sa.Column("match_reason", sa.String(100)),
        sa.Column("merged_fields", LONGTEXT(), comment="JSON: fields the golden record lacks and the duplicate has"),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dedup_audit_log"),
        comment="Every link and unlink of two persons (seed E4); append-only",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("idx_duplicate", "dedup_audit_log", ["duplicate_person_id"])
    create_index("idx_job_id", "dedup_audit_log", ["job_id"])
    create_index("idx_original", "dedup_audit_log", ["original_person_id"])
    op.create_table(
        "dnc_registry",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("phone_e164", code(20), nullable=False),
        sa.Column("listing_date", sa.Date()),
        sa.Column("source", code(32), nullable=False, comment="which list: national, or the name the feed gives"),
        sa.Column("first_import_id", code(24), nullable=False),
        sa.Column("last_import_id", code(24), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dnc_registry"),
        sa.UniqueConstraint("phone_e164", "source", name="uq_dnc_registry_phone_e164"),
        comment="Do-not-call registrations by list; a fact of its list, not a person's own request",
        if_not_exists=True,
        **OPTIONS,
    )
    op.create_table(
        "entity_successors",
        sa.Column("entity_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("successor_id", sa.BigInteger(), nullable=False),
        sa.Column("job_id", code(50), nullable=False),
        sa.Column("retired_at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("entity_id", name="pk_entity_successors"),
        comment="Where a retired entity_id went; a retired id never returns",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_entity_successors_successor_id", "entity_successors", ["successor_id"])
    op.create_table(
        "id_counters",
        sa.Column("name", code(64), nullable=False),
        sa.Column("next_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_id_counters"),
        comment="Next free id per table; read and moved inside the writing transaction, so a rollback burns none",
        if_not_exists=True,
        **OPTIONS,
    )
    op.create_table(
        "import_metadata",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("import_id", code(24), nullable=False),
        sa.Column("feed", sa.String(64), nullable=False),
        sa.Column("filename", sa.String(255), nullable=False),
        sa.Column("source_type", sa.String(16), nullable=False),
        sa.Column("import_date", sa.Date(), nullable=False),
        sa.Column("landing_key", exact(700), nullable=False),
        sa.Column("s3_location", sa.String(1024), nullable=False),
        sa.Column("uploaded_by", sa.String(255)),
        sa.Column("uploaded_at", TIME, nullable=False),
        sa.Column("source_date", TIME, nullable=False),
        sa.Column("file_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("checksum_sha256", code(64), nullable=False),
        sa.Column("schema_version", sa.String(32)),
        sa.Column("status", code(24), nullable=False),
        sa.Column("status_reason", sa.Text()),
        sa.Column("duplicate_of", code(24)),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("row_count", sa.BigInteger()),
        sa.Column("success_count", sa.BigInteger()),
        sa.Column("error_count", sa.BigInteger()),
        sa.Column("inserted_count", sa.BigInteger()),
        sa.Column("updated_count", sa.BigInteger()),
        sa.Column("skipped_count", sa.BigInteger()),
        sa.Column("processing_duration_seconds", sa.Numeric(12, 3)),
        sa.Column("error_log_s3", sa.String(1024)),
        sa.Column("success_report_s3", sa.String(1024)),
        sa.Column("checklist_s3", sa.String(1024)),
        sa.Column(
            "file_format", LONGTEXT(), comment="JSON: detected dialect, encoding, and which column became which field"
        ),
        sa.Column("started_at", TIME),
        sa.Column("finished_at", TIME),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.Column("updated_at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_import_metadata"),
        sa.UniqueConstraint("import_id", name="uq_import_metadata_import_id"),
        comment="One row per file: what it was, where it is, what became of it (seed D2)",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_import_metadata_checksum_sha256", "import_metadata", ["checksum_sha256"])
    create_index("ix_import_metadata_status", "import_metadata", ["status"])
    op.create_table(
        "persons",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column(
            "entity_id", sa.BigInteger(), nullable=False, comment="Stable id of the cluster this person belongs to"
        ),
        sa.Column("entity_type", code(16), nullable=False),
        sa.Column("name_prefix", sa.String(20)),
        sa.Column("first_name", sa.String(100)),
        sa.Column("middle_name", sa.String(100)),
        sa.Column("last_name", sa.String(100)),
        sa.Column("name_suffix", sa.String(20)),
        sa.Column("organization_name", sa.String(255)),
        sa.Column("first_key", code(100)),
        sa.Column("last_key", code(100)),
        sa.Column("organization_key", code(255)),
        sa.Column("date_of_birth", sa.Date()),
        sa.Column("is_original", sa.Boolean(), server_default=sa.text("1"), nullable=False),
        sa.Column("is_manually_verified", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("name_source_date", TIME),
        sa.Column("birth_source_date", TIME),
        sa.Column("source_date", TIME, nullable=False),
        sa.Column("first_import_id", code(24), nullable=False),
        sa.Column("last_import_id", code(24), nullable=False),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.Column("updated_at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_persons"),
        comment="What exact keys say is one human or organisation; golden records have is_original = 1",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_persons_entity_id", "persons", ["entity_id"])
    create_index("ix_persons_last_key", "persons", ["last_key", "first_key"])
    create_index("ix_persons_organization_key", "persons", ["organization_key"])
    op.create_table(
        "shared_contacts",
        sa.Column("kind", code(8), nullable=False, comment="phone or email"),
        sa.Column("contact_key", exact(320), nullable=False),
        sa.Column("surnames", sa.Integer(), nullable=False),
        sa.Column("first_import_id", code(24), nullable=False),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.PrimaryKeyConstraint("kind", "contact_key", name="pk_shared_contacts"),
        comment="Contacts carried by too many surnames to be a match key; for review",
        if_not_exists=True,
        **OPTIONS,
    )
    op.create_table(
        "addresses",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "address_key", exact(255), nullable=False, comment="Equal for equal places; from the raw text if unparsed"
        ),
        sa.Column("address_raw", sa.String(500), nullable=False),
        sa.Column("care_of", sa.String(255)),
        sa.Column("street", sa.String(255)),
        sa.Column("city", sa.String(100)),
        sa.Column("state", sa.String(64)),
        sa.Column("zip", sa.String(16)),
        sa.Column("zip4", code(4)),
        sa.Column("county", sa.String(64)),
        sa.Column("address_type", code(16), comment="mailing, residential, property ... as the feed says"),
        sa.Column("invalid_reason", code(64)),
        sa.Column(
            "name_zip_key", code(255), comment="FIRST|LAST|SUFFIX|ZIP5 of the newest row that named a person here"
        ),
        sa.Column("is_primary", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("source_date", TIME, nullable=False),
        sa.Column("first_import_id", code(24), nullable=False),
        sa.Column("last_import_id", code(24), nullable=False),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.Column("updated_at", TIME, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_addresses_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_addresses"),
        sa.UniqueConstraint("person_id", "address_key", name="uq_addresses_person_id"),
        comment="Postal addresses of a person, USPS form where they parse",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_addresses_name_zip_key", "addresses", ["name_zip_key"])
    create_index("ix_addresses_zip", "addresses", ["zip"])
    op.create_table(
        "email_addresses",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("email_key", exact(320), nullable=False, comment="Match key; the raw text if invalid"),
        sa.Column("email_raw", sa.String(320), nullable=False),
        sa.Column("email", sa.String(320), comment="Normalised address; null if invalid"),
        sa.Column("invalid_reason", code(64)),
        sa.Column("is_primary", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_verified", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("opt_out_status", code(16)),
        sa.Column("source_date", TIME, nullable=False),
        sa.Column("first_import_id", code(24), nullable=False),
        sa.Column("last_import_id", code(24), nullable=False),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.Column("updated_at", TIME, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_email_addresses_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_email_addresses"),
        sa.UniqueConstraint("person_id", "email_key", name="uq_email_addresses_person_id"),
        comment="E-mail addresses of a person, invalid ones too (email is null)",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_email_addresses_email_key", "email_addresses", ["email_key"])
    op.create_table(
        "import_audit_log",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("import_id", code(24), nullable=False),
        sa.Column("operation", code(32), nullable=False),
        sa.Column("record_count", sa.BigInteger()),
        sa.Column("detail", sa.Text()),
        sa.Column("timestamp", TIME, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["import_metadata.import_id"], name="fk_import_audit_log_import_id"),
        sa.PrimaryKeyConstraint("id", name="pk_import_audit_log"),
        comment="Each change of an import's state and each write of an apply (seed D3, step 4)",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_import_audit_log_import_id", "import_audit_log", ["import_id"])
    op.create_table(
        "import_validation_log",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("import_id", code(24), nullable=False),
        sa.Column("row_number", sa.BigInteger(), nullable=False),
        sa.Column("error_type", code(32), nullable=False),
        sa.Column("field_name", sa.String(128)),
        sa.Column("field_value", sa.Text()),
        sa.Column("error_message", sa.Text(), nullable=False),
        sa.Column("row_status", code(16), nullable=False, comment="rejected: the row is out; kept: only the value is"),
        sa.ForeignKeyConstraint(
            ["import_id"], ["import_metadata.import_id"], name="fk_import_validation_log_import_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_import_validation_log"),
        comment="What was wrong in which row (seed D4)",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_import_validation_log_import_id", "import_validation_log", ["import_id", "row_number"])
    op.create_table(
        "landing_files",
        sa.Column("object_id", code(64), nullable=False, comment="SHA-256 of landing URL, key and etag"),
        sa.Column("landing_key", exact(700), nullable=False),
        sa.Column("etag", sa.String(128), nullable=False),
        sa.Column("file_size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("last_modified", TIME, nullable=False),
        sa.Column("import_id", code(24), nullable=False),
        sa.Column("seen_at", TIME, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["import_metadata.import_id"], name="fk_landing_files_import_id"),
        sa.PrimaryKeyConstraint("object_id", name="pk_landing_files"),
        comment="The sensor's ledger: each version of each object in the landing zone is registered once",
        if_not_exists=True,
        **OPTIONS,
    )
    op.create_table(
        "opt_outs",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("person_id", sa.BigInteger()),
        sa.Column("channel", code(8), nullable=False, comment="call, sms, email, mail, all"),
        sa.Column("phone_e164", code(20)),
        sa.Column("email_key", exact(320)),
        sa.Column("address_key", exact(255)),
        sa.Column("opted_out_at", TIME, nullable=False),
        sa.Column("reason", sa.String(255)),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("import_id", code(24)),
        sa.Column("row_number", sa.BigInteger()),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_opt_outs_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_opt_outs"),
        comment="What people asked for: permanent, by person or bare contact point, known to us or not",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_opt_outs_email_key", "opt_outs", ["email_key"])
    create_index("ix_opt_outs_import_id", "opt_outs", ["import_id", "row_number"])
    create_index("ix_opt_outs_person_id", "opt_outs", ["person_id"])
    create_index("ix_opt_outs_phone_e164", "opt_outs", ["phone_e164"])
    op.create_table(
        "person_duplicates",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("original_id", sa.BigInteger(), nullable=False),
        sa.Column("duplicate_id", sa.BigInteger(), nullable=False),
        sa.Column("match_score", sa.Numeric(5, 2), nullable=False, comment="0 to 100"),
        sa.Column("match_reason", sa.String(100), nullable=False),
        sa.Column("match_tier", sa.SmallInteger(), comment="1 exact, 2 strong, 3 fuzzy (seed E2); null: Splink alone"),
        sa.Column("match_probability", sa.Numeric(9, 8), comment="Splink's, where it scored the pair"),
        sa.Column("job_id", code(50), nullable=False),
        sa.Column("merged_at", TIME, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["duplicate_id"], ["persons.id"], name="fk_person_duplicates_duplicate_id"),
        sa.ForeignKeyConstraint(["original_id"], ["persons.id"], name="fk_person_duplicates_original_id"),
        sa.PrimaryKeyConstraint("id", name="pk_person_duplicates"),
        sa.UniqueConstraint("duplicate_id", name="uq_person_duplicates_duplicate_id"),
        comment="Which person is a duplicate of which golden record, and why",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_person_duplicates_original_id", "person_duplicates", ["original_id"])
    op.create_table(
        "person_identifiers",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("id_type", code(64), nullable=False),
        sa.Column("id_value", exact(255), nullable=False),
        sa.Column("source_date", TIME, nullable=False),
        sa.Column("first_import_id", code(24), nullable=False),
        sa.Column("last_import_id", code(24), nullable=False),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.Column("updated_at", TIME, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_person_identifiers_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_person_identifiers"),
        sa.UniqueConstraint("person_id", "id_type", "id_value", name="uq_person_identifiers_person_id"),
        comment="Ids that sources know a person by: owner number, voter id, operator key",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_person_identifiers_id_type", "person_identifiers", ["id_type", "id_value"])
    op.create_table(
        "person_relations",
        sa.Column("person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("related_person_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("relation", code(16), nullable=False, comment="household, contact, employer"),
        sa.Column("first_import_id", code(24), nullable=False),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_person_relations_person_id"),
        sa.ForeignKeyConstraint(["related_person_id"], ["persons.id"], name="fk_person_relations_related_person_id"),
        sa.PrimaryKeyConstraint("person_id", "related_person_id", "relation", name="pk_person_relations"),
        comment="Who belongs together without being the same: joint owners, an organisation and its contact",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_person_relations_related_person_id", "person_relations", ["related_person_id"])
    op.create_table(
        "person_sources",
        sa.Column("import_id", code(24), nullable=False),
        sa.Column("row_number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("party_no", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("role", code(16), nullable=False, comment="owner, joint_owner, contact, employer"),
        sa.Column("match_key", code(16), nullable=False, comment="email, phone, name_zip, or new"),
        sa.Column("operation", code(16), nullable=False, comment="inserted, updated or skipped"),
        sa.ForeignKeyConstraint(["import_id"], ["import_metadata.import_id"], name="fk_person_sources_import_id"),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_person_sources_person_id"),
        sa.PrimaryKeyConstraint("import_id", "row_number", "party_no", name="pk_person_sources"),
        comment="Every source row, and the person or persons it became part of",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_person_sources_person_id", "person_sources", ["person_id"])
    op.create_table(
        "phone_numbers",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("phone_key", exact(255), nullable=False, comment="E.164 with extension; the raw text if invalid"),
        sa.Column("phone_raw", sa.String(255), nullable=False),
        sa.Column("phone_e164", code(20)),
        sa.Column("extension", sa.String(20)),
        sa.Column("phone_type", code(16), comment="mobile, landline, voip, fax: only from a source that says so"),
        sa.Column("region", code(2)),
        sa.Column("invalid_reason", code(64)),
        sa.Column("is_primary", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_verified", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("dnc_status", code(16)),
        sa.Column("source_date", TIME, nullable=False),
        sa.Column("first_import_id", code(24), nullable=False),
        sa.Column("last_import_id", code(24), nullable=False),
        sa.Column("created_at", TIME, server_default=NOW, nullable=False),
        sa.Column("updated_at", TIME, server_default=NOW, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_phone_numbers_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_phone_numbers"),
        sa.UniqueConstraint("person_id", "phone_key", name="uq_phone_numbers_person_id"),
        comment="Phone numbers of a person, invalid ones too (phone_e164 is null)",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_phone_numbers_phone_e164", "phone_numbers", ["phone_e164"])
    op.create_table(
        "staging_raw_import",
        sa.Column("import_id", code(24), nullable=False),
        sa.Column("row_number", sa.BigInteger(), nullable=False),
        sa.Column("entity_type", sa.String(16)),
        sa.Column("first_name", sa.String(100)),
        sa.Column("middle_name", sa.String(100)),
        sa.Column("last_name", sa.String(100)),
        sa.Column("name_suffix", sa.String(20)),
        sa.Column("organization_name", sa.String(255)),
        sa.Column("email", sa.String(320)),
        sa.Column("phone_e164", code(20)),
        sa.Column("street", sa.String(255)),
        sa.Column("city", sa.String(100)),
        sa.Column("state", sa.String(64)),
        sa.Column("zip", sa.String(16)),
        sa.Column("source_date", TIME),
        sa.Column("raw", LONGTEXT(), nullable=False, comment="JSON: every source column as it was"),
        sa.Column("staging_id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["import_metadata.import_id"], name="fk_staging_raw_import_import_id"),
        sa.PrimaryKeyConstraint("staging_id", name="pk_staging_raw_import"),
        sa.UniqueConstraint("import_id", "row_number", name="uq_staging_raw_import_import_id"),
        comment="Staged rows of recent imports, for inspection; the lake keeps all of them for ever",
        if_not_exists=True,
        **OPTIONS,
    )
    op.create_table(
        "touchpoints",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("person_id", sa.BigInteger()),
        sa.Column("campaign_id", sa.BigInteger()),
        sa.Column("touchpoint_type", code(16), nullable=False, comment="mail, sms, call, email"),
        sa.Column("touchpoint_date", TIME, nullable=False),
        sa.Column("status", sa.String(32)),
        sa.Column("phone_e164", code(20)),
        sa.Column("email_key", exact(320)),
        sa.Column("metadata", LONGTEXT(), comment="JSON"),
        sa.Column("import_id", code(24)),
        sa.Column("row_number", sa.BigInteger()),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_touchpoints_campaign_id"),
        sa.ForeignKeyConstraint(["person_id"], ["persons.id"], name="fk_touchpoints_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_touchpoints"),
        sa.UniqueConstraint("import_id", "row_number", name="uq_touchpoints_import_id"),
        comment="Every contact made: the life of a lead",
        if_not_exists=True,
        **OPTIONS,
    )
    create_index("ix_touchpoints_campaign_id", "touchpoints", ["campaign_id"])
    create_index("ix_touchpoints_person_id", "touchpoints", ["person_id", "touchpoint_date"])
    create_index("ix_touchpoints_phone_e164", "touchpoints", ["phone_e164"])


def downgrade() -> None:
    """There is nothing before the first revision, and dropping people's data is no migration."""
    raise NotImplementedError("Revision 0001 is the first: to be rid of it, drop the database by hand.")
