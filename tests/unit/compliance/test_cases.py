"""The table of cases against the function: verdict, code and reason of each, and the instants where they matter."""

from __future__ import annotations

from collections import Counter

import pytest

from cm_core.compliance.facts import Lists
from cm_core.compliance.rule_book import load_rules
from cm_core.compliance.verdicts import verdict
from tests.compliance_cases import Case, facts_of, lists_held, load_cases

CASES = load_cases()
LISTS = Lists(lists_held(CASES))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number} {case.name}")
def test_verdict_of_each_case(case: Case) -> None:
    found = verdict(case.contact(), case.channel, case.purpose, case.at, facts_of(case, LISTS), load_rules())
    assert (found.verdict, found.code, found.reason_code) == (
        case.expected.verdict,
        case.expected.code,
        case.expected.reason_code,
    ), found
    if case.expected.verdict == "wait" or case.expected.usable_from is not None:
        assert found.usable_from == case.expected.usable_from
    if case.expected.valid_until is not None:
        assert found.valid_until == case.expected.valid_until
    assert found.valid_until is None or found.valid_until > case.at


def test_the_table_is_large_and_of_few_instants() -> None:
    assert len(CASES) >= 170
    assert len({case.at for case in CASES}) <= 25
    assert not [name for name, n in Counter(case.name for case in CASES).items() if n > 1]


def test_every_rule_that_is_on_has_a_case() -> None:
    decided = {(case.channel, case.expected.reason_code) for case in CASES}
    wanted = {(rule.channel, rule.reason_code) for rule in load_rules().rules if rule.enabled}
    # Nothing is paused, and a toll-free number cannot be texted anyway.
    assert {rule for rule in wanted - decided if rule[1] != "paused"} == {("sms", "toll_free")}
