"""Who opted out of texts at RingCentral, as imports: all of them each time, since it cannot be asked for changes.

RingCentral keeps a record for each pair of numbers. What it means for the business is said by the feed: who asked not
to be texted by one of our numbers is not texted by any. Who opts in again is not in the list; that lifts nothing here.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.telephony.client import Page, RingCentralClient
from cm_core.telephony.pulls import PullResult, Source, pull
from cm_core.telephony.windows import Window, day_window


def pull_consents(settings: Settings, database: Database, day: date, *, max_wait_s: float = 3_700.0) -> PullResult:
    """Let all opt-outs land, as of now, in the name of a UTC day; unless they are as they landed last.

    Raises what `pull_calls` raises.
    """
    return pull(settings, database, _CONSENTS, day_window(day), max_wait_s=max_wait_s)


def _read(client: RingCentralClient, _: Window, cursor: str | None) -> Page:
    return client.list_consents(cursor)


def _key(record: dict[str, Any]) -> str:
    return "\x1f".join(str(record.get(name)) for name in ("from", "to", "coverage", "campaignType"))


def _version(record: dict[str, Any]) -> str:
    return str(record.get("lastModifiedTime") or "")


_CONSENTS = Source("ringcentral_consents", _read, _key, _version, is_whole=True)
