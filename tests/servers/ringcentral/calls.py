"""The call log: an index by start time, what is visible when, and the changes since a moment."""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from tests.servers.ringcentral.config import ACCOUNT_ID, Config
from tests.servers.ringcentral.moments import DAY_MS, Clock, to_milliseconds, to_text
from tests.servers.ringcentral.shapes import Call

HOME = f"https://platform.ringcentral.com/restapi/v1.0/account/{ACCOUNT_ID}"
_CALLS = TypeAdapter(list[Call])
#: Fields of the Detailed view only.
_DETAILS = ("legs", "lastModifiedTime", "transport", "billing")
Record = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """Which calls a request asks for. None or empty: all."""

    direction: frozenset[str] = frozenset(("Inbound", "Outbound"))
    type: frozenset[str] = frozenset(("Voice", "Fax"))
    phone_number: str | None = None
    extension_number: str | None = None
    extension_id: str | None = None
    session_id: str | None = None
    telephony_session_id: str | None = None
    recording: str | None = None
    missed: bool = False
    deleted: bool = False

    def takes(self, call: Record) -> bool:
        """Whether a call is one of them."""
        ends = (call.get("from") or {}, call.get("to") or {})
        return (
            call["direction"] in self.direction
            and call["type"] in self.type
            and (self.deleted or not call.get("deleted"))
            and (not self.missed or call.get("result") == "Missed")
            and (self.session_id is None or call["sessionId"] == self.session_id)
            and (self.telephony_session_id is None or call.get("telephonySessionId") == self.telephony_session_id)
            and (
                self.phone_number is None
                or any((end.get("phoneNumber") or "").lstrip("+") == self.phone_number for end in ends)
            )
            and (
                self.extension_number is None
                or any(end.get("extensionNumber") == self.extension_number for end in ends)
            )
            and (
                self.extension_id is None
                or str((call.get("extension") or {}).get("id")) == self.extension_id
                or any(end.get("extensionId") == self.extension_id for end in ends)
            )
            and (
                self.recording is None
                or ("recording" in call and self.recording in ("All", call["recording"]["type"]))
            )
        )  # fmt: skip


@dataclass
class _Kept:
    call: Record
    start: int
    appears: int
    changed: int


