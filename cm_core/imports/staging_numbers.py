"""Staging of a flat do-not-call list, half a million lines at a time: what `staging_suppressions` makes of any list.

Plain lines become rows by numpy; the others are records like those of any file and go through `stage_dnc`. A list that
is in ascending order, as full lists are, cannot repeat a number; for others, repeated ones are looked for at the end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from queue import Empty, SimpleQueue

import duckdb
import numpy as np
import pyarrow as pa

from cm_core.compute import quoted, session
from cm_core.imports.chunks import StagedChunk
from cm_core.imports.dialect import Dialect
from cm_core.imports.feed_catalog import Feed
from cm_core.imports.mapping import Mapping
from cm_core.imports.plain_numbers import Array, FlatList, Parsed, parse
from cm_core.imports.reader import BadRow, Batch, read_record
from cm_core.imports.staging import FINDINGS_SCHEMA, Counts, load_chunk
from cm_core.imports.staging_suppressions import list_name, stage_dnc
from cm_core.settings import Settings

#: Stretches under way beyond those being staged.
_AHEAD = 1
_DNC = pa.schema(
    [
        ("row_number", pa.int64()), ("number", pa.int64()), ("listing_date", pa.date32()), ("source", pa.string()),
        ("action", pa.string()), ("changed_at", pa.timestamp("us")),
    ]
)  # fmt: skip
_ROWS = pa.schema([("row_number", pa.int64()), ("source_date", pa.timestamp("us")), ("raw", pa.string())])
#: Raw rows as `staging.keep_raw` makes them, with the places of the digits.
_RAW = {
    True: (b'{"phone":"NNNNNNNNNN"}', ((10, 0, 10),)),
    False: (b'{"area_code":"AAA","number":"NNNNNNN"}', ((14, 0, 3), (29, 3, 10))),
}

_REPEATED = """
insert into findings
with of_number as (
    select row_number, number, min(row_number) over (partition by number) as first_row
    from read_parquet('{path}')
    where number in (select number from read_parquet('{path}') group by number having count(*) > 1)
)
select row_number, 'DUPLICATE', null, null, 'The same number as row ' || first_row, 'kept', null
from of_number
where row_number > first_row
"""


class Order:
    """Whether the numbers seen so far ascend, each greater than the one before."""

    def __init__(self) -> None:
        self.ascends = True
        self._last = -1

    def see(self, numbers: pa.ChunkedArray) -> None:
        """The next numbers of the list."""
        if self.ascends and len(numbers):
            values = numbers.to_numpy()
            self.ascends = bool(values[0] > self._last and (np.diff(values) > 0).all())
            self._last = int(values[-1])


def stage_numbers(
    settings: Settings, flat: FlatList, feed: Feed, mapping: Mapping, headers: tuple[str, ...], date: datetime
) -> Iterator[StagedChunk]:
    """The staged tables of the list (`STAGED_TABLES`), a stretch of the file after the other; `date` is the file's."""
    threads = max(1, settings.compute_threads)
    idle: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
    with ExitStack() as sessions, ThreadPoolExecutor(threads, thread_name_prefix="stage") as pool:

        def work(stretch: bytes) -> StagedChunk:
            parsed = parse(stretch, flat.delimiter)
            tables = _plain_tables(parsed, flat, feed, date)
            if not parsed.odd:
                return StagedChunk(Counts(parsed.lines, parsed.lines, 0), tables)
            try:
                con = idle.get_nowait()
            except Empty:
                con = sessions.enter_context(
                    session(settings, memory_limit=settings.import_memory_limit, threads=1, shares=threads)
                )
            load_chunk(con, [_batch(parsed, flat, headers, settings.max_field_chars)])
            odd = stage_dnc(con, feed, mapping, headers, date)
            for name, plain in tables.items():
                found = con.sql(f"from {name}").to_arrow_table().select(plain.schema.names).cast(plain.schema)
                tables[name] = pa.concat_tables([plain, found]).sort_by("row_number")
            idle.put(con)
            return StagedChunk(Counts(parsed.lines, parsed.lines - odd.rejected, odd.rejected), tables)

        under_way: deque[Future[StagedChunk]] = deque()
        before = 0
        try:
            for stretch in flat.stretches():
                under_way.append(pool.submit(work, stretch))
                if len(under_way) >= threads + _AHEAD:
                    chunk = _behind(under_way.popleft().result(), before)
                    before += chunk.counts.total
                    yield chunk
            while under_way:
                chunk = _behind(under_way.popleft().result(), before)
                before += chunk.counts.total
                yield chunk
        finally:
            pool.shutdown(cancel_futures=True)


