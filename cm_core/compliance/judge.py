"""Verdicts on many contact points for one question: channel, purpose and instant are the same for all.

Most contact points of a list have no facts of their own: those that cannot be told apart are judged once.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cm_core.compliance.facts import Contact, Facts, Home
from cm_core.compliance.lookup import Holding, line_type_of
from cm_core.compliance.places import keys_of
from cm_core.compliance.rules import Rules
from cm_core.compliance.verdicts import Verdict, strictest, verdict

#: Openings that are tried, one after the other, for a time at which all may be used.
_MOST_STEPS = 64


@dataclass(frozen=True)
class Question:
    """What is asked about every contact point. `campaign`: whose caps and pauses count."""

    channel: str
    purpose: str
    at: datetime
    campaign: str | None = None


class Judge:
    """Answers one question about contact points."""

    def __init__(self, question: Question, rules: Rules) -> None:
        self._question, self._rules = question, rules
        self._known: dict[Hashable, Verdict] = {}

    def judge(self, contact: Contact, holdings: Sequence[Holding], homes: tuple[Home, ...] = ()) -> Verdict:
        """The strictest verdict on a contact point for any entity that has it; `homes` are places known beside."""
        if len(holdings) == 1:
            return self._one(*_case(contact, holdings[0], homes))
        return self.together([(contact, holdings)], homes)

    def together(self, asked: Sequence[tuple[Contact, Sequence[Holding]]], homes: tuple[Home, ...] = ()) -> Verdict:
        """The strictest verdict on contact points that are used together or not at all: usable when all of them are."""
        cases = [_case(contact, held, homes) for contact, holdings in asked for held in holdings]
        found = strictest([self._one(*case) for case in cases])
        if len(cases) == 1 or found.verdict != "wait":
            return found
        return replace(found, usable_from=self._all_open(cases, found.usable_from))

    def _all_open(self, cases: Sequence[tuple[Contact, Facts]], at: datetime | None) -> datetime | None:
        """The first instant from `at` on at which every case is allowed; None where none is found."""
        for _ in range(_MOST_STEPS):
            if at is None:
                return None
            found = [self._one(contact, facts, at) for contact, facts in cases]
            closed = [one for one in found if one.verdict != "allowed"]
            if not closed:
                return at
            opens = [one.usable_from for one in closed if one.verdict == "wait" and one.usable_from is not None]
            at = max(opens) if len(opens) == len(closed) else None
        return None

    def _one(self, contact: Contact, facts: Facts, at: datetime | None = None) -> Verdict:
        if not _is_quiet(facts):
            return self._verdict(contact, facts, at)
        # Evidence names nothing of the contact point but what is in here.
        point = (
            (contact.area_code or contact.key, contact.extension, contact.line_type) if contact.kind == "phone" else ()
        )
        places = self._rules.memo(
            ("places of", contact.area_code, facts.homes), lambda: keys_of(contact, facts.homes, self._rules)
        )
        alike = (
            at,
            point,
            contact.invalid_reason,
            contact.missing,
            places,
            facts.listings,
            facts.is_estate,
            facts.is_trust,
        )
        if alike not in self._known:
            self._known[alike] = self._verdict(contact, facts, at)
        return self._known[alike]

    def _verdict(self, contact: Contact, facts: Facts, at: datetime | None = None) -> Verdict:
        asked = self._question
        at = at or asked.at
        return verdict(contact, asked.channel, asked.purpose, at, facts, self._rules, campaign=asked.campaign)


def _case(contact: Contact, held: Holding, homes: tuple[Home, ...]) -> tuple[Contact, Facts]:
    """A contact point as an entity has it."""
    line = line_type_of(contact, held)
    if line != contact.line_type:
        contact = replace(contact, line_type=line)
    return contact, replace(held.facts, homes=held.facts.homes + homes) if homes else held.facts


def _is_quiet(facts: Facts) -> bool:
    """Whether nothing is known of this contact point or its entity but lists, places and kinds of entity."""
    return not (facts.opt_outs or facts.facts or facts.touches or facts.surnames)
