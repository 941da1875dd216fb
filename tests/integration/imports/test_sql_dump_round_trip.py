"""Every type and every hostile string: what a real dump program writes of a real table, read back without a server.

Set CM_TEST_MYSQLDUMP to the command of MySQL's own program (`/opt/mysql/bin/mysqldump`, `chroot /there mysqldump`) to
have its dumps read too: many systems have MariaDB's under both names.
"""

from __future__ import annotations

import os
import shlex
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
#: Commands by the name of the program.
_PROGRAMS = {
    "mariadb-dump": [_DUMP] if _DUMP else [],
    # Read at import: a fixture takes all CM_ variables away.
    "mysqldump": shlex.split(os.environ.get("CM_TEST_MYSQLDUMP", "")),
}

#: Column, declared type, and three values that the server takes. Rows beyond have nulls.
_TYPES: list[tuple[str, str, tuple[str, ...]]] = [
    ("tinyint", "tinyint", ("-128", "127", "0")),
    ("tinyint_unsigned", "tinyint unsigned", ("255", "0", "1")),
    ("smallint_signed", "smallint", ("-32768", "32767", "0")),
    ("mediumint_unsigned", "mediumint unsigned", ("16777215", "0", "1")),
    ("int", "int", ("-2147483648", "2147483647", "0")),
    ("int_unsigned", "int unsigned", ("4294967295", "0", "1")),
    ("bigint_signed", "bigint", ("-9223372036854775808", "9223372036854775807", "0")),
    ("bool", "boolean", ("true", "false", "1")),
    ("smallint", "smallint unsigned", ("65535", "0", "7")),
    ("mediumint", "mediumint", ("-8388608", "8388607", "1")),
    ("int_zerofill", "int(9) zerofill", ("42", "0", "999999999")),
    ("bigint", "bigint unsigned", ("18446744073709551615", "0", "1")),
    ("decimal", "decimal(30,10)", ("-12345678901234567890.0123456789", "0", "1e-10")),
    ("numeric", "numeric(65,0)", ("9" * 65, "-" + "9" * 65, "0")),
    ("decimal_unsigned", "decimal(10,2) unsigned zerofill", ("1.5", "0", "99999999.99")),
    ("float_fixed", "float(7,3)", ("1234.568", "-0.001", "0")),
    ("real", "real", ("1e300", "-0.5", "123456789.125")),
    ("float", "float", ("1.5", "-3.25e20", "0.1")),
    ("double", "double", ("1.7976931348623157e308", "-2.2250738585072014e-308", "0.1")),
    ("bit_1", "bit(1)", ("b'1'", "b'0'", "1")),
    ("bit_64", "bit(64)", ("~0", "b'10011100100111'", "0x5C27")),
    ("bit_13", "bit(13)", ("b'1111111111111'", "0x27", "0x5C")),
    ("date", "date", ("'2024-02-29'", "'1000-01-01'", "'9999-12-31'")),
    ("zero_date", "date", ("'0000-00-00'", "'2024-00-00'", "'2024-02-00'")),
    ("zero_datetime", "datetime", ("'0000-00-00 00:00:00'", "'2024-00-00 12:00:00'", "'9999-12-31 23:59:59'")),
    ("time_plain", "time", ("'838:59:59'", "'-00:00:01'", "'0'")),
    ("datetime_6", "datetime(6)", ("'2024-02-29 23:59:59.999999'", "'1000-01-01'", "'2024-01-01 00:00:00.000001'")),
    ("timestamp_6", "timestamp(6) null", ("'2024-02-29 23:59:59.000001'", "'2038-01-19 03:14:07'", "'2001-01-01'")),
    ("time", "time(6)", ("'-838:59:59'", "'00:00:00.000001'", "'12:30:00'")),
    ("datetime", "datetime(3)", ("'2024-02-29 23:59:59.999'", "'1000-01-01 00:00:00'", "'2024-01-01'")),
    ("timestamp", "timestamp null default null", ("'2024-02-29 23:59:59'", "'1970-01-02 00:00:00'", "'2024-07-01'")),
    ("year", "year", ("2024", "1901", "2155")),
    ("char", "char(10)", ("'a  '", "'é'", "''")),
    ("varchar", "varchar(50)", ("'a  '", "'😀'", "''")),
    ("latin", "varchar(50) character set latin1", ("'é€'", "'plain'", "''")),
    ("latin2", "varchar(50) character set latin2", ("'Łódź'", "'plain'", "''")),
    ("cyrillic", "varchar(50) character set cp1251", ("'Жизнь'", "'it''s'", "'\\\\'")),
    ("greek", "char(20) character set greek", ("'Ωμέγα'", "'x'", "''")),
    ("japanese", "varchar(50) character set sjis", ("'表示'", "'ソ'", "'x'")),
    ("chinese", "varchar(50) character set gbk", ("'誠'", "'中文'", "'x'")),
    ("wide", "varchar(50) character set utf16", ("'😀'", "'\\''", "''")),
    ("widest", "varchar(50) character set utf32", ("'😀é'", "'x'", "''")),
    ("bmp", "varchar(50) character set utf8mb3", ("'é'", "'日本'", "''")),
    ("ascii", "varchar(50) character set ascii", ("'x'", "'--'", "''")),
    ("national", "national varchar(50)", ("'é'", "'N''x'", "''")),
    ("nchar", "nchar(5)", ("'é'", "'x'", "''")),
    ("case_sensitive", "varchar(50) binary", ("'Aa'", "'aA'", "''")),
    ("tinytext", "tinytext", ("'x'", "'NULL'", "'0x41'")),
    ("text", "text", ("'/*! x */'", "'\\0'", "'# x'")),
    ("longtext", "longtext", ("repeat('-- x\\n', 50000)", "'*/;'", "'`'")),
    ("mediumtext", "mediumtext", ("repeat('it''s ', 20000)", "'\\n'", "'\\\\'")),
    ("enum", "enum('a','it''s','c,d')", ("'a'", "'it''s'", "'c,d'")),
    ("set", "set('a','b','c')", ("'a,c'", "''", "'b'")),
    ("json", "json", ("""'{"a": "x\\\\n\\\\"y\\\\""}'""", "'[1, 2.5, null]'", "'\"é\"'")),
    ("binary", "binary(4)", ("x'00000001'", "'abcd'", "x'27270A5C'")),
    ("varbinary", "varbinary(50)", ("x'FF00'", "'it''s'", "''")),
    ("tinyblob", "tinyblob", ("x'1A0027'", "'text'", "x'5C'")),
    ("mediumblob", "mediumblob", ("unhex(repeat('5C27', 40000))", "x'E9'", "x'00'")),
    ("blob", "blob", ("unhex(repeat('00275C0A22FF', 1000))", "'é'", "''")),
    ("longblob", "longblob", ("x'2729282C2D2D3B'", "x'0D0A09'", "x'2A2F'")),
    ("point", "point", ("point(1, 2)", "point(-71.5, 42.3)", "point(0, 0)")),
    (
        "line",
        "linestring",
        ("st_geomfromtext('LINESTRING(0 0,1 1)')", *["st_geomfromtext('LINESTRING(39 92,1 1)')"] * 2),
    ),
    ("points", "multipoint", tuple(f"st_geomfromtext('MULTIPOINT({n} 0,1 1)')" for n in range(3))),
    ("lines", "multilinestring", tuple(f"st_geomfromtext('MULTILINESTRING(({n} 0,1 1),(2 2,3 3))')" for n in range(3))),
    (
        "polygons",
        "multipolygon",
        tuple(f"st_geomfromtext('MULTIPOLYGON((({n} 0,4 0,4 4,{n} 0)))')" for n in range(3)),
    ),
    ("shapes", "geometrycollection", tuple(f"st_geomfromtext('GEOMETRYCOLLECTION(POINT({n} 39))')" for n in range(3))),
    ("polygon_plain", "polygon", tuple(f"st_geomfromtext('POLYGON((0 0,{n + 1} 0,1 1,0 0))')" for n in range(3))),
    ("polygon", "geometry", ("st_geomfromtext('POLYGON((0 0,1 0,1 1,0 0))')", "point(0, 1)", "point(1, 1)")),
    ('a `quoted` "name"', "int", ("1", "2", "3")),
]
#: Types that only one of the servers has.
_OWN_TYPES: dict[str, list[tuple[str, str, tuple[str, ...]]]] = {
    "mariadb": [
        ("inet6", "inet6", ("'::1'", "'2001:db8::ff'", "'::ffff:192.0.2.1'")),
        ("compressed", "text compressed", ("repeat('it''s ', 500)", "'x'", "''")),
    ],
    "mysql": [("vector", "vector(3)", ("string_to_vector('[1,2,3]')", "string_to_vector('[39,92,0]')", "null"))],
}
_BINARY = {
    "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "point", "polygon", "line", "points", "lines",
    "polygons", "shapes", "polygon_plain", "vector",
}  # fmt: skip
_BITS = {"bit_1", "bit_13", "bit_64"}
_ODD_TABLE, _ODD_COLUMN = "o'dd `table`; -- \"*/", "/* c`o'l; --"
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
    types = _types_of(database)
    with database.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("set sql_mode = ''")  # for dates that are none
        declared = ", ".join(f"{_quoted(name)} {type_}" for name, type_, _ in types)
        # Of two columns of each type there is room for the row's head in one page.
        cursor.execute(f"create table types (id int primary key, {declared}) row_format=dynamic")
        for row in range(3):
            values = ", ".join(choices[row] for _, _, choices in types)
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
        cursor.execute(
            f"create table {_quoted(_ODD_TABLE)} ({_quoted(_ODD_COLUMN)} text, hidden int default 7 invisible)"
        )
        cursor.execute(f"insert into {_quoted(_ODD_TABLE)} values ('x'), (';')")
        cursor.execute("create view seen as select a from made")
        cursor.execute("create trigger t before insert on made for each row set new.b = concat(new.b, ';''');")
    return database


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _types_of(database: Database) -> list[tuple[str, str, tuple[str, ...]]]:
    """The types of both servers, and those of this one."""
    own = _OWN_TYPES[database.flavour]
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select version()")
        version = str((cursor.fetchone() or ("",))[0])
    return _TYPES + [found for found in own if found[0] != "vector" or int(version.split(".")[0]) >= 9]


