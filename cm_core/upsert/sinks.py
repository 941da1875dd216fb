"""Where the rows of an apply go: straight into the tables, or into what will take their place.

`write.CanonicalWriter` says what is written; a sink knows how.

    TableSink    the tables, inside the caller's transaction: for batches smaller than what is known; leaves
                 `changed_shared(phone_key, email_key)`: contacts that are shared now, or by more surnames
    ShadowSink   shadows of tables that are empty: rows only come, none is changed
    StateSink    DuckDB tables that hold all that is known: for imports that follow one another (`bulk`)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import duckdb
from pymysql.connections import Connection

from cm_core.store import shadow, tables
from cm_core.store.bulk import Loads
from cm_core.store.ids import allot
from cm_core.upsert.lookup import arrow_schema, temporary_like

#: Tables that an apply of people writes, those with the most to load first; shadows of all are swapped in together.
PEOPLE_TABLES = (
    "persons", "addresses", "phone_numbers", "email_addresses", "person_identifiers", "person_sources",
    "person_relations", "shared_contacts",
)  # fmt: skip
#: DuckDB's schema in which a StateSink keeps them.
STATE = "state"

_RELATIONS = """
insert ignore into person_relations (person_id, related_person_id, relation, first_import_id, created_at)
select person_id, related_person_id, relation, first_import_id, created_at from new_relations
"""
_SHARED = """
insert into shared_contacts (kind, contact_key, surnames, first_import_id, created_at)
select kind, contact_key, surnames, first_import_id, created_at from new_shared
on duplicate key update surnames = greatest(shared_contacts.surnames, new_shared.surnames)
"""
#: Keys of the contact tables' own types, so that holders are found by index; null in the column of the other kind.
_CHANGED_SHARED = (
    "drop temporary table if exists changed_shared",
    """
create temporary table changed_shared (
    phone_key varchar(20) character set ascii collate ascii_bin,
    email_key varchar(320) character set utf8mb4 collate utf8mb4_bin
)
""",
    """
insert into changed_shared (phone_key, email_key)
select case n.kind when 'phone' then n.contact_key end, case n.kind when 'email' then n.contact_key end
from new_shared as n
left join shared_contacts as k on k.kind = n.kind and k.contact_key = n.contact_key
where k.surnames is null or k.surnames < n.surnames
""",
)
_STATE_RELATIONS = """
insert into state.person_relations by name
select n.* from new_relations as n
anti join state.person_relations as k
    on n.person_id = k.person_id and n.related_person_id = k.related_person_id and n.relation = k.relation
"""
_STATE_SHARED = (
    """
update state.shared_contacts as k
set surnames = greatest(k.surnames, n.surnames)
from new_shared as n
where n.kind = k.kind and n.contact_key = k.contact_key
""",
    """
insert into state.shared_contacts by name
select n.* from new_shared as n
anti join state.shared_contacts as k on n.kind = k.kind and n.contact_key = k.contact_key
""",
)
_SHARED_COLUMNS = ("kind", "contact_key", "surnames")
_RELATION_COLUMNS = ("person_id", "related_person_id", "relation")


class Sink(Protocol):
    """What a writer asks of the place it writes to. Queries are DuckDB's; `constants` are the same in every row."""

    def next_id(self, table: str) -> int:
        """The first free id of a table, not counting rows of this import."""

    def insert(
        self, query: str, table: str, columns: Sequence[str], *, params: Sequence[object], constants: Mapping[str, Any]
    ) -> int:
        """Add the rows of `query`; how many."""

    def update(self, table: str, folded: str, columns: Sequence[str], *, constants: Mapping[str, Any]) -> int:
        """Bring the rows of the DuckDB table `folded` that are changed into `table`, by id; how many."""

    def relate(self, query: str, *, constants: Mapping[str, Any]) -> int:
        """Add to `person_relations` what is not there; how many."""

    def share(self, query: str, *, constants: Mapping[str, Any]) -> None:
        """Add to `shared_contacts`, or raise the number of surnames of what is there."""


