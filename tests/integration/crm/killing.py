"""Processes that kill themselves (-9) in the middle of their work, at a point with a name.

They are forked off a server that has imported everything and done nothing: starting Python anew would take longer than
all the rest, and a fork of the tests' own process would hang in libraries that have threads.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from cm_core.crm import PipedriveClient, handle_events, people, pull_day, pulls, reconcile
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.store.database import parse_url

#: Point -> owner of a function, its name, and after which call of it (0: before the first) the process dies.
POINTS: dict[str, tuple[Any, str, int]] = {
    "a page is in the lake, its row not": (pulls, "put_page", 2),
    "a page is noted, not committed": (pulls, "note_page", 2),
    "all is read, nothing decided": (pulls, "put_lines", 0),
    "the file is in the lake, nobody knows": (pulls, "put_lines", 3),
    "it is decided, not committed": (pulls, "decide", 1),
    "it is decided, nothing has landed": (pulls, "land", 0),
    "a file has landed": (pulls, "land", 1),
    "both files have landed": (pulls, "land", 2),
    "who has landed is not committed": (people, "mark_landed", 1),
    "it is finished": (pulls, "finish", 1),
    "both are finished, not committed": (pulls, "finish", 2),
    "the first is read": (people, "note_read", 1),
    "the first that vanished is noted": (people, "note_vanished", 1),
}
_LONG = (
    "a page is noted, not committed", "the file is in the lake, nobody knows", "it is decided, not committed",
    "it is finished", "both files have landed",
)  # fmt: skip
#: Those of a pull; half of them are for the long tests.
PULL_POINTS = [
    pytest.param(point, marks=[pytest.mark.soak] if point in _LONG else [])
    for point in POINTS
    if not point.startswith("the first")
]

#: People of a page where somebody is killed: nobody wants to wait for five hundred.
SMALL_PAGE = 8

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["cm_core.crm", __name__])


def kill_at(point: str, task: Callable[..., object], *args: Any) -> None:
    """Do the task (a function of a module, picklable arguments) in a process that dies at that point."""
    process = _FORKS.Process(target=_die_in, args=(point, task, args))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL, f"it was to die where {point}: {process.exitcode}"


def small_pages() -> dict[str, Any]:
    """Let lists of persons have small pages in this process; the defaults, to be restored by whoever has to."""
    defaults: dict[str, Any] = PipedriveClient.list_persons.__kwdefaults__
    defaults["limit"] = SMALL_PAGE
    return defaults


def pull_there(settings: Settings, day: date, source: str) -> None:
    pull_day(settings, _database(settings), day, source=source)


def reconcile_there(settings: Settings) -> None:
    reconcile(settings, _database(settings))


def handle_there(settings: Settings) -> None:
    handle_events(settings, _database(settings))


def _die_in(point: str, task: Callable[..., object], args: tuple[Any, ...]) -> None:
    small_pages()
    owner, name, count = POINTS[point]
    real, calls = getattr(owner, name), [0]

    def counted(*given: Any, **options: Any) -> Any:
        if count == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*given, **options)
        calls[0] += 1
        if calls[0] == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, counted)
    task(*args)


def _database(settings: Settings) -> Database:
    assert settings.database_url
    return Database(parse_url(settings.database_url.get_secret_value()))
