"""Who said what, and what follows from it by the stated rules. Nothing of the product is used here.

The rules, as the issue has them: of a name or an address one side's change wins, of two the person's in the CRM, else
the newer; a person's edit stays until a machine changes it there. Phones and e-mails are what the CRM has and what of
ours it never had. Do-not-contact is all that anybody ever said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

CHANNELS = ("call", "sms", "email", "mail")
Source = Literal["app", "api"]
#: Surnames that one takes in a month at most.
MOST_NAMES = 3


@dataclass
class Single:
    """A name or an address: what it has to be, and what was said of it since the last sync (value, when)."""

    value: str | None = None
    by_hand: bool = False
    there: tuple[str, datetime, Source] | None = None
    ours: tuple[str, datetime] | None = None
    log: list[str] = field(default_factory=list)

    def said_there(self, value: str, at: datetime, source: Source) -> None:
        """Somebody edits it in the CRM."""
        self.there = (value, at, source)
        self.log.append(f"{at:%m-%d %H:%M} {source}: {value}")

    def said_here(self, value: str, at: datetime) -> None:
        """A list of ours has it."""
        self.ours = (value, at)
        self.log.append(f"{at:%m-%d %H:%M} list: {value}")

    def settle(self, changed_there: datetime | None) -> None:
        """A sync. `changed_there`: when anybody else than us last changed anything of the CRM's person since."""
        there, ours = self.there, self.ours
        self.there = self.ours = None
        if there is None and ours is None:
            return
        if there is None:
            assert ours is not None
            if not self.by_hand:
                self.value = ours[0]
            return
        value, at, source = there
        at = max(at, changed_there or at)
        if source == "app" or ours is None or at >= ours[1]:
            self.value, self.by_hand = value, source == "app"
        else:
            self.value, self.by_hand = ours[0], False


@dataclass
class Points:
    """Phones or e-mails: those that the CRM has or is to get, those removed there, all that ours ever had."""

    there: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    ours: set[str] = field(default_factory=set)

    def add_there(self, value: str) -> None:
        """Somebody adds it in the CRM; so ours gets it too."""
        self.there.add(value)
        self.removed.discard(value)
        self.ours.add(value)

    def remove_there(self, value: str) -> None:
        """Somebody takes it away in the CRM."""
        self.there.discard(value)
        self.removed.add(value)

    @property
    def expected_there(self) -> set[str]:
        """What the CRM is to have at the end."""
        return self.there | (self.ours - self.removed)


@dataclass
class Human:
    """Somebody, by what they have from the beginning; what is to be at the end is in the fields and `Points`.

    `crm_ids`: live people of the CRM; `deleted`, `merged`: what became of others. `is_ours`: a list had them.
    """

    number: int
    first: str
    last: str
    email: str
    phone: str
    name: Single = field(default_factory=Single)
    address: Single = field(default_factory=Single)
    phones: Points = field(default_factory=Points)
    emails: Points = field(default_factory=Points)
    said: dict[str, list[str]] = field(default_factory=dict)
    crm_ids: list[int] = field(default_factory=list)
    deleted: set[int] = field(default_factory=set)
    merged: dict[int, int] = field(default_factory=dict)
    is_ours: bool = False
    said_before: bool = False
    others: list[str] = field(default_factory=list)
    answered: list[datetime] = field(default_factory=list)
    was_there: bool = False
    touched_there: datetime | None = None
    opted_out: list[dict[str, Any]] = field(default_factory=list)
    renamed: int = 0

    def takes_another_name(self) -> bool:
        """Whether they are called otherwise once more. Who has many surnames is taken for an office by our rules."""
        self.renamed += 1
        return self.renamed <= MOST_NAMES

    def asked(self, channel: str, how: str) -> None:
        """They asked not to be contacted on a channel."""
        for each in CHANNELS if channel == "all" else (channel,):
            self.said.setdefault(each, []).append(how)

    def settle(self) -> None:
        """A sync begins: what was said until now is decided by it."""
        self.name.settle(self.touched_there)
        self.address.settle(self.touched_there)
        self.touched_there = None
        self.said_before = bool(self.said)

    @property
    def closed(self) -> set[str]:
        """Channels on which they asked to be left alone."""
        return set(self.said)

    @property
    def may_be_closed(self) -> set[str]:
        """Those, and what the rules close with them: who wants no calls gets no texts, and the other way round."""
        found = set(self.said)
        return found | ({"call", "sms"} if found & {"call", "sms"} else set())

    def __str__(self) -> str:
        return f"human {self.number} ({self.name.value}, {self.email}, crm {self.crm_ids})"
