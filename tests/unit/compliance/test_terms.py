"""Business days, months, caps and pauses, places: the parts of a verdict that have edges of their own."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from cm_core.compliance.business_days import is_business_day, opt_out_deadline
from cm_core.compliance.facts import Contact, Fact, Facts, Home, Lists, Touch, Version, plus_months
from cm_core.compliance.places import EVERYWHERE, area_key, home_key, keys_of
from cm_core.compliance.rule_book import load_rules
from cm_core.compliance.rules import Rules
from cm_core.compliance.verdicts import Verdict, verdict
from cm_core.errors import RulesError, UsageError
from tests.unit.compliance.conftest import MakeRules

NOON = datetime(2026, 3, 2, 18)
RULES = load_rules()


@pytest.mark.parametrize(
    ("asked", "deadline"),
    [
        (datetime(2025, 4, 10, 23, 59), date(2025, 5, 10)),  # thirty days, by the rule of that day
        (datetime(2025, 4, 11), date(2025, 4, 25)),  # ten business days
        (datetime(2026, 3, 2, 9), date(2026, 3, 16)),
        (datetime(2026, 6, 12), date(2026, 6, 29)),  # over Juneteenth
        (datetime(2026, 6, 29), date(2026, 7, 14)),  # Independence Day is kept on Friday the 3rd
        (datetime(2027, 12, 20), date(2028, 1, 5)),  # Christmas on Friday the 24th, New Year's Day on the 31st
        (datetime(2028, 2, 18), date(2028, 3, 6)),  # Washington's Birthday and a leap day
        (datetime(2026, 3, 7), date(2026, 3, 20)),  # asked on a Saturday
    ],
)
def test_deadline_of_a_request(asked: datetime, deadline: date) -> None:
    assert opt_out_deadline(asked, RULES) == deadline


def test_business_days_of_unknown_years_are_refused() -> None:
    assert not is_business_day(date(2026, 7, 3), RULES)
    assert is_business_day(date(2026, 11, 3), RULES)  # Election Day is a holiday of some states only
    with pytest.raises(RulesError, match="nothing of 2036"):
        is_business_day(date(2036, 1, 2), RULES)


@pytest.mark.parametrize(
    ("moment", "months", "later"),
    [
        (datetime(2024, 2, 29, 5), 18, datetime(2025, 8, 29, 5)),
        (datetime(2026, 8, 31), 18, datetime(2028, 2, 29)),
        (datetime(2025, 11, 30, 1), 3, datetime(2026, 2, 28, 1)),
        (datetime(2026, 12, 31), 3, datetime(2027, 3, 31)),
        (datetime(2026, 11, 30), 1, datetime(2026, 12, 30)),
    ],
)
def test_months_end_where_the_month_ends(moment: datetime, months: int, later: datetime) -> None:
    assert plus_months(moment, months) == later


# --- Places -------------------------------------------------------------------------------------------------------


def test_places_of_area_codes_and_homes() -> None:
    assert area_key("605", RULES) == "SD@America/Chicago|SD@America/Denver"
    assert area_key("800", RULES) == ""
    assert area_key("416", RULES) == "@America/Toronto"
    assert home_key([Home("OK", "73701"), Home("ok", None), Home("OK", None)], RULES) == "OK@America/Chicago"
    assert home_key([Home("TX", "90210")], RULES) == "CA@America/Los_Angeles|TX@America/Chicago|TX@America/Denver"
    assert home_key([Home("AE", "09012")], RULES) == ""
    assert home_key([Home("NY", "06390")], RULES) == "CT@America/New_York|NY@America/New_York"
    number = Contact("phone", "+14057620001")
    assert keys_of(number, [Home("OK", "73701")], RULES) == ("OK@America/Chicago",)
    assert keys_of(number, [Home("CA", "90210")], RULES) == ("CA@America/Los_Angeles", "OK@America/Chicago")
    assert keys_of(Contact("phone", "+18007620001"), [], RULES) == (EVERYWHERE,)


def test_more_places_than_a_key_holds_are_everywhere() -> None:
    states = ["OK", "TX", "CA", "MA", "FL", "WA", "ND", "SD", "KY", "TN", "IN"]
    assert home_key([Home(state, None) for state in states], RULES) == EVERYWHERE


# --- Caps and pauses ----------------------------------------------------------------------------------------------


def _verdict(rules: Rules, *touches: Touch, code: str = "405", campaign: str | None = None) -> Verdict:
    number = Contact("phone", f"+1{code}7620001")
    lists = Lists([Version("national", code, "1", NOON - timedelta(days=1))])
    facts = Facts(lists=lists, touches=touches)
    return verdict(number, "call", "solicitation", NOON, facts, rules, campaign=campaign)


@pytest.fixture
def own_calls_off(rewritten: MakeRules) -> Rules:
    """The rules without our own cap on calls, which is stricter than those of the states."""
    old = "own_calls,call,,,3,168,any,2000-01-01,,1"
    return rewritten("frequency_caps.csv", old, old[:-1] + "0")


def _touches(*hours: float, campaign: str | None = "SPRING") -> list[Touch]:
    return [Touch("call", NOON - timedelta(hours=ago), campaign) for ago in hours]


def test_the_cap_of_a_state_is_of_its_people_and_of_one_campaign(own_calls_off: Rules) -> None:
    three = _touches(1, 5, 23)
    assert _verdict(own_calls_off, *three).reason_code == "frequency_cap"
    assert _verdict(own_calls_off, *three).usable_from == NOON + timedelta(hours=1)
    assert _verdict(own_calls_off, *three, code="214").reason_code == "no_rule_blocks"
    assert _verdict(own_calls_off, *_touches(1, 5, 24)).reason_code == "no_rule_blocks"
    mixed = [*_touches(1, 5), *_touches(23, campaign="FALL")]
    assert _verdict(own_calls_off, *mixed).reason_code == "no_rule_blocks"
    assert _verdict(own_calls_off, *three, campaign="FALL").reason_code == "no_rule_blocks"
    assert _verdict(own_calls_off, *three, campaign="SPRING").reason_code == "frequency_cap"
    # A touch of an unknown campaign may have been of this one; of which others, nobody knows.
    unknown = _touches(1, 5, 23, campaign=None)
    assert _verdict(own_calls_off, *unknown, campaign="FALL").reason_code == "frequency_cap"


def test_caps_of_a_campaign_take_the_place_of_our_general_ones_and_not_of_a_states(with_rows: MakeRules) -> None:
    rules = with_rows(
        "frequency_caps.csv",
        "spring_calls,call,,SPRING,5,168,any,2000-01-01,,1,Five calls a week in spring,Own policy",
    )
    three, five = _touches(30, 50, 70), _touches(30, 50, 70, 90, 110)
    assert _verdict(rules, *three).reason_code == "frequency_cap"
    assert _verdict(rules, *three, campaign="FALL").reason_code == "frequency_cap"
    assert _verdict(rules, *three, campaign="SPRING").reason_code == "no_rule_blocks"
    assert _verdict(rules, *five, campaign="SPRING").reason_code == "frequency_cap"
    assert _verdict(rules, *_touches(1, 5, 23), code="305", campaign="SPRING").reason_code == "frequency_cap"


@pytest.mark.parametrize(
    ("row", "code", "campaign", "expected"),
    [
        ("call,,,2026-03-01 00:00:00,,Inventory", "405", None, "paused"),
        (",,,2026-03-01 00:00:00,2026-03-02 18:00:00,Inventory", "405", None, "no_rule_blocks"),
        (",,,2026-03-02 18:00:00,2026-03-02 18:00:01,Inventory", "405", None, "paused"),
        ("sms,,,2026-03-01 00:00:00,,Inventory", "405", None, "no_rule_blocks"),
        ("all,,,2026-03-01 00:00:00,,Inventory", "405", None, "paused"),
        ("call,,LA,2026-03-01 00:00:00,2026-03-09 00:00:00,State of emergency", "504", None, "paused"),
        ("call,,LA,2026-03-01 00:00:00,2026-03-09 00:00:00,State of emergency", "405", None, "no_rule_blocks"),
        (",SPRING,,2026-03-01 00:00:00,,Stopped", "405", "SPRING", "paused"),
        (",SPRING,,2026-03-01 00:00:00,,Stopped", "405", "FALL", "no_rule_blocks"),
        (",SPRING,,2026-03-01 00:00:00,,Stopped", "405", None, "no_rule_blocks"),
    ],
)
def test_pauses(with_rows: MakeRules, row: str, code: str, campaign: str | None, expected: str) -> None:
    assert _verdict(with_rows("frequency_pauses.csv", row), code=code, campaign=campaign).reason_code == expected


def test_rules_that_are_off_can_be_switched_on(rewritten: MakeRules) -> None:
    off = "call,66,state_list_not_held,B,review,all,written_consent,0"
    rules = rewritten("compliance_rules.csv", off, off[:-1] + "1")
    assert _verdict(rules).reason_code == "state_list_not_held"  # Oklahoma keeps a list of its own
    assert _verdict(rules, code="212").reason_code == "no_rule_blocks"


@pytest.mark.parametrize("value", [None, "oral", "written"])
def test_a_rule_that_names_consent_takes_any(rewritten: MakeRules, value: str | None) -> None:
    off = "call,82,wireless_no_consent,W,review,all,consent,0"
    rules = rewritten("compliance_rules.csv", off, off[:-1] + "1")
    known = [
        Fact(name, "all", said, datetime(2026, 1, 5), None, "contact", "contact", "contact_facts")
        for name, said in (("wireless", "wireless"), ("consent", value))
    ]
    asked = Contact("phone", "+14057620001"), "call", "solicitation", NOON
    lists = Lists([Version("national", "405", "1", NOON)])
    assert verdict(*asked, Facts(lists, facts=tuple(known[:1])), rules).reason_code == "wireless_no_consent"
    assert verdict(*asked, Facts(lists, facts=tuple(known)), rules).reason_code == "exempt"


def test_evidence_and_list_versions_are_named() -> None:
    found = _verdict(RULES)
    assert found.list_versions == ("national 405 version 1 of 2026-03-01 18:00:00",)
    assert found.rule_ids == ("call.no_rule_blocks",)
    assert found.valid_until == datetime(2026, 3, 3, 2)  # the hours of the day end before the list gets too old
    late = verdict(
        Contact("phone", "+14057620001"), "call", "solicitation", datetime(2026, 3, 3, 3),
        Facts(lists=Lists([Version("national", "405", "1", NOON)])), RULES,
    )  # fmt: skip
    assert late.evidence == "calling_hours: closed in OK@America/Chicago"
    assert late.rule_ids == ("call.calling_window", "call.no_rule_blocks")


def test_a_wait_ends_where_nothing_else_speaks_against_it() -> None:
    # At night the list gets too old; the next one comes in the afternoon.
    old, new = datetime(2026, 1, 31, 3), datetime(2026, 3, 3, 20)
    lists = Lists([Version("national", "405", str(at), at) for at in (old, new)])
    night = datetime(2026, 3, 3, 2, 30)
    found = verdict(Contact("phone", "+14057620001"), "call", "solicitation", night, Facts(lists=lists), RULES)
    assert (found.reason_code, found.usable_from) == ("calling_window", new)
    assert found.valid_until == datetime(2026, 3, 3, 3)


def test_questions_that_cannot_be_meant() -> None:
    number = Contact("phone", "+14057620001")
    with pytest.raises(UsageError, match="No phone can be used on channel 'mail'"):
        verdict(number, "mail", "solicitation", NOON, Facts(), RULES)
    with pytest.raises(UsageError, match="no purpose 'fun'"):
        verdict(number, "call", "fun", NOON, Facts(), RULES)
    with pytest.raises(RulesError, match="nothing is allowed by default"):
        verdict(number, "call", "informational", datetime(1999, 1, 1), Facts(), RULES)
