"""Which waiting imports share a run, and in which order runs come. What a run is, the orchestrator says.

Only planning: nothing here reads files, changes anything or knows of partitions beyond their places in a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from cm_core.imports.registry import WaitingImport
from cm_core.settings import Settings
from cm_core.store.database import Database

#: Imports of one run where the bounds are lifted: what the run remembers of each (about 30 kB) stays bounded.
BULK_FILES = 5_000

#: Bytes of a file that stand for one row when a batch is weighed against what the tables hold.
BYTES_PER_ROW = 100

# Suppressions first, so that nobody on a list is reachable for the time of the other imports. Contact history last:
# it would have to look for its people again as they come.
_LATER = {"contacts": 1, "campaigns": 2, "touchpoints": 3}

#: Table whose ids tell how much is known already, by target. Other targets have no bulk path.
_COUNTED = {"contacts": "persons", "touchpoints": "touchpoints"}
_KNOWN = "select next_id - 1 from id_counters where name = %s"


@dataclass(frozen=True)
class Bounds:
    """How much one run takes: files, and bytes of files. One file is always taken."""

    files: int
    bytes: int | None


@dataclass(frozen=True)
class Batch:
    """Imports of one target that share a run, in order of arrival."""

    target: str
    imports: tuple[WaitingImport, ...]

    @property
    def import_ids(self) -> list[str]:
        """Their ids."""
        return [item.import_id for item in self.imports]


def order_of(target: str) -> int:
    """Targets of a lower number are imported first."""
    return _LATER.get(target, 0)


def bounds(settings: Settings, database: Database, waiting: Iterable[WaitingImport]) -> Callable[[str], Bounds]:
    """The bounds of a run by target. They are lifted where what waits outweighs what is known: the bulk path."""
    weights: dict[str, int] = {}
    for item in waiting:
        weights[item.target] = weights.get(item.target, 0) + item.size_bytes // BYTES_PER_ROW
    bulk = set()
    with database.connect() as connection, connection.cursor() as cursor:
        for target, rows in weights.items():
            if target in _COUNTED:
                cursor.execute(_KNOWN, (_COUNTED[target],))
                row = cursor.fetchone()
                if rows > (row[0] if row else 0):
                    bulk.add(target)
    ordinary = Bounds(settings.run_files, settings.run_bytes)
    return lambda target: Bounds(max(BULK_FILES, settings.run_files), None) if target in bulk else ordinary


def batches(
    waiting: Iterable[WaitingImport], bounds_of: Callable[[str], Bounds], places: Mapping[str, int]
) -> list[Batch]:
    """Cut what waits (in order of arrival) into batches, those to be run first in front.

    `places` are the partitions that exist, by import id: a run takes a stretch of them without gaps, so an import
    that is tried again goes with its neighbours only. Those without a partition are put in a row when it is made.
    """
    targets: dict[str, list[WaitingImport]] = {}
    for item in waiting:
        targets.setdefault(item.target, []).append(item)
    return [
        Batch(target, tuple(batch))
        for target in sorted(targets, key=order_of)
        for batch in _cut(targets[target], bounds_of(target), places)
    ]


def company(attempt: int, files: int) -> int:
    """How many imports may share the run of one that broke off `attempt` times.

    A killed process says nothing about its imports, so the second run is like the first. Then they are taken in tens
    of a full run, and at last alone: a file that kills every process takes no other with it for good.
    """
    if attempt < 2:
        return files
    return max(1, files // 10) if attempt == 2 else 1


def _cut(items: list[WaitingImport], limit: Bounds, places: Mapping[str, int]) -> list[list[WaitingImport]]:
    found: list[list[WaitingImport]] = []
    room = size = 0
    for item in items:
        most = company(item.attempt, limit.files)
        taken = size + item.size_bytes
        if (
            not found
            or len(found[-1]) >= min(room, most)
            or (limit.bytes is not None and taken > limit.bytes)
            or not _adjoin(found[-1][-1], item, places)
        ):
            found.append([item])
            room, size = most, item.size_bytes
        else:
            found[-1].append(item)
            room, size = min(room, most), taken
    return found


def _adjoin(before: WaitingImport, item: WaitingImport, places: Mapping[str, int]) -> bool:
    place, next_place = places.get(before.import_id), places.get(item.import_id)
    return next_place is None if place is None else next_place == place + 1
