"""What applying a staged list of opt-outs or facts would do, by the same comparisons and without writing."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from cm_core.compliance import fact_statements, statements
from cm_core.compliance.applying import execute
from cm_core.compliance.fact_lists import hash_deletions, read_facts
from cm_core.compute import session
from cm_core.imports.forgotten import PrivacyKey, privacy_key
from cm_core.imports.inspection import Foreseen
from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store.bulk import fetch, load
from cm_core.store.database import Database
from cm_core.store.locks import looking

if TYPE_CHECKING:
    from pymysql.connections import Connection

_FACTS = pa.schema([("fact_no", pa.int64())])
_COUNT_NEW_ROWS = """
select count(distinct row_number) from ({staged}) as staged where fact_no not in (select fact_no from known_facts)
"""

_Count = Callable[["Connection[Any]", duckdb.DuckDBPyConnection, Path], tuple[int, int]]


def preview_opt_outs(settings: Settings, database: Database, import_id: str) -> Foreseen:
    """How many staged rows would bring a new opt-out, as `apply_opt_outs` counts."""
    return _preview(settings, database, f"staged/{import_id}/opt_outs.parquet", _count_opt_outs)


def preview_facts(settings: Settings, database: Database, import_id: str) -> Foreseen:
    """How many staged rows would bring a new fact, as `apply_facts` counts."""
    count = partial(_count_facts, privacy_key(settings))
    return _preview(settings, database, f"staged/{import_id}/contact_facts.parquet", count)


def _preview(settings: Settings, database: Database, key: str, count: _Count) -> Foreseen:
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory(prefix="suppressions-", dir=settings.scratch_dir) as scratch,
        session(settings, memory_limit=settings.import_memory_limit) as duck,
        closing(database.connect()) as connection,
        looking(connection),
    ):
        path = lake(settings).materialize(key, Path(scratch))
        total = int(duck.execute(statements.COUNT_STAGED, [str(path)]).fetchall()[0][0])
        inserted, updated = count(connection, duck, path)
    return Foreseen(inserted, updated, total - inserted - updated)


def _count_opt_outs(connection: Connection[Any], duck: duckdb.DuckDBPyConnection, path: Path) -> tuple[int, int]:
    staged = fact_statements.STAGED_OPT_OUTS
    execute(connection, fact_statements.CREATE_OPT_OUTS_STAGED)
    load(connection, duck, staged, "opt_outs_staged", fact_statements.OPT_OUT_COLUMNS, params=(str(path),))
    return _count_unknown(connection, duck, (str(path),), staged, fact_statements.KNOWN_OPT_OUTS)


def _count_facts(
    key: PrivacyKey | None, connection: Connection[Any], duck: duckdb.DuckDBPyConnection, path: Path
) -> tuple[int, int]:
    staged = fact_statements.STAGED_FACTS
    if read_facts(duck, [str(path)]):
        hash_deletions(duck, key or PrivacyKey(b"nothing was hashed yet"))
    execute(connection, fact_statements.CREATE_FACTS_STAGED)
    load(connection, duck, staged, "facts_staged", fact_statements.FACT_COLUMNS)
    return _count_unknown(connection, duck, (), staged, (fact_statements.KNOWN_FACTS,))


def _count_unknown(
    connection: Connection[Any],
    duck: duckdb.DuckDBPyConnection,
    parameters: Sequence[str],
    staged: str,
    known: Sequence[str],
) -> tuple[int, int]:
    for query in known:
        fetch(connection, query, (), duck, "known_facts", _FACTS)
    return int(duck.execute(_COUNT_NEW_ROWS.format(staged=staged), list(parameters)).fetchall()[0][0]), 0
