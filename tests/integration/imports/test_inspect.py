"""`cm inspect` says what an import then does, and does nothing itself."""

from __future__ import annotations

import gzip
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cm_core.cli.inspect import inspect
from cm_core.imports import registry
from cm_core.imports.records import ImportRecord
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.store.locks import WRITER_LOCK, named_lock
from cm_core.store.tables import metadata
from tests.conftest import DatabaseFactory, SettingsFactory
from tests.integration.imports.steps import SHARED_DATA, attempt, csv_text, import_file, query

HEADER = (
    "First Name",
    "Last Name",
    "Suffix",
    "Company",
    "Phone",
    "Email",
    "Address",
    "City",
    "State",
    "Zip",
    "Updated",
)
KNOWN = (
    ("Bob", "Smith", "", "", "(405) 232-9700", "bob@example.org", "12 Main St", "Norman", "OK", "73069", "2024-01-05"),
    ("Mary", "Jones", "", "", "405-321-4567", "", "PO Box 7", "Norman", "OK", "73070", "2024-01-05"),
    ("", "", "", "Acme Oil LLC", "918-582-1234", "office@acme.com", "", "Tulsa", "OK", "74103", "2024-01-05"),
    ("James", "Garcia", "", "", "", "", "40 Elm Ave", "Ada", "OK", "74820", "2024-01-05"),
)  # fmt: skip
MORE = (
    ("Robert", "Smith", "", "", "4052329700", "", "12 Main Street", "Norman", "OK", "73069", "2024-01-05"),  # by phone
    ("R", "Smith", "", "", "405-364-1111", "BOB@example.org", "", "", "", "", "2025-03-01"),  # by e-mail, a new phone
    ("James", "Garcia", "", "", "580-436-2222", "", "40 Elm Ave", "Ada", "OK", "74820", "2025-03-01"),  # by name, ZIP
    ("Mary", "Jones", "", "", "405-321-4567", "", "PO Box 7", "Norman", "OK", "73070", "2024-01-05"),  # nothing new
    ("Anna", "Novak", "", "", "405-447-3333", "anna@example.org", "", "", "", "", ""),  # new
    ("Anna", "Novak", "", "", "", "anna@example.org", "9 Oak Dr", "Moore", "OK", "73160", ""),  # new, the same again
    ("Anna", "Novak", "", "", "", "anna@example.org", "9 Oak Dr", "Moore", "OK", "73160", ""),  # and once more
    ("", "", "", "", "12", "nobody", "", "", "", "", ""),  # rejected
)  # fmt: skip
DNC = "405,2329700\n405,2329701\n918,5821234\n405,12\n"
OPT_OUTS = (
    "phone,email,channel,date,source\n405-232-9700,,sms,2024-01-05,form\n,bob@example.org,email,2024-02-05,form\n"
    ",,all,2024-02-05,form\n405-232-9700,,pigeon,2024-01-05,form\n405-321-4567 / 405-321-4568,,call,2024-03-01,form\n"
)
CAMPAIGNS = (
    "code,name,channel,start date\nC1,Spring,mail,2024-03-01\nC1,Spring letters,mail,2024-03-02\n,Autumn,sms,\n,,,\n"
)
TOUCHPOINTS = (
    "Call ID,To,Name,Direction,Start Time,Result\n1,405-232-9700,Bob Smith,Outbound,2024-05-01 10:00,Answered\n"
    "2,405-321-4567,,Outbound,2024-05-01 11:00,\n3,,,Outbound,2024-05-01 12:00,\n"
    "4,918-555-0000,,Outbound,not a time,\n1,405-232-9700,Bob Smith,Outbound,2024-05-01 10:00,Answered\n"
)


def _write(path: Path, content: str | bytes, *, day: int = 5) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    moment = 1_772_323_200 + day * 86_400
    os.utime(path, (moment, moment))
    return path


def _one(settings: Settings, database: Database, path: Path, **options: Any) -> dict[str, Any]:
    (document,) = inspect(settings, database, path, **({"feed": None, "rows": None} | options))
    return document


def _everything(settings: Settings, database: Database) -> dict[str, Any]:
    """All rows of all tables, and all files of the landing zone and the lake."""
    tables = {name: sorted(query(database, f"select * from `{name}`"), key=repr) for name in metadata.tables}
    places = [Path(url.removeprefix("file://")) for url in (settings.landing, settings.lake)]
    files = {str(path): path.stat().st_size for place in places for path in place.rglob("*") if path.is_file()}
    return {**tables, "files": files}


@contextmanager
def _nothing_written(settings: Settings, database: Database) -> Iterator[None]:
    before = _everything(settings, database)
    yield
    assert _everything(settings, database) == before
    assert not [path for path in settings.scratch_dir.glob("*") if path.name.startswith("inspect-")]


def _would(document: dict[str, Any]) -> tuple[int, ...]:
    return tuple(document["would"][name] for name in ("total_rows", "inserted", "updated", "skipped", "errors"))


