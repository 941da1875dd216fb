"""Where a person's values come from: its imports in order, what each brought, and why its rows met this person.

The form is the seed's (E4). Which persons are one is not decided here; nothing is written.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
from pymysql.cursors import DictCursor

from cm_core.compute import session, sql
from cm_core.linkage.source import read_rows, rows_of
from cm_core.linkage.standing import Standing, look_up
from cm_core.settings import Settings
from cm_core.store.database import Database

#: The fields of a person, in the order in which they are shown.
FIELDS = (
    "name_prefix", "first_name", "middle_name", "last_name", "name_suffix", "organization_name", "date_of_birth",
    "phone", "email", "address", "identifier",
)  # fmt: skip
#: Keys by which a row can meet a person, the strongest first.
_KEYS = ("email", "phone", "name_zip")
_COLUMNS = {
    "parties": "p.import_id, p.row_number, p.party_no, t.source_date, t.entity_type, t.name_prefix, t.first_name, "
    "t.middle_name, t.last_name, t.name_suffix, "
    "t.organization_name, t.date_of_birth",
    "phones": "p.import_id, t.phone_key",
    "emails": "p.import_id, t.email_key",
    "addresses": "p.import_id, t.address_key",
    "identifiers": "p.import_id, t.id_type, t.id_value",
}
# When the rows came in: what a later replay changes is not the time of the import.
_IMPORTS = """
select m.import_id, m.filename, coalesce(min(a.timestamp), m.finished_at, m.uploaded_at) as imported_at
from import_metadata as m
left join import_audit_log as a on a.import_id = m.import_id and a.operation = 'STATUS_COMPLETE'
where m.import_id in (select import_id from person_sources where person_id = %s)
group by m.import_id, m.filename, m.finished_at, m.uploaded_at
order by imported_at, m.import_id
"""
_ROWS = """
select import_id, `row_number`, match_key from person_sources where person_id = %s order by import_id, `row_number`
"""
_DATED = """
create or replace table line_{table} as
select t.*, p.source_date
from line_{table} as t
inner join line_parties as p using (row_id)
"""


@dataclass(frozen=True)
class Step:
    """One import of a person. `fields` are those it brought in or was the newest to confirm, `rows` its row numbers.

    `merge_reason` says by which keys its rows met this person, as in "email_match"; None if they met nobody.
    """

    import_id: str
    source_file: str
    imported_at: datetime
    fields: list[str]
    merge_reason: str | None
    rows: list[int]


@dataclass(frozen=True)
class Lineage:
    """A person and its imports, first to last."""

    standing: Standing
    steps: list[Step]

    def as_json(self) -> dict[str, Any]:
        """The seed's form (E4), and beside it the entity, the golden record and the row numbers of each import.

        `golden_person_id` is the person itself unless it is a duplicate.
        """
        person = self.standing
        return {
            "person_id": person.person_id,
            "entity_id": person.entity_id,
            "golden_person_id": person.golden_id,
            "lineage": [
                {
                    "import_id": step.import_id,
                    "source_file": step.source_file,
                    "imported_at": step.imported_at.isoformat(timespec="seconds") + "Z",
                    ("fields_updated" if position else "fields_imported"): step.fields,
                    **({"merge_reason": step.merge_reason} if step.merge_reason else {}),
                    "rows": step.rows,
                }
                for position, step in enumerate(self.steps)
            ],
            "merged_from": person.duplicates,
            "current_status": person.status,
        }


def lineage(settings: Settings, database: Database, person_id: int) -> Lineage:
    """Where the values of a person come from, by import.

    The fields of an import are told from its staged rows in the lake: which values they carry, and whether these were
    new or the newest then. `first_import_id` and `last_import_id` of the contact tables say the same of contact points
    as long as nobody is taken apart, which writes them anew, and nothing of single parts of a name: they are not used.
    Where the rows of one import came in at several times (a replay), they count as of the first.

    Raises PersonError if there is no such person, and StoreError if rows of an import are not in the lake.
    """
    with database.connect() as connection:
        person = look_up(connection, person_id)
        with connection.cursor(DictCursor) as cursor:
            cursor.execute(_IMPORTS, (person_id,))
            imports = cursor.fetchall()
            cursor.execute(_ROWS, (person_id,))
            rows, keys = defaultdict(set), defaultdict(set)
            for row in cursor.fetchall():
                rows[row["import_id"]].add(int(row["row_number"]))
                keys[row["import_id"]].add(row["match_key"])
    fields: dict[str, set[str]] = {}
    if imports:
        with session(settings) as con:
            fields = _fields(settings, database, con, person_id, [found["import_id"] for found in imports])
    steps = [
        Step(
            import_id=found["import_id"],
            source_file=found["filename"],
            imported_at=found["imported_at"],
            fields=[field for field in FIELDS if field in fields.get(found["import_id"], ())],
            merge_reason=", ".join(f"{key}_match" for key in _KEYS if key in keys[found["import_id"]]) or None,
            rows=sorted(rows[found["import_id"]]),
        )
        for found in imports
    ]
    return Lineage(person, steps)


def _fields(
    settings: Settings, database: Database, con: duckdb.DuckDBPyConnection, person_id: int, imports: list[str]
) -> dict[str, set[str]]:
    rows_of(database, con, (person_id,))
    read_rows(settings, database, con, _COLUMNS, prefix="line_", valid={})
    for table in _COLUMNS:
        if table != "parties":
            con.execute(_DATED.format(table=table))
    con.register("imports", pa.table({"import_id": imports, "position": list(range(1, len(imports) + 1))}))
    con.execute("create or replace table line_imports as from imports")
    con.unregister("imports")
    con.execute(sql(__package__, "lineage.sql"))
    found: dict[str, set[str]] = defaultdict(set)
    for import_id, field in con.execute("select import_id, field from line_fields").fetchall():
        found[import_id].add(field)
    return found
