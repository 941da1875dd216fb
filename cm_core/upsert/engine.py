"""Apply a staged contacts import to the canonical tables: resolve, fold, write, all in one transaction.

Killed at any instant, the tables are as before or as after; run again, it ends in the same state. The rules are in
the `.sql` files beside this module; match keys and guards in `keys.sql`, survivorship in `fold.sql`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
from pymysql.connections import Connection

from cm_core.compliance import refresh_contact_status
from cm_core.compute import session, sql
from cm_core.hygiene.names import first_name_class
from cm_core.imports import pipeline, records
from cm_core.imports.records import now
from cm_core.settings import Settings
from cm_core.store.bulk import load
from cm_core.store.database import Database
from cm_core.store.ids import allot
from cm_core.store.locks import WRITER_LOCK, named_lock, retry_deadlocks, transaction
from cm_core.upsert.components import label_components
from cm_core.upsert.lookup import fetch_current, find_owners, temporary_like

_PACKAGE = "cm_core.upsert"
STAGED = ("parties", "phones", "emails", "addresses", "identifiers")
#: How long to wait for another import's apply before giving up (and being retried).
WRITER_TIMEOUT_S = 1800.0

_NAME_KEYS = """
create or replace table name_keys as
select distinct p.first_key || '|' || p.last_key || '|'
    || coalesce(regexp_extract(upper(p.name_suffix), '^(JR|SR|II|III|IV|V)\\.?$', 1), '') || '|' || a.zip as contact
