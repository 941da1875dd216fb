"""The steps of an import, each one call for an asset: check the raw file, stage it, log what was wrong.

Each step is idempotent and may be repeated after a kill. Applying staged rows is `cm_core.upsert` (contacts),
`cm_core.compliance` (do-not-call lists, opt-outs, facts) and `cm_core.touchpoints` (campaigns and touchpoints).
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from cm_core.compute import session
from cm_core.errors import CmError, FileRejected, ImportFailed
from cm_core.imports import records, replay_log, replay_start, reports
from cm_core.imports.chunks import REMEMBERED, StagedChunk, stage_chunks
from cm_core.imports.dialect import sha256_of
from cm_core.imports.feed_catalog import Feed, load_feed
from cm_core.imports.forgotten import clear_copies
from cm_core.imports.known import Known
from cm_core.imports.mapping import Mapping
from cm_core.imports.records import ImportRecord, now
from cm_core.imports.replay_log import Mode, Replay
from cm_core.imports.restaging import Restaging, restaging
from cm_core.imports.schema import check_schema, misnamed
from cm_core.imports.source import Source, open_source
from cm_core.imports.staged import STAGED_TABLES, read_staged, staged_files
from cm_core.imports.staging import Counts, find_repeated, remember_rows, stage_contacts
from cm_core.imports.staging_facts import stage_facts, stage_opt_outs
from cm_core.imports.staging_marks import MARKS, marks_of
from cm_core.imports.staging_numbers import Order, find_repeated_numbers, stage_numbers
from cm_core.imports.staging_suppressions import stage_dnc
from cm_core.imports.staging_touchpoints import stage_campaigns, stage_touchpoints
from cm_core.imports.understanding import Understanding, sample_of, understand
from cm_core.lake import landing_zone
from cm_core.settings import Settings
from cm_core.store.bulk import load
from cm_core.store.database import Database

if TYPE_CHECKING:
    from pymysql.connections import Connection

_STAGING_COLUMNS = (
    "import_id", "row_number", "entity_type", "first_name", "middle_name", "last_name", "name_suffix",
    "organization_name", "email", "phone_e164", "street", "city", "state", "zip", "source_date", "raw",
)  # fmt: skip
_FINDING_COLUMNS = (
    "import_id", "row_number", "error_type", "field_name", "field_value", "error_message", "row_status",
)  # fmt: skip

_STAGING_QUERY = """
with first_rows as (
    select row_number, source_date, raw from rows order by row_number limit ?
)
select
    r.row_number, p.entity_type, p.first_name, p.middle_name, p.last_name, p.name_suffix,
    p.organization_name, e.email, f.phone_e164, (b.a).street, (b.a).city, (b.a).state, (b.a).zip, r.source_date, r.raw
from first_rows as r
left join parties as p on r.row_number = p.row_number and p.party_no = 1
left join (
    select row_number, min(email) as email from emails semi join first_rows using (row_number) group by all
) as e on r.row_number = e.row_number
left join (
    select row_number, min(phone_e164) as phone_e164 from phones semi join first_rows using (row_number) group by all
) as f on r.row_number = f.row_number
left join (
    select row_number, arg_min(struct_pack(street, city, state, zip), address_key) as a
    from addresses
    semi join first_rows using (row_number)
    group by all
) as b on r.row_number = b.row_number
order by r.row_number
"""
_STAGING_QUERY_PLAIN = """
select
    row_number, null::varchar as entity_type, null::varchar as first_name, null::varchar as middle_name,
    null::varchar as last_name, null::varchar as name_suffix, null::varchar as organization_name,
    null::varchar as email, null::varchar as phone_e164, null::varchar as street, null::varchar as city,
    null::varchar as state, null::varchar as zip, source_date, raw
