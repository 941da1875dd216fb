"""What the facts say about one contact point on one channel: findings and exemptions, each with its interval.

The table of docs/adr/0032 in code. No purpose and no "now" here, and nothing of which rule decides: that is in
`verdicts`. Calling hours are left to it too, since they begin and end every day.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from cm_core.compliance.facts import ALWAYS, NATIONAL_LIST, NEVER, Contact, Fact, Facts, is_later, plus_months
from cm_core.compliance.frequency import bounds, frequency_findings
from cm_core.compliance.places import keys_of, states_in
from cm_core.compliance.rules import REASONS, Rules, StateRule

_OTHER_CHANNEL = {"call": "sms", "sms": "call"}
_PHONE_CHANNELS = ("call", "sms")
#: Values of the fact `wireless`; every other value says that the number is wireless.
_LANDLINE, _PORTED = "landline", "ported"
#: The value of the fact `consent` that says that it was signed and names the number.
_WRITTEN = "written"
#: Facts that hold from their beginning to their end, and the reason that each is.
_PLAIN = {
    "litigator": "litigator", "deceased": "deceased", "mail_suppression": "mail_suppression",
    "privacy_deletion": "privacy_deleted",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that speaks against a contact point from `begins` until before `ends`, UTC."""

    reason_code: str
    evidence: str
    begins: datetime = ALWAYS
    ends: datetime = NEVER

    def holds(self, at: datetime) -> bool:
        """Whether it holds at an instant."""
        return self.begins <= at < self.ends


@dataclass(frozen=True, slots=True)
class Exemption:
    """Something that lifts findings whose rule names it, while it holds."""

    name: str
    evidence: str
    begins: datetime
    ends: datetime

    def holds(self, at: datetime) -> bool:
        """Whether it holds at an instant."""
        return self.begins <= at < self.ends


def findings(
    contact: Contact, channel: str, facts: Facts, rules: Rules, *, campaign: str | None = None
) -> list[Finding]:
    """All findings against a contact point on a channel, ever, but those of calling hours.

    `campaign`, its code or id: whose caps and pauses count beside the general ones.
    """
    states = states_in(keys_of(contact, facts.homes, rules), rules)
    found = [
        *_of_the_contact_point(contact, channel, facts, rules),
        *_of_requests(channel, facts),
        *_of_facts(channel, facts),
        *(Finding(*values) for values in frequency_findings(channel, states, facts, rules, campaign)),
    ]
    if channel in _PHONE_CHANNELS:
        found += _of_lists(contact, facts, rules, states)
        found += _of_lines(contact, channel, facts, rules, states)
    return [finding for finding in found if finding.begins < finding.ends and finding.reason_code in REASONS[channel]]


def exemptions(channel: str, facts: Facts, rules: Rules) -> list[Exemption]:
    """Consent and business relationships on a channel, each with the time that it holds.

    Consent is of the contact point (47 CFR 64.1200(a)(9): it names the number), and ends with the next
    `consent_revoked`. Given by word of mouth, or nobody knows how, it is not that in writing which the do-not-call
    rules ask for (47 CFR 64.1200(c)(2)(ii)). A relationship is of the contact point or the person, and lasts so many
    months. A request not to be contacted ends any of them for good.
    """
    found: list[Exemption] = []
    asked = [opt_out.asked_at for opt_out in facts.opt_outs if opt_out.channel in (channel, "all")]
    revoked = [fact.starts_at for fact in _named(facts, "consent_revoked", channel)]
    for fact in _named(facts, "consent", channel, reach="contact"):
        until = min((end for end in asked + revoked if not is_later(fact.starts_at, end)), default=NEVER)
        name = "written_consent" if fact.value == _WRITTEN else "consent"
        found.append(Exemption(name, fact.evidence, fact.starts_at, min(until, fact.ends_at or NEVER)))
    for fact in _named(facts, "relationship", channel):
        if fact.value in ("purchase", "inquiry"):
            months = _in_force(f"relationship_{fact.value}", fact.starts_at, rules)
            until = min((end for end in asked if not is_later(fact.starts_at, end)), default=NEVER)
            until = min(until, plus_months(fact.starts_at, months), fact.ends_at or NEVER)
            found.append(Exemption("relationship", fact.evidence, fact.starts_at, until))
    return [exemption for exemption in found if exemption.begins < exemption.ends]


