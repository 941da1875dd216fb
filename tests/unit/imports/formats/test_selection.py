"""Which rows an import takes of a table set: by name, by a select that reaches nothing else, or the only ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from cm_core.errors import FileRejected, UsageError
from cm_core.imports.formats.selection import Selection, choose
from cm_core.imports.formats.table_set import TableSet

from .conftest import ReadSql

DUMP = """
USE `crm`;
CREATE TABLE people (id int, name varchar(50), office int);
INSERT INTO people VALUES (2,'Ann',1),(10,'Bob',2),(1,NULL,1);
CREATE TABLE `odd "name"` (`a b` int);
INSERT INTO `odd "name"` VALUES (7);
CREATE TABLE nothing (a int);
USE `old`;
INSERT INTO people (name) VALUES ('Zed');
INSERT INTO `main`.offices (id, city) VALUES (1,'Ada'),(2,'Tulsa');
"""


@pytest.fixture
def tables(read_sql: ReadSql) -> TableSet:
    return read_sql(DUMP).tables


def _rows(selection: Selection) -> list[tuple[str | None, ...]]:
    rows = [tuple(row.values()) for batch in selection.batches(2) for row in batch.to_pylist()]
    assert len(rows) == selection.rows
    return rows


def test_a_table_by_name(tables: TableSet, tmp_path: Path) -> None:
    found = choose(tables, tmp_path / "out.parquet", table="CRM.People")
    assert found.columns == ("id", "name", "office")
    assert _rows(found) == [("2", "Ann", "1"), ("10", "Bob", "2"), ("1", None, "1")]
    assert _rows(choose(tables, tmp_path / "out.parquet", table='odd "name"')) == [("7",)]


@pytest.mark.parametrize(
    ("select", "rows"),
    [
        ("select id, name from crm.people order by id::int;", [("1", None), ("2", "Ann"), ("10", "Bob")]),
        (
            "select name, city from crm.people p join offices o on p.office = o.id "
            "order by name desc nulls last -- by name",
            [("Bob", "Tulsa"), ("Ann", "Ada"), (None, "Ada")],
        ),
        (
            "with a as (select 1.5 as x, true, date '2024-02-29', null, 'é') from a",
            [("1.5", "true", "2024-02-29", None, "é")],
        ),
        ('select * from crm."odd ""name"""', [("7",)]),
        ("select name from old.people union all select name from \"crm.people\" where id = '2'", [("Zed",), ("Ann",)]),
        ("select count(*) from nothing", [("0",)]),
    ],
)
def test_a_select(tables: TableSet, tmp_path: Path, select: str, rows: list[tuple[str | None, ...]]) -> None:
    assert _rows(choose(tables, tmp_path / "new" / "out.parquet", select=select)) == rows
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out.parquet"]


def test_columns_of_one_name_are_numbered(tables: TableSet, tmp_path: Path) -> None:
    found = choose(tables, tmp_path / "out.parquet", select="select id, id, name as ID from crm.people")
    assert found.columns == ("id", "id_2", "ID_3")


@pytest.mark.soak
def test_a_large_select_keeps_its_order(read_sql: ReadSql, tmp_path: Path) -> None:
    """More rows than one thread of DuckDB takes at a time (122,880)."""
    tables = read_sql("INSERT INTO t (a) VALUES " + ",".join(f"({n})" for n in range(130_000)) + ";").tables
    once = _rows(choose(tables, tmp_path / "1", select="select a from t"))
    assert once == [(str(n),) for n in range(130_000)]
    assert _rows(choose(tables, tmp_path / "2", select="select a from t order by a::int desc")) == once[::-1]
    grouped = "select a.a, count(*) from t a join t b on a.a = b.a group by 1"
    assert _rows(choose(tables, tmp_path / "3", select=grouped)) == _rows(
        choose(tables, tmp_path / "4", select=grouped)
    )