from parties as p
inner join addresses as a on p.row_number = a.row_number and p.party_no = a.party_no
where p.entity_type = 'person' and p.first_key <> '' and p.last_key <> '' and regexp_full_match(a.zip, '[0-9]{5}')
"""
_SHARED = """
insert into shared_contacts (kind, contact_key, surnames, first_import_id, created_at)
select kind, contact_key, surnames, first_import_id, created_at from new_shared
on duplicate key update surnames = greatest(shared_contacts.surnames, new_shared.surnames)
"""
_RELATIONS = """
insert ignore into person_relations (person_id, related_person_id, relation, first_import_id, created_at)
select person_id, related_person_id, relation, first_import_id, created_at from new_relations
"""


@dataclass(frozen=True)
class Target:
    """A canonical table, the folded table it is written from, and its columns besides id and provenance."""

    table: str
    folded: str
    columns: tuple[str, ...]


TARGETS = (
    Target(
        "phone_numbers",
        "folded_phones",
        (
            "person_id", "phone_key", "phone_raw", "phone_e164", "extension", "phone_type", "region",
            "invalid_reason", "is_primary", "source_date",
        ),
    ),
    Target(
        "email_addresses",
        "folded_emails",
        ("person_id", "email_key", "email_raw", "email", "invalid_reason", "is_primary", "source_date"),
    ),
    Target(
        "addresses",
        "folded_addresses",
        (
            "person_id", "address_key", "address_raw", "care_of", "street", "city", "state", "zip", "zip4", "county",
            "address_type", "invalid_reason", "name_zip_key", "is_primary", "source_date",
        ),
    ),
    Target("person_identifiers", "folded_identifiers", ("person_id", "id_type", "id_value", "source_date")),
)  # fmt: skip
PERSON_COLUMNS = (
    "entity_type", "name_prefix", "first_name", "middle_name", "last_name", "name_suffix", "organization_name",
    "first_key", "last_key", "organization_key", "date_of_birth", "name_source_date", "birth_source_date",
    "source_date",
)  # fmt: skip


@dataclass(frozen=True)
class ApplyResult:
    """What became of the source rows, and how many rows of each table were inserted or updated.

    `inserted + updated + skipped + errors` is the number of rows in the file.
    """

    import_id: str
    inserted: int
    updated: int
    skipped: int
    errors: int
    persons_new: int
    persons_changed: int
    table_counts: dict[str, int] = field(default_factory=dict)


def apply(
    settings: Settings,
    database: Database,
    import_id: str,
    *,
    progress: Callable[[str], None] | None = None,
) -> ApplyResult:
    """Apply the staged rows of import `import_id` and mark it COMPLETE, in one transaction under the writer lock.

    Applying again changes nothing: rows keep the person they were given. `progress` hears of each step.
    """
    tell = progress or (lambda step: None)
    with pipeline.failing(settings, database, import_id):
        with database.connect() as connection:
            records.set_status(connection, import_id, "APPLYING")
            connection.commit()
        with session(settings) as con:
            _prepare(settings, con, import_id)

            def attempt() -> ApplyResult:
                with (
                    database.connect() as connection,
                    named_lock(connection, WRITER_LOCK, timeout_s=WRITER_TIMEOUT_S),
                    transaction(connection),
                ):
                    return _apply(connection, con, import_id, tell)

            return retry_deadlocks(attempt)()


def _prepare(settings: Settings, con: duckdb.DuckDBPyConnection, import_id: str) -> None:
    """Staged tables, rules and the classes of first names, as DuckDB sees them."""
    pipeline.read_staged(settings, con, import_id, STAGED)
    con.execute(
        "create or replace table rules "
        "(import_id varchar, shared_max int, phone_needs_first_name boolean, attach_to_one_person boolean)"
    )
    con.execute(
        "insert into rules values (?, ?, ?, ?)",
        [
            import_id,
            settings.shared_contact_max_surnames,
            settings.phone_needs_first_name,
            settings.attach_to_one_person,
        ],
    )
    con.execute(_NAME_KEYS)


def _classify_first_names(con: duckdb.DuckDBPyConnection) -> None:
    """`first_name_classes(first_key, name_class)` for every first name of the batch and of the owners of its keys."""
    keys = con.sql(
        "select distinct first_key from parties where first_key <> '' "
        "union select distinct first_key from owners where first_key <> ''"
    ).to_arrow_table()
    names = [str(key) for key in keys.column(0).to_pylist()]
    con.register("classes", pa.table({"first_key": names, "name_class": [first_name_class(name) for name in names]}))
    con.execute("create or replace table first_name_classes as select first_key, name_class from classes")
    con.unregister("classes")


def _apply(
    connection: Connection[Any],
    con: duckdb.DuckDBPyConnection,
    import_id: str,
    tell: Callable[[str], None],
) -> ApplyResult:
    tell("looking up keys")
    find_owners(connection, con, import_id)
    _classify_first_names(con)
    tell("resolving")
    con.execute(sql(_PACKAGE, "keys.sql"))
    label_components(con)
    con.execute(sql(_PACKAGE, "resolve.sql"))
    count = con.execute("select count(*) from new_groups").fetchall()[0][0]
    first_id = allot(connection, "persons", count) if count else 0
    con.execute("create or replace table new_ids as select ?::bigint as first_id", [first_id])
    con.execute(sql(_PACKAGE, "assign.sql"))
    fetch_current(connection, con)
    tell("folding")
    con.execute(sql(_PACKAGE, "fold.sql"))
    con.execute(sql(_PACKAGE, "outcome.sql"))
    tell("writing")
    written_at = now()
    counts = _write_persons(connection, con, import_id, written_at)
    for target in TARGETS:
        counts |= _write_target(connection, con, target, import_id, written_at)
    counts |= _write_links(connection, con, import_id, written_at)
    return _finish(connection, con, import_id, counts)


def _write_persons(
    connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str, at: datetime
) -> dict[str, int]:
    columns = ", ".join(PERSON_COLUMNS)
    new = load(
        connection,
        con,
        f"select id, id, {columns}, ?, ?, ?::timestamp, ?::timestamp from folded_persons where is_new order by id",
        "persons",
        ["id", "entity_id", *PERSON_COLUMNS, "first_import_id", "last_import_id", "created_at", "updated_at"],
        params=[import_id, import_id, at, at],
    )
    changed = _update(connection, con, "persons", "folded_persons", PERSON_COLUMNS, import_id, at)
    return {"persons_new": new, "persons_changed": changed}


def _write_target(
    connection: Connection[Any], con: duckdb.DuckDBPyConnection, target: Target, import_id: str, at: datetime
) -> dict[str, int]:
    """Insert the new rows of one contact table under fresh ids and update the changed ones."""
    count = con.execute(f"select count(*) from {target.folded} where is_new").fetchall()[0][0]
    if count:
        first = allot(connection, target.table, count)
        columns = ", ".join(target.columns)
        key = ", ".join(target.columns[:3])
        load(
            connection,
            con,
            f"select row_number() over (order by {key}) - 1 + ? as id, {columns}, ?, ?, ?::timestamp, ?::timestamp "
            f"from {target.folded} where is_new order by 1",
            target.table,
            ["id", *target.columns, "first_import_id", "last_import_id", "created_at", "updated_at"],
            params=[first, import_id, import_id, at, at],
        )
        block = (first, first + count - 1)
        if target.table == "phone_numbers":
            refresh_contact_status(connection, phone_ids=block)
        elif target.table == "email_addresses":
            refresh_contact_status(connection, email_ids=block)
    changed = _update(connection, con, target.table, target.folded, target.columns[1:], import_id, at)
    return {target.table: count, f"{target.table}_changed": changed}


def _update(
    connection: Connection[Any],
    con: duckdb.DuckDBPyConnection,
    table: str,
    folded: str,
    columns: tuple[str, ...],
    import_id: str,
    at: datetime,
) -> int:
    """Bring the changed rows of `folded` into `table`, by id."""
    temporary = f"changed_{table}"
    temporary_like(connection, temporary, table, ["id", *columns])
    count = load(
        connection, con, f"select id, {', '.join(columns)} from {folded} where is_changed order by id", temporary,
        ["id", *columns],
    )  # fmt: skip
    if count:
        assignments = ", ".join(f"t.{column} = c.{column}" for column in columns)
        with connection.cursor() as cursor:
            cursor.execute(
                f"update {table} as t join {temporary} as c on c.id = t.id "
                f"set {assignments}, t.last_import_id = %s, t.updated_at = %s",
                (import_id, at),
            )
    return count


def _write_links(
    connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str, at: datetime
) -> dict[str, int]:
    """Source rows, relations and shared contacts."""
    sources = load(
        connection,
        con,
        "select ?, row_number, party_no, person_id, role, match_key, operation from outcome where is_new "
        "order by row_number, party_no",
        "person_sources",
        ["import_id", "row_number", "party_no", "person_id", "role", "match_key", "operation"],
        params=[import_id],
    )
    with connection.cursor() as cursor:
        cursor.execute("drop temporary table if exists new_relations")
        cursor.execute("create temporary table new_relations like person_relations")
        cursor.execute("drop temporary table if exists new_shared")
        cursor.execute("create temporary table new_shared like shared_contacts")
    load(
        connection,
        con,
        "select person_id, related_person_id, relation, ?, ?::timestamp from relations order by 1, 2, 3",
        "new_relations",
        ["person_id", "related_person_id", "relation", "first_import_id", "created_at"],
        params=[import_id, at],
    )
    load(
        connection,
        con,
        # An import applied again brings nothing new, whatever has become of its contacts since.
        "select s.kind, s.contact, s.surnames, ?, ?::timestamp from shared_now as s semi join ("
        "select c.kind, c.contact from party_contacts as c anti join assigned as a "
        "on c.row_number = a.row_number and c.party_no = a.party_no"
        ") as n on s.kind = n.kind and s.contact = n.contact order by s.kind, s.contact",
        "new_shared",
        ["kind", "contact_key", "surnames", "first_import_id", "created_at"],
        params=[import_id, at],
    )
    with connection.cursor() as cursor:
        relations = cursor.execute(_RELATIONS)
        cursor.execute(_SHARED)
    return {"person_sources": sources, "person_relations": relations}


def _finish(
    connection: Connection[Any], con: duckdb.DuckDBPyConnection, import_id: str, counts: dict[str, int]
) -> ApplyResult:
    """Count source rows, log the operations (seed D3, step 4) and mark the import COMPLETE."""
    operations = dict(con.execute("select operation, count(*) from row_outcome group by operation").fetchall())
    inserted, updated, skipped = (operations.get(name, 0) for name in ("inserted", "updated", "skipped"))
    records.audit(connection, import_id, "UPDATE", counts["persons_changed"])
    records.audit(connection, import_id, "INSERT", counts["persons_new"])
    records.complete(connection, import_id, inserted=inserted, updated=updated, skipped=skipped)
    with connection.cursor() as cursor:
        cursor.execute("select error_count from import_metadata where import_id = %s", (import_id,))
        row = cursor.fetchone()
    errors = int(row[0] or 0) if row else 0
    return ApplyResult(
        import_id, inserted, updated, skipped, errors, counts["persons_new"], counts["persons_changed"], counts
    )
