"""What the UI shows of a result."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import dagster as dg

from cm_assets.metadata import PREVIEW_ROWS, metadata_of, rows_of, table


@dataclass(frozen=True)
class _Result:
    rows: int
    report: str
    bucket: str
    page: str
    preview: list[dict[str, Any]]
    mapping: dict[str, Any]
    nothing: None = None


def test_fields_become_entries_of_their_kind() -> None:
    found = metadata_of(
        _Result(3, "file:///lake/a%20b.csv", "s3://lake/a.csv", "https://a.b/c", [{"a": 1}], {"phone": ["PHONE"]})
    )
    assert found["rows"] == 3
    assert found["report"] == dg.MetadataValue.path("/lake/a b.csv")
    assert found["bucket"] == dg.MetadataValue.path("s3://lake/a.csv")
    assert found["page"] == dg.MetadataValue.url("https://a.b/c")
    assert found["preview"] == dg.MetadataValue.md("| a |\n| --- |\n| 1 |")
    assert found["mapping"] == dg.MetadataValue.json({"phone": ["PHONE"]})
    assert "nothing" not in found


def test_values_that_json_does_not_know_are_told_as_text_or_number() -> None:
    found = metadata_of({"facts": {"day": date(2026, 2, 19), "share": Decimal("0.5"), "ids": {7}}})
    assert found["facts"] == dg.MetadataValue.json({"day": "2026-02-19", "share": 0.5, "ids": [7]})


def test_a_single_value_is_the_result() -> None:
    assert metadata_of(7) == {"result": 7}


def test_a_table_holds_its_shape_whatever_is_in_the_cells() -> None:
    lines = table([{"a": "x|y\nz", "b": None}, {"b": "w" * 200}]).md_str.splitlines()  # type: ignore[union-attr]
    assert lines[0] == "| a | b |"
    assert lines[2] == "| x\\|y z |  |"
    assert len(lines) == 4
    assert lines[3].endswith("… |")


def test_a_long_table_is_cut_and_says_so() -> None:
    text = table([{"a": number} for number in range(PREVIEW_ROWS + 5)]).md_str
    assert text is not None
    assert text.endswith("5 more rows")


def test_the_rows_of_a_table_are_read_back() -> None:
    rows = [{"a": "x | y", "b": "", "c": "\\"}, {"a": "1", "b": "|", "c": ""}, {"a": "", "b": "", "c": "z"}]
    assert rows_of(str(table(rows).value)) == rows
    assert rows_of(str(table(rows, limit=1).value)) == rows[:1]
    assert rows_of("![chart](data:image/png;base64,xx)") == []
    assert rows_of("") == []
