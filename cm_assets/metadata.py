"""What the UI shows of a result: any dataclass of `cm_core` as Dagster metadata. No asset is named here."""

from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import dagster as dg

#: Rows of a preview table; more would only slow the page.
PREVIEW_ROWS = 20
_CELL_CHARS = 80


def metadata_of(result: object) -> dict[str, Any]:
    """Metadata entries of a result: a dataclass (its fields), a mapping, or a single value (as `result`).

    Rows (a list of mappings) become a Markdown table, other lists and mappings JSON, web addresses links, file
    addresses paths (a browser opens no file link of a web page), and fields that are None are left out.
    """
    if dataclasses.is_dataclass(result) and not isinstance(result, type):
        fields = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    elif isinstance(result, Mapping):
        fields = {str(key): value for key, value in result.items()}
    else:
        fields = {"result": result}
    return {name: _value(value) for name, value in fields.items() if value is not None}


def table(rows: Sequence[Mapping[str, Any]], *, limit: int = PREVIEW_ROWS) -> dg.MarkdownMetadataValue:
    """The first rows as a Markdown table whose columns are the keys of all rows, in order of appearance."""
    shown = rows[:limit]
    columns = list(dict.fromkeys(column for row in shown for column in row))
    lines = [_line(columns), _line(["---"] * len(columns))]
    lines += [_line([_cell(row.get(column)) for column in columns]) for row in shown]
    if len(rows) > limit:
        lines.append(f"\n{len(rows) - limit} more rows")
    return dg.MetadataValue.md("\n".join(lines))


def rows_of(markdown: str) -> list[dict[str, str]]:
    """The rows of a table as `table` writes it, as texts; none if it is something else."""
    lines = [line for line in markdown.splitlines() if line.startswith("| ") and line.endswith(" |")]
    if len(lines) < 2 or set(lines[1]) > set("| -"):
        return []
    columns, _, *rows = ([_uncell(cell) for cell in line[2:-2].split(" | ")] for line in lines)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def picture(png: bytes) -> dg.MarkdownMetadataValue:
    """A picture that the UI shows in place."""
    return dg.MetadataValue.md(f"![chart](data:image/png;base64,{base64.b64encode(png).decode()})")


def _value(value: Any) -> Any:
    if isinstance(value, Path):
        return dg.MetadataValue.path(value)
    if isinstance(value, str) and value.startswith("file://"):
        return dg.MetadataValue.path(unquote(urlparse(value).path))
    if isinstance(value, str) and value.startswith("s3://"):
        return dg.MetadataValue.path(value)
    if isinstance(value, str) and re.match(r"https?://", value):
        return dg.MetadataValue.url(value)
    if isinstance(value, (bool, int, float, str, dg.MetadataValue)):
        return value
    if isinstance(value, Sequence) and value and all(isinstance(item, Mapping) for item in value):
        return table(value)
    return dg.MetadataValue.json(_plain(value))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _plain(dataclasses.asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _cell(value: Any) -> str:
    text = "" if value is None else re.sub(r"[\x00-\x1f]+", " ", str(value)).replace("|", "\\|")
    return text if len(text) <= _CELL_CHARS else text[: _CELL_CHARS - 1] + "…"


def _uncell(text: str) -> str:
    return text.strip().replace("\\|", "|")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
