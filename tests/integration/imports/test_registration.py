"""Files become imports once: duplicates, unfinished imports, two at a time, and the landing zone's ledger."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from cm_core.cli.inspect import inspect
from cm_core.errors import FileRejected, ImportFailed, StoreError, WriterBusy
from cm_core.imports import pipeline, records, registry, replay, reports
from cm_core.imports.inspection import inspect_file
from cm_core.imports.records import HOLD
from cm_core.imports.registry import register_file, register_files, scan_landing, waiting
from cm_core.imports.replay_log import Mode
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.store.locks import named_lock
from tests.integration.imports.steps import checksum, column, counts, error_report, import_file, query, run, unchanged

OWNERS = "Name,Phone,Zip\nJohn Smith,405-555-2345,73069\nMary Jones,(405) 321-4567,73069\n"
OTHERS = "Name,Phone,Zip\nBob Brown,405-555-8888,74103\n"


@pytest.fixture
def owners(tmp_path: Path) -> Path:
    path = tmp_path / "owners.csv"
    path.write_text(OWNERS)
    return path


@pytest.fixture
def landing(settings: Settings) -> Path:
    """The folder that files are dropped into."""
    folder = settings.home_dir / "landing"
    folder.mkdir(parents=True)
    return folder


def _drop(folder: Path, name: str, text: str = OWNERS, *, age: float = 100.0) -> Path:
    """A file in the landing folder, last written `age` seconds ago."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (time.time() - age,) * 2)
    return path


def _statuses(database: Database) -> list[tuple[str, str]]:
    return [(r.filename, r.status) for r in records.find(database, "order by id", ())]


# --- the same bytes ----------------------------------------------------------------------------------------


def test_the_same_bytes_are_a_duplicate_that_points_at_the_first(
    settings: Settings, database: Database, owners: Path
) -> None:
    first = import_file(settings, database, owners)
    renamed = owners.with_name("Owners (final).CSV")
    renamed.write_bytes(owners.read_bytes())
    with unchanged(database):
        for path in (owners, renamed):
            copy = import_file(settings, database, path)
            assert (copy.status, copy.duplicate_of, copy.filename) == ("DUPLICATE", first.import_id, path.name)
            assert first.import_id in str(copy.status_reason)
            assert copy.landing_key == first.landing_key
    stored = [path for path in (settings.home_dir / "landing").rglob("*") if path.is_file()]
    assert len(stored) == 1


def test_one_byte_more_is_another_import(settings: Settings, database: Database, owners: Path) -> None:
    first = import_file(settings, database, owners)
    before = checksum(database)
    written = owners.stat().st_mtime
    owners.write_text(OWNERS + "\n")
    os.utime(owners, (written, written))
    second = import_file(settings, database, owners)
    assert (second.status, second.import_id != first.import_id) == ("COMPLETE", True)
    assert counts(second) == (2, 0, 0, 2, 0)
    after = checksum(database)
    assert {name for name in after if after[name] != before[name]} == {"person_sources"}


def test_the_same_bytes_for_another_feed_are_another_import(
    settings: Settings, database: Database, owners: Path
) -> None:
    first = import_file(settings, database, owners)
    second = import_file(settings, database, owners, feed="dnc_registry")
    assert (second.status, second.import_id != first.import_id) == ("COMPLETE", True)
    assert column(database, "select phone_e164 from dnc_registry order by 1") == ["+14053214567", "+14055552345"]
    assert column(database, "select distinct dnc_status from phone_numbers") == ["listed"]


def test_import_ids_count_through_the_day(settings: Settings, database: Database, tmp_path: Path) -> None:
    ids = []
    for number in range(3):
        path = tmp_path / f"{number}.csv"
        path.write_text(f"Name\nPerson Nr{number}\n")
        ids.append(register_file(settings, database, path).import_id)
        HOLD.release(ids[-1])
    assert [import_id[-4:] for import_id in ids] == ["_001", "_002", "_003"]
    assert len({import_id[:-4] for import_id in ids}) == 1


