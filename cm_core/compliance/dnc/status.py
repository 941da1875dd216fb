"""What do-not-call lists are held, how old they are, and what goes stale when: for people, and for `cm dnc status`."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from cm_core.compliance.dnc import statements
from cm_core.compliance.dnc.lists import AreaList, in_force
from cm_core.compliance.rule_book import load_rules
from cm_core.store.database import Database


@dataclass(frozen=True)
class ListStatus:
    """One list: its area codes that are held, their numbers, and when the first of them goes or went stale (UTC)."""

    source: str
    area_codes: int
    numbers: int
    stale_area_codes: int
    oldest_obtained_at: datetime
    newest_obtained_at: datetime
    first_goes_stale_at: datetime


@dataclass(frozen=True)
class AreaStatus:
    """One area code of one list. `is_held`: a full list of it was loaded, and it goes stale; else only changes were."""

    source: str
    area_code: str
    is_held: bool
    numbers: int
    obtained_at: datetime
    age_days: float
    goes_stale_at: datetime | None
    is_stale: bool
    import_id: str


@dataclass(frozen=True)
class VersionStatus:
    """One list as it was obtained, in force or not."""

    source: str
    kind: str
    import_id: str
    obtained_at: datetime
    status: str
    status_reason: str | None
    area_codes: int
    row_count: int
    bad_rows: int
    added: int
    removed: int
    checksum_sha256: str
    loaded_at: datetime


@dataclass(frozen=True)
class DncStatus:
    """All lists as of a moment, the area codes that go stale first in front, the newest versions first."""

    as_of: datetime
    max_age: timedelta
    lists: tuple[ListStatus, ...]
    area_codes: tuple[AreaStatus, ...]
    versions: tuple[VersionStatus, ...]

    def as_json(self) -> dict[str, Any]:
        """The form that `cm dnc status --json` prints."""
        return {
            "as_of": self.as_of,
            "max_age_days": self.max_age.days,
            "lists": [asdict(each) for each in self.lists],
            "area_codes": [asdict(each) for each in self.area_codes],
            "versions": [asdict(each) for each in self.versions],
        }


def dnc_status(database: Database, as_of: datetime, *, versions: int = 20) -> DncStatus:
    """The do-not-call lists as of a moment (naive UTC), with the newest versions."""
    max_age = timedelta(days=load_rules().term("dnc_list_max_age", as_of.date()).value)
    with closing(database.connect()) as connection:
        areas = sorted((_area(each, as_of, max_age) for each in in_force(connection)), key=_first_to_go_stale)
        with connection.cursor() as cursor:
            cursor.execute(statements.NEWEST_VERSIONS, (versions,))
            newest = tuple(VersionStatus(*row) for row in cursor.fetchall())
    sources = sorted({area.source for area in areas if area.is_held})
    lists = tuple(
        _list(source, [area for area in areas if area.is_held and area.source == source]) for source in sources
    )
    return DncStatus(as_of, max_age, lists, tuple(areas), newest)


def _area(each: AreaList, as_of: datetime, max_age: timedelta) -> AreaStatus:
    goes_stale = each.obtained_at + max_age if each.is_held else None
    return AreaStatus(
        each.source, each.area_code, each.is_held, each.numbers, each.obtained_at,
        round((as_of - each.obtained_at) / timedelta(days=1), 1), goes_stale,
        goes_stale is not None and goes_stale < as_of, each.import_id,
    )  # fmt: skip


def _first_to_go_stale(area: AreaStatus) -> tuple[bool, datetime, str, str]:
    return not area.is_held, area.obtained_at, area.source, area.area_code


def _list(source: str, areas: Sequence[AreaStatus]) -> ListStatus:
    obtained = [area.obtained_at for area in areas]
    return ListStatus(
        source, len(areas), sum(area.numbers for area in areas), sum(area.is_stale for area in areas), min(obtained),
        max(obtained), min(area.goes_stale_at for area in areas if area.goes_stale_at is not None),
    )  # fmt: skip
