"""Tables written beside the real ones and put in their place at once: the way in for batches that outweigh a table.

A shadow has no secondary indexes and no foreign keys while it is filled; indexes are built last, and one RENAME TABLE
makes all shadows the tables. Killed before it, nothing has happened; killed after it, `tidy` does what is left. What
goes into a shadow is the caller's business, and so is the writer lock, under which all of this runs.

    persons__new   a shadow being filled
    persons__old   the table that a shadow has replaced; there until `tidy` is done
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pymysql.connections import Connection

from cm_core.store.locks import SWAP_LOCK, named_lock
from cm_core.store.tables import metadata

_NEW = "__new"
_OLD = "__old"
#: Seconds to wait for readers of the tables: a RENAME in wait holds up everybody who comes after it.
_LOCK_WAIT_S = 60

_LEFT_OVER = """
select table_name from information_schema.tables
where table_schema = database() and (table_name like '%%\\_\\_new' or table_name like '%%\\_\\_old')
"""
_INDEXES = """
select index_name, non_unique, column_name, sub_part
from information_schema.statistics
where table_schema = database() and table_name = %s and index_name <> 'PRIMARY'
order by index_name, seq_in_index
"""
_FOREIGN_KEYS = """
select table_name, constraint_name, referenced_table_name
from information_schema.key_column_usage
where constraint_schema = database() and referenced_table_name is not null
"""
_RAISE_COUNTER = """
insert into id_counters (name, next_id) select %s, coalesce(max(id), 0) + 1 from {table}
on duplicate key update next_id = greatest(id_counters.next_id, values(next_id))
"""


@dataclass(frozen=True)
class _ForeignKey:
    table: str
    name: str
    column: str
    referred_table: str
    referred_column: str


def shadow_of(table: str) -> str:
    """Name of the table's shadow."""
    return f"{table}{_NEW}"


def create(connection: Connection[Any], tables: Sequence[str]) -> None:
    """Make an empty shadow of each table, without secondary indexes; what an earlier attempt left is dropped."""
    tidy(connection)
    for table in tables:
        indexes = _indexes(connection, table)
        _execute(connection, f"create table {shadow_of(table)} like {table}")
        if indexes:
            drops = ", ".join(f"drop index {name}" for name in indexes)
            _execute(connection, f"alter table {shadow_of(table)} {drops}")


def add_indexes(connection: Connection[Any], table: str) -> None:
    """Give the shadow the indexes of its table, all in one pass over its rows."""
    indexes = _indexes(connection, table)
    if indexes:
        _execute(
            connection, f"alter table {shadow_of(table)} {', '.join(f'add {index}' for index in indexes.values())}"
        )


def swap(connection: Connection[Any], tables: Sequence[str]) -> None:
    """Put the shadows in the place of their tables: all of them at one instant, for every reader."""
    _execute(connection, f"set session lock_wait_timeout = {_LOCK_WAIT_S}")
    # With checks on, MySQL refuses to take away a table that others refer to.
    _execute(connection, "set session foreign_key_checks = 0")
    pairs = (f"{table} to {table}{_OLD}, {shadow_of(table)} to {table}" for table in tables)
    with named_lock(connection, SWAP_LOCK, timeout_s=_LOCK_WAIT_S):
        _execute(connection, f"rename table {', '.join(pairs)}")
    tidy(connection)


def tidy(connection: Connection[Any]) -> None:
    """Finish a swap, and drop the shadows of one that was never made. Costs next to nothing where there was none."""
    left = _left_over(connection)
    if not left:
        return
    _execute(connection, "set session foreign_key_checks = 0")
    replaced = [name.removesuffix(_OLD) for name in left if name.endswith(_OLD)]
    for table in replaced:
        if "id" in metadata.tables[table].columns:
            _execute(connection, _RAISE_COUNTER.format(table=table), (table,))
    connection.commit()
    _restore_foreign_keys(connection, replaced)
    # The one that others refer to goes last: while it is there, the work is not done.
    for name in sorted(left, key=lambda name: (name.startswith("persons__"), name)):
        _execute(connection, f"drop table {name}")
    _execute(connection, "set session foreign_key_checks = 1")


def _restore_foreign_keys(connection: Connection[Any], replaced: Sequence[str]) -> None:
    """Foreign keys of, and to, tables that were replaced, as they are declared."""
    found = {(row[0], row[1]): row[2] for row in _fetch(connection, _FOREIGN_KEYS)}
    drops: dict[str, list[str]] = defaultdict(list)
    adds: dict[str, list[_ForeignKey]] = defaultdict(list)
    for (table, name), _ in found.items():
        if table.endswith(_OLD):  # its names are needed again
            drops[table].append(name)
    for key in _declared(replaced):
        referred = found.get((key.table, key.name))
        if referred == key.referred_table:
            continue
        if referred is not None:
            drops[key.table].append(key.name)
        adds[key.table].append(key)
    for table, names in drops.items():
        _execute(connection, f"alter table {table} {', '.join(f'drop foreign key {name}' for name in names)}")
    for table, keys in adds.items():
        clauses = (
            f"add constraint {key.name} foreign key ({key.column}) references {key.referred_table} "
            f"({key.referred_column})"
            for key in keys
        )
        _execute(connection, f"alter table {table} {', '.join(clauses)}")


def _declared(replaced: Iterable[str]) -> list[_ForeignKey]:
    """The foreign keys of `tables.py` that one of these tables has or that refer to one."""
    names = set(replaced)
    keys = []
    for table in metadata.sorted_tables:
        for constraint in table.foreign_key_constraints:
            (element,) = constraint.elements
            referred = element.column
            if table.name in names or referred.table.name in names:
                name = f"fk_{table.name}_{element.parent.name}"
                keys.append(_ForeignKey(table.name, name, element.parent.name, referred.table.name, referred.name))
    return keys


def _indexes(connection: Connection[Any], table: str) -> dict[str, str]:
    """The secondary indexes of a table, by name, as ADD takes them."""
    columns: dict[str, list[str]] = defaultdict(list)
    unique = {}
    for name, non_unique, column, part in _fetch(connection, _INDEXES, (table,)):
        columns[name].append(f"`{column}`({part})" if part else f"`{column}`")
        unique[name] = not int(non_unique)
    return {
        f"`{name}`": f"{'unique ' if unique[name] else ''}index `{name}` ({', '.join(parts)})"
        for name, parts in columns.items()
    }


def _left_over(connection: Connection[Any]) -> list[str]:
    """Shadows and replaced tables of ours that are still there."""
    return [
        name
        for (name,) in _fetch(connection, _LEFT_OVER)
        if name.removesuffix(_NEW).removesuffix(_OLD) in metadata.tables
    ]


def _fetch(connection: Connection[Any], query: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


def _execute(connection: Connection[Any], statement: str, parameters: tuple[Any, ...] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
