"""What a corrected file says of the rejected rows of an import."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from cm_core.errors import UsageError
from cm_core.imports.corrections import Original, read_corrected
from cm_core.imports.dialect import Dialect
from cm_core.settings import Settings

CSV = Dialect("utf-8", ",", '"', strict_encoding=True)


def _read(
    folder: Path, lines: Sequence[Sequence[str]], headers: Sequence[str], *, dialect: Dialect | None = None
) -> dict[str, str | None] | None:
    """What the file of these lines says of row 2, the rejected one of an import with these headers."""
    path = folder / "fixed.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(lines)
    original = Original(tuple(headers), dialect, 3, {2: "as it was"}, {}, 1000)
    (mended,) = read_corrected(path, path.name, original, Settings(), folder)
    return None if mended.values is None else dict(mended.values)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('["a", "b"]', '["a","b"]'), ('{"a": [1, null]}', '{"a":[1,null]}'), ("true", "true"), ("1.50", "1.50"),
        ("12345678901234567890.10", "12345678901234567890.10"), ("1e3", "1e3"), ('"1.50"', "1.50"), ("null", None),
        ('"a\\u00e9\\nb"', "aé\nb"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dialect", [None, CSV])
def test_a_value_mended_as_json_is_the_text_that_a_file_of_json_lines_gives(
    tmp_path: Path, written: str, text: str | None, dialect: Dialect | None
) -> None:
    lines = [["row_number", "error_type", "raw_row"], ["2", "VALIDATION", f'{{"name": "Ann",\n "amt": {written}}}']]
    found = _read(tmp_path, lines, ["name", "amt", "ok"], dialect=dialect)
    assert found == {"name": "Ann", "amt": text, "ok": None}


@pytest.mark.parametrize(
    "raw", ['{"name": "Ann"', '{"name": "A\nnn"}', '{"name": "Ann", "name": "Bob"}', '{"other": "Ann"}', "[1]"]
)
def test_what_is_no_object_of_the_columns_is_refused_where_rows_are_no_text(tmp_path: Path, raw: str) -> None:
    lines = [["row_number", "error_type", "raw_row"], ["2", "VALIDATION", raw]]
    with pytest.raises(UsageError, match="must be a JSON object"):
        _read(tmp_path, lines, ["name"])


@pytest.mark.parametrize(
    ("headers", "given", "dialect"),
    [
        # Names are compared without the blanks around them, which workbooks keep and readers of text take away.
        (["Name ", "Phone"], ["row_number", "Name", "Phone"], None),
        (["Name ", "Phone"], ["Phone", "row_number", "Name"], None),
        (["Name", "Phone"], ["row_number", " Name ", "Phone"], CSV),
        # A column without a name is known by its place beside the others, the numbers left out.
        (["Name", "column_2"], ["row_number", "Name", ""], None),
        (["Name", "column_1"], ["row_number", "Name", ""], CSV),
        (["Name", "column_1"], ["Name", "row_number", ""], CSV),
        (["Name", "column_1"], ["Name", "", "row_number"], CSV),
        (["Name", "column_1", "column_2"], ["row_number", "Name", "", ""], CSV),
        (["column_1", "column_2", "Name"], ["", "row_number", "", "Name"], None),
        # Or by the name that it was given.
        (["Name", "column_1"], ["row_number", "Name", "column_1"], CSV),
        (["Name", "column_1"], ["column_1", "row_number", "Name"], CSV),
        (["column_1", "column_2"], ["row_number", "column_1", "column_2"], None),
    ],
)
def test_columns_are_those_of_the_original_file_however_they_are_named(
    tmp_path: Path, headers: list[str], given: list[str], dialect: Dialect | None
) -> None:
    values = {name.strip(): f"{name.strip()} of 2" for name in headers}
    blanks = iter([header for header in headers if header.startswith("column_")])
    cells = ["2" if name == "row_number" else values[name.strip() or next(blanks)] for name in given]
    found = _read(tmp_path, [given, cells], headers, dialect=dialect)
    assert found == {header: values[header.strip()] for header in headers}


@pytest.mark.parametrize(
    ("headers", "given", "says"),
    [
        (["Name", "column_1", "column_2"], ["row_number", "Name", "column_2", "column_1"], "lacks 'column_2'"),
        (["Name", "column_1"], ["row_number", "Name", "", "column_1"], "has besides 'column_1'"),
        (["Name", "Name "], ["row_number", "Name", "Fax"], "lacks 'Name ' and has besides 'Fax'"),
    ],
)
def test_columns_that_could_be_others_are_refused(
    tmp_path: Path, headers: list[str], given: list[str], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        _read(tmp_path, [given, ["2", *["x"] * (len(given) - 1)]], headers, dialect=CSV)
