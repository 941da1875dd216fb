"""What arrives is what the server prints, for every type and for values made to break it."""

from __future__ import annotations

from typing import Any

import pytest

from cm_core.errors import UsageError
from cm_core.extract import ExtractFailed, open_source
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


@pytest.mark.parametrize(
    ("create", "reason"),
    [
        ("create table people (a int)", "has no primary key"),
        ("create table people (a int unique not null)", "has no primary key"),
        ("create view people as select 1 as id", "is a view"),
        ("create table people (a varchar(99), primary key (a(5)))", "a prefix of its text"),
        ("create table people (a double primary key)", "of type double"),
        ("create table people (a enum('x') primary key)", "of type enum"),
        ("create table other (a int)", "There is no table 'people'"),
    ],
)
def test_a_table_that_cannot_be_sliced_is_refused(
    run: Run, legacy_settings: SettingsFactory, database: Database, create: str, reason: str
) -> None:
    run(create)
    with pytest.raises(UsageError, match=reason):
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
