"""A table set: a folder with one Parquet file for each table of a source file, and a manifest.

Every column is text, every NULL is null. What the text of a value is, each format's module says; bytes become text
by `text_of_bytes` everywhere. Writing is streamed: memory is bounded by the budget below, not by the file.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from cm_core.errors import FileRejected

MANIFEST = "manifest.json"
BAD_ROWS = "bad_rows.parquet"
#: MySQL and SQLite allow 4,096 and 2,000 (at most 32,767) columns; a workbook 16,384.
MAX_COLUMNS = 16_384
#: More tables than this are no business database, and each costs a file.
MAX_TABLES = 10_000
#: Text of a bad row that is kept; the landing file has the rest.
MAX_RAW_CHARS = 20_000

_ROW_GROUP_BYTES = 16 << 20
_ROW_GROUP_ROWS = 100_000
#: A buffer with the last addition to it is at most this long, and is one row group.
_MOST_ROWS = 1_000_000
_BUFFERED_BYTES = 64 << 20
_OPEN_FILES = 32
_BAD_ROWS_AT_ONCE = 2_000
_BAD_SCHEMA = pa.schema(
    [
        ("table_name", pa.string()), ("line_number", pa.int64()), ("reason", pa.string()), ("raw", pa.string()),
        ("error_type", pa.string()),
    ]
)  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True)
class Column:
    """A column's name and, where the source declares one, its type as written there.

    `written` is what stands in the file where the name had to be another, since it repeats or is blank.
    """

    name: str
    type: str | None = None
    written: str | None = None


@dataclass(frozen=True)
class Table:
    """One table. `name` is unique in its set, ignoring case; `schema` is the database it was in, where known.

    `hidden` is true of a sheet that people do not see.
    """

    name: str
    schema: str | None
    file: str
    columns: tuple[Column, ...]
    rows: int
    hidden: bool = False

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in the order of the Parquet file."""
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True)
class TableSet:
    """What a source file holds.

    `skipped` counts what was not read, by kind. `bad_rows` counts the rows of `bad_rows.parquet` (table_name,
    line_number, reason, raw, error_type). `notes` are sentences for people.
    """

    folder: Path
    tables: tuple[Table, ...]
    bad_rows: int
    skipped: dict[str, int]
    notes: tuple[str, ...]

    def path(self, table: Table) -> Path:
        """The Parquet file of `table`."""
        return self.folder / table.file

    def find(self, name: str) -> Table | None:
        """The table called `name` or `schema.name`, ignoring case; an exact match goes first."""
        names = [
            (known, table)
            for table in self.tables
            for known in (table.name, f"{table.schema}.{table.name.removeprefix(f'{table.schema}.')}")
        ]
        exact = (table for known, table in names if known == name)
        similar = (table for known, table in names if known.casefold() == name.casefold())
        return next(exact, None) or next(similar, None)

    def bad_row_batches(self) -> Iterator[list[dict[str, object]]]:
        """The bad rows, in order, some thousands at a time."""
        if not self.bad_rows:
            return
        with pq.ParquetFile(self.folder / BAD_ROWS) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group).to_pylist()

    def read_bad_rows(self) -> list[dict[str, object]]:
        """The bad rows, in order."""
        return [row for rows in self.bad_row_batches() for row in rows]


def read_table_set(folder: Path) -> TableSet:
    """The table set that was written to `folder`."""
    found = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    tables = tuple(
        Table(t["name"], t["schema"], t["file"], tuple(Column(**c) for c in t["columns"]), t["rows"], t["hidden"])
        for t in found["tables"]
    )
    return TableSet(folder, tables, found["bad_rows"], found["skipped"], tuple(found["notes"]))


def text_of_bytes(value: bytes) -> str:
    """Bytes as text: themselves if they are UTF-8 without control characters, else `0x` and upper-case hex digits.

    Tab, line feed and carriage return are no control characters here. A four-byte number is thus never taken for text
    because its bytes happen to be small.
    """
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return "0x" + value.hex().upper()
    return "0x" + value.hex().upper() if _CONTROL.search(text) else text


