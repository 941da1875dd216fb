"""Consents to texts: RingCentral keeps one for each pair of its own number (or `*`) and the other's."""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import TypeAdapter

from tests.servers.ringcentral.errors import invalid
from tests.servers.ringcentral.moments import Clock, to_text
from tests.servers.ringcentral.shapes import Consent

_CONSENTS = TypeAdapter(list[Consent])
_E164 = re.compile(r"\+[1-9]\d{6,14}")
_COVERAGE = {"phonenumber": "PhoneNumber", "account": "Account", "campaigntype": "CampaignType"}
Record = dict[str, Any]


class Consents:
    """The newest of each pair, and all that came before."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: dict[tuple[str, str], Record] = {}
        self._history: list[Record] = []

    def __len__(self) -> int:
        return len(self._records)

    def add(self, records: Iterable[Record]) -> int:
        """Add records as they are given: for tests. How many."""
        whole = [self._complete(record) for record in records]
        _CONSENTS.validate_python(whole)
        for record in whole:
            self.put(record)
        return len(whole)

    def clear(self) -> None:
        """Forget all, history included."""
        self._records.clear()
        self._history.clear()

    def put(self, record: Record) -> None:
        """What counts for a pair from now on."""
        record = self._complete(record)
        self._records[record["from"], record["to"]] = record
        self._history.append(record)

    def change(self, records: Iterable[Any]) -> list[Record]:
        """PATCH: those that failed, each with its error."""
        failed = []
        for record in records:
            if not isinstance(record, dict):
                raise invalid("records")
            if wrong := _wrong_field(record):
                error = invalid(wrong)
                shown = {name: str(record.get(name, "")) for name in ("from", "to", "optStatus", "source")}
                failed.append({**shown, "error": error.body["errors"][0]})
            else:
                self.put({**record, "lastModifiedTime": to_text(self._clock.now())})
        return failed

    def list(
        self, senders: list[str], recipients: list[str], statuses: frozenset[str], coverage: frozenset[str]
    ) -> list[Record]:
        """The records of pairs, by number. Whoever asks for a sender gets what was said of all of them, too."""
        return [
            record
            for _, record in sorted(self._records.items())
            if record["optStatus"] in statuses
            and record["coverage"] in coverage
            and (not senders or "*" in senders or record["from"] in (*senders, "*"))
            and (not recipients or record["to"] in recipients)
        ]

    def history(self, recipients: list[str]) -> list[Record]:
        """Every change, newest first."""
        return [r for r in reversed(self._history) if not recipients or r["to"] in recipients]

    def export(self) -> str:
        """The CSV of the export."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("FROM", "TO", "STATUS", "SOURCE"))
        writer.writerows((r["from"], r["to"], r["optStatus"], r["source"]) for _, r in sorted(self._records.items()))
        return out.getvalue()

    def _complete(self, record: Record) -> Record:
        coverage = str(record.get("coverage", "Account" if record["from"] == "*" else "PhoneNumber"))
        return {
            "source": "Api",
            "lastModifiedTime": to_text(self._clock.now()),
            **record,
            "coverage": _COVERAGE.get(coverage.lower(), coverage),
        }


def page_of(
    records: list[Record], token: str | None, size: int, show: Callable[[Record], Record] = lambda record: record
) -> dict[str, Any]:
    """A page by its token; nextPageToken is absent on the last. Raises ApiError for a token that is none."""
    try:
        start = int(base64.urlsafe_b64decode(token).decode().removeprefix("F:")) if token else 0
    except ValueError:
        raise invalid("pageToken") from None
    paging: dict[str, Any] = {"perPage": size, "pageToken": _token(start), "firstPageToken": _token(0)}
    if start + size < len(records):
        paging["nextPageToken"] = _token(start + size)
    if start:
        paging["previousPageToken"] = _token(max(start - size, 0))
    return {"records": [show(record) for record in records[start : start + size]], "paging": paging}


def as_opt_out(record: Record) -> Record:
    """A record in the words of the older a2p-sms/opt-outs."""
    source = "Account" if record["source"] == "Api" else record["source"]
    return {"from": record["from"], "to": record["to"], "status": record["optStatus"], "source": source}


def _token(start: int) -> str:
    return base64.urlsafe_b64encode(f"F:{start}".encode()).decode()


def _wrong_field(record: Record) -> str | None:
    sender = str(record.get("from", ""))
    if sender != "*" and not _E164.fullmatch(sender):
        return "from"
    if not _E164.fullmatch(str(record.get("to", ""))):
        return "to"
    if record.get("optStatus") not in ("OptOut", "OptIn"):
        return "optStatus"
    if record.get("source", "Api") not in ("Api", "Recipient", "Upstream", "Carrier"):
        return "source"
    return "coverage" if str(record.get("coverage", "Account")).lower() not in _COVERAGE else None