def is_us(contact: Contact, rules: Rules) -> bool:
    """Whether a number belongs to the United States or a territory, toll-free ones included."""
    known = rules.area_codes.get(contact.area_code or "")
    return contact.area_code is not None and (known is None or known.country == "US")


def needs_list(contact: Contact, rules: Rules) -> bool:
    """Whether the national registry covers the number's area code: of the United States, and not toll-free."""
    return is_us(contact, rules) and not _is_toll_free(contact, rules)


def _is_toll_free(contact: Contact, rules: Rules) -> bool:
    known = rules.area_codes.get(contact.area_code or "")
    return known is not None and known.kind == "toll_free"


def _of_the_contact_point(contact: Contact, channel: str, facts: Facts, rules: Rules) -> Iterator[Finding]:
    """What holds as long as the contact point and the entity are what they are."""
    table = {"phone": "phone_numbers", "email": "email_addresses", "address": "addresses"}[contact.kind]
    if contact.invalid_reason:
        yield Finding("invalid_contact", f"{table}: {contact.invalid_reason}")
    if contact.missing:
        yield Finding("incomplete_address", f"{table}: no {', no '.join(contact.missing)}")
    if facts.surnames:
        yield Finding("shared_contact", f"shared_contacts: {facts.surnames} surnames")
    if facts.is_estate:
        yield Finding("estate_hold", "persons: a member is an estate")
    if facts.is_trust:
        yield Finding("trust_hold", "persons: a member is a trust")
    if contact.kind != "phone" or contact.invalid_reason:
        return
    toll_free = _is_toll_free(contact, rules)
    if not is_us(contact, rules):
        yield Finding("outside_us", f"{table}: {_country(contact, rules)}")
    if toll_free:
        yield Finding("toll_free", f"{table}: area code {contact.area_code}")
    if contact.line_type == "fax":
        yield Finding("fax_number", f"{table}: phone_type fax")
    if contact.extension or contact.line_type == "landline" or toll_free:
        evidence = f"extension {contact.extension}" if contact.extension else f"phone_type {contact.line_type}"
        yield Finding("not_textable", f"{table}: {'toll-free' if toll_free else evidence}")


def _country(contact: Contact, rules: Rules) -> str:
    known = rules.area_codes.get(contact.area_code or "")
    return f"area code {contact.area_code} of {known.country}" if known else f"country code of {contact.key}"


def _of_requests(channel: str, facts: Facts) -> Iterator[Finding]:
    """From each request until the next re-consent for this contact point and channel (`is_later`)."""
    for asked in facts.opt_outs:
        if asked.channel in (channel, "all"):
            reason = f"opt_out_{asked.reach}"
        elif asked.channel == _OTHER_CHANNEL.get(channel) and asked.reach != "shared":
            reason = "opt_out_other_channel"
        else:
            continue
        again = (fact.starts_at for fact in _named(facts, "reconsent", channel, reach="contact"))
        ends = min((given for given in again if is_later(given, asked.asked_at)), default=NEVER)
        yield Finding(reason, asked.evidence, asked.asked_at, ends)


def _of_facts(channel: str, facts: Facts) -> Iterator[Finding]:
    for fact in facts.facts:
        if not fact.covers(channel):
            continue
        if fact.fact == "opt_out_suspected":
            yield Finding("opt_out_suspected", fact.evidence, fact.starts_at, _ended(fact, facts, "suspicion_cleared"))
        elif fact.fact == "reassigned" and fact.value == "yes":
            yield Finding("reassigned", fact.evidence, fact.starts_at, _ended(fact, facts, "reassigned", "no"))
        elif reason := _PLAIN.get(fact.fact):
            yield Finding(reason, fact.evidence, fact.starts_at, fact.ends_at or NEVER)


