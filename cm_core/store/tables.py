"""Every MySQL table, declared once. Alembic migrations and bulk loads are derived from this module.

Only types and SQL that both MySQL >= 8.0 and MariaDB >= 10.6 accept. All times are UTC. Texts are utf8mb4;
match keys, hashes and codes are ascii with binary collation, so that equality is equality of bytes.
Marts are not here: they belong to dbt.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.mysql import DATETIME, LONGTEXT, VARCHAR

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_unicode_ci",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_unicode_ci",
}


def _code(length: int) -> VARCHAR:
    """An ascii text compared byte by byte: ids, hashes, E.164 numbers, upper-case match keys."""
    return VARCHAR(length, charset="ascii", collation="ascii_bin")


def _exact(length: int) -> VARCHAR:
    """A utf8mb4 text compared byte by byte: raw values that are part of a unique key."""
    return VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")


def _time(name: str, *, nullable: bool = True) -> Column[Any]:
    return Column(name, DATETIME(fsp=6), nullable=nullable)


def _now(name: str) -> Column[Any]:
    return Column(name, DATETIME(fsp=6), nullable=False, server_default=text("CURRENT_TIMESTAMP(6)"))


def _flag(name: str, default: int) -> Column[Any]:
    return Column(name, Boolean, nullable=False, server_default=text(str(default)))


def _table(name: str, *items: Any, comment: str) -> Table:
    return Table(name, metadata, *items, comment=comment, **_OPTIONS)


def _person_fk(name: str = "person_id", *, nullable: bool = False) -> Column[Any]:
    return Column(name, BigInteger, ForeignKey("persons.id"), nullable=nullable)


def _import_fk(name: str = "import_id", *, nullable: bool = False) -> Column[Any]:
    return Column(name, _code(24), ForeignKey("import_metadata.import_id"), nullable=nullable)


def _provenance() -> list[Column[Any]]:
    """Which imports brought and last confirmed a fact, how new the newest source is, and when we wrote it."""
    return [
        _time("source_date", nullable=False),
        Column("first_import_id", _code(24), nullable=False),
        Column("last_import_id", _code(24), nullable=False),
        _now("created_at"),
        _now("updated_at"),
    ]


# --- Imports -----------------------------------------------------------------------------------------------

import_metadata = _table(
    "import_metadata",
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("import_id", _code(24), nullable=False),
    Column("feed", String(64), nullable=False),
    Column("filename", String(255), nullable=False),
    Column("source_type", String(16), nullable=False),
    Column("import_date", Date, nullable=False),
    Column("landing_key", _exact(700), nullable=False),
    Column("s3_location", String(1024), nullable=False),
    Column("uploaded_by", String(255)),
    _time("uploaded_at", nullable=False),
    _time("source_date", nullable=False),
    Column("file_size_bytes", BigInteger, nullable=False),
    Column("checksum_sha256", _code(64), nullable=False),
    Column("schema_version", String(32)),
    Column("status", _code(24), nullable=False),
    Column("status_reason", Text),
    Column("duplicate_of", _code(24)),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("row_count", BigInteger),
    Column("success_count", BigInteger),
    Column("error_count", BigInteger),
    Column("inserted_count", BigInteger),
    Column("updated_count", BigInteger),
    Column("skipped_count", BigInteger),
    Column("processing_duration_seconds", Numeric(12, 3)),
    Column("error_log_s3", String(1024)),
    Column("success_report_s3", String(1024)),
    Column("checklist_s3", String(1024)),
    Column("file_format", LONGTEXT, comment="JSON: detected dialect, encoding, and which column became which field"),
    _time("started_at"),
    _time("finished_at"),
    _now("created_at"),
    _now("updated_at"),
    UniqueConstraint("import_id"),
    Index(None, "checksum_sha256"),
    Index(None, "status"),
    comment="One row per file: what it was, where it is, what became of it (seed D2)",
)

landing_files = _table(
    "landing_files",
    Column("object_id", _code(64), primary_key=True, comment="SHA-256 of landing URL, key and etag"),
    Column("landing_key", _exact(700), nullable=False),
    Column("etag", String(128), nullable=False),
    Column("file_size_bytes", BigInteger, nullable=False),
    _time("last_modified", nullable=False),
    _import_fk(),
    _now("seen_at"),
    comment="The sensor's ledger: each version of each object in the landing zone is registered once",
)

staging_raw_import = _table(
    "staging_raw_import",
    _import_fk(),
    Column("row_number", BigInteger, nullable=False),
    Column("entity_type", String(16)),
    Column("first_name", String(100)),
    Column("middle_name", String(100)),
    Column("last_name", String(100)),
    Column("name_suffix", String(20)),
    Column("organization_name", String(255)),
    Column("email", String(320)),
    Column("phone_e164", _code(20)),
    Column("street", String(255)),
    Column("city", String(100)),
    Column("state", String(64)),
    Column("zip", String(16)),
    _time("source_date"),
    Column("raw", LONGTEXT, nullable=False, comment="JSON: every source column as it was"),
    UniqueConstraint("import_id", "row_number"),
    comment="Staged rows of recent imports, for inspection; the lake keeps all of them for ever",
)
staging_raw_import.append_column(Column("staging_id", BigInteger, primary_key=True, autoincrement=True))

import_validation_log = _table(
    "import_validation_log",
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    _import_fk(),
    Column("row_number", BigInteger, nullable=False),
    Column("error_type", _code(32), nullable=False),
    Column("field_name", String(128)),
    Column("field_value", Text),
    Column("error_message", Text, nullable=False),
    Column("row_status", _code(16), nullable=False, comment="rejected: the row is out; kept: only the value is"),
    Index(None, "import_id", "row_number"),
    comment="What was wrong in which row (seed D4)",
)

import_audit_log = _table(
    "import_audit_log",
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    _import_fk(),
    Column("operation", _code(32), nullable=False),
    Column("record_count", BigInteger),
    Column("detail", Text),
    _now("timestamp"),
    Column("actor", String(255), comment="Who: a user, the landing zone, a run of the orchestrator"),
    Index(None, "import_id"),
    comment="Each change of an import's state and each write of an apply (seed D3, step 4)",
)

import_replays = _table(
    "import_replays",
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    _import_fk(),
    Column("replay_no", Integer, nullable=False, comment="1, 2 ... within the import; names its part of the lake"),
    Column("mode", _code(16), nullable=False, comment="full or errors-only"),
    Column("status", _code(16), nullable=False, comment="OPEN, COMPLETE or FAILED"),
    Column("status_reason", Text),
    Column("requested_by", String(255)),
    _time("requested_at", nullable=False),
    _time("finished_at"),
    Column("corrected_filename", String(255), comment="The file with mended rows, if one was given"),
    Column("landing_key", _exact(700)),
    Column("s3_location", String(1024)),
    Column("file_size_bytes", BigInteger),
    Column("checksum_sha256", _code(64)),
    Column("row_count", BigInteger, comment="As staged by this replay; the import's own once it is COMPLETE"),
    Column("error_count", BigInteger),
    Column("brought_in", BigInteger, comment="Rows that were rejected before and are in now"),
    Column("schema_version", String(32)),
    Column("file_format", LONGTEXT, comment="JSON, as in import_metadata"),
    UniqueConstraint("import_id", "replay_no"),
    comment="Each replay of an import: who asked for it, with which corrected file, what became of it (seed D5)",
)

id_counters = _table(
    "id_counters",
    Column("name", _code(64), primary_key=True),
    Column("next_id", BigInteger, nullable=False),
    comment="Next free id per table; read and moved inside the writing transaction, so a rollback burns none",
)

# --- People ------------------------------------------------------------------------------------------------

persons = _table(
    "persons",
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("entity_id", BigInteger, nullable=False, comment="Stable id of the cluster this person belongs to"),
    Column("entity_type", _code(16), nullable=False),
    Column("name_prefix", String(20)),
    Column("first_name", String(100)),
    Column("middle_name", String(100)),
    Column("last_name", String(100)),
    Column("name_suffix", String(20)),
    Column("organization_name", String(255)),
    Column("first_key", _code(100)),
    Column("last_key", _code(100)),
    Column("organization_key", _code(255)),
    Column("date_of_birth", Date),
    _flag("is_original", 1),
    _flag("is_manually_verified", 0),
    _time("name_source_date"),
    _time("birth_source_date"),
    *_provenance(),
    Index(None, "last_key", "first_key"),
    Index(None, "organization_key"),
    Index(None, "entity_id"),
    comment="What exact keys say is one human or organisation; golden records have is_original = 1",
)

phone_numbers = _table(
    "phone_numbers",
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _person_fk(),
    Column("phone_key", _exact(255), nullable=False, comment="E.164 with extension; the raw text if invalid"),
    Column("phone_raw", String(255), nullable=False),
    Column("phone_e164", _code(20)),
    Column("extension", String(20)),
    Column("phone_type", _code(16), comment="mobile, landline, voip, fax: only from a source that says so"),
    Column("region", _code(2)),
    Column("invalid_reason", _code(64)),
    _flag("is_primary", 0),
    _flag("is_verified", 0),
    Column("dnc_status", _code(16)),
    *_provenance(),
    UniqueConstraint("person_id", "phone_key"),
    Index(None, "phone_e164"),
    comment="Phone numbers of a person, invalid ones too (phone_e164 is null)",
)

email_addresses = _table(
    "email_addresses",
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _person_fk(),
    Column("email_key", _exact(320), nullable=False, comment="Match key; the raw text if invalid"),
    Column("email_raw", String(320), nullable=False),
    Column("email", String(320), comment="Normalised address; null if invalid"),
    Column("invalid_reason", _code(64)),
    _flag("is_primary", 0),
    _flag("is_verified", 0),
    Column("opt_out_status", _code(16)),
    *_provenance(),
    UniqueConstraint("person_id", "email_key"),
    Index(None, "email_key"),
    comment="E-mail addresses of a person, invalid ones too (email is null)",
)

addresses = _table(
    "addresses",
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _person_fk(),
    Column("address_key", _exact(255), nullable=False, comment="Equal for equal places; from the raw text if unparsed"),
    Column("address_raw", String(500), nullable=False),
    Column("care_of", String(255)),
    Column("street", String(255)),
    Column("city", String(100)),
    Column("state", String(64)),
    Column("zip", String(16)),
    Column("zip4", _code(4)),
    Column("county", String(64)),
    Column("address_type", _code(16), comment="mailing, residential, property ... as the feed says"),
    Column("invalid_reason", _code(64)),
    Column("name_zip_key", _code(255), comment="FIRST|LAST|SUFFIX|ZIP5 of the newest row that named a person here"),
    _flag("is_primary", 0),
    *_provenance(),
    UniqueConstraint("person_id", "address_key"),
    Index(None, "name_zip_key"),
    Index(None, "zip"),
    comment="Postal addresses of a person, USPS form where they parse",
)

person_identifiers = _table(
    "person_identifiers",
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _person_fk(),
    Column("id_type", _code(64), nullable=False),
    Column("id_value", _exact(255), nullable=False),
    *_provenance(),
    UniqueConstraint("person_id", "id_type", "id_value"),
    Index(None, "id_type", "id_value"),
    comment="Ids that sources know a person by: owner number, voter id, operator key",
)

person_sources = _table(
    "person_sources",
    Column("import_id", _code(24), ForeignKey("import_metadata.import_id"), primary_key=True),
    Column("row_number", BigInteger, primary_key=True, autoincrement=False),
    Column("party_no", SmallInteger, primary_key=True, autoincrement=False),
    _person_fk(),
    Column("role", _code(16), nullable=False, comment="owner, joint_owner, contact, employer"),
    Column("match_key", _code(16), nullable=False, comment="record, email, phone, name_zip, or new"),
    Column("operation", _code(16), nullable=False, comment="inserted, updated or skipped"),
    Index(None, "person_id"),
    comment="Every source row, and the person or persons it became part of",
)

person_relations = _table(
    "person_relations",
    Column("person_id", BigInteger, ForeignKey("persons.id"), primary_key=True, autoincrement=False),
    Column("related_person_id", BigInteger, ForeignKey("persons.id"), primary_key=True, autoincrement=False),
    Column("relation", _code(16), primary_key=True, comment="household, contact, employer"),
    Column("first_import_id", _code(24), nullable=False),
    _now("created_at"),
    Index(None, "related_person_id"),
    comment="Who belongs together without being the same: joint owners, an organisation and its contact",
)

shared_contacts = _table(
    "shared_contacts",
    Column("kind", _code(8), primary_key=True, comment="phone, email or record"),
    Column("contact_key", _exact(320), primary_key=True),
    Column("surnames", Integer, nullable=False),
    Column("first_import_id", _code(24), nullable=False),
    _now("created_at"),
    comment="Contacts carried by too many surnames to be a match key; for review",
)

# --- Duplicates --------------------------------------------------------------------------------------------

person_duplicates = _table(
    "person_duplicates",
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _person_fk("original_id"),
    _person_fk("duplicate_id"),
    Column("match_score", Numeric(5, 2), nullable=False, comment="0 to 100"),
    Column("match_reason", String(100), nullable=False),
    Column("match_tier", SmallInteger, comment="1 exact, 2 strong, 3 fuzzy (seed E2); null: Splink alone"),
    Column("match_probability", Numeric(9, 8), comment="Splink's, where it scored the pair"),
    Column("job_id", _code(50), nullable=False),
    _now("merged_at"),
    UniqueConstraint("duplicate_id"),
    Index(None, "original_id"),
    comment="Which person is a duplicate of which golden record, and why",
)

dedup_audit_log = _table(
    "dedup_audit_log",
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("job_id", _code(50), nullable=False),
    Column("action", _code(16), nullable=False, comment="link, unlink, golden, split"),
    Column("original_person_id", BigInteger, nullable=False),
    Column("duplicate_person_id", BigInteger, nullable=False),
    Column("match_score", Numeric(5, 2)),
    Column("match_reason", String(100)),
    Column("merged_fields", LONGTEXT, comment="JSON: fields the golden record lacks and the duplicate has"),
    _now("created_at"),
    Index("idx_job_id", "job_id"),
    Index("idx_original", "original_person_id"),
    Index("idx_duplicate", "duplicate_person_id"),
    comment="Every link and unlink of two persons (seed E4); append-only",
)

entity_successors = _table(
    "entity_successors",
    Column("entity_id", BigInteger, primary_key=True, autoincrement=False),
    Column("successor_id", BigInteger, nullable=False),
    Column("job_id", _code(50), nullable=False),
    _now("retired_at"),
    Index(None, "successor_id"),
    comment="Where a retired entity_id went; a retired id never returns",
)

review_decisions = _table(
    "review_decisions",
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("decision", _code(16), nullable=False, comment="same, different (of two persons) or golden (of one)"),
    Column("person_id", BigInteger, nullable=False),
    Column("other_id", BigInteger, comment="The higher id of the two; null for golden"),
    Column("decided_by", String(255), nullable=False),
    _time("decided_at", nullable=False),
    Column("reason", String(500)),
    Column("undone_by", String(255)),
    _time("undone_at"),
    Column("undone_reason", String(500)),
    Column("was_one", SmallInteger, comment="1: linkage had made the two one by then; 0: it had not"),
    Index(None, "person_id"),
    Index(None, "other_id"),
    comment="What people decided about who is who; holds until undone. Append-only",
)

review_queue = _table(
    "review_queue",
    Column("person_id", BigInteger, primary_key=True, autoincrement=False),
    Column("other_id", BigInteger, primary_key=True, autoincrement=False),
    Column("cause", _code(16), nullable=False, comment="uncertain, rule, contradiction, weak_bridge or too_large"),
    Column("match_probability", Numeric(9, 8)),
    Column("match_score", Numeric(5, 2), nullable=False),
    Column("match_tier", SmallInteger),
    Column("match_reason", String(100), nullable=False),
    Column("value", Numeric(12, 4), nullable=False, comment="Bits of doubt times the pairs of persons that it decides"),
    Column("job_id", _code(50), nullable=False),
    _now("queued_at"),
    Index(None, "value"),
    comment="Pairs that a person should look at, made anew by each dedupe; the lower person id stands first",
)

households = _table(
    "households",
    Column("entity_id", BigInteger, primary_key=True, autoincrement=False),
    Column("household_id", BigInteger, nullable=False, comment="The lowest entity_id of the household"),
    Column("reason", _code(32), nullable=False, comment="What the entity has in common with another of them"),
    Column("job_id", _code(50), nullable=False),
    _now("updated_at"),
    Index(None, "household_id"),
    comment="Entities of people who live together, made anew by each dedupe; who lives alone is not in it",
)

linkage_runs = _table(
    "linkage_runs",
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("job_id", _code(50), nullable=False),
    _now("written_at"),
    Column("is_full", Boolean, nullable=False, comment="Whether all persons were compared with the database"),
    Column("persons", BigInteger, nullable=False),
    Column("looked_at", BigInteger, nullable=False, comment="Persons in clusters that may have changed"),
    Column("clusters", BigInteger, nullable=False),
    Column("linked", BigInteger, nullable=False),
    Column("unlinked", BigInteger, nullable=False),
    Column("rescored", BigInteger, nullable=False),
    Column("persons_changed", BigInteger, nullable=False),
    comment="Each run of linkage that was written; the last one says what the database was brought to",
)

# --- Campaigns and compliance ------------------------------------------------------------------------------

campaigns = _table(
    "campaigns",
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("campaign_key", _exact(320), nullable=False, comment="code:CODE, or name:NAME|type where no code is given"),
    Column("code", String(64)),
    Column("name", String(255), nullable=False),
    Column("type", _code(16), comment="mail, sms, call, email; null: its lists do not say"),
    Column("start_date", Date),
    Column("end_date", Date),
    _time("source_date"),
    Column("first_import_id", _code(24)),
    Column("last_import_id", _code(24)),
    _now("created_at"),
    _now("updated_at"),
    UniqueConstraint("campaign_key"),
    comment="Marketing campaigns, as their lists say",
)

campaign_sources = _table(
    "campaign_sources",
    Column("import_id", _code(24), ForeignKey("import_metadata.import_id"), primary_key=True),
    Column("row_number", BigInteger, primary_key=True, autoincrement=False),
    Column("campaign_id", BigInteger, ForeignKey("campaigns.id"), nullable=False),
    Column("code", String(64)),
    Column("name", String(255)),
    Column("type", _code(16)),
    Column("start_date", Date),
    Column("end_date", Date),
    _time("source_date", nullable=False),
    Column("operation", _code(16), nullable=False, comment="inserted, updated or skipped"),
    Index(None, "campaign_id"),
    comment="Every row of a campaign list, and the campaign it speaks of; any name it ever had finds it",
)

touchpoints = _table(
    "touchpoints",
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("touchpoint_key", _code(64), nullable=False, comment="SHA-256 of source and external id, or of the content"),
    _person_fk(nullable=True),
    Column("match_key", _code(16), comment="phone, email or name_zip: what person_id was found by"),
    Column(
        "unmatched_reason",
        _code(16),
        comment="Why person_id is null: no_key, unknown, other_name, shared or ambiguous",
    ),
    Column("campaign_id", BigInteger, ForeignKey("campaigns.id")),
    Column("campaign_code", _exact(64), comment="As the source names it, upper case; kept while no campaign has it"),
    Column("campaign_name", _exact(255), comment="As the source names it, upper case; kept while no campaign has it"),
    Column("touchpoint_type", _code(16), nullable=False, comment="mail, sms, call, email"),
    _time("touchpoint_date", nullable=False),
    Column("status", String(32)),
    Column("phone_e164", _code(20)),
    Column("email_key", _exact(320)),
    Column("name_zip_key", _code(255), comment="FIRST|LAST|SUFFIX|ZIP5"),
    Column("first_key", _code(100)),
    Column("generation", _code(4)),
    Column("organization_key", _code(255)),
    Column("source", String(64), nullable=False, comment="The system that an external id is of"),
    Column("external_id", _exact(255)),
    Column("metadata", LONGTEXT, comment="JSON: direction, duration_seconds, cost ..."),
    Column("content_key", _code(32), nullable=False, comment="MD5 of what the source says"),
    _time("source_date", nullable=False),
    Column("import_id", _code(24), comment="The import and row that brought what is here now"),
    Column("row_number", BigInteger),
    _now("created_at"),
    _now("updated_at"),
    UniqueConstraint("touchpoint_key"),
    UniqueConstraint("import_id", "row_number"),
    Index(None, "person_id", "touchpoint_date"),
    Index(None, "campaign_id"),
    Index(None, "campaign_code"),
    Index(None, "campaign_name"),
    Index(None, "phone_e164"),
    Index(None, "email_key"),
    Index(None, "name_zip_key"),
    comment="Every contact made: the life of a lead; waits for its person by its contact keys",
)

dnc_registry = _table(
    "dnc_registry",
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("phone_e164", _code(20), nullable=False),
    Column("listing_date", Date),
    Column("source", _code(32), nullable=False, comment="which list: national, or the name the feed gives"),
    _time("listed_from"),
    _time("removed_at"),
    Column("first_import_id", _code(24), nullable=False),
    Column("last_import_id", _code(24), nullable=False),
    UniqueConstraint("phone_e164", "source"),
    comment="Do-not-call registrations of numbers that people here have; a fact of its list, not a person's request",
)

dnc_list_versions = _table(
    "dnc_list_versions",
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("source", _code(32), nullable=False),
    Column("kind", _code(8), nullable=False, comment="full or change"),
    _import_fk(),
    _time("obtained_at", nullable=False),
    Column("status", _code(16), nullable=False, comment="IN_FORCE, OLDER (a newer one was there already) or REFUSED"),
    Column("status_reason", Text),
    Column("area_codes", Integer, nullable=False),
    Column("row_count", BigInteger, nullable=False),
    Column("bad_rows", BigInteger, nullable=False),
    Column("added", BigInteger, nullable=False),
    Column("removed", BigInteger, nullable=False),
    Column("checksum_sha256", _code(64), nullable=False),
    _now("loaded_at"),
    UniqueConstraint("import_id", "source"),
    Index(None, "source", "obtained_at"),
    comment="Each do-not-call list obtained: when, what it covers, what it changed (16 CFR 310.4(b)(3))",
)

dnc_area_coverage = _table(
    "dnc_area_coverage",
    Column("source", _code(32), primary_key=True),
    Column("area_code", _code(3), primary_key=True),
    Column("version_id", BigInteger, ForeignKey("dnc_list_versions.id"), primary_key=True, autoincrement=False),
    _time("obtained_at", nullable=False),
    Column("numbers", BigInteger, nullable=False, comment="Numbers of the list in this area code from then on"),
    Column("lake_key", _exact(700), nullable=False, comment="Parquet of them: number bigint, in order"),
    _flag("is_current", 0),
    Index(None, "area_code", "obtained_at"),
    comment="Area codes held, by list and version; the current row of each is the list in force",
)

dnc_additions = _table(
    "dnc_additions",
    Column("source", _code(32), primary_key=True),
    Column("area_code", _code(3), primary_key=True),
    Column("version_id", BigInteger, ForeignKey("dnc_list_versions.id"), nullable=False),
    _time("obtained_at", nullable=False),
    Column("numbers", BigInteger, nullable=False),
    Column("lake_key", _exact(700), nullable=False, comment="Parquet of them, as for dnc_area_coverage"),
    comment="Numbers listed in area codes of which no full list is held: the area codes are not covered by them",
)

opt_outs = _table(
    "opt_outs",
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    _person_fk(nullable=True),
    Column("channel", _code(8), nullable=False, comment="call, sms, email, mail, all"),
    Column("phone_e164", _code(20)),
    Column("email_key", _exact(320)),
    Column("address_key", _exact(255)),
    Column("name_zip_key", _code(255), comment="FIRST|LAST|SUFFIX|ZIP5 of somebody who may not be known yet"),
    _time("opted_out_at", nullable=False),
    Column("reason", String(255)),
    Column("source", String(64), nullable=False),
    Column("recorded_by", String(255), comment="Who recorded it by hand; null: an import did"),
    Column("import_id", _code(24)),
    Column("row_number", BigInteger),
    Index(None, "import_id", "row_number"),
    Index(None, "person_id"),
    Index(None, "phone_e164"),
    Index(None, "email_key"),
    Index(None, "address_key"),
    Index(None, "name_zip_key"),
    comment="What people asked for: permanent, by person or bare contact point, known to us or not",
)

contact_facts = _table(
    "contact_facts",
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("fact_key", _code(64), nullable=False, comment="SHA-256 of what the fact says; the same fact comes in once"),
    Column(
        "fact", _code(32), nullable=False, comment="litigator, reassigned, wireless, consent ... (docs/compliance.md)"
    ),
    Column("contact_kind", _code(8), nullable=False, comment="phone, email, address, name_zip, person or hash"),
    Column("contact_key", _exact(320), nullable=False),
    _person_fk(nullable=True),
    Column("channel", _code(8), nullable=False, comment="call, sms, email, mail, all"),
    Column(
        "value", _exact(64), comment="yes, no, wireless, landline, purchase, inquiry ...: what the kind of fact knows"
    ),
    _time("starts_at", nullable=False),
    _time("ends_at"),
    Column("reason", String(255)),
    Column("source", String(64), nullable=False),
    Column("recorded_by", String(255), comment="Who recorded it by hand; null: an import did"),
    Column("import_id", _code(24)),
    Column("row_number", BigInteger),
    _now("created_at"),
    UniqueConstraint("fact_key"),
    Index(None, "contact_kind", "contact_key"),
    Index(None, "person_id"),
    Index(None, "fact", "starts_at"),
    Index(None, "import_id", "row_number"),
    comment="What is known of a contact point or person and decides about its use; append-only, known to us or not",
)

calling_windows = _table(
    "calling_windows",
    Column("places", _exact(255), primary_key=True, comment="State@zone pairs, all of which must be open"),
    Column("channel", _code(8), primary_key=True),
    Column("opens_at", DATETIME(fsp=6), primary_key=True),
    _time("closes_at", nullable=False),
    comment="When calls and texts are lawful by the local time of every plausible place, UTC, half open",
)

changed_entities = _table(
    "changed_entities",
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("entity_id", BigInteger, nullable=False, comment="0: everything"),
    _now("changed_at"),
    Index(None, "entity_id"),
    comment="Entities whose people, contact points or suppressions changed since the marts were built",
)

changes_in_build = _table(
    "changes_in_build",
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("entity_id", BigInteger, nullable=False),
    Index(None, "entity_id"),
    comment="The rows of changed_entities that the running build of the marts takes in; they go when it is through",
)

mart_builds = _table(
    "mart_builds",
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("fingerprint", _code(64), nullable=False, comment="Of models, macros and rules: another one builds anew"),
    _time("as_of", nullable=False),
    Column("is_full", Boolean, nullable=False),
    Column("entities", BigInteger, nullable=False, comment="Entities whose changes it took in"),
    _now("built_at"),
    comment="Each build of the marts",
)

scrubs = _table(
    "scrubs",
    Column("scrub_id", _code(32), primary_key=True),
    Column("filename", String(255)),
    Column("campaign_id", BigInteger, ForeignKey("campaigns.id")),
    Column("channel", _code(8), nullable=False),
    Column("purpose", _code(16), nullable=False),
    _time("as_of", nullable=False),
    Column("row_count", BigInteger, nullable=False),
    Column("allowed_count", BigInteger, nullable=False),
    Column("lake_key", _exact(700), nullable=False, comment="Parquet of the decisions, one row per input row"),
    Column("checksum_sha256", _code(64), nullable=False),
    Column("rules_fingerprint", _code(64), nullable=False),
    Column("requested_by", String(255), nullable=False),
    _now("created_at"),
    comment="Each scrub of a list: where its decisions are kept, by which rules (TSR records, 5 years)",
)

compliance_violations = _table(
    "compliance_violations",
    Column("touchpoint_id", BigInteger, primary_key=True, autoincrement=False),
    Column("person_id", BigInteger),
    Column("channel", _code(8), nullable=False),
    Column("contact_key", _exact(320), nullable=False),
    _time("touched_at", nullable=False),
    Column("reason_code", _code(32), nullable=False, comment="The first of the rules that forbade it"),
    Column("rule_ids", String(255), nullable=False),
    Column("evidence", String(1000)),
    Column("deadline", Date, comment="Last day on which the request could still be unhonoured"),
    Column("severity", _code(16), nullable=False, comment="violation or within_deadline"),
    _now("judged_at"),
    Index(None, "touched_at"),
    Index(None, "severity", "reason_code"),
    comment="Contacts made that the rules and facts of their time forbade; made anew for 90 days by each check",
)

violation_checks = _table(
    "violation_checks",
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("judged_up_to", BigInteger, nullable=False, comment="Last id of touchpoints that it has in it"),
    Column("touches", BigInteger, nullable=False),
    Column("violations", BigInteger, nullable=False),
    Column("within_deadline", BigInteger, nullable=False),
    Column("rules_fingerprint", _code(64), nullable=False),
    _now("checked_at"),
    comment="Each check of contacts made against the rules of their time",
)

# --- Pipedrive and RingCentral -----------------------------------------------------------------------------------

api_requests = _table(
    "api_requests",
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("api", _code(16), nullable=False, comment="pipedrive or ringcentral"),
    Column("limit_group", _code(16), nullable=False, comment="What is counted together: general, search, heavy ..."),
    _time("requested_at", nullable=False),
    _time("done_at"),
    Column("tokens", Integer, nullable=False, server_default=text("0"), comment="What it costs of the day's budget"),
    Column("purpose", _code(80), nullable=False, comment="The pull, plan or command that asked"),
    Column("call_name", _code(64), nullable=False, comment="Method and path without ids"),
    Column("waited_ms", Integer, nullable=False, server_default=text("0")),
    Column("status", SmallInteger, comment="HTTP status; null: no answer came, or none yet"),
    Index(None, "api", "limit_group", "requested_at"),
    Index(None, "purpose"),
    comment="Every request to an outside API, reserved before it is sent: the one limiter of all processes",
)

api_pauses = _table(
    "api_pauses",
    Column("api", _code(16), primary_key=True),
    Column("limit_group", _code(16), primary_key=True),
    _time("paused_until", nullable=False),
    Column("reason", String(255), nullable=False),
    comment="Nobody sends in this group before then: the API said so",
)

api_budgets = _table(
    "api_budgets",
    Column("api", _code(16), primary_key=True),
    Column("day", Date, primary_key=True, comment="By the clock of the API's server"),
    Column("requests", BigInteger, nullable=False, server_default=text("0")),
    Column("tokens", BigInteger, nullable=False, server_default=text("0")),
    Column("server_ahead_seconds", BigInteger, nullable=False, server_default=text("0")),
    comment="What was spent of each day's budget; its row is the lock of whoever is about to send",
)

api_pulls = _table(
    "api_pulls",
    Column("pull_id", _code(80), primary_key=True),
    Column("source", _code(48), nullable=False, comment="pipedrive_persons, ringcentral_calls ..."),
    Column("day", Date, comment="The partition; null: not of a day"),
    Column("revision", Integer, nullable=False, server_default=text("1")),
    _time("window_from"),
    _time("window_to"),
    Column("state", _code(16), nullable=False, comment="OPEN, LANDED, EMPTY or SAME (as the revision before it)"),
    Column("next_cursor", Text, comment="Where the next page begins; null: at the beginning, or all read"),
    Column("pages", Integer, nullable=False, server_default=text("0")),
    Column("records", BigInteger, nullable=False, server_default=text("0")),
    Column("landing_key", _exact(700)),
    Column("checksum_sha256", _code(64)),
    _time("started_at", nullable=False),
    _time("finished_at"),
    Column("detail", LONGTEXT, comment="JSON: what else the pull found"),
    Index(None, "source", "day", "revision"),
    Index(None, "landing_key"),
    comment="Each reading of an API: its window, how far it is, the file that landed",
)

crm_persons = _table(
    "crm_persons",
    Column("crm_person_id", BigInteger, primary_key=True, autoincrement=False),
    Column(
        "state", _code(8), nullable=False, comment="live, deleted, merged, gone (not there, nobody says why), erased"
    ),
    Column("merged_into", BigInteger),
    _time("update_time", nullable=False),
    Column("record", LONGTEXT, nullable=False, comment="JSON: as last read, in normal form"),
    Column("record_hash", _code(64), nullable=False),
    Column("landed_hash", _code(64), comment="record_hash of what last landed for import"),
    Column("changed", LONGTEXT, comment="JSON: fields that others changed since it last landed; null: it never landed"),
    Column("said", LONGTEXT, comment="JSON: field -> update_time with which its value was first seen, if not ours"),
    Column("opt_outs", LONGTEXT, comment="JSON: the opt-outs of this person that have landed"),
    Column("agreed", LONGTEXT, comment="JSON: field -> what both had when last in step, and all that the CRM ever had"),
    Column("pushed", LONGTEXT, comment="JSON: field -> value of our last write, until it was read back"),
    Column("manual", LONGTEXT, comment="JSON: field -> when and by whom it was edited there by hand"),
    Column("entity_id", BigInteger, comment="Whose it was when last planned"),
    _time("first_seen_at", nullable=False),
    _time("last_seen_at", nullable=False),
    _time("gone_at"),
    Column("gone_by", String(64), comment="What told: webhook, reconcile, our own merge ..."),
    Index(None, "state", "record_hash", "landed_hash"),
    Index(None, "merged_into"),
    Index(None, "entity_id"),
    comment="Every person the CRM ever had, as last read, and what was agreed with it",
)

crm_plans = _table(
    "crm_plans",
    Column("plan_id", _code(48), primary_key=True),
    Column("kind", _code(16), nullable=False, comment="full or suppressions"),
    Column("state", _code(16), nullable=False, comment="READY, APPLYING, WAITING (for budget), DONE or SUPERSEDED"),
    _time("made_at", nullable=False),
    Column("counts", LONGTEXT, nullable=False, comment="JSON: steps by action, fields by name"),
    Column("tokens", BigInteger, nullable=False, comment="What all of it costs"),
    Column("seconds", Numeric(12, 1), nullable=False, comment="How long it takes at the burst limit"),
    Column("requested_by", String(255), nullable=False),
    _time("finished_at"),
    Index(None, "kind", "state"),
    comment="What would go out to the CRM, before it goes",
)

crm_steps = _table(
    "crm_steps",
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("plan_id", _code(48), ForeignKey("crm_plans.plan_id"), nullable=False),
    Column("priority", SmallInteger, nullable=False, comment="0: do-not-contact facts; higher goes later"),
    Column("action", _code(8), nullable=False, comment="create, update or merge"),
    Column("entity_id", BigInteger, nullable=False),
    Column("crm_person_id", BigInteger, comment="Null for create until it is applied"),
    Column("merge_with_id", BigInteger, comment="merge: who survives"),
    Column("changes", LONGTEXT, nullable=False, comment="JSON: field, before, after, why"),
    Column("ours", LONGTEXT, comment="JSON: the golden record as the plan saw it"),
    Column("tokens", Integer, nullable=False),
    Column("state", _code(12), nullable=False, comment="waiting, sending, applied, failed or superseded"),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("error", String(500)),
    _time("sent_at"),
    _time("done_at"),
    Index(None, "plan_id", "state", "priority"),
    Index(None, "state"),
    Index(None, "entity_id"),
    Index(None, "crm_person_id"),
    comment="One change of one person in the CRM",
)

crm_resolutions = _table(
    "crm_resolutions",
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("crm_person_id", BigInteger, nullable=False),
    Column("entity_id", BigInteger, nullable=False),
    Column("field", _code(32), nullable=False),
    Column("base", LONGTEXT, comment="JSON: what was agreed"),
    Column("ours", LONGTEXT, comment="JSON"),
    Column("theirs", LONGTEXT, comment="JSON"),
    Column("result", LONGTEXT, comment="JSON"),
    Column("winner", _code(8), nullable=False, comment="ours, theirs or both"),
    Column("rule", _code(32), nullable=False),
    Column("plan_id", _code(48)),
    _now("resolved_at"),
    Index(None, "crm_person_id"),
    Index(None, "entity_id"),
    comment="Each field on which the two sides differed, and what settled it; append-only",
)

crm_webhooks = _table(
    "crm_webhooks",
    Column("event_id", _code(64), primary_key=True),
    Column("entity", _code(16), nullable=False),
    Column("crm_id", BigInteger, nullable=False),
    Column("action", _code(8), nullable=False),
    Column("meta", LONGTEXT, nullable=False, comment="JSON: who changed it, by what, merged into whom"),
    Column("changed_fields", LONGTEXT, comment="JSON: names of the fields that changed"),
    _now("received_at"),
    _time("handled_at"),
    Column("outcome", String(255)),
    Index(None, "handled_at"),
    Index(None, "crm_id"),
    comment="Each event the CRM told of, once; hints, never the truth",
)

#: The tables whose content an import or a dedupe decides; their checksum is how tests compare two databases.
CANONICAL_TABLES: tuple[str, ...] = (
    "persons",
    "phone_numbers",
    "email_addresses",
    "addresses",
    "person_identifiers",
    "person_sources",
    "person_relations",
    "shared_contacts",
    "person_duplicates",
    "campaigns",
    "campaign_sources",
    "touchpoints",
    "dnc_registry",
    "opt_outs",
    "contact_facts",
)
