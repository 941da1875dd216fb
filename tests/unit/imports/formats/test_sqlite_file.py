"""SQLite files: every value as SQLite prints it, odd names, damage, views that never end."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from cm_core.errors import FileRejected
from cm_core.imports.formats import sqlite_file
from cm_core.imports.formats.sqlite_file import read_sqlite
from tests.forms import in_two_forms

from .conftest import Found

ReadSqlite = Callable[..., Found]

ODD = ["a \"b\" 'c' `d` [e];--", "select", "é 😀", "x.y"]


def _make(path: Path, script: str) -> Path:
    connection = sqlite3.connect(path)
    connection.executescript(script)
    connection.close()
    return path


@pytest.fixture
def read(tmp_path: Path) -> ReadSqlite:
    """`read("create table t (a); …")`: the tables of a SQLite file made by this script."""

    def run(script: str, **options: float) -> Found:
        path = _make(tmp_path / "a file?#%.db", script)
        before = path.read_bytes()
        found = Found(read_sqlite(path, tmp_path / "tables", **options))  # type: ignore[arg-type]
        assert path.read_bytes() == before
        assert sorted(p.name for p in tmp_path.iterdir()) == ["a file?#%.db", "tables"]
        return found

    return run


def test_values_are_text_as_sqlite_prints_them(read: ReadSqlite) -> None:
    found = read(
        "create table t (a);insert into t values (1), (-9223372036854775808), (1.5), (3.0), (1e20), (0.1), "
        "('x'), (''), "
        "(null), ('a'||char(0)||'b'), (x'00ff'), (x'616263'), (x''), (x'00000001'), ('😀'), "
        "(cast(x'ff' as text)), (9e999);"
    )
    assert [row[0] for row in found.rows()] == [
        "1",
        "-9223372036854775808",
        "1.5",
        "3.0",
        "1.0e+20",
        "0.1",
        "x",
        "",
        None,
        "a\0b",
        "0x00FF",
        "abc",
        "",
        "0x00000001",
        "😀",
        "0xFF",
        "Inf",
    ]


def test_tables_of_every_kind(read: ReadSqlite) -> None:
    found = read(
        "create table b (id integer primary key, v varchar(9), g as (id + 1));insert into b (v) values ('x');"
        "create table w (k text primary key, v) without rowid;insert into w values ('b', 2), ('a', 1);"
        "create table e (a, b);create view v as select k || '!' as shout from w;"
        "create view broken as select * from missing;"
        "create virtual table f using fts5(body);insert into f values ('words');"
        "create table auto (id integer primary key autoincrement);"
    )
    assert found.names == ["b", "w", "e", "v", "f", "auto"]
    assert found.rows("b") == [("1", "x", "2")]
    assert [column.type for column in found.tables.find("b").columns] == ["INTEGER", "varchar(9)", None]  # type: ignore[union-attr]
    assert found.rows("w") == [("a", "1"), ("b", "2")]
    assert found.rows("v") == [("a!",), ("b!",)]
    assert found.rows("e") == []
    assert found.rows("f") == [("words",)]
    assert found.tables.skipped == {"shadow table": 5, "view": 1}
    assert "'broken' cannot be read (no such table: main.missing)" in found.tables.notes[0]


@pytest.mark.parametrize("name", ODD)
def test_odd_names(read: ReadSqlite, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    found = read(f"create table {quoted} ({quoted}, b);insert into {quoted} values (1, 2);")
    assert found.names == [name]
    assert found.columns(name) == (name, "b")
    assert found.rows(name) == [("1", "2")]


def test_large_tables_and_large_values(read: ReadSqlite) -> None:
    found = read(
        "create table t (a, b);with recursive n(i) as (select 1 union all select i + 1 from n where i < 250000) "
        "insert into t select i, 'row ' || i from n;insert into t values (0, zeroblob(3000000));"
        "create table big (a);insert into big select hex(zeroblob(2000000)) from t limit 20;"
    )
    rows = found.rows("t")
    assert len(rows) == 250_001
    assert rows[249_999] == ("250000", "row 250000")
    assert rows[-1][1] == "0x" + "00" * 3_000_000
    assert len(found.rows("big")) == 20


def test_a_view_without_end_is_stopped(read: ReadSqlite) -> None:
    found = read(
        "create table t (a);insert into t values (1);"
        "create view v as with recursive n(i) as (select 1 union all select i + 1 from n) select i from n where i < 0;",
        max_view_seconds=0.2,
    )
    assert found.names == ["t"]
    assert "'v' cannot be read (interrupted)" in found.tables.notes[0]


def test_rows_without_end_are_rejected(read: ReadSqlite) -> None:
    with pytest.raises(FileRejected, match="more than 0 GB of text"):
        read(
            "create view v as with recursive n(i) as (select 1 union all select i + 1 from n) select i from n;",
            max_bytes=1_000_000,
        )


def test_a_table_that_cannot_be_read_is_never_left_out(read: ReadSqlite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_file, "MAX_VALUE_BYTES", 1 << 20)
    with pytest.raises(FileRejected, match="A value in the SQLite file is longer than 1 MB"):
        read("create table a (x);insert into a values (1);create table b (x);insert into b values (zeroblob(2000000));")


def test_the_schema_may_not_call_for_harm(read: ReadSqlite) -> None:
    found = read(
        "create table t (a);insert into t values (1);create view v as select load_extension('x'), "
        "readfile('/etc/passwd');"
    )
    assert found.names == ["t"]


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"SQLite format 3", b"SQLite format 3\0", b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_what_is_no_database_is_rejected(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.db").write_bytes(content)
    with pytest.raises(FileRejected):
        read_sqlite(tmp_path / "x.db", tmp_path / "tables")


def test_a_file_without_tables_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(FileRejected, match="no table"):
        read_sqlite(_make(tmp_path / "x.db", "create table t (a);drop table t;"), tmp_path / "tables")


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of several pages with a table, an index, a view and overflow pages."""
    return _make(
        tmp_path_factory.mktemp("healthy") / "x.db",
        "create table t (a, b);create index i on t (b);create view v as select a from t;"
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < 250) insert into t select i, "
        "hex(zeroblob(i * 5)) from n;",
    )


def test_a_file_that_is_cut_off_is_rejected(tmp_path: Path, healthy: Path) -> None:
    (tmp_path / "x.db").write_bytes(healthy.read_bytes()[:100_000])
    with pytest.raises(FileRejected, match="damaged"):
        read_sqlite(tmp_path / "x.db", tmp_path / "tables")


@in_two_forms(
    60,
    200,
    damage=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=40)), max_size=12),
    cut=st.floats(0.05, 1.0),
    deadline=10_000,
)
def test_no_damage_raises_anything_but_file_rejected(
    tmp_path: Path, healthy: Path, damage: list[tuple[float, bytes]], cut: float
) -> None:
    data = bytearray(healthy.read_bytes())
    for where, put in damage:
        at = int(where**3 * (len(data) - 1))
        data[at : at + len(put)] = put
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    (folder / "x.db").write_bytes(bytes(data[: int(len(data) * cut)]))
    try:
        found = Found(read_sqlite(folder / "x.db", folder / "tables", max_view_seconds=5, max_bytes=100_000_000))
    except FileRejected:
        return
    for table in found.tables.tables:
        found.rows(table.name)