def test_what_is_known_of_a_file_is_written_down(settings: Settings, database: Database, owners: Path) -> None:
    record = import_file(settings, database, owners)
    assert record.filename == "owners.csv"
    assert record.source_type == "csv"
    assert record.file_size_bytes == len(OWNERS)
    assert len(record.checksum_sha256) == 64
    assert record.schema_version == "v1"
    assert record.uploaded_by
    assert (record.success_count, record.error_count) == (2, 0)
    assert record.processing_duration_seconds is not None
    assert record.s3_location.endswith(record.landing_key)
    assert Path(record.s3_location.removeprefix("file://")).read_text() == OWNERS
    assert abs(record.source_date.timestamp() - owners.stat().st_mtime) < 86_400
    assert {"encoding", "delimiter", "columns"} <= set(record.file_format or {})


# --- unfinished imports ------------------------------------------------------------------------------------


@pytest.mark.parametrize("left_at", ["PENDING", "VALIDATING", "STAGED"])
def test_an_unfinished_import_is_taken_up_again_under_its_own_id(
    settings: Settings, database: Database, owners: Path, left_at: str
) -> None:
    first = register_file(settings, database, owners).import_id
    if left_at != "PENDING":
        pipeline.check_raw(settings, database, first)
    if left_at == "STAGED":
        pipeline.stage(settings, database, first)
    HOLD.release(first)  # as if the process had gone
    assert records.get(database, first).status == left_at
    assert [item.import_id for item in waiting(database)] == [first]

    again = register_file(settings, database, owners)
    assert (again.import_id, again.status) == (first, "PENDING")
    assert run(settings, database, first).status == "COMPLETE"
    assert waiting(database) == []
    assert _statuses(database) == [("owners.csv", "COMPLETE")]


def test_reports_that_a_killed_process_did_not_come_to_are_written_when_the_file_comes_again(
    settings: Settings, database: Database, owners: Path
) -> None:
    first = register_file(settings, database, owners).import_id
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reports, "write", lambda *_: None)
        run(settings, database, first)
    assert records.get(database, first).reports == {}
    assert [item.import_id for item in waiting(database)] == [first], "the sensor would run it again"

    with unchanged(database):
        again = register_file(settings, database, owners)
    assert (again.status, again.duplicate_of) == ("DUPLICATE", first)
    assert set(records.get(database, first).reports) == {"success_report", "error_report", "checklist"}
    assert waiting(database) == []


def test_an_import_that_another_process_works_on_is_left_to_it(
    settings: Settings, database: Database, owners: Path
) -> None:
    first = register_file(settings, database, owners).import_id
    HOLD.release(first)
    with database.connect() as other, named_lock(other, records.lock_name(first), timeout_s=0):
        assert waiting(database) == []
        with pytest.raises(WriterBusy, match=first):
            register_file(settings, database, owners)
        with pytest.raises(WriterBusy, match=first):
            pipeline.check_raw(settings, database, first)
    assert [item.import_id for item in waiting(database)] == [first]


