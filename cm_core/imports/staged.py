"""Staged tables of an import in the lake: `staged/<import_id>/<table>.parquet`, sorted by row, written chunk by chunk.

What the tables hold is decided in `staging` and `staging_suppressions`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
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

    def append(self, tables: Mapping[str, pa.Table]) -> None:
        """Add `tables`, sorted by row, with the import's id on every line."""
        for name, table in tables.items():
            ids = pa.repeat(pa.scalar(self._import_id), table.num_rows)
            table = table.add_column(0, "import_id", ids)
            if name not in self._writers:
                path = self._folder / f"{name}.parquet"
                self._writers[name] = pq.ParquetWriter(path, table.schema, compression="zstd", compression_level=1)
            if table.num_rows:
                self._writers[name].write_table(table)

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


def count_staged(settings: Settings, import_id: str, table: str) -> int:
    """Number of rows of a staged table, from its Parquet file's footer."""
    path = lake(settings).materialize(
        f"staged/{import_id}/{table}.parquet", settings.scratch_dir / "staged" / import_id
    )
    return int(pq.read_metadata(path).num_rows)
