"""From resolved parties to rows of the canonical tables: what an apply writes. Where they go is `sinks`.

Parties that are alone (new persons of one source row) are their persons as they stand and go straight from the
staged files to the tables, a range of rows at a time. All others are folded (`fold.sql`) with what is known of their
persons, a share of the persons at a time. So memory does not grow with the file. MySQL takes rows in while DuckDB
makes the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
from pymysql.connections import Connection

from cm_core.compliance import list_new_phones, refresh_contact_status
from cm_core.compute import sql
from cm_core.settings import Settings
from cm_core.store import changes
from cm_core.store.ids import allot
from cm_core.touchpoints import Attachment
from cm_core.upsert.lookup import CURRENT
from cm_core.upsert.sinks import Sink

_PACKAGE = "cm_core.upsert"
#: Staged tables of a contacts import that an apply reads.
STAGED = ("parties", "phones", "emails", "addresses", "identifiers")
#: Source rows written at once, and parties folded at once.
ROWS_AT_ONCE = 250_000


@dataclass(frozen=True)
class Target:
    """A canonical table, the staged and the folded table it is written from, its columns besides id and provenance.

    `person_id` and the key come first.
    """

    table: str
    staged: str
    folded: str
    columns: tuple[str, ...]

    def staged_columns(self) -> str:
        """SQL for the columns over the staged table `s` and the parties `a` that are alone."""
        special = {"person_id": "a.person_id", "is_primary": "s.is_first", "source_date": "a.source_date"}
        return ", ".join(special.get(column, f"s.{column}") for column in self.columns)


TARGETS = (
    Target(
        "phone_numbers",
        "phones",
        "folded_phones",
        (
            "person_id", "phone_key", "phone_raw", "phone_e164", "extension", "phone_type", "region",
            "invalid_reason", "is_primary", "source_date",
        ),
    ),
    Target(
        "email_addresses",
        "emails",
        "folded_emails",
        ("person_id", "email_key", "email_raw", "email", "invalid_reason", "is_primary", "source_date"),
    ),
    Target(
        "addresses",
        "addresses",
        "folded_addresses",
        (
            "person_id", "address_key", "address_raw", "care_of", "street", "city", "state", "zip", "zip4", "county",
            "address_type", "invalid_reason", "name_zip_key", "is_primary", "source_date",
        ),
    ),
    Target(
        "person_identifiers", "identifiers", "folded_identifiers", ("person_id", "id_type", "id_value", "source_date")
    ),
)  # fmt: skip
PERSON_COLUMNS = (
    "entity_type", "name_prefix", "first_name", "middle_name", "last_name", "name_suffix", "organization_name",
    "first_key", "last_key", "organization_key", "date_of_birth", "name_source_date", "birth_source_date",
    "source_date",
)  # fmt: skip
_SOURCE_COLUMNS = ("row_number", "party_no", "person_id", "role", "match_key", "operation")

_ALONE_PERSONS = """
select
    a.person_id, a.person_id, p.entity_type, p.name_prefix, p.first_name, p.middle_name, p.last_name, p.name_suffix,
    p.organization_name, p.first_key, p.last_key, p.organization_key, p.date_of_birth,
    case when coalesce(p.first_name, p.last_name, p.organization_name) is not null then p.source_date end,
    case when p.date_of_birth is not null then p.source_date end,
    p.source_date
