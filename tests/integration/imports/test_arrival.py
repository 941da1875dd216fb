"""Files that are still being written when the landing zone is looked at: by real writers, in processes of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cm_core.errors import StoreError
from cm_core.imports import arrival, records
from cm_core.imports.records import HOLD
from cm_core.imports.registry import register_file, scan_landing
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.imports.steps import column, counts, run

HEAD = "Name,Phone,Zip\nJohn Smith,405-555-2345,73069\n"
REST = "Mary Jones,(405) 321-4567,73069\n"

#: Appends what it is told to, and keeps the file open all the while.
_WRITER = """
import sys
with open(sys.argv[1], "a") as out:
    for line in sys.stdin:
        out.write(line)
        out.flush()
        print("written", flush=True)
"""

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who has a file open for writing")


@pytest.fixture
def landing(settings: Settings) -> Path:
    folder = settings.home_dir / "landing"
    folder.mkdir(parents=True)
    return folder


class _Writer:
    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def write(self, text: str) -> None:
        assert self.process.stdin
        assert self.process.stdout
        for line in text.splitlines(keepends=True):
            self.process.stdin.write(line)
            self.process.stdin.flush()
            assert self.process.stdout.readline() == "written\n"

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(timeout=30) == 0


@contextmanager
def _writing(path: Path) -> Iterator[_Writer]:
    writer = _Writer(path)
    try:
        yield writer
    finally:
        if writer.process.poll() is None:
            writer.close()


def _age(path: Path, seconds: float = 1000.0) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


@linux
def test_a_slow_writer_that_pauses_is_waited_for(settings: Settings, database: Database, landing: Path) -> None:
    """Last written to long ago, and not yet whole."""
    path = landing / "owners.csv"
    with _writing(path) as writer:
        writer.write(HEAD)
        _age(path)
        assert scan_landing(settings, database) == []
        writer.write(REST)
        _age(path)
        assert scan_landing(settings, database) == []
    (found,) = scan_landing(settings, database)
    assert counts(run(settings, database, found.import_id))[0] == 2


@linux
def test_a_file_moved_in_while_it_is_written_is_waited_for(
    settings: Settings, database: Database, landing: Path
) -> None:
    elsewhere = settings.home_dir / "owners.csv"
    with _writing(elsewhere) as writer:
        writer.write(HEAD)
        _age(elsewhere)
        elsewhere.rename(landing / "owners.csv")
        assert scan_landing(settings, database) == []
        writer.write(REST)
    (found,) = scan_landing(settings, database)
    assert counts(run(settings, database, found.import_id))[0] == 2


@linux
def test_a_copy_that_keeps_the_time_of_its_source_is_taken_when_it_is_whole(
    settings: Settings, database: Database, landing: Path, tmp_path: Path
) -> None:
    source = tmp_path / "owners.csv"
    source.write_text(HEAD + REST)
    _age(source)
    shutil.copy2(source, landing / "owners.csv")
    patient = settings.model_copy(update={"settle_seconds": 30.0})
    (found,) = scan_landing(patient, database)
    assert abs(records.get(database, found.import_id).source_date.timestamp() - source.stat().st_mtime) < 86_400


def test_where_the_system_does_not_tell_the_last_change_counts(landing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = landing / "owners.csv"
    path.write_text(HEAD)
    _age(path)
    monkeypatch.setattr(arrival, "being_written", lambda path: None)
    assert not arrival.has_arrived(path, settle_seconds=30)
    assert arrival.has_arrived(path, settle_seconds=0)
    monkeypatch.setattr(arrival, "being_written", lambda path: False)
    assert arrival.has_arrived(path, settle_seconds=30)


def test_a_time_that_is_still_to_come_keeps_no_file_out_for_ever(landing: Path) -> None:
    path = landing / "owners.csv"
    path.write_text(HEAD)
    _age(path, -86_400)
    assert not arrival.has_arrived(path, settle_seconds=30)
    assert arrival.has_arrived(path, settle_seconds=0)


def test_a_file_that_is_gone_has_not_arrived(landing: Path) -> None:
    assert not arrival.has_arrived(landing / "nowhere.csv", settle_seconds=0)


def test_a_file_written_to_while_it_was_read_waits_for_the_next_scan(
    settings: Settings, database: Database, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = landing / "owners.csv"
    path.write_text(HEAD)
    from cm_core.imports import registry

    hashed = registry.sha256_of

    def meanwhile(*args: object) -> object:
        with path.open("a") as out:
            out.write(REST)
        monkeypatch.setattr(registry, "sha256_of", hashed)
        return hashed(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(registry, "sha256_of", meanwhile)
    assert scan_landing(settings, database) == []
    (found,) = scan_landing(settings, database)
    assert counts(run(settings, database, found.import_id))[0] == 2


def test_what_is_appended_after_all_is_an_import_of_its_own_and_nothing_is_lost(
    settings: Settings, database: Database, landing: Path
) -> None:
    """A writer that opens the file anew for each line cannot be seen between two of them."""
    path = landing / "owners.csv"
    path.write_text(HEAD)
    (first,) = scan_landing(settings, database)
    assert run(settings, database, first.import_id).row_count == 1
    with path.open("a") as out:
        out.write(REST)
    (second,) = scan_landing(settings, database)
    assert counts(run(settings, database, second.import_id))[:2] == (2, 1)
    assert column(database, "select last_key from persons order by 1") == ["JONES", "SMITH"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_keeps_no_other_out(settings: Settings, database: Database, landing: Path) -> None:
    (landing / "a.csv").write_text(HEAD)
    (landing / "a.csv").chmod(0)
    (landing / "b.csv").write_text(HEAD + REST)
    problems: list[str] = []
    assert len(scan_landing(settings, database, problems=problems)) == 1
    assert "a.csv" in problems[0]
    with pytest.raises(StoreError, match=r"a\.csv"):
        scan_landing(settings, database)


# --- many at once ------------------------------------------------------------------------------------------


def test_a_process_that_holds_hundreds_of_imports_needs_one_connection(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    """A server lets in 151 by default."""
    with database.connect() as watcher, watcher.cursor() as cursor:
        cursor.execute("select count(*) from information_schema.processlist where db = %s", (database.name,))
        before = cursor.fetchone()
        ids = []
        for number in range(160):
            path = tmp_path / f"{number}.csv"
            path.write_text(f"Name\nPerson Nr{number}\n")
            ids.append(register_file(settings, database, path).import_id)
        watcher.commit()
        cursor.execute("select count(*) from information_schema.processlist where db = %s", (database.name,))
        after = cursor.fetchone()
        assert before
        assert after
        assert after[0] - before[0] <= 1
        for import_id in (ids[0], ids[-1]):
            cursor.execute("select is_used_lock(%s)", (f"{database.name}.{records.lock_name(import_id)}",))
            assert cursor.fetchone() != (None,)
        HOLD.release(ids[0])
        cursor.execute("select is_used_lock(%s)", (f"{database.name}.{records.lock_name(ids[0])}",))
        assert cursor.fetchone() == (None,)
    for import_id in ids:
        HOLD.release(import_id)


def test_a_hold_whose_connection_broke_is_taken_anew(settings: Settings, database: Database, tmp_path: Path) -> None:
    ids = []
    for number in range(2):
        path = tmp_path / f"{number}.csv"
        path.write_text(f"Name\nPerson Nr{number}\n")
        ids.append(register_file(settings, database, path).import_id)
    with database.connect() as other, other.cursor() as cursor:
        cursor.execute("select is_used_lock(%s)", (f"{database.name}.{records.lock_name(ids[0])}",))
        (session,) = cursor.fetchone() or (None,)
        cursor.execute(f"kill {session:d}")
    (tmp_path / "3.csv").write_text("Name\nPerson Nr3\n")
    ids.append(register_file(settings, database, tmp_path / "3.csv").import_id)
    for import_id in ids:
        assert run(settings, database, import_id).status == "COMPLETE"
