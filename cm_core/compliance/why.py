"""Why a contact point may be used or not: the verdict with everything else that was found, in words.

What decides is in `verdicts`; this tells it.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from cm_core.compliance.contact_points import contacts_of
from cm_core.compliance.facts import ALWAYS, NEVER, Contact, Facts
from cm_core.compliance.findings import exemptions, findings
from cm_core.compliance.judge import Question
from cm_core.compliance.lookup import Asked, Holding, facts_for, line_type_of
from cm_core.compliance.places import keys_of
from cm_core.compliance.rule_book import load_rules
from cm_core.compliance.rules import CHANNELS, Rules
from cm_core.compliance.verdicts import Verdict, verdict
from cm_core.errors import UsageError
from cm_core.hygiene.emails import standardize_email
from cm_core.hygiene.phones import standardize_phone
from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.store.locks import looking

_CHANNELS = {"phone": ("call", "sms"), "email": ("email",), "address": ("mail",)}
_ID_DIGITS = 9


@dataclass(frozen=True)
class Ground:
    """One finding or exemption, ever, and what it comes to at the instant asked about.

    `counts` is decides, holds, lifted, off (its rule is), other purpose, not yet or no more; of an exemption lifts or
    does not.
    """

    reason_code: str
    verdict: str | None
    code: str | None
    counts: str
    evidence: str
    begins: datetime | None
    ends: datetime | None
    source: str | None


@dataclass(frozen=True)
class Answer:
    """The verdict on one contact point of one entity (None: nobody has it) on one channel, and its grounds."""

    contact: str
    channel: str
    entity_id: int | None
    places: tuple[str, ...]
    verdict: Verdict
    grounds: tuple[Ground, ...]

    def as_json(self) -> dict[str, Any]:
        """The form that `cm why --json` prints."""
        said = {name: getattr(self.verdict, name) for name in Verdict.__dataclass_fields__ if name != "precedence"}
        return {
            "contact": self.contact, "channel": self.channel, "entity_id": self.entity_id, "places": self.places,
            **said, "grounds": [vars(ground) for ground in self.grounds],
        }  # fmt: skip


def why(
    settings: Settings,
    database: Database,
    target: str,
    *,
    channel: str | None = None,
    purpose: str = "solicitation",
    at: datetime,
) -> list[Answer]:
    """The answers about a phone number, an e-mail address, or all contact points of a person (its id).

    For each channel that it can be used on, or `channel` alone, and each entity that has it; one answer for a contact
    point that nobody has. `at` is naive UTC. Raises UsageError, PersonError, RulesError or DatabaseUnavailable.
    """
    rules = load_rules()
    kind, contact = _target(target)
    with closing(database.connect()) as connection, looking(connection):
        entity = None
        asked = [Asked(contact)] if contact else []
        if kind == "person":
            entity, asked = contacts_of(connection, int(target))
        answers = []
        for of_kind, channels in _CHANNELS.items():
            wanted = [one for one in channels if channel in (None, one)]
            points = [one for one in asked if one.contact.kind == of_kind]
            if not wanted or not points:
                continue
            held = facts_for(settings, connection, points[0].contact.kind, points, at=at, rules=rules, entity_id=entity)
            answers += [
                _answer(one.contact, holding, Question(name, purpose, at), rules)
                for one in points
                for holding in held[one.contact.key]
                for name in wanted
            ]
    if not answers:
        raise UsageError(f"{target} has nothing that can be used on channel {channel or 'any'}: {', '.join(CHANNELS)}.")
    return answers


def _target(text: str) -> tuple[Literal["phone", "email", "person"], Contact | None]:
    """What is asked about: an e-mail address has an @, a person's id has at most nine digits, a number more."""
    if "@" in text:
        email = next(iter(standardize_email(text)))
        return "email", Contact(
            "email", email.key or text, invalid_reason=None if email.email else email.invalid_reason
        )
    if text.isascii() and text.isdigit() and len(text) <= _ID_DIGITS:
        return "person", None
    found = standardize_phone(text)
    if len(found) != 1 or found[0].invalid_reason == "no_digits":
        raise UsageError(f"{text!r} is neither one phone number, nor an e-mail address, nor a person's id.")
    phone = found[0]
    if phone.e164:
        return "phone", Contact("phone", phone.e164, extension=phone.extension)
    return "phone", Contact("phone", phone.raw or text, invalid_reason=phone.invalid_reason)


def _answer(contact: Contact, held: Holding, asked: Question, rules: Rules) -> Answer:
    contact = replace(contact, line_type=line_type_of(contact, held))
    found = verdict(contact, asked.channel, asked.purpose, asked.at, held.facts, rules, campaign=asked.campaign)
    places = keys_of(contact, held.facts.homes, rules) if contact.kind != "email" else ()
    shown = contact.key + (f" ext. {contact.extension}" if contact.extension else "")
    grounds = _grounds(contact, held.facts, found, asked, rules)
    return Answer(shown, asked.channel, held.entity_id, places, found, tuple(grounds))


def _grounds(contact: Contact, facts: Facts, decided: Verdict, asked: Question, rules: Rules) -> list[Ground]:
    """All findings, the strictest first, then what exempts."""
    active = rules.active(asked.channel, asked.purpose, asked.at.date())
    lifting = {one.name for one in exemptions(asked.channel, facts, rules) if one.holds(asked.at)}
    rows: list[tuple[int, Ground]] = []
    for one in findings(contact, asked.channel, facts, rules, campaign=asked.campaign):
        rule = active.get(one.reason_code)
        known = rules.of_reason(asked.channel, one.reason_code)
        counts = "holds"
        if not one.holds(asked.at):
            counts = "not yet" if one.begins > asked.at else "no more"
        elif rule is None:
            counts = "off" if not known else "other purpose or day"
        elif rule.exempt_by & lifting:
            counts = "lifted"
        elif (one.reason_code, one.evidence) == (decided.reason_code, decided.evidence):
            counts = "decides"
        precedence = rule.precedence if rule and counts in ("holds", "decides", "lifted") else 10_000
        source = rule.source if rule else None
        ground = Ground(
            one.reason_code, rule.verdict if rule else None, rule.code if rule else None, counts, one.evidence,
            *_times(one.begins, one.ends), source,
        )  # fmt: skip
        rows.append((precedence, ground))
    grounds = [ground for _, ground in sorted(rows, key=lambda row: (row[0], row[1].evidence))]
    for lift in exemptions(asked.channel, facts, rules):
        counts = "lifts" if lift.holds(asked.at) else "does not"
        times = _times(lift.begins, lift.ends)
        grounds.append(Ground(lift.name, None, None, counts, lift.evidence, *times, None))
    return grounds


def _times(begins: datetime, ends: datetime) -> tuple[datetime | None, datetime | None]:
    return (None if begins == ALWAYS else begins), (None if ends == NEVER else ends)