def find_repeated_numbers(con: duckdb.DuckDBPyConnection, staged: Path) -> None:
    """Add to `findings` the rows of the staged file `dnc` whose number an earlier row has."""
    con.execute(_REPEATED.format(path=quoted(staged)))


def _behind(chunk: StagedChunk, before: int) -> StagedChunk:
    """The chunk with its rows numbered on from those `before` it."""
    tables = {}
    for name, table in chunk.tables.items():
        numbers = pa.array(table["row_number"].to_numpy() + before)
        tables[name] = table.set_column(table.schema.get_field_index("row_number"), "row_number", numbers)
    return StagedChunk(chunk.counts, tables)


def _plain_tables(parsed: Parsed, flat: FlatList, feed: Feed, date: datetime) -> dict[str, pa.Table]:
    count = len(parsed.rows)
    rows = pa.array(parsed.rows, pa.int64())
    source = pa.repeat(pa.scalar(list_name(feed), pa.string()), count)
    nothing = [pa.nulls(count, _DNC.field(name).type) for name in ("listing_date", "action", "changed_at")]
    dnc = [rows, pa.array(parsed.numbers), nothing[0], source, nothing[1], nothing[2]]
    dates = pa.repeat(pa.scalar(date, pa.timestamp("us")), count)
    return {
        "rows": pa.Table.from_arrays([rows, dates, _raw(parsed.numbers, flat.delimiter is None)], schema=_ROWS),
        "dnc": pa.Table.from_arrays(dnc, schema=_DNC),
        "findings": FINDINGS_SCHEMA.empty_table(),
    }


def _raw(numbers: Array, is_joined: bool) -> pa.Array:
    """Each row as a JSON object of its columns."""
    template, places = _RAW[is_joined]
    width = len(template)
    text = np.empty((len(numbers), width), dtype=np.uint8)
    text[:] = np.frombuffer(template, dtype=np.uint8)
    left = numbers.copy()
    digits = np.empty((len(numbers), 10), dtype=np.uint8)
    for position in range(9, -1, -1):
        left, digits[:, position] = np.divmod(left, 10)
    digits += 48
    for at, first, last in places:
        text[:, at : at + last - first] = digits[:, first:last]
    offsets = np.arange(len(numbers) + 1, dtype=np.int32) * width
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(text))


def _batch(parsed: Parsed, flat: FlatList, headers: tuple[str, ...], max_field_chars: int) -> Batch:
    """The lines that are not plain, read as those of any delimited file."""
    dialect = Dialect(flat.encoding, flat.delimiter or ",", '"', strict_encoding=False)
    good: list[dict[str, object]] = []
    bad: list[BadRow] = []
    for row, line in parsed.odd:
        text = line.decode("utf-8" if flat.encoding == "utf-8-sig" else flat.encoding, "surrogateescape")
        read = read_record(text, dialect, headers, row, max_field_chars)
        if isinstance(read, BadRow):
            bad.append(read)
        else:
            good.append({"row_number": row} | {f"c{position}": value for position, value in enumerate(read)})
    fields = [("row_number", pa.int64()), *((f"c{position}", pa.string()) for position in range(len(headers)))]
    return Batch(pa.Table.from_pylist(good, schema=pa.schema(fields)), tuple(bad))
