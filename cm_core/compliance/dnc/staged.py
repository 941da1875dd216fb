"""What the staged rows of an import say, by list and area code, put aside so that one area code is in memory at a time.

A file of one area code is the rule, one of the whole registry in any order must be possible: its numbers are dealt out
to a scratch file for each area code as they are read, eight bytes a number. Nothing here knows what is in force.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cm_core.compliance.dnc.sets import AREA, Array, Numbers, distinct
from cm_core.compute import sql
from cm_core.errors import FileRejected

#: Lists that one file may be of.
MOST_SOURCES = 50
_BATCH_ROWS = 1_000_000
_NAME_CHARS = 32
_SOURCES = """
select source, count(*), count(listing_date) > 0, count(action) > 0
from staged_dnc
group by source
order by source
"""
_ALL_NUMBERS = "select number, listing_date from staged_dnc where number is not null"
_NUMBERS = f"{_ALL_NUMBERS} and source in (select unnest($sources))"
_COLUMNS = "select column_name from (describe select * from read_parquet(?, union_by_name = true))"


@dataclass
class SaidList:
    """What an import says of one list: `rows` source rows, and how many of each area code (`area_codes`).

    A full list says what is listed, a list of changes what was added and deleted.
    """

    source: str
    rows: int
    is_change_list: bool
    obtained_at: datetime
    folder: Path
    has_dates: bool = False
    area_codes: dict[str, int] = field(default_factory=dict)

    def numbers(self, area_code: str) -> Numbers:
        """The numbers that are listed, by a full list, or were added, by one of changes."""
        return self._read(area_code, "listed")

    def deleted(self, area_code: str) -> Array:
        """The numbers that a list of changes says were deleted, in ascending order."""
        return self._read(area_code, "deleted").number

    def take(self, number: Array, listing_date: Array | None, *, kind: str = "listed") -> None:
        """Deal numbers out to the files of their area codes."""
        areas = number // AREA
        if len(areas) and (areas == areas[0]).all():
            self._append(str(areas[0]), kind, number, listing_date)
            return
        order = np.argsort(areas, kind="stable")
        number, areas = number[order], areas[order]
        dates = None if listing_date is None else listing_date[order]
        starts = np.flatnonzero(np.diff(areas, prepend=-1))
        for first, last in zip(starts, [*starts[1:], len(areas)], strict=True):
            some = None if dates is None else dates[first:last]
            self._append(str(areas[first]), kind, number[first:last], some)

    def _append(self, area_code: str, kind: str, number: Array, listing_date: Array | None) -> None:
        self.area_codes[area_code] = self.area_codes.get(area_code, 0) + len(number)
        with self._path(area_code, kind, "numbers").open("ab") as file:
            file.write(number.astype(np.int64).tobytes())
        if self.has_dates and listing_date is not None:
            with self._path(area_code, kind, "dates").open("ab") as file:
                file.write(listing_date.astype("datetime64[D]").tobytes())

    def _read(self, area_code: str, kind: str) -> Numbers:
        path = self._path(area_code, kind, "numbers")
        if not path.exists():
            return Numbers.none()
        dated = self._path(area_code, kind, "dates")
        dates = np.fromfile(dated, dtype="datetime64[D]") if dated.exists() else None
        return distinct(np.fromfile(path, dtype=np.int64), dates, self.obtained_at)

    def _path(self, area_code: str, kind: str, what: str) -> Path:
        return self.folder / f"{self.source}-{area_code}-{kind}.{what}"


def read_said(
    con: duckdb.DuckDBPyConnection, paths: Sequence[str], folder: Path, obtained_at: datetime
) -> list[SaidList]:
    """The lists that the staged files `dnc` of an import are of; `folder` takes the numbers while they are in use.

    Raises FileRejected for a file of more lists than anybody keeps, or with changes for some rows only.
    """
    _view(con, paths)
    said: dict[str, SaidList] = {}
    names: dict[str, list[str]] = {}
    for source, rows, has_dates, is_change_list in con.execute(_SOURCES).fetchall():
        name = safe_name(source)
        names.setdefault(name, []).append(source)
        known = said.setdefault(name, SaidList(name, 0, is_change_list, obtained_at, folder))
        known.rows += rows
        known.has_dates = known.has_dates or has_dates
    if len(said) > MOST_SOURCES:
        raise FileRejected(
            f"The column `source` names {len(said)} lists, more than {MOST_SOURCES}. Is it the name of a list?"
        )
    for name, found in said.items():
        if found.is_change_list:
            _take_changes(con, found, names[name])
            continue
        query, parameters = (_ALL_NUMBERS, {}) if len(said) == 1 else (_NUMBERS, {"sources": names[name]})
        for batch in con.sql(query, params=parameters).to_arrow_reader(_BATCH_ROWS):
            found.take(_array(batch, "number"), _array(batch, "listing_date") if found.has_dates else None)
    return list(said.values())


def _take_changes(con: duckdb.DuckDBPyConnection, said: SaidList, sources: list[str]) -> None:
    """The last change of each number: what it came to."""
    parameters = {"sources": sources, "obtained_at": said.obtained_at}
    changes = con.sql(sql(__package__, "last_changes.sql"), params=parameters).to_arrow_table()
    for action, kind in (("A", "listed"), ("D", "deleted")):
        chosen = changes.filter(pc.equal(changes["action"], action))
        if chosen.num_rows:
            said.take(chosen["number"].to_numpy(), None, kind=kind)


def safe_name(source: str) -> str:
    """A list's name as staging writes it, which is part of keys; feeds and rows of older versions may write others."""
    return re.sub(r"[^a-z0-9]+", "_", source.lower())[:_NAME_CHARS].strip("_")


def _view(con: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> None:
    """`staged_dnc` over the staged files; rows staged before lists had versions have their number as text."""
    columns = {name for (name,) in con.execute(_COLUMNS, [list(paths)]).fetchall()}
    number = "number" if "number" in columns else "null::bigint"
    if "phone_e164" in columns:
        number = f"coalesce({number}, case when phone_e164 like '+1__________' then right(phone_e164, 10)::bigint end)"
    extra = ", ".join(
        name if name in columns else f"null::{kind} as {name}"
        for name, kind in (("action", "varchar"), ("changed_at", "timestamp"))
    )
    # A view takes no parameters: the paths are our own.
    listed = ", ".join("'" + path.replace("'", "''") + "'" for path in paths)
    con.execute(
        f"create or replace temporary view staged_dnc as select row_number, {number} as number, listing_date, "
        f"source, {extra} from read_parquet([{listed}], union_by_name = true)"
    )


def _array(batch: pa.RecordBatch, name: str) -> Array:
    values: Array = batch.column(batch.schema.get_field_index(name)).to_numpy(zero_copy_only=False)
    return values
