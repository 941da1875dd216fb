"""One place that opens DuckDB: bounded in memory, spilling to the scratch folder, in UTC.

No SQL of the business lives here; `.sql` files lie beside their callers and are read with `sql`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from weakref import WeakKeyDictionary

import duckdb
import pyarrow as pa

from cm_core.compute.scratch import scratch
from cm_core.settings import Settings

#: Engines without a session, kept for the next: opening one takes 30 ms, and an import of a few rows has six sessions.
_IDLE: list[duckdb.DuckDBPyConnection] = []
_MOST_IDLE = 4
#: The scratch folder of each session.
_FOLDERS: WeakKeyDictionary[duckdb.DuckDBPyConnection, Path] = WeakKeyDictionary()
#: The database of a session within its engine.
_DATABASE = "of_session"
#: That, and what the session attached beside it.
_ATTACHED = "select database_name from duckdb_databases() where not internal and database_name <> 'memory'"


@contextmanager
def session(
    settings: Settings,
    *,
    memory_limit: str | None = None,
    database: Path | None = None,
    threads: int | None = None,
    shares: int = 1,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB connection to a database of its own, over a scratch folder that is removed on exit.

    The database is in memory, or the file `database`, which is left there. Memory is bounded by `memory_limit`
    (`settings.compute_memory_limit` if not given): larger work spills to disk. With `shares`, it is that of as many
    sessions together. `threads` are `settings.compute_threads` if not given.
    """
    with scratch(settings, "duckdb") as folder:
        spill = folder / "spill"
        engine = _IDLE.pop() if _IDLE else duckdb.connect()
        try:
            with engine.cursor() as connection:
                _set_up(connection, settings, database, spill, memory_limit, threads, shares)
                _FOLDERS[connection] = folder
                yield connection
            # An engine that has spilled keeps to its folder. After an error, who knows what else it keeps.
            if not spill.exists() and len(_IDLE) < _MOST_IDLE:
                for (name,) in engine.execute(_ATTACHED).fetchall():
                    engine.execute(f'detach "{name}"')
                _IDLE.append(engine)
            else:
                engine.close()
        except BaseException:
            engine.close()
            raise


def _set_up(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    database: Path | None,
    spill: Path,
    memory_limit: str | None,
    threads: int | None,
    shares: int,
) -> None:
    connection.execute(f"attach '{quoted(database or ':memory:')}' as {_DATABASE}")
    connection.execute(f"use {_DATABASE}")
    connection.execute(f"set temp_directory = '{quoted(spill)}'")
    connection.execute(f"set memory_limit = '{quoted(memory_limit or settings.compute_memory_limit)}'")
    if shares > 1:
        (limit,) = connection.execute("select parse_formatted_bytes(current_setting('memory_limit'))").fetchall()[0]
        connection.execute(f"set memory_limit = '{limit // shares}B'")
    connection.execute(f"set threads = {threads or settings.compute_threads}")
    connection.execute("set preserve_insertion_order = false")
    connection.execute("set timezone = 'UTC'")
    connection.execute("set enable_progress_bar = false")


def beside(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Another connection to the database of the session: a result can be read from it while the first goes on."""
    other = connection.cursor()
    other.execute(f"use {_DATABASE}")
    return other


def put_table(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    """Make the table `name` of these rows, in the place of one that is there."""
    connection.register("rows_of_table", rows)
    connection.execute(f"create or replace table {name} as from rows_of_table")
    connection.unregister("rows_of_table")


def scratch_folder(connection: duckdb.DuckDBPyConnection) -> Path | None:
    """The folder that goes with the session; None for a connection that is none."""
    return _FOLDERS.get(connection)


def sql(package: str, name: str) -> str:
    """The text of `name` (a `.sql` file) that lies in `package`."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


def quoted(text: object) -> str:
    """A text (a path) as it stands between the quotes of a SQL literal."""
    return str(text).replace("'", "''")
