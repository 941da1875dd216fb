"""One slice: read it, write it as Parquet, hold it against what the source says of it, let it land.

A slice has landed with everything, or nothing of it is in the landing zone. Which slices there are is in `plan`.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import tenacity

from cm_core.compute import session
from cm_core.errors import DatabaseUnavailable
from cm_core.extract.plan import Plan
from cm_core.extract.source import ExtractFailed, Snapshot, Source
from cm_core.extract.statements import Aggregate, facts_statement, file_checksum, joint_statement, rows_statement
from cm_core.lake import lake, landing_zone
from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.store.locks import named_lock

_TRIES = 5
_FILE_FACTS = "select count(*), {checksum} from read_parquet(?)"
_ILL_FORMED = "Some text was not well-formed; it landed as 0x and the hexadecimal digits of its bytes."


class _NotUtf8(Exception):
    """The source sent text that is not UTF-8."""


@dataclass(frozen=True)
class SliceResult:
    """A slice that has landed. `rows` and `checksum` (hexadecimal) are the source's own, and the file's.

    A slice without rows has no file: `landing_key` is empty. `note` is what one should know of it, mostly nothing.
    """

    slice: str
    table: str
    feed: str
    rows: int
    checksum: str
    bytes: int
    extract_seconds: float
    rows_per_second: int
    landing_key: str
    note: str = ""


def extract_slice(settings: Settings, database: Database, source: Source, plan: Plan, number: int) -> SliceResult:
    """Let slice `number` land, or return what it is if it has landed already.

    A connection that breaks is tried again with growing pauses; the slice then starts from its beginning. Raises
    ExtractFailed when the file is not what the source says, DatabaseUnavailable, and WriterBusy when another process
    is at the same slice.
    """
    name = plan.slice_name(number)
    with database.connect() as connection, named_lock(connection, f"cm_extract.{name}", timeout_s=5):
        done = result_of(settings, plan, number)
        return done or _extract_with_retries(settings, source, plan, number)


def result_of(settings: Settings, plan: Plan, number: int) -> SliceResult | None:
    """What became of the slice, or None if it has not landed."""
    store, key = lake(settings), _result_key(plan, number)
    if not store.exists(key):
        return None
    result = SliceResult(**json.loads(store.get_bytes(key)))
    if not result.landing_key:
        return result
    landed = landing_zone(settings).head(result.landing_key)
    return result if landed and landed.size == result.bytes else None


def verify_slice(settings: Settings, plan: Plan, number: int) -> str | None:
    """Read the landed file once more: what is wrong with it, or None. For a slice that has not landed, that."""
    name = plan.slice_name(number)
    store, key = lake(settings), _result_key(plan, number)
    if not store.exists(key):
        return f"{name} has not been extracted."
    result = SliceResult(**json.loads(store.get_bytes(key)))
    if not result.landing_key:
        return None
    landing = landing_zone(settings)
    if not landing.exists(result.landing_key):
        return f"{name}: {landing.url(result.landing_key)} is not there any more."
    path = landing.materialize(result.landing_key, settings.scratch_dir / "extract-check")
    try:
        found = _facts(settings, path, plan.aggregate)
    finally:
        if not landing.is_local:
            path.unlink()
    return _difference(f"{name}: {landing.url(result.landing_key)}", (result.rows, result.checksum), found)


def _extract_with_retries(settings: Settings, source: Source, plan: Plan, number: int) -> SliceResult:
    for attempt in tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(DatabaseUnavailable),
        wait=tenacity.wait_exponential_jitter(multiplier=0.5, max=15),
        stop=tenacity.stop_after_attempt(_TRIES),
        reraise=True,
    ):
        with attempt:
            return _extract(settings, source, plan, number)
    raise AssertionError("unreachable")


def _extract(settings: Settings, source: Source, plan: Plan, number: int) -> SliceResult:
    started = time.monotonic()
    name, key = plan.slice_name(number), plan.landing_key(number)
    folder = settings.scratch_dir / "extract" / name
    shutil.rmtree(folder, ignore_errors=True)  # what a killed process left
    folder.mkdir(parents=True)
    try:
        path = folder / f"{name}.parquet"
        said, note = _read(source, plan, number, path)
        if problem := _difference(f"{name} of {source.where}", said, _facts(settings, path, plan.aggregate)):
            raise ExtractFailed(f"{problem} Nothing of it has landed.")
        rows, checksum = said
        size = path.stat().st_size if rows else 0
        seconds = max(time.monotonic() - started, 0.001)
        result = SliceResult(
            name, plan.table, plan.feed, rows, checksum, size, round(seconds, 3), round(rows / seconds),
            key if rows else "", note,
        )  # fmt: skip
        # The record first: a file without one would be an extract that nobody vouches for.
        lake(settings).put_bytes(json.dumps(dataclasses.asdict(result), indent=1).encode(), _result_key(plan, number))
        if rows:
            landing_zone(settings).put_file(path, key, write_once=True)
        return result
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read(source: Source, plan: Plan, number: int, path: Path) -> tuple[tuple[int, str], str]:
    """Write the slice's rows to `path`; the source's own count and checksum of them, and what is worth a note."""
    try:
        return _write(source, plan, number, path, verify=False), ""
    except _NotUtf8:
        return _write(source, plan, number, path, verify=True), _ILL_FORMED


def _write(source: Source, plan: Plan, number: int, path: Path, *, verify: bool) -> tuple[int, str]:
    table, columns, condition = plan.table, plan.columns, plan.condition(number)
    with source.snapshot() as snapshot:
        if plan.has_snapshots:
            _write_rows(snapshot, rows_statement(table, columns, condition, verify=verify), plan, path)
            said = snapshot.value(facts_statement(table, columns, condition, plan.aggregate, verify=verify))
        else:
            joint = joint_statement(table, columns, condition, plan.aggregate, verify=verify)
            said = _write_rows(snapshot, joint, plan, path) or ""
    count, _, checksum = said.partition(":")
    return int(count), f"{int(checksum):016x}"


def _write_rows(snapshot: Snapshot, statement: str, plan: Plan, path: Path) -> str | None:
    """Write the rows of `statement` to `path`. If they have a column more than the table, its value in the last."""
    schema = pa.schema([(column.name, pa.string()) for column in plan.columns])
    last = None
    # Without dictionaries and statistics it takes half the time to write, and the file is no larger.
    with pq.ParquetWriter(
        path, schema, compression="zstd", compression_level=1, use_dictionary=False, write_statistics=False
    ) as writer:
        for arrays in snapshot.rows(statement):
            if len(arrays) > len(schema):
                last = arrays.pop()[-1].as_py()
                arrays = [array[:-1] for array in arrays] if last else arrays
            batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
            try:
                batch.validate(full=True)
            except pa.ArrowInvalid as error:
                raise _NotUtf8 from error
            if batch.num_rows:
                writer.write_batch(batch)
    return last


def _facts(settings: Settings, path: Path, aggregate: Aggregate) -> tuple[int, str]:
    """Count and checksum of a written file."""
    with session(settings, memory_limit=settings.import_memory_limit) as con:
        names = pq.read_schema(path).names
        query = _FILE_FACTS.format(checksum=file_checksum(names, aggregate))
        (found,) = con.execute(query, [str(path)]).fetchall()
    return int(found[0]), f"{int(found[1] or 0):016x}"


def _difference(what: str, said: tuple[int, str], found: tuple[int, str]) -> str | None:
    if said == found:
        return None
    return (
        f"{what} does not match its source: the source counted {said[0]:,} rows with checksum {said[1]}, the file has "
        f"{found[0]:,} with {found[1]}."
        + (" A value larger than the source's max_allowed_packet would explain it." if said[0] == found[0] else "")
    )


def _result_key(plan: Plan, number: int) -> str:
    return f"{plan.folder}/{plan.slice_name(number)}.json"
