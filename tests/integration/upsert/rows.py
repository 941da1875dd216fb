"""Batches of contact rows that collide on purpose, and how to import and fingerprint them."""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from cm_core import upsert
from cm_core.imports import pipeline, records, registry
from cm_core.settings import Settings
from cm_core.store import Database

COLUMNS = (
    "First Name",
    "Last Name",
    "Suffix",
    "Company",
    "Phone",
    "Phone 2",
    "Email",
    "Email 2",
    "Address",
    "City",
    "State",
    "Zip",
    "Date of Birth",
    "Updated",
)

FIRST = ("Robert", "Bob", "Mary", "Marry", "J", "James", "")
LAST = ("Smith", "Jones", "Garcia", "")
MANY_LAST = ("Adams", "Baker", "Clark", "Davis", "Evans", "Flynn", "Gomez")
PHONES = ("(405) 232-9700", "4052329701", "580-467-2744", "")
EMAILS = ("a@example.org", "b@example.org", "not-an-email", "")
PLACES = (("1098 Shepard Hills Rd", "Sulphur", "OK", "73086"), ("PO Box 12", "Norman", "OK", "73070"), ("", "", "", ""))
BORN = ("", "", "", "1950-02-03", "1950-02-13", "1981-11-30")
DATES = ("2024-01-05", "2025-03-01", "2025-03-02", "")


@dataclass(frozen=True)
class Row:
    """One line of a contacts list."""

    first: str = ""
    last: str = ""
    suffix: str = ""
    company: str = ""
    phone: str = ""
    phone2: str = ""
    email: str = ""
    email2: str = ""
    place: tuple[str, str, str, str] = ("", "", "", "")
    born: str = ""
    updated: str = ""

    def cells(self) -> list[str]:
        return [
            self.first, self.last, self.suffix, self.company, self.phone, self.phone2, self.email, self.email2,
            *self.place, self.born, self.updated,
        ]  # fmt: skip


rows = st.builds(
    Row,
    first=st.sampled_from(FIRST),
    last=st.sampled_from(LAST + MANY_LAST),
    suffix=st.sampled_from(("", "", "", "Jr")),
    company=st.sampled_from(("", "", "", "", "Acme Oil LLC", "Acme Gas LLC")),
    phone=st.sampled_from(PHONES),
    phone2=st.sampled_from(("", "", *PHONES)),
    email=st.sampled_from(EMAILS),
    email2=st.sampled_from(("", "", *EMAILS)),
    place=st.sampled_from(PLACES),
    born=st.sampled_from(BORN),
    updated=st.sampled_from(DATES),
)
files = st.lists(st.lists(rows, min_size=1, max_size=12), min_size=1, max_size=3)


def write_file(path: Path, content: Sequence[Row], *, day: int) -> Path:
    """A CSV file last modified on `day` of March 2026."""
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        writer.writerows(row.cells() for row in content)
    moment = 1_772_323_200 + day * 86_400
    os.utime(path, (moment, moment))
    return path


def import_file(settings: Settings, database: Database, path: Path, *, feed: str | None = None) -> records.ImportRecord:
    """The steps of the import job, without the orchestrator."""
    registration = registry.register_file(settings, database, path, feed=feed)
    if registration.status == "PENDING":
        run_import(settings, database, registration.import_id)
    return records.get(database, registration.import_id)


def run_import(settings: Settings, database: Database, import_id: str) -> None:
    pipeline.check_raw(settings, database, import_id)
    pipeline.stage(settings, database, import_id)
    pipeline.log_findings(settings, database, import_id)
    upsert.apply(settings, database, import_id)
    records.HOLD.release(import_id)


def query(database: Database, statement: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


#: Columns that say when we wrote a row, not what it says.
_WRITTEN = {"created_at", "updated_at", "merged_at"}


def fingerprint(database: Database, tables: Sequence[str]) -> dict[str, list[tuple[Any, ...]]]:
    """The whole content of tables, ordered, without the times of writing."""
    content = {}
    for table in tables:
        columns = [
            name
            for (name,) in query(
                database,
                "select column_name from information_schema.columns where table_schema = %s and table_name = %s "
                "order by ordinal_position",
                (database.name, table),
            )
            if name not in _WRITTEN
        ]
        names = ", ".join(f"`{name}`" for name in columns)
        content[table] = sorted(query(database, f"select {names} from {table}"), key=repr)
    return content


def golden(database: Database) -> set[tuple[Any, ...]]:
    """Each golden cluster as its source rows (file, row, party) and its surviving values."""
    members = defaultdict(set)
    for entity, name, row, party in query(
        database,
        "select p.entity_id, m.filename, s.`row_number`, s.party_no from person_sources as s "
        "join persons as p on p.id = s.person_id join import_metadata as m on m.import_id = s.import_id",
    ):
        members[entity].add((name, row, party))
    values: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for kind, column, table in (
        ("phone", "phone_key", "phone_numbers"),
        ("email", "email_key", "email_addresses"),
        ("address", "address_key", "addresses"),
    ):
        for entity, value, newest in query(
            database,
            f"select p.entity_id, c.{column}, max(c.source_date) from {table} as c "
            f"join persons as p on p.id = c.person_id group by p.entity_id, c.{column}",
        ):
            values[entity].append((kind, value, newest))
    best: dict[int, tuple[Any, ...]] = {}
    for entity, newest, *name in query(
        database,
        "select entity_id, name_source_date, organization_name, last_name, first_name, middle_name, name_suffix, "
        "name_prefix, entity_type from persons where name_source_date is not null",
    ):
        # The rule of fold.sql: the newest, then the fullest, then the first in the alphabet. So the best of the bests
        # is the same however the rows of a cluster are shared out to persons.
        fullness = sum(part is not None for part in name[1:6])
        rank = (-newest.timestamp(), -fullness, chr(31).join(part for part in name if part is not None))
        best[entity] = min(best.get(entity, (rank, name)), (rank, name), key=lambda found: found[0])
    names = {entity: (rank[0], *name) for entity, (rank, name) in best.items()}
    return {(frozenset(rows), names.get(entity), frozenset(values[entity])) for entity, rows in members.items()}