from alone as a
inner join parties as p on a.row_number = p.row_number and a.party_no = p.party_no
where p.row_number between ? and ?
order by a.person_id
"""
_SOURCES = """
select row_number, party_no, person_id, role, match_key, operation
from (
    select row_number, party_no, person_id, role, match_key, 'inserted' as operation
    from assignment
    where alone
    union all
    select row_number, party_no, person_id, role, match_key, operation
    from outcomes
    where is_new
)
where row_number between ? and ?
order by row_number, party_no
"""
# An import applied again brings nothing new, whatever has become of its contacts since.
_NEW_SHARED = """
select s.kind, s.contact, s.surnames
from shared_now as s
semi join (
    select c.kind, c.contact
    from party_contacts as c
    anti join assigned as a on c.row_number = a.row_number and c.party_no = a.party_no
) as n on s.kind = n.kind and s.contact = n.contact
order by s.kind, s.contact
"""
# Addresses that go by another name now: touchpoints that found a person by the old one must look again.
_LEFT_NAME_KEYS = """
insert into left_name_keys
select c.name_zip_key
from current_addresses as c
inner join folded_addresses as f on c.id = f.id
where f.is_changed and c.name_zip_key is distinct from f.name_zip_key and c.name_zip_key is not null
"""


class CanonicalWriter:
    """Writes one import's parties to a sink. `counts` says what was written, `used` how many ids of each table.

    Reads what `assign.sql` and `lookup.fetch_current` made; `left_name_keys` is for whoever attaches touchpoints.
    """

    def __init__(self, sink: Sink, con: duckdb.DuckDBPyConnection, import_id: str, at: datetime) -> None:
        self._sink = sink
        self._con = con
        self._import_id = import_id
        self._now = {"last_import_id": import_id, "updated_at": at}
        self._new = {"first_import_id": import_id, "last_import_id": import_id, "created_at": at, "updated_at": at}
        self._first = {"first_import_id": import_id, "created_at": at}
        self.used: Counter[str] = Counter()
        self.counts: Counter[str] = Counter(
            {name: 0 for target in TARGETS for name in (target.table, f"{target.table}_changed")}
            | {"persons_new": 0, "persons_changed": 0, "person_sources": 0, "person_relations": 0}
        )

    def write(self) -> None:
        """Everything: persons, contact points, source rows, relations, shared contacts."""
        ranges = self._ranges()
        self._con.execute("create or replace table left_name_keys (name_zip_key varchar)")
        for first, last in ranges:
            self._write_alone(first, last)
        self._write_folded()
        for first, last in ranges:
            self.counts["person_sources"] += self._sink.insert(
                _SOURCES, "person_sources", _SOURCE_COLUMNS, params=[first, last],
                constants={"import_id": self._import_id},
            )  # fmt: skip
        self._con.execute(sql(_PACKAGE, "relations.sql"))
        if self._has_rows("relations"):
            self.counts["person_relations"] += self._sink.relate(
                "select person_id, related_person_id, relation from relations order by 1, 2, 3", constants=self._first
            )
        self._sink.share(_NEW_SHARED, constants=self._first)

    def _has_rows(self, table: str) -> bool:
        """Whether a DuckDB table has any: asking is a tenth of loading none."""
        return bool(self._con.execute(f"select exists(from {table})").fetchall()[0][0])

    def _ranges(self) -> list[tuple[int, int]]:
        """First and last row number of each range of source rows."""
        last = self._con.execute("select max(row_number) from assignment").fetchall()[0][0] or 0
        return [(first, first + ROWS_AT_ONCE - 1) for first in range(1, last + 1, ROWS_AT_ONCE)]

    def _write_alone(self, first: int, last: int) -> None:
        """The persons that are parties of one row, from the staged tables as they are."""
        self._con.execute(
            "create or replace table alone as select row_number, party_no, person_id, source_date from assignment "
            "where alone and row_number between ? and ?",
            [first, last],
        )
        if not self._has_rows("alone"):
            return
        self.counts["persons_new"] += self._sink.insert(
            _ALONE_PERSONS, "persons", ["id", "entity_id", *PERSON_COLUMNS], params=[first, last], constants=self._new
        )
        for target in TARGETS:
            if not self._has_rows(target.staged):
                continue
            self._insert(
                target,
                f"select {target.staged_columns()} from alone as a inner join {target.staged} as s "
                "on a.row_number = s.row_number and a.party_no = s.party_no where s.row_number between ? and ?",
                [first, last],
            )

    def _write_folded(self) -> None:
        """The persons that several rows or the database speak of."""
        self._con.execute(
            "create or replace table outcomes (row_number bigint, party_no smallint, person_id bigint, role varchar, "
            "match_key varchar, operation varchar, is_new boolean)"
        )
        for _ in fold_shares(self._con):
            self._con.execute(sql(_PACKAGE, "fold.sql"))
            self._con.execute(sql(_PACKAGE, "outcome.sql"))
            self._con.execute("insert into outcomes by name from outcome")
            self._con.execute(_LEFT_NAME_KEYS)
            columns = ", ".join(PERSON_COLUMNS)
            self.counts["persons_new"] += self._sink.insert(
                f"select id, id, {columns} from folded_persons where is_new order by id",
                "persons",
                ["id", "entity_id", *PERSON_COLUMNS],
                params=[],
                constants=self._new,
            )
            self.counts["persons_changed"] += self._sink.update(
                "persons", "folded_persons", PERSON_COLUMNS, constants=self._now
            )
            for target in TARGETS:
                if not self._has_rows(target.folded):
                    continue
                self._insert(target, f"select {', '.join(target.columns)} from {target.folded} where is_new", [])
                self.counts[f"{target.table}_changed"] += self._sink.update(
                    target.table, target.folded, target.columns[1:], constants=self._now
                )

    def _insert(self, target: Target, query: str, parameters: list[Any]) -> None:
        """Add the rows that `query` gives for `target.columns`, under the next ids."""
        columns = ", ".join(target.columns)
        key = ", ".join(target.columns[:3])
        first = self._sink.next_id(target.table) + self.used[target.table]
        count = self._sink.insert(
            f"select row_number() over (order by {key}) - 1 + ? as id, {columns} from ({query}) as q({columns}) "
            "order by id",
            target.table,
            ["id", *target.columns],
            params=[first, *parameters],
            constants=self._new,
        )
        self.used[target.table] += count
        self.counts[target.table] += count


def attach(
    settings: Settings,
    connection: Connection[Any],
    con: duckdb.DuckDBPyConnection,
    writer: CanonicalWriter,
    at: datetime,
) -> None:
    """After a write to the tables: counters past the ids used, lists on new contact points, whose touchpoints are.

    And which entities were changed by it.
    """
    attachment = Attachment(connection)
    if new := writer.counts["persons_new"]:
        (first,) = con.execute("select first_id from new_ids").fetchall()[0]
        changes.persons_new(connection, first, first + new - 1)
    changes.persons_written(connection, "lookup_persons", at)
    for table, count in writer.used.items():
        if not count:
            continue
        first = allot(connection, table, count)
        block = (first, first + count - 1)
        attachment.new_contacts(table, *block)
        changes.contacts_new(connection, table, *block)
        if table == "phone_numbers":
            list_new_phones(settings, connection, con, block)
            refresh_contact_status(connection, phone_ids=block)
        elif table == "email_addresses":
            refresh_contact_status(connection, email_ids=block)
    attachment.changed_persons("lookup_persons", at)
    attachment.left_names(con, "select distinct name_zip_key from left_name_keys")
    attachment.new_shared()
    for kind in ("phone", "email"):
        changes.holders_changed(connection, kind, "changed_shared", f"{kind}_key")
    attachment.settle(con, shared_max=con.execute("select shared_max from rules").fetchall()[0][0])


def fold_shares(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Give `fold.sql` its input, a share of the persons at a time: about ROWS_AT_ONCE of the parties in `spread`.

    With one share nothing is copied. With several, the staged rows concerned are sorted by person first, so that each
    share reads only its own. Yields once per share with parties. After the last one the staged tables are whole again;
    whoever stops before it has to `prepare` them anew.
    """
    shares = con.execute(
        "select max(person_id) from (select person_id, (row_number() over (order by person_id) - 1) // ? as share "
        "from spread) group by share order by share",
        [ROWS_AT_ONCE],
    ).fetchall()
    if not shares:
        return
    if len(shares) == 1:
        yield
        return
    con.execute("create or replace table all_spread as from spread order by person_id")
    for table in STAGED:
        con.execute(f"drop view if exists all_{table}")
        con.execute(f"alter view {table} rename to all_{table}")
        con.execute(
            f"create or replace table spread_{table} as select a.person_id as share_id, s.* from all_{table} as s "
            "inner join all_spread as a on s.row_number = a.row_number and s.party_no = a.party_no order by share_id"
        )
    for current in CURRENT.values():
        owner = "id" if current == "current_persons" else "person_id"
        con.execute(f"create or replace table all_{current} as from {current} order by {owner}")
    low = 0
    for (high,) in shares:
        if high == low:
            continue
        con.execute(
            "create or replace table spread as from all_spread where person_id > ? and person_id <= ?", [low, high]
        )
        for table in STAGED:
            con.execute(
                f"create or replace table share_{table} as select distinct * exclude (share_id) from spread_{table} "
                "where share_id > ? and share_id <= ?",
                [low, high],
            )
            con.execute(f"create or replace view {table} as from share_{table}")
        for current in CURRENT.values():
            owner = "id" if current == "current_persons" else "person_id"
            con.execute(
                f"create or replace table {current} as from all_{current} where {owner} > ? and {owner} <= ?",
                [low, high],
            )
        yield
        low = high
    for table in STAGED:
        con.execute(f"drop view {table}")
        con.execute(f"alter view all_{table} rename to {table}")
