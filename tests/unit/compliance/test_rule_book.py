"""The rule book is read whole or not at all, and says which cell is wrong."""

from __future__ import annotations

import csv
import importlib.util
from datetime import date
from pathlib import Path

import pytest

from cm_core.compliance.rule_book import FILES, load_rules
from cm_core.compliance.rule_files import rules_folder
from cm_core.compliance.rules import REASONS, Place
from cm_core.errors import RulesError
from tests.unit.compliance.conftest import MakeRules


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("compliance_rules.csv", "call,10,", "fax,10,", "compliance_rules.csv, line 2, column 'channel' is 'fax'"),
        ("compliance_rules.csv", "call,10,invalid_contact,I,", "call,10,invalid_contact,i,", "column 'code' is 'i'"),
        ("compliance_rules.csv", "call,10,", "call,ten,", "column 'precedence' is 'ten', not a whole number"),
        ("compliance_rules.csv", "call,10,", "call,20,", "column 'precedence' 20 is that of 'invalid_contact' too"),
        ("compliance_rules.csv", "call,15,privacy", "call,97,privacy", "a stricter verdict comes first"),
        ("compliance_rules.csv", "consent|relationship", "consent|love", "column 'exempt_by' has 'love'"),
        ("compliance_rules.csv", "2003-10-01", "2003-10-32", "column 'effective_from' is '2003-10-32', not a date"),
        ("compliance_rules.csv", "call,40,dnc_listed", "call,40,dnc_list", "column 'reason_code' is 'dnc_list'"),
        ("compliance_rules.csv", "call,999,no_rule_blocks,C,allowed,all,,1", "call,999,no_rule_blocks,C,allowed,all,,0",
         "no enabled row 'no_rule_blocks' for channel call"),
        ("compliance_rules.csv", "exempt_by,", "", "has no column 'exempt_by'"),
        ("compliance_rules.csv", "dnc_listed,D,blocked,", "dnc_listed,D,blocked, ",
         "column 'purposes' has a blank before or after"),
        ("compliance_rules.csv", "invalid_contact,I,blocked,all,", "invalid_contact,I,blocked,all|solicitation,",
         "column 'purposes' names all and others beside it"),
        ("compliance_terms.csv", "relationship_purchase,18,month", "relationship_purchase,540,day",
         "column 'unit' is 'day', not one of month"),
        ("compliance_terms.csv", "dnc_list_max_age,31,day", "dnc_list_max_age,9999999,day",
         "column 'value' is 9999999, more than 366"),
        ("compliance_terms.csv", "dnc_list_max_age,31", "dnc_list_age,31", "column 'term' is 'dnc_list_age'"),
        ("frequency_caps.csv", "ok_three_calls", "fl_three_calls", "column 'cap' is 'fl_three_calls', as in a row"),
        ("frequency_caps.csv", ",3,24,campaign", ",3,2400000,campaign", "column 'window_hours' is 2400000, more than"),
        ("area_code_places.csv", "405,geographic,US,OK,", "405,geographic,US,ok,", "column 'state' is 'ok'"),
        ("compliance_terms.csv", ",30,day,2003-10-01,2025-04-11", ",30,day,2003-10-01,", "lies in the days of another"),
        ("frequency_caps.csv", ",3,24,campaign", ",0,24,campaign", "column 'max_touches' is 0, less than 1"),
        ("frequency_caps.csv", "call,FL", "call,FX", "column 'state' is 'FX'"),
        ("calling_hours.csv", "US,call,,08:00-21:00", "US,call,,8am-9pm", "column 'mon' is '8am-9pm', neither"),
        ("calling_hours.csv", "US,call,,08:00-21:00", "US,call,,21:00-08:00", "hours begin at 04:00 or later"),
        ("calling_hours.csv", "TX,sms,America/Chicago", "TX,sms,Texas", "column 'zone' is 'Texas', which is no IANA"),
        ("state_zones.csv", "OK,America/Chicago", "OK,America/Tulsa", "column 'zone' is 'America/Tulsa'"),
        ("holidays.csv", "2020-01-01,AL", "Jan 1,AL", "column 'day' is 'Jan 1', not a date"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_named(rewritten: MakeRules, name: str, old: str, new: str, message: str) -> None:
    with pytest.raises(RulesError, match=r".*".join(map(_escaped, [message]))) as refused:
        rewritten(name, old, new)
    assert name in str(refused.value)
    assert "\n" not in str(refused.value)


def _escaped(text: str) -> str:
    for sign in "()[]|.?*+":
        text = text.replace(sign, "\\" + sign)
    return text


def test_campaigns_are_compared_as_touchpoints_have_them(with_rows: MakeRules) -> None:
    rules = with_rows("frequency_pauses.csv", "call,Spring Mailer,,2026-11-01 00:00:00,,stopped",
                      "call,all,OK,2026-11-01 00:00:00,,emergency")  # fmt: skip
    assert [pause.campaign for pause in rules.pauses] == ["SPRING MAILER", None]


def test_a_finding_without_a_rule_is_refused(folder: Path) -> None:
    lines = (folder / "compliance_rules.csv").read_text().splitlines(keepends=True)
    (folder / "compliance_rules.csv").write_text("".join(line for line in lines if ",dnc_listed," not in line))
    with pytest.raises(RulesError, match="no row for 'dnc_listed' on channel call"):
        load_rules(folder)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "calling_hours.csv").unlink()
    with pytest.raises(RulesError, match=r"calling_hours\.csv is not in"):
        load_rules(folder)


