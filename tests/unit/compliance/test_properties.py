"""What holds for whatever is known: more facts never loosen a verdict, and a verdict holds as long as it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cm_core.compliance.facts import Contact, Fact, Facts, OptOut
from cm_core.compliance.rule_book import load_rules
from cm_core.compliance.rules import VERDICTS
from cm_core.compliance.verdicts import Verdict, next_change, verdict
from tests.unit.compliance import strategies as given_

RULES = load_rules()
_MANY = settings(max_examples=80, deadline=None)
_TICK = timedelta(microseconds=1)
_REQUESTS = {"opt_out_contact", "opt_out_person", "opt_out_shared", "opt_out_other_channel", "opt_out_suspected"}


def _of(contact: Contact, channel: str, purpose: str, at: datetime, facts: Facts) -> Verdict:
    return verdict(contact, channel, purpose, at, facts, RULES)


def _strictness(found: Verdict) -> int:
    return -VERDICTS.index(found.verdict)


_question: Any = (given_.contacts, given_.channels, given_.purposes, given_.instants, given_.facts)


@_MANY
@given(*_question, given_.more)
def test_one_more_fact_against_never_loosens(
    contact: Contact, channel: str, purpose: str, at: datetime, facts: Facts, more: tuple[str, Any]
) -> None:
    before = _of(contact, channel, purpose, at, facts)
    after = _of(contact, channel, purpose, at, given_.added(facts, *more))
    assert _strictness(after) >= _strictness(before), (before, after)


@_MANY
@given(*_question, given_.EXEMPTING)
def test_an_exemption_lifts_only_findings_that_name_it(
    contact: Contact, channel: str, purpose: str, at: datetime, facts: Facts, exempting: Fact
) -> None:
    before = _of(contact, channel, purpose, at, facts)
    after = _of(contact, channel, purpose, at, given_.added(facts, "facts", exempting))
    assert _strictness(after) <= _strictness(before)
    if (before.verdict, before.reason_code) != (after.verdict, after.reason_code):
        decided = RULES.active(channel, purpose, at.date())[before.reason_code]
        name = "written_consent" if exempting.value == "written" else exempting.fact
        assert name in decided.exempt_by or before.reason_code == "no_rule_blocks"
        assert before.reason_code not in _REQUESTS


@_MANY
@given(*_question, st.sampled_from(("contact", "person")), st.lists(given_.more, max_size=3))
def test_who_asked_stays_blocked_whatever_else_is_known(
    contact: Contact, channel: str, purpose: str, at: datetime, facts: Facts, reach: Any, more: list[tuple[str, Any]]
) -> None:
    asked = OptOut(channel, at, reach, "asked")
    known = replace(facts, facts=tuple(f for f in facts.facts if f.fact != "reconsent" or f.starts_at <= at))
    for name, value in more:
        known = given_.added(known, name, value)
    assert _of(contact, channel, purpose, at, given_.added(known, "opt_outs", asked)).verdict == "blocked"


@_MANY
@given(*_question, st.floats(0, 1, exclude_max=True))
def test_a_verdict_holds_until_it_says(
    contact: Contact, channel: str, purpose: str, at: datetime, facts: Facts, part: float
) -> None:
    found = _of(contact, channel, purpose, at, facts)
    until = found.valid_until or at + timedelta(days=20)
    assert until > at
    for later in (min(at + (until - at) * part, until - _TICK), until - _TICK):
        again = _of(contact, channel, purpose, later, facts)
        assert (again.verdict, again.reason_code, again.code) == (found.verdict, found.reason_code, found.code)
        if found.valid_until is not None:
            assert again.valid_until == found.valid_until


@_MANY
@given(
    given_.contacts, given_.channels, given_.purposes, given_.instants, given_.calm, st.floats(0, 1, exclude_max=True)
)
def test_a_wait_is_over_when_it_says_and_not_before(
    contact: Contact, channel: str, purpose: str, at: datetime, facts: Facts, part: float
) -> None:
    found = _of(contact, channel, purpose, at, facts)
    if found.usable_from is None:
        assert found.verdict != "wait"
        return
    assert found.verdict == "wait"
    assert found.usable_from > at
    assert _of(contact, channel, purpose, found.usable_from, facts).verdict == "allowed"
    between = min(at + (found.usable_from - at) * part, found.usable_from - _TICK)
    assert _of(contact, channel, purpose, between, facts).verdict != "allowed"


@_MANY
@given(given_.contacts, given_.channels, given_.instants, given_.facts, st.floats(0, 1, exclude_max=True))
def test_the_next_change_is_one_and_the_first(
    contact: Contact, channel: str, at: datetime, facts: Facts, part: float
) -> None:
    # To inform knows no hours, which next_change leaves aside.
    now = _of(contact, channel, "informational", at, facts)
    change = next_change(contact, channel, "informational", at, facts, RULES)
    until = change or at + timedelta(days=60)
    between = min(at + (until - at) * part, until - _TICK)
    assert _of(contact, channel, "informational", between, facts).reason_code == now.reason_code
    if change is not None:
        assert _of(contact, channel, "informational", change, facts).reason_code != now.reason_code
        assert now.valid_until is not None
        assert now.valid_until <= change
