"""The limit of CM_MAX_FILE_BYTES, for files and for what packed ones unpack to: one byte more is one too many."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from cm_core.imports import records, registry
from cm_core.imports.records import HOLD
from cm_core.lake import landing_zone
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.imports.steps import attempt, column, import_file, unchanged

LIST = b"Name,Phone\n" + b"".join(b"Ann Lee%d,405-232-%04d\n" % (n, n) for n in range(200))


def _zip(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "owners.csv": lambda content: content,
    "owners.csv.gz": gzip.compress,
    "owners.csv.zst": lambda content: bytes(pa.compress(content, "zstd", asbytes=True)),
    "owners.zip": lambda content: _zip({"owners.csv": content}),
}


@pytest.mark.parametrize("name", PACKED)
def test_a_file_of_the_limit_is_taken_and_one_of_a_byte_more_is_not(
    settings: Settings, database: Database, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(PACKED[name](LIST))
    small = settings.model_copy(update={"max_file_bytes": len(LIST) - 1})
    with unchanged(database):
        record, _ = attempt(small, database, path)
    assert record.status == "REJECTED"
    assert record.status_reason is not None
    assert "limit of" in record.status_reason or "CM_MAX_FILE_BYTES" in record.status_reason
    assert not [left for left in settings.scratch_dir.rglob("*") if left.is_file()]
    exact = settings.model_copy(update={"max_file_bytes": len(LIST)})
    assert import_file(exact, database, path).row_count == 200


def test_a_file_over_the_limit_is_not_even_read_in_the_landing_zone(settings: Settings, database: Database) -> None:
    landing = settings.home_dir / "landing"
    landing.mkdir(parents=True)
    (landing / "owners.csv").write_bytes(LIST)
    small = settings.model_copy(update={"max_file_bytes": len(LIST) - 1})
    (found,) = registry.scan_landing(small, database)
    record = records.get(database, found.import_id)
    assert (record.status, record.checksum_sha256) == ("REJECTED", "")
    assert registry.scan_landing(small, database) == []


@pytest.mark.parametrize("files", [2, 20])
def test_the_files_of_an_archive_together_are_held_to_the_limit_of_one(
    settings: Settings, database: Database, tmp_path: Path, files: int
) -> None:
    """Many members of the most allowed size would fill the disk before anybody looks at the first."""
    path = tmp_path / "lists.zip"
    path.write_bytes(_zip({f"{number}.csv": LIST + b"X Y%d,1\n" % number for number in range(files)}))
    whole = sum(len(LIST) + len(b"X Y%d,1\n" % number) for number in range(files))
    small = settings.model_copy(update={"max_file_bytes": whole - 1})
    (found,) = registry.register_files(small, database, path)
    assert records.get(database, found.import_id).filename == "lists.zip"
    record, _ = attempt(small, database, path)
    assert record.status == "REJECTED"
    assert f"holds {files} files" in str(record.status_reason)
    assert not [left for left in settings.scratch_dir.rglob("*") if left.is_file()]

    exact = settings.model_copy(update={"max_file_bytes": whole})
    registered = registry.register_files(exact, database, path)
    for one in registered:
        HOLD.release(one.import_id)
    assert len(registered) == files
    names = column(database, "select filename from import_metadata where status = 'PENDING'")
    assert sorted(names) == sorted(f"{number}.csv" for number in range(files))
    assert len(list(landing_zone(settings).list())) == files + 1
