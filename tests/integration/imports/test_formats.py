"""The same people from every format that a list may come in, each row accounted for."""

from __future__ import annotations

import gzip
import io
import json
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.imports.steps import (
    SHARED_DATA,
    assert_conserved,
    attempt,
    counts,
    error_report,
    import_file,
    query,
)
from tests.unit.imports.formats.test_excel import number, text, workbook

PEOPLE = [
    ("1", "Ann", "O'Hara", "4052329701", "PO Box 12", "Norman", "OK", "73070"),
    ("2", "José", 'the "Bear"; -- Núñez', "4052329702", "1098 Shepard Hills Rd", "Sulphur", "OK", "73086"),
    ("3", "Mary", "Smith", "555", "", "", "", ""),
]
HEADER = ("id", "first_name", "last_name", "phone", "address", "city", "state", "zip")
CSV = "\n".join(
    [",".join(HEADER), *(",".join('"' + v.replace('"', '""') + '"' for v in row) for row in PEOPLE)]
).encode()


def _dump() -> bytes:
    rows = ",\n".join(
        "(" + ",".join("'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'" for value in row) + ")"
        for row in PEOPLE
    )
    columns = ", ".join(f"`{name}` varchar(100)" for name in HEADER)
    return (
        f"-- MariaDB dump 10.19\nDROP TABLE IF EXISTS `people`;\nCREATE TABLE `people` ({columns});\n"
        f"INSERT INTO `people` VALUES\n{rows};\nDROP TABLE persons;\n"
    ).encode()


def _sqlite(folder: Path) -> bytes:
    path = folder / "people.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"create table people ({', '.join(HEADER)})")
        connection.execute("create table empty (x)")
        connection.executemany(f"insert into people values ({', '.join('?' * len(HEADER))})", PEOPLE)
    connection.close()
    return path.read_bytes()


def _workbook() -> bytes:
    rows = ["".join(text(name) for name in HEADER)]
    for row in PEOPLE:
        escaped = [value.replace("&", "&amp;").replace("<", "&lt;") for value in row]
        rows.append(number(row[0]) + "".join(text(value) for value in escaped[1:]))
    return workbook({"Notes": [], "People": rows})


def _parquet() -> bytes:
    target = io.BytesIO()
    table = pa_csv.read_csv(io.BytesIO(CSV))
    assert table.schema.field("id").type == pa.int64()  # numbers are numbers there
    pq.write_table(table, target)
    return target.getvalue()