#: With --compatible the program writes Latin-1 else, and question marks for what that does not have.
_UTF8 = "--default-character-set=utf8mb4"


@pytest.mark.parametrize("program", _PROGRAMS)
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--extended-insert=false",),
        ("--hex-blob",),
        ("--complete-insert",),
        ("--extended-insert=false", "--hex-blob", "--complete-insert"),
        ("--compatible=ansi", _UTF8),
        ("--compatible=postgresql", _UTF8),
        ("--compatible=oracle", _UTF8),
        ("--compatible=mssql", _UTF8),
        ("--compatible=mysql40", _UTF8),
        ("--compatible=no_key_options,no_table_options,no_field_options", _UTF8),
        ("--compact",),
        ("--quick", "--single-transaction", "--skip-triggers", "--skip-add-locks", "--no-tablespaces"),
        ("--skip-opt",),
        ("--insert-ignore", "--skip-comments"),
        ("--replace", "--skip-disable-keys"),
        ("--databases",),
        ("--order-by-primary", "--tz-utc=false"),
    ],
    ids=lambda options: " ".join(options) or "default",
)
def test_a_dump_says_what_the_server_says(
    filled: Database, tmp_path: Path, options: tuple[str, ...], program: str
) -> None:
    tables = _dumped(filled, tmp_path, options, program)
    assert tables.bad_rows == 0
    assert tables.notes == ()
    assert {table.name: table.rows for table in tables.tables} == {
        "types": 4, "strings": len(_STRINGS), "made": 2, "empty table": 0, _ODD_TABLE: 2,
    }  # fmt: skip
    odd = tables.find(_ODD_TABLE)
    assert odd is not None
    assert pq.read_table(tables.path(odd)).column(_ODD_COLUMN).to_pylist() == ["x", ";"]

    names = [name for name, _, _ in _types_of(filled)]
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
    quoted = _quoted(name)
    if name in _BITS:
        return f"cast({quoted} + 0 as char)"
    return f"cast({quoted} as {'binary' if name in _BINARY else 'char'})"


