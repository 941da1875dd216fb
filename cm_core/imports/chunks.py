"""The records of a file, staged chunk by chunk: several at once, each in a DuckDB session and on a thread of its own.

Chunks do not know of one another, so memory does not depend on the file; what they found comes back in the order of
the file. What is done to a chunk is the caller's; rows that repeat in other chunks are found in `staging`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from queue import Empty, SimpleQueue

import duckdb
import pyarrow as pa

from cm_core.compute import session
from cm_core.imports.reader import Batch
from cm_core.imports.staging import Counts, load_chunk
from cm_core.settings import Settings

#: Records staged at a time.
CHUNK_ROWS = 100_000
#: Wide records: as many as make up so many bytes. Of long ones fewer: DuckDB has 2,048 records in hand at once, in
#: several copies.
CHUNK_BYTES = 48 << 20
LONG_CHUNK_BYTES = 8 << 20
LONG_RECORD_BYTES = 8 << 10
#: Chunks under way beyond those being staged: one to write while the threads go on.
_AHEAD = 1
#: What find_repeated asks of every chunk.
REMEMBERED = ("seen_rows", "rejected_rows")


@dataclass(frozen=True)
class StagedChunk:
    """What became of a chunk: its counts, and the tables asked for, each sorted by row."""

    counts: Counts
    tables: dict[str, pa.Table]


def stage_chunks(
    settings: Settings,
    batches: Iterable[Batch],
    stage: Callable[[duckdb.DuckDBPyConnection], Counts],
    tables: tuple[str, ...],
) -> Iterator[StagedChunk]:
    """Run `stage` over `source` and `findings` of each chunk, and give the resulting `tables` in order.

    `seen_rows` and `rejected_rows` come with them. An error of a chunk is raised when its turn comes.
    """
    threads = max(1, settings.compute_threads)
    idle: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
    with ExitStack() as sessions, ThreadPoolExecutor(threads, thread_name_prefix="stage") as pool:

        def work(chunk: list[Batch]) -> StagedChunk:
            try:
                con = idle.get_nowait()
            except Empty:
                con = sessions.enter_context(
                    session(settings, memory_limit=settings.import_memory_limit, threads=1, shares=threads)
                )
            load_chunk(con, chunk)
            counts = stage(con)
            found = {
                table: con.sql(f"from {table} order by row_number").to_arrow_table() for table in (*tables, *REMEMBERED)
            }
            idle.put(con)
            return StagedChunk(counts, found)

        under_way: deque[Future[StagedChunk]] = deque()
        try:
            for chunk in chunks_of(batches):
                under_way.append(pool.submit(work, chunk))
                if len(under_way) >= threads + _AHEAD:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def chunks_of(batches: Iterable[Batch]) -> Iterator[list[Batch]]:
    """The batches of about CHUNK_ROWS records each, or of about CHUNK_BYTES."""
    waiting: list[Batch] = []
    records = size = 0
    for batch in batches:
        waiting.append(batch)
        records += batch.table.num_rows + len(batch.bad)
        size += batch.size
        is_long = size > records * LONG_RECORD_BYTES
        if records >= CHUNK_ROWS or size >= (LONG_CHUNK_BYTES if is_long else CHUNK_BYTES):
            yield waiting
            waiting, records, size = [], 0, 0
    if waiting:
        yield waiting
