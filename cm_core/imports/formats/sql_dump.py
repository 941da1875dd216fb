"""A SQL dump (mysqldump, mariadb-dump, phpMyAdmin, HeidiSQL, and most others) as a table set. Nothing is executed.

CREATE TABLE gives columns, INSERT and REPLACE give rows; SET, USE and DELIMITER are heeded as far as they change how
the text is read. All other statements are skipped and counted. A row that is no list of literals is a bad row.
What the text of a value is, `sql_values` says.

Rows are what the dump inserts, in the order of its text. Statements that would change or delete rows (UPDATE, DELETE,
ON DUPLICATE KEY UPDATE, REPLACE of an earlier row, DROP TABLE) do not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cm_core.compute.collector import without_collector
from cm_core.errors import FileRejected
from cm_core.imports.formats.sql_rows import RowReader
from cm_core.imports.formats.sql_tables import Declared, name_of, parse_create_table
from cm_core.imports.formats.sql_text import BLANK, COMMENT, IDENTIFIER, LOOKAHEAD, Reads, SqlText
from cm_core.imports.formats.sql_values import CODECS, UNSAFE_CHARSETS, Converter, Kind, kind_of
from cm_core.imports.formats.table_set import MAX_COLUMNS, Column, TableSet, TableSetWriter, TableWriter, unique_names

#: A row longer than this is a bad row. The server's own limit (max_allowed_packet) is 64 MB unless raised.
MAX_ROW_BYTES = 64 << 20
#: Statements other than INSERT are looked at this far.
_KEPT_STATEMENT = 4 << 20
_KEPT_RAW = 20_000
#: Rows wait, as written, until there are enough of a table to be worth a column-wise conversion.
#: Few at a time: they are all objects of their own, and stay in the processor's cache.
_PENDING_BYTES, _PENDING_ALL_BYTES = 256 << 10, 16 << 20

_SPACE = rb"(?:\s++|" + COMMENT + rb")++"
_INSERT = re.compile(
    rb"(?i)(?:INSERT|REPLACE)" + _SPACE
    + rb"(?:(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE|OR\s+(?:REPLACE|IGNORE))" + _SPACE + rb")*+"
    + rb"(?:INTO" + _SPACE + rb")?+"
    + rb"(?P<first>" + IDENTIFIER + rb")\s*+(?:\.\s*+(?P<second>" + IDENTIFIER + rb"))?+" + BLANK
    + rb"(?:PARTITION\s*+\([^)]*+\))?+" + BLANK
    + rb"(?P<columns>\(" + BLANK + rb"(?:(?:" + IDENTIFIER + rb")" + BLANK
    + rb"(?:," + BLANK + rb"(?:" + IDENTIFIER + rb")" + BLANK + rb")*+)?\))?+" + BLANK
    + rb"(?P<values>VALUES?(?![\w$]))?+"
)  # fmt: skip
_IDENTIFIERS = re.compile(rb"(?P<blank>\s++|" + COMMENT + rb")|(?P<name>" + IDENTIFIER + rb")")
_WORD = re.compile(rb"[A-Za-z_]{1,30}+")
_OBJECT = re.compile(
    rb"(?i)\b(TABLE|VIEW|TRIGGER|PROCEDURE|FUNCTION|EVENT|DATABASE|SCHEMA|INDEX|USER|ROLE|SEQUENCE|TYPE|EXTENSION|SERVER)\b"
)
_DELIMITER = re.compile(rb"(?i)DELIMITER[ \t]++(\S{1,16}+)[^\n]*+(?:\n|\Z)")
#: Commands of the client program, which end with their line. None is heeded.
_COMMAND = re.compile(
    rb"(?i)(?P<name>\\(?:\w++|[!-~])|(?:SOURCE|SYSTEM|TEE|NOTEE|PAGER|NOPAGER|EDIT|PROMPT|CONNECT|WARNINGS|NOWARNING|CHARSET)\b)"
    rb"[^\n]*+(?:\n|\Z)"
)
_ASSIGNMENT = re.compile(
    rb"(?i)(@@?[\w.$]++|\bsql_mode|\bstandard_conforming_strings)\s*+(?::?=|\bTO\b)\s*+(@@?[\w.$]++|'[^']*+'|\"[^\"]*+\"|\w++)"
)
_NAMES = re.compile(rb"(?i)\bNAMES\s++['\"]?(\w++)")
_DROP = re.compile(
    rb"(?i)(?:DROP|CREATE)\b.*?\b(?:TABLE|VIEW)\s++(?:IF\s++EXISTS\s*+)?+"
    rb"(?P<first>" + IDENTIFIER + rb")\s*+(?:\.\s*+(?P<second>" + IDENTIFIER + rb"))?+",
    re.DOTALL,
)
_USE = re.compile(rb"(?i)USE\s*+(" + IDENTIFIER + rb")")
_COPY = re.compile(rb"(?i)COPY\b.*\bFROM\s++STDIN\b", re.DOTALL)


@dataclass
class _Table:
    """A table of the dump: what was declared of it, and where its rows go."""

    writer: TableWriter
    declared: tuple[Declared, ...] = ()
    generated: frozenset[str] = frozenset()
    kinds: dict[str, Kind] = field(default_factory=dict)
    inserts: dict[tuple[str, ...], _Insert] = field(default_factory=dict)
    without_list: _Insert | None = None


@dataclass
class _Insert:
    """Rows of one table with one list of columns. The last item of each row is an empty text."""

    table: _Table
    columns: tuple[str, ...]
    positions: tuple[int, ...]
    rows: list[tuple[bytes, ...]] = field(default_factory=list)
    size: int = 0


def read_sql_dump(stream: Reads, folder: Path, *, max_row_bytes: int = MAX_ROW_BYTES) -> TableSet:
    """Write the tables of the dump that `stream` gives (bytes, uncompressed) as Parquet files into `folder`.

    `stream` is read once, front to back. Memory is bounded: a few hundred megabytes, more only for rows that are
    themselves large. A dump that is cut off gives its complete rows; the torn one is a bad row.

    Raises FileRejected when the text has neither a CREATE TABLE nor an INSERT statement, or is written in a
    character set that cannot be read byte by byte.
    """
    with TableSetWriter(folder) as writer, without_collector():
        return _DumpReader(SqlText(stream), writer, max_row_bytes).read()


#: What Microsoft's scripts have: schemas in brackets, and batches that end with GO.
_SQL_SERVER = re.compile(rb"\[dbo\]|(?m:^\s*GO\s*$)", re.IGNORECASE)


class _DumpReader:
    def __init__(self, text: SqlText, writer: TableSetWriter, max_row_bytes: int) -> None:
        self._text = text
        self._writer = writer
        self._max_row_bytes = max_row_bytes
        self._converter = Converter()
        self._tables: dict[tuple[str, str], _Table] = {}
        self._schema: str | None = None
        self._ansi_quotes = False
        self._modes: dict[bytes, bytes] = {}
        self._mode = b""
        self._pending = 0
        self._waiting: list[_Insert] = []
        self._head = text.buffer[:2_000]

    def read(self) -> TableSet:
        """The whole dump."""
        while True:
            self._text.skip_blank()
            if self._text.at_end:
                break
            if self._text.at_delimiter():
                self._text.position += len(self._text.delimiter)
                continue
            self._statement()
        self._flush_all()
        if not self._tables and not self._writer.bad_rows:
            kinds = ", ".join(f"{count} {kind}" for kind, count in list(self._writer.skipped.items())[:8])
            raise FileRejected(
                "The file is no SQL dump that can be read: it has neither a CREATE TABLE nor an INSERT statement"
                + (f" (found: {kinds})." if kinds else ".")
                + self._hint()
            )
        if "COPY" in self._writer.skipped and not any(table.rows for table in self._writer.tables):
            raise FileRejected(f"The rows of the dump stand in COPY statements, which are not read.{self._hint()}")
        self._add_notes()
        return self._writer.finish()

    def _hint(self) -> str:
        if "COPY" in self._writer.skipped:
            return " Dump it with `pg_dump --inserts`."
        if _SQL_SERVER.search(self._head):
            return " It is a script of SQL Server. Export the tables as CSV in UTF-8."
        if self._head[1:400:2].count(0) > 100 or self._head[0:400:2].count(0) > 100:
            return " It is UTF-16 without a byte-order mark. Save it as UTF-8."
        return " Export the tables with their data, or as CSV."

    def _add_notes(self) -> None:
        if re.search(rb"-- (?:MySQL|MariaDB) dump", self._head) and b"Dump completed" not in self._text.tail:
            self._writer.notes.append("The dump does not end with its line 'Dump completed': it may be cut off.")
        if self._converter.hex_values:
            self._writer.notes.append(
                f"{self._converter.hex_values} values are not in the dump's character set; "
                "they are kept as 0x and hex digits."
            )

    # --- Statements

    def _statement(self) -> None:
        text = self._text
        text.ensure(LOOKAHEAD)
        if insert := _INSERT.match(text.buffer, text.position):
            self._insert(insert)
            return
        if delimiter := _DELIMITER.match(text.buffer, text.position):
            text.set_delimiter(delimiter[1])
            text.position = delimiter.end()
            return
        if command := _COMMAND.match(text.buffer, text.position):
            text.position = command.end()
            self._writer.skip(command["name"].upper().decode())
            return
        word_match = _WORD.match(text.buffer, text.position)
        word = word_match[0].upper().decode() if word_match else "UNKNOWN"
        line = text.line()
        statement, ended = text.skip_statement(_KEPT_STATEMENT if word in ("CREATE", "DROP", "SET") else _KEPT_RAW)
        if not ended and statement.strip():
            self._writer.notes.append(
                f"The last statement, {word} in line {line}, is not finished: the dump is cut off."
            )
        self._other(word, statement)

    def _other(self, word: str, statement: bytes) -> None:
        if word in ("INSERT", "REPLACE"):
            self._bad_statement(None, f"This form of {word} is not understood", statement)
            return
        kind = word
        if word in ("CREATE", "DROP", "ALTER"):
            named = _OBJECT.search(statement, 0, 4_000)
            kind = f"{word} {named[1].upper().decode()}" if named else word
        if kind == "CREATE TABLE" and self._create_table(statement):
            return
        if word == "SET":
            self._set(statement)
        elif word == "USE" and (use := _USE.match(statement)):
            self._schema = name_of(use[1])
        elif word == "PRAGMA":  # SQLite, where a backslash is a backslash
            self._set_mode(b"NO_BACKSLASH_ESCAPES")
        elif word == "COPY" and _COPY.match(statement):
            self._text.skip_lines_past(b"\\.")
        elif kind in ("DROP TABLE", "DROP VIEW", "CREATE VIEW") and (drop := _DROP.match(statement[:4_000])):
            self._forget_placeholder(*_names(drop))
        self._writer.skip(kind)

    def _create_table(self, statement: bytes) -> bool:
        created = parse_create_table(statement, backslashes=self._text.backslashes)
        if created is None:
            return False
        if len(created.columns) > MAX_COLUMNS:
            raise FileRejected(f"Table {created.name!r} has more than {MAX_COLUMNS:,} columns.")
        table = self._table(created.schema, created.name)
        self._flush(table)
        names = unique_names(column.name for column in created.columns)
        declared = tuple(
            Declared(name, column.type, column.generated, column.invisible)
            for name, column in zip(names, created.columns, strict=True)
        )
        table.declared = declared
        table.generated = frozenset(column.name.casefold() for column in declared if column.generated)
        table.kinds = {column.name.casefold(): kind_of(column.type) for column in declared}
        for column in declared:
            # A generated column is there only if the dump has its values.
            if not column.generated:
                table.writer.add_column(Column(column.name, column.type or None))
        return True

    def _forget_placeholder(self, schema: str | None, name: str) -> None:
        """An empty table that is dropped or becomes a view was none: mysqldump's stand-in for a view."""
        key = self._key(schema, name)
        table = self._tables.get(key)
        if table is not None and table.writer.rows == 0 and not any(i.rows for i in table.inserts.values()):
            self._writer.drop(table.writer)
            del self._tables[key]

    def _set(self, statement: bytes) -> None:
        for target, value in _ASSIGNMENT.findall(statement[:65_536]):
            target, given = target.upper(), value.upper()
            is_mode = target.rpartition(b".")[2].lstrip(b"@") == b"SQL_MODE" and not re.match(rb"@[^@]", target)
            if given.startswith(b"@@"):
                mode = self._mode if given.endswith(b"SQL_MODE") else b""
            elif given.startswith(b"@"):
                if is_mode and given not in self._modes:
                    continue
                mode = self._modes.get(given, b"")
            else:
                mode = given.strip(b"'\"")
            if is_mode:
                self._set_mode(mode)
            elif target == b"STANDARD_CONFORMING_STRINGS" and mode == b"ON":  # PostgreSQL
                self._set_mode(b"NO_BACKSLASH_ESCAPES,ANSI_QUOTES")
            elif target.startswith(b"@") and len(self._modes) < 1_000:
                self._modes[target] = mode
        if names := _NAMES.search(statement[:65_536]):
            charset = names[1].decode("ascii", errors="replace").lower()
            if charset in UNSAFE_CHARSETS:
                raise FileRejected(
                    f"The dump is written in the character set {charset}, in which parts of a character look like SQL. "
                    "Dump it again with --default-character-set=utf8mb4."
                )
            self._flush_all()
            self._converter.codec = CODECS.get(charset)

    def _set_mode(self, mode: bytes) -> None:
        self._mode = mode
        words = mode.split(b",")
        self._ansi_quotes = b"ANSI_QUOTES" in words or b"ANSI" in words
        backslashes = b"NO_BACKSLASH_ESCAPES" not in words
        if backslashes != self._text.backslashes:
            self._flush_all()
            self._text.backslashes = self._converter.backslashes = backslashes

    # --- Rows

    def _insert(self, head: re.Match[bytes]) -> None:
        text = self._text
        schema, name = _names(head)
        if head["values"] is None:
            line = text.line()
            statement, _ = text.skip_statement(_KEPT_RAW)
            self._bad_statement(
                name, "The statement has no VALUES (INSERT … SELECT or … SET), and nothing is executed", statement, line
            )
            return
        header = head[0].rstrip()
        columns = None if head["columns"] is None else _column_names(head["columns"])
        table = self._table(schema, name)
        text.position = head.end()
        reader = RowReader(text, ansi_quotes=self._ansi_quotes, max_row_bytes=self._max_row_bytes)
        insert = table.without_list if columns is None else None
        problem: str | None = None
        if columns is not None:
            insert, problem = self._insert_into(table, columns)
        while True:
            if insert is not None and problem is None:
                before = text.position
                rows = reader.run(len(insert.columns), header)
                if rows:
                    self._add(insert, rows, text.position - before)
                    continue
            text.skip_blank()
            if text.buffer[text.position : text.position + 3].upper() == b"ROW":
                text.position += 3
                text.skip_blank()
            if text.buffer[text.position : text.position + 1] != b"(":
                self._tail(name, expected=True)
                return
            line = text.line()
            row, raw, closed = reader.row()
            reason = row.reason or problem
            if reason is None and columns is None and (insert is None or len(insert.columns) != len(row.literals)):
                insert, reason = self._insert_without_list(table, len(row.literals))
                table.without_list = insert or table.without_list
            if reason is None:
                assert insert is not None
                literals, reason = _checked(row.literals, insert)
                if reason is None:
                    self._add(insert, [(*literals, b"")], len(raw))
            if reason is not None:
                self._writer.bad_row(table.writer.name, line, reason + ".", raw)
            text.skip_blank()
            if not closed or text.buffer[text.position : text.position + 1] != b",":
                self._tail(name, expected=not closed)
                return
            text.position += 1

    def _tail(self, name: str, *, expected: bool) -> None:
        """Past what follows the last row: nothing, or ON DUPLICATE KEY UPDATE and the like."""
        text = self._text
        if text.at_delimiter():
            text.position += len(text.delimiter)
            return
        if text.at_end:
            if not expected:
                return
            self._writer.notes.append(f"The rows of table {name!r} are not finished: the dump is cut off.")
            return
        line = text.line()
        known = re.compile(rb"(?i)(?:ON|AS|RETURNING)\b").match(text.buffer, text.position)
        statement, _ = text.skip_statement(_KEPT_RAW)
        if not known or expected:
            self._bad_statement(name, "Something that is no row stands between the rows", statement, line)

    def _insert_into(self, table: _Table, columns: Sequence[str]) -> tuple[_Insert, str | None]:
        """Where rows with this list of columns go, or why none can."""
        key = tuple(column.casefold() for column in columns)
        problem = None
        if not key:
            problem = "The statement names no columns: its rows would be all defaults"
        elif len(set(key)) != len(key):
            problem = "The statement names a column twice"
        if problem:
            return _Insert(table, tuple(columns), ()), problem
        insert = table.inserts.get(key)
        if insert is None:
            declared = {column.name.casefold(): column for column in table.declared}
            positions = []
            for name in columns:
                known = declared.get(name.casefold())
                positions.append(
                    table.writer.add_column(Column(known.name, known.type or None) if known else Column(name))
                )
            insert = table.inserts[key] = _Insert(table, tuple(columns), tuple(positions))
        return insert, None

    def _insert_without_list(self, table: _Table, width: int) -> tuple[_Insert | None, str | None]:
        """Where rows of `width` values without a list of columns go: by the declaration, else by the first row."""
        if table.declared:
            every = table.declared
            stored = [column for column in every if not column.generated]
            choices = [every, stored, [c for c in stored if not c.invisible], [c for c in every if not c.invisible]]
            for columns in choices:
                if len(columns) == width:
                    return self._insert_into(table, [column.name for column in columns])
            return None, f"The row has {width} values, table {table.writer.name!r} has {len(every)} columns"
        have = len(table.writer.columns)
        if have and have != width:
            return None, f"The row has {width} values, the rows before it have {have}"
        if have:
            return self._insert_into(table, [column.name for column in table.writer.columns])
        return self._insert_into(table, [f"column_{number}" for number in range(1, width + 1)])

    def _add(self, insert: _Insert, rows: list[tuple[bytes, ...]], size: int) -> None:
        if not insert.rows:
            self._waiting.append(insert)
        insert.rows.extend(rows)
        insert.size += size
        self._pending += size
        if insert.size >= _PENDING_BYTES or len(insert.rows) >= 50_000:
            self._convert(insert)
            self._waiting.remove(insert)
        elif self._pending >= _PENDING_ALL_BYTES:
            self._flush_all()

    def _convert(self, insert: _Insert) -> None:
        if not insert.rows:
            return
        kinds = insert.table.kinds
        columns = list(zip(*insert.rows, strict=True))[:-1]
        arrays = [
            self._converter.column(values, kinds.get(name.casefold(), "unknown"))
            for name, values in zip(insert.columns, columns, strict=True)
        ]
        insert.table.writer.append(insert.positions, arrays)
        self._pending -= insert.size
        insert.rows, insert.size = [], 0

    def _flush(self, table: _Table) -> None:
        for insert in table.inserts.values():
            if insert.rows:
                self._convert(insert)
                self._waiting.remove(insert)
        table.inserts.clear()
        table.without_list = None

    def _flush_all(self) -> None:
        for insert in self._waiting:
            self._convert(insert)
        self._waiting.clear()

    # --- Tables

    def _key(self, schema: str | None, name: str) -> tuple[str, str]:
        return ((schema or self._schema or "").casefold(), name.casefold())

    def _table(self, schema: str | None, name: str) -> _Table:
        """The table of this name, ignoring case; a name without a schema may mean one that was named with it."""
        key = self._key(schema, name)
        table = self._tables.get(key) or (self._tables.get(("", key[1])) if key[0] else None)
        if table is None and not key[0]:
            same = [known for (_, other), known in self._tables.items() if other == key[1]]
            table = same[0] if len(same) == 1 else None
        if table is None:
            table = self._tables[key] = _Table(self._writer.table(name, schema or self._schema))
        return table

    def _bad_statement(self, name: str | None, reason: str, statement: bytes, line: int | None = None) -> None:
        self._writer.bad_row(name, line or self._text.line(), reason + ".", statement)


def _names(match: re.Match[bytes]) -> tuple[str | None, str]:
    """Schema and name of a match with the groups `first` and `second`."""
    if match["second"] is None:
        return None, name_of(match["first"])
    return name_of(match["first"]), name_of(match["second"])


def _column_names(listed: bytes) -> list[str]:
    return [name_of(found["name"]) for found in _IDENTIFIERS.finditer(listed, 1, len(listed) - 1) if found["name"]]


def _checked(literals: tuple[bytes, ...], insert: _Insert) -> tuple[tuple[bytes, ...], str | None]:
    """The literals with DEFAULT of generated columns as NULL, or why the row is bad."""
    if len(literals) != len(insert.columns):
        return (), f"The row has {len(literals)} values, the statement names {len(insert.columns)} columns"
    if b"DEFAULT" not in literals:
        return literals, None
    generated = insert.table.generated
    values = []
    for name, literal in zip(insert.columns, literals, strict=True):
        if literal == b"DEFAULT" and name.casefold() not in generated:
            return (), f"The value of column {name!r} is DEFAULT, which is not computed"
        values.append(b"NULL" if literal == b"DEFAULT" else literal)
    return tuple(values), None
