"""Staged tables of an import in the lake: `staged/<import_id>/<table>.parquet`, sorted by row, written chunk by chunk.

Those of its replays lie in parts beside them (`replay_log` says which count). What the tables hold is decided in
`staging` and its neighbours.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from cm_core.lake import lake
from cm_core.settings import Settings

#: Staged tables of each target; lists of contacts may have `marks` as well (`staging_marks`).
STAGED_TABLES = {
    "contacts": ("rows", "parties", "phones", "emails", "addresses", "identifiers", "findings"),
    "dnc_registry": ("rows", "dnc", "findings"),
    "opt_outs": ("rows", "opt_outs", "findings"),
    "contact_facts": ("rows", "contact_facts", "findings"),
    "campaigns": ("rows", "campaigns", "findings"),
    "touchpoints": ("rows", "touchpoints", "findings"),
}

#: Columns whose values repeat, the only ones for which Parquet's dictionaries are worth their making.
_REPEATING = frozenset(
    {
        "import_id", "party_no", "role", "entity_type", "name_prefix", "name_suffix", "phone_type", "extension",
        "region", "address_type", "care_of", "city", "state", "zip", "county", "id_type", "invalid_reason", "is_first",
        "source_date", "error_type", "field_name", "error_message", "row_status", "listing_date", "source", "action",
        "mark", "header",
    }
)  # fmt: skip


def staged_key(import_id: str, table: str, part: int = 0) -> str:
    """Where a staged table of an import lies in the lake."""
    return f"staged/{import_id}/{f'replay-{part}/' if part else ''}{table}.parquet"


def mended_key(import_id: str, sha256: str) -> str:
    """Where the mended rows of the corrected file with this checksum lie in the lake."""
    return f"staged/{import_id}/corrections/{sha256}.parquet"


class StagedWriter:
    """Parquet files under way in `folder`, one per staged table; each `append` adds a row group."""

    def __init__(self, folder: Path, import_id: str) -> None:
        self.folder = folder
        self._import_id = import_id
        self._writers: dict[str, pq.ParquetWriter] = {}

    def append(self, tables: Mapping[str, pa.Table]) -> None:
        """Add `tables`, sorted by row, with the import's id on every line."""
        for name, table in tables.items():
            ids = pa.repeat(pa.scalar(self._import_id), table.num_rows)
            table = table.add_column(0, "import_id", ids)
            if name not in self._writers:
                path = self.folder / f"{name}.parquet"
                repeating = [column for column in table.schema.names if column in _REPEATING]
                self._writers[name] = pq.ParquetWriter(
                    path, table.schema, compression="zstd", compression_level=1, use_dictionary=repeating
                )
            if table.num_rows:
                self._writers[name].write_table(table)

    def finish(self, table: str) -> Path:
        """The finished file of a table that nothing more is appended to."""
        self._writers[table].close()
        return self.folder / f"{table}.parquet"

    def close(self) -> None:
        """Finish the files; again is no harm."""
        for writer in self._writers.values():
            writer.close()


@contextmanager
def staged_files(settings: Settings, import_id: str, part: int = 0) -> Iterator[StagedWriter]:
    """A writer whose files reach the lake at the end of the block, and do not when it fails.

    Files that the block puts into the writer's folder go with them.
    """
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="staged-", dir=settings.scratch_dir) as folder:
        writer = StagedWriter(Path(folder), import_id)
        try:
            yield writer
        finally:
            writer.close()
        store = lake(settings)
        for path in sorted(Path(folder).glob("*.parquet")):
            store.put_file(path, staged_key(import_id, path.stem, part))


def staged_paths(settings: Settings, import_id: str, table: str, parts: Sequence[int] = (0,)) -> list[str]:
    """Local files with a staged table of the import, one per part.

    Findings are those of the last part alone: each part has those of the whole import.
    """
    store = lake(settings)
    scratch = settings.scratch_dir / "staged" / import_id
    wanted = parts[-1:] if table == "findings" else parts
    return [str(store.materialize(staged_key(import_id, table, part), scratch)) for part in wanted]


def staged_if_any(settings: Settings, import_id: str, table: str, parts: Sequence[int] = (0,)) -> list[str]:
    """As `staged_paths`, of a table that not every import has: of the parts that have it."""
    store = lake(settings)
    return staged_paths(
        settings, import_id, table, [part for part in parts if store.exists(staged_key(import_id, table, part))]
    )


def read_staged(
    settings: Settings,
    con: duckdb.DuckDBPyConnection,
    import_id: str,
    tables: tuple[str, ...],
    *,
    prefix: str = "",
    parts: Sequence[int] = (0,),
) -> None:
    """Make each staged table of the import, its `parts` together, a view of its name in `con`."""
    for table in tables:
        paths = staged_paths(settings, import_id, table, parts)
        files = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
        con.execute(f"create or replace view {prefix}{table} as from read_parquet([{files}], union_by_name = true)")


def count_staged(settings: Settings, import_id: str, table: str) -> int:
    """Number of rows of a staged table of an import that was never replayed, from its Parquet file's footer."""
    (path,) = staged_paths(settings, import_id, table)
    return int(pq.read_metadata(path).num_rows)