from rows
order by row_number
limit ?
"""
_INSPECTED = """
create table if not exists inspected (
    row_number bigint, entity_type varchar, first_name varchar, middle_name varchar, last_name varchar,
    name_suffix varchar, organization_name varchar, email varchar, phone_e164 varchar, street varchar, city varchar,
    state varchar, zip varchar, source_date timestamp, raw varchar
)
"""
_FINDINGS_QUERY = """
select ? as import_id, row_number, error_type, left(field_name, 128), left(field_value, 2000), error_message, row_status
from findings
order by row_status = 'kept', row_number
limit ?
"""

_FORGET_ROW = "delete from staging_raw_import where import_id = %s and `row_number` = %s"

#: Bytes of a landing file hashed at a time.
_CHUNK = 4 << 20


@dataclass(frozen=True)
class RawResult:
    """What the raw file is. `columns` says which column is which field, what told, and how sure that is.

    `schema` compares them with those of the last import of the same list.
    """

    import_id: str
    filename: str
    location: str
    sha256: str
    size_bytes: int
    file_format: dict[str, Any]
    columns: list[dict[str, Any]]
    schema: dict[str, Any]


@dataclass(frozen=True)
class StageResult:
    """Rows of the file: `rows = staged + rejected`. `findings` counts everything reported, values and rows."""

    import_id: str
    rows: int
    staged: int
    rejected: int
    findings: int
    preview: list[dict[str, Any]]
    mapping: dict[str, Any]


@dataclass(frozen=True)
class OpenFile:
    """A file opened for reading, understood."""

    source: Source
    understood: Understanding
    feed: Feed

    @property
    def mapping(self) -> Mapping:
        """Which column is which field."""
        return self.understood.mapping

    @property
    def staged_tables(self) -> tuple[str, ...]:
        """What staging makes of it."""
        tables = STAGED_TABLES[self.feed.target]
        return (*tables, MARKS) if self.feed.target == "contacts" and marks_of(self.mapping) else tables

    @property
    def is_declared(self) -> bool:
        """Whether the feed names the columns, for want of a header."""
        names = self.feed.columns or self.feed.layouts.get(len(self.source.headers))
        is_named = bool(names) or self.feed.target == "dnc_registry"
        return self.source.form.get("header") is False and is_named

    def as_json(self) -> dict[str, Any]:
        """For `import_metadata.file_format`."""
        return {**self.source.form, **self.mapping.as_json()}

    def columns(self) -> list[dict[str, Any]]:
        """Each column with its field, what told it and how sure that is, for people."""
        uses = {column: use for use in self.mapping.uses for column in use.columns}
        about = {column: use.of for column, use in uses.items() if use.of is not None}
        return [
            {
                "column": header,
                "field": uses[position].field.removeprefix(".") if position in uses else None,
                "how": uses[position].how if position in uses else "kept raw",
                "confidence": uses[position].confidence if position in uses else None,
                "surname_first": position in uses and uses[position].surname_first,
                "of": self.source.headers[about[position]] if position in about else None,
                "by_no": position in uses and uses[position].by_no,
            }
            for position, header in enumerate(self.source.headers)
        ]


def check_raw(settings: Settings, database: Database, import_id: str, *, mode: Mode | None = None) -> RawResult:
    """Read the landing file once: is it there, unchanged, text, and a file of its feed?

    An import whose rows are in is replayed by this step and the ones after it, as `mode` says; without it, a replay
    that is open goes on, and a full one begins where none is.

    Raises UsageError where it cannot be replayed like this, FileRejected (the import is then REJECTED) or ImportFailed
    (FAILED). After a failed replay the import is as it was.
    """
    replay = _begin(database, import_id, mode)
    with failing(settings, database, import_id):
        record = _start(database, import_id)
        by_name = replay is None and record.is_feed_by_name
        with open_landed(settings, record, keep=True, by_name=by_name) as file:
            schema = check_schema(
                database,
                import_id,
                file.feed,
                file.source.headers,
                file.understood,
                declared=file.is_declared,
                warnings=file.source.warnings,
            )
            form = {**(records.FEED_BY_NAME if by_name else {}), **file.as_json(), "schema": schema.as_json()}
            with database.connect() as connection:
                if replay is None:
                    records.set_status(connection, import_id, "VALIDATING", file_format=json.dumps(form))
                elif replay.mode == Mode.FULL:
                    version = file.feed.schema_version
                    replay_log.note(connection, replay, file_format=json.dumps(form), schema_version=version)
                connection.commit()
            if schema.refusal and replay is None:  # a file that is in is not refused for what came after it
                raise FileRejected(schema.refusal)
            return RawResult(
                import_id, record.filename, record.s3_location, record.checksum_sha256, record.file_size_bytes, form,
                file.columns(), schema.as_json(),
            )  # fmt: skip


def stage(
    settings: Settings, database: Database, import_id: str, *, progress: Callable[[int], None] | None = None
) -> StageResult:
    """Type and standardise every row into the lake, and the first ones into `staging_raw_import`.

    `progress` is called with the number of records read so far. Memory does not grow with the file.
    """
    replay = _begin(database, import_id, None)
    with failing(settings, database, import_id):
        record = records.get(database, import_id)
        with (
            open_landed(settings, record, keep=False) as file,
            session(settings, memory_limit=settings.import_memory_limit) as con,
        ):
            if file.understood.refusal:
                raise FileRejected(file.understood.refusal)
            again = restaging(settings, database, record, replay, file.feed.target) if replay else None
            result = stage_file(settings, database, con, file, record, progress or (lambda rows: None), again)
            _fill_staging_table(database, con, record, result, replay)
        return result


def stage_file(
    settings: Settings,
    database: Database,
    con: duckdb.DuckDBPyConnection,
    file: OpenFile,
    record: ImportRecord,
    progress: Callable[[int], None],
    again: Restaging | None = None,
) -> StageResult:
    """The staged tables of the whole file, chunk by chunk, into the lake; and `inspected`, its first rows.

    With `again`, those of a replay.
    """
    counts, findings = Counts(), 0
    preview: list[dict[str, Any]] = []
    remember_rows(con)
    tables = file.staged_tables
    part = again.replay.replay_no if again else 0
    order = Order() if file.source.flat and again is None else None
    with staged_files(settings, record.import_id, part) as staged:
        for chunk in _staged_chunks(settings, database, con, file, record, again):
            counts += chunk.counts
            if order:
                order.see(chunk.tables["dnc"]["number"])
            staged.append({table: chunk.tables[table] for table in tables})
            findings += chunk.tables["findings"].num_rows
            _remember(con, chunk)
            preview = preview or _preview(con, file.feed)
            _keep_for_inspection(con, file.feed, settings.staging_rows_per_import)
            progress(counts.total)
        if counts.total == 0:
            raise FileRejected("The file has a header but no rows.")
        if again:
            again.note_repeated(con)
        find_repeated(con)
        if order and not order.ascends:
            find_repeated_numbers(con, staged.finish("dnc"))
        if again:
            again.drop_known(con)
        repeated = con.sql("from findings order by row_number").to_arrow_table()
        staged.append({"findings": repeated})
        findings += repeated.num_rows
        if again:
            staged.close()
            counts = again.settle(con, staged.folder, counts)
    return StageResult(
        record.import_id, counts.total, counts.staged, counts.rejected, findings, preview, file.mapping.as_json()
    )


def _staged_chunks(
    settings: Settings,
    database: Database,
    con: duckdb.DuckDBPyConnection,
    file: OpenFile,
    record: ImportRecord,
    again: Restaging | None,
) -> Iterator[StagedChunk]:
    """What becomes of the file's records, or of those that are staged again, in order."""
    source = file.source
    if source.flat and again is None:
        return stage_numbers(settings, source.flat, file.feed, file.mapping, source.headers, record.source_date)
    batches = again.batches(con, source) if again else source.batches()
    known = Known(settings, database)
    return stage_chunks(
        settings, batches, lambda session: _stage_chunk(session, file, record, known), file.staged_tables
    )


