"""A whole import with its landing zone and its lake on S3."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from cm_core.errors import StoreError
from cm_core.imports import pipeline, records, registry
from cm_core.imports.records import HOLD
from cm_core.lake import ObjectStore
from cm_core.settings import Settings
from cm_core.store import Database, open_database
from tests.integration.imports.steps import assert_conserved, column, error_report, import_file, run

OWNERS = (
    "Name,Phone,Email,Address,City,State,Zip\n"
    "John Smith,405-555-2345,john@example.org,1 Main St,Norman,OK,73069\n"
    "ACME OIL LLC,(405) 321-4567,,PO Box 7,Ada,OK,74820\n"
    "broken row\n"
)


@pytest.fixture
def database(s3_settings: Settings) -> Database:
    """The database of the settings."""
    return open_database(s3_settings)


def _upload(client: Any, bucket: str, key: str, text: str = OWNERS) -> str:
    """Put an object into today's folder of the landing zone, as an outside system would; its key there."""
    full = f"raw-uploads/{records.now():%Y/%m/%d/%H}/{key}"
    client.put_object(Bucket=bucket, Key=f"landing/{full}", Body=text.encode())
    return full


def test_an_object_becomes_an_import(s3_settings: Settings, database: Database, client: Any, bucket: str) -> None:
    key = _upload(client, bucket, "owners list #1.csv")
    (found,) = registry.scan_landing(s3_settings, database)
    assert registry.scan_landing(s3_settings, database) == []
    record = run(s3_settings, database, found.import_id)
    assert_conserved(s3_settings, database, record)
    assert (record.row_count, record.inserted_count, record.error_count) == (3, 2, 1)
    assert record.s3_location == f"s3://{bucket}/landing/{key}"
    assert [row["error_type"] for row in error_report(s3_settings, record.import_id)] == ["WIDTH"]

    stored = {item["Key"] for item in client.list_objects_v2(Bucket=bucket)["Contents"]}
    assert {url.removeprefix(f"s3://{bucket}/") for url in record.reports.values()} <= stored
    assert f"the lake/staged/{record.import_id}/parties.parquet" in stored
    success = client.get_object(Bucket=bucket, Key=f"the lake/reports/{record.import_id}/success.csv")["Body"].read()
    (row,) = csv.DictReader(io.StringIO(success.decode()))
    assert (row["total_rows"], row["inserted"], row["errors"], row["status"]) == ("3", "2", "1", "COMPLETE")


def test_a_key_that_nobody_can_take_is_named_and_keeps_no_other_away(
    s3_settings: Settings, database: Database, client: Any, bucket: str
) -> None:
    _upload(client, bucket, "/double.csv")  # by an uploader whose folder ends in a slash
    client.put_object(Bucket=bucket, Key=f"landing/raw-uploads/{records.now():%Y/%m/%d}/", Body=b"")  # a folder
    _upload(client, bucket, "owners.csv")
    for _ in range(2):
        told: list[str] = []
        found = registry.scan_landing(s3_settings, database, problems=told)
        assert [records.get(database, one.import_id).filename for one in found] in (["owners.csv"], [])
        assert len(told) == 1
        assert "//double.csv: a part of its name between slashes is blank or dots" in told[0]
    assert [one.filename for one in records.latest(database)] == ["owners.csv"]


def test_all_of_a_bucket_is_looked_at_first_and_every_quarter_of_an_hour(
    s3_settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [5.0]
    monkeypatch.setattr(registry.time, "monotonic", lambda: clock[0])
    seen, real = [], ObjectStore.list

    def listed(self: ObjectStore, prefix: str = "", **more: Any) -> Any:
        seen.append(prefix)
        if len(seen) == 1:
            raise StoreError("the network is gone")
        return real(self, prefix, **more)

    monkeypatch.setattr(ObjectStore, "list", listed)
    with pytest.raises(StoreError):
        registry.scan_landing(s3_settings, database)
    for _ in range(7):
        registry.scan_landing(s3_settings, database)
        clock[0] += 300
    assert [prefix for prefix in seen if not prefix.startswith("raw-uploads")] == [
        "", "", "legacy", "legacy", "", "legacy", "legacy", ""
    ]  # fmt: skip


def test_a_file_from_here_goes_to_the_bucket_and_is_imported_from_there(
    s3_settings: Settings, database: Database, tmp_path: Path, client: Any, bucket: str
) -> None:
    path = tmp_path / "owners.csv"
    path.write_text(OWNERS)
    record = import_file(s3_settings, database, path)
    assert_conserved(s3_settings, database, record)
    stored = client.get_object(Bucket=bucket, Key=f"landing/{record.landing_key}")["Body"].read()
    assert stored == OWNERS.encode()
    assert registry.scan_landing(s3_settings, database) == []
    copy = import_file(s3_settings, database, path)
    assert (copy.status, copy.duplicate_of) == ("DUPLICATE", record.import_id)


def test_a_replaced_object_is_a_new_import_and_the_same_bytes_are_not(
    s3_settings: Settings, database: Database, client: Any, bucket: str
) -> None:
    _upload(client, bucket, "owners.csv")
    (first,) = registry.scan_landing(s3_settings, database)
    run(s3_settings, database, first.import_id)
    _upload(client, bucket, "owners.csv")
    assert registry.scan_landing(s3_settings, database) == []
    _upload(client, bucket, "owners.csv", OWNERS + "Jane Roe,405-555-7777,,,,,\n")
    (second,) = registry.scan_landing(s3_settings, database)
    assert second.status == "PENDING"
    assert run(s3_settings, database, second.import_id).status == "COMPLETE"
    _upload(client, bucket, "copy.csv")
    (copy,) = registry.scan_landing(s3_settings, database)
    assert (copy.status, copy.duplicate_of) == ("DUPLICATE", first.import_id)


def test_staging_again_is_what_the_next_steps_see(s3_settings: Settings, database: Database, tmp_path: Path) -> None:
    """Staged files that were downloaded before must not stand in for the new ones."""
    path = tmp_path / "owners.csv"
    path.write_text(OWNERS)
    import_id = registry.register_file(s3_settings, database, path).import_id
    pipeline.check_raw(s3_settings, database, import_id)
    strict = s3_settings.model_copy(update={"max_field_chars": 12})
    assert pipeline.stage(strict, database, import_id).rejected == 3
    assert pipeline.log_findings(strict, database, import_id) == 3
    pipeline.stage(s3_settings, database, import_id)
    assert pipeline.log_findings(s3_settings, database, import_id) == 1
    HOLD.release(import_id)
    assert_conserved(s3_settings, database, run(s3_settings, database, import_id))


def test_a_missing_bucket_fails_before_anything_is_registered(
    s3_settings: Settings, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "owners.csv"
    path.write_text(OWNERS)
    nowhere = s3_settings.model_copy(update={"landing_url": "s3://no-such-bucket/landing"})
    with pytest.raises(StoreError, match="s3://no-such-bucket/landing") as failed:
        registry.register_file(nowhere, database, path)
    assert "\n" not in str(failed.value)
    with pytest.raises(StoreError, match="s3://no-such-bucket/landing"):
        registry.scan_landing(nowhere, database)
    assert column(database, "select count(*) from import_metadata") == [0]
