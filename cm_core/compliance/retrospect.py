"""The retrospective check: contacts that were made, against the rules and facts of their time.

Each call, text and e-mail that we made is judged as `verdicts` would have judged it at its instant, itself and what
came after it left out. What the law forbids is kept in `compliance_violations`; holds of our own policy are none.
Letters are not judged: their records do not say to which address they went.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cm_core.compliance.business_days import opt_out_deadline
from cm_core.compliance.facts import Contact, Facts, Kind, is_later
from cm_core.compliance.lookup import Asked, Holding, facts_for
from cm_core.compliance.rule_book import load_rules
from cm_core.compliance.rules import Rules
from cm_core.compliance.verdicts import verdict
from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.store.locks import looking, named_lock, transaction

if TYPE_CHECKING:
    from pymysql.connections import Connection

#: Rules whose breach is a breach of the law, not of our own policy.
LAWFUL_REASONS = frozenset((
    "opt_out_contact", "opt_out_person", "opt_out_other_channel", "dnc_listed", "dnc_area_not_held", "dnc_list_stale",
    "wireless_state", "privacy_deleted", "calling_window", "frequency_cap",
))  # fmt: skip
_OF_REQUESTS = frozenset(("opt_out_contact", "opt_out_person", "opt_out_other_channel"))
#: Contacts of so many days are judged again each time, since facts about them may still come in.
DAYS_AGAIN = 90
#: What a contact is for, where its campaign does not say: the strictest.
_PURPOSE = "solicitation"
_KINDS: dict[str, Kind] = {"call": "phone", "sms": "phone", "email": "email"}
_CHUNK = 5_000
_LOCK = "cm_retrospect"
_LOCK_TIMEOUT_S = 3600

_JUDGED_UP_TO = "select coalesce(max(judged_up_to), 0) from violation_checks"
_LAST_TOUCH = "select coalesce(max(id), 0) from touchpoints"
_DAYS = """
select date(touchpoint_date), touchpoint_type, count(*)
from touchpoints
where touchpoint_type in ('call', 'sms', 'email') and touchpoint_date <= %s and (touchpoint_date >= %s or id > %s)
group by date(touchpoint_date), touchpoint_type
order by 1, 2
"""
_TOUCHES = """
select t.id, t.touchpoint_date, coalesce(t.phone_e164, t.email_key), t.person_id, p.entity_id,
    coalesce(c.code, t.campaign_code, c.name, t.campaign_name)
from touchpoints as t
left join persons as p on p.id = t.person_id
left join campaigns as c on c.id = t.campaign_id
where t.touchpoint_type = %s and t.touchpoint_date >= %s and t.touchpoint_date < %s and t.touchpoint_date <= %s
    and (t.touchpoint_date >= %s or t.id > %s)
    and coalesce(t.phone_e164, t.email_key) is not null
    and coalesce(json_unquote(json_extract(t.metadata, '$.direction')), 'outbound') <> 'inbound'
    and coalesce(t.status, '') not in ('failed', 'bounced', 'undelivered', 'cancelled', 'canceled', 'skipped')
order by t.touchpoint_date, t.id
"""
_FORGET = "delete from compliance_violations where touched_at >= %s or touchpoint_id > %s"
_ADD = """
insert into compliance_violations
    (touchpoint_id, person_id, channel, contact_key, touched_at, reason_code, rule_ids, evidence, deadline, severity)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_WORST = """
select touchpoint_id, person_id, channel, contact_key, touched_at, rule_ids, evidence
from compliance_violations
where severity = 'violation' and touched_at >= %s
order by touched_at desc, touchpoint_id
limit %s
"""
_RECORD = """
insert into violation_checks (judged_up_to, touches, violations, within_deadline, rules_fingerprint)
values (%s, %s, %s, %s, %s)
"""


@dataclass(frozen=True)
class Judged:
    """Contacts judged, and of them those against the law and those within the deadline of a request."""

    touches: int
    violations: int
    within_deadline: int


@dataclass(frozen=True, slots=True)
class _Made:
    """A contact that was made."""

    touchpoint_id: int
    at: datetime
    key: str
    person_id: int | None
    entity_id: int | None
    campaign: str | None