class TableSink:
    """The tables themselves, through a connection on which rows are loaded in the background."""

    def __init__(self, connection: Connection[Any], con: duckdb.DuckDBPyConnection, loads: Loads) -> None:
        self._connection = connection
        self._con = con
        self._loads = loads
        # Asked for before the loads begin: nobody else may use the connection meanwhile.
        self._first = {table: allot(connection, table, 0) for table in PEOPLE_TABLES if _has_id(table)}

    def next_id(self, table: str) -> int:  # noqa: D102
        return self._first[table]

    def insert(  # noqa: D102
        self, query: str, table: str, columns: Sequence[str], *, params: Sequence[object], constants: Mapping[str, Any]
    ) -> int:
        return self._loads.load(self._con, query, table, columns, params=params, constants=constants)

    def update(self, table: str, folded: str, columns: Sequence[str], *, constants: Mapping[str, Any]) -> int:  # noqa: D102
        (count,) = self._con.execute(f"select count(*) from {folded} where is_changed").fetchall()[0]
        if not count:
            return 0
        temporary = f"changed_{table}"
        self._loads.call(lambda connection: temporary_like(connection, temporary, table, ["id", *columns]))
        self._loads.load(
            self._con, f"select id, {', '.join(columns)} from {folded} where is_changed order by id", temporary,
            ["id", *columns],
        )  # fmt: skip
        assignments = ", ".join(
            [*(f"t.{column} = c.{column}" for column in columns), *(f"t.{name} = %s" for name in constants)]
        )
        self._run(
            f"update {table} as t join {temporary} as c on c.id = t.id set {assignments}", tuple(constants.values())
        )
        return int(count)

    def relate(self, query: str, *, constants: Mapping[str, Any]) -> int:  # noqa: D102
        added = Counter[str]()
        self._fill_temporary("person_relations", "new_relations", query, _RELATION_COLUMNS, constants)
        self._run(_RELATIONS, then=lambda rows: added.update(rows=rows))
        self._loads.wait()
        return added["rows"]

    def share(self, query: str, *, constants: Mapping[str, Any]) -> None:  # noqa: D102
        self._fill_temporary("shared_contacts", "new_shared", query, _SHARED_COLUMNS, constants)
        for statement in _CHANGED_SHARED:
            self._run(statement)
        self._run(_SHARED)

    def _fill_temporary(
        self, table: str, temporary: str, query: str, columns: Sequence[str], constants: Mapping[str, Any]
    ) -> None:
        self._run(f"drop temporary table if exists {temporary}")
        self._run(f"create temporary table {temporary} like {table}")
        self._loads.load(self._con, query, temporary, columns, constants=constants)

    def _run(
        self, statement: str, parameters: tuple[Any, ...] = (), then: Callable[[int], None] = lambda rows: None
    ) -> None:
        def run(connection: Connection[Any]) -> None:
            with connection.cursor() as cursor:
                then(cursor.execute(statement, parameters or None))

        self._loads.call(run)


class ShadowSink:
    """Shadows of empty tables, filled through several connections at once: each table through one of them."""

    def __init__(self, con: duckdb.DuckDBPyConnection, loads: Sequence[Loads]) -> None:
        self._con = con
        self._loads = {table: loads[position % len(loads)] for position, table in enumerate(PEOPLE_TABLES)}

    def next_id(self, table: str) -> int:  # noqa: D102
        return 1

    def insert(  # noqa: D102
        self, query: str, table: str, columns: Sequence[str], *, params: Sequence[object], constants: Mapping[str, Any]
    ) -> int:
        target = shadow.shadow_of(table)
        return self._loads[table].load(self._con, query, target, columns, params=params, constants=constants)

    def update(self, table: str, folded: str, columns: Sequence[str], *, constants: Mapping[str, Any]) -> int:  # noqa: D102
        (count,) = self._con.execute(f"select count(*) from {folded} where is_changed").fetchall()[0]
        if count:
            raise AssertionError(f"{count} rows of {table} are changed where there were none")
        return 0

    def relate(self, query: str, *, constants: Mapping[str, Any]) -> int:  # noqa: D102
        return self.insert(query, "person_relations", _RELATION_COLUMNS, params=(), constants=constants)

    def share(self, query: str, *, constants: Mapping[str, Any]) -> None:  # noqa: D102
        self.insert(query, "shared_contacts", _SHARED_COLUMNS, params=(), constants=constants)


