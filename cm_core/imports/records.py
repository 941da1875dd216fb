"""What the database knows of an import: reading its record, moving it through its states, holding it while at work.

States: PENDING (registered) → VALIDATING (reading the file) → STAGED → APPLYING → COMPLETE; or REJECTED (the file
cannot be an import), FAILED (something else went wrong), DUPLICATE (the same bytes are an import already).
Each change of state is a row of `import_audit_log`. Who may register files is in `registry`.
"""

from __future__ import annotations

import getpass
import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import DictCursor

from cm_core.errors import DatabaseUnavailable, ImportBusy, ImportFailed, UsageError, WriterBusy
from cm_core.imports import replay_log
from cm_core.store.database import Database
from cm_core.store.locks import named_lock

#: States in which work on an import is still to be done.
UNFINISHED = ("PENDING", "VALIDATING", "STAGED", "APPLYING")
#: States that an import can be taken up from again.
RESUMABLE = (*UNFINISHED, "FAILED", "REJECTED")


@dataclass(frozen=True)
class ImportRecord:
    """One row of `import_metadata`. Times are naive UTC; counts are None until known."""

    import_id: str
    feed: str
    filename: str
    source_type: str
    landing_key: str
    s3_location: str
    uploaded_by: str | None
    uploaded_at: datetime
    source_date: datetime
    file_size_bytes: int
    checksum_sha256: str
    schema_version: str | None
    status: str
    status_reason: str | None
    duplicate_of: str | None
    attempt: int
    row_count: int | None
    success_count: int | None
    error_count: int | None
    inserted_count: int | None
    updated_count: int | None
    skipped_count: int | None
    processing_duration_seconds: float | None
    error_log_s3: str | None
    success_report_s3: str | None
    checklist_s3: str | None
    file_format: dict[str, Any] | None
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def is_applied(self) -> bool:
        """Whether its rows are in the canonical tables, whatever has been tried since."""
        return self.inserted_count is not None

    @property
    def is_read(self) -> bool:
        """Whether its file could be opened; then `file_format` says how."""
        return bool((self.file_format or {}).keys() - FEED_BY_NAME.keys())

    @property
    def is_feed_by_name(self) -> bool:
        """Whether nothing but the file's name says which feed it is of."""
        return FEED_BY_NAME.items() <= (self.file_format or {}).items()

    @property
    def reports(self) -> dict[str, str]:
        """Locations of the reports written so far."""
        found = {
            "success_report": self.success_report_s3,
            "error_report": self.error_log_s3,
            "checklist": self.checklist_s3,
        }
        return {name: url for name, url in found.items() if url}

    def as_json(self) -> dict[str, Any]:
        """The form that `cm status --json` and `cm ingest --json` print."""
        return {
            "import_id": self.import_id,
            "filename": self.filename,
            "feed": self.feed,
            "status": self.status,
            "reason": self.status_reason,
            "duplicate_of": self.duplicate_of,
            "total_rows": self.row_count or 0,
            "inserted": self.inserted_count or 0,
            "updated": self.updated_count or 0,
            "skipped": self.skipped_count or 0,
            "errors": self.error_count or 0,
            "duration_sec": self.processing_duration_seconds or 0.0,
            "reports": self.reports,
            "s3_location": self.s3_location,
            "checksum_sha256": self.checksum_sha256,
            "file_size_bytes": self.file_size_bytes,
            "schema_version": self.schema_version,
            "uploaded_by": self.uploaded_by,
            "uploaded_at": self.uploaded_at.isoformat() + "Z",
        }


#: In `file_format`, of an import whose feed was told by the name of its file alone.
FEED_BY_NAME = {"feed_by": "name"}

_COLUMNS = ", ".join(ImportRecord.__dataclass_fields__)
_ACTOR: ContextVar[str | None] = ContextVar("actor", default=None)


@contextmanager
def acting_as(name: str) -> Iterator[None]:
    """Say who does what happens in the block: the actor of `import_audit_log`."""
    token = _ACTOR.set(name)
    try:
        yield
    finally:
        _ACTOR.reset(token)


