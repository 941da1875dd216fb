"""The verdict: may this contact point be used on this channel, for this purpose, at this instant, and if not, why.

A pure function of a contact point, what is known of it and the rule book (docs/adr/0032). The dbt marts give the same
answers for everybody at once; the table of cases in tests/ runs through both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cm_core.compliance import windows
from cm_core.compliance.facts import ALWAYS, NEVER, Contact, Facts
from cm_core.compliance.findings import exemptions, findings, needs_list
from cm_core.compliance.frequency import bounds
from cm_core.compliance.places import keys_of
from cm_core.compliance.rules import CHANNELS, DEFAULT, EXEMPT, PURPOSES, Rule, Rules
from cm_core.errors import RulesError, UsageError

_WINDOW = "calling_window"
_KINDS = {"call": "phone", "sms": "phone", "email": "email", "mail": "address"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be done, and why.

    `verdict` is blocked, review (a person must decide first), wait (not now) or allowed; `code` is its letter in the
    style of DNCScrub. `rule_ids` names the rules that found something, the deciding one first. `list_versions` are the
    do-not-call lists that it rests on. `valid_until`: until then nothing begins or ends that could change it; None: no
    such instant is known. `usable_from`, of a wait: when it is over, as things stand. `precedence` is that of the rule.
    """

    verdict: str
    code: str
    reason_code: str
    reason: str
    evidence: str | None
    rule_ids: tuple[str, ...]
    list_versions: tuple[str, ...]
    valid_until: datetime | None
    usable_from: datetime | None
    precedence: int = 0


def verdict(
    contact: Contact,
    channel: str,
    purpose: str,
    at: datetime,
    facts: Facts,
    rules: Rules,
    *,
    campaign: str | None = None,
) -> Verdict:
    """The verdict on a contact point at a UTC instant, by what the facts say about that instant.

    Raises UsageError for a channel or purpose that there is not, or that is not of the contact point's kind, and
    RulesError where the rule book says nothing for the instant.
    """
    case = _Case(contact, channel, purpose, facts, rules, campaign)
    decided = case.decide(at)
    return Verdict(
        verdict=decided.rule.verdict,
        code=decided.rule.code,
        reason_code=decided.rule.reason_code,
        reason=decided.rule.description,
        evidence=decided.evidence,
        rule_ids=decided.rule_ids,
        list_versions=case.list_versions(at),
        valid_until=case.valid_until(at, decided.rule),
        usable_from=case.usable_from(at) if decided.rule.verdict == "wait" else None,
        precedence=decided.rule.precedence,
    )


def strictest(found: Sequence[Verdict]) -> Verdict:
    """The verdict on a contact point that several entities have: that of the rule which comes first for any of them."""
    first = min(found, key=lambda one: one.precedence)
    until = min((one.valid_until for one in found if one.valid_until is not None), default=None)
    waits = [one.usable_from for one in found if one.verdict == "wait"]
    usable = None if first.verdict != "wait" or None in waits else max(filter(None, waits))
    return replace(first, valid_until=until, usable_from=usable) if len(found) > 1 else first


def next_change(
    contact: Contact,
    channel: str,
    purpose: str,
    at: datetime,
    facts: Facts,
    rules: Rules,
    *,
    campaign: str | None = None,
) -> datetime | None:
    """When the verdict or its reason becomes another one, as things stand, calling hours aside; None: never.

    Later than `valid_until`, which does not look whether what begins or ends matters.
    """
    case = _Case(contact, channel, purpose, facts, rules, campaign)
    now = case.decide_without_hours(at).rule.rule_id
    return next((t for t in case.changes(at) if case.decide_without_hours(t).rule.rule_id != now), None)


@dataclass(frozen=True, slots=True)
class _Decided:
    rule: Rule
    evidence: str | None
    rule_ids: tuple[str, ...]