def _dumped(database: Database, folder: Path, options: tuple[str, ...], program: str) -> TableSet:
    """The table set of a dump with these options; the test is skipped where the program does not know one."""
    if not _PROGRAMS[program]:
        pytest.skip(
            "no mariadb-dump or mysqldump in PATH (Debian: apt-get install mariadb-client)"
            if program == "mariadb-dump"
            else "CM_TEST_MYSQLDUMP is not set"
        )
    url, path = database.url, folder / "dump.sql"
    command = [*_PROGRAMS[program], "--no-defaults", f"--user={url.username}"]
    command += [f"--host={url.host or '127.0.0.1'}", f"--port={url.port or 3306}"]
    command += ["--protocol=tcp", "--triggers", *options, database.name]
    if program == "mysqldump":
        command.insert(len(_PROGRAMS[program]) + 1, "--column-statistics=0")
    with path.open("wb") as file:
        done = subprocess.run(
            command,
            env={**os.environ, "MYSQL_PWD": url.password or ""},
            stdout=file,
            stderr=subprocess.PIPE,
            check=False,
            timeout=60,
        )
    message = done.stderr.decode(errors="replace")
    # MariaDB's program asks some servers of MySQL for SQL modes that they no longer know, and the other way round.
    foreign = "'sql_mode'" in message or "gtid_mode" in message or "GENERATION_EXPRESSION" in message
    if foreign or "unknown option" in message or "unknown variable" in message or "Invalid mode" in message:
        pytest.skip(message.strip().splitlines()[-1])
    assert done.returncode == 0, message
    with path.open("rb") as stream:
        return read_sql_dump(stream, folder / "tables")


def _by_id(tables: TableSet, name: str) -> dict[str, dict[str, Any]]:
    table = tables.find(name)
    assert table is not None
    return {row["id"]: row for row in pq.read_table(tables.path(table)).to_pylist()}