class CallLog:
    """All calls that there were. Lists are newest first, as the API's are."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self._kept: dict[str, _Kept] = {}
        self._index: list[tuple[int, str]] = []
        self._sorted = True
        self._lists: dict[Any, tuple[int, list[str]]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, calls: Iterable[Record]) -> list[str]:
        """Add calls; what is not given is filled in. Their ids. Raises pydantic's ValidationError."""
        added = [self._complete(call, number) for number, call in enumerate(calls, len(self._kept) + 1)]
        _CALLS.validate_python(added)
        for call in added:
            start = to_milliseconds(call["startTime"])
            appears = start + 1000 * call.get("duration", 0) + self._delay(call["id"])
            call.setdefault("lastModifiedTime", to_text(appears))
            changed = max(appears, to_milliseconds(call["lastModifiedTime"]))
            if call["id"] not in self._kept:
                self._index.append((start, call["id"]))
            self._kept[call["id"]] = _Kept(call, start, appears, changed)
        self._sorted = False
        self._lists.clear()
        return [call["id"] for call in added]

    def change(self, call_id: str, values: Record) -> Record:
        """Change a call now: result, recording, deleted ... None takes a field away. Raises KeyError."""
        kept = self._kept[call_id]
        now = self._clock.now()
        call = {**kept.call, "lastModifiedTime": to_text(now), **values}
        call = {name: value for name, value in call.items() if value is not None}
        _CALLS.validate_python([call])
        if call["startTime"] != kept.call["startTime"]:
            raise ValueError("A call does not begin at another time later.")
        self._kept[call_id] = _Kept(call, kept.start, kept.appears, max(kept.changed, now))
        self._lists.clear()
        return call

    def get(self, call_id: str) -> Record | None:
        """A call that is visible now."""
        kept = self._kept.get(call_id)
        return kept.call if kept and self._is_there(kept) else None

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self._index.clear()
        self._lists.clear()

    def all(self) -> list[Record]:
        """Every call, whether it is visible or not: for tests to compare with."""
        return [kept.call for kept in self._kept.values()]

    def list(self, since: int | None, until: int | None, wanted: Wanted) -> list[str]:
        """Ids of the visible calls that began in a window, newest first."""
        now = self._clock.now()
        since = max(since or 0, now - self._config.retention_days * DAY_MS)
        until = now if until is None else until
        key = (since, until, wanted)
        # Every page of a list asks for the same list: kept until something in it may appear.
        valid_until, ids = self._lists.get(key, (0, []))
        if now < valid_until:
            return ids
        in_window = [self._kept[call_id] for call_id in reversed(self._between(since, until))]
        ids = [kept.call["id"] for kept in in_window if kept.appears <= now and wanted.takes(kept.call)]
        valid_until = min((kept.appears for kept in in_window if kept.appears > now), default=now + DAY_MS)
        self._lists = {key: (valid_until, ids)}
        return ids

    def changes(self, after: int, wanted: Wanted) -> list[tuple[int, str]]:
        """(moment, id) of the calls that appeared or changed after a moment, oldest change first."""
        now = self._clock.now()
        found = (
            (kept.changed, kept.call["id"])
            for kept in self._kept.values()
            if kept.changed > after and self._is_there(kept) and wanted.takes(kept.call) and kept.changed <= now
        )
        return sorted(found)

    def show(self, ids: Iterable[str], view: str) -> list[Record]:
        """Calls as the API shows them: Simple without details, recordings as long as they are kept."""
        now = self._clock.now()
        return [self._shown(self._kept[call_id], view, now) for call_id in ids]

    def knows_extension(self, extension_id: str) -> bool:
        """Whether a call names it."""
        wanted = Wanted(extension_id=extension_id, deleted=True)
        return any(wanted.takes(kept.call) for kept in self._kept.values())

    def _between(self, since: int, until: int) -> list[str]:
        if not self._sorted:
            self._index.sort()
            self._sorted = True
        end = until + 1 if self._config.date_to_inclusive else until
        return [i for _, i in self._index[bisect_left(self._index, (since, "")) : bisect_left(self._index, (end, ""))]]

    def _is_there(self, kept: _Kept) -> bool:
        now = self._clock.now()
        return kept.appears <= now and kept.start >= now - self._config.retention_days * DAY_MS

    def _shown(self, kept: _Kept, view: str, now: int) -> Record:
        call = kept.call
        hidden = set(_DETAILS) if view == "Simple" else set()
        if kept.start < now - self._config.recording_days * DAY_MS:
            hidden.add("recording")
        if not hidden & call.keys():
            return call
        return {name: value for name, value in call.items() if name not in hidden}

    def _delay(self, call_id: str) -> int:
        """Milliseconds from its end until a call appears: its own, whenever one asks."""
        least, most = self._config.appears_after_min, self._config.appears_after_max
        return int(1000 * (least + (most - least) * (zlib.crc32(call_id.encode()) % 1000) / 1000))

    def _complete(self, call: Record, number: int) -> Record:
        call_id = call.get("id") or f"A{number:011d}"
        whole = {
            "id": call_id,
            "uri": f"{HOME}/call-log/{call_id}?view=Simple",
            "sessionId": f"{4_000_000_000 + number}",
            "startTime": to_text(self._clock.now()),
            "duration": 0,
            "type": "Voice",
            "direction": "Outbound",
            "action": "VoIP Call",
            "result": "Call connected",
            **call,
        }
        if whole["duration"] < self._config.recording_min_duration:
            whole.pop("recording", None)
        return whole
