"""Each invariant passes on good data, and fails when the data breaks its rule."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from cm_assets.checks.invariants import INVARIANTS, violations
from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store import Database

IMPORT = "imp_2026_02_19_001"
BY_NAME = {invariant.name: invariant for invariant in INVARIANTS}

_NOW = "'2026-02-19 14:05:23'"
_PROVENANCE = f"{_NOW}, '{IMPORT}', '{IMPORT}'"
_PROVENANCE_COLUMNS = "source_date, first_import_id, last_import_id"

#: An import of five rows, one rejected: three persons, of whom 3 is a duplicate of 1.
GOOD = (
    "insert into import_metadata (import_id, feed, filename, source_type, import_date, landing_key, s3_location, "
    "uploaded_at, source_date, file_size_bytes, checksum_sha256, status, row_count, success_count, error_count, "
    "inserted_count, updated_count, skipped_count) values "
    f"('{IMPORT}', 'contacts', 'a.csv', 'csv', '2026-02-19', 'k', 'file:///k', {_NOW}, {_NOW}, 1, 'c', 'COMPLETE', "
    "5, 4, 1, 3, 0, 1)",
    f"insert into persons (id, entity_id, entity_type, is_original, {_PROVENANCE_COLUMNS}) values "
    f"(1, 1, 'person', 1, {_PROVENANCE}), (2, 2, 'person', 1, {_PROVENANCE}), (3, 1, 'person', 0, {_PROVENANCE})",
    "insert into person_duplicates (id, original_id, duplicate_id, match_score, match_reason, job_id) "
    "values (1, 1, 3, 100, 'email', 'job')",
    "insert into person_sources (import_id, `row_number`, party_no, person_id, role, match_key, operation) values "
    f"('{IMPORT}', 1, 1, 1, 'owner', 'new', 'inserted'), ('{IMPORT}', 2, 1, 2, 'owner', 'new', 'inserted'), "
    f"('{IMPORT}', 3, 1, 3, 'owner', 'new', 'inserted'), ('{IMPORT}', 3, 2, 2, 'joint_owner', 'phone', 'skipped'), "
    f"('{IMPORT}', 4, 1, 1, 'owner', 'email', 'skipped')",
    f"insert into phone_numbers (id, person_id, phone_key, phone_raw, phone_e164, is_primary, {_PROVENANCE_COLUMNS}) "
    f"values (1, 1, '+14053214567', 'x', '+14053214567', 1, {_PROVENANCE}), "
    f"(2, 1, '+14053214568', 'x', '+14053214568', 0, {_PROVENANCE}), (3, 2, 'ext 5', 'x', null, 0, {_PROVENANCE})",
    "insert into campaigns (id, campaign_key, name) values (1, 'name:SPRING|', 'Spring')",
    "insert into campaign_sources (import_id, `row_number`, campaign_id, source_date, operation) values "
    + ", ".join(f"('{IMPORT}', {row}, 1, {_NOW}, 'skipped')" for row in (1, 2, 3, 4)),
    "insert into touchpoints (id, touchpoint_key, person_id, match_key, unmatched_reason, touchpoint_type, "
    "touchpoint_date, source, content_key, source_date, import_id, `row_number`) values "
    f"(1, 'a', 1, 'phone', null, 'call', {_NOW}, 's', 'c', {_NOW}, '{IMPORT}', 1), "
    f"(2, 'b', null, null, 'unknown', 'sms', {_NOW}, 's', 'c', {_NOW}, '{IMPORT}', 2)",
    f"insert into email_addresses (id, person_id, email_key, email_raw, email, is_primary, {_PROVENANCE_COLUMNS}) "
    f"values (1, 1, 'a@b.co', 'x', 'a@b.co', 1, {_PROVENANCE}), (2, 2, 'nobody@', 'x', null, 0, {_PROVENANCE})",
    "insert into review_decisions (decision, person_id, other_id, decided_by, decided_at) values "
    f"('same', 1, 3, 'ann', {_NOW}), ('different', 1, 2, 'ann', {_NOW})",
    "insert into dedup_audit_log (job_id, action, original_person_id, duplicate_person_id, created_at) "
    f"values ('job', 'link', 1, 3, {_NOW} + interval 1 minute)",
)

#: What breaks each rule of the database, one statement a case.
BROKEN = [
    ("rows_conserved", "update import_metadata set skipped_count = 0"),
    ("rows_conserved", "update import_metadata set row_count = null"),
    ("every_row_traced", "delete from person_sources where `row_number` = 4"),
    ("every_row_traced", "update import_metadata set row_count = 6"),
    ("one_primary_phone", "update phone_numbers set is_primary = 1 where id = 2"),
    ("one_primary_phone", "update phone_numbers set is_primary = 0 where id = 1"),
    ("one_primary_email", "update email_addresses set is_primary = 0 where id = 1"),
    ("every_campaign_row_traced", "delete from campaign_sources where `row_number` = 3"),
    ("touchpoints_have_a_person_or_a_reason", "update touchpoints set unmatched_reason = 'shared' where id = 1"),
    ("touchpoints_have_a_person_or_a_reason", "update touchpoints set unmatched_reason = null where id = 2"),
    ("touchpoints_have_a_person_or_a_reason", "update touchpoints set match_key = null where id = 1"),
    ("one_golden_per_entity", "update persons set is_original = 0 where id = 2"),
    ("one_golden_per_entity", "update persons set is_original = 1 where id = 3"),
    ("duplicates_point_to_golden", "delete from person_duplicates"),
    ("duplicates_point_to_golden", "update persons set is_original = 1 where id = 3"),
    ("duplicates_point_to_golden", "update persons set entity_id = 2 where id = 3"),
    ("duplicates_point_to_golden", "update person_duplicates set original_id = 2"),
    ("duplicates_point_to_golden", "update persons set is_original = 0 where id = 1"),
    ("decisions_hold", "update persons set entity_id = 2 where id = 3"),
    ("decisions_hold", "update persons set entity_id = 1 where id = 2"),
    (
        "pulled_is_imported",
        "insert into api_pulls (pull_id, source, state, records, landing_key, started_at, finished_at) values "
        f"('p', 'pipedrive_persons', 'LANDED', 5, 'gone', {_NOW}, {_NOW}), "
        f"('c', 'ringcentral_consents', 'LANDED', 5, 'gone too', {_NOW}, {_NOW})",
    ),
    (
        "every_crm_person_is_ours",
        "insert into crm_persons (crm_person_id, state, update_time, record, record_hash, landed_hash, first_seen_at, "
        f"last_seen_at) values (7, 'live', {_NOW}, '{{}}', 'h', 'h', {_NOW}, {_NOW})",
    ),
    (
        "push_plan_conserved",
        "insert into crm_plans (plan_id, kind, state, made_at, counts, tokens, seconds, requested_by) values "
        f"('p', 'full', 'READY', {_NOW}, '{{\"create\": 1}}', 5, 1, 'x')",
    ),
]


def _execute(database: Database, *statements: str) -> None:
    with database.connect() as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        connection.commit()


@pytest.mark.parametrize("name", [name for name, invariant in BY_NAME.items() if not invariant.staged])
def test_good_data_passes(name: str, any_database: Database, settings: Settings) -> None:
    _execute(any_database, *GOOD)
    assert violations(settings, any_database, BY_NAME[name], IMPORT) == []


@pytest.mark.parametrize(("name", "statement"), BROKEN)
def test_data_that_breaks_the_rule_fails(name: str, statement: str, database: Database, settings: Settings) -> None:
    _execute(database, *GOOD, statement)
    assert violations(settings, database, BY_NAME[name], IMPORT)


def test_every_rule_of_the_database_has_a_case_that_breaks_it() -> None:
    assert {name for name, _ in BROKEN} == {name for name, invariant in BY_NAME.items() if not invariant.staged}


@pytest.mark.parametrize(
    ("staged", "rejected", "holds"),
    [
        ([1, 2, 3, 4], [5], True),
        ([1, 2, 3], [5], False),
        ([1, 2, 3, 4], [], False),
        ([1, 2, 3, 3], [5], False),
        ([1, 2, 3, 4], [4], False),
    ],
)
def test_rows_are_conserved_in_staging(
    staged: list[int], rejected: list[int], holds: bool, database: Database, settings: Settings, tmp_path: Path
) -> None:
    _execute(database, *GOOD)
    store = lake(settings)
    with duckdb.connect() as con:
        for table, rows in (
            ("rows", f"select unnest({staged}::bigint[]) as row_number"),
            ("findings", f"select unnest({rejected}::bigint[]) as row_number, 'rejected' as row_status"),
        ):
            con.execute(f"copy ({rows}) to '{tmp_path}/{table}.parquet'")
            store.put_file(tmp_path / f"{table}.parquet", f"staged/{IMPORT}/{table}.parquet")
    broken = violations(settings, database, BY_NAME["rows_conserved_in_staging"], IMPORT)
    assert (broken == []) == holds