@pytest.mark.parametrize(
    "select",
    [
        "",
        ";",
        "selec 1",
        "select 1; select 2",
        "copy people to 'x.csv'",
        "drop view people",
        "create table x as select 1",
        "insert into people values (1)",
        "set threads = 2",
        "attach 'x.db'",
        "install httpfs",
        "load httpfs",
        "pragma version",
        "call pragma_version()",
        "explain select 1",
        "select ?",
        "select 1) union (select 2",
        "export database 'x'",
        "from query('copy people to ''x''')",
        "from '{secret}'",
        "from read_csv('{secret}')",
        "from read_text('{secret}')",
        "from glob('{folder}/*')",
        "from 'https://example.org/x.parquet'",
        "from duckdb_secrets()",
        "from sqlite_scan('x', 'y')",
        "from '{tables}/../secret.csv'",
        "from read_parquet('s3://bucket/x')",
    ],
)
def test_a_select_reaches_nothing_but_the_tables(tables: TableSet, tmp_path: Path, select: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("x\n1\n")
    before = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises((UsageError, FileRejected)) as raised:
        choose(
            tables, tmp_path / "out.parquet", select=select.format(secret=secret, folder=tmp_path, tables=tables.folder)
        )
    assert "sqlite_scan" in select or isinstance(raised.value, UsageError)
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_names_of_this_program_are_no_tables(tables: TableSet, tmp_path: Path) -> None:
    with pytest.raises(FileRejected, match="does not exist"):
        choose(tables, tmp_path / "out.parquet", select="select * from tables")


def test_what_the_file_does_not_have_is_its_fault_and_what_it_has_is_listed(tables: TableSet, tmp_path: Path) -> None:
    listed = r"Tables: crm\.people \(id, name, office; 3 rows\); offices \(id, city; 2 rows\)"
    for select in ("select * from persons", "select phone from crm.people"):
        with pytest.raises(FileRejected, match="does not fit the file.*" + listed):
            choose(tables, tmp_path / "out.parquet", select=select)
    with pytest.raises(FileRejected, match=r"no table 'persons'\. " + listed):
        choose(tables, tmp_path / "out.parquet", table="persons")
    with pytest.raises(FileRejected, match=r"4 tables with rows; declare in the feed .*" + listed):
        choose(tables, tmp_path / "out.parquet")


def test_a_value_that_does_not_convert_is_the_files_fault(tables: TableSet, tmp_path: Path) -> None:
    for select in ("select name::int from crm.people", "select strptime(name, '%Y') from crm.people"):
        with pytest.raises(FileRejected, match=r"cannot work with a value.*Ann"):
            choose(tables, tmp_path / "out.parquet", select=select)
    assert not (tmp_path / "out.parquet").exists()


def test_the_only_table_with_rows_needs_no_name(read_sql: ReadSql, tmp_path: Path) -> None:
    one = read_sql("CREATE TABLE a (x int);INSERT INTO b VALUES (5);").tables
    assert _rows(choose(one, tmp_path / "out.parquet")) == [("5",)]
    with pytest.raises(FileRejected, match=r"No table of the file has rows\. Tables: a \(x; 0 rows\)"):
        choose(read_sql("CREATE TABLE a (x int);").tables, tmp_path / "out.parquet")
    with pytest.raises(UsageError, match="not both"):
        choose(one, tmp_path / "out.parquet", table="b", select="select 1")


def test_names_that_sql_cannot_say_do_not_hinder(read_sql: ReadSql, tmp_path: Path) -> None:
    tables = read_sql(
        b"INSERT INTO `a\0b` VALUES (1);INSERT INTO `` (``, `c\0`) VALUES (2, 3);INSERT INTO `s'`.`t'` (`x'`) "
        b"VALUES (4);"
        b"INSERT INTO `pg_catalog`.`T'` VALUES (5);"
    ).tables
    assert _rows(choose(tables, tmp_path / "out.parquet", select='select "x\'" from "s\'"."t\'"')) == [("4",)]
