"""Staging for a replay: which records are staged again, and how the outcome is fitted to what is in already.

What is in stays in. A row that the present rules would reject, or of which they see fewer people, keeps what it said
when it was imported, and the error report says so. When replays happen is `replay`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb

from cm_core.compute import sql
from cm_core.errors import ImportFailed
from cm_core.imports import replay_log
from cm_core.imports.corrections import only_rows, overlay, read_mended
from cm_core.imports.reader import Batch
from cm_core.imports.records import ImportRecord
from cm_core.imports.replay_log import Mode, Replay
from cm_core.imports.source import Source
from cm_core.imports.staged import STAGED_TABLES, mended_key, read_staged
from cm_core.imports.staging import Counts
from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store.database import Database

#: The staged table of a full replay that names the rows which the apply of a contacts list has to look at.
CHANGED = "changed"
_REJECTED = """
create or replace table replayed as
select distinct row_number from applied_findings where row_status = 'rejected'
"""
# Rows that repeat one which is in are said to, too; nothing is said of those that are in.
_SEEN = "insert into seen_rows select row_number, hash(raw), strlen(raw) from applied_rows"
_FORGET = "delete from findings where row_number not in (select row_number from replayed)"
_LOST = """
create or replace table lost as
select row_number, 'rejected' as how
from applied_rows
anti join new_rows using (row_number)
"""
_LOST_PARTIES = """
insert into lost
select distinct row_number, 'fewer'
from applied_parties
anti join new_parties using (row_number, party_no)
anti join lost using (row_number)
"""
_SETTLED = """
create or replace table settled_{table} as
select * from new_{table} anti join lost using (row_number)
union all by name
select * from applied_{table} semi join lost using (row_number)
"""
_SETTLED_ERRORS = """
create or replace table settled_findings as
select * from new_findings
union all by name
select f.* from applied_findings as f anti join replayed as r on f.row_number = r.row_number
"""
_ROW_HASHES = "select row_number, hash(t) as h from (select * exclude (import_id) from {prefix}_{table}) as t"
_CHANGED = """
create or replace table changed as
with before as (select row_number, sum(h::hugeint) as h from ({before}) group by row_number),
after as (select row_number, sum(h::hugeint) as h from ({after}) group by row_number)
select a.row_number
from after as a
left join before as b using (row_number)
where a.h is distinct from b.h
"""


@dataclass(frozen=True)
class Restaging:
    """A replay about to be staged.

    `applied` are the parts of the lake with what is in, `corrected` the checksums of the corrected files, in order.
    """

    settings: Settings
    record: ImportRecord
    replay: Replay
    target: str
    applied: tuple[int, ...]
    corrected: tuple[str, ...]

    def batches(self, con: duckdb.DuckDBPyConnection, source: Source) -> Iterator[Batch]:
        """The records to stage, mended ones in the place of the original: all, or those that were rejected.

        Makes `applied_…` and, for errors only, `replayed(row_number)` in `con`.
        """
        self._refuse_another_list(source)
        tables = STAGED_TABLES[self.target]
        read_staged(self.settings, con, self.record.import_id, tables, prefix="applied_", parts=self.applied)
        store, scratch = lake(self.settings), self.settings.scratch_dir / "staged" / self.record.import_id
        paths = [
            str(store.materialize(mended_key(self.record.import_id, sha256), scratch)) for sha256 in self.corrected
        ]
        records: Iterable[Batch] = source.batches()
        if self.replay.mode == Mode.ERRORS_ONLY:
            con.execute(_REJECTED)
            numbers = [row[0] for row in con.execute("select row_number from replayed").fetchall()]
            records = only_rows(records, numbers)
        return iter(overlay(records, read_mended(paths), source.headers))

    def note_repeated(self, con: duckdb.DuckDBPyConnection) -> None:
        """Before repeated rows are looked for: for errors only, those that are in may be repeated as well."""
        if self.replay.mode == Mode.ERRORS_ONLY:
            con.execute(_SEEN)

    def drop_known(self, con: duckdb.DuckDBPyConnection) -> None:
        """After repeated rows were looked for: no findings about rows that are not replayed."""
        if self.replay.mode == Mode.ERRORS_ONLY:
            con.execute(_FORGET)

    def settle(self, con: duckdb.DuckDBPyConnection, folder: Path, counts: Counts) -> Counts:
        """Make the staged files in `folder` those of the replay, and count the import as it will be.

        Raises ImportFailed where the file has another number of rows than it was imported with.
        """
        for table in STAGED_TABLES[self.target]:
            _view(con, f"new_{table}", folder / f"{table}.parquet")
        if self.replay.mode == Mode.ERRORS_ONLY:
            con.execute(_SETTLED_ERRORS)
            _write(con, "settled_findings", folder / "findings.parquet")
            return self._counts(con, "settled_findings")
        if counts.total != self.record.row_count:
            raise ImportFailed(
                f"{self.record.filename}: is read as {counts.total} rows now and was imported with "
                f"{self.record.row_count}, so that its rows cannot be told by their numbers. Nothing was changed. "
                "Undo what was changed in its feed, or import the file under another feed."
            )
        return self._settle_all(con, folder)

    def _settle_all(self, con: duckdb.DuckDBPyConnection, folder: Path) -> Counts:
        con.execute(_LOST)
        if self.target == "contacts":
            con.execute(_LOST_PARTIES)
        settled = "new"
        if con.execute("select count(*) from lost").fetchall()[0][0]:
            settled = "settled"
            con.execute(sql(__package__, "restaging_findings.sql"))
            for table in self._data():
                con.execute(_SETTLED.format(table=table))
            for table in STAGED_TABLES[self.target]:
                _write(con, f"settled_{table}", folder / f"{table}.parquet")
        if self.target == "contacts":
            before, after = (
                " union all ".join(_ROW_HASHES.format(prefix=prefix, table=table) for table in self._data()[1:])
                for prefix in ("applied", settled)
            )
            con.execute(_CHANGED.format(before=before, after=after))
            _write(con, CHANGED, folder / f"{CHANGED}.parquet")
        return self._counts(con, f"{settled}_findings")

    def _data(self) -> list[str]:
        """The staged tables with what rows say, `rows` first."""
        return [table for table in STAGED_TABLES[self.target] if table != "findings"]

    def _counts(self, con: duckdb.DuckDBPyConnection, findings: str) -> Counts:
        total = self.record.row_count or 0
        (rejected,) = con.execute(
            f"select count(distinct row_number) from {findings} where row_status = 'rejected'"
        ).fetchall()[0]
        return Counts(total, total - rejected, rejected)

    def _refuse_another_list(self, source: Source) -> None:
        """Rows are told by number: they must be the rows of the same list in the file."""
        before = (self.record.file_format or {}).get("from")
        if before != source.form.get("from"):
            raise ImportFailed(
                f"{self.record.filename}: feed {self.record.feed!r} takes its rows from elsewhere in the file now, so "
                "that they cannot be told by their numbers. Nothing was changed. Undo what was changed in the feed, or "
                "import the file under another feed."
            )


def restaging(settings: Settings, database: Database, record: ImportRecord, replay: Replay, target: str) -> Restaging:
    """What the replay needs to know of the import and of the corrected files given for it so far."""
    corrected = tuple(
        known.checksum_sha256
        for known in replay_log.replays_of(database, record.import_id)
        if known.checksum_sha256 and (known.status == "COMPLETE" or known.replay_no == replay.replay_no)
    )
    applied = replay_log.applied_parts(database, record.import_id)
    return Restaging(settings, record, replay, target, applied, corrected)


def read_batch(
    settings: Settings, database: Database, con: duckdb.DuckDBPyConnection, import_id: str, tables: tuple[str, ...]
) -> None:
    """Make the staged tables of a contacts import views in `con`; of a full replay, rows it changed or added."""
    with database.connect() as connection:
        replay = replay_log.open_replay(connection, import_id)
    parts = replay_log.parts_to_apply(database, import_id)
    if replay is None or replay.mode != Mode.FULL:
        read_staged(settings, con, import_id, tables, parts=parts)
        return
    read_staged(settings, con, import_id, (CHANGED,), parts=parts)
    read_staged(settings, con, import_id, tables, prefix="whole_", parts=parts)
    for table in tables:
        con.execute(
            f"create or replace view {table} as select * from whole_{table} semi join {CHANGED} using (row_number)"
        )


def _view(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    escaped = str(path).replace("'", "''")
    con.execute(f"create or replace view {name} as from read_parquet('{escaped}')")


def _write(con: duckdb.DuckDBPyConnection, table: str, path: Path) -> None:
    """Write the table, in order of rows, to a Parquet file, in the place of one that is there."""
    escaped = str(path).replace("'", "''")
    con.execute(f"copy (from {table} order by row_number) to '{escaped}' (format parquet, compression zstd)")
