"""`cm inspect`: what a file is and what importing it would do, without importing it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from cm_core import compliance, touchpoints, upsert
from cm_core.cli import output
from cm_core.errors import FileRejected
from cm_core.imports import registry
from cm_core.imports.inspection import Foreseen, Inspection, inspect_file
from cm_core.settings import Settings
from cm_core.store.database import Database

_PREVIEW: dict[str, Callable[[Settings, Database, str], Foreseen]] = {
    "contacts": upsert.preview,
    "opt_outs": compliance.preview_opt_outs,
    "contact_facts": compliance.preview_facts,
    "campaigns": touchpoints.preview_campaigns,
    "touchpoints": touchpoints.preview_touchpoints,
}
_FORM = ("format", "archive", "member", "encoding", "delimiter", "quotechar", "header", "from", "skipped", "notes")
_CELL_CHARS = 240
_NAMES_OF_DELIMITERS = {"\t": "tab", "\x1c": "file separator (0x1C)"}


def inspect(
    settings: Settings, database: Database, path: Path, *, feed: str | None, rows: int | None
) -> list[dict[str, Any]]:
    """One document for the file, or for each file of an archive of several, in order."""
    with output.progress(f"inspecting {registry.readable(path.name)}") as bar:

        def show_progress(done: int) -> None:
            bar.update(bar.task_ids[0], description=f"{registry.readable(path.name)}: {done:,} rows read")

        with ExitStack() as stack:
            packed = stack.enter_context(registry.several_files(settings, path)) if path.is_file() else []
            archive = registry.readable(path.name) if packed else None
            return [
                _one(settings, database, file, feed=feed, rows=rows, packed_in=archive, progress=show_progress)
                for file in packed or [path]
            ]


def _one(
    settings: Settings,
    database: Database,
    path: Path,
    *,
    feed: str | None,
    rows: int | None,
    packed_in: str | None,
    progress: Callable[[int], None],
) -> dict[str, Any]:
    with inspect_file(settings, database, path, feed=feed, rows=rows, packed_in=packed_in, progress=progress) as found:
        try:
            return found.as_json(_foreseen(settings, database, found))
        except FileRejected as error:
            return replace(found, status="REJECTED", reason=str(error)).as_json(None)


def _foreseen(settings: Settings, database: Database, found: Inspection) -> Foreseen | None:
    if found.status != "COMPLETE" or found.target is None:
        return None
    if found.target == "dnc_registry":  # compared with the lists in the lake, which is not the inspection's own
        return compliance.preview_dnc(found.settings, database, found.record, registry=settings)
    return _PREVIEW[found.target](found.settings, database, found.import_id)


def show(documents: list[dict[str, Any]], *, as_json: bool) -> bool:
    """Print what was found; whether every file could be imported (or is in already)."""
    if as_json:
        output.print_json(documents[0] if len(documents) == 1 else documents)
    for document in documents:
        if not as_json:
            _show_one(document)
        if document["status"] == "REJECTED":
            output.print_error(f"{document['filename']}: REJECTED: {document['reason']}")
    return all(document["status"] != "REJECTED" for document in documents)


def _show_one(document: dict[str, Any]) -> None:
    form = document["format"]
    facts = {name: document[name] for name in ("filename", "feed", "target", "schema_version", "file_size_bytes")}
    facts |= {name: _shown(form[name]) for name in _FORM if form.get(name) not in (None, {}, [])}
    if "delimiter" in facts:
        facts["delimiter"] = _NAMES_OF_DELIMITERS.get(form["delimiter"], form["delimiter"])
    output.print_facts({name.replace("_", " "): value for name, value in facts.items() if value is not None})
    if form.get("tables"):
        output.print_table(("table", "rows"), form["tables"].items(), title="Tables")
    if document["columns"]:
        output.print_table(
            ("column", "field", "told by", "confidence"),
            [
                [
                    column["column"],
                    _field(column),
                    column["how"],
                    column["confidence"],
                ]
                for column in document["columns"]
            ],
            title="Columns",
        )
    _show_schema(document["schema"])
    if document["preview"]:
        output.print_table(
            ("row", "raw", "standardised"),
            [[row["row_number"], _shown(row["raw"]), _made_of(row)] for row in document["preview"]],
            title=f"The first {len(document['preview'])} rows",
        )
    if document["findings"]:
        output.print_table(
            ("finding", "row", "count"),
            [[found["error_type"], found["row_status"], found["count"]] for found in document["findings"]],
            title="What the reports would say",
        )
    if document["status"] == "DUPLICATE":
        output.out.print(f"DUPLICATE: {document['reason']}")
    elif document["status"] == "COMPLETE":
        part = " of its first rows" if document["only_first_rows"] else ""
        output.print_table(tuple(document["would"]), [list(document["would"].values())], title=f"An import{part} would")
        if document["keys"]:
            output.print_table(tuple(document["keys"]), [list(document["keys"].values())], title="Persons are found by")


def _field(column: dict[str, Any]) -> str | None:
    """What a column is, and what else there is to say of it."""
    if column["surname_first"]:
        return f"{column['field']}, surname first"
    by_no = ", by a no" if column["by_no"] else ""
    return f"{column['field']} of {column['of']}{by_no}" if column["of"] else f"{column['field']}{by_no}"


def _show_schema(schema: dict[str, Any]) -> None:
    for name, text in (("new_columns", "New columns, kept raw"), ("missing_columns", "Columns that were there before")):
        if schema.get(name):
            output.out.print(f"{text}: {', '.join(schema[name])} (compared with {schema['compared_with']})")
    for note in schema.get("notes", ()):
        output.out.print(note)


def _made_of(row: dict[str, Any]) -> str:
    return f"REJECTED: {row['rejected']}" if row["rejected"] else _shown(row["standardised"])


def _shown(value: Any) -> str:
    """A value in a cell: names and values in one line, long ones cut."""
    if isinstance(value, dict):
        text = "; ".join(f"{name}: {_shown(item)}" for name, item in value.items())
    elif isinstance(value, list):
        text = " | ".join(_shown(item) for item in value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, default=str)
    text = " ".join(text.split()) or repr(text)
    return text if len(text) <= _CELL_CHARS else text[: _CELL_CHARS - 1] + "…"