def _did(record: ImportRecord) -> tuple[int, ...]:
    done = record.as_json()
    return tuple(done[name] for name in ("total_rows", "inserted", "updated", "skipped", "errors"))


def _keys(database: Database, import_id: str) -> dict[str, int]:
    found = query(
        database, "select match_key, count(*) from person_sources where import_id = %s group by match_key", (import_id,)
    )
    return {key: int(count) for key, count in found}


def _foretold(settings: Settings, database: Database, path: Path, *, feed: str | None = None) -> dict[str, Any]:
    """Inspect, import, and hold one against the other; the inspection."""
    with _nothing_written(settings, database):
        document = _one(settings, database, path, feed=feed)
    record = import_file(settings, database, path, feed=feed)
    assert (document["status"], document["duplicate_of"]) == (record.status, record.duplicate_of)
    assert _would(document) == _did(record)
    assert document["feed"] == record.feed
    assert document["checksum_sha256"] == record.checksum_sha256
    if record.status == "COMPLETE":
        assert sum(_would(document)[1:]) == document["rows"] == record.row_count
        assert document["schema"] == (record.file_format or {})["schema"]
        if document["target"] == "contacts":
            assert document["keys"] == _keys(database, record.import_id)
    return document


def test_people_are_foretold_on_an_empty_base_on_a_base_with_some_and_for_the_same_file_again(
    make_settings: SettingsFactory, any_database: Database, tmp_path: Path
) -> None:
    settings, database = make_settings(database=any_database), any_database
    first = _foretold(settings, database, _write(tmp_path / "known.csv", csv_text(HEADER, KNOWN)))
    assert _would(first) == (4, 4, 0, 0, 0)
    path = _write(tmp_path / "more.csv", csv_text(HEADER, MORE), day=9)
    with database.connect() as connection, named_lock(connection, WRITER_LOCK, timeout_s=0):
        held = _one(settings, database, path)  # waits for nobody
    second = _foretold(settings, database, path)
    assert held == second
    assert set(second["keys"]) == {"email", "phone", "name_zip", "new"}
    assert all(_would(second)[1:])
    again = _foretold(settings, database, path)
    assert (again["status"], _would(again)) == ("DUPLICATE", (0, 0, 0, 0, 0))
    assert again["columns"] == second["columns"]
    assert len(again["preview"]) == len(MORE)


@pytest.mark.soak
def test_the_other_lists_are_foretold_too(
    make_settings: SettingsFactory, any_database: Database, tmp_path: Path
) -> None:
    settings, database = make_settings(database=any_database), any_database
    import_file(settings, database, _write(tmp_path / "known.csv", csv_text(HEADER, KNOWN)))
    for name, content, new in (
        ("dnc.txt", DNC, "405,2329702\n"),
        ("opt_outs.csv", OPT_OUTS, "405-232-9709,,all,2024-06-01,form\n"),
        ("litigators.csv", "phone\n405-232-9700\n405-232-9700\n12\n", "405-232-9709\n"),
        ("campaigns.csv", CAMPAIGNS, "C2,Winter,mail,2024-12-01\n"),
        ("call_log.csv", TOUCHPOINTS, "5,405-232-9700,Bob Smith,Outbound,2024-06-01 10:00,Busy\n"),
    ):
        first = _foretold(settings, database, _write(tmp_path / name, content))
        assert _would(first)[1], name
        assert first["rejected"], name
        more = _foretold(settings, database, _write(tmp_path / f"{name[:-4]}_2{name[-4:]}", content + new, day=9),
                         feed=first["feed"])  # fmt: skip
        assert _would(more)[1] == 1, name
        assert _would(more)[3], name
        assert _would(_foretold(settings, database, tmp_path / name)) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("ok_operators.csv", marks=pytest.mark.soak),
        "voter_oh.csv",
        *(pytest.param(f"voter_{state}.csv", marks=pytest.mark.soak) for state in ("ny", "pa")),
        pytest.param("early_childhood_sites_true_ids.csv", marks=pytest.mark.soak),
        "classicmodels.sql",
        pytest.param("sakila-data.sql", marks=pytest.mark.soak),
    ],
)  # fmt: skip
def test_real_files_are_foretold(settings: Settings, database: Database, name: str) -> None:
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no shared data in {SHARED_DATA}")
    document = _foretold(settings, database, SHARED_DATA / name)
    assert document["status"] == "COMPLETE"
    assert len(document["preview"]) == 20
    assert _foretold(settings, database, SHARED_DATA / name)["status"] == "DUPLICATE"


