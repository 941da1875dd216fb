"""One place that opens DuckDB: file-backed, bounded in memory, spilling to the scratch folder, in UTC.

No SQL of the business lives here; `.sql` files lie beside their callers and are read with `sql`.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import duckdb

from cm_core.settings import Settings


@contextmanager
def session(
    settings: Settings,
    *,
    memory_limit: str | None = None,
    database: Path | None = None,
    threads: int | None = None,
    shares: int = 1,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection over a scratch folder of its own, removed on exit.

    `database` keeps the DuckDB file elsewhere (and leaves it there); without it the file goes with the folder.
    Memory is bounded by `memory_limit` (`settings.compute_memory_limit` if not given): larger work spills to disk. With
    `shares`, it is that of as many sessions together. `threads` are `settings.compute_threads` if not given.
    """
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="duckdb-", dir=settings.scratch_dir))
    connection = duckdb.connect(
        str(database or ":memory:"),
        config={
            "memory_limit": memory_limit or settings.compute_memory_limit,
            "threads": threads or settings.compute_threads,
            "temp_directory": str(folder / "spill"),
            "preserve_insertion_order": False,
        },
    )
    try:
        if shares > 1:
            (limit,) = connection.execute(
                "select parse_formatted_bytes(value) from duckdb_settings() where name = 'memory_limit'"
            ).fetchall()[0]
            connection.execute(f"set memory_limit = '{limit // shares}B'")
        connection.execute("set timezone = 'UTC'")
        connection.execute("set enable_progress_bar = false")
        yield connection
    finally:
        connection.close()
        shutil.rmtree(folder, ignore_errors=True)


def sql(package: str, name: str) -> str:
    """The text of `name` (a `.sql` file) that lies in `package`."""
    return files(package).joinpath(name).read_text(encoding="utf-8")
