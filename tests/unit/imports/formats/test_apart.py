"""Files that a process of its own reads: the same tables, and no harm where they would end or fill their reader."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from cm_core.errors import FileRejected, ImportFailed
from cm_core.imports.formats import sqlite_file
from cm_core.imports.formats.apart import read_apart
from tests.integration.fuzz.hostile_files import a_sort_without_end, one_string_a_million_times
from tests.unit.imports.formats.test_excel import text, workbook

from .conftest import Found

_LIMIT = 1 << 30


def _database(path: Path, *statements: str) -> Path:
    connection = sqlite3.connect(path)
    for statement in ("create table t (a)", "insert into t values ('x')", *statements):
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


def test_the_tables_are_those_that_the_readers_give(tmp_path: Path) -> None:
    path = _database(tmp_path / "x.db")
    found = Found(read_apart("sqlite", path, tmp_path / "1", max_bytes=_LIMIT))
    assert found.rows("t") == [("x",)]
    (tmp_path / "x.xlsx").write_bytes(workbook({"S": [text("a"), text("1")]}))
    found = Found(read_apart("workbook", tmp_path / "x.xlsx", tmp_path / "2", max_bytes=_LIMIT))
    assert (found.columns("S"), found.rows("S")) == (("a",), [("1",)])
    found = Found(read_apart("workbook", tmp_path / "x.xlsx", tmp_path / "3", header=False, max_bytes=_LIMIT))
    assert found.rows("S") == [("a",), ("1",)]


def test_what_the_readers_refuse_is_refused_in_their_words(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 5000)
    with pytest.raises(FileRejected, match="damaged or cannot be read"):
        read_apart("sqlite", tmp_path / "x.db", tmp_path / "1", max_bytes=_LIMIT)


def test_a_workbook_that_would_fill_the_memory_ends_its_reader_and_nothing_else(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Some hundred kilobytes that stand for thirty gigabytes of text."""
    _, content = one_string_a_million_times(random.Random(1))
    assert len(content) < 1_000_000
    (tmp_path / "x.xlsx").write_bytes(content)
    with pytest.raises(FileRejected, match=r"x\.xlsx needs more than 400 MB of memory .* Export it as CSV") as refused:
        read_apart("workbook", tmp_path / "x.xlsx", tmp_path / "tables", max_bytes=_LIMIT, max_memory_bytes=400 << 20)
    assert len(str(refused.value).splitlines()) == 1
    assert capfd.readouterr() == ("", ""), "what the reader says at its end is nobody's business"


def test_a_view_that_sorts_without_end_is_skipped_and_the_tables_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, content = a_sort_without_end(random.Random(1))
    (tmp_path / "x.db").write_bytes(content)
    monkeypatch.setattr(sqlite_file, "MAX_HEAP_BYTES", 60 << 20)
    # In a process of its own: the limit of the heap is one that is never raised again.
    program = (
        "import sys\nfrom pathlib import Path\nfrom cm_core.imports.formats import sqlite_file\n"
        "sqlite_file.MAX_HEAP_BYTES = 60 << 20\n"
        "found = sqlite_file.read_sqlite(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "print([table.name for table in found.tables], found.notes)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "x.db"), str(tmp_path / "tables")],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "['owners'] (\"The view 'v' cannot be read (it takes too much memory).\",)\n"


#: A view that takes its time.
_SLOW = "create view v as with recursive n(i) as (select 1 union all select i + 1 from n) select i from n where i < 0"


def _readers() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "formats.apart" in " ".join(child.cmdline())]


def _reader() -> psutil.Process:
    for _ in range(1000):
        if found := _readers():
            return found[0]
        time.sleep(0.01)
    raise AssertionError("no reader was started")


def test_a_reader_that_is_killed_fails_the_import_and_is_no_fault_of_the_file(tmp_path: Path) -> None:
    path = _database(tmp_path / "x.db", _SLOW)
    killer = threading.Thread(target=lambda: _reader().send_signal(signal.SIGKILL))
    killer.start()
    with pytest.raises(ImportFailed, match="ended from outside"):
        read_apart("sqlite", path, tmp_path / "tables", max_bytes=_LIMIT)
    killer.join()


def test_a_reader_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    path = _database(tmp_path / "x.db", _SLOW)
    program = (
        "import sys\nfrom pathlib import Path\nfrom cm_core.imports.formats.apart import read_apart\n"
        "read_apart('sqlite', Path(sys.argv[1]), Path(sys.argv[2]), max_bytes=10**9)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(path), str(tmp_path / "tables")]) as parent:
        reader = _reader()
        os.kill(parent.pid, signal.SIGKILL)
    gone, _ = psutil.wait_procs([reader], timeout=20)
    assert gone, "an orphan reads on"