def _remember(con: duckdb.DuckDBPyConnection, chunk: StagedChunk) -> None:
    """The chunk's tables as views of their names, and what finding repeated rows takes from it."""
    for table, rows in chunk.tables.items():
        con.register(f"chunk_{table}" if table in REMEMBERED or table == "findings" else table, rows)
    for table in REMEMBERED:
        if table in chunk.tables:
            con.execute(f"insert into {table} from chunk_{table}")


def _stage_chunk(con: duckdb.DuckDBPyConnection, file: OpenFile, record: ImportRecord, known: Known) -> Counts:
    """Stage what `source` holds by the rules of the file's feed."""
    headers, date = file.source.headers, record.source_date
    if file.feed.target == "contacts":
        return stage_contacts(con, file.mapping, headers, date, known.forgotten())
    if file.feed.target == "dnc_registry":
        return stage_dnc(con, file.feed, file.mapping, headers, date)
    if file.feed.target == "campaigns":
        return stage_campaigns(con, file.feed, file.mapping, headers, date)
    if file.feed.target == "touchpoints":
        return stage_touchpoints(con, file.feed, file.mapping, headers, date)
    if file.feed.target == "contact_facts":
        return stage_facts(con, file.feed, file.mapping, headers, date, known.persons)
    return stage_opt_outs(con, file.feed, file.mapping, headers, date, record.uploaded_at)


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(con.execute(f"select count(*) from {table}").fetchall()[0][0])


