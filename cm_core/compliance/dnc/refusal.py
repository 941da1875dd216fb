"""Why a do-not-call list is not believed as a whole. What is not believed of one area code, `drafts` decides."""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb

from cm_core.compliance.dnc.obtained import list_obtained_at
from cm_core.compliance.dnc.staged import SaidList
from cm_core.compliance.rule_book import load_rules
from cm_core.imports.records import ImportRecord
from cm_core.imports.staged import read_staged
from cm_core.settings import Settings

#: Lines that may be bad in however small a file.
FEW_BAD_LINES = 5
_CHANGES = re.compile(r"change|delta", re.IGNORECASE)
_LAST_LINE = "select min(raw_row) from findings where row_status = 'rejected' and row_number = ?"


def refusal(
    settings: Settings,
    con: duckdb.DuckDBPyConnection,
    record: ImportRecord,
    parts: Sequence[int],
    said: Sequence[SaidList],
) -> str | None:
    """Why the list must not come into force, or None.

    It has too many bad lines (`dnc_bad_lines`), ends in the middle of a line, or is called a list of changes and does
    not say what changed: taken for a full list, it would hold area codes with hardly a number.
    """
    rows, bad = record.row_count or 0, record.error_count or 0
    most = load_rules().term("dnc_bad_lines", list_obtained_at(record).date()).value
    if bad > max(FEW_BAD_LINES, rows * most / 100):
        return (
            f"{bad:,} of {rows:,} lines ({bad / rows:.1%}) are no numbers, more than {most} %. The list in force "
            "stays. See the error report; download the list again, or name another feed."
        )
    form = record.file_format or {}
    if bad and form.get("ends_with_line_break") is False:
        read_staged(settings, con, record.import_id, ("findings",), parts=parts)
        (last,) = con.execute(_LAST_LINE, [rows]).fetchall()[0]
        if last is not None:
            return f"The file ends in the middle of its last line, {last[:80]!r}: it was cut off. Download it again."
    if _CHANGES.search(record.filename) and not all(each.is_change_list for each in said):
        return (
            f"{record.filename} is called a list of changes, but no column of it has A (added) and D (deleted). The "
            "list in force stays. Rename it if it is a full list."
        )
    return None
