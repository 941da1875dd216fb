"""Verdicts on many contact points for one question: channel, purpose and instant are the same for all.

Most contact points of a list have no facts of their own: those that cannot be told apart are judged once.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cm_core.compliance.facts import Contact, Facts, Home
from cm_core.compliance.lookup import Holding
from cm_core.compliance.places import keys_of
from cm_core.compliance.rules import Rules
from cm_core.compliance.verdicts import Verdict, strictest, verdict


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
            return self._one(contact, holdings[0], homes)
        return strictest([self._one(contact, held, homes) for held in holdings])

    def _one(self, contact: Contact, held: Holding, homes: tuple[Home, ...]) -> Verdict:
        if held.line_type is not None and contact.line_type is None:
            contact = replace(contact, line_type=held.line_type)
        facts = replace(held.facts, homes=held.facts.homes + homes) if homes else held.facts
        if not _is_quiet(facts):
            return self._verdict(contact, facts)
        # Evidence names nothing of the contact point but what is in here.
        point = (
            (contact.area_code or contact.key, contact.extension, contact.line_type) if contact.kind == "phone" else ()
        )
        places = self._rules.memo(
            ("places of", contact.area_code, facts.homes), lambda: keys_of(contact, facts.homes, self._rules)
        )
        alike = (
            point,
            contact.invalid_reason,
            contact.missing,
            places,
            facts.listings,
            facts.is_estate,
            facts.is_trust,
        )
        if alike not in self._known:
            self._known[alike] = self._verdict(contact, facts)
        return self._known[alike]

    def _verdict(self, contact: Contact, facts: Facts) -> Verdict:
        asked = self._question
        return verdict(contact, asked.channel, asked.purpose, asked.at, facts, self._rules, campaign=asked.campaign)


def _is_quiet(facts: Facts) -> bool:
    """Whether nothing is known of this contact point or its entity but lists, places and kinds of entity."""
    return not (facts.opt_outs or facts.facts or facts.touches or facts.surnames)