def test_addresses_alone_are_nobody(settings: Settings, database: Database) -> None:
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no shared data in {SHARED_DATA}")
    document = _one(settings, database, SHARED_DATA / "addresses_messy.csv")
    assert (document["status"], document["format"]["header"]) == ("REJECTED", False)
    assert "No usable column" in document["reason"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", "empty"),
        ("header.csv", b"Name,Phone\n", "no rows"),
        ("wells.csv", b"Well,Depth\nA1,100\n", "No usable column"),
        ("binary.csv", bytes(range(32)) * 300, "binary"),
        ("torn.csv.gz", gzip.compress(b"Name,Phone\nA B,405-232-9700\n" * 99, mtime=0)[:-9], "damaged"),
    ],
)
def test_a_file_that_would_be_rejected_says_the_same_reason(
    settings: Settings, database: Database, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    path = _write(tmp_path / name, content)
    with _nothing_written(settings, database):
        document = _one(settings, database, path)
    record, _ = attempt(settings, database, path)
    assert document["status"] == record.status == "REJECTED"
    assert says in document["reason"]
    landed = Path(record.landing_key or name).name
    assert document["reason"] == (record.status_reason or "").replace(landed, name)
    assert _would(document) == (0, 0, 0, 0, 0)


def test_what_is_no_file_or_no_feed_is_rejected(settings: Settings, database: Database, tmp_path: Path) -> None:
    assert "no such file" in _one(settings, database, tmp_path / "nowhere.csv")["reason"]
    assert "is a folder" in _one(settings, database, tmp_path)["reason"]
    path = _write(tmp_path / "known.csv", csv_text(HEADER, KNOWN))
    assert "Unknown feed 'owners'" in _one(settings, database, path, feed="owners")["reason"]


def test_each_file_of_an_archive_is_inspected(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "lists.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("known.csv", csv_text(HEADER, KNOWN))
        archive.writestr("wells.csv", "Well,Depth\nA1,100\n")
        archive.writestr("dnc.txt", DNC)
    with _nothing_written(settings, database):
        documents = inspect(settings, database, path, feed=None, rows=None)
    assert {document["filename"]: (document["feed"], document["status"]) for document in documents} == {
        "known.csv": ("contacts", "COMPLETE"), "wells.csv": ("contacts", "REJECTED"),
        "dnc.txt": ("dnc_registry", "COMPLETE"),
    }  # fmt: skip
    assert len(registry.register_files(settings, database, path)) == len(documents)


def test_a_single_file_in_an_archive_is_named(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = _write(tmp_path / "known.csv.gz", gzip.compress(csv_text(HEADER, KNOWN).encode(), mtime=0))
    form = _foretold(settings, database, path)["format"]
    assert (form["archive"], form["member"], form["delimiter"]) == ("gzip", "known.csv", ",")


def test_only_the_first_rows(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = _write(tmp_path / "more.csv", csv_text(HEADER, MORE))
    for rows, cut in ((1, True), (3, True), (len(MORE), False), (99, False)):
        document = _one(settings, database, path, rows=rows)
        assert (document["rows"], document["only_first_rows"]) == (min(rows, len(MORE)), cut)
        assert sum(_would(document)[1:]) == document["rows"]
    mixed = _write(tmp_path / "mixed.csv", "Name,Phone\nA Smith,405-232-9700\nshort\nB Smith,405-232-9701\nshort\n")
    document = _one(settings, database, mixed, rows=2)
    assert (document["rows"], document["staged"], document["rejected"]) == (2, 1, 1)


def test_the_preview_has_raw_and_standardised_or_the_reason(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    document = _one(settings, database, _write(tmp_path / "more.csv", csv_text(HEADER, MORE)))
    first, *_, last = document["preview"]
    assert first["raw"]["Phone"] == "4052329700"
    assert first["standardised"]["phones"] == ["+14052329700"]
    assert first["standardised"]["names"] == ["Robert Smith (person)"]
    assert first["standardised"]["addresses"] == ["12 MAIN ST, NORMAN, OK 73069"]
    assert (last["standardised"], last["row_number"]) == (None, len(MORE))
    assert "names nobody" in last["rejected"]
    assert last["raw"] == {"Phone": "12", "Email": "nobody"}
    assert {"error_type": "MISSING_REQUIRED", "row_status": "rejected", "count": 1} in document["findings"]


def test_inspecting_leaves_an_interrupted_import_alone(
    settings: Settings, make_database: DatabaseFactory, database: Database, tmp_path: Path
) -> None:
    path = _write(tmp_path / "known.csv", csv_text(HEADER, KNOWN))
    registration = registry.register_file(settings, database, path)
    with _nothing_written(settings, database):
        document = _one(settings, database, path)
    assert (registration.status, document["status"]) == ("PENDING", "COMPLETE")
    assert _would(document) == (4, 4, 0, 0, 0)


def test_what_is_written_beside_the_tables_is_foretold_too(
    make_settings: SettingsFactory, database: Database, tmp_path: Path
) -> None:
    settings = make_settings(database=database, bulk_rows=0)
    document = _foretold(settings, database, _write(tmp_path / "more.csv", csv_text(HEADER, MORE)))
    assert _would(document)[1]
    assert _would(document)[3]
