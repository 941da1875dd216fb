"""Reading a text of SQL the way an import does, and what came out of it."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cm_core.imports.formats.sql_dump import read_sql_dump
from cm_core.imports.formats.table_set import TableSet

#: Real files that nobody on this project wrote. Read at import: a fixture takes all CM_ variables away.
_SHARED_DATA = Path(os.environ.get("CM_SHARED_DATA") or Path(__file__).resolve().parents[5] / "shared" / "data")


class Found:
    """A table set with its rows in memory."""

    def __init__(self, tables: TableSet) -> None:
        self.tables = tables

    def rows(self, name: str | None = None) -> list[tuple[str | None, ...]]:
        """The rows of the table called `name`, or of the only one."""
        table = self.tables.tables[0] if name is None else self.tables.find(name)
        assert table is not None, name
        read = pq.read_table(self.tables.path(table))
        assert read.num_rows == table.rows
        assert read.column_names == list(table.column_names)
        return list(zip(*(column.to_pylist() for column in read.columns), strict=True))

    def columns(self, name: str | None = None) -> tuple[str, ...]:
        """The columns of the table called `name`, or of the only one."""
        table = self.tables.tables[0] if name is None else self.tables.find(name)
        assert table is not None, name
        return table.column_names

    @property
    def names(self) -> list[str]:
        """The tables, in order."""
        return [table.name for table in self.tables.tables]

    @property
    def bad(self) -> list[dict[str, Any]]:
        """The bad rows, in order."""
        return self.tables.read_bad_rows()


ReadSql = Callable[..., Found]


@pytest.fixture
def read_sql(tmp_path: Path) -> ReadSql:
    """`read_sql("INSERT INTO t VALUES (1);")`: the tables of a dump of this text."""
    count = 0

    def read(text: str | bytes, **options: Any) -> Found:
        nonlocal count
        count += 1
        content = text if isinstance(text, bytes) else text.encode()
        return Found(read_sql_dump(io.BytesIO(content), tmp_path / f"tables-{count}", **options))

    return read


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real files; the test is skipped where it is absent."""
    if not _SHARED_DATA.is_dir():
        pytest.skip(f"no shared data in {_SHARED_DATA}; set CM_SHARED_DATA")
    return _SHARED_DATA
