"""What is known of a contact point: facts with a source and a date. No rule and no "now" in them.

How they are read out of the database is in `lookup`; what they mean is in `findings`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Literal, NamedTuple

#: Before and after everything: findings that have always held, and that never end.
ALWAYS, NEVER = datetime.min, datetime.max

#: The list of `dnc_registry` and `dnc_area_coverage` that federal law is about.
NATIONAL_LIST = "national"

Kind = Literal["phone", "email", "address"]
Reach = Literal["contact", "person", "shared"]

#: Facts about a person, whatever names them: of who alone has the contact point named, they reach all the others.
OF_THE_PERSON = frozenset(("privacy_deletion", "deceased", "mail_suppression", "relationship"))
#: Facts that reach all contact points of everybody who has the one named.
OF_EVERY_HOLDER = frozenset(("opt_out_suspected", "suspicion_cleared"))


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact point as such, whoever has it.

    `key` is how facts know it: E.164, the key of an e-mail address, the key of a postal address; the raw text of one
    that is not valid. `line_type` is what a source says (mobile, landline, voip, fax); `missing` names the parts that
    an address lacks for delivery.
    """

    kind: Kind
    key: str
    invalid_reason: str | None = None
    extension: str | None = None
    line_type: str | None = None
    missing: tuple[str, ...] = ()

    @property
    def area_code(self) -> str | None:
        """Of a number of the North American numbering plan."""
        return self.key[2:5] if self.kind == "phone" and not self.invalid_reason and self.key[:2] == "+1" else None


@dataclass(frozen=True, slots=True)
class OptOut:
    """A request, and how it reaches the contact point it is asked about.

    `contact`: somebody asked for this very contact point. `person`: the entity asked, by a person it has or by a
    contact point that it alone holds. `shared`: one of several holders of another contact point asked.
    """

    channel: str
    asked_at: datetime
    reach: Reach
    evidence: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A row of `contact_facts` that reaches a contact point: by itself (`contact`) or by the entity (`person`).

    `about` is what the row names; a later fact ends an earlier one only about the same.
    """

    fact: str
    channel: str
    value: str | None
    starts_at: datetime
    ends_at: datetime | None
    reach: Literal["contact", "person"]
    about: str
    evidence: str

    def covers(self, channel: str) -> bool:
        """Whether it is about a channel."""
        return self.channel in (channel, "all")


@dataclass(frozen=True, slots=True)
class Listing:
    """A do-not-call registration: from the first version that has the number until the first that has it no more."""

    source: str
    listed_from: datetime | None
    removed_at: datetime | None
    evidence: str


@dataclass(frozen=True, slots=True)
class Touch:
    """A contact that was made with the entity or this contact point. Campaign: its code or id; None: not known."""

    channel: str
    at: datetime
    campaign: str | None = None


class Home(NamedTuple):
    """Where an address of the entity lies."""

    state: str | None
    zip5: str | None


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a do-not-call list, for one area code."""

    source: str
    area_code: str
    version: str
    obtained_at: datetime


class Lists:
    """The do-not-call lists held, by list and area code, oldest version first."""

    def __init__(self, versions: Iterable[Version] = ()) -> None:
        self._versions: dict[str, dict[str, list[Version]]] = {}
        self._first: dict[str, datetime] = {}
        for version in sorted(versions, key=lambda v: (v.obtained_at, v.version)):
            self._versions.setdefault(version.area_code, {}).setdefault(version.source, []).append(version)
            self._first.setdefault(version.source, version.obtained_at)

    def versions(self, source: str, area_code: str) -> list[Version]:
        """Versions of a list that cover an area code."""
        return self._versions.get(area_code, {}).get(source, [])

    def held_since(self, source: str) -> datetime | None:
        """When the first version of a list was obtained, for whatever area code."""
        return self._first.get(source)

    def in_force(self, area_code: str, at: datetime) -> list[Version]:
        """The newest version of each list that covers an area code, as of an instant."""
        found = []
        for _, versions in sorted(self._versions.get(area_code, {}).items()):
            if held := [version for version in versions if version.obtained_at <= at]:
                found.append(held[-1])
        return found


@dataclass(frozen=True, slots=True)
class Facts:
    """All that is known of one contact point for one entity that has it; of one that nobody has, the entity's are none.

    `surnames`: how many surnames share it, where they are too many.
    """

    lists: Lists = field(default_factory=Lists)
    opt_outs: tuple[OptOut, ...] = ()
    facts: tuple[Fact, ...] = ()
    listings: tuple[Listing, ...] = ()
    touches: tuple[Touch, ...] = ()
    homes: tuple[Home, ...] = ()
    is_estate: bool = False
    is_trust: bool = False
    surnames: int | None = None


def is_later(given: datetime, asked: datetime) -> bool:
    """Whether consent was given after a request. One of 00:00 sharp is of a day, nobody knows when: after that day."""
    return given > asked and asked != datetime.combine(given, time.min)


def plus_months(moment: datetime, months: int) -> datetime:
    """So many months later at the same time; the last day of a month that has no such day (as MySQL has it)."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, _days_in(year, month + 1)))


def _days_in(year: int, month: int) -> int:
    return (date(year + month // 12, month % 12 + 1, 1) - date(year, month, 1)).days
