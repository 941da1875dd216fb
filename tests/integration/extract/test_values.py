"""What arrives is what the server prints, for every type and for values made to break it."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cm_core.errors import UsageError
from cm_core.extract import ExtractFailed, open_source, result_of, verify_slice
from cm_core.extract import slices as slices_module
from cm_core.lake import landing_zone
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.extract.conftest import Run, SettingsFactory, land, landed, plan_for

#: Type, value as an SQL expression, and how it must arrive.
TYPES: list[tuple[str, str, str | None]] = [
    ("tinyint", "-128", "-128"),
    ("tinyint(1)", "1", "1"),
    ("smallint unsigned", "65535", "65535"),
    ("mediumint", "-8388608", "-8388608"),
    ("int(8) unsigned zerofill", "42", "00000042"),
    ("bigint", "-9223372036854775808", "-9223372036854775808"),
    ("bigint unsigned", "18446744073709551615", "18446744073709551615"),
    ("decimal(65,30)", "'-12345678901234567890123456789012345.000000000000000000000000000001'",
     "-12345678901234567890123456789012345.000000000000000000000000000001"),
    ("decimal(10,2)", "0.10", "0.10"),
    ("float", "0.1", "0.1"),
    ("double", "0.1", "0.1"),
    ("double", "1e300", "1e300"),
    ("bit(1)", "b'1'", "1"),
    ("bit(1)", "b'0'", "0"),
    ("bit(64)", "18446744073709551615", "18446744073709551615"),
    ("date", "'0000-00-00'", "0000-00-00"),
    ("date", "'2024-02-00'", "2024-02-00"),
    ("date", "'9999-12-31'", "9999-12-31"),
    ("datetime", "'0000-00-00 00:00:00'", "0000-00-00 00:00:00"),
    ("datetime(6)", "'1000-01-01 00:00:00.000001'", "1000-01-01 00:00:00.000001"),
    ("timestamp null", "'2024-03-10 02:30:00'", "2024-03-10 02:30:00"),
    ("timestamp(3) null", "'0000-00-00 00:00:00'", "0000-00-00 00:00:00.000"),
    ("time", "'-838:59:59'", "-838:59:59"),
    ("time(6)", "'00:00:00.5'", "00:00:00.500000"),
    ("year", "0", "0000"),
    ("year", "1999", "1999"),
    ("char(10)", "'ab'", "ab"),
    ("varchar(20)", "'trailing  '", "trailing  "),
    ("varchar(20)", "''", ""),
    ("varchar(20)", "'NULL'", "NULL"),
    ("varchar(20)", "null", None),
    ("varchar(20) character set latin1", "'caf\u00e9'", "caf\u00e9"),
    ("varchar(20) character set utf8mb3 collate utf8mb3_bin", "'\u0416'", "\u0416"),
    ("varchar(20) collate utf8mb4_bin", "'\U0001f600'", "\U0001f600"),
    ("varchar(20) character set ascii", "'plain'", "plain"),
    ("varchar(20) character set utf16", "'\u20ac'", "\u20ac"),
    ("text", "concat('a', char(0), 'b', char(31), char(30), char(10), char(13), char(9), char(26), '\\\\\"'',')",
     "a\x00b\x1f\x1e\n\r\t\x1a\\\"',"),
    ("longtext", "repeat('x', 300000)", "x" * 300_000),
    ("tinyblob", "x'00FF'", "00FF"),
    ("blob", "x''", ""),
    ("longblob", "repeat(x'C3', 70000)", "C3" * 70_000),
    ("binary(4)", "x'01'", "01000000"),
    ("varbinary(8)", "'caf\u00e9'", "636166C3A9"),
    ("enum('yes','no','caf\u00e9')", "'caf\u00e9'", "caf\u00e9"),
    ("enum('yes','no')", "'neither'", ""),
    ("set('a','b','c')", "'c,a'", "a,c"),
    ("json", "'{\"a\": [1, null, \"\u00e9\"]}'", '{"a": [1, null, "\u00e9"]}'),
    ("point", "st_geomfromtext('point(1 2)')", "00000000" + "0101000000" + "000000000000F03F" + "0000000000000040"),
    ("blob", "null", None),
    ("bit(3)", "null", None),
    ("int", "null", None),
    ("date", "null", None),
]  # fmt: skip


def test_every_type_arrives_as_the_server_prints_it(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    columns = ", ".join(f"c{number} {kind}" for number, (kind, _, _) in enumerate(TYPES))
    values = ", ".join(value for _, value, _ in TYPES)
    nulls = ", ".join("null" for _ in TYPES)
    run(
        f"create table people (id int primary key, {columns})",
        f"insert into people values (1, {values})",
        f"insert into people values (2, {nulls})",
    )
    settings = legacy_settings()
    land(settings, database)
    first, second = landed(settings)
    wrong = [(kind, got, text) for (kind, _, text), got in zip(TYPES, first[1:], strict=True) if got != text]
    assert not wrong, wrong
    assert first[0] == "1"
    # TIMESTAMP without a default is filled in by old servers; everything else of the second row is NULL.
    assert second == ("2", *(None for _ in TYPES))


def test_names_of_tables_and_columns_may_be_anything(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    run(
        "create table `or``der by; --` (`select` int primary key, `c``0` varchar(9), `a b` int, `filename` int, "
        '`summary` int, `Größe "x"` int, `%s` int not null, `{x}` int)',
        "insert into `or``der by; --` values (1, 'x', 2, 3, 4, 5, 6, 7)",
    )
    settings = legacy_settings()
    land(settings, database, "or`der by; --")
    (row,) = landed(settings, '"select", "c`0", "a b", "filename", "summary", "Größe ""x""", "%s", "{x}"')
    assert row == ("1", "x", "2", "3", "4", "5", "6", "7")


