"""Which do-not-call lists are in force, and which numbers are on them: straight from the lake, held by us or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pymysql.connections import Connection

from cm_core.compliance.dnc import files, statements
from cm_core.compliance.dnc.sets import AREA, Array, Numbers, of_area
from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store.database import Database

_E164 = r"^\+1[2-9][0-9]{9}$"
_LISTINGS = pa.schema(
    [
        ("phone_e164", pa.string()), ("source", pa.string()), ("listed_from", pa.timestamp("us")),
        ("listing_date", pa.date32()), ("version_id", pa.int64()), ("import_id", pa.string()),
    ]
)  # fmt: skip
_COVERAGE = pa.schema(
    [
        ("source", pa.string()), ("area_code", pa.string()), ("obtained_at", pa.timestamp("us")),
        ("numbers", pa.int64()), ("version_id", pa.int64()), ("import_id", pa.string()),
        ("checksum_sha256", pa.string()),
    ]
)  # fmt: skip


@dataclass(frozen=True)
class AreaList:
    """One list's numbers of one area code that are in force, where they lie in the lake, and the version they are of.

    `is_held`: a full list of the area code was loaded. Otherwise the numbers came with lists of changes alone: they are
    listed, and nothing is known of the others. `obtained_at` is naive UTC; `numbers` counts them.
    """

    source: str
    area_code: str
    obtained_at: datetime
    version_id: int
    import_id: str
    checksum_sha256: str
    numbers: int
    lake_key: str
    is_held: bool


@dataclass(frozen=True)
class Listed:
    """The answer of `listed`. Times are naive UTC.

    listings: phone_e164, source, listed_from (when the first version that lists it was obtained), listing_date (as the
        list gives it, else null), version_id, import_id: one row per number and list it is on, in order
    coverage: source, area_code, obtained_at, numbers, version_id, import_id, checksum_sha256: the lists held of the
        area codes that were asked for; an area code that `national` is not there for is not held
    """

    listings: pa.Table
    coverage: pa.Table


def listed(
    settings: Settings,
    database: Database,
    numbers: pa.Table | pa.Array | pa.ChunkedArray | duckdb.DuckDBPyRelation | Sequence[str],
) -> Listed:
    """On which do-not-call lists numbers are, and how current the lists of their area codes are.

    `numbers` are E.164 texts: a table or DuckDB relation with a column `phone_e164` (or with one column), an array or a
    sequence; nulls, repeated ones and those that are not +1 and ten digits are passed over, and are on no list. Nobody
    need hold them. Ten million take a few seconds against a hundred million listed ones; memory holds the numbers asked
    for, one area code of each list, and the answer. Raises StoreError where the lake cannot be read.
    """
    wanted = as_numbers(numbers)
    areas = area_codes_of(wanted)
    with closing(database.connect()) as connection:
        lists = in_force(connection, areas)
    held = [each for each in lists if each.is_held]
    answers = [_listings(each, found) for each, found in look_up(settings, lists, wanted) if len(found)]
    listings = pa.concat_tables(answers) if answers else _LISTINGS.empty_table()
    return Listed(
        listings.sort_by([("phone_e164", "ascending"), ("source", "ascending")]),
        pa.Table.from_pylist([vars(each) for each in held], schema=_COVERAGE),
    )


def in_force(connection: Connection[Any], areas: Sequence[str] | None = None) -> list[AreaList]:
    """The lists in force of these area codes, or of all, by source and area code."""
    if areas is not None and not areas:
        return []
    condition, parameters = statements.of_areas(areas)
    with connection.cursor() as cursor:
        cursor.execute(statements.IN_FORCE.format(condition=condition), parameters * 2)
        found = [AreaList(*(*row[:-1], bool(row[-1]))) for row in cursor.fetchall()]
    return found if areas is None else [each for each in found if each.area_code in set(areas)]


def look_up(settings: Settings, lists: Sequence[AreaList], wanted: Array) -> Iterator[tuple[AreaList, Numbers]]:
    """For each list, those of `wanted` (int64, ascending, each once) that are on it."""
    store = lake(settings)

    def find(each: AreaList) -> tuple[AreaList, Numbers]:
        asked = wanted[of_area(wanted, each.area_code)]
        if not len(asked) or not each.numbers:
            return each, Numbers.none()
        return each, files.find(settings, store, each.lake_key, asked)

    with ThreadPoolExecutor(max(1, settings.compute_threads), thread_name_prefix="dnc") as pool:
        yield from pool.map(find, lists)


def as_numbers(given: pa.Table | pa.Array | pa.ChunkedArray | duckdb.DuckDBPyRelation | Sequence[str]) -> Array:
    """E.164 texts as ten-digit numbers (int64), ascending and each once; those of other countries are left out."""
    if isinstance(given, duckdb.DuckDBPyRelation):
        given = given.to_arrow_table()
    if isinstance(given, pa.Table):
        given = given["phone_e164" if "phone_e164" in given.column_names else 0]
    texts = given if isinstance(given, (pa.Array, pa.ChunkedArray)) else pa.array(given, pa.string())
    ours = texts.filter(pc.match_substring_regex(texts, _E164))
    numbers = np.sort(pc.utf8_slice_codeunits(ours, 2).cast(pa.int64()).to_numpy(zero_copy_only=False))
    return numbers[np.concatenate([[True], numbers[1:] != numbers[:-1]])] if len(numbers) else numbers


def area_codes_of(numbers: Array) -> list[str]:
    """The area codes of an ascending array."""
    areas = numbers // AREA
    return [str(area) for area in areas[np.concatenate([[True], areas[1:] != areas[:-1]])]] if len(areas) else []


def e164(numbers: Array) -> pa.Array:
    """Ten-digit numbers as E.164 texts."""
    return pc.binary_join_element_wise("+1", pa.array(numbers).cast(pa.string()), "")


def _listings(each: AreaList, found: Numbers) -> pa.Table:
    count = len(found)
    return pa.Table.from_arrays(
        [
            e164(found.number), pa.repeat(pa.scalar(each.source), count), pa.array(found.since),
            pa.array(found.listing_date), pa.repeat(pa.scalar(each.version_id, pa.int64()), count),
            pa.repeat(pa.scalar(each.import_id), count),
        ],
        schema=_LISTINGS,
    )  # fmt: skip
