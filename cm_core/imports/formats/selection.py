"""Which rows of a table set an import takes: a table by name, or what a feed's `select` gives over the tables.

A `select` is one SELECT statement in DuckDB's SQL. It sees the tables, as views, and nothing else: no file, no
network, no setting, no extension. The tables' columns are all text, so are those of the result.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from cm_core.errors import FileRejected, UsageError
from cm_core.imports.formats.table_set import Table, TableSet, unique_names

_BATCH_ROWS = 20_000
_BATCH_BYTES = 16 << 20
#: What DuckDB makes at once anyway: values may be long.
_VECTOR_ROWS = 2_048
_RESERVED_SCHEMAS = ("main", "temp", "system", "information_schema", "pg_catalog")
_SHOWN_TABLES, _SHOWN_COLUMNS = 30, 15


@dataclass(frozen=True)
class Selection:
    """The rows of an import: a Parquet file whose columns are all text, and where they come from.

    `written` are the names of the columns as they stand in the file, if they are a table's. The first `above` rows of
    the Parquet file are none of the list.
    """

    path: Path
    columns: tuple[str, ...]
    rows: int
    source: str
    written: tuple[str, ...] = ()
    above: int = 0

    def batches(self, rows: int = _BATCH_ROWS) -> Iterator[pa.RecordBatch]:
        """The rows in order, at most `rows` at a time, and never more than a row group, whose bytes are bounded."""
        above = self.above
        with pq.ParquetFile(self.path) as file:
            for group in range(file.num_row_groups):
                for batch in file.iter_batches(batch_size=rows, row_groups=[group]):
                    below = batch.slice(above)
                    above -= batch.num_rows - below.num_rows
                    if below.num_rows:
                        yield below


def choose(
    tables: TableSet,
    destination: Path,
    *,
    table: str | None = None,
    select: str | None = None,
    memory_limit: str = "1GB",
    threads: int = 1,
) -> Selection:
    """The rows of `table`, or of `select`; of the only table that has rows if neither is given.

    A table's own Parquet file is given as it is; what a `select` gives is written to `destination` (a file), in the
    order of the select. With one thread, a select without ORDER BY gives the same order every time, too, so that row
    numbers of a repeated import are the same; more threads are faster.

    Raises FileRejected when the file has no such table or column, or a value that the select cannot work with, and
    UsageError when the select itself cannot be meant: not SQL, not one SELECT, or reaching beyond the tables.
    """
    if table is not None and select is not None:
        raise UsageError("A feed declares either a table or a select, not both.")
    if select is not None:
        return _selected(tables, destination, select, memory_limit, threads)
    if table is not None:
        found = tables.find(table)
        if found is None:
            raise FileRejected(f"The file has no table {table!r}. {describe(tables)}")
        return whole(tables, found)
    filled = [candidate for candidate in tables.tables if candidate.rows]
    if len(filled) == 1:
        return whole(tables, filled[0])
    if not filled:
        raise FileRejected(f"No table of the file has rows. {describe(tables)}")
    raise FileRejected(
        f"The file has {len(filled)} tables with rows; declare in the feed which `table` or `select` is meant. "
        + describe(tables)
    )


def describe(tables: TableSet) -> str:
    """The tables with their columns and rows, fullest first, as a sentence for people."""
    if not tables.tables:
        return "It has no tables."
    fullest = sorted(tables.tables, key=lambda table: -table.rows)
    shown = [
        f"{table.name} ({_listed(table.column_names, _SHOWN_COLUMNS)}; {table.rows:,} rows)"
        for table in fullest[:_SHOWN_TABLES]
    ]
    more = f"; and {len(fullest) - _SHOWN_TABLES} more" if len(fullest) > _SHOWN_TABLES else ""
    return f"Tables: {'; '.join(shown)}{more}."


def _listed(names: Sequence[str], most: int) -> str:
    return ", ".join(names[:most]) + (f", … {len(names) - most} more" if len(names) > most else "")


def whole(tables: TableSet, table: Table) -> Selection:
    """All rows of a table."""
    written = tuple(column.name if column.written is None else column.written for column in table.columns)
    return Selection(tables.path(table), table.column_names, table.rows, f"table {table.name}", written)


def _selected(tables: TableSet, destination: Path, select: str, memory_limit: str, threads: int) -> Selection:
    destination.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="select-", dir=destination.parent) as scratch,
        _locked(tables, Path(scratch), memory_limit, threads) as connection,
    ):
        with _explained(tables, reading=False):
            query = _only_select(connection, select)
            names = unique_names(connection.sql(query).columns)
            texts = connection.sql(f"select columns(*)::varchar from (\n{query}\n)")
        with _explained(tables, reading=True):
            rows = _write(texts.to_arrow_reader(_VECTOR_ROWS), names, destination)
    return Selection(destination, tuple(names), rows, "select")


def _write(batches: Iterable[pa.RecordBatch], names: Sequence[str], destination: Path) -> int:
    schema = pa.schema([(name, pa.string()) for name in names])
    rows = 0
    try:
        with pq.ParquetWriter(destination, schema, compression="zstd") as writer:
            waiting: list[pa.RecordBatch] = []
            for batch in batches:
                waiting.append(pa.record_batch([column.cast(pa.string()) for column in batch.columns], schema=schema))
                rows += batch.num_rows
                if len(waiting) * _VECTOR_ROWS >= _BATCH_ROWS or sum(part.nbytes for part in waiting) >= _BATCH_BYTES:
                    writer.write_table(pa.Table.from_batches(waiting))
                    waiting = []
            if waiting:
                writer.write_table(pa.Table.from_batches(waiting))
    except BaseException:
        destination.unlink(missing_ok=True)
        raise
    return rows


def _only_select(connection: duckdb.DuckDBPyConnection, select: str) -> str:
    statements = connection.extract_statements(select)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        kinds = ", ".join(statement.type.name for statement in statements) or "nothing"
        raise UsageError(f"The select of a feed is one SELECT statement; this is {kinds}.")
    return str(statements[0].query).strip().rstrip(";")


@contextmanager
def _locked(tables: TableSet, scratch: Path, memory_limit: str, threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB that knows the tables and can reach nothing else. What does not fit into memory goes to `scratch`."""
    connection = duckdb.connect(
        config={
            "memory_limit": memory_limit,
            "threads": threads,
            "temp_directory": str(scratch / "spill"),
            "extension_directory": str(scratch / "extensions"),
            "secret_directory": str(scratch / "secrets"),
            "autoload_known_extensions": False,
            "autoinstall_known_extensions": False,
            "python_enable_replacements": False,
        }
    )
    try:
        connection.execute("set timezone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        for table in tables.tables:
            if "\0" in table.name + (table.schema or ""):
                continue  # no name that SQL could say
            path = "'" + str(tables.path(table).resolve()).replace("'", "''") + "'"
            connection.execute(f"create view {_quoted(table.name)} as from read_parquet({path})")
            if table.schema and table.schema.casefold() not in _RESERVED_SCHEMAS:
                bare = table.name.removeprefix(f"{table.schema}.")
                connection.execute(f"create schema if not exists {_quoted(table.schema)}")
                connection.execute(
                    f"create or replace view {_quoted(table.schema)}.{_quoted(bare)} as from read_parquet({path})"
                )
        folder = "'" + str(tables.folder.resolve()).replace("'", "''") + "'"
        connection.execute(f"set allowed_directories = [{folder}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection
    finally:
        connection.close()


@contextmanager
def _explained(tables: TableSet, *, reading: bool) -> Iterator[None]:
    """DuckDB's errors as ours: of the select before its rows are read, of the file's values then."""
    try:
        yield
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise FileRejected(
            f"The feed's select does not fit the file: {_first_line(error)}. {describe(tables)}"
        ) from None
    except (duckdb.PermissionException, duckdb.IOException) as error:
        raise UsageError(
            f"The feed's select may use nothing but the tables of the file: {_first_line(error)}."
        ) from None
    except duckdb.OutOfMemoryException as error:
        raise UsageError(
            f"The feed's select needs more memory than CM_COMPUTE_MEMORY_LIMIT: {_first_line(error)}."
        ) from None
    except (duckdb.Error, pa.ArrowException) as error:
        if isinstance(error, duckdb.InternalException | duckdb.FatalException):
            raise
        if reading:
            raise FileRejected(
                f"The feed's select cannot work with a value of the file: {_first_line(error)}."
            ) from None
        raise UsageError(f"The feed's select is no SQL that can be run: {_first_line(error)}.") from None


def _first_line(error: Exception) -> str:
    text = (str(error).splitlines() or [type(error).__name__])[0]
    return text.partition("Error: ")[2].rstrip(".") or text


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