class StateSink:
    """All that is known of people as tables of DuckDB's schema `state`, with every column that MySQL's have."""

    def __init__(self, con: duckdb.DuckDBPyConnection, next_ids: Mapping[str, int]) -> None:
        self._con = con
        self._next = Counter[str](next_ids)

    @staticmethod
    def create_tables(con: duckdb.DuckDBPyConnection) -> None:
        """Make the tables, empty, with the defaults that MySQL has."""
        con.execute(f"create schema {STATE}")
        for table in PEOPLE_TABLES:
            con.register("like_it", arrow_schema(table).empty_table())
            con.execute(f"create table {STATE}.{table} as from like_it")
            con.unregister("like_it")
            for column in tables.metadata.tables[table].columns:
                default = getattr(column.server_default, "arg", None)
                if default is not None and str(default).isdigit():
                    con.execute(f"alter table {STATE}.{table} alter column {column.name} set default {default}")

    def next_id(self, table: str) -> int:  # noqa: D102
        return self._next[table]

    def take_ids(self, table: str, count: int) -> None:
        """The next `count` ids of a table are used."""
        self._next[table] += count

    def insert(  # noqa: D102
        self, query: str, table: str, columns: Sequence[str], *, params: Sequence[object], constants: Mapping[str, Any]
    ) -> int:
        names = ", ".join(f'"{column}"' for column in (*columns, *constants))
        values = ", ".join(["q.*", *(_literal(value) for value in constants.values())])
        statement = f"insert into {STATE}.{table} ({names}) select {values} from ({query}) as q"
        return int(self._con.execute(statement, list(params)).fetchall()[0][0])

    def update(self, table: str, folded: str, columns: Sequence[str], *, constants: Mapping[str, Any]) -> int:  # noqa: D102
        assignments = ", ".join(
            [
                *(f"{column} = f.{column}" for column in columns),
                *(f"{name} = {_literal(value)}" for name, value in constants.items()),
            ]
        )
        statement = (
            f"update {STATE}.{table} as t set {assignments} from {folded} as f where t.id = f.id and f.is_changed"
        )
        return int(self._con.execute(statement).fetchall()[0][0])

    def relate(self, query: str, *, constants: Mapping[str, Any]) -> int:  # noqa: D102
        self._make("new_relations", query, _RELATION_COLUMNS, constants)
        return int(self._con.execute(_STATE_RELATIONS).fetchall()[0][0])

    def share(self, query: str, *, constants: Mapping[str, Any]) -> None:  # noqa: D102
        self._make("new_shared", query, _SHARED_COLUMNS, constants)
        for statement in _STATE_SHARED:
            self._con.execute(statement)

    def _make(self, name: str, query: str, columns: Sequence[str], constants: Mapping[str, Any]) -> None:
        values = ", ".join(f"{_literal(value)} as {name}" for name, value in constants.items())
        self._con.execute(
            f"create or replace table {name} as select q.*, {values} from ({query}) as q({', '.join(columns)})"
        )


def _literal(value: object) -> str:
    """An id of ours or a time, as DuckDB's SQL has it."""
    text = str(value).replace("'", "''")
    return f"'{text}'" if isinstance(value, str) else f"'{text}'::timestamp"


def _has_id(table: str) -> bool:
    return "id" in tables.metadata.tables[table].columns
