"""What was pulled of RingCentral, what became of it, and how the limits stand."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from cm_core.store.database import Database
from cm_core.telephony import statements


@dataclass(frozen=True)
class PulledFile:
    """A pull and the import of its file; what is not known yet is None. Times are naive UTC."""

    pull_id: str
    source: str
    day: date | None
    revision: int
    window_from: datetime
    window_to: datetime
    state: str
    pages: int
    records: int
    landing_key: str | None
    started_at: datetime
    finished_at: datetime | None
    import_id: str | None
    import_status: str | None
    inserted: int | None
    updated: int | None
    skipped: int | None
    errors: int | None
    requests: int
    waited_seconds: float


@dataclass(frozen=True)
class GroupUse:
    """Requests of a limit group in the last 24 hours."""

    limit_group: str
    requests: int
    refused_for_rate: int
    waited_seconds: float


@dataclass(frozen=True)
class GroupPause:
    """Nobody sends in the group until then."""

    limit_group: str
    paused_until: datetime
    reason: str


@dataclass(frozen=True)
class PullStatus:
    """The last pulls, the newest first; the use of each limit group; the pauses in force."""

    pulls: list[PulledFile]
    groups: list[GroupUse]
    pauses: list[GroupPause]

    def as_json(self) -> dict[str, Any]:
        """The form that `cm calls status --json` prints."""
        return asdict(self)


def pull_status(database: Database, *, pulls: int = 20) -> PullStatus:
    """How pulling stands."""
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(statements.PULLS, (pulls,))
        rows: list[Any] = list(cursor.fetchall())
        files = [PulledFile(*row) for row in rows]
        cursor.execute(statements.REQUESTS)
        groups = [GroupUse(group, int(n), int(refused), float(s)) for group, n, refused, s in cursor.fetchall()]
        cursor.execute(statements.PAUSES)
        pauses = [GroupPause(*row) for row in cursor.fetchall()]
    return PullStatus(files, groups, pauses)
