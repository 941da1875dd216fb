"""How things stand with the CRM: whom we know of, what waits to land, up to when it was read, what it cost today."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from cm_core.crm import people, pulls
from cm_core.crm.client import API, limits
from cm_core.crm.pull import SOURCES, covered_to
from cm_core.settings import Settings
from cm_core.web import Limiter

if TYPE_CHECKING:
    from cm_core.store.database import Database

_PEOPLE = "select state, count(*) from crm_persons group by state"
_EVENTS = "select count(*), min(received_at) from crm_webhooks where handled_at is null"
_PAUSES = """
select limit_group, paused_until, reason from api_pauses
where api = %s and paused_until > utc_timestamp(6) order by limit_group
"""
_TODAY = "select requests, tokens from api_budgets where api = %s and day = %s"


@dataclass(frozen=True)
class CrmStatus:
    """People by state, those that have to land, events not handled yet, pulls, and the day's tokens. Times are UTC."""

    people: dict[str, int]
    to_land: int
    events_waiting: int
    oldest_event: datetime | None
    covered_to: dict[str, datetime | None]
    pulls: list[dict[str, Any]]
    requests_today: int
    tokens_today: int
    tokens_left: int | None
    pauses: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """As a document."""
        return asdict(self)


def crm_status(settings: Settings, database: Database, *, last: int = 10) -> CrmStatus:
    """How things stand, with the `last` pulls of each source. Asks the CRM nothing."""
    limiter = Limiter(
        database, API, limits(settings), timeout_s=settings.web_timeout_seconds,
        daily_tokens=settings.pipedrive_daily_tokens, reserve_tokens=settings.pipedrive_reserve_tokens,
    )  # fmt: skip
    with closing(limiter), closing(database.connect(autocommit=True)) as connection, connection.cursor() as cursor:
        found = {source: pulls.pulls_of(connection, source) for source in (*SOURCES, pulls.OPT_OUTS)}
        cursor.execute(_PEOPLE)
        states = {str(state): int(count) for state, count in cursor.fetchall()}
        to_land = people.count_waiting(cursor)
        cursor.execute(_EVENTS)
        events, oldest = _row(cursor)
        cursor.execute(_PAUSES, (API,))
        pauses = [{"group": g, "until": until, "reason": reason} for g, until, reason in cursor.fetchall()]
        cursor.execute(_TODAY, (API, limiter.today()))
        requests, tokens = cursor.fetchone() or (0, 0)
        return CrmStatus(
            people={state: states.get(state, 0) for state in people.STATES},
            to_land=to_land,
            events_waiting=int(events),
            oldest_event=oldest,
            covered_to={source: covered_to(found[source]) for source in SOURCES},
            pulls=[_shown(pull) for some in found.values() for pull in some[-last:]],
            requests_today=int(requests),
            tokens_today=int(tokens),
            tokens_left=limiter.tokens_left(),
            pauses=pauses,
        )


def _shown(pull: pulls.Pull) -> dict[str, Any]:
    return {
        "pull_id": pull.pull_id, "source": pull.source, "day": pull.day, "state": pull.state,
        "window_from": pull.window_from, "window_to": pull.window_to, "pages": pull.pages, "records": pull.records,
        "lines": pull.detail.get("lines"), "landing_key": pull.landing_key, "started_at": pull.started_at,
        "finished_at": pull.finished_at,
    }  # fmt: skip


def _row(cursor: Any) -> tuple[Any, ...]:
    found: tuple[Any, ...] = cursor.fetchone()
    return found
