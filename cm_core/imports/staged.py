"""Staged tables of an import in the lake: `staged/<import_id>/<table>.parquet`, sorted by row, written chunk by chunk.

What the tables hold is decided in `staging` and `staging_suppressions`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from cm_core.lake import lake
from cm_core.settings import Settings

#: Staged tables of each target.
STAGED_TABLES = {
    "contacts": ("rows", "parties", "phones", "emails", "addresses", "identifiers", "findings"),
    "dnc_registry": ("rows", "dnc", "findings"),
    "opt_outs": ("rows", "opt_outs", "findings"),
    "campaigns": ("rows", "campaigns", "findings"),
    "touchpoints": ("rows", "touchpoints", "findings"),
}


class StagedWriter:
    """Parquet files under way, one per staged table; each `append` adds a row group."""

    def __init__(self, folder: Path, import_id: str) -> None:
        self._folder = folder
        self._import_id = import_id
        self._writers: dict[str, pq.ParquetWriter] = {}

    def append(self, con: duckdb.DuckDBPyConnection, tables: tuple[str, ...]) -> None:
        """Add what `tables` hold in `con`, sorted by row, with the import's id on every line."""
        for table in tables:
            reader = con.sql(
                f"select $import_id::varchar as import_id, * from {table} order by row_number",
                params={"import_id": self._import_id},
            ).to_arrow_reader(1 << 17)
            if table not in self._writers:
                path = self._folder / f"{table}.parquet"
                self._writers[table] = pq.ParquetWriter(path, reader.schema, compression="zstd")
            for batch in reader:
                self._writers[table].write_batch(batch)

    def close(self) -> list[Path]:
        """Finish the files and return them."""
        for writer in self._writers.values():
            writer.close()
        return [self._folder / f"{table}.parquet" for table in self._writers]


@contextmanager
def staged_files(settings: Settings, import_id: str) -> Iterator[StagedWriter]:
    """A writer whose files reach the lake at the end of the block, and do not when it fails."""
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="staged-", dir=settings.scratch_dir) as folder:
        writer = StagedWriter(Path(folder), import_id)
        try:
            yield writer
        finally:
            files = writer.close()
        store = lake(settings)
        for path in files:
            store.put_file(path, f"staged/{import_id}/{path.name}")


def read_staged(
    settings: Settings, con: duckdb.DuckDBPyConnection, import_id: str, tables: tuple[str, ...], *, prefix: str = ""
) -> None:
    """Make each staged Parquet file of the import a view of its table's name in `con`."""
    store = lake(settings)
    for table in tables:
        path = store.materialize(f"staged/{import_id}/{table}.parquet", settings.scratch_dir / "staged" / import_id)
        escaped = str(path).replace("'", "''")
        con.execute(f"create or replace view {prefix}{table} as from read_parquet('{escaped}')")
