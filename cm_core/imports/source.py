"""A landing file, whatever its format, as one list: headers and records.

A delimited text is that list. A gzip, zstd or zip archive is unpacked first; a SQL dump, JSON lines, an SQLite file, a
workbook or a Parquet file holds tables, of which the feed's `table` or `select` makes the list. What a file is, its
content says, not its name.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cm_core.errors import FileRejected
from cm_core.imports import plain_csv
from cm_core.imports.dialect import Dialect, detect_dialect, first_byte, scan_file
from cm_core.imports.feed_catalog import Feed
from cm_core.imports.formats import archives, dnc_xml, excel, json_lines, selection, sql_dump
from cm_core.imports.formats.apart import read_apart
from cm_core.imports.formats.selection import Selection
from cm_core.imports.formats.table_set import MANIFEST, Table, TableSet, read_table_set, unique_names
from cm_core.imports.header_rows import LOOKED_AT, find_header, said_of_title
from cm_core.imports.plain_numbers import FlatList, flat_list
from cm_core.imports.reader import BadRow, Batch, Layout, is_one_column, read_batches, read_layout
from cm_core.imports.understanding import sample_of, understand
from cm_core.settings import Settings

_SQLITE = b"SQLite format 3\x00"
_PARQUET = b"PAR1"
#: What dumps begin with: a comment of the program that wrote it, or a statement.
_SQL = re.compile(
    rb"\s*(?:-- (?:MySQL|MariaDB|phpMyAdmin|HeidiSQL|Host:|-+)|/\*[!M]|(?:(?:--|#)[^\n]*\n|/\*.*?\*/|\s)*"
    rb"(?:CREATE\s+(?:TABLE|DATABASE|SCHEMA)|INSERT\s+(?:IGNORE\s+)?INTO|REPLACE\s+INTO|DROP\s+TABLE|SET\s+[@\w]|USE\s|"
    rb"START\s+TRANSACTION|LOCK\s+TABLES)\b)",
    re.IGNORECASE | re.DOTALL,
)


#: A character that delimits nothing, for files with a single column.
_NO_DELIMITER = "\x1f"
#: What DuckDB makes at once anyway: values may be long.
_VECTOR_ROWS = 2_048
#: All tables and views of an SQLite file, as text, may be so many times as large as a file.
_TEXT_OF_TABLES = 4


@dataclass(frozen=True)
class Source:
    """One list. `form` is what is known of the file's form, for `import_metadata.file_format`.

    `written` are the headers as they stand in the file, where some repeat: `headers` has names of their own for these.
    `warnings` are sentences for people about what of the file is not in the list.
    `flat` is there for do-not-call lists that can be read many lines at once; `batches` gives the same records.
    """

    headers: tuple[str, ...]
    form: dict[str, Any]
    batches: Callable[[], Iterator[Batch]]
    flat: FlatList | None = None
    written: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def open_source(path: Path, name: str, feed: Feed, settings: Settings, folder: Path) -> Source:
    """The list in the file `path`, called `name`, as `feed` understands it.

    `folder` takes what is unpacked or read out of the file; what an earlier call for the same file left there is used
    again. Raises FileRejected where there is no list in the file, and UsageError for a `select` that cannot be meant.
    """
    if archives.archive_kind(path) is None:
        return _open_plain(path, name, feed, settings, folder, {})
    form = {"archive": archives.archive_kind(path)}
    folder.mkdir(parents=True, exist_ok=True)
    unpacked = archives.unpack(path, folder / "unpacked", max_bytes=settings.max_file_bytes)
    return _open_plain(unpacked.path, unpacked.name, feed, settings, folder, {**form, "member": unpacked.name})


def _open_plain(path: Path, name: str, feed: Feed, settings: Settings, folder: Path, form: dict[str, Any]) -> Source:
    with path.open("rb") as file:
        kind = _kind(name, file.read(64 << 10))
    if kind == "csv" and feed.target == "dnc_registry" and dnc_xml.is_xml(path):
        return _numbers_of_xml(path, settings, folder, form)
    if kind == "csv":
        return _text(path, feed, settings, form)
    if kind == "parquet":
        return _with_long_fields_out(_parquet(path, form, settings), settings.max_field_chars)
    tables = _read_tables(path, kind, feed, settings, folder / "tables")
    return _with_long_fields_out(_of_tables(kind, tables, feed, settings, folder, form), settings.max_field_chars)


def _kind(name: str, head: bytes) -> str:
    """Which format a file that begins with `head` has."""
    if head.startswith(_PARQUET):
        return "parquet"
    if head.startswith(_SQLITE):
        return "sqlite"
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        return "workbook"
    if json_lines.is_json_lines(name, head):
        return "json lines"
    return "sql dump" if name.lower().endswith(".sql") or _SQL.match(head) else "csv"


def _read_tables(path: Path, kind: str, feed: Feed, settings: Settings, folder: Path) -> TableSet:
    if (folder / MANIFEST).exists():
        return read_table_set(folder)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if kind in ("sqlite", "workbook"):
        most = settings.max_file_bytes * _TEXT_OF_TABLES
        header = feed.format.header is not False
        return read_apart("sqlite" if kind == "sqlite" else "workbook", path, folder, header=header, max_bytes=most)
    with path.open("rb") as stream:
        if kind == "json lines":
            return json_lines.read_json_lines(stream, folder)
        return sql_dump.read_sql_dump(stream, folder)


def _text(path: Path, feed: Feed, settings: Settings, form: dict[str, Any]) -> Source:
    scan = scan_file(path)
    dialect = detect_dialect(path, feed.format, scan)
    layout = read_layout(path, dialect, feed)
    if feed.format.delimiter == "auto" and is_one_column(path, dialect, layout, feed):
        dialect = replace(dialect, delimiter=_NO_DELIMITER)
    found = {
        **form, "format": "csv", **dialect.as_json(), "header": layout.has_header,
        "undecodable_places": scan.bad_utf8, "ends_with_line_break": _ends_with_line_break(path),
    }  # fmt: skip
    source = _delimited(path, dialect, layout, found, settings, may_be_flat=feed.target == "dnc_registry")
    source = replace(source, warnings=tuple(said_of_title(layout.above)))
    return _without_repeated_headers(source) if layout.has_header else source


def _numbers_of_xml(path: Path, settings: Settings, folder: Path, form: dict[str, Any]) -> Source:
    """The registry's XML, rewritten as the text of the same list."""
    folder.mkdir(parents=True, exist_ok=True)
    text = folder / "numbers.csv"
    columns = dnc_xml.write_as_text(path, text)
    layout = Layout(columns, False)
    dialect = Dialect("utf-8", ",", '"', strict_encoding=False)
    return _delimited(text, dialect, layout, {**form, "format": "xml", "header": False}, settings, may_be_flat=True)