def _of_lists(contact: Contact, facts: Facts, rules: Rules, states: frozenset[str]) -> Iterator[Finding]:
    """What do-not-call lists say, and what it means that one is not held or old (16 CFR 310.4(b)(3)(iv), 310.8)."""
    if contact.invalid_reason:
        return
    for listing in facts.listings:
        yield Finding("dnc_listed", listing.evidence, listing.listed_from or ALWAYS, listing.removed_at or NEVER)
    if contact.area_code is None or not needs_list(contact, rules):
        return
    versions = facts.lists.versions(NATIONAL_LIST, contact.area_code)
    first = versions[0].obtained_at if versions else NEVER
    yield Finding("dnc_area_not_held", f"dnc_area_coverage: no list of area code {contact.area_code}", ends=first)
    nexts = [*(version.obtained_at for version in versions[1:]), NEVER]
    for version, until in zip(versions, nexts, strict=False):
        age = timedelta(days=_in_force("dnc_list_max_age", version.obtained_at, rules))
        evidence = f"dnc_area_coverage: list of area code {contact.area_code} of {version.obtained_at:%Y-%m-%d}"
        yield Finding("dnc_list_stale", evidence, version.obtained_at + age, until)
    for state in _dated(rules.state_lists, states):
        held = facts.lists.held_since(state.list) or NEVER
        begins, ends = bounds(state.dates)
        yield Finding("state_list_not_held", f"state_lists: {state.list} of {state.state}", begins, min(ends, held))


def _of_lines(contact: Contact, channel: str, facts: Facts, rules: Rules, states: frozenset[str]) -> Iterator[Finding]:
    """What it means that a number is wireless, by a dated fact or by the line type that its source gives."""
    if contact.invalid_reason:
        return
    spans = list(_wireless(contact, channel, facts, rules))
    for evidence, begins, ends in spans:
        yield Finding("wireless_no_consent", evidence, begins, ends)
        for state in _dated(rules.wireless_states, states):
            first, last = bounds(state.dates)
            yield Finding("wireless_state", f"{evidence}, {state.state}", max(begins, first), min(ends, last))
    if contact.line_type is None and not any(fact.fact == "wireless" for fact in facts.facts):
        yield Finding("line_type_unknown", "phone_numbers: no phone_type")


def _wireless(contact: Contact, channel: str, facts: Facts, rules: Rules) -> Iterator[tuple[str, datetime, datetime]]:
    known = list(_named(facts, "wireless", channel, reach="contact"))
    landline = [fact.starts_at for fact in known if fact.value == _LANDLINE]
    if contact.line_type == "mobile":
        # Nobody knows since when, so no fact is certain to be newer.
        yield "phone_numbers: phone_type mobile", ALWAYS, NEVER
    for fact in known:
        if fact.value != _LANDLINE:
            grace = _in_force("wireless_port_grace", fact.starts_at, rules) if fact.value == _PORTED else 0
            yield fact.evidence, fact.starts_at + timedelta(days=grace), _first(landline, after=fact.starts_at)


def _in_force(term: str, since: datetime, rules: Rules) -> int:
    """The value of a term on the day that something began; 0, which is the strictest, where none was set for it."""
    found = rules.term_or_none(term, since.date())
    return found.value if found else 0


def _dated(rows: tuple[StateRule, ...], states: frozenset[str]) -> Iterator[StateRule]:
    return (row for row in rows if row.state in states)


def _named(facts: Facts, name: str, channel: str, *, reach: str | None = None) -> Iterator[Fact]:
    return (f for f in facts.facts if f.fact == name and f.covers(channel) and reach in (None, f.reach))


def _ended(fact: Fact, facts: Facts, name: str, value: str | None = None) -> datetime:
    """When the next fact of a name (and value) about the same begins, on a channel that covers the fact's."""
    return _first(
        (
            other.starts_at
            for other in facts.facts
            if other.fact == name
            and other.about == fact.about
            and other.channel in (fact.channel, "all")
            and value in (None, other.value)
        ),
        after=fact.starts_at,
    )


def _first(instants: Iterable[datetime], *, after: datetime) -> datetime:
    """The first of some instants later on; one of the same instant is not later."""
    return min((instant for instant in instants if instant > after), default=NEVER)
