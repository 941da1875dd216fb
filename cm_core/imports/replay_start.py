"""When a replay may begin, and how it is opened. Corrected files and the request of a user are `replay`."""

from __future__ import annotations

from cm_core.errors import UsageError
from cm_core.imports import records, replay_log
from cm_core.imports.records import ImportRecord, now
from cm_core.imports.replay_log import Correction, Mode, Replay
from cm_core.store.database import Database


def refuse(record: ImportRecord, mode: Mode | None) -> None:
    """Raise UsageError, saying what to do, where the import cannot be replayed like this."""
    import_id = record.import_id
    if record.status == "DUPLICATE":
        raise UsageError(
            f"Import {import_id} is a duplicate of {record.duplicate_of} and has no rows of its own. "
            f"Replay {record.duplicate_of}."
        )
    if not record.landing_key:
        raise UsageError(
            f"Import {import_id} cannot be replayed: its file was refused before it was stored "
            f"({record.status_reason}). Give the file to `cm ingest`."
        )
    if mode != Mode.ERRORS_ONLY:
        return
    if not record.is_applied:
        raise UsageError(
            f"Import {import_id} is {record.status}: nothing of it is in yet, so there are no errors to replay. "
            "Use --mode full."
        )
    if not record.error_count:
        raise UsageError(f"Import {import_id} has no rejected rows; there is nothing to replay.")


def begin(
    database: Database, record: ImportRecord, mode: Mode | None, *, correction: Correction | None = None
) -> Replay | None:
    """The replay that a run of an import that is held by this process works on; None where nothing of it is in yet.

    Without `mode` a replay that is open goes on, and a full one is opened where none is: an import is never staged
    over what is in. With `mode` an open one of that kind goes on, too, if it has the same corrected file; another one
    is given up. Raises UsageError where the import cannot be replayed like this.
    """
    if not record.is_applied:
        refuse(record, mode)
        return None
    with database.connect() as connection:
        replay = replay_log.open_replay(connection, record.import_id)
        wanted = mode or (replay.mode if replay else Mode.FULL)
        given = correction.sha256 if correction else None
        if replay and replay.mode == wanted and (mode is None or given in (None, replay.checksum_sha256)):
            return replay
        refuse(record, wanted)
        who = records.actor()
        replay = replay_log.begin(connection, record.import_id, wanted, by=who, at=now(), correction=correction)
        detail = f"replay {replay.replay_no}" + (f", corrected rows in {correction.s3_location}" if correction else "")
        records.audit(connection, record.import_id, f"REPLAY_{wanted.name}", detail=detail)
        connection.commit()
    return replay
