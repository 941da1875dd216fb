"""The company's call log as imports: a day with the days before it, whose calls may have changed, or many days."""

from __future__ import annotations

from datetime import date
from typing import Any

from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.telephony.client import Page, RingCentralClient
from cm_core.telephony.pulls import PullResult, Source, pull
from cm_core.telephony.windows import Window, day_window, range_windows


def pull_calls(settings: Settings, database: Database, day: date, *, max_wait_s: float = 3_700.0) -> PullResult:
    """Let the calls of a UTC day land, and once more those of the `ringcentral_overlap_days` before it.

    Raises WriterBusy where another process is at the same day, SettingsError, and the errors of `cm_core.web`.
    """
    window = day_window(day, overlap_days=settings.ringcentral_overlap_days)
    return pull(settings, database, _CALLS, window, max_wait_s=max_wait_s)


def pull_calls_range(
    settings: Settings, database: Database, first: date, last: date, *, max_wait_s: float = 3_700.0
) -> list[PullResult]:
    """Let the calls of the UTC days from `first` to `last` land, 31 days a file: fewer requests than day by day.

    Raises UsageError for a range that RingCentral has nothing of, and what `pull_calls` raises.
    """
    windows = range_windows(first, last)
    return [pull(settings, database, _CALLS, window, max_wait_s=max_wait_s) for window in windows]


def _read(client: RingCentralClient, window: Window, cursor: str | None) -> Page:
    page = client.list_calls(window.begin, window.end, cursor)
    # Whether `dateTo` itself belongs to the list is not documented: a call at midnight is the next day's.
    end = window.end.isoformat()
    return Page([call for call in page.records if str(call.get("startTime", "")) < end], page.next_page)


def _key(call: dict[str, Any]) -> str:
    return str(call.get("id"))


def _version(call: dict[str, Any]) -> str:
    return str(call.get("lastModifiedTime") or "")


_CALLS = Source("ringcentral_calls", _read, _key, _version)
