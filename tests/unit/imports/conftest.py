"""Reading a text or bytes the way an import does: a scan, a dialect, a layout, batches."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from cm_core.imports.dialect import Dialect, detect_dialect, scan_file
from cm_core.imports.feed_catalog import Feed, Format
from cm_core.imports.reader import BadRow, read_batches, read_layout

#: Real files that nobody on this project wrote. Read at import: a fixture takes all CM_ variables away.
_SHARED_DATA = Path(os.environ.get("CM_SHARED_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")


@dataclass(frozen=True)
class Read:
    """What was read: good rows by number, bad rows in order, headers and dialect."""

    rows: dict[int, list[str | None]]
    bad: list[BadRow]
    headers: tuple[str, ...]
    dialect: Dialect

    @property
    def bad_kinds(self) -> list[tuple[int, str]]:
        return [(row.row_number, row.error_type) for row in self.bad]

    @property
    def total(self) -> int:
        return len(self.rows) + len(self.bad)


ReadBytes = Callable[..., Read]


@pytest.fixture(scope="session")
def read_bytes(tmp_path_factory: pytest.TempPathFactory) -> ReadBytes:
    r"""`read_bytes(b"name\nx\n", header=True, encoding="auto")`: what the reader makes of a file of these bytes."""
    folder = tmp_path_factory.mktemp("read")

    def read(
        content: bytes | str,
        *,
        header: bool = True,
        columns: tuple[str, ...] = (),
        delimiter: str = "auto",
        encoding: str = "auto",
        max_field_chars: int = 10_000_000,
    ) -> Read:
        path = folder / "file.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        declared = Format(delimiter=delimiter, encoding=encoding, header=header)
        feed = Feed(
            name="test", target="contacts", schema_version="v1", description="", format=declared, columns=columns
        )
        dialect = detect_dialect(path, declared, scan_file(path))
        layout = read_layout(path, dialect, feed)
        rows: dict[int, list[str | None]] = {}
        bad: list[BadRow] = []
        for batch in read_batches(path, dialect, layout, max_field_chars=max_field_chars):
            for record in batch.table.to_pylist():
                number = record.pop("row_number")
                assert number not in rows
                rows[number] = list(record.values())
            bad.extend(batch.bad)
        return Read(rows, bad, layout.headers, dialect)

    return read


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real files; the test is skipped where it is absent."""
    if not _SHARED_DATA.is_dir():
        pytest.skip(f"no shared data in {_SHARED_DATA}; set CM_SHARED_DATA")
    return _SHARED_DATA
