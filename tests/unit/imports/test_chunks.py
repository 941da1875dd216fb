"""Chunks of records: as many as fit, by number and by bytes."""

from __future__ import annotations

import pyarrow as pa
import pytest

from cm_core.imports.chunks import CHUNK_BYTES, CHUNK_ROWS, LONG_CHUNK_BYTES, chunks_of
from cm_core.imports.reader import BadRow, Batch


def _batch(rows: int, characters: int, bad: int = 0) -> Batch:
    table = pa.table({"row_number": pa.array(range(rows)), "c0": pa.array(["x" * characters] * rows, pa.string())})
    return Batch(table, tuple(BadRow(n, "WIDTH", None, None, "", "x" * characters) for n in range(bad)))


@pytest.mark.parametrize(
    ("batch", "records", "most"),
    [
        ((10_000, 100), CHUNK_ROWS, CHUNK_BYTES),
        ((5_000, 1_000), CHUNK_BYTES // 1_016, CHUNK_BYTES + (6 << 20)),
        ((100, 100_000), LONG_CHUNK_BYTES // 100_000, LONG_CHUNK_BYTES + (11 << 20)),
        ((1, 1, 100), 100_000, CHUNK_BYTES),
        ((0, 0, 5), 5, LONG_CHUNK_BYTES * 2),
    ],
    ids=["ordinary", "wide", "long", "bad", "few"],
)
def test_a_chunk_has_neither_too_many_records_nor_too_many_bytes(
    batch: tuple[int, ...], records: int, most: int
) -> None:
    made = _batch(*batch)
    each = made.table.num_rows + len(made.bad)
    count = 3 * max(records // each, 1)
    chunks = list(chunks_of([made] * count))
    assert sum(map(len, chunks)) == count
    assert all(sum(part.size for part in chunk) <= most for chunk in chunks)
    assert all(sum(part.table.num_rows + len(part.bad) for part in chunk) < CHUNK_ROWS + each for chunk in chunks)
