"""Which person a touchpoint is of: found when it comes, and anew whenever a write may have changed the answer.

The answer depends on nothing but what the tables hold at the end of a transaction, so the order of imports makes no
difference. How it is found is `match.sql`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from cm_core.compute import sql
from cm_core.hygiene.columns import define_generation_of
from cm_core.hygiene.names import first_name_class
from cm_core.touchpoints import statements
from cm_core.touchpoints.applying import answer, execute, temporary, upload

if TYPE_CHECKING:
    from pymysql.connections import Connection

#: Touchpoints looked at together: bounds memory.
TOUCHPOINTS_AT_ONCE = 250_000

_CONTACT = {
    "phone": ("phone_e164", "varchar(20) character set ascii collate ascii_bin"),
    "email": ("email_key", "varchar(320) character set utf8mb4 collate utf8mb4_bin"),
    "name_zip": ("name_zip_key", "varchar(255) character set ascii collate ascii_bin"),
}
_NEW = {
    "phone_numbers": statements.ADD_NEW_PHONES,
    "email_addresses": statements.ADD_NEW_EMAILS,
    "addresses": statements.ADD_NEW_ADDRESSES,
}
_KEYS_SCHEMA = pa.schema(
    [
        ("id", pa.int64()), ("phone_e164", pa.string()), ("email_key", pa.string()), ("name_zip_key", pa.string()),
        ("first_key", pa.string()), ("generation", pa.string()), ("organization_key", pa.string()),
        ("person_id", pa.int64()), ("match_key", pa.string()), ("unmatched_reason", pa.string()),
    ]
)  # fmt: skip
_HOLDERS_SCHEMA = pa.schema(
    [
        ("kind", pa.string()), ("contact", pa.string()), ("person_id", pa.int64()), ("entity_id", pa.int64()),
        ("member_id", pa.int64()), ("entity_type", pa.string()), ("first_key", pa.string()),
        ("last_key", pa.string()), ("name_suffix", pa.string()), ("organization_key", pa.string()),
        ("name_source_date", pa.timestamp("us")),
        ("name_parts", pa.int64()), ("name_text", pa.string()),
    ]
)  # fmt: skip
#: The list of shared contacts knows those that one import found; the linkage may have taken persons apart since.
_SHARED_BY_MANY = """
insert into touchpoint_shared
select kind, contact
from touchpoint_holders
where kind <> 'name_zip' and member_id = person_id and ? > 0
group by kind, contact
having count(distinct coalesce(last_key, organization_key)) > ?
"""
_SHARED_SCHEMA = pa.schema([("kind", pa.string()), ("contact", pa.string())])


class Attachment:
    """The touchpoints whose person may have changed in the caller's transaction; `settle` finds it anew for them.

    Tell it what was written, then settle before the commit. Without any touchpoints nothing is done at all.
    """

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection
        self._any = bool(self._one(statements.ANY_TOUCHPOINTS))
        if self._any:
            temporary(connection, "touchpoint_scope", "id bigint not null primary key")

    def new_contacts(self, table: str, first: int, last: int) -> None:
        """Contact points `first` to `last` (ids) are new in `phone_numbers`, `email_addresses` or `addresses`."""
        if self._any and table in _NEW:
            execute(self._connection, _NEW[table], {"first": first, "last": last})

    def changed_persons(self, persons: str, at: datetime) -> None:
        """Of those in the temporary table `persons(id)`, some were written at `at`, or a contact point of theirs."""
        if not self._any:
            return
        temporary(self._connection, "touchpoint_changed", "id bigint not null primary key")
        for statement in statements.CHANGED_PERSONS:
            execute(self._connection, statement.format(persons=persons), {"at": at})
        self.persons("touchpoint_changed")

    def persons(self, persons: str, column: str = "id") -> None:
        """Those in the temporary table `persons` change name, contact points or entity; say it before and after."""
        if not self._any:
            return
        temporary(self._connection, "touchpoint_persons", "id bigint not null primary key")
        execute(self._connection, statements.ENTITIES_OF.format(persons=persons, column=column))
        for statement in statements.ADD_OF_PERSONS:
            execute(self._connection, statement)

    def left_names(self, con: duckdb.DuckDBPyConnection, query: str) -> None:
        """The name-and-ZIP keys that `query` gives in DuckDB are no longer their persons'."""
        if not self._any:
            return
        columns = f"contact {_CONTACT['name_zip'][1]} primary key"
        if upload(self._connection, con, "touchpoint_left_names", columns, query, ("contact",)):
            execute(self._connection, statements.ADD_LEFT_NAMES)

    def new_shared(self) -> None:
        """The contacts in the temporary table `new_shared` are no longer keys."""
        if self._any:
            execute(self._connection, statements.ADD_SHARED_PHONES)
            execute(self._connection, statements.ADD_SHARED_EMAILS)

    def new_touchpoints(self, first: int, last: int) -> None:
        """Touchpoints `first` to `last` (ids) are new."""
        if self._any:
            execute(self._connection, statements.ADD_BLOCK, {"first": first, "last": last})

    def changed_touchpoints(self) -> None:
        """The touchpoints in the temporary table `touchpoints_changed` say something else now."""
        if self._any:
            execute(self._connection, statements.ADD_WRITTEN)

    def settle(self, con: duckdb.DuckDBPyConnection, *, shared_max: int) -> int:
        """Give every touchpoint concerned its person, or the reason why it has none; how many were changed.

        A contact that persons of more than `shared_max` surnames hold is no key (0: any is), nor is one that is
        listed in `shared_contacts`.
        """
        if not self._any:
            return 0
        changed, low = 0, 0
        while True:
            high = self._one(statements.NEXT_SHARE, {"low": low, "rows": TOUCHPOINTS_AT_ONCE})
            if high is None:
                return changed
            changed += self._settle_share(con, {"low": low, "high": high}, shared_max)
            low = high

    def _settle_share(self, con: duckdb.DuckDBPyConnection, share: Mapping[str, object], shared_max: int) -> int:
        answer(self._connection, con, statements.KEYS_OF_SHARE, "touchpoints_in", _KEYS_SCHEMA, share)
        for table, schema in (("touchpoint_holders", _HOLDERS_SCHEMA), ("touchpoint_shared", _SHARED_SCHEMA)):
            con.register("none_yet", schema.empty_table())
            con.execute(f"create or replace table {table} as from none_yet")
            con.unregister("none_yet")
        for kind, (column, contact_type) in _CONTACT.items():
            query = f"select distinct {column} from touchpoints_in where {column} is not null"
            columns = f"contact {contact_type} primary key"
            if not upload(self._connection, con, "touchpoint_contacts", columns, query, ("contact",)):
                continue
            answer(self._connection, con, statements.SHARED, "touchpoint_found", _SHARED_SCHEMA, {"kind": kind})
            con.execute("insert into touchpoint_shared from touchpoint_found")
            execute(self._connection, statements.FORGET_SHARED, {"kind": kind})
            answer(self._connection, con, statements.HOLDERS[kind], "touchpoint_found", _HOLDERS_SCHEMA)
            con.execute("insert into touchpoint_holders from touchpoint_found")
        _classify_first_names(con)
        con.execute(_SHARED_BY_MANY, [shared_max, shared_max])
        define_generation_of(con)
        con.execute(sql(__package__, "match.sql"))
        found = upload(
            self._connection,
            con,
            "touchpoint_matches",
            "id bigint not null primary key, person_id bigint, "
            "match_key varchar(16) character set ascii collate ascii_bin, "
            "unmatched_reason varchar(16) character set ascii collate ascii_bin",
            "select id, person_id, match_key, unmatched_reason from touchpoint_matches order by id",
            ("id", "person_id", "match_key", "unmatched_reason"),
        )
        if found:
            for statement in (*statements.CHANGED_BY_MATCHES, statements.ATTACH, *statements.CHANGED_BY_MATCHES):
                execute(self._connection, statement)
        return found

    def _one(self, query: str, parameters: Mapping[str, object] | None = None) -> Any:
        with self._connection.cursor() as cursor:
            cursor.execute(query, parameters)
            row = cursor.fetchone()
        return row[0] if row else None


def _classify_first_names(con: duckdb.DuckDBPyConnection) -> None:
    """`touchpoint_name_classes(first_key, name_class)` for the first names of touchpoints and holders."""
    keys = con.sql(
        "select first_key from touchpoints_in where first_key <> '' union select first_key from touchpoint_holders "
        "where first_key <> ''"
    ).to_arrow_table()
    names = [str(key) for key in keys.column(0).to_pylist()]
    classes = pa.table(
        {
            "first_key": pa.array(names, pa.string()),
            "name_class": pa.array([first_name_class(name) for name in names], pa.string()),
        }
    )
    con.register("classes", classes)
    con.execute("create or replace table touchpoint_name_classes as from classes")
    con.unregister("classes")