def _delimited(
    path: Path, dialect: Dialect, layout: Layout, form: dict[str, Any], settings: Settings, *, may_be_flat: bool
) -> Source:
    flat = None
    if may_be_flat and not layout.has_header and plain_csv.can_parse(dialect.encoding):
        start = first_byte(path, dialect)
        flat = flat_list(path, start, dialect.encoding, layout.headers, dialect.delimiter)
    most = settings.max_field_chars
    return Source(
        layout.headers, form, lambda: read_batches(path, dialect, layout, max_field_chars=most), flat, layout.written
    )


def _ends_with_line_break(path: Path) -> bool:
    """Whether the last line is ended: of a file that was cut off, it is not."""
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - 16, 0))
        return file.read().rstrip(b"\x00 \t\x1a").endswith((b"\n", b"\r"))


def _of_tables(
    kind: str, tables: TableSet, feed: Feed, settings: Settings, folder: Path, form: dict[str, Any]
) -> Source:
    table, warnings = feed.table, list[str]()
    if kind == "workbook" and feed.select is None:
        table, warnings = _sheet(tables, feed)
    chosen = selection.choose(
        tables, folder / "selected.parquet", table=table, select=feed.select, memory_limit=settings.import_memory_limit
    )
    if kind == "workbook" and feed.select is None:
        chosen, above = _below_title(chosen, feed)
        warnings += said_of_title(above)
    names = {found.name for found in tables.tables if feed.select or tables.path(found) == chosen.path}
    headers = tuple(unique_names(chosen.columns))

    def batches() -> Iterator[Batch]:
        number = 1
        for batch in chosen.batches():
            yield Batch(_numbered(pa.Table.from_batches([batch]), number), ())
            number += batch.num_rows
        for rows in tables.bad_row_batches():
            bad = [row for row in rows if row["table_name"] is None or row["table_name"] in names]
            if bad:
                nothing = _numbered(pq.read_schema(chosen.path).empty_table(), number)
                yield Batch(nothing, tuple(_bad_rows(bad, number)))
                number += len(bad)

    described = {
        **form, "format": kind, "from": chosen.source,
        "tables": {found.name: found.rows for found in tables.tables}, "skipped": tables.skipped,
        "notes": list(tables.notes),
    }  # fmt: skip
    source = Source(headers, described, batches, written=chosen.written, warnings=tuple(warnings))
    return _without_repeated_headers(source)


