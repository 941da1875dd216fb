"""What the database knows of the replays of an import: one row each in `import_replays`, and where its rows lie.

An import's staged rows lie in parts: part 0 is the import itself, part n its n-th replay. A full replay stages every
row anew, one of errors only stages the rows that were rejected; so what counts is the last full one (or part 0) and the
parts after it. A replay counts once it is COMPLETE, which it becomes in the transaction of its apply: there is no
moment at which staged rows and canonical tables disagree. How a replay is asked for is `replay`, how it is staged
`restaging`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pymysql.connections import Connection
from pymysql.cursors import DictCursor

from cm_core.store.database import Database


class Mode(StrEnum):
    """What is replayed: the whole import, or its rejected rows."""

    FULL = "full"
    ERRORS_ONLY = "errors-only"


@dataclass(frozen=True)
class Correction:
    """A file with mended rows in the landing zone."""

    filename: str
    landing_key: str
    s3_location: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Replay:
    """One replay. Times are naive UTC; counts are None until it is staged."""

    import_id: str
    replay_no: int
    mode: Mode
    status: str
    status_reason: str | None
    requested_by: str | None
    requested_at: datetime
    finished_at: datetime | None
    corrected_filename: str | None
    s3_location: str | None
    checksum_sha256: str | None
    row_count: int | None
    error_count: int | None
    brought_in: int | None

    def as_json(self) -> dict[str, Any]:
        """The form that `cm replay --json` and `cm status --json` print."""
        return {
            "replay_no": self.replay_no,
            "mode": str(self.mode),
            "status": self.status,
            "reason": self.status_reason,
            "requested_by": self.requested_by,
            "requested_at": self.requested_at.isoformat() + "Z",
            "corrected_file": self.corrected_filename,
            "corrected_location": self.s3_location,
            "brought_in": self.brought_in,
        }


_COLUMNS = ", ".join(Replay.__dataclass_fields__)
_INSERT = """
insert into import_replays
    (import_id, replay_no, mode, status, requested_by, requested_at, corrected_filename, landing_key, s3_location,
     file_size_bytes, checksum_sha256)
values (%s, %s, %s, 'OPEN', %s, %s, %s, %s, %s, %s, %s)
"""
_COUNT = "update import_replays set {assignments} where import_id = %s and replay_no = %s"
_APPLIED = """
select import_id, replay_no, mode
from import_replays
where status = 'COMPLETE'
order by import_id, replay_no
"""


def replays_of(database: Database, import_id: str) -> list[Replay]:
    """All replays of an import, first to last."""
    with database.connect() as connection:
        return _find(connection, import_id)


def open_replay(connection: Connection[Any], import_id: str) -> Replay | None:
    """The replay under way, or broken off and to be taken up again; at most one."""
    return next((replay for replay in _find(connection, import_id) if replay.status == "OPEN"), None)


def begin(
    connection: Connection[Any], import_id: str, mode: Mode, *, by: str, at: datetime, correction: Correction | None
) -> Replay:
    """A new open replay; one that is open is closed as FAILED, given up for it. The caller commits."""
    known = _find(connection, import_id)
    for replay in known:
        if replay.status == "OPEN":
            close(connection, replay, "FAILED", at=at, reason="Given up for another replay.")
    number = known[-1].replay_no + 1 if known else 1
    given = (
        (correction.filename, correction.landing_key, correction.s3_location, correction.size_bytes, correction.sha256)
        if correction
        else (None,) * 5
    )
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, (import_id, number, str(mode), by, at, *given))
    return _find(connection, import_id)[-1]


def note(connection: Connection[Any], replay: Replay, **fields: Any) -> None:
    """Set columns of the replay's row; the caller commits."""
    assignments = ", ".join(f"{name} = %s" for name in fields)
    with connection.cursor() as cursor:
        cursor.execute(_COUNT.format(assignments=assignments), (*fields.values(), replay.import_id, replay.replay_no))


def close(connection: Connection[Any], replay: Replay, status: str, *, at: datetime, reason: str | None = None) -> None:
    """Mark the replay COMPLETE or FAILED; the caller commits."""
    note(connection, replay, status=status, status_reason=reason, finished_at=at)


def staged_facts(connection: Connection[Any], replay: Replay) -> dict[str, Any]:
    """What staging noted of a replay that `import_metadata` takes over: file_format and schema_version."""
    with connection.cursor(DictCursor) as cursor:
        cursor.execute(
            "select file_format, schema_version from import_replays where import_id = %s and replay_no = %s",
            (replay.import_id, replay.replay_no),
        )
        return {name: value for name, value in (cursor.fetchone() or {}).items() if value is not None}


def applied_parts(database: Database, import_id: str) -> tuple[int, ...]:
    """The parts of the lake that hold what the canonical tables have of an import."""
    with database.connect() as connection:
        found = _find(connection, import_id)
    return _parts((replay.replay_no, replay.mode) for replay in found if replay.status == "COMPLETE")


def all_applied_parts(database: Database) -> dict[str, tuple[int, ...]]:
    """`applied_parts` of every import that was replayed; the others have part 0 alone."""
    by_import: dict[str, list[tuple[int, str]]] = {}
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(_APPLIED)
        for import_id, number, mode in cursor.fetchall():
            by_import.setdefault(import_id, []).append((number, mode))
    return {import_id: _parts(found) for import_id, found in by_import.items()}


def parts_to_apply(database: Database, import_id: str) -> tuple[int, ...]:
    """The parts whose rows an apply brings in: those of the open replay alone, else all that count."""
    with database.connect() as connection:
        replay = open_replay(connection, import_id)
    return (replay.replay_no,) if replay else applied_parts(database, import_id)


def parts_at_work(database: Database, import_id: str) -> tuple[int, ...]:
    """The parts that will count once the open replay is COMPLETE; without one, those that do."""
    applied = applied_parts(database, import_id)
    with database.connect() as connection:
        replay = open_replay(connection, import_id)
    if replay is None:
        return applied
    return (replay.replay_no,) if replay.mode == Mode.FULL else (*applied, replay.replay_no)


def _parts(complete: Iterable[tuple[int, str]]) -> tuple[int, ...]:
    parts: tuple[int, ...] = (0,)
    for number, mode in complete:
        parts = (number,) if mode == Mode.FULL else (*parts, number)
    return parts


def _find(connection: Connection[Any], import_id: str) -> list[Replay]:
    with connection.cursor(DictCursor) as cursor:
        cursor.execute(f"select {_COLUMNS} from import_replays where import_id = %s order by replay_no", (import_id,))
        return [Replay(**{**row, "mode": Mode(row["mode"])}) for row in cursor.fetchall()]