class _Case:
    """One question: findings and exemptions worked out once, decided at as many instants as needed."""

    def __init__(
        self, contact: Contact, channel: str, purpose: str, facts: Facts, rules: Rules, campaign: str | None
    ) -> None:
        if channel not in CHANNELS or _KINDS[channel] != contact.kind:
            raise UsageError(f"No {contact.kind} can be used on channel {channel!r}. Channels: {', '.join(CHANNELS)}.")
        if purpose not in PURPOSES:
            raise UsageError(f"There is no purpose {purpose!r}. Purposes: {', '.join(PURPOSES)}.")
        self._contact, self._channel, self._purpose = contact, channel, purpose
        self._facts, self._rules = facts, rules
        self._findings = findings(contact, channel, facts, rules, campaign=campaign)
        self._exemptions = exemptions(channel, facts, rules)
        self._keys = keys_of(contact, facts.homes, rules)

    def decide(self, at: datetime) -> _Decided:
        """The rule that decides at an instant, calling hours included."""
        decided = self.decide_without_hours(at)
        window = self._window_rule(at)
        if window is None or window.precedence > decided.rule.precedence:
            return decided
        if windows.is_open(self._keys, self._channel, at, self._rules):
            return decided
        closed = windows.closed_places(self._keys, self._channel, at, self._rules)
        shown = ", ".join(map(str, closed[:3])) + (f" and {len(closed) - 3} more" if len(closed) > 3 else "")
        return _Decided(window, f"calling_hours: closed in {shown}", (window.rule_id, *decided.rule_ids))

    def decide_without_hours(self, at: datetime) -> _Decided:
        """The rule that decides at an instant if calling hours are left aside."""
        active = self._rules.active(self._channel, self._purpose, at.date())
        lifting = {exemption.name: exemption for exemption in self._exemptions if exemption.holds(at)}
        held: list[tuple[int, str, Rule]] = []
        lifted: list[str] = []
        for finding in self._findings:
            rule = active.get(finding.reason_code)
            if rule is None or not finding.holds(at):
                continue
            by = next((lifting[name] for name in sorted(rule.exempt_by) if name in lifting), None)
            if by is None:
                held.append((rule.precedence, finding.evidence, rule))
            else:
                lifted.append(by.evidence)
        if held:
            held.sort(key=lambda found: found[:2])
            _, evidence, rule = held[0]
            return _Decided(rule, evidence, tuple(dict.fromkeys(rule.rule_id for _, _, rule in held)))
        default = active.get(EXEMPT) if lifted else None
        default = default or active.get(DEFAULT)
        if default is None:
            raise RulesError(
                f"No rule {DEFAULT!r} of compliance_rules.csv is in force for {self._channel} and {self._purpose} on "
                f"{at.date()}: nothing is allowed by default. Date the row, or ask about another day."
            )
        return _Decided(default, min(lifted) if lifted else None, (default.rule_id,))

    def valid_until(self, at: datetime, deciding: Rule) -> datetime | None:
        """The first instant later on at which a finding, an exemption or a rule begins or ends.

        The hours of the day count where they could decide: not behind a stricter rule.
        """
        soonest = next(self.changes(at), None)
        window = self._window_rule(at)
        if window is not None and window.precedence <= deciding.precedence:
            turn = windows.next_change(self._keys, self._channel, at, self._rules)
            soonest = min(filter(None, (soonest, turn)), default=None)
        return soonest

    def usable_from(self, at: datetime) -> datetime | None:
        """The first instant from `at` on that is allowed, as things stand; None: none is in sight."""
        steps = [at, *self.changes(at)]
        for step, following in zip(steps, [*steps[1:], NEVER], strict=True):
            if self.decide_without_hours(step).rule.verdict != "allowed":
                continue
            opens: datetime | None = step
            if self._window_rule(step) is not None:
                opens = windows.next_open(self._keys, self._channel, step, self._rules)
            if opens is not None and opens < following:
                return opens
        return None

    def changes(self, after: datetime) -> Iterator[datetime]:
        """The instants later on at which a finding, an exemption or a rule about one of them begins or ends."""
        found = {instant for finding in self._findings for instant in (finding.begins, finding.ends)}
        found |= {instant for exemption in self._exemptions for instant in (exemption.begins, exemption.ends)}
        for reason in {*(finding.reason_code for finding in self._findings), DEFAULT, EXEMPT, _WINDOW}:
            for rule in self._rules.of_reason(self._channel, reason):
                found |= set(bounds(rule.dates))
        yield from sorted(instant for instant in found - {ALWAYS, NEVER} if instant > after)

    def list_versions(self, at: datetime) -> tuple[str, ...]:
        """The do-not-call lists of the number's area code as of an instant, as decision records name them."""
        code = self._contact.area_code
        if self._channel not in ("call", "sms") or code is None or not needs_list(self._contact, self._rules):
            return ()
        return tuple(
            f"{held.source} {code} version {held.version} of {held.obtained_at:%Y-%m-%d %H:%M:%S}"
            for held in self._facts.lists.in_force(code, at)
        )

    def _window_rule(self, at: datetime) -> Rule | None:
        return self._rules.active(self._channel, self._purpose, at.date()).get(_WINDOW)