def actor() -> str:
    """Who is at work: as `acting_as` said, else the system's user."""
    if named := _ACTOR.get():
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def now() -> datetime:
    """The present as naive UTC, the form every time in the database has."""
    return datetime.now(UTC).replace(tzinfo=None)


def get(database: Database, import_id: str) -> ImportRecord:
    """The import called `import_id`. Raises UsageError when there is none."""
    found = find(database, "where import_id = %s", (import_id,))
    if not found:
        raise UsageError(f"There is no import {import_id!r}. `cm status` lists the imports.")
    return found[0]


def latest(database: Database, limit: int = 20) -> list[ImportRecord]:
    """The newest imports, newest first."""
    return find(database, "order by id desc limit %s", (limit,))


def find(database: Database, condition: str, parameters: tuple[Any, ...]) -> list[ImportRecord]:
    """Imports that a `where … order by … limit …` clause selects."""
    with database.connect() as connection, connection.cursor(DictCursor) as cursor:
        cursor.execute(f"select {_COLUMNS} from import_metadata {condition}", parameters)
        return [_record(row) for row in cursor.fetchall()]


def set_status(
    connection: Connection[Any], import_id: str, status: str, *, why: str | None = None, **fields: Any
) -> None:
    """Move an import to `status`, setting further columns; logs the change with the reason, if any. The caller commits.

    The reason is `why`, else the `status_reason` that is set.
    """
    assignments = "".join(f", {name} = %s" for name in fields)
    with connection.cursor() as cursor:
        cursor.execute(
            f"update import_metadata set status = %s, updated_at = %s{assignments} where import_id = %s",
            (status, now(), *fields.values(), import_id),
        )
    audit(connection, import_id, f"STATUS_{status}", detail=why or fields.get("status_reason"))


def note_reason(connection: Connection[Any], import_id: str, reason: str) -> None:
    """Say what people should know of an import that is done; the caller commits."""
    with connection.cursor() as cursor:
        cursor.execute("update import_metadata set status_reason = %s where import_id = %s", (reason, import_id))


def complete(connection: Connection[Any], import_id: str, *, inserted: int, updated: int, skipped: int) -> None:
    """Mark an import COMPLETE with what became of its staged rows; the caller commits, together with the rows.

    A replay may count all its staged rows, or only those that are in for the first time: what became of the others the
    first time stays on record. The replay is COMPLETE with it.

    Raises ImportFailed where the counts do not add up to the rows of the file: then nothing may be committed.
    """
    outcome = require_conserved(connection, import_id, inserted=inserted, updated=updated, skipped=skipped)
    with connection.cursor() as cursor:
        cursor.execute("select started_at from import_metadata where import_id = %s", (import_id,))
        row = cursor.fetchone()
    started = row[0] if row else None
    finished = now()
    fields: dict[str, Any] = {}
    if replay := replay_log.open_replay(connection, import_id):
        fields = {"row_count": replay.row_count, "error_count": replay.error_count}
        fields["checklist_s3"] = None  # the reports are of before: whoever finds none writes them anew
        fields |= replay_log.staged_facts(connection, replay)
        replay_log.close(connection, replay, "COMPLETE", at=finished)
    set_status(
        connection,
        import_id,
        "COMPLETE",
        status_reason=None,
        success_count=sum(outcome),
        inserted_count=outcome[0],
        updated_count=outcome[1],
        skipped_count=outcome[2],
        finished_at=finished,
        processing_duration_seconds=(finished - started).total_seconds() if started else None,
        **fields,
    )


