"""Factories shared by the hygiene tests: the folder of real files, columns and tables of distinct values."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pyarrow as pa
import pytest

#: Real files that nobody on this project wrote. Read at import: a fixture takes all CM_ variables away.
_SHARED_DATA = Path(os.environ.get("CM_SHARED_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of files that nobody on this project wrote; the test is skipped where it is absent."""
    if not _SHARED_DATA.is_dir():
        pytest.skip(f"no shared data in {_SHARED_DATA}; set CM_SHARED_DATA")
    return _SHARED_DATA


@pytest.fixture(scope="session")
def operators(shared_data: Path) -> list[dict[str, str]]:
    with (shared_data / "ok_operators.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="session")
def labeled(shared_data: Path) -> Callable[[str], list[tuple[str, list[tuple[str, str]]]]]:
    """(whole text, [(label, word)]) of every record of a labeled XML file."""

    def read(name: str) -> list[tuple[str, list[tuple[str, str]]]]:
        records = ElementTree.parse(shared_data / name).getroot()
        return [
            (" ".join("".join(record.itertext()).split()), [(part.tag, (part.text or "").strip()) for part in record])
            for record in records
        ]

    return read


@pytest.fixture(scope="session")
def table_of() -> Callable[..., pa.Table]:
    """A table of text columns with a row id: `table_of("name_id", ["full", "last"], [("JOHN SMITH", None)])`."""

    def build(key: str, columns: list[str], rows: list[tuple[str | None, ...]]) -> pa.Table:
        cells = {name: pa.array([row[i] for row in rows], pa.string()) for i, name in enumerate(columns)}
        return pa.table({key: pa.array(range(len(rows)), pa.int64()), **cells})

    return build