def _zip(name: str, content: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._x", b"\x00")
        archive.writestr(name, content)
    return target.getvalue()


def _json_lines() -> bytes:
    lines = [json.dumps(dict(zip(HEADER, (int(row[0]), *row[1:]), strict=True))) for row in PEOPLE]
    return "\n".join(lines).encode()


FORMATS: dict[str, Callable[[Path], bytes]] = {
    "people.csv": lambda folder: CSV,
    "people.csv.gz": lambda folder: gzip.compress(CSV),
    "people.csv.zst": lambda folder: pa.compress(CSV, "zstd", asbytes=True),
    "people.zip": lambda folder: _zip("lists/people.csv", CSV),
    "people.sql": lambda folder: _dump(),
    "people.sql.gz": lambda folder: gzip.compress(_dump()),
    "people.sqlite": _sqlite,
    "people.xlsx": lambda folder: _workbook(),
    "people.parquet": lambda folder: _parquet(),
    "people.jsonl": lambda folder: _json_lines(),
    "people.ndjson.gz": lambda folder: gzip.compress(_json_lines()),
    "misnamed.txt": lambda folder: _dump(),
    "misnamed.csv": lambda folder: _json_lines(),
}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_people(name: str, settings: Settings, database: Database, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(FORMATS[name](tmp_path))
    record = import_file(settings, database, path)
    assert_conserved(settings, database, record)
    assert counts(record) == (3, 3, 0, 0, 0)
    assert query(
        database,
        "select p.first_name, p.last_name, n.phone_e164, a.street, a.zip from persons as p "
        "join phone_numbers as n on n.person_id = p.id left join addresses as a on a.person_id = p.id order by p.id",
    ) == [
        ("Ann", "O'Hara", "+14052329701", "PO BOX 12", "73070"),
        ("José", 'the "Bear" Núñez', "+14052329702", "1098 SHEPARD HILLS RD", "73086"),
        ("Mary", "Smith", None, None, None),
    ]
    # What the steps read out of the file is not kept.
    assert not [left for left in settings.scratch_dir.rglob("*") if left.is_file() and "staged" not in left.parts]


def test_rows_of_a_dump_that_cannot_be_read_are_in_the_error_report(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "people.sql"
    path.write_bytes(
        b"CREATE TABLE people (first_name text, last_name text, phone text);\n"
        b"INSERT INTO people VALUES ('Ann','Lee','4052329701'),('Bob',upper('x'),'4052329702'),"
        b"('Cid','Fox','4052329703'),('Dee','Ray'),('Eve','Po"
    )
    record = import_file(settings, database, path)
    assert_conserved(settings, database, record)
    assert counts(record) == (5, 2, 0, 0, 3)
    rejected = error_report(settings, record.import_id)
    assert [row["row_status"] for row in rejected] == ["rejected"] * 3
    assert any("upper('x')" in row["raw_row"] for row in rejected)
    assert all("Line 2" in row["error_message"] for row in rejected)


def test_lines_that_are_no_records_are_in_the_error_report(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "people.jsonl"
    lines = [
        b'{"first_name":"Ann","last_name":"Lee","phone":"4052329701","tags":["a", {"b": 1}]}', b"[1]", b"",
        b'{"first_name":"\xff"}', b'{"first_name":"Bob","last_name":"Ray","phone":4052329702}', b'{"first_name":"Cid',
    ]  # fmt: skip
    path.write_bytes(b"\n".join(lines))
    record = import_file(settings, database, path)
    assert_conserved(settings, database, record)
    assert counts(record) == (5, 2, 0, 0, 3)
    assert record.file_format is not None
    assert (record.file_format["format"], record.file_format["tables"]) == ("json lines", {"records": 2})
    rejected = [row for row in error_report(settings, record.import_id) if row["row_status"] == "rejected"]
    assert [(row["error_type"], row["raw_row"]) for row in rejected] == [
        ("VALIDATION", "[1]"), ("ENCODING", r'{"first_name":"\xff"}'), ("VALIDATION", '{"first_name":"Cid'),
    ]  # fmt: skip
    assert [row["error_message"].partition(":")[0] for row in rejected] == [
        "Line 2 of the file", "Line 4 of the file", "Line 6 of the file",
    ]  # fmt: skip
    phones = query(database, "select phone_e164 from phone_numbers order by id")
    assert phones == [("+14052329701",), ("+14052329702",)]
    raw = query(
        database, "select raw from staging_raw_import where import_id = %s order by `row_number`", [record.import_id]
    )
    assert json.loads(raw[0][0])["tags"] == '["a",{"b":1}]'


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda: b'[{"name":"Ann Lee"}]', ("jq -c",)),
        (
            lambda: _dump() + b"CREATE TABLE b (x int); INSERT INTO b VALUES (1);",
            ("2 tables", "people (id, first_name"),
        ),
        (lambda: gzip.compress(gzip.compress(CSV)), ("archive",)),
        (lambda: gzip.compress(b"name,phone\n" + b"0" * (80 << 20)), ("bomb", "unpacks", "times")),
    ],
    ids=["a json document", "several tables", "nested", "bomb"],
)
def test_what_is_not_one_list_is_refused(
    content: Callable[[], bytes], says: tuple[str, ...], settings: Settings, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "people.bin"
    path.write_bytes(content())
    record, error = attempt(settings, database, path)
    assert record.status == "REJECTED"
    assert error is not None
    assert any(word in str(record.status_reason) for word in says), record.status_reason


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason=f"no shared data in {SHARED_DATA}")
def test_contacts_spread_over_tables_arrive_as_one_list(settings: Settings, database: Database, tmp_path: Path) -> None:
    """`sakila` without its schema: the feed joins customers to address, city and country by position."""
    record = import_file(settings, database, SHARED_DATA / "sakila-data.sql")
    assert (record.feed, counts(record)) == ("sakila_customers", (599, 599, 0, 0, 0))
    assert_conserved(settings, database, record)
    whole = tmp_path / "sakila_whole.sql"
    parts = [(SHARED_DATA / f"sakila-{part}.sql").read_bytes() for part in ("schema", "data")]
    whole.write_bytes(b"\n".join(parts))
    assert counts(import_file(settings, database, whole)) == (599, 0, 0, 599, 0)
    assert query(
        database,
        "select e.email, n.phone_raw, a.city, a.address_raw from persons as p "
        "join email_addresses as e on e.person_id = p.id join phone_numbers as n on n.person_id = p.id "
        "join addresses as a on a.person_id = p.id where p.first_name = 'MARY' and p.last_name = 'SMITH'",
    ) == [("MARY.SMITH@sakilacustomer.org", "28303384290", "SASEBO", "1913 Hanoi Way, Sasebo, Nagasaki 35200")]


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason=f"no shared data in {SHARED_DATA}")
def test_customers_of_a_dump_arrive_with_phones_and_addresses(settings: Settings, database: Database) -> None:
    record = import_file(settings, database, SHARED_DATA / "classicmodels.sql")
    assert counts(record) == (122, 122, 0, 0, 0)
    assert_conserved(settings, database, record)
    owners = query(
        database,
        "select p.organization_name, n.phone_raw, a.city from person_sources as s "
        "join persons as p on p.id = s.person_id join phone_numbers as n on n.person_id = p.id "
        "join addresses as a on a.person_id = p.id where s.party_no = 1 and s.`row_number` = 1",
    )
    assert owners == [("Atelier graphique", "40.32.2555", "NANTES")]
    contacts = query(database, "select count(*) from person_relations where relation = 'contact'")
    assert contacts[0][0] > 100