def require_conserved(
    connection: Connection[Any], import_id: str, *, inserted: int, updated: int, skipped: int
) -> tuple[int, int, int]:
    """Rows inserted, updated and skipped, by this apply and by those before it.

    Raises ImportFailed where they and the rejected rows do not add up to the rows of the file.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "select row_count, error_count, inserted_count, updated_count, skipped_count from import_metadata "
            "where import_id = %s",
            (import_id,),
        )
        row = cursor.fetchone()
    total, errors, *earlier = row or (None,) * 5
    before = None if earlier[0] is None else (int(earlier[0]), int(earlier[1] or 0), int(earlier[2] or 0))
    replay = replay_log.open_replay(connection, import_id)
    if replay:
        total, errors = replay.row_count, replay.error_count
    outcome = None
    if total is not None:
        outcome = _together(before, (inserted, updated, skipped), total - (errors or 0), is_replay=replay is not None)
    if outcome is None:
        raise ImportFailed(
            f"Import {import_id}: {inserted} inserted, {updated} updated, {skipped} skipped and {errors} errors do not "
            f"add up to {total} rows. Nothing was changed; stage the import again."
        )
    return outcome


def _together(
    before: tuple[int, int, int] | None, now_: tuple[int, int, int], staged: int, *, is_replay: bool
) -> tuple[int, int, int] | None:
    """Rows inserted, updated and skipped, by this apply and those `before`; None where they are not `staged` rows."""
    if before is None:
        return now_ if sum(now_) == staged else None
    if is_replay and sum(before) + sum(now_) == staged:  # only what is in for the first time
        return before[0] + now_[0], before[1] + now_[1], before[2] + now_[2]
    if sum(now_) != staged:
        return None
    if sum(before) == staged:
        return before  # applied again: what it did the first time stays on record
    inserted = min(before[0] + now_[0], staged)  # a row counts as the most that it ever was
    updated = min(before[1] + now_[1], staged - inserted)
    return inserted, updated, staged - inserted - updated


def audit(
    connection: Connection[Any], import_id: str, operation: str, count: int | None = None, detail: str | None = None
) -> None:
    """Append to `import_audit_log`, with who is at work. The caller commits."""
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into import_audit_log (import_id, operation, record_count, detail, timestamp, actor) "
            "values (%s, %s, %s, %s, %s, %s)",
            (import_id, operation, count, detail, now(), actor()[:255]),
        )


def lock_name(import_id: str) -> str:
    """Name of the database lock that whoever works on the import holds."""
    return f"cm_{import_id}"


class Hold:
    """Imports that this process is working on, each by a database lock that ends with the process.

    All locks of a database are on one connection: a run over hundreds of imports leaves the server's connections to
    others.
    """

    def __init__(self) -> None:
        self._mutex = threading.RLock()
        self._connections: dict[str, Connection[Any]] = {}
        self._held: dict[str, tuple[str, ExitStack]] = {}

    def take(self, database: Database, import_id: str) -> None:
        """Hold the import until `release` or the end of the process; again is no harm.

        Raises WriterBusy when another process works on it.
        """
        with self._mutex:
            if import_id in self._held:
                return
            url = database.url_text(hide_password=False)
            try:
                self._take(database, url, import_id)
            except DatabaseUnavailable:
                if not self._forget(url):
                    raise
                self._take(database, url, import_id)  # the connection was an old one and broken; the server is there

    def release(self, import_id: str) -> None:
        """Let go of the import, if held."""
        with self._mutex:
            url, lock = self._held.pop(import_id, (None, None))
            if lock is not None:
                lock.close()
            if url and not any(url == other for other, _ in self._held.values()):
                self._forget(url)

    def _take(self, database: Database, url: str, import_id: str) -> None:
        if url not in self._connections:
            self._connections[url] = database.connect()
        with ExitStack() as stack:
            try:
                stack.enter_context(named_lock(self._connections[url], lock_name(import_id), timeout_s=0))
            except WriterBusy:
                raise ImportBusy(f"Another process is working on import {import_id}. Wait for it to end.") from None
            self._held[import_id] = (url, stack.pop_all())

    def _forget(self, url: str) -> bool:
        """Close the connection, and with it let go of all that it held; whether there was one."""
        connection = self._connections.pop(url, None)
        self._held = {import_id: held for import_id, held in self._held.items() if held[0] != url}
        if connection is None:
            return False
        with suppress(pymysql.err.Error, OSError):
            connection.close()
        return True


#: The process's holds: the command line and the steps of a run in the same process share them.
HOLD = Hold()


def _record(row: dict[str, Any]) -> ImportRecord:
    row["file_format"] = json.loads(row["file_format"]) if row["file_format"] else None
    duration = row["processing_duration_seconds"]
    row["processing_duration_seconds"] = float(duration) if duration is not None else None
    return ImportRecord(**row)