def _sheet(tables: TableSet, feed: Feed) -> tuple[str, list[str]]:
    """The name of the sheet that is the list, and sentences about those with rows that are none."""
    chosen = excel.choose_sheet(tables, feed.table, lambda sheet: _is_list(tables, sheet, feed))
    if feed.table is not None:
        return chosen.name, []
    return chosen.name, [
        f"The sheet {table.name!r} ({table.rows:,} rows) is passed over: it is "
        + ("hidden" if table.hidden else f"no list for feed {feed.name!r}")
        for table in tables.tables
        if table.rows and table is not chosen
    ]


def _below_title(sheet: Selection, feed: Feed) -> tuple[Selection, list[list[str]]]:
    """The rows of a sheet below its header, and the rows above it, if its first row is none."""
    first = next(sheet.batches(LOOKED_AT), None) if feed.format.header is not False else None
    if first is None:
        return sheet, []
    rows = [[cell or "" for cell in row.values()] for row in first.to_pylist()[: LOOKED_AT - 1]]
    records = [list(sheet.written), *rows]
    if not (place := find_header(records, feed)):
        return sheet, []
    columns = tuple(unique_names(records[place]))
    written = tuple(records[place])
    return replace(sheet, columns=columns, rows=sheet.rows - place, written=written, above=place), records[:place]


def _is_list(tables: TableSet, table: Table, feed: Feed) -> bool:
    """Whether a table has a column that the feed requires, with values that may be such."""
    if not feed.requires_any:
        return True
    whole, _ = _below_title(selection.whole(tables, table), feed)
    batches = (Batch(_numbered(pa.Table.from_batches([batch]), 1), ()) for batch in whole.batches())
    sample = sample_of(batches, len(whole.columns))
    return understand(whole.columns, feed, sample, written=whole.written).is_usable(feed)


def _without_repeated_headers(source: Source) -> Source:
    """`source` without the rows that say what the header says; they are bad rows."""
    told = [(position, name.strip()) for position, name in enumerate(source.written or source.headers) if name.strip()]

    def batches() -> Iterator[Batch]:
        for batch in source.batches():
            table, hit = batch.table, pa.array([True] * batch.table.num_rows, pa.bool_())
            for position, name in told:
                same = pc.equal(pc.utf8_trim_whitespace(table.column(position + 1)), name)
                hit = pc.and_(hit, pc.fill_null(same, False))
                if not pc.any(hit).as_py():
                    yield batch
                    break
            else:
                bad = (_repeated_header(row, source.headers) for row in table.filter(hit).to_pylist())
                yield Batch(table.filter(pc.invert(hit)), (*batch.bad, *bad))

    return replace(source, batches=batches)


