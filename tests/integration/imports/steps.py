"""Running imports step by step without the orchestrator, and reading back what became of them."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cm_core import compliance, touchpoints, upsert
from cm_core.errors import CmError
from cm_core.imports import pipeline, records, registry, reports
from cm_core.imports.feed_catalog import load_feed
from cm_core.imports.records import HOLD, ImportRecord
from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.store.tables import CANONICAL_TABLES, metadata

#: Real files that nobody on this project wrote. Read at import: a fixture takes all CM_ variables away.
SHARED_DATA = Path(os.environ.get("CM_SHARED_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")

_APPLY: dict[str, Callable[[Settings, Database, str], object]] = {
    "contacts": upsert.apply,
    "dnc_registry": compliance.apply_dnc,
    "opt_outs": compliance.apply_opt_outs,
    "contact_facts": compliance.apply_facts,
    "campaigns": touchpoints.apply_campaigns,
    "touchpoints": touchpoints.apply_touchpoints,
}
#: Columns that say when a row was written, not what it says.
_WRITTEN = {"created_at", "updated_at", "merged_at"}


def run(settings: Settings, database: Database, import_id: str) -> ImportRecord:
    """The steps of the import job after registration; what they raise is raised."""
    try:
        pipeline.check_raw(settings, database, import_id)
        pipeline.stage(settings, database, import_id)
        pipeline.log_findings(settings, database, import_id)
        feed = load_feed(records.get(database, import_id).feed)
        _APPLY[feed.target](settings, database, import_id)
        reports.write(settings, database, import_id)
    finally:
        HOLD.release(import_id)
    return records.get(database, import_id)


def import_file(settings: Settings, database: Database, path: Path, *, feed: str | None = None) -> ImportRecord:
    """Register `path` and import it; the record at the end. What goes wrong is raised."""
    registration = registry.register_file(settings, database, path, feed=feed)
    if registration.status == "PENDING":
        return run(settings, database, registration.import_id)
    return records.get(database, registration.import_id)


def attempt(
    settings: Settings, database: Database, path: Path, *, feed: str | None = None
) -> tuple[ImportRecord, CmError | None]:
    """Like `import_file`, for files that may not get through: the record, and the error that ended the import."""
    registration = registry.register_file(settings, database, path, feed=feed)
    error = None
    if registration.status == "PENDING":
        try:
            run(settings, database, registration.import_id)
        except CmError as raised:
            error = raised
    return records.get(database, registration.import_id), error


def counts(record: ImportRecord) -> tuple[int | None, ...]:
    """(total, inserted, updated, skipped, errors)."""
    return (
        record.row_count, record.inserted_count, record.updated_count, record.skipped_count, record.error_count,
    )  # fmt: skip


def error_report(settings: Settings, import_id: str) -> list[dict[str, str]]:
    """The rows of an import's error report."""
    text = lake(settings).get_bytes(f"error-logs/{import_id}_errors.csv").decode()
    csv.field_size_limit(2**31 - 1)
    return list(csv.DictReader(io.StringIO(text, newline="")))


def query(database: Database, statement: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """The rows of one statement."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statement, tuple(parameters))
        return list(cursor.fetchall())


def column(database: Database, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
    """The only column of one statement."""
    return [value for (value,) in query(database, statement, parameters)]


def checksum(database: Database) -> dict[str, tuple[int, int]]:
    """Number of rows and checksum of each canonical table, all as of one moment.

    The times of writing, the day within import ids and ids that the server counts are left out: they differ between
    two runs that did the same.
    """
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("set transaction isolation level repeatable read")
        cursor.execute("start transaction with consistent snapshot")
        result = {}
        for name in CANONICAL_TABLES:
            cursor.execute(
                "select count(*), coalesce(bit_xor(cast(conv(left(sha2(row_text, 256), 16), 16, 10) as unsigned)), 0) "
                f"from (select concat_ws('|', {_row_text(name)}) as row_text from {name}) as t"
            )
            result[name] = tuple(cursor.fetchall()[0])
    return result


def _row_text(table: str) -> str:
    texts = []
    for found in metadata.tables[table].columns:
        if found.name in _WRITTEN or found.autoincrement is True:
            continue
        value = f"right({found.name}, 3)" if found.name.endswith("import_id") else f"`{found.name}`"
        texts.append(f"ifnull(convert({value} using binary), '~null~')")
    return ", ".join(texts)


def traced_rows(database: Database, import_id: str) -> set[int]:
    """Source rows that are some person's."""
    return set(column(database, "select distinct `row_number` from person_sources where import_id = %s", (import_id,)))


def rejected_rows(settings: Settings, import_id: str) -> set[int]:
    """Source rows that the error report says are out."""
    return {int(row["row_number"]) for row in error_report(settings, import_id) if row["row_status"] == "rejected"}


def assert_conserved(settings: Settings, database: Database, record: ImportRecord) -> None:
    """The first invariant: every row of the file is counted once, and is a person's or in the error report."""
    assert record.status == "COMPLETE", record.status_reason
    total, *parts = counts(record)
    assert total is not None
    assert sum(part or 0 for part in parts) == total
    rejected = rejected_rows(settings, record.import_id)
    assert len(rejected) == record.error_count
    traced = traced_rows(database, record.import_id)
    assert not traced & rejected
    assert traced | rejected == set(range(1, total + 1))


def csv_text(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A comma separated file with a header."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


@contextmanager
def unchanged(database: Database) -> Iterator[None]:
    """Whatever happens inside, the canonical tables are the same afterwards."""
    before = checksum(database)
    yield
    assert checksum(database) == before