def test_two_registrations_of_a_file_at_once_give_one_import(
    settings: Settings, database: Database, owners: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.csv"
    copy.write_bytes(owners.read_bytes())
    start = Barrier(6)

    def register(path: Path) -> str:
        start.wait()
        return register_file(settings, database, path).import_id

    with ThreadPoolExecutor(6) as pool:
        ids = list(pool.map(register, [owners, copy] * 3))
    assert len(set(ids)) == 1
    assert run(settings, database, ids[0]).status == "COMPLETE"
    assert column(database, "select count(*) from import_metadata") == [1]
    assert column(database, "select count(*) from landing_files") == [1]


# --- the landing zone --------------------------------------------------------------------------------------


def test_a_file_in_the_landing_zone_is_registered_once(settings: Settings, database: Database, landing: Path) -> None:
    _drop(landing, "owners.csv")
    (found,) = scan_landing(settings, database)
    assert (found.status, found.feed) == ("PENDING", "contacts")
    assert scan_landing(settings, database) == []
    record = records.get(database, found.import_id)
    assert (record.filename, record.landing_key) == ("owners.csv", "owners.csv")
    assert run(settings, database, found.import_id).status == "COMPLETE"
    assert scan_landing(settings, database) == []


def test_a_file_that_may_still_be_written_waits(settings: Settings, database: Database, landing: Path) -> None:
    patient = settings.model_copy(update={"settle_seconds": 30.0})
    path = _drop(landing, "owners.csv", age=10)
    assert scan_landing(patient, database) == []
    os.utime(path, (time.time() - 31,) * 2)
    assert len(scan_landing(patient, database)) == 1


@pytest.mark.parametrize(
    "names",
    [
        ["owners.csv.part", "list.csv.TMP", ".owners.csv.swp", "owners.csv~", "x.CRDownload", ".hidden/owners.csv"],
        ["~$Owners.xlsx", "desktop.ini", "Desktop.INI", "THUMBS.DB", "$RECYCLE.BIN/a.csv", "list.csv.download/a.csv"],
    ],
)
def test_half_written_hidden_and_left_over_files_are_passed_over(
    settings: Settings, database: Database, landing: Path, names: list[str]
) -> None:
    paths = [_drop(landing, name) for name in names]
    assert scan_landing(settings, database) == []
    paths[0].rename(landing / "owners.csv")
    assert len(scan_landing(settings, database)) == 1


def test_files_are_registered_in_order_of_arrival(settings: Settings, database: Database, landing: Path) -> None:
    for name, age in (("b.csv", 300), ("a.csv", 100), ("c/d.csv", 200)):
        _drop(landing, name, OWNERS + name, age=age)
    assert [records.get(database, r.import_id).filename for r in scan_landing(settings, database)] == [
        "b.csv", "d.csv", "a.csv",
    ]  # fmt: skip


def test_a_file_is_never_dated_after_its_arrival(
    settings: Settings, database: Database, landing: Path, tmp_path: Path
) -> None:
    text = "Name,Phone,Last Updated\nJohn Smith,405-555-2345,2098-01-01\n"
    path = _drop(tmp_path, "ahead.csv", text, age=-3e9)
    with inspect_file(settings, database, path) as looked:
        assert looked.findings == [{"error_type": "TYPE", "row_status": "kept", "count": 1}]
    _drop(landing, "ahead.csv", text + "Mary Jones,405-321-4567,\n", age=-3e9)
    (found,) = scan_landing(settings, database)
    assert run(settings, database, found.import_id).status == import_file(settings, database, path).status == "COMPLETE"
    for record in records.find(database, "order by id", ()):
        assert record.source_date <= record.uploaded_at
        assert [row["error_type"] for row in error_report(settings, record.import_id)] == ["TYPE"]
    assert column(database, "select count(*) from persons where source_date > utc_timestamp()") == [0]


def test_a_replaced_file_is_a_new_import(settings: Settings, database: Database, landing: Path) -> None:
    _drop(landing, "owners.csv")
    (first,) = scan_landing(settings, database)
    assert run(settings, database, first.import_id).status == "COMPLETE"
    _drop(landing, "owners.csv", OTHERS, age=50)
    (second,) = scan_landing(settings, database)
    assert second.status == "PENDING"
    assert run(settings, database, second.import_id).status == "COMPLETE"
    assert column(database, "select last_key from persons order by 1") == ["BROWN", "JONES", "SMITH"]
    _drop(landing, "owners.csv", OTHERS, age=20)
    (touched,) = scan_landing(settings, database)
    assert (touched.status, touched.duplicate_of) == ("DUPLICATE", second.import_id)


def test_a_file_replaced_before_its_import_ran_is_not_taken_for_the_first(
    settings: Settings, database: Database, landing: Path
) -> None:
    _drop(landing, "owners.csv")
    (first,) = scan_landing(settings, database)
    _drop(landing, "owners.csv", OTHERS, age=50)
    (second,) = scan_landing(settings, database)
    with pytest.raises(ImportFailed, match="changed since it was registered"):
        run(settings, database, first.import_id)
    assert run(settings, database, second.import_id).status == "COMPLETE"
    assert _statuses(database) == [("owners.csv", "FAILED"), ("owners.csv", "COMPLETE")]


@pytest.mark.parametrize("keeps_times", [True, False])
def test_a_landing_zone_out_of_a_backup_brings_nothing_anew(
    settings: Settings, database: Database, landing: Path, tmp_path: Path, keeps_times: bool
) -> None:
    """What was imported as opt-outs is named like a list of contacts; a file of mended rows is no import at all."""
    path = tmp_path / "members.csv"
    path.write_text("Phone,Opted Out At\n405-555-2345,2026-01-02\n12,2026-01-02\n")
    first = register_file(settings, database, path, feed="opt_outs")
    run(settings, database, first.import_id)
    HOLD.release(first.import_id)
    path.write_text("row_number,Phone,Opted Out At\n2,405-555-2346,2026-01-02\n")
    assert replay.request(settings, database, first.import_id, Mode.ERRORS_ONLY, corrected=path)
    run(settings, database, first.import_id)
    HOLD.release(first.import_id)
    assert scan_landing(settings, database) == []
    copy = landing.with_name("copy")
    shutil.copytree(landing, copy, copy_function=shutil.copy2 if keeps_times else shutil.copyfile)
    shutil.rmtree(landing)
    copy.rename(landing)
    for file in landing.rglob("*.csv"):
        if not keeps_times:
            os.utime(file, (1_700_000_000,) * 2)
    found = scan_landing(settings, database)
    assert [(one.status, one.feed, one.duplicate_of) for one in found] == (
        [] if keeps_times else [("DUPLICATE", "opt_outs", first.import_id)]
    )
    assert waiting(database) == []


def test_what_was_refused_is_refused_again(settings: Settings, database: Database, landing: Path) -> None:
    """Our own list, called the registry's by its name alone."""
    text = "Phone,Reason,Agent\n405-555-2345,asked,kim\n"
    _drop(landing, "national dnc list.csv", text, age=200)
    (first,) = scan_landing(settings, database)
    with pytest.raises(FileRejected):
        run(settings, database, first.import_id)
    _drop(landing, "national dnc list.csv", text, age=50)
    scan_landing(settings, database)
    for one in waiting(database):
        with pytest.raises(FileRejected):
            run(settings, database, one.import_id)
    assert query(database, "select count(*) from dnc_list_versions") == [(0,)]


def test_a_file_of_the_same_size_and_time_is_another_one(settings: Settings, database: Database, landing: Path) -> None:
    path = _drop(landing, "owners.csv")
    (first,) = scan_landing(settings, database)
    other = landing.parent / "other.csv"
    other.write_text(OWNERS.replace("2345", "2399"))
    os.utime(other, ns=(path.stat().st_mtime_ns,) * 2)
    other.replace(path)
    (second,) = scan_landing(settings, database)
    assert (second.status, second.import_id != first.import_id) == ("PENDING", True)


def test_copies_in_the_landing_zone_are_duplicates(settings: Settings, database: Database, landing: Path) -> None:
    _drop(landing, "owners.csv", age=200)
    _drop(landing, "copy.csv", age=100)
    first, copy = scan_landing(settings, database)
    assert (first.status, copy.status, copy.duplicate_of) == ("PENDING", "DUPLICATE", first.import_id)
    assert [item.import_id for item in waiting(database)] == [first.import_id]


def test_a_failed_import_is_tried_again_when_its_file_comes_again(
    settings: Settings, database: Database, landing: Path
) -> None:
    path = _drop(landing, "owners.csv")
    (first,) = scan_landing(settings, database)
    path.unlink()
    with pytest.raises(pipeline.CmError):
        run(settings, database, first.import_id)
    _drop(landing, "again.csv", OTHERS, age=90)
    (other,) = scan_landing(settings, database)
    assert run(settings, database, other.import_id).status == "COMPLETE"
    os.utime(_drop(landing, "owners.csv"), (1_700_000_000,) * 2)
    (copy,) = scan_landing(settings, database)
    assert (copy.status, copy.duplicate_of) == ("DUPLICATE", first.import_id)
    assert [item.import_id for item in waiting(database)] == [first.import_id]
    assert run(settings, database, first.import_id).status == "COMPLETE"


def test_what_cannot_be_an_import_is_rejected_and_not_looked_at_again(
    settings: Settings, database: Database, landing: Path
) -> None:
    _drop(landing, "empty.csv", "", age=200)
    _drop(landing, "large.csv", OWNERS, age=100)
    small = settings.model_copy(update={"max_file_bytes": 50})
    empty, large = scan_landing(small, database)
    assert [(r.status, "empty" in str(r.reason), "limit" in str(r.reason)) for r in (empty, large)] == [
        ("REJECTED", True, False),
        ("REJECTED", False, True),
    ]
    assert scan_landing(small, database) == []
    assert waiting(database) == []
    assert records.get(database, empty.import_id).status_reason == empty.reason


@pytest.mark.parametrize(
    ("name", "feed"),
    [
        ("dnc_registry/2026.csv", "dnc_registry"), ("lists/opt_outs/x.csv", "opt_outs"),
        ("my_unsubscribes.csv", "opt_outs"),
        ("raw-uploads/2026/01/02/03/voter_ny_1.csv", "voter_ny"), ("people.txt", "contacts"),
    ],
)  # fmt: skip
def test_the_folder_or_the_name_says_which_feed(
    settings: Settings, database: Database, landing: Path, name: str, feed: str
) -> None:
    _drop(landing, name)
    (found,) = scan_landing(settings, database)
    assert found.feed == feed


def test_a_scan_out_of_time_goes_on_the_next_time(settings: Settings, database: Database, landing: Path) -> None:
    for number in range(3):
        _drop(landing, f"{number}.csv", OWNERS + str(number))
    assert scan_landing(settings, database, budget_seconds=-1) == []
    assert len(scan_landing(settings, database)) == 3


def test_two_scanners_at_once_register_each_file_once(settings: Settings, database: Database, landing: Path) -> None:
    for number in range(6):
        _drop(landing, f"{number}.csv", OWNERS + str(number))
    start = Barrier(3)

    def scan(_: int) -> list[str]:
        start.wait()
        return [found.import_id for found in scan_landing(settings, database)]

    with ThreadPoolExecutor(3) as pool:
        found = [import_id for ids in pool.map(scan, range(3)) for import_id in ids]
    assert len(found) == len(set(found)) == 6
    assert column(database, "select count(*) from import_metadata") == [6]
    assert column(database, "select count(*) from landing_files") == [6]


def test_a_file_that_the_command_line_brought_is_not_found_again(
    settings: Settings, database: Database, owners: Path
) -> None:
    record = import_file(settings, database, owners)
    assert scan_landing(settings, database) == []
    assert query(database, "select import_id, landing_key from landing_files") == [
        (record.import_id, record.landing_key)
    ]


def test_files_of_one_name_in_one_second_get_keys_of_their_own(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = records.now()
    monkeypatch.setattr(registry, "now", lambda: moment)
    keys = []
    for number in range(3):
        path = tmp_path / str(number) / "owners.csv"
        path.parent.mkdir()
        path.write_text(OWNERS + str(number))
        found = register_file(settings, database, path)
        HOLD.release(found.import_id)
        keys.append(records.get(database, found.import_id).landing_key)
    assert len(set(keys)) == 3
    assert scan_landing(settings, database) == []


def test_a_name_that_cannot_be_taken_keeps_no_other_out(settings: Settings, database: Database, landing: Path) -> None:
    _drop(landing, "a.csv")
    _drop(landing, os.fsdecode(b"caf\xe9.csv"))
    _drop(landing, "Icon\r")
    problems: list[str] = []
    assert [found.status for found in scan_landing(settings, database, problems=problems)] == ["PENDING"]
    (problem,) = problems
    assert r"caf\xe9.csv: its name has" in problem
    with pytest.raises(StoreError, match="caf"):
        scan_landing(settings, database)


# --- archives of several files -----------------------------------------------------------------------------


def _zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


MORE = b"Name,Phone\nCarl Zimmer,405-232-9709\n"
PACKED = {
    "a/owners.csv": OWNERS.encode(),
    "a/": b"",
    "__MACOSX/._owners.csv": b"x",
    "b/opt outs.csv": b"phone\n4052329701\n",
}


def test_each_file_of_an_archive_is_an_import(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = _zip(tmp_path / "lists.zip", PACKED)
    first = register_files(settings, database, path)
    made = [records.get(database, registration.import_id) for registration in first]
    assert [(r.filename, r.feed, r.status) for r in made] == [
        ("owners.csv", "contacts", "PENDING"), ("opt outs.csv", "opt_outs", "PENDING"),
    ]  # fmt: skip
    assert made[0].checksum_sha256 == hashlib.sha256(OWNERS.encode()).hexdigest()
    assert Path(made[0].s3_location.removeprefix("file://")).read_text() == OWNERS
    for record in made:
        assert abs(record.source_date.timestamp() - path.stat().st_mtime) < 86_400
        assert run(settings, database, record.import_id).status == "COMPLETE"
    assert [r.status for r in register_files(settings, database, path)] == ["DUPLICATE", "DUPLICATE"]
    (plain := tmp_path / "plain.csv").write_bytes(OWNERS.encode())
    assert register_file(settings, database, plain).duplicate_of == made[0].import_id


def test_an_archive_in_the_landing_zone_gives_its_files_once(
    settings: Settings, database: Database, landing: Path
) -> None:
    os.utime(_zip(landing / "lists.zip", {"1.csv": OWNERS.encode(), "2.csv": MORE}), (1_700_000_000, 1_700_000_000))
    found = scan_landing(settings, database)
    assert [records.get(database, r.import_id).filename for r in found] == ["1.csv", "2.csv"]
    assert [item.import_id for item in waiting(database)] == [r.import_id for r in found]
    assert scan_landing(settings, database) == []


def test_a_packed_file_is_of_the_feed_that_its_own_name_says_and_else_of_its_archive_s(
    settings: Settings, database: Database, tmp_path: Path, landing: Path
) -> None:
    emails = b"Email Address,First Name\nann@example.org,Ann\n"
    for number, (archive, names, feeds) in enumerate(
        [
            ("audience_export.zip", ["a/unsubscribed_members_export_1.csv"], ["opt_outs"]),
            ("audience_export.zip", ["unsubscribed_1.csv", "subscribed_1.csv"], ["opt_outs", "contacts"]),
            ("opt_outs.zip", ["export.csv"], ["opt_outs"]),
            ("opt_outs.zip", ["1.csv", "call_log.csv"], ["opt_outs", "call_history"]),
        ]
    ):
        files = {name: emails + b"%d@example.org,Bob\n" % (10 * number + place) for place, name in enumerate(names)}
        path = _zip(tmp_path / archive, files)
        assert [found.feed for found in register_files(settings, database, path)] == feeds
        if number in (0, 3):
            assert [found["feed"] for found in inspect(settings, database, path, feed=None, rows=1)] == feeds
        (landing / str(number)).mkdir()
        dropped = _zip(landing / str(number) / archive, {name: text + b"x@y.org,X\n" for name, text in files.items()})
        os.utime(dropped, (1_700_000_000, 1_700_000_000))
    assert [found.feed for found in scan_landing(settings, database)] == [
        "opt_outs", "opt_outs", "contacts", "opt_outs", "opt_outs", "call_history",
    ]  # fmt: skip


def test_an_archive_of_which_a_file_cannot_be_unpacked_is_refused_whole(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    path = _zip(tmp_path / "lists.zip", {"1.csv": OWNERS.encode(), "2.csv.gz": gzip.compress(MORE)})
    (registration,) = register_files(settings, database, path)
    with pytest.raises(FileRejected):
        run(settings, database, registration.import_id)
    record = records.get(database, registration.import_id)
    assert (record.status, record.filename) == ("REJECTED", "lists.zip")
    assert "2" in str(record.status_reason)