def log_findings(settings: Settings, database: Database, import_id: str) -> int:
    """Copy the staged findings into `import_validation_log` (rejected rows first, up to the setting)."""
    with failing(settings, database, import_id):
        return _log_findings(settings, database, import_id)


def _log_findings(settings: Settings, database: Database, import_id: str) -> int:
    with session(settings) as con:
        parts = replay_log.parts_at_work(database, import_id)
        read_staged(settings, con, import_id, ("findings",), parts=parts)
        with database.connect() as connection:
            with connection.cursor() as cursor:
                cursor.execute("delete from import_validation_log where import_id = %s", (import_id,))
            count = load(
                connection, con, _FINDINGS_QUERY, "import_validation_log", _FINDING_COLUMNS,
                params=(import_id, settings.validation_log_rows_per_import),
            )  # fmt: skip
            clear_copies(connection, import_id)
            connection.commit()
    return count


@contextmanager
def failing(settings: Settings, database: Database, import_id: str) -> Iterator[None]:
    """Hold the import for the step; record on it that the step failed and why.

    REJECTED for a fault of its file, FAILED for anything else. An import whose rows are in from before stays COMPLETE:
    it is the replay that failed. Raises WriterBusy, and records nothing, when another process works on the import.
    """
    records.HOLD.take(database, import_id)
    try:
        yield
    except FileRejected as error:
        _end(settings, database, import_id, "REJECTED", str(error))
        raise
    except CmError as error:
        _end(settings, database, import_id, "FAILED", str(error), retryable=error.retryable)
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        _end(settings, database, import_id, "FAILED", reason)
        raise ImportFailed(f"Import {import_id} failed: {reason}") from error


def _end(
    settings: Settings, database: Database, import_id: str, status: str, reason: str, *, retryable: bool = False
) -> None:
    """Best effort: a database that is down cannot be told; the next run finds the import unfinished."""
    with suppress(CmError):
        with database.connect() as connection:
            if replay := replay_log.open_replay(connection, import_id):
                _give_up(connection, replay, reason, retryable=retryable)
            else:
                records.set_status(connection, import_id, status, status_reason=reason, finished_at=now())
            connection.commit()
        if replay and not retryable:
            _log_findings(settings, database, import_id)
        reports.write(settings, database, import_id)
    with suppress(CmError):
        records.HOLD.release(import_id)


def _give_up(connection: Connection[Any], replay: Replay, reason: str, *, retryable: bool) -> None:
    """The import is what it was before the replay; one that may work the next time stays open for it."""
    if retryable:
        replay_log.note(connection, replay, status_reason=reason)
    else:
        replay_log.close(connection, replay, "FAILED", at=now(), reason=reason)
    records.audit(connection, replay.import_id, "REPLAY_FAILED", detail=f"replay {replay.replay_no}: {reason}")
    reason = f"The import is as it was; its replay ({replay.mode}) failed: {reason}"
    records.set_status(connection, replay.import_id, "COMPLETE", status_reason=reason, finished_at=now())


def _begin(database: Database, import_id: str, mode: Mode | None) -> Replay | None:
    """Hold the import and open its replay, or go on with it; None where nothing of it is in."""
    records.HOLD.take(database, import_id)
    try:
        return replay_start.begin(database, records.get(database, import_id), mode)
    except CmError:
        records.HOLD.release(import_id)
        raise


def _start(database: Database, import_id: str) -> ImportRecord:
    record = records.get(database, import_id)
    with database.connect() as connection:
        records.set_status(
            connection, import_id, "VALIDATING", status_reason=None, started_at=now(), finished_at=None,
            attempt=record.attempt + 1,
        )  # fmt: skip
        connection.commit()
    return record


@contextmanager
def open_landed(settings: Settings, record: ImportRecord, *, keep: bool, by_name: bool = False) -> Iterator[OpenFile]:
    """The landing file of an import, as a local file of its registered content; `by_name` as in `open_file`."""
    if not record.landing_key:
        raise FileRejected(record.status_reason or "The file never reached the landing zone.")
    feed = load_feed(record.feed)
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="raw-", dir=settings.scratch_dir) as scratch:
        path = landing_zone(settings).materialize(record.landing_key, Path(scratch))
        with path.open("rb") as content:
            sha256, _ = sha256_of(iter(lambda: content.read(_CHUNK), b""))
        if sha256 != record.checksum_sha256:
            raise ImportFailed(
                f"{record.s3_location} has changed since it was registered (checksum differs). "
                "Put the new content into the landing zone under another name."
            )
        with _kept_folder(settings, record, keep) as folder:
            yield open_file(path, record.filename, feed, settings, folder, by_name=by_name)


