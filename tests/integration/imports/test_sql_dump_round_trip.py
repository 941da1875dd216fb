"""Every type and every hostile string: what a real dump program writes of a real table, read back without a server."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cm_core.imports.formats.sql_dump import read_sql_dump
from cm_core.imports.formats.table_set import TableSet, text_of_bytes
from cm_core.store import Database
from tests.conftest import DatabaseFactory

_DUMP = next((path for name in ("mariadb-dump", "mysqldump") if (path := shutil.which(name))), None)

pytestmark = pytest.mark.skipif(
    _DUMP is None, reason="no mariadb-dump or mysqldump in PATH (Debian: apt-get install mariadb-client)"
)

#: Column, declared type, and three values that the server takes. Rows beyond have nulls.
_TYPES: list[tuple[str, str, tuple[str, ...]]] = [
    ("tinyint", "tinyint", ("-128", "127", "0")),
    ("bool", "boolean", ("true", "false", "1")),
    ("smallint", "smallint unsigned", ("65535", "0", "7")),
    ("mediumint", "mediumint", ("-8388608", "8388607", "1")),
    ("int_zerofill", "int(9) zerofill", ("42", "0", "999999999")),
    ("bigint", "bigint unsigned", ("18446744073709551615", "0", "1")),
    ("decimal", "decimal(30,10)", ("-12345678901234567890.0123456789", "0", "1e-10")),
    ("float", "float", ("1.5", "-3.25e20", "0.1")),
    ("double", "double", ("1.7976931348623157e308", "-2.2250738585072014e-308", "0.1")),
    ("bit_1", "bit(1)", ("b'1'", "b'0'", "1")),
    ("bit_64", "bit(64)", ("~0", "b'10011100100111'", "0x5C27")),
    ("date", "date", ("'2024-02-29'", "'1000-01-01'", "'9999-12-31'")),
    ("time", "time(6)", ("'-838:59:59'", "'00:00:00.000001'", "'12:30:00'")),
    ("datetime", "datetime(3)", ("'2024-02-29 23:59:59.999'", "'1000-01-01 00:00:00'", "'2024-01-01'")),
    ("timestamp", "timestamp null default null", ("'2024-02-29 23:59:59'", "'1970-01-02 00:00:00'", "'2024-07-01'")),
    ("year", "year", ("2024", "1901", "2155")),
    ("char", "char(10)", ("'a  '", "'é'", "''")),
    ("varchar", "varchar(50)", ("'a  '", "'😀'", "''")),
    ("latin", "varchar(50) character set latin1", ("'é€'", "'plain'", "''")),
    ("tinytext", "tinytext", ("'x'", "'NULL'", "'0x41'")),
    ("mediumtext", "mediumtext", ("repeat('it''s ', 20000)", "'\\n'", "'\\\\'")),
    ("enum", "enum('a','it''s','c,d')", ("'a'", "'it''s'", "'c,d'")),
    ("set", "set('a','b','c')", ("'a,c'", "''", "'b'")),
    ("json", "json", ("""'{"a": "x\\\\n\\\\"y\\\\""}'""", "'[1, 2.5, null]'", "'\"é\"'")),
    ("binary", "binary(4)", ("x'00000001'", "'abcd'", "x'27270A5C'")),
    ("varbinary", "varbinary(50)", ("x'FF00'", "'it''s'", "''")),
    ("tinyblob", "tinyblob", ("x'1A0027'", "'text'", "x'5C'")),
    ("blob", "blob", ("unhex(repeat('00275C0A22FF', 1000))", "'é'", "''")),
    ("longblob", "longblob", ("x'2729282C2D2D3B'", "x'0D0A09'", "x'2A2F'")),
    ("point", "point", ("point(1, 2)", "point(-71.5, 42.3)", "point(0, 0)")),
    ("polygon", "geometry", ("st_geomfromtext('POLYGON((0 0,1 0,1 1,0 0))')", "point(0, 1)", "point(1, 1)")),
    ('a `quoted` "name"', "int", ("1", "2", "3")),
]
_BINARY = {"binary", "varbinary", "tinyblob", "blob", "longblob", "point", "polygon"}
_BITS = {"bit_1", "bit_64"}
_STRINGS = [
    "",
    " ",
    "NULL",
    "\\N",
    "it's",
    "''",
    "'",
    "'''",
    '"',
    '""',
    "`",
    "\\",
    "\\\\",
    "\\'",
    "\\\\'",
    "a\\",
    "\0",
    "\x1a",
    "\n",
    "\r\n",
    "\t\b",
    "%_",
    "\\%\\_",
    ";",
    "--",
    "-- x\n",
    "#",
    "/*",
    "*/",
    "/*!50000 x */",
    "),(",
    "'),('",
    ");\nINSERT INTO x",
    "');\nINSERT INTO `strings` VALUES (1,'",
    "😀",
    "é",
    "\ufffd",
    "Ж",
    "\u2028",
    "0x41",
    "b'1'",
    "x" * 70_000,
    "\\" * 999 + "'" * 999,
]


@pytest.fixture
def filled(make_any_database: DatabaseFactory) -> Database:
    """A database with a table of every type, one of hostile strings, generated columns, a view and a trigger."""
    database = make_any_database(migrated=False)
    quoted = ["`" + name.replace("`", "``") + "`" for name, _, _ in _TYPES]
    with database.connect(autocommit=True) as connection, connection.cursor() as cursor:
        declared = ", ".join(f"{name} {type_}" for name, (_, type_, _) in zip(quoted, _TYPES, strict=True))
        cursor.execute(f"create table types (id int primary key, {declared})")
        for row in range(3):
            values = ", ".join(choices[row] for _, _, choices in _TYPES)
            cursor.execute(f"insert into types values ({row}, {values})")
        cursor.execute("insert into types (id) values (3)")
        cursor.execute("create table strings (id int primary key, a longtext, `b``c` longtext, raw longblob)")
        for number, text in enumerate(_STRINGS):
            other = _STRINGS[(number * 7 + 3) % len(_STRINGS)]
            cursor.execute(
                "insert into strings values (%s, %s, %s, %s)", (number, text, other, text.encode() + b"\xff")
            )
        cursor.execute("create table made (a int, twice int as (a * 2) stored, b text)")
        cursor.execute("insert into made (a, b) values (1, 'x'), (2, ')')")
        cursor.execute("create table `empty table` (a int)")
        cursor.execute("create view seen as select a from made")
        cursor.execute("create trigger t before insert on made for each row set new.b = concat(new.b, ';''');")
    return database


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--extended-insert=false",),
        ("--hex-blob",),
        ("--complete-insert",),
        ("--compatible=ansi", "--default-character-set=utf8mb4"),
        ("--skip-opt",),
        ("--insert-ignore", "--skip-comments"),
        ("--replace", "--skip-disable-keys"),
        ("--databases",),
        ("--order-by-primary", "--tz-utc=false"),
    ],
    ids=lambda options: " ".join(options) or "default",
)
def test_a_dump_says_what_the_server_says(filled: Database, tmp_path: Path, options: tuple[str, ...]) -> None:
    tables = _dumped(filled, tmp_path, options)
    assert tables.bad_rows == 0
    assert tables.notes == ()
    assert {table.name: table.rows for table in tables.tables} == {
        "types": 4, "strings": len(_STRINGS), "made": 2, "empty table": 0,
    }  # fmt: skip

    names = [name for name, _, _ in _TYPES]
    found = _by_id(tables, "types")
    with filled.connect() as connection, connection.cursor() as cursor:
        selected = ", ".join(_as_text(name) for name in names)
        cursor.execute(f"select cast(id as char), {selected} from types")
        for id_, *values in cursor.fetchall():
            for name, value in zip(names, values, strict=True):
                wanted = text_of_bytes(value) if name in _BINARY and value is not None else value
                assert found[id_][name] == wanted, name
    found = _by_id(tables, "strings")
    for number, text in enumerate(_STRINGS):
        row = found[str(number)]
        assert row["a"] == text
        assert row["b`c"] == _STRINGS[(number * 7 + 3) % len(_STRINGS)]
        assert row["raw"] == "0x" + text.encode().hex().upper() + "FF"


def _as_text(name: str) -> str:
    quoted = "`" + name.replace("`", "``") + "`"
    if name in _BITS:
        return f"cast({quoted} + 0 as char)"
    return quoted if name in _BINARY else f"cast({quoted} as char)"


def _dumped(database: Database, folder: Path, options: tuple[str, ...]) -> TableSet:
    """The table set of a dump with these options; the test is skipped where the program does not know one."""
    url, path = database.url, folder / "dump.sql"
    client = folder / "client.cnf"
    client.touch(mode=0o600)
    client.write_text(f'[client]\nuser="{url.username}"\npassword="{url.password or ""}"\n')
    command = [
        str(_DUMP),
        f"--defaults-file={client}",
        f"--host={url.host or '127.0.0.1'}",
        f"--port={url.port or 3306}",
    ]
    command += ["--protocol=tcp", "--triggers", "--routines", *options, database.name]
    with path.open("wb") as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.PIPE, check=False, timeout=60)
    message = done.stderr.decode(errors="replace")
    # MariaDB's program asks some servers of MySQL for SQL modes that they no longer know.
    foreign = "Variable 'sql_mode' can't be set" in message
    if foreign or "unknown option" in message or "unknown variable" in message or "Invalid mode" in message:
        pytest.skip(message.strip().splitlines()[-1])
    assert done.returncode == 0, message
    with path.open("rb") as stream:
        return read_sql_dump(stream, folder / "tables")


def _by_id(tables: TableSet, name: str) -> dict[str, dict[str, Any]]:
    table = tables.find(name)
    assert table is not None
    return {row["id"]: row for row in pq.read_table(tables.path(table)).to_pylist()}
