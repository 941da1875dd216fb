"""S3 over a line that fails: three tries again, then one clear sentence; nothing half-applied, nothing half-read."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import obstore
import pytest

from cm_core.errors import StoreError
from cm_core.imports import pipeline, records, registry
from cm_core.imports.records import ImportRecord
from cm_core.lake import ObjectStore, lake
from cm_core.settings import Settings
from cm_core.store import Database, open_database
from tests.integration.imports.steps import assert_conserved, checksum, column, import_file, query, run

from .faults import Door, Kind
from .test_s3_import import OWNERS, _upload

#: What passes, and what a try that met it is said to have been.
PASSING: dict[Kind, str] = {
    500: "the store answered 500 Internal Server Error",
    503: "the store answered 503 Service Unavailable",
    429: "the store answered 429 Too Many Requests",
    "reset": "the connection failed, or no answer came in time",
    "reset after": "the connection failed, or no answer came in time",
    "stall": "the connection failed, or no answer came in time",
}
#: The large one goes up in two parts.
SMALL, LARGE = os.urandom(100_000), os.urandom(1 << 20) * 6

Call = Callable[[ObjectStore, Path], Any]


def _put_large(store: ObjectStore, folder: Path) -> bytes:
    (folder / "large").write_bytes(LARGE)
    store.put_file(folder / "large", "new")
    return store.get_bytes("new")


def _get_file(store: ObjectStore, folder: Path) -> bytes:
    store.get_file("large", folder / "copy")
    return (folder / "copy").read_bytes()


#: A call, the methods that it is made to stumble at, and what it gives.
CALLS: dict[str, tuple[tuple[str, ...], Call, Any]] = {
    "get": (("GET",), lambda store, _: store.get_bytes("small"), SMALL),
    "get a file": (("GET",), _get_file, LARGE),
    "stream": (("GET",), lambda store, _: b"".join(store.stream("large", size=len(LARGE))), LARGE),
    "materialize": (("HEAD",), lambda store, folder: store.materialize("small", folder).read_bytes(), SMALL),
    "put": (("PUT",), lambda store, _: (store.put_bytes(SMALL, "new"), store.get_bytes("new"))[1], SMALL),
    "put in parts": (("PUT",), _put_large, LARGE),
    "begin and end parts": (("POST",), _put_large, LARGE),
    "head": (("HEAD",), lambda store, _: store.exists("small"), True),
    "list": (("GET",), lambda store, _: sorted(info.key for info in store.list()), ["large", "small"]),
}


@pytest.fixture
def store(door: Door, bucket: str, client: Any) -> ObjectStore:
    """A store behind the door, with a small and a large object in it; most of a second is a stall."""
    client.put_object(Bucket=bucket, Key="x/small", Body=SMALL)
    client.put_object(Bucket=bucket, Key="x/large", Body=LARGE)
    return ObjectStore(f"s3://{bucket}/x", Settings(s3_endpoint_url=door.url, s3_timeout_seconds=0.7))


def _forget_new(store: ObjectStore) -> None:
    obstore.delete(store._store, "new")


_PASSING = [pytest.param(kind, marks=pytest.mark.soak if kind == "stall" else ()) for kind in PASSING]


@pytest.mark.parametrize("kind", _PASSING)
def test_what_passes_is_tried_again(door: Door, store: ObjectStore, tmp_path: Path, kind: Kind) -> None:
    for name, (methods, do, result) in CALLS.items():
        door.mend()
        _forget_new(store)
        door.fail(kind, 3 if kind != "stall" else 1, *methods)
        assert do(store, tmp_path) == result, name
        assert {(failed, method) for failed, method, _ in door.failed} == {(kind, methods[0])}, name


@pytest.mark.parametrize("kind", _PASSING)
def test_what_stays_is_given_up_after_four_tries_in_one_sentence(
    door: Door, store: ObjectStore, tmp_path: Path, kind: Kind
) -> None:
    for name in ("put",) if kind == "stall" else ("get", "put", "head", "list"):
        methods, do, _ = CALLS[name]
        door.mend()
        door.fail(kind, 1_000, *methods)
        with pytest.raises(StoreError) as failed:
            do(store, tmp_path)
        assert len(door.failed) == 4, name
        assert str(failed.value).endswith(f": {PASSING[kind]} (4 tries)."), name
        assert str(failed.value).startswith("Cannot ")
        assert failed.value.retryable


@pytest.mark.parametrize("status", [400, 403, 409, 412])
def test_a_refusal_is_not_repeated(door: Door, store: ObjectStore, tmp_path: Path, status: int) -> None:
    for name, (methods, do, _) in CALLS.items():
        door.mend()
        door.fail(status, 1_000, *methods)
        with pytest.raises(StoreError, match=f": the store answered {status}") as failed:
            do(store, tmp_path)
        assert len({path for _, _, path in door.failed}) == len(door.failed), f"{name}: the same request twice"
        assert "\n" not in str(failed.value)


def test_an_answer_that_breaks_off_is_asked_for_again(door: Door, store: ObjectStore, tmp_path: Path) -> None:
    for name in ("get", "get a file", "stream", "list", "begin and end parts"):
        methods, do, result = CALLS[name]
        door.mend()
        _forget_new(store)
        door.fail("torn", 3, *methods)
        assert do(store, tmp_path) == result, name
        door.mend()
        door.fail("torn", 1_000, *methods)
        with pytest.raises(StoreError, match="the answer broke off"):
            do(store, tmp_path)
        assert len(door.failed) == 4, name


@pytest.mark.parametrize("call", ["get", "get a file"])
def test_an_answer_that_is_short_and_does_not_say_so_is_asked_for_again(
    door: Door, store: ObjectStore, tmp_path: Path, call: str
) -> None:
    _, do, result = CALLS[call]
    door.fail("short", 3, "GET")
    assert do(store, tmp_path) == result
    door.mend()
    door.fail("short", 1_000, "GET")
    with pytest.raises(StoreError, match=f"{len(result) // 2:,} bytes came of {len(result):,}"):
        do(store, tmp_path)
    assert len(door.failed) == 4
    assert [path.name for path in tmp_path.iterdir()] in ([], ["copy"])


def test_a_short_stream_is_an_error_at_its_end(door: Door, store: ObjectStore) -> None:
    door.fail("short", 1, "GET")
    with pytest.raises(StoreError, match="bytes came of"):
        list(store.stream("small", size=len(SMALL)))


@pytest.mark.soak
def test_a_list_that_breaks_off_between_its_pages_goes_on(door: Door, store: ObjectStore) -> None:
    keys = {f"many/{number:05d}" for number in range(1_100)}
    for key in keys:
        store.put_bytes(b"", key)
    door.mend()
    listed = store.list("many")
    first = [next(listed).key for _ in range(10)]
    door.fail("torn", 2, "GET")
    rest = [info.key for info in listed]
    assert len(door.failed) == 2
    assert len(first) + len(rest) == len(keys)
    assert {*first, *rest} == keys


# --- Imports


@pytest.fixture
def through(s3_settings: Settings, door: Door) -> Settings:
    """Settings of an import whose landing zone and lake lie behind the door."""
    return s3_settings.model_copy(update={"s3_endpoint_url": door.url, "s3_timeout_seconds": 1.0})


@pytest.fixture
def database(s3_settings: Settings) -> Database:
    """The database of the settings."""
    return open_database(s3_settings)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A list to be imported."""
    found = tmp_path / "owners.csv"
    found.write_text(OWNERS)
    return found


