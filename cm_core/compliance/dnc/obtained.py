"""When a do-not-call list was obtained: what the 31 days of 16 CFR 310.4(b)(3)(iv) count from."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cm_core.imports.name_dates import dates_in
from cm_core.imports.records import ImportRecord


def obtained_at(names: Iterable[str | None], *times: datetime) -> datetime:
    """The earliest of the dates in the file's names and of `times`: a copy of a file is never newer than the file."""
    return min([*times, *(found for name in names if name for found in dates_in(name))])


def list_obtained_at(record: ImportRecord) -> datetime:
    """When the list of an import was obtained: by the names of file and packed file, its date and its arrival."""
    member = (record.file_format or {}).get("member")
    return obtained_at((record.filename, member), record.source_date, record.uploaded_at)