def test_a_row_of_another_width_is_named(with_rows: MakeRules) -> None:
    with pytest.raises(RulesError, match=r"frequency_pauses\.csv, line 2 has fewer cells"):
        with_rows("frequency_pauses.csv", "call,,LA")


def test_an_edit_makes_another_fingerprint_and_another_book(with_rows: MakeRules) -> None:
    before = load_rules()
    after = with_rows("frequency_pauses.csv", "call,,LA,2026-03-01 00:00:00,,Storm")
    assert before.fingerprint != after.fingerprint
    assert len(before.fingerprint) == 64
    assert [pause.state for pause in after.pauses] == ["LA"]
    assert load_rules() is before


def test_what_the_files_say() -> None:
    rules = load_rules()
    assert rules.area_codes["605"].places == {Place("SD", "America/Chicago"), Place("SD", "America/Denver")}
    assert rules.area_codes["416"].country == "CA"
    assert (rules.area_codes["800"].kind, rules.area_codes["800"].places) == ("toll_free", frozenset())
    assert rules.zip3s["737"] == {Place("OK", "America/Chicago")}
    assert rules.states["TX"] == {Place("TX", "America/Chicago"), Place("TX", "America/Denver")}
    assert rules.term("dnc_list_max_age", date(2026, 1, 1)).value == 31
    with pytest.raises(RulesError, match="no 'dnc_list_max_age' for 2004-12-31"):
        rules.term("dnc_list_max_age", date(2004, 12, 31))


def test_every_reason_has_its_rule() -> None:
    rules = load_rules()
    for channel, reasons in REASONS.items():
        assert reasons <= {rule.reason_code for rule in rules.rules if rule.channel == channel}
    assert set(FILES) <= {path.name for path in rules_folder().glob("*.csv")}


def test_texts_fit_the_columns_of_the_marts() -> None:
    for name in FILES:
        with (rules_folder() / name).open(newline="") as file:
            for row in csv.DictReader(file):
                assert all(len(value) <= 255 for value in row.values()), (name, row)


def test_holidays_are_what_their_script_writes(tmp_path: Path) -> None:
    path = rules_folder().parent.parent / "scripts" / "seed_holidays.py"
    spec = importlib.util.spec_from_file_location("seed_holidays", path)
    assert spec
    assert spec.loader
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script._SEED = tmp_path / "holidays.csv"
    script.main()
    assert script._SEED.read_bytes() == (rules_folder() / "holidays.csv").read_bytes()