def unique_names(names: Iterable[str], what: str = "column") -> list[str]:
    """Names made unique, ignoring case, as engines compare them; blank ones are named by their position."""
    taken: set[str] = set()
    numbers: Counter[str] = Counter()
    result = []
    for position, name in enumerate(names, start=1):
        candidate = base = name if name.strip() else f"{what}_{position}"
        while candidate.casefold() in taken:
            numbers[base.casefold()] += 1
            candidate = f"{base}_{numbers[base.casefold()] + 1}"
        taken.add(candidate.casefold())
        result.append(candidate)
    return result


class TableWriter:
    """Receives one table's rows. Columns may be added while rows are coming; earlier rows have null there."""

    def __init__(self, owner: TableSetWriter, name: str, schema: str | None, columns: Sequence[Column]) -> None:
        self.name = name
        self.schema = schema
        self.columns: list[Column] = []
        self.hidden = False
        self.rows = 0
        self.buffered = 0
        self._owner = owner
        self._position: dict[str, int] = {}
        self._batches: list[pa.Table] = []
        self._buffered_rows = 0
        self._writer: pq.ParquetWriter | None = None
        self.parts: list[Path] = []
        for column in columns:
            self.add_column(column)

    def add_column(self, column: Column) -> int:
        """The position of the column of this name, ignoring case; it is added if there is none."""
        key = column.name.casefold()
        if key not in self._position:
            if len(self.columns) >= MAX_COLUMNS:
                raise FileRejected(f"Table {self.name!r} has more than {MAX_COLUMNS:,} columns.")
            self._position[key] = len(self.columns)
            self.columns.append(column if column.name else Column(f"column_{len(self.columns) + 1}", column.type))
        return self._position[key]

    def append(self, positions: Sequence[int], arrays: Sequence[pa.Array]) -> None:
        """Add rows: an array of text for each of the column `positions`, all of one length; null elsewhere."""
        count = len(arrays[0])
        given = dict(zip(positions, arrays, strict=True))
        blank = pa.nulls(count, pa.string()) if len(given) < len(self.columns) else None
        names = [column.name for column in self.columns]
        batch = pa.table([given.get(position, blank) for position in range(len(names))], names=names)
        self._batches.append(batch)
        self.rows += count
        self._buffered_rows += count
        self.buffered += batch.nbytes
        self._owner.buffered += batch.nbytes
        if self.buffered >= _ROW_GROUP_BYTES or self._buffered_rows >= _ROW_GROUP_ROWS:
            self.flush()
        self._owner.keep_within_budget()

    def flush(self) -> None:
        """Write what is buffered. A new part is begun when columns were added or the file was closed meanwhile."""
        if not self._batches:
            return
        schema = pa.schema([(column.name, pa.string()) for column in self.columns])
        table = pa.concat_tables([_widened(batch, schema) for batch in self._batches])
        if self._writer is not None and not self._writer.schema.equals(schema):
            self.close()
        if self._writer is None:
            self.parts.append(self._owner.new_part())
            self._writer = pq.ParquetWriter(self.parts[-1], schema, compression="zstd")
            self._owner.opened(self)
        self._writer.write_table(table, row_group_size=_MOST_ROWS)
        self._owner.buffered -= self.buffered
        self._batches, self.buffered, self._buffered_rows = [], 0, 0

    def close(self) -> None:
        """Close the open part, if any."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            self._owner.closed(self)

    def finish(self, path: Path) -> None:
        """Leave the whole table in `path`."""
        self.flush()
        self.close()
        schema = pa.schema([(column.name, pa.string()) for column in self.columns])
        if len(self.parts) == 1 and pq.read_schema(self.parts[0]).equals(schema):
            self.parts[0].rename(path)
            return
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            for part in self.parts:
                with pq.ParquetFile(part) as source:
                    for group in range(source.num_row_groups):
                        writer.write_table(_widened(source.read_row_group(group), schema))
                part.unlink()


class TableSetWriter:
    """Writes a table set into `folder`, which is created and should be empty.

    Use it as a context manager: leaving it closes all files, `finish` gives the set.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.tables: list[TableWriter] = []
        self.skipped: dict[str, int] = {}
        self.notes: list[str] = []
        self.bad_rows = 0
        self.buffered = 0
        self._parts = 0
        self._open: list[TableWriter] = []
        self._bad: list[tuple[str | None, int, str, str, str]] = []
        self._bad_writer: pq.ParquetWriter | None = None

    def __enter__(self) -> TableSetWriter:
        return self

    def __exit__(self, *_: object) -> None:
        for table in list(self._open):
            table.close()
        if self._bad_writer is not None:
            self._bad_writer.close()
            self._bad_writer = None

    def table(self, name: str, schema: str | None = None, columns: Sequence[Column] = ()) -> TableWriter:
        """A new table. Raises FileRejected past MAX_TABLES."""
        if len(self.tables) >= MAX_TABLES:
            raise FileRejected(f"The file has more than {MAX_TABLES:,} tables.")
        self.tables.append(TableWriter(self, name, schema, columns))
        return self.tables[-1]

    def drop(self, table: TableWriter) -> None:
        """Forget an empty table."""
        assert table.rows == 0
        self.tables.remove(table)

    def skip(self, kind: str, count: int = 1) -> None:
        """Count something that is not read. Past 200 kinds, the rest are `OTHER`."""
        if kind not in self.skipped and len(self.skipped) >= 200:
            kind = "OTHER"
        self.skipped[kind] = self.skipped.get(kind, 0) + count

    def bad_row(self, table: str | None, line: int, reason: str, raw: bytes | str, error_type: str = "TYPE") -> None:
        """Report a row that cannot be read. `line` is 1 for the first line of the file."""
        text = raw if isinstance(raw, str) else raw[: MAX_RAW_CHARS * 4].decode("utf-8", errors="backslashreplace")
        self._bad.append((table, line, reason, text[:MAX_RAW_CHARS], error_type))
        self.bad_rows += 1
        if len(self._bad) >= _BAD_ROWS_AT_ONCE:
            self._flush_bad()

    def finish(self) -> TableSet:
        """Close every file, write the manifest, and give the set. Tables keep the order in which they appeared."""
        self._flush_bad()
        tables = []
        for number, (table, name) in enumerate(self._named(), start=1):
            file = f"table_{number:04d}.parquet"
            table.finish(self.folder / file)
            tables.append(Table(name, table.schema, file, tuple(table.columns), table.rows, table.hidden))
        self.__exit__()
        found = TableSet(
            self.folder, tuple(tables), self.bad_rows, dict(sorted(self.skipped.items())), tuple(self.notes)
        )
        manifest = asdict(found)
        del manifest["folder"]
        (self.folder / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=True, indent=1), encoding="utf-8")
        return found

    def keep_within_budget(self) -> None:
        """Write the largest buffers until all of them together are within the budget."""
        while self.buffered > _BUFFERED_BYTES:
            max(self.tables, key=lambda table: table.buffered).flush()

    def new_part(self) -> Path:
        """A file name for a part of some table."""
        self._parts += 1
        return self.folder / f"part_{self._parts:06d}.parquet"

    def opened(self, table: TableWriter) -> None:
        """Note an open file; the one open for longest is closed when there are too many."""
        self._open.append(table)
        if len(self._open) > _OPEN_FILES:
            self._open[0].close()

    def closed(self, table: TableWriter) -> None:
        """Note that a table's file was closed."""
        self._open.remove(table)

    def _named(self) -> Iterator[tuple[TableWriter, str]]:
        """Each table with its name in the set: `schema.name` where two schemas have one of that name."""
        count = Counter(table.name.casefold() for table in self.tables)
        wanted = [
            f"{table.schema}.{table.name}" if table.schema and count[table.name.casefold()] > 1 else table.name
            for table in self.tables
        ]
        return zip(self.tables, unique_names(wanted, "table"), strict=True)

    def _flush_bad(self) -> None:
        if not self._bad:
            return
        if self._bad_writer is None:
            self._bad_writer = pq.ParquetWriter(self.folder / BAD_ROWS, _BAD_SCHEMA, compression="zstd")
        columns = [
            pa.array(values, field.type)
            for values, field in zip(zip(*self._bad, strict=True), _BAD_SCHEMA, strict=True)
        ]
        self._bad_writer.write_table(pa.table(columns, schema=_BAD_SCHEMA))
        self._bad = []


def _widened(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """`table`, whose columns are the first of `schema`, with nulls for the rest."""
    missing = [pa.nulls(table.num_rows, pa.string()) for _ in range(len(schema) - table.num_columns)]
    return pa.table([*table.columns, *missing], schema=schema)