_STEPS = {
    "check": pipeline.check_raw,
    "stage": pipeline.stage,
    "log findings": pipeline.log_findings,
}


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("check", "torn"),
        ("check", "short"),
        ("stage", "reset after"),
        ("log findings", 503),
        *(
            pytest.param(step, kind, marks=pytest.mark.soak)
            for step in _STEPS
            for kind in (503, "reset after", "torn", "short")
        ),
    ],
)
def test_a_store_that_is_down_fails_the_step_and_a_rerun_completes(
    through: Settings, database: Database, path: Path, door: Door, step: str, kind: Kind
) -> None:
    import_id = registry.register_file(through, database, path).import_id
    before = checksum(database)
    for name, do in _STEPS.items():
        if name == step:
            # Staging reads through the landing file and writes to the lake: that must fail at either.
            door.fail(kind, 1_000, *(("PUT",) if step == "stage" and kind in (503, "reset after") else ("GET", "HEAD")))
            with pytest.raises(StoreError) as failed:
                do(through, database, import_id)
            break
        do(through, database, import_id)
    assert checksum(database) == before
    record = records.get(database, import_id)
    assert (record.status, record.status_reason) == ("FAILED", str(failed.value))
    assert "\n" not in str(failed.value)
    assert not [left for left in through.scratch_dir.rglob("*") if left.is_file() and "staged" not in left.parts]

    door.mend()
    record = import_file(through, database, path)
    assert record.import_id == import_id
    assert_conserved(through, database, record)


def test_reports_that_cannot_be_written_leave_a_complete_import_that_gets_them_later(
    through: Settings, database: Database, path: Path, door: Door
) -> None:
    import_id = registry.register_file(through, database, path).import_id
    door.fail(500, 1_000, "PUT", path="reports|error-logs")
    with pytest.raises(StoreError, match=r"Cannot store s3://.*reports"):
        run(through, database, import_id)
    record = records.get(database, import_id)
    assert (record.status, record.reports) == ("COMPLETE", {})
    assert [waiting.import_id for waiting in registry.waiting(database)] == [import_id]
    after = checksum(database)
    door.mend()
    record = run(through, database, import_id)
    assert_conserved(through, database, record)
    assert len(record.reports) == 3
    assert checksum(database) == after


@pytest.mark.parametrize("kind", [pytest.param(500, marks=pytest.mark.soak), "reset after"])
def test_a_file_that_does_not_land_is_not_registered_and_lands_the_next_time(
    through: Settings, database: Database, path: Path, door: Door, kind: Kind
) -> None:
    door.fail(kind, 1_000, "PUT")
    with pytest.raises(StoreError, match="Cannot store"):
        registry.register_file(through, database, path)
    assert column(database, "select count(*) from import_metadata") == [0]
    door.mend()
    assert_conserved(through, database, import_file(through, database, path))


