"""The state of one company's account: its users, persons, deals, activities and call logs. In memory only.

What happens to persons is in `people`, to deals and activities in `dealings`; this module only holds things and tells
who asks for a person whether there is one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tests.servers.pipedrive.auth import Accounts
from tests.servers.pipedrive.clock import Clock
from tests.servers.pipedrive.config import Config
from tests.servers.pipedrive.errors import ApiError, not_found
from tests.servers.pipedrive.faults import Faults
from tests.servers.pipedrive.fields import Fields
from tests.servers.pipedrive.limits import Limits
from tests.servers.pipedrive.search import SearchIndex
from tests.servers.pipedrive.tables import Row, Table
from tests.servers.pipedrive.webhooks import Hub

COMPANY_ID = 7_700_001
Kind = Literal["deal", "activity"]
_KEPT_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class Actor:
    """Who changes something, and from where: a person in the app or a program by the API."""

    user_id: int
    source: Literal["app", "api"]
    agent: str | None = None
    bulk: bool = False


class World:
    """Everything one server knows; `POST /_control/reset` begins another one."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.contact_sync = config.contact_sync
        self.account_state: Literal["open", "trial_expired", "closed"] = "open"
        self.clock = Clock(config.clock, config.clock_rate, config.utc_offset_hours)
        self.limits = Limits(config, self.clock)
        self.faults = Faults()
        self.accounts = Accounts(config, self.clock)
        self.fields = Fields()
        self.search = SearchIndex(self.clock, config.search_lag)
        self.hub = Hub(config, self.clock, COMPANY_ID)
        self.persons = Table(
            sort_fields=("id", "update_time", "add_time"),
            listed=lambda row: config.list_deleted or not row["is_deleted"],
        )
        self.tables: dict[Kind, Table] = {
            "deal": Table(sort_fields=("id", "update_time", "add_time"), listed=lambda row: not row["is_deleted"]),
            "activity": Table(
                sort_fields=("id", "update_time", "add_time", "due_date"), listed=lambda row: not row["is_deleted"]
            ),
        }
        self.call_logs: dict[str, Row] = {}
        self.changes: dict[int, list[Row]] = {}
        self.deleted_at: dict[int, str] = {}
        self.merged_into: dict[int, int] = {}
        self._linked: dict[Kind, dict[int, set[int]]] = {"deal": {}, "activity": {}}

    def person(self, person_id: int) -> Row:
        """A live person. ApiError 404 if there is none."""
        row = self.persons.rows.get(person_id)
        if row is None or row["is_deleted"]:
            raise not_found("Person")
        return row

    def readable_person(self, person_id: int) -> Row:
        """A person as GET by id gives it: a deleted one is there for 30 days (see `deleted_reply`, `merged_reply`)."""
        self.purge()
        row = self.persons.rows.get(person_id)
        if row is None:
            raise not_found("Person")
        if row["is_deleted"]:
            merged = person_id in self.merged_into
            reply = self.config.merged_reply if merged else self.config.deleted_reply
            if reply != 200:
                raise ApiError(reply, "Person not found" if reply == 404 else "Person is gone")
        return row

    def purge(self) -> None:
        """Forget for good who was deleted 30 days ago or earlier."""
        limit = self.clock.before(seconds=_KEPT_SECONDS)
        for person_id in [person_id for person_id, at in self.deleted_at.items() if at <= limit]:
            self.persons.remove(person_id)
            self.search.forget(person_id)
            del self.deleted_at[person_id]

    def put(self, kind: Kind, row: Row) -> None:
        """Keep a deal or activity and its link to a person."""
        table, linked = self.tables[kind], self._linked[kind]
        old = table.rows.get(row["id"])
        if old is not None and old["person_id"] is not None:
            linked[old["person_id"]].discard(row["id"])
        table.put(row)
        if row["person_id"] is not None and not row["is_deleted"]:
            linked.setdefault(row["person_id"], set()).add(row["id"])

    def linked(self, kind: Kind, person_id: int) -> list[Row]:
        """The deals or activities of a person, oldest first."""
        return [self.tables[kind].rows[row_id] for row_id in sorted(self._linked[kind].get(person_id, ()))]

    def row(self, kind: Kind, row_id: int) -> Row:
        """A deal or activity that is not deleted. ApiError 404 if there is none."""
        row = self.tables[kind].rows.get(row_id)
        if row is None or row["is_deleted"]:
            raise not_found(kind.capitalize())
        return row

    def counts(self) -> dict[str, Any]:
        """How much there is, for the tests."""
        live = sum(not row["is_deleted"] for row in self.persons.rows.values())
        return {
            "persons": live,
            "persons_deleted": len(self.persons.rows) - live,
            "deals": len(self.tables["deal"].rows),
            "activities": len(self.tables["activity"].rows),
            "call_logs": len(self.call_logs),
            "merged_into": {str(gone): into for gone, into in self.merged_into.items()},
        }
