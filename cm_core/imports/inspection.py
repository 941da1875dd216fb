"""A file looked at without importing it: the steps of an import up to staging, in a scratch folder that is thrown away.

Nothing is written to the landing zone, the lake or the database. What applying the staged rows would do is asked of
`cm_core.upsert`, `cm_core.compliance` and `cm_core.touchpoints`, with the settings that an inspection carries.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from pydantic import SecretStr
from pymysql.connections import Connection

from cm_core.compute import session, sql
from cm_core.errors import FileRejected, UsageError
from cm_core.imports import pipeline, registry
from cm_core.imports.feed_catalog import feed_names, load_feed
from cm_core.imports.forgotten import privacy_key
from cm_core.imports.naming import Choice, choose_feed
from cm_core.imports.reader import Batch
from cm_core.imports.records import ImportRecord, now
from cm_core.imports.schema import check_schema
from cm_core.imports.source import Source
from cm_core.imports.staged import read_staged, staged_if_any
from cm_core.imports.staging_marks import MARKS
from cm_core.settings import Settings
from cm_core.store.database import Database

#: Rows that are shown as they would be standardised.
PREVIEW_ROWS = 20

_NEXT_ID = "select next_id from id_counters where name = %s"
_FINDINGS = "select error_type, row_status, count(*) from findings group by all order by all"
_NO_MARKS = (
    f"create or replace view {MARKS} as select null::bigint as row_number, null as mark, null as key where false"
)
_REJECTED = """
select row_number, any_value(raw_row), string_agg(error_message, '; ' order by error_message)
from findings
where row_status = 'rejected' and row_number <= ?
group by row_number
"""


@dataclass(frozen=True)
class Foreseen:
    """What would become of the staged rows: those that bring something new, say more of something known, or nothing.

    `keys` counts parties by the key that finds their person (email, phone, name_zip, or new); only people have them.
    """

    inserted: int
    updated: int
    skipped: int
    keys: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Inspection:
    """What a file is, as far as an import would get with it.

    `status` is COMPLETE (an import would do it; then `rows` and so on are known), DUPLICATE or REJECTED, with the
    reason. `by_name`: nothing but the file's name says which feed it is of. `settings` and `import_id` are for asking
    what applying would do.
    """

    filename: str
    settings: Settings
    import_id: str
    feed: str | None = None
    by_name: bool = False
    target: str | None = None
    schema_version: str | None = None
    status: str = "COMPLETE"
    reason: str | None = None
    duplicate_of: str | None = None
    source_date: datetime | None = None
    file_size_bytes: int = 0
    checksum_sha256: str | None = None
    form: dict[str, Any] = field(default_factory=dict)
    columns: list[dict[str, Any]] = field(default_factory=list)
    schema: dict[str, Any] = field(default_factory=dict)
    rows: int = 0
    staged: int = 0
    rejected: int = 0
    only_first_rows: bool = False
    findings: list[dict[str, Any]] = field(default_factory=list)
    preview: list[dict[str, Any]] = field(default_factory=list)

    @property
    def record(self) -> ImportRecord:
        """The record that the import would have, as far as staging and applying read it."""
        values: dict[str, Any] = dict.fromkeys(ImportRecord.__dataclass_fields__)
        known = {
            "import_id": self.import_id, "feed": self.feed, "filename": self.filename, "file_format": self.form,
            "source_date": self.source_date, "uploaded_at": now(), "row_count": self.rows, "error_count": self.rejected,
        }  # fmt: skip
        return ImportRecord(**(values | known))

    def as_json(self, foreseen: Foreseen | None) -> dict[str, Any]:
        """The form that `cm inspect --json` prints; the counts are those that `cm ingest --json` would print."""
        counted = foreseen if foreseen is not None and self.status == "COMPLETE" else Foreseen(0, 0, 0)
        done = self.status == "COMPLETE"
        return {
            "filename": self.filename, "feed": self.feed, "target": self.target, "status": self.status,
            "reason": self.reason, "duplicate_of": self.duplicate_of, "schema_version": self.schema_version,
            "file_size_bytes": self.file_size_bytes, "checksum_sha256": self.checksum_sha256, "format": self.form,
            "columns": self.columns, "schema": self.schema, "only_first_rows": self.only_first_rows,
            "rows": self.rows, "staged": self.staged, "rejected": self.rejected, "findings": self.findings,
            "would": {
                "total_rows": self.rows if done else 0, "inserted": counted.inserted, "updated": counted.updated,
                "skipped": counted.skipped, "errors": self.rejected if done else 0,
            },
            "keys": counted.keys, "preview": self.preview,
        }  # fmt: skip


@contextmanager
def inspect_file(
    settings: Settings,
    database: Database,
    path: Path,
    *,
    feed: str | None = None,
    rows: int | None = None,
    packed_in: str | None = None,
    progress: Callable[[int], None] = lambda rows: None,
) -> Iterator[Inspection]:
    """The file `path`, or its first `rows` rows, as an import of it would find it; staged while the block lasts.

    `packed_in` is the name of the archive it came out of. `progress` is called with the number of records read so far.
    Memory does not grow with the file, scratch space does. A file that cannot be an import is REJECTED with the reason;
    nothing about the file is raised.
    """
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="inspect-", dir=settings.scratch_dir) as name:
        aside = _aside(settings, Path(name))
        found = Inspection(registry.readable(path.name), aside, "")
        try:
            registry.check_path(path)
            found = _identify(settings, database, path, found, Choice(feed) if feed else _choose(path, packed_in))
            if found.status != "REJECTED":
                found = _look(database, path, found, rows, progress)
        except FileRejected as error:
            found = _rejected(found, str(error))
        except _Refused as refused:
            found = _rejected(refused.found, str(refused))
        yield found


class _Refused(Exception):
    """A file whose columns are known, and will not do."""

    def __init__(self, found: Inspection, reason: str) -> None:
        super().__init__(reason)
        self.found = found


def _rejected(found: Inspection, reason: str) -> Inspection:
    """A file that is an import already stays its DUPLICATE: that is seen before it is read."""
    return found if found.status == "DUPLICATE" else replace(found, status="REJECTED", reason=reason)


def _aside(settings: Settings, folder: Path) -> Settings:
    """The settings with every place that is written to inside `folder`; the key that lies in the home goes along."""
    key = privacy_key(settings)
    return settings.model_copy(
        update={
            "home": folder, "landing_url": (folder / "landing").as_uri(), "lake_url": (folder / "lake").as_uri(),
            "privacy_key": SecretStr(key.secret.decode()) if key else None,
        }
    )  # fmt: skip


def _choose(path: Path, packed_in: str | None) -> Choice:
    return choose_feed(*registry.names_of(path), *([packed_in] if packed_in else []))


def _identify(settings: Settings, database: Database, path: Path, found: Inspection, choice: Choice) -> Inspection:
    """What registering the file would come to."""
    sha256, size = registry.hash_of(path)
    chosen = choice.feed
    modified = min(datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None), now())
    found = replace(
        found, feed=chosen, by_name=choice.by_name, checksum_sha256=sha256, file_size_bytes=size, source_date=modified
    )
    if chosen in feed_names():
        declared = load_feed(chosen)
        found = replace(found, target=declared.target, schema_version=declared.schema_version)
    reason = registry.refusal(settings, choice, size)
    with database.connect() as connection:
        known = registry.same_bytes(connection, sha256, chosen, found.filename, refused=reason is not None)
        found = replace(found, import_id=known[0] if known else _next_import_id(connection))
    if known and known[1] == "COMPLETE":
        return replace(
            found, status="DUPLICATE", duplicate_of=known[0],
            reason=f"The same bytes are import {known[0]}; nothing to do.",
        )  # fmt: skip
    return replace(found, status="REJECTED", reason=reason) if reason else found


def _next_import_id(connection: Connection[Any]) -> str:
    """The id that an import would get if it were registered now."""
    day = now().strftime("%Y_%m_%d")
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_ID, (f"imp_{day}",))
        row = cursor.fetchone()
    return f"imp_{day}_{row[0] if row else 1:03d}"


def _look(
    database: Database, path: Path, found: Inspection, rows: int | None, progress: Callable[[int], None]
) -> Inspection:
    """Check and stage the file as `pipeline.check_raw` and `pipeline.stage` do."""
    assert found.feed is not None
    settings = found.settings
    feed = load_feed(found.feed)
    try:
        folder = settings.scratch_dir / "source"
        file = pipeline.open_file(path, found.filename, feed, settings, folder, by_name=found.by_name)
    except UsageError as error:  # a `select` that cannot be meant
        raise FileRejected(str(error)) from error
    schema = check_schema(
        database,
        found.import_id,
        feed,
        file.source.headers,
        file.understood,
        declared=file.is_declared,
        warnings=file.source.warnings,
    )
    found = replace(found, form=file.source.form, columns=file.columns(), schema=schema.as_json())
    if schema.refusal:
        raise _Refused(found, schema.refusal)
    limited = _First(file.source, rows)
    try:
        with session(settings, memory_limit=settings.import_memory_limit) as con:
            staged = pipeline.stage_file(
                settings, database, con, replace(file, source=limited.source), found.record, progress
            )
    except FileRejected as error:
        raise _Refused(found, str(error)) from error
    with session(settings, memory_limit=settings.import_memory_limit) as con:
        read_staged(settings, con, found.import_id, ("findings",))
        findings = [
            {"error_type": kind, "row_status": status, "count": count}
            for kind, status, count in con.execute(_FINDINGS).fetchall()
        ]
        preview = _preview(settings, con, found)
    return replace(
        found, rows=staged.rows, staged=staged.staged, rejected=staged.rejected, findings=findings, preview=preview,
        only_first_rows=limited.cut,
    )  # fmt: skip


class _First:
    """A source cut off after its first rows; `cut` says whether there was something to cut."""

    def __init__(self, source: Source, rows: int | None) -> None:
        self._source, self._rows, self.cut = source, rows, False
        self.source = source if rows is None else replace(source, batches=self._batches, flat=None)

    def _batches(self) -> Iterator[Batch]:
        assert self._rows is not None
        left = self._rows
        for batch in self._source.batches():
            if left == 0:
                self.cut = True
                return
            numbers = sorted([*batch.table["row_number"].to_pylist(), *(row.row_number for row in batch.bad)])
            if len(numbers) <= left:
                left -= len(numbers)
                yield batch
                continue
            last, left, self.cut = numbers[left - 1], 0, True
            kept = sum(1 for number in batch.table["row_number"].to_pylist() if number <= last)
            yield Batch(batch.table.slice(0, kept), tuple(row for row in batch.bad if row.row_number <= last))
            return


def _preview(settings: Settings, con: duckdb.DuckDBPyConnection, found: Inspection) -> list[dict[str, Any]]:
    """The first rows: raw, and standardised or the reason why not."""
    if found.target == "contacts":
        tables: tuple[str, ...] = ("rows", "parties", "phones", "emails", "addresses", "identifiers")
        if staged_if_any(settings, found.import_id, MARKS):
            tables = (*tables, MARKS)
        else:
            con.execute(_NO_MARKS)
        query = sql("cm_core.imports", "preview_people.sql")
    else:
        name = {"dnc_registry": "dnc"}.get(str(found.target), str(found.target))
        tables = ("rows", name)
        query = (
            "select r.row_number, r.raw, to_json(list(t))::varchar "
            f"from rows as r left join (select * exclude (import_id) from {name}) as t on r.row_number = t.row_number "
            "where r.row_number <= ? group by r.row_number, r.raw"
        )
    read_staged(settings, con, found.import_id, tables)
    shown = [
        {"row_number": number, "raw": _values(raw), "standardised": _plain(json.loads(text)), "rejected": None}
        for number, raw, text in con.execute(query, [PREVIEW_ROWS]).fetchall()
    ]
    shown += [
        {"row_number": number, "raw": _values(raw), "standardised": None, "rejected": reason}
        for number, raw, reason in con.execute(_REJECTED, [PREVIEW_ROWS]).fetchall()
    ]
    return sorted(shown, key=lambda row: row["row_number"])


def _values(raw: str | None) -> Any:
    """A raw row as its columns with a value; the text itself where it could not be taken apart."""
    try:
        values = json.loads(raw or "")
    except ValueError:
        return raw
    return {name: value for name, value in values.items() if value} if isinstance(values, dict) else raw


def _plain(standardised: Any) -> Any:
    """Without what is not there; of a list of one its only item."""
    if isinstance(standardised, list):
        items = [_plain(item) for item in standardised if item is not None]
        return items[0] if len(items) == 1 and isinstance(items[0], dict) else items
    if isinstance(standardised, dict):
        return {
            name: value for name, value in standardised.items() if value not in (None, [], "") and name != "row_number"
        }
    return standardised