@pytest.mark.parametrize("kind", ["stall", "torn"])
def test_a_scan_survives_failures_in_a_row(
    through: Settings, database: Database, client: Any, bucket: str, door: Door, kind: Kind
) -> None:
    _upload(client, bucket, "owners.csv")
    door.fail(kind, 1 if kind == "stall" else 3)
    (found,) = registry.scan_landing(through, database)
    assert door.failed
    assert_conserved(through, database, run(through, database, found.import_id))


@pytest.mark.parametrize("kind", ["short", 403])
def test_an_object_that_cannot_be_read_keeps_no_other_waiting(
    through: Settings, database: Database, client: Any, bucket: str, door: Door, kind: Kind
) -> None:
    """Nor is half of it taken for the whole: its checksum would be that of other bytes."""
    _upload(client, bucket, "a.csv", OWNERS + "A One,405-232-9701,,,,,\n")
    _upload(client, bucket, "b.csv", OWNERS + "B Two,405-232-9702,,,,,\n")
    door.fail(kind, 1_000, "GET", path="a\\.csv")
    told: list[str] = []
    (found,) = registry.scan_landing(through, database, problems=told)
    assert records.get(database, found.import_id).filename == "b.csv"
    assert len(told) == 1
    assert "a.csv" in told[0]
    with pytest.raises(StoreError, match=r"a\.csv"):
        registry.scan_landing(through, database)
    door.mend()
    (found,) = registry.scan_landing(through, database)
    record = run(through, database, found.import_id)
    assert record.filename == "a.csv"
    assert_conserved(through, database, record)


_ANY: tuple[Kind, ...] = (500, 503, 429, "reset", "reset after", "torn")


@pytest.mark.soak
def test_a_bad_line_costs_time_and_nothing_else(
    through: Settings, make_settings: Callable[..., Settings], database: Database, tmp_path: Path, door: Door
) -> None:
    """Some lists over a line on which a tenth of all requests fails."""
    _over_a_bad_line(through, make_settings(), database, tmp_path, door, lists=2, odds=0.1)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_many_lists_over_a_very_bad_line(
    through: Settings, make_settings: Callable[..., Settings], database: Database, tmp_path: Path, door: Door
) -> None:
    """The long form: so many requests fail that imports do, and are run again until they are through."""
    _over_a_bad_line(through, make_settings(), database, tmp_path, door, lists=40, odds=0.35)


def _over_a_bad_line(
    through: Settings, plain: Settings, database: Database, folder: Path, door: Door, *, lists: int, odds: float
) -> None:
    """The same lists over a good line and a bad one: the same tables."""
    paths = []
    for number in range(lists):
        paths.append(folder / f"list {number}.csv")
        paths[-1].write_text(OWNERS + f"Person Nr{number},405-232-{9000 + number},,,,,\n")
    quiet = open_database(plain)
    for path in paths:
        import_file(plain, quiet, path)

    door.fail_by_chance(lists, odds, *_ANY)
    for path in paths:
        record = _until_complete(through, database, path)
        assert record.status == "COMPLETE"
    assert door.failed
    door.mend()
    assert checksum(database) == checksum(quiet)
    for import_id, status in query(database, "select import_id, status from import_metadata"):
        assert status == "COMPLETE"
        assert_conserved(through, database, records.get(database, import_id))
    assert not [left for left in through.scratch_dir.rglob("*") if left.is_file() and "staged" not in left.parts]


def _until_complete(settings: Settings, database: Database, path: Path) -> ImportRecord:
    """Import `path` as often as it takes; each time it fails, it says why and has changed nothing."""
    for _ in range(200):
        before = checksum(database)
        waiting = registry.waiting(database)
        done = records.find(database, "where filename = %s and status = 'COMPLETE'", (path.name,))
        if done and not waiting:  # only what came after it failed
            return done[0]
        try:
            if waiting:  # complete, but for its reports
                return run(settings, database, waiting[0].import_id)
            return import_file(settings, database, path)
        except StoreError as error:
            reason = str(error)
        assert len(reason.splitlines()) == 1
        failed = "select count(*) from import_metadata where status not in ('COMPLETE', 'FAILED')"
        assert column(database, failed) == [0]
        if not registry.waiting(database):
            assert checksum(database) == before
    raise AssertionError("never through")


def test_two_reads_at_once_do_not_disturb_each_other(door: Door, store: ObjectStore, tmp_path: Path) -> None:
    door.fail_by_chance(1, 0.3, "torn", 503)
    results: list[bool] = []

    def read(number: int) -> None:
        for turn in range(5):
            target = tmp_path / f"{number}-{turn}"
            try:
                store.get_file("large", target)
            except StoreError:
                results.append(not target.exists())
                continue
            results.append(target.read_bytes() == LARGE)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 20


def test_the_lake_of_the_settings_is_behind_the_door(through: Settings, door: Door) -> None:
    """What the tests above rest on."""
    lake(through).exists("x")
    assert door.methods == ["HEAD"]
