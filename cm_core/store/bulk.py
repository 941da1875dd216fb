"""Rows in bulk between DuckDB and MySQL: `load` goes in by LOAD DATA LOCAL INFILE, `fetch` comes out by a stream.

`Loads` does the same as `load` in the background.

Both work on the caller's connections and inside the caller's transaction. What is loaded, and into which table,
belongs to the callers.
"""

from __future__ import annotations

import secrets
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pymysql

from cm_core.compute import scratch_folder
from cm_core.errors import ImportFailed
from cm_core.store.packets import read_rows

#: Files written ahead of the one that the server is taking in.
LOADS_AHEAD = 2

_COPY = (
    "copy (select {columns} from ({source}) as source) to '{file}' "
    "(format csv, delimiter ',', quote '\"', escape '\"', nullstr 'NULL', header false)"
)
# A field is enclosed where its text asks for it. An enclosed one ends at a quote that is followed by a terminator,
# inner quotes are doubled, and with no escape character a backslash is a backslash. A bare NULL is null; "NULL" in
# quotes is the text. The server reads byte by byte, so what is the same in every row does not stand in the file.
_LOAD = (
    "load data local infile %s into table {table} character set utf8mb4 "
    "fields terminated by ',' optionally enclosed by '\"' escaped by '' lines terminated by '\\n' ({targets}){set}"
)

_DUCK_TYPES = {
    pa.bool_(): "boolean", pa.int8(): "tinyint", pa.int16(): "smallint", pa.int32(): "integer", pa.int64(): "bigint",
    pa.float64(): "double", pa.string(): "varchar", pa.binary(): "blob", pa.date32(): "date",
    pa.timestamp("us"): "timestamp",
}  # fmt: skip


def load(
    connection: pymysql.connections.Connection[Any],
    duck: duckdb.DuckDBPyConnection,
    query: str,
    table: str,
    columns: Sequence[str],
    *,
    params: Sequence[object] | dict[str, object] = (),
    constants: Mapping[str, object] | None = None,
) -> int:
    """Insert the result of DuckDB `query` (with `params`) into MySQL `table`, and return the number of rows.

    The query's columns go into `columns` by position; booleans become 1 and 0, blobs stay bytes, lists and structs
    become JSON. Any text arrives as it is. `constants` are columns that have one value in every row.
    `table` may be a temporary table or `database.table`. Nothing is committed.

    Raises ImportFailed if a value does not fit its column, a row is refused (duplicate key, missing parent) or rows
    are missing: LOAD DATA LOCAL would only warn. The caller rolls back.
    """
    with _dumped(duck, query, table, columns, params, constants or {}) as dump:
        dump.into(connection)
        return dump.rows


class Loads:
    """What happens on a connection, on a thread of its own and in order, while DuckDB makes the next rows.

    Use as a context manager. Nobody else may use the connection inside the block, which ends when everything is done.
    An error of the connection is raised by the next call or by the end of the block; nothing after it is done.
    """

    def __init__(self, connection: pymysql.connections.Connection[Any]) -> None:
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mysql-load")
        self._waiting: deque[Future[Any]] = deque()
        self._failed = False

    def __enter__(self) -> Loads:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._wait(0)
        finally:
            self._failed = self._failed or kind is not None
            self._thread.shutdown(wait=True)

    def load(
        self,
        duck: duckdb.DuckDBPyConnection,
        query: str,
        table: str,
        columns: Sequence[str],
        *,
        params: Sequence[object] = (),
        constants: Mapping[str, object] | None = None,
    ) -> int:
        """Like the function `load`; the rows are in the table at the end of the block."""
        stack = ExitStack()
        dump = stack.enter_context(_dumped(duck, query, table, columns, params, constants or {}))

        def task(connection: pymysql.connections.Connection[Any]) -> None:
            with stack:
                dump.into(connection)

        self.call(task, clean_up=stack.close)
        return dump.rows

    def call(
        self,
        task: Callable[[pymysql.connections.Connection[Any]], object],
        *,
        clean_up: Callable[[], None] = lambda: None,
    ) -> None:
        """Run `task` with the connection after what was asked for before; `clean_up` instead if that went wrong."""
        self._waiting.append(self._thread.submit(self._run, task, clean_up))
        self._wait(LOADS_AHEAD)

    def wait(self) -> None:
        """Wait until all that was asked for is done."""
        self._wait(0)

    def _run(self, task: Callable[[pymysql.connections.Connection[Any]], object], clean_up: Callable[[], None]) -> None:
        if self._failed:
            clean_up()
            return
        try:
            task(self._connection)
        except BaseException:
            self._failed = True
            raise

    def _wait(self, ahead: int) -> None:
        while len(self._waiting) > ahead or (self._waiting and self._waiting[0].done()):
            self._waiting.popleft().result()


