"""Hand-made canonical rows, written the way imports and the linkage would."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from pymysql.cursors import DictCursor

from cm_core.store import Database

OLD, NEW = "2025-01-01 00:00:00", "2026-01-01 00:00:00"
IMPORT = "imp_2026_01_01_001"


_IMPORT = """
insert ignore into import_metadata (
    import_id, feed, filename, source_type, import_date, landing_key, s3_location, uploaded_at, source_date,
    file_size_bytes, checksum_sha256, status, row_count, inserted_count, updated_count, skipped_count, error_count,
    processing_duration_seconds
)
values (%s, 'contacts', 'a.csv', 'csv', '2026-01-01', 'k', 'file:///k', %s, %s, 1, 'x', 'COMPLETE', 10, 5, 2, 2, 1, 2)
"""


class People:
    """Writes canonical rows the way imports and linkage would."""

    def __init__(self, database: Database) -> None:
        self._connection = database.connect(autocommit=True)
        self._next = 1000
        self.an_import(IMPORT)

    def an_import(self, import_id: str) -> None:
        """The import_metadata row that rows of this import refer to."""
        self.run(_IMPORT, (import_id, NEW, NEW))

    def run(self, statement: str, parameters: tuple[Any, ...] = ()) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)

    def rows(self, query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return list(cursor.fetchall())

    def dictionaries(self, query: str, parameters: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        with self._connection.cursor(DictCursor) as cursor:
            cursor.execute(query, parameters)
            return list(cursor.fetchall())

    def many(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        with self._connection.cursor() as cursor:
            cursor.executemany(statement, rows)

    def _insert(self, table: str, **values: Any) -> int:
        self._next += 1
        values.setdefault("id", self._next)
        names = ", ".join(f"`{name}`" for name in values)
        places = ", ".join(["%s"] * len(values))
        self.run(f"insert into {table} ({names}) values ({places})", tuple(values.values()))
        return int(values["id"])

    def _provenance(self, at: str) -> dict[str, str]:
        return {"source_date": at, "first_import_id": IMPORT, "last_import_id": IMPORT}

    def person(self, id: int, *, entity: int | None = None, original: int = 1, at: str = OLD, **values: Any) -> int:
        values = {"entity_type": "person", "first_name": "Ann", "last_name": f"Lee{id}"} | values
        return self._insert(
            "persons", id=id, entity_id=entity or id, is_original=original, name_source_date=at,
            **values, **self._provenance(at),
        )  # fmt: skip

    def chosen(self, person: int, at: str, *, undone: str | None = None) -> int:
        """`cm review golden`, and when it was undone."""
        return self._insert(
            "review_decisions", decision="golden", person_id=person, decided_by="ann", decided_at=at, undone_at=undone
        )

    def phone(self, person: int, number: str, *, at: str = OLD, **values: Any) -> int:
        values = {"phone_key": number, "phone_raw": number, "phone_e164": number, "region": "US"} | values
        return self._insert("phone_numbers", person_id=person, **values, **self._provenance(at))

    def email(self, person: int, address: str, *, at: str = OLD, **values: Any) -> int:
        values = {"email_key": address.lower(), "email_raw": address, "email": address} | values
        return self._insert("email_addresses", person_id=person, **values, **self._provenance(at))

    def address(self, person: int, key: str, *, at: str = OLD, **values: Any) -> int:
        values = {"street": key, "city": "ENID", "state": "OK", "zip": "73701"} | values
        return self._insert(
            "addresses", person_id=person, address_key=key, address_raw=key, **values, **self._provenance(at)
        )

    def listed(self, number: str, *, source: str = "national") -> int:
        return self._insert(
            "dnc_registry", phone_e164=number, listing_date="2020-02-02", source=source, first_import_id=IMPORT,
            last_import_id=IMPORT,
        )  # fmt: skip

    def covered(self, area_code: str, *, at: str | None = None, source: str = "national") -> None:
        """The list of an area code, without a number, obtained `at` (UTC; without: a moment ago)."""
        version = self._insert(
            "dnc_list_versions", source=source, kind="full", import_id=self._an_import_of_a_list(),
            obtained_at=at or f"{datetime.now(UTC) - timedelta(minutes=1):%Y-%m-%d %H:%M:%S}", status="IN_FORCE",
            area_codes=1, row_count=1, bad_rows=0, added=1, removed=0, checksum_sha256="x",
        )  # fmt: skip
        self.run(
            "update dnc_area_coverage set is_current = 0 where source = %s and area_code = %s", (source, area_code)
        )
        self.run(
            "insert into dnc_area_coverage (source, area_code, version_id, obtained_at, numbers, lake_key, is_current) "
            "select source, %s, id, obtained_at, 0, 'none', 1 from dnc_list_versions where id = %s",
            (area_code, version),
        )

    def _an_import_of_a_list(self) -> str:
        self._next += 1
        import_id = f"imp_2026_01_02_{self._next:03d}"
        self.an_import(import_id)
        return import_id

    def fact(self, fact: str, kind: str, key: str, *, at: str = NEW, **values: Any) -> int:
        values = {"channel": "all", "source": "test", "person_id": None} | values
        said = hashlib.sha256(repr((fact, kind, key, at, sorted(values.items()))).encode()).hexdigest()
        return self._insert(
            "contact_facts", fact_key=said, fact=fact, contact_kind=kind, contact_key=key, starts_at=at, **values
        )

    def touched(self, person: int | None, channel: str, at: str, **values: Any) -> int:
        return self._insert(
            "touchpoints", touchpoint_key=f"key {self._next}", person_id=person, match_key="phone",
            touchpoint_type=channel, touchpoint_date=at, source="test", content_key="x", source_date=at, **values,
        )  # fmt: skip

    def opted_out(self, channel: str, **contact: Any) -> int:
        return self._insert("opt_outs", channel=channel, opted_out_at=NEW, source="test", **contact)

    def shared(self, kind: str, key: str) -> None:
        self.run(
            "insert into shared_contacts (kind, contact_key, surnames, first_import_id) values (%s, %s, 9, %s)",
            (kind, key, IMPORT),
        )

    def taken_into_build(self, *entities: int) -> None:
        """As `cm_core.compliance.builds` takes the log of changes into a build."""
        self.run("delete from changes_in_build")
        for entity in entities:
            self._insert("changes_in_build", entity_id=entity)

    def by_entity(self) -> list[str]:
        """The tables that dbt builds with rows per entity."""
        return [
            name
            for (name,) in self.rows(
                "select table_name from information_schema.columns where table_schema = database() and "
                "column_name = 'entity_id' and (table_name like 'int\\_%%' or table_name like 'compliance\\_%%' "
                "or table_name in ('mailable_people', 'crm_candidates')) and table_name <> 'int_changed_entities' "
                "order by 1"
            )
        ]

    def content(self, tables: list[str]) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of the tables, in an order of their own."""
        return {table: sorted(self.rows(f"select * from {table}"), key=repr) for table in tables}