def judge_contacts(settings: Settings, database: Database, *, at: datetime) -> Judged:
    """Judge the contacts made since the last check and those of the last 90 days, up to `at` (naive UTC).

    What was found about them before is replaced, in one transaction. Raises RulesError, WriterBusy or
    DatabaseUnavailable; nothing is changed then.
    """
    known_rules = load_rules()
    # Our own caps are policy.
    rules = replace(known_rules, caps=tuple(cap for cap in known_rules.caps if cap.state is not None), derived={})
    again = at - timedelta(days=DAYS_AGAIN)
    with closing(database.connect()) as connection, named_lock(connection, _LOCK, timeout_s=_LOCK_TIMEOUT_S):
        with looking(connection):
            known, last = _number(connection, _JUDGED_UP_TO), _number(connection, _LAST_TOUCH)
            touches, found = 0, []
            for day, channel in _days(connection, at, again, known):
                for made in _chunks(_read(connection, channel, day, at, again, known)):
                    touches += len(made)
                    found += list(_judge(settings, connection, channel, made, rules))
        violations = sum(row[-1] == "violation" for row in found)
        with transaction(connection), connection.cursor() as cursor:
            cursor.execute(_FORGET, (again, known))
            for begin in range(0, len(found), _CHUNK):
                cursor.executemany(_ADD, found[begin : begin + _CHUNK])
            cursor.execute(_RECORD, (last, touches, violations, len(found) - violations, rules.fingerprint))
    return Judged(touches, violations, len(found) - violations)


def recent_violations(database: Database, *, at: datetime, limit: int = 20) -> list[dict[str, Any]]:
    """The latest contacts of the 90 days before `at` that were against the law, the newest first."""
    with closing(database.connect()) as connection, connection.cursor() as cursor:
        cursor.execute(_WORST, (at - timedelta(days=DAYS_AGAIN), limit))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _days(connection: Connection[Any], at: datetime, again: datetime, known: int) -> list[tuple[date, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, (at, again, known))
        return [(day, channel) for day, channel, _ in cursor.fetchall()]


def _read(
    connection: Connection[Any], channel: str, day: date, at: datetime, again: datetime, known: int
) -> list[_Made]:
    first = datetime(day.year, day.month, day.day)
    with connection.cursor() as cursor:
        cursor.execute(_TOUCHES, (channel, first, first + timedelta(days=1), at, again, known))
        return [_Made(*row) for row in cursor.fetchall()]


def _chunks(made: list[_Made]) -> Iterator[list[_Made]]:
    for begin in range(0, len(made), _CHUNK):
        yield made[begin : begin + _CHUNK]


def _judge(
    settings: Settings, connection: Connection[Any], channel: str, made: list[_Made], rules: Rules
) -> Iterator[tuple[Any, ...]]:
    """Rows of compliance_violations for contacts of one day."""
    kind = _KINDS[channel]
    contacts = {each.key: Contact(kind, each.key) for each in made}
    asked = [Asked(contact) for contact in contacts.values()]
    holdings = facts_for(settings, connection, kind, asked, at=made[0].at, rules=rules)
    for each in made:
        holding = _of(holdings[each.key], each.entity_id)
        contact = replace(contacts[each.key], line_type=holding.line_type)
        facts = replace(holding.facts, touches=tuple(t for t in holding.facts.touches if t.at < each.at))
        judged = verdict(
            contact, channel, _PURPOSE, each.at, facts, rules, campaign=each.campaign and each.campaign.upper()
        )
        reasons = [reason for rule in judged.rule_ids if (reason := rule.partition(".")[2]) in LAWFUL_REASONS]
        if not reasons:
            continue
        deadline = _deadline(channel, each.at, facts, rules) if set(reasons) <= _OF_REQUESTS else None
        in_time = deadline is not None and each.at.date() <= deadline
        evidence = judged.evidence if judged.reason_code in reasons else None
        yield (
            each.touchpoint_id, each.person_id, channel, each.key, each.at, reasons[0],
            ",".join(f"{channel}.{reason}" for reason in reasons), evidence, deadline,
            "within_deadline" if in_time else "violation",
        )  # fmt: skip


def _of(holdings: list[Holding], entity_id: int | None) -> Holding:
    """The holding of the person who was contacted; where nobody knows who that was, any: the contact point decides."""
    return next((holding for holding in holdings if holding.entity_id == entity_id), holdings[0])


def _deadline(channel: str, at: datetime, facts: Facts, rules: Rules) -> date | None:
    """By when the oldest request that spoke against the contact had to be honoured; not one that was lifted since."""
    channels = {"all", *(("call", "sms") if _KINDS[channel] == "phone" else (channel,))}
    given = [
        fact.starts_at
        for fact in facts.facts
        if fact.fact == "reconsent" and fact.covers(channel) and fact.starts_at <= at
    ]
    asked = [
        request.asked_at
        for request in facts.opt_outs
        if request.reach != "shared"
        and request.channel in channels
        and request.asked_at <= at
        and not any(is_later(moment, request.asked_at) for moment in given)
    ]
    return opt_out_deadline(min(asked), rules) if asked else None


def _number(connection: Connection[Any], query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        row = cursor.fetchone()
    return int(row[0]) if row else 0