def _repeated_header(row: dict[str, Any], headers: Sequence[str]) -> BadRow:
    number, *values = row.values()
    raw = json.dumps(dict(zip(headers, values, strict=True)), ensure_ascii=False)
    return BadRow(number, "VALIDATION", None, raw[:200], "The row repeats the header", raw)


def _with_long_fields_out(source: Source, most: int) -> Source:
    """`source` without rows that have a field of more than `most` characters; they are bad rows."""

    def batches() -> Iterator[Batch]:
        for batch in source.batches():
            table = batch.table
            long = pa.array([False] * table.num_rows)
            bad: list[BadRow] = []
            for position, column in enumerate(table.columns[1:]):
                if (pc.max(pc.binary_length(column)).as_py() or 0) <= most:
                    continue
                sizes = pc.fill_null(pc.utf8_length(column), 0)
                found = pc.and_(pc.greater(sizes, most), pc.invert(long))
                for place in pc.indices_nonzero(found).to_pylist():
                    bad.append(_long_field(table, place, position, source.headers, sizes[place].as_py(), most))
                long = pc.or_(long, found)
            yield Batch(table.filter(pc.invert(long)), (*batch.bad, *bad)) if bad else batch

    return replace(source, batches=batches)


def _long_field(table: pa.Table, place: int, column: int, headers: Sequence[str], size: int, most: int) -> BadRow:
    message = f"The field has {size} characters, more than {most}"
    number, *values = table.slice(place, 1).to_pylist()[0].values()
    raw = json.dumps(dict(zip(headers, values, strict=True)), ensure_ascii=False)
    return BadRow(number, "VALIDATION", headers[column], values[column][:200], message, raw)


def _bad_rows(rows: list[dict[str, object]], number: int) -> Iterator[BadRow]:
    for offset, row in enumerate(rows):
        raw = str(row["raw"])
        message = f"Line {row['line_number']} of the file: {row['reason']}"
        yield BadRow(number + offset, str(row.get("error_type") or "TYPE"), None, raw[:200], message, raw)


def _parquet(path: Path, form: dict[str, Any], settings: Settings) -> Source:
    """A Parquet file: every value as DuckDB prints it. It is a packed file, held to the size of unpacked ones."""
    try:
        columns = pq.read_schema(path).names
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # OSError is what pyarrow says of damage
        raise FileRejected(f"The Parquet file cannot be read: {str(error).partition(chr(10))[0]}.") from None
    if not columns:
        raise FileRejected("The Parquet file has no columns.")

    def batches() -> Iterator[Batch]:
        number = 1
        size = 0
        with duckdb.connect(config={"threads": 1, "memory_limit": "256MB"}) as con:
            con.execute("set timezone = 'UTC'")
            query = "select columns(*)::varchar from read_parquet(?)"
            try:
                for batch in con.sql(query, params=[str(path)]).to_arrow_reader(_VECTOR_ROWS):
                    size += batch.nbytes
                    if size > settings.max_file_bytes:
                        raise FileRejected(
                            f"The Parquet file unpacks to more than {settings.max_file_bytes / 1024**3:.1f} GB, the "
                            "most an import may have. Split it, or raise CM_MAX_FILE_BYTES."
                        )
                    yield Batch(_numbered(pa.Table.from_batches([batch]), number), ())
                    number += batch.num_rows
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                raise FileRejected(f"The Parquet file cannot be read: {str(error).partition(chr(10))[0]}") from None

    headers = tuple(unique_names(columns))
    return Source(headers, {**form, "format": "parquet"}, batches, written=tuple(columns))


def _numbered(table: pa.Table, first: int) -> pa.Table:
    """Columns by position, with the row number in front."""
    names = [f"c{position}" for position in range(table.num_columns)]
    numbers = pa.array(range(first, first + table.num_rows), pa.int64())
    return table.rename_columns(names).add_column(0, "row_number", numbers)
