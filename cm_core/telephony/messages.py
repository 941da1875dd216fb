"""Texts as imports: a day with the days before it, whose texts may have been delivered since, or many days."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

from cm_core.errors import SettingsError
from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.telephony.client import Page, RingCentralClient
from cm_core.telephony.pulls import PullResult, Source, pull
from cm_core.telephony.windows import Window, day_window, range_windows


def pull_messages(settings: Settings, database: Database, day: date, *, max_wait_s: float = 3_700.0) -> PullResult:
    """Let the texts of a UTC day land, and once more those of the `ringcentral_overlap_days` before it.

    Of the extensions that CM_RINGCENTRAL_EXTENSIONS names. Raises what `pull_calls` raises.
    """
    window = day_window(day, overlap_days=settings.ringcentral_overlap_days)
    return pull(settings, database, _messages(settings), window, max_wait_s=max_wait_s)


def pull_messages_range(
    settings: Settings, database: Database, first: date, last: date, *, max_wait_s: float = 3_700.0
) -> list[PullResult]:
    """Let the texts of the UTC days from `first` to `last` land. Raises what `pull_calls_range` raises."""
    windows = range_windows(first, last)
    return [pull(settings, database, _messages(settings), window, max_wait_s=max_wait_s) for window in windows]


def extensions_of(settings: Settings) -> list[str]:
    """The extensions whose texts are read. Raises SettingsError for what is no id."""
    found = [name.strip() for name in settings.ringcentral_extensions.split(",") if name.strip()]
    if not found or any(name != "~" and not name.isdecimal() for name in found):
        raise SettingsError(
            "CM_RINGCENTRAL_EXTENSIONS must name ids of extensions (numbers), separated by commas, or ~."
        )
    return list(dict.fromkeys(found))


def _messages(settings: Settings) -> Source:
    return Source("ringcentral_messages", partial(_read, extensions_of(settings)), _key, _version)


def _read(extensions: list[str], client: RingCentralClient, window: Window, cursor: str | None) -> Page:
    """A page of an extension; cursors are `<extension>:<page>`.

    Where the extension is not read any more, by a pull that was left since, its first is.
    """
    extension, _, number = (cursor or ":").partition(":")
    if extension not in extensions:
        extension, number = extensions[0], ""
    page = client.list_messages(extension, window.begin, window.end, number or None)
    # As with calls: `dateTo` itself is the next window's.
    end = window.end.isoformat()
    records = [message for message in page.records if str(message.get("creationTime", "")) < end]
    if page.next_page is not None:
        return Page(records, f"{extension}:{page.next_page}")
    following = extensions[extensions.index(extension) + 1 :]
    return Page(records, f"{following[0]}:" if following else None)


def _key(message: dict[str, Any]) -> str:
    return str(message.get("id"))


def _version(message: dict[str, Any]) -> str:
    return str(message.get("lastModifiedTime") or "")
