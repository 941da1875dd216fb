"""The registry in the lake: for each list, area code and version a Parquet file of its numbers, in ascending order.

    dnc/<source>/<area_code>/<import_id>.parquet     number bigint, since timestamp, listing_date date

A file is written once, before anything refers to it, and never changed: what is in force says `lists`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cm_core.compliance.dnc.sets import Array, Numbers, found, is_in
from cm_core.lake import ObjectStore, lake
from cm_core.settings import Settings

#: Numbers of a row group: those of which none is wanted are not read.
ROW_GROUP = 65_536
_SCHEMA = pa.schema([("number", pa.int64()), ("since", pa.timestamp("us")), ("listing_date", pa.date32())])


def area_key(source: str, area_code: str, import_id: str, *, taken: Collection[str] = ()) -> str:
    """Where the numbers of a version lie in the lake: a key that is not `taken` by one that something refers to."""
    base = f"dnc/{source}/{area_code}/{import_id}"
    keys = (f"{base}{f'-{number}' if number > 1 else ''}.parquet" for number in count(1))
    return next(key for key in keys if key not in taken)


def write(settings: Settings, numbers: Numbers, key: str) -> None:
    """Put the numbers into the lake in one visible step. Raises StoreError."""
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dnc-", dir=settings.scratch_dir) as folder:
        path = Path(folder) / "numbers.parquet"
        table = pa.Table.from_arrays(
            [pa.array(numbers.number), pa.array(numbers.since), pa.array(numbers.listing_date)], schema=_SCHEMA
        )
        pq.write_table(
            table, path, row_group_size=ROW_GROUP, compression="zstd", compression_level=1,
            use_dictionary=["since", "listing_date"], column_encoding={"number": "DELTA_BINARY_PACKED"},
            write_statistics=["number"],
        )  # fmt: skip
        lake(settings).take_file(path, key)


def read(settings: Settings, key: str) -> Numbers:
    """All numbers of a file. Raises StoreError where it is not there."""
    return _numbers(pq.read_table(_local(settings, lake(settings), key)))


def find(settings: Settings, store: ObjectStore, key: str, wanted: Array) -> Numbers:
    """Those of `wanted` (ascending) that the file has. Row groups without any of them are not read."""
    file = pq.ParquetFile(_local(settings, store, key))
    groups = _groups_with(file, wanted)
    if not groups:
        return Numbers.none()
    number = file.read_row_groups(groups, columns=["number"])["number"].to_numpy()
    if len(wanted) < len(number):
        is_there, at = found(wanted, number)
        places = at[is_there]
    else:
        places = np.flatnonzero(is_in(number, wanted))
    if not len(places):
        return Numbers.none()
    return _numbers(file.read_row_groups(groups).take(pa.array(places)))


def _groups_with(file: pq.ParquetFile, wanted: Array) -> list[int]:
    """The row groups between whose first and last number one of `wanted` lies."""
    groups = []
    for group in range(file.num_row_groups):
        facts = file.metadata.row_group(group)
        if facts.num_rows:
            bounds = facts.column(0).statistics
            first, last = np.searchsorted(wanted, bounds.min, "left"), np.searchsorted(wanted, bounds.max, "right")
            if last > first:
                groups.append(group)
    return groups


def _local(settings: Settings, store: ObjectStore, key: str) -> Path:
    return store.materialize(key, settings.scratch_dir / "dnc")


def _numbers(table: pa.Table) -> Numbers:
    columns = [table[name].to_numpy() for name in ("number", "since", "listing_date")]
    return Numbers(columns[0], columns[1].astype("datetime64[us]"), columns[2].astype("datetime64[D]"))
