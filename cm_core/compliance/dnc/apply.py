"""Bring a staged do-not-call list into force: its numbers into the lake, then, in one transaction, everything else.

The files of the lake are written first, under keys of their own; that they are in force is a matter of rows in MySQL,
which come in together. Killed at any instant, the version before is in force, and the same import again completes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
from pymysql.connections import Connection

from cm_core.compliance.applying import WRITER_TIMEOUT_S, ApplyCounts, Finish
from cm_core.compliance.dnc import files, held, statements, versions
from cm_core.compliance.dnc.drafts import Draft, draft
from cm_core.compliance.dnc.lists import AreaList, in_force
from cm_core.compliance.dnc.obtained import list_obtained_at
from cm_core.compliance.dnc.refusal import refusal
from cm_core.compliance.dnc.sets import Numbers
from cm_core.compliance.dnc.staged import SaidList, read_said
from cm_core.compliance.rule_book import load_rules
from cm_core.compute import scratch, session
from cm_core.errors import FileRejected
from cm_core.imports import pipeline, records
from cm_core.imports.records import ImportRecord
from cm_core.imports.replay_log import open_replay, parts_at_work
from cm_core.imports.staged import staged_paths
from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.store.locks import WRITER_LOCK, named_lock, retry_deadlocks, transaction


@dataclass
class Drafted:
    """What becomes of one list of an import, its files in the lake already: `files` has key and numbers by area code.

    The drafts are without their numbers. `refreshed` are the area codes whose list is newer or the first one, of which
    people here have `held_there` numbers.
    """

    said: SaidList
    drafts: list[Draft] = field(default_factory=list)
    files: dict[str, tuple[str, int]] = field(default_factory=dict)
    refreshed: list[str] = field(default_factory=list)
    held_there: int = 0

    def sum_of(self, what: str) -> int:
        """The added, removed or dated numbers of all area codes."""
        return sum(int(getattr(each, what)) for each in self.drafts)

    def counts(self) -> Counter[str]:
        """Source rows by what they brought."""
        updated = self.sum_of("dated") + (self.sum_of("removed") if self.said.is_change_list else 0)
        return Counter(inserted=self.sum_of("added"), updated=updated, rows=self.said.rows)


def apply_dnc(settings: Settings, database: Database, import_id: str, *, finish: Finish | None = None) -> ApplyCounts:
    """Bring the staged do-not-call list of an import into force, by list (`source`) and area code.

    A row is inserted (its number is new to its list), updated (a later listing date; a number that a list of changes
    took out) or skipped (known, repeated in the file, or of a list that is older than the one in force). The list's
    version is a row of `dnc_list_versions`, in force where `dnc_area_coverage` says so; `dnc_registry` has the rows of
    numbers that people here have. The same import again changes nothing. What was not believed of a list, and why, is
    the import's `status_reason`.

    Raises FileRejected where the list is not to be believed as a whole (its version is REFUSED), WriterBusy, StoreError
    or DatabaseUnavailable; what is in force stays so.
    """
    with (
        pipeline.failing(settings, database, import_id),
        session(settings, memory_limit=settings.import_memory_limit) as con,
        scratch(settings, "dnc") as folder,
        closing(database.connect()) as connection,
    ):
        records.set_status(connection, import_id, "APPLYING")
        connection.commit()
        record = _with_counts_of_replay(connection, records.get(database, import_id))
        parts = parts_at_work(database, import_id)
        said = read_staged_lists(settings, con, record, parts, folder)
        if not versions.is_accepted(connection, record) and (reason := refusal(settings, con, record, parts, said)):
            versions.refuse(connection, record, said, reason)
            raise FileRejected(reason)

        @retry_deadlocks
        def write() -> ApplyCounts:
            with named_lock(connection, WRITER_LOCK, timeout_s=WRITER_TIMEOUT_S):
                connection.commit()  # what is in force is asked for now
                con.execute("drop table if exists delta")
                held.create_delta(con)
                drafted = [_draft_all(settings, connection, con, each, record) for each in said]
                with transaction(connection):
                    return _write(connection, con, record, drafted, finish)

        return write()


def _with_counts_of_replay(connection: Connection[Any], record: ImportRecord) -> ImportRecord:
    """The record with the rows and bad rows of the replay under way, if there is one."""
    replay = open_replay(connection, record.import_id)
    return replace(record, row_count=replay.row_count, error_count=replay.error_count) if replay else record


def read_staged_lists(
    settings: Settings, con: duckdb.DuckDBPyConnection, record: ImportRecord, parts: Sequence[int], folder: Path
) -> list[SaidList]:
    """What the staged rows say, put aside in `folder`."""
    paths = staged_paths(settings, record.import_id, "dnc", parts)
    return read_said(con, paths, folder, list_obtained_at(record))


class _Files:
    """Reads what is in force of a list, and puts drafts into the lake under keys that no version has."""

    def __init__(self, settings: Settings, connection: Connection[Any], said: SaidList, import_id: str) -> None:
        self._settings = settings
        self._source = said.source
        self._import_id = import_id
        condition, areas = statements.of_areas(list(said.area_codes))
        with connection.cursor() as cursor:
            cursor.execute(statements.FILES.format(condition=condition), (said.source, *areas, said.source, *areas))
            found = list(cursor.fetchall())
        self._taken = {key for _, key, _ in found}
        #: Area codes of which the import's version is known already.
        self.known = {area for area, _, known in found if known == import_id}

    def read(self, known: AreaList) -> Numbers:
        return files.read(self._settings, known.lake_key)

    def write(self, drafted: Draft, known: AreaList | None) -> str:
        if not drafted.is_changed and known is not None:
            return known.lake_key
        key = files.area_key(self._source, drafted.area_code, self._import_id, taken=self._taken)
        files.write(self._settings, drafted.numbers, key)
        return key


def _draft_all(
    settings: Settings,
    connection: Connection[Any],
    con: duckdb.DuckDBPyConnection,
    said: SaidList,
    record: ImportRecord,
) -> Drafted:
    """Decide about each area code of a list, write its file, and find what changes of the numbers held."""
    areas = sorted(said.area_codes)
    known = {each.area_code: each for each in in_force(connection, areas) if each.source == said.source}
    ours = held.HeldNumbers(connection, con, said.source, areas)
    lake = _Files(settings, connection, said, record.import_id)
    result = Drafted(said)
    shrink = load_rules().term("dnc_max_shrink", said.obtained_at.date()).value
    for area in areas:
        before = known.get(area)
        made = draft(said, area, before, lake.read, max_shrink_percent=shrink)
        if made.place == "older" and area in lake.known:
            made = replace(made, place="nothing")
        if made.place != "nothing":
            result.files[area] = (lake.write(made, before), len(made.numbers))
        if made.place in ("current", "additions"):
            ours.see(made.numbers, made.said, takes_out=not made.is_first and made.place == "current", area_code=area)
        if made.place == "current" and (before is None or not before.is_held or made.obtained_at > before.obtained_at):
            result.refreshed.append(area)
        result.drafts.append(replace(made, numbers=Numbers.none(), said=Numbers.none()))
    ours.find_changes(said.source, record.import_id, said.obtained_at)
    result.held_there = held.held_in(ours.held, result.refreshed)
    return result


def _write(
    connection: Connection[Any],
    con: duckdb.DuckDBPyConnection,
    record: ImportRecord,
    drafted: Sequence[Drafted],
    finish: Finish | None,
) -> ApplyCounts:
    """All rows of MySQL, in the caller's transaction."""
    total: Counter[str] = Counter()
    notes: list[str] = []
    for each in drafted:
        total += each.counts()
        first = versions.is_first(connection, record, each.said.source)
        notes += versions.write(connection, record, each)
        held.note_new_coverage(connection, each.refreshed, each.held_there, is_first=first)
    marked = held.write_changes(connection, con)
    counts = ApplyCounts(total["inserted"], total["updated"], total["rows"] - total["inserted"] - total["updated"])
    for operation, count, detail in (
        ("INSERT", counts.inserted, "dnc_registry"),
        ("UPDATE", counts.updated, "dnc_registry"),
        ("SKIP", counts.skipped, "dnc_registry"),
        ("UPDATE", marked, "phone_numbers.dnc_status"),
    ):
        records.audit(connection, record.import_id, operation, count, detail)
    if finish is not None:
        finish(connection, counts)
    records.complete(
        connection, record.import_id, inserted=counts.inserted, updated=counts.updated, skipped=counts.skipped
    )
    if notes:
        records.note_reason(connection, record.import_id, versions.in_short(notes))
    return counts