@dataclass(frozen=True)
class _Dump:
    """Rows in a file, and the statement that takes them in."""

    file: Path
    rows: int
    table: str
    statement: str
    constants: tuple[object, ...]

    def into(self, connection: pymysql.connections.Connection[Any]) -> None:
        if not self.rows:
            return
        with connection.cursor() as cursor:
            loaded = cursor.execute(self.statement, (str(self.file), *self.constants))
            cursor.execute("show warnings limit 5")
            warnings = [f"{row[1]} {row[2]}" for row in cursor.fetchall()]
        if warnings or loaded != self.rows:
            raise ImportFailed(
                f"Loading {self.rows:,} rows into {self.table} went wrong: {loaded:,} arrived. "
                + (f"The server says: {'; '.join(warnings)}" if warnings else "")
            )


@contextmanager
def _dumped(
    duck: duckdb.DuckDBPyConnection,
    query: str,
    table: str,
    columns: Sequence[str],
    params: Sequence[object] | dict[str, object],
    constants: Mapping[str, object],
) -> Iterator[_Dump]:
    """The result of a query in a scratch file as LOAD DATA reads it."""
    query = query.strip().rstrip(";")
    types = duck.execute(f"describe {query}", params or None).fetchall()
    if len(types) != len(columns):
        raise ValueError(f"The query for {table} has {len(types)} columns, the target list {len(columns)}.")
    selected = ", ".join(_csv_expression(position, str(row[1])) for position, row in enumerate(types))
    blobs = [str(row[1]) == "BLOB" for row in types]
    source = f"select * from ({query}\n) as q({', '.join(f'c{i}' for i in range(len(types)))})"
    targets = ", ".join(
        f"@b{i}" if blob else _quoted(name) for i, (name, blob) in enumerate(zip(columns, blobs, strict=True))
    )
    statement = _LOAD.format(table=_quoted(table), targets=targets, set=_set_clause(columns, blobs, constants))
    with tempfile.TemporaryDirectory(prefix="load-", dir=scratch_folder(duck)) as folder:
        file = Path(folder) / "rows.csv"
        copy = _COPY.format(columns=selected, source=source, file=str(file).replace("'", "''"))
        written = int(duck.execute(copy, params or None).fetchall()[0][0])
        yield _Dump(file, written, table, statement, tuple(constants.values()))


def fetch(
    connection: pymysql.connections.Connection[Any],
    query: str,
    params: Sequence[object] | dict[str, object],
    duck: duckdb.DuckDBPyConnection,
    into_table: str,
    schema: pa.Schema,
) -> int:
    """Append the result of MySQL `query` (with `params`) to DuckDB table `into_table`, and return the number of rows.

    `schema` gives the result's columns in order: names and Arrow types (int, float, decimal, string, binary, date32,
    timestamp, bool). The table is created from it if there is none. Memory holds a few megabytes of rows at a time.
    Raises pyarrow.ArrowInvalid if a value is not of its declared type, ValueError if there are more or fewer columns.
    """
    name = f"fetch_{secrets.token_hex(6)}"
    table = _duck_quoted(into_table)
    columns = ", ".join(_duck_quoted(field.name) for field in schema)
    with connection.cursor() as cursor:
        statement = cursor.mogrify(query, params or None)
    typed = ", ".join(f"{_duck_quoted(field.name)} {_duck_type(field.type)}" for field in schema)
    duck.execute(f"create table if not exists {table} ({typed})")
    total = 0
    for arrays in read_rows(connection, statement, width=len(schema)):
        rows = pa.Table.from_arrays(
            [texts.cast(field.type) for texts, field in zip(arrays, schema, strict=True)], schema=schema
        )
        duck.register(name, rows)
        duck.execute(f"insert into {table} ({columns}) select {columns} from {name}")
        duck.unregister(name)
        total += len(rows)
    return total


def _csv_expression(position: int, duck_type: str) -> str:
    """How column `c<position>` of a DuckDB type is written so that MySQL reads the same value."""
    column = f"c{position}"
    if duck_type == "BOOLEAN":
        return f"cast({column} as tinyint)"
    if duck_type == "BLOB":
        return f"hex({column})"
    if duck_type.startswith("TIMESTAMP WITH TIME ZONE"):
        return f"{column} at time zone 'UTC'"
    if duck_type.endswith("]") or duck_type.startswith(("STRUCT", "MAP", "UNION")):
        return f"cast(to_json({column}) as varchar)"
    return column


def _duck_type(kind: pa.DataType) -> str:
    """The DuckDB type that an Arrow type of `fetch` becomes."""
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    return _DUCK_TYPES[kind]


def _set_clause(columns: Sequence[str], blobs: Sequence[bool], constants: Mapping[str, object]) -> str:
    parts = [
        f"{_quoted(name)} = unhex(@b{i})" for i, (name, blob) in enumerate(zip(columns, blobs, strict=True)) if blob
    ]
    parts += [f"{_quoted(name)} = %s" for name in constants]
    return f" set {', '.join(parts)}" if parts else ""


def _quoted(name: str) -> str:
    """A MySQL identifier, `database.table` by parts, for a statement with %s parameters."""
    return ".".join("`" + part.replace("`", "``").replace("%", "%%") + "`" for part in name.split("."))


def _duck_quoted(name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))
