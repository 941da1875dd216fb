"""A SQLite file as a table set: every table, virtual table and view that can be read.

The standard library reads it: about 250,000 rows of ten columns a second, and it can be held to limits. (The ADBC
driver is four times as fast, but cannot be stopped, and has no way to keep bytes apart from text.)

Numbers are text as SQLite prints them (`cast(x as text)`), blobs as `table_set.text_of_bytes` says. Text that is not
UTF-8, which SQLite does not prevent, is kept as `0x` and hex digits too.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa

from cm_core.errors import FileRejected
from cm_core.imports.formats.table_set import Column, TableSet, TableSetWriter, TableWriter, text_of_bytes

MAGIC = b"SQLite format 3\x00"
#: A longer value is taken for damage or malice.
MAX_VALUE_BYTES = 64 << 20
#: Memory that the library may take: of use to views that sort.
MAX_HEAP_BYTES = 768 << 20
_BATCH_BYTES = 8 << 20
_MOST_ROWS = 20_000
_STEPS_BETWEEN_CHECKS = 100_000

_TABLES = """
select listed.name, listed.type
from pragma_table_list as listed
inner join sqlite_master as made on listed.name = made.name and made.type in ('table', 'view')
where listed.schema = 'main' and listed.name not like 'sqlite~_%' escape '~'
order by made.rowid
"""
_COLUMNS = "select name, type, hidden from pragma_table_xinfo(?, 'main')"
#: Not read: hidden columns of virtual tables. 2 and 3 are generated columns.
_HIDDEN = 1
#: What SQLite says of a file whose pages cannot be right; other errors are of one table or view.
_DAMAGE = (
    "malformed", "not a database", "disk i/o error", "corrupt", "file is encrypted", "unsupported file format",
    "out of memory",
)  # fmt: skip


def read_sqlite(
    path: Path, folder: Path, *, max_bytes: int = 20 * 1024**3, max_view_seconds: float = 600.0
) -> TableSet:
    """Write the tables of the SQLite file `path` as Parquet files into `folder`. The file is never written to.

    `max_bytes` limits the text of all tables together, since a view may have rows without end, and
    `max_view_seconds` the time of all views. A view or virtual table that cannot be read is skipped with a note.

    Raises FileRejected when the file is no SQLite file, is encrypted or damaged, has no table, or exceeds the limit.
    """
    with path.open("rb") as file:
        head = file.read(100)
    if not head.startswith(MAGIC):
        raise FileRejected("The file is no SQLite database, or an encrypted one: it does not begin like one.")
    try:
        with closing(_open(path)) as connection, TableSetWriter(folder) as writer:
            found = _Reader(connection, writer, max_bytes, max_view_seconds).read()
    except (sqlite3.Error, MemoryError) as error:
        raise _rejected(error) from None
    if not found.tables:
        raise FileRejected("The SQLite file has no table that can be read. " + " ".join(found.notes[:3]))
    return found


def _open(path: Path) -> sqlite3.Connection:
    """The file, read-only and taken as it is: no lock, no journal beside it, nothing of its schema trusted."""
    connection = sqlite3.connect(
        f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1", uri=True, isolation_level=None, cached_statements=0
    )
    try:
        # Sorting is done in memory: on disk a view without end would fill it.
        heap = f"hard_heap_limit = {MAX_HEAP_BYTES}"
        for pragma in ("trusted_schema = off", "cell_size_check = on", "query_only = on", "temp_store = memory", heap):
            connection.execute(f"pragma {pragma}")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.text_factory = _text
    except BaseException:
        connection.close()
        raise
    return connection


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return "0x" + value.hex().upper()


class _Reader:
    def __init__(
        self, connection: sqlite3.Connection, writer: TableSetWriter, max_bytes: int, max_view_seconds: float
    ) -> None:
        self._connection = connection
        self._writer = writer
        self._bytes_left = max_bytes
        self._max_bytes = max_bytes
        self._view_seconds_left = max_view_seconds

    def read(self) -> TableSet:
        for name, kind in self._connection.execute(_TABLES).fetchall():
            if kind == "shadow":
                self._writer.skip("shadow table")
                continue
            try:
                self._read_table(name, limited=kind != "table")
            except (sqlite3.Error, UnicodeEncodeError, MemoryError) as error:
                if kind == "table" or _is_damage(error):
                    raise
                self._writer.skip(kind)
                reason = "it takes too much memory" if isinstance(error, MemoryError) else error
                self._writer.notes.append(f"The {kind} {name!r} cannot be read ({reason}).")
        return self._writer.finish()

    def _read_table(self, name: str, *, limited: bool) -> None:
        described = self._connection.execute(_COLUMNS, (name,)).fetchall()
        columns = [Column(column, type_ or None) for column, type_, hidden in described if hidden != _HIDDEN]
        if not columns:
            return
        values = ", ".join(
            f"case typeof({name}) when 'blob' then {name} else cast({name} as text) end"
            for name in (_quoted(column.name) for column in columns)
        )
        table: TableWriter | None = None
        with self._stopped_in_time() if limited else nullcontext():
            cursor = self._connection.execute(f"select {values} from main.{_quoted(name)}")
            size = 16
            while rows := cursor.fetchmany(size):
                arrays = [_column(column) for column in zip(*rows, strict=True)]
                table = table or self._writer.table(name, None, columns)
                table.append(range(len(columns)), arrays)
                taken = sum(array.nbytes for array in arrays)
                self._bytes_left -= taken
                if self._bytes_left < 0:
                    raise FileRejected(
                        f"The tables and views of the SQLite file hold more than {self._max_bytes >> 30} GB of text "
                        f"({name!r} is not finished). Split it, or remove the view that has rows without end."
                    )
                size = max(1, min(size * 2, _MOST_ROWS, _BATCH_BYTES * len(rows) // max(taken, 1)))
        if table is None:
            self._writer.table(name, None, columns)

    @contextmanager
    def _stopped_in_time(self) -> Iterator[None]:
        """Interrupt what takes longer than is left for views."""
        start = time.monotonic()
        end = start + max(self._view_seconds_left, 0.1)
        self._connection.set_progress_handler(lambda: int(time.monotonic() > end), _STEPS_BETWEEN_CHECKS)
        try:
            yield
        finally:
            self._connection.set_progress_handler(None, 0)
            self._view_seconds_left -= time.monotonic() - start


def _column(values: tuple[str | bytes | None, ...]) -> pa.Array:
    if bytes in set(map(type, values)):
        return pa.array([text_of_bytes(v) if isinstance(v, bytes) else v for v in values], pa.string())
    return pa.array(values, pa.string())


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _is_damage(error: Exception) -> bool:
    return any(word in str(error).lower() for word in _DAMAGE)


def _rejected(error: sqlite3.Error | MemoryError) -> FileRejected:
    text = "out of memory" if isinstance(error, MemoryError) else str(error)
    if "too big" in text:
        return FileRejected(f"A value in the SQLite file is longer than {MAX_VALUE_BYTES >> 20} MB.")
    return FileRejected(
        f"The SQLite file is damaged or cannot be read ({text}). Copy it again while no program has it open, "
        "or repair it with `sqlite3 FILE .recover`."
    )