def test_columns_of_different_collations_are_no_hindrance(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    run(
        "create table people (id int primary key, a varchar(9) collate utf8mb4_bin, b varchar(9) collate "
        "utf8mb4_general_ci, c varchar(9) collate utf8mb4_unicode_ci, d varchar(9) character set latin1) ",
        "insert into people values (1, 'ä', 'ö', 'ü', 'ß')",
    )
    settings = legacy_settings()
    land(settings, database)
    assert landed(settings) == [("1", "ä", "ö", "ü", "ß")]


def test_a_value_that_the_server_cannot_print_fails_the_slice(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    """`hex` of more than max_allowed_packet is NULL: it must not arrive as a value that was never there."""
    (limit,) = run("select @@max_allowed_packet")[0]
    run("create table people (id int primary key, b longblob)")
    run("insert into people values (1, repeat('x', %s))", values=(limit * 2 // 3,))
    settings = legacy_settings()
    plan = plan_for(settings, database)
    with pytest.raises(ExtractFailed, match=r"does not match its source.*max_allowed_packet.*Nothing of it has landed"):
        land(settings, database)
    assert plan.rows == 1
    assert landed(settings) == []


def test_text_that_is_not_well_formed_arrives_as_the_digits_of_its_bytes(
    run: Run, legacy: Database, legacy_settings: SettingsFactory, database: Database
) -> None:
    """Half of a surrogate pair is UTF-8 to MariaDB, and any byte is ASCII; to Arrow and DuckDB neither is."""
    if legacy.flavour != "mariadb":
        pytest.skip("MySQL 8 lets no such text in")
    run(
        "create table people (id int primary key, a varchar(9), b varchar(9) character set utf8mb3, "
        "c varchar(9) character set ascii, d longtext character set gbk, e char(9) character set utf8mb3 not null)",
        "insert into people values (1, 'é', 'é', 'e', 'é', 'é'), (3, null, null, null, null, '')",
        "insert into people values (2, x'61eda080', x'eda080', x'c3', x'8181', x'edbfbf')",
    )
    settings = legacy_settings()
    plan = land(settings, database)
    assert landed(settings) == [
        ("1", "é", "é", "e", "é", "é"),
        ("2", "0x61EDA080", "0xEDA080", "0xC3", "亖", "0xEDBFBF"),
        ("3", None, None, None, None, ""),
    ]
    result = result_of(settings, plan, 1)
    assert result
    assert "not well-formed" in result.note
    assert verify_slice(settings, plan, 1) is None


def test_looking_at_text_more_closely_changes_nothing_that_is_well_formed(
    run: Run, legacy_settings: SettingsFactory, database: Database, tmp_path: Path
) -> None:
    columns = ", ".join(f"c{number} {kind}" for number, (kind, _, _) in enumerate(TYPES))
    values = ", ".join(value for _, value, _ in TYPES)
    run(f"create table people (id int primary key, {columns})", f"insert into people values (1, {values})")
    settings = legacy_settings()
    plan = plan_for(settings, database)
    found = {
        slices_module._write(
            open_source(settings), replace(plan, has_snapshots=snapshots), 1, tmp_path / "x", verify=verify
        )
        for verify in (False, True)
        for snapshots in (False, True)
    }
    assert len(found) == 1


def test_every_byte_of_latin1_is_a_character(run: Run, legacy_settings: SettingsFactory, database: Database) -> None:
    every = bytes(range(1, 256))
    run("create table people (id int primary key, a varchar(255) character set latin1)")
    run(f"insert into people values (1, x'{every.hex()}')")
    settings = legacy_settings()
    land(settings, database)
    ((text,),) = landed(settings, "a")
    known = [bytes([byte]).decode("cp1252", errors="replace") for byte in every]
    assert list(text) == [chr(byte) if char == "\ufffd" else char for char, byte in zip(known, every, strict=True)]


def test_floating_numbers_arrive_as_the_server_prints_them(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    """The server prints a number in one way as a value and, for the checksum, in another: they must be the same."""
    numbers = random.Random(7)
    rows = [
        (n, numbers.uniform(-1, 1) * 10 ** numbers.randint(-300, 300), numbers.uniform(-1, 1) * 10 ** (n % 70 - 35))
        for n in range(2000)
    ]
    run("create table people (id int primary key, d double not null, f float not null, s double(12,3))")
    run("insert into people values " + ", ".join(f"({n}, {d!r}, {f!r}, {n} / 7)" for n, d, f in rows))
    settings = legacy_settings()
    land(settings, database)
    assert [(float(d), s) for _, d, _, s in landed(settings, order="id::int")] == [
        (d, f"{n / 7:.3f}") for n, d, _ in rows
    ]


@pytest.mark.parametrize(
    "create",
    [
        "create table people (a int, b text)",
        "create table people (a int unique, b text)",
        "create table people (a int not null, b text, primary key (b(5)))",
        "create table people (a double primary key, b text)",
        "create table people (a enum('1', '2', '3') primary key, b text)",
        "create table people (a int, b text) engine = myisam",
        "create table kept (a int primary key, b text); create view people as select a, b from kept",
    ],
    ids=["no key", "nullable", "prefix", "double", "enum", "myisam", "view"],
)
def test_a_table_without_a_key_to_cut_along_is_one_slice_if_it_is_small(
    run: Run, legacy_settings: SettingsFactory, database: Database, create: str
) -> None:
    run(*create.split("; "))
    run(f"insert into {'kept' if 'kept' in create else 'people'} values (1, 'x'), (2, 'y'), (3, null)".replace(
        "null", "'z'" if "(b(5))" in create else "null"
    ))  # fmt: skip
    settings = legacy_settings(legacy_slice_rows=3)
    plan = land(settings, database)
    assert (plan.rows, len(plan.slices), plan.key) == (3, 1, ())
    assert [row[:2] for row in landed(settings)][:2] == [("1", "x"), ("2", "y")]
    assert verify_slice(settings, plan, 1) is None
    reason = {"b(5)": "only a prefix of 'b'", "double": "'a', of type double", "enum": "'a', of type enum"}
    expected = next((text for word, text in reason.items() if word in create), "no primary key")
    expected = "is a view" if "view" in create else expected
    fresh = legacy_settings(legacy_slice_rows=2, home=settings.home_dir / "other")
    with pytest.raises(UsageError, match=f"{re.escape(expected)}.* its 3 rows are more than .*CM_LEGACY_SLICE_ROWS"):
        plan_for(fresh, database)


def test_a_unique_key_serves_where_the_primary_one_does_not(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    run(
        "create table people (a double primary key, b int unique, c int not null, d char(9) not null, unique (c, d))",
        "insert into people values (1, 1, 7, 'x'), (2, null, 7, 'y'), (3, 3, 8, 'x')",
    )
    settings = legacy_settings(legacy_slice_rows=2)
    plan = land(settings, database)
    assert (plan.key, len(plan.slices)) == (("c", "d"), 2)
    assert [row[0] for row in landed(settings)] == ["1", "2", "3"]


def test_rows_that_are_twice_in_a_table_without_key_are_not_taken_for_each_other(
    run: Run, legacy_settings: SettingsFactory, database: Database, tmp_path: Path
) -> None:
    run("create table people (a int)", "insert into people values (1), (1), (2), (2)")
    settings = legacy_settings()
    plan = land(settings, database)
    path = landing_zone(settings).local_path(plan.landing_key(1))
    assert path
    pq.write_table(pa.table({"a": ["1", "1", "1", "1"]}), path)
    assert "does not match its source" in str(verify_slice(settings, plan, 1))


def test_a_table_that_is_not_there_is_refused(run: Run, legacy_settings: SettingsFactory, database: Database) -> None:
    run("create table other (a int)")
    with pytest.raises(UsageError, match="There is no table 'people'"):
        plan_for(legacy_settings(), database)


def test_text_of_the_landed_file_is_utf8_and_nothing_else(
    run: Run, legacy_settings: SettingsFactory, database: Database
) -> None:
    run("create table people (id int primary key, a text)", "insert into people values (1, 'x'), (2, null), (3, '')")
    settings: Settings = legacy_settings()
    land(settings, database)
    kinds: Any = landed(settings, "typeof(id), typeof(a), a", "id")
    assert kinds == [("VARCHAR", "VARCHAR", "x"), ("VARCHAR", "VARCHAR", None), ("VARCHAR", "VARCHAR", "")]
    assert open_source(settings).table("people").key[0].name == "id"
