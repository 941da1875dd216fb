"""A user's request to replay an import: may it be, which rows are mended, and where the corrected file is kept.

The request puts the import back to PENDING with an open replay; the steps of the import's job do the rest
(`pipeline`), whoever runs them: the command line, the sensor after a kill, somebody in the UI.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb

from cm_core.compute import session
from cm_core.errors import FileRejected, UsageError
from cm_core.imports import pipeline, records, registry, replay_log, replay_start, reports
from cm_core.imports.corrections import Mended, Original, read_corrected, write_mended
from cm_core.imports.dialect import Dialect
from cm_core.imports.feed_catalog import load_feed
from cm_core.imports.records import ImportRecord
from cm_core.imports.replay_log import Correction, Mode
from cm_core.imports.staged import mended_key, read_staged
from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store.database import Database

_REJECTED = """
select row_number, any_value(raw_row)
from findings
where row_status = 'rejected' and raw_row is not null
group by row_number
"""
_STAGED = "select raw from rows where row_number = ?"


def request(
    settings: Settings, database: Database, import_id: str, mode: Mode, *, corrected: Path | None = None
) -> bool:
    """Make the import ready to be replayed, held by this process; False where there is nothing to do any more.

    That is when the corrected file was replayed already, or all it says is in. Raises UsageError, saying what to do,
    where the import cannot be replayed like this, and WriterBusy when another process works on it.
    """
    record = records.get(database, import_id)
    replay_start.refuse(record, None)
    if corrected is not None and mode != Mode.ERRORS_ONLY:
        raise UsageError("A corrected file mends rejected rows: give it with --mode errors-only.")
    records.HOLD.take(database, import_id)
    try:
        return _request(settings, database, records.get(database, import_id), mode, corrected)
    except BaseException:
        records.HOLD.release(import_id)
        raise


def _request(settings: Settings, database: Database, record: ImportRecord, mode: Mode, corrected: Path | None) -> bool:
    correction = None
    if corrected is not None:
        correction = _described(corrected)
        if _is_done(database, record.import_id, correction):
            return _nothing_to_do(settings, database, record)
    replay_start.refuse(record, mode)
    if corrected is not None and correction is not None:
        mended = _read(settings, database, record, corrected, correction.filename)
        if not mended:
            return _nothing_to_do(settings, database, record)
        _keep(settings, record.import_id, correction.sha256, mended)
        correction = registry.land_beside(settings, database, record.import_id, corrected, correction)
    replay_start.begin(database, record, mode, correction=correction)
    with database.connect() as connection:
        why = f"replay ({mode}) asked for"
        records.set_status(connection, record.import_id, "PENDING", why=why, status_reason=None)
        connection.commit()
    return True


def _nothing_to_do(settings: Settings, database: Database, record: ImportRecord) -> bool:
    """All is in; reports that a killed process did not come to are written. Always False."""
    if record.checklist_s3 is None:
        reports.write(settings, database, record.import_id)
    records.HOLD.release(record.import_id)
    return False


def _described(path: Path) -> Correction:
    """The corrected file as far as it is known before it has landed."""
    try:
        registry.check_path(path)
    except FileRejected as error:
        raise UsageError(str(error)) from None
    sha256, size = registry.hash_of(path)
    return Correction(registry.readable(path.name)[:255], "", "", size, sha256)


def _is_done(database: Database, import_id: str, correction: Correction) -> bool:
    return any(
        replay.checksum_sha256 == correction.sha256 and replay.status == "COMPLETE"
        for replay in replay_log.replays_of(database, import_id)
    )


def _read(settings: Settings, database: Database, record: ImportRecord, path: Path, name: str) -> list[Mended]:
    """The rejected rows that the corrected file mends."""
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="corrected-", dir=settings.scratch_dir) as folder,
        session(settings) as con,
        _original(settings, database, con, record) as original,
    ):
        return read_corrected(path, name, original, settings, Path(folder))


@contextmanager
def _original(
    settings: Settings, database: Database, con: duckdb.DuckDBPyConnection, record: ImportRecord
) -> Iterator[Original]:
    parts = replay_log.applied_parts(database, record.import_id)
    read_staged(settings, con, record.import_id, ("rows", "findings"), parts=parts)
    with pipeline.open_landed(settings, record, keep=False) as file:
        form = file.source.form
        dialect = None
        if form["format"] == "csv":
            dialect = Dialect(**{name: form[name] for name in Dialect.__dataclass_fields__})
        yield Original(
            file.source.headers, dialect, record.row_count or 0, dict(con.execute(_REJECTED).fetchall()),
            _StagedValues(con), settings.max_field_chars,
        )  # fmt: skip


class _StagedValues(Mapping[int, Mapping[str, str | None]]):
    """What the rows that are in say, looked up one by one."""

    def __init__(self, con: duckdb.DuckDBPyConnection) -> None:
        self._con = con

    def __getitem__(self, number: int) -> Mapping[str, str | None]:
        row = self._con.execute(_STAGED, [number]).fetchone()
        if row is None:
            raise KeyError(number)
        values: dict[str, str | None] = json.loads(row[0])
        return values

    def __iter__(self) -> Iterator[int]:
        return iter(row[0] for row in self._con.execute("select row_number from rows").fetchall())

    def __len__(self) -> int:
        row = self._con.execute("select count(*) from rows").fetchone()
        return int(row[0]) if row else 0


def _keep(settings: Settings, import_id: str, sha256: str, mended: list[Mended]) -> None:
    """The mended rows, as read from the corrected file of this checksum, in the lake."""
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mended-", dir=settings.scratch_dir) as folder:
        path = Path(folder) / "mended.parquet"
        write_mended(mended, path)
        lake(settings).put_file(path, mended_key(import_id, sha256))


def target_of(record: ImportRecord) -> str:
    """The target of the import's feed."""
    return load_feed(record.feed).target