def open_file(
    path: Path, name: str, feed: Feed, settings: Settings, folder: Path, *, by_name: bool = False
) -> OpenFile:
    """The file `path`, called `name`, as `feed` understands it; `folder` as in `open_source`.

    With `by_name`, only its name says that it is of this feed: its columns may not be those of another list.
    Raises FileRejected where there is no list in it. One whose columns will not do says so in `understood.refusal`.
    """
    source = open_source(path, name, feed, settings, folder)
    file = OpenFile(source, Understanding(Mapping((), source.headers)), feed)
    sample = sample_of(source.batches(), len(source.headers))
    understood = understand(source.headers, feed, sample, written=source.written, declared=file.is_declared)
    if by_name and not understood.refusal:
        understood = replace(understood, refusal=misnamed(feed, source.headers, sample))
    return replace(file, understood=understood)


@contextmanager
def _kept_folder(settings: Settings, record: ImportRecord, keep: bool) -> Iterator[Path]:
    """Where a step leaves what it read out of the file for the next one, if it succeeds and there is a next one."""
    folder = settings.scratch_dir / "sources" / f"{record.import_id}-{record.checksum_sha256[:16]}"
    done = False
    try:
        yield folder
        done = True
    finally:
        if not (done and keep):
            shutil.rmtree(folder, ignore_errors=True)


def _keep_for_inspection(con: duckdb.DuckDBPyConnection, feed: Feed, limit: int) -> None:
    """Add rows of the chunk to `inspected` until it has `limit`."""
    query = _STAGING_QUERY if feed.target == "contacts" else _STAGING_QUERY_PLAIN
    con.execute(_INSPECTED)
    missing = limit - _count(con, "inspected")
    if missing > 0:
        con.execute(f"insert into inspected {query}", [missing])


def _fill_staging_table(
    database: Database, con: duckdb.DuckDBPyConnection, record: ImportRecord, result: StageResult, replay: Replay | None
) -> None:
    """Replace the import's rows of `staging_raw_import` and mark it STAGED, in one transaction.

    A replay of errors adds its rows; the counts are the replay's until it is applied.
    """
    import_id = result.import_id
    with database.connect() as connection:
        with connection.cursor() as cursor:
            if replay and replay.mode == Mode.ERRORS_ONLY:
                numbers = con.execute("select row_number from inspected").fetchall()
                cursor.executemany(_FORGET_ROW, [(import_id, number) for (number,) in numbers])
            else:
                cursor.execute("delete from staging_raw_import where import_id = %s", (import_id,))
        load(
            connection, con, "select ? as import_id, * from inspected order by row_number", "staging_raw_import",
            _STAGING_COLUMNS, params=(import_id,),
        )  # fmt: skip
        if replay:
            clear_copies(connection, import_id)
        counted: dict[str, Any] = {"row_count": result.rows, "error_count": result.rejected}
        if replay:
            came = (record.error_count or 0) - result.rejected
            replay_log.note(connection, replay, **counted, brought_in=came)
        records.set_status(connection, import_id, "STAGED", **({} if replay else counted))
        records.audit(connection, import_id, "STAGE", result.staged)
        records.audit(connection, import_id, "REJECT", result.rejected)
        connection.commit()


def _preview(con: duckdb.DuckDBPyConnection, feed: Feed, limit: int = 10) -> list[dict[str, Any]]:
    """The first staged rows, for people."""
    query = {
        "contacts": "select row_number, party_no, entity_type, first_name, middle_name, last_name, organization_name "
        "from parties order by row_number, party_no",
        "dnc_registry": "select * from dnc order by row_number",
        "opt_outs": "select * from opt_outs order by row_number",
        "contact_facts": "select * exclude (fact_key) from contact_facts order by row_number",
        "campaigns": "select * from campaigns order by row_number",
        "touchpoints": "select row_number, touchpoint_type, touchpoint_date, status, phone_e164, email_key, "
        "name_zip_key, campaign_name from touchpoints order by row_number",
    }[feed.target]
    rows: list[dict[str, Any]] = con.sql(f"{query} limit {limit:d}").to_arrow_table().to_pylist()
    return rows
