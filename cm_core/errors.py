"""The errors that users see. One root; each says what was wrong, where, and what to do.

`retryable` tells the orchestrator whether the same call may succeed later without anybody changing anything.
"""

from __future__ import annotations

import re

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_MOST_CHARS = 2_000


class CmError(Exception):
    """Root of every error this system raises on purpose. The message is shown to users as it is."""

    retryable: bool = False


class UsageError(CmError):
    """The caller asked for something that cannot be meant: unknown feed, unknown import, bad option."""


class SettingsError(CmError):
    """A setting (environment variable) is missing or malformed."""


class FileRejected(CmError):
    """The file as a whole cannot be an import: unreadable, empty, unknown format, wrong feed, too large.

    Names out of the file may be in the message: whatever they contain, it is one line of bounded length.
    """

    def __init__(self, message: str) -> None:
        shown = _CONTROLS.sub(" ", message)
        super().__init__(shown if len(shown) <= _MOST_CHARS else f"{shown[: _MOST_CHARS - 1]}…")


class ImportFailed(CmError):
    """An import could not be finished although its file may be fine; a re-run starts clean."""


class DatabaseUnavailable(CmError):
    """The database cannot be reached, refused the login, or went away."""

    retryable = True


class WriterBusy(CmError):
    """Another process holds the writer lock for longer than the caller wanted to wait."""

    retryable = True


class ImportBusy(WriterBusy):
    """Another process is working on the import: it is that one's to finish."""


class StoreError(CmError):
    """The object store (landing zone or lake) refused or failed an operation."""

    retryable = True


class LinkageError(CmError):
    """The linkage model is missing, untrained in some level, or would compare too many pairs."""


class PersonError(CmError):
    """No such person or decision (the message says where a retired entity went), or two that cannot be compared."""


class RulesError(CmError):
    """The rules of compliance (`dbt_project/seeds`) are missing or malformed, or say nothing for the time asked about.

    The message names the file, the row and the column. Nothing is judged by half a rule book.
    """
