"""New, missing and turned columns, by the last import of the same list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from cm_core.imports.content import Column
from cm_core.imports.feed_catalog import Feed, load_feed
from cm_core.imports.schema import Earlier, Schema, compare, find_same_list, misnamed
from cm_core.imports.understanding import understand

NAMES = ["John Smith", "Mary Jones", "Ann Garcia", "Bob Miller", "Ida Moore", "Joe Hill", "Sue Fox", "Al Cook",
         "Ed Baker", "Eva Lee", "Tom Ross"]  # fmt: skip
PHONES = [f"(405) 321-45{n:02d}" for n in range(11)]
EMAILS = [f"p{n}@example.org" for n in range(11)]
DATES = [f"1970-01-{n:02d}" for n in range(1, 12)]
WORDS = ["F", "M"] * 5 + ["F"]
CONTACTS = load_feed("contacts")


def _earlier(columns: dict[str, Sequence[str]], feed: Feed = CONTACTS) -> Earlier:
    """What the record of an import of these columns says."""
    understood = understand(list(columns), feed, [Column(list(values)) for values in columns.values()])
    return Earlier.read("imp_1", understood.mapping.as_json())


def _compare(
    now: dict[str, Sequence[str]],
    before: dict[str, Sequence[str]] | None,
    *,
    feed: Feed = CONTACTS,
    declared: bool = False,
) -> Schema:
    understood = understand(list(now), feed, [Column(list(values)) for values in now.values()], declared=declared)
    earlier = find_same_list(list(now), [_earlier(before, feed)]) if before else None
    return compare(feed, list(now), understood, earlier, declared=declared)


def test_the_same_columns_pass() -> None:
    columns = {"Name": NAMES, "Phone": PHONES, "Note": WORDS}
    schema = _compare(columns, columns)
    assert (schema.status, schema.compared_with) == ("PASS", "imp_1")
    assert _compare(columns, None).status == "PASS"
    assert _compare({"PHONE": PHONES, "note": WORDS, "name": NAMES}, columns).status == "PASS"


def test_new_and_missing_columns_are_reported_and_no_more() -> None:
    schema = _compare({"Name": NAMES, "Phone": PHONES, "DOB": DATES, "Remark": WORDS, "E-Mail": EMAILS},
                      {"Name": NAMES, "Phone": PHONES, "DOB": DATES, "Note": WORDS, "column_4": WORDS})  # fmt: skip
    assert (schema.status, schema.new_columns, schema.missing_columns) == ("WARN", ("Remark",), ("Note",))
    assert schema.refusal is None


def test_another_list_of_the_same_feed_is_not_compared() -> None:
    schema = _compare(
        {"Owner": NAMES, "Telephone": PHONES, "Legal": WORDS}, {"Name": NAMES, "Phone": PHONES, "A": WORDS}
    )
    assert (schema.status, schema.compared_with) == ("PASS", None)


@pytest.mark.parametrize(
    ("headers", "import_id"),
    [
        (("name", "phone"), "imp_3"), (("Name", "Phone", "Zip"), "imp_2"), (("Name", "Phone", "Zip", "Note"), "imp_1"),
        (("Name", "Phone", "Zip", "Remark", "City"), "imp_2"), (("Name", "Phone", "Company", "Title"), None),
        (("Name", "Phone", "Zip", "Company", "Title", "Website", "Owner"), None), (("Name", "Phone", "column_2"), None),
        (("column_1", "column_0"), "imp_0"),
    ],
)  # fmt: skip
def test_the_list_that_is_most_like_it_counts_and_of_those_the_newest(
    headers: tuple[str, ...], import_id: str | None
) -> None:
    lists = [
        Earlier("imp_5", {}, ("Well", "Depth")),
        Earlier("imp_4", {}, ("Name", "Phone", "column_3")),
        Earlier("imp_3", {}, ("Name", "Phone")),
        Earlier("imp_2", {}, ("Name", "Phone", "Zip")),
        Earlier("imp_1", {}, ("Name", "Phone", "Zip", "Note")),
        Earlier("imp_0", {}, ("column_0", "column_1")),
        Earlier("imp_0b", {}, ("Name", "Phone")),
    ]
    found = find_same_list(headers, lists)
    assert (found.import_id if found else None) == import_id


def test_a_small_list_with_a_name_and_a_phone_does_not_refuse_another() -> None:
    before: dict[str, Sequence[str]] = {"Name": NAMES, "Phone": PHONES, "column_2": [""] * 11}
    now: dict[str, Sequence[str]] = {
        "Name": EMAILS, "Phone": PHONES, "Company": WORDS, "Title": WORDS, "Website": WORDS, "Owner": NAMES
    }  # fmt: skip
    schema = _compare(now, before)
    assert (schema.compared_with, schema.refusal, schema.missing_columns) == (None, None, ())


def test_a_column_that_turned_is_refused_by_name() -> None:
    for values, found in ((EMAILS, "e-mail addresses"), (NAMES, "names"), (DATES, "dates")):
        schema = _compare({"Name": NAMES, "Phone": values}, {"Name": NAMES, "Phone": PHONES})
        assert schema.status == "FAIL"
        for part in ("'Phone'", "phone numbers", found, "imp_1"):
            assert part in (schema.refusal or "")
    schema = _compare({"Name": NAMES, "DOB": WORDS}, {"Name": NAMES, "DOB": DATES})
    assert "'DOB' should hold dates" in (schema.refusal or "")
    assert "words" in (schema.refusal or "")


def test_a_header_that_lies_the_first_time_is_put_right_and_told() -> None:
    schema = _compare({"Name": NAMES, "Phone": EMAILS}, None)
    assert (schema.status, schema.refusal) == ("WARN", None)
    assert "'Phone'" in schema.notes[0]
    assert "taken as email" in schema.notes[0]


def test_a_column_that_was_poor_before_has_not_turned() -> None:
    before = {"Name": NAMES, "Phone": ["12"] * 11, "Note": WORDS}
    assert _compare({"Name": NAMES, "Phone": EMAILS, "Note": WORDS}, before).refusal is None
    empty = {"Name": NAMES, "Phone": [""] * 11, "Note": WORDS}
    assert _compare({"Name": NAMES, "Phone": EMAILS, "Note": WORDS}, empty).refusal is None


def test_a_column_that_is_poor_now_has_not_turned() -> None:
    before = {"Name": NAMES, "Phone": PHONES, "Note": WORDS}
    for values in ([""] * 11, ["12"] * 11, ["unlisted"] * 11, [*EMAILS[:9], *PHONES[:2]]):
        assert _compare({"Name": NAMES, "Phone": values, "Note": WORDS}, before).refusal is None


def test_a_column_known_by_its_values_may_turn_too() -> None:
    before = {"Name": NAMES, "Reach": PHONES, "Note": WORDS}
    schema = _compare({"Name": NAMES, "Reach": EMAILS, "Note": WORDS}, before)
    assert "'Reach' should hold phone numbers" in (schema.refusal or "")


def test_columns_whose_headers_say_nothing_may_change_places() -> None:
    schema = _compare({"c1": PHONES, "c2": NAMES}, {"c1": NAMES, "c2": PHONES})
    assert (schema.status, schema.refusal) == ("WARN", None)
    assert len(schema.notes) == 2


def test_declared_columns_that_hold_something_else_are_refused_the_first_time() -> None:
    feed = CONTACTS.model_copy(update={"name": "roll", "columns": ("Name", "DOB", "Phone")})
    right = {"Name": NAMES, "DOB": DATES, "Phone": PHONES}
    assert _compare(right, None, feed=feed, declared=True).status == "PASS"
    shifted = {"Name": WORDS, "DOB": NAMES, "Phone": DATES}
    schema = _compare(shifted, None, feed=feed, declared=True)
    assert "feed 'roll' declares it as date_of_birth" in (schema.refusal or "")
    more = _compare({**right, "column_3": WORDS}, None, feed=feed, declared=True)
    assert (more.status, more.new_columns, more.compared_with) == ("WARN", ("column_3",), "the declared columns")


def test_records_of_older_imports_refuse_nothing() -> None:
    old: dict[str, Any] = {"columns": [{"field": "phone", "headers": ["Phone"]}], "kept_raw_only": ["Name"]}
    understood = understand(["Name", "Phone"], CONTACTS, [Column(NAMES), Column(EMAILS)])
    schema = compare(CONTACTS, ["Name", "Phone"], understood, Earlier.read("imp_1", old), declared=False)
    assert schema.refusal is None


@pytest.mark.parametrize(
    ("feed", "headers", "refused"),
    [
        ("opt_outs", ["First Name", "Last Name", "Phone", "Address", "City", "State", "Zip"], True),
        ("opt_outs", ["Owner", "Mailing Address", "City", "Email", "Opt Out"], True),  # who opted out, among others
        ("opt_outs", ["First Name", "Last Name", "Phone", "Address", "Opt-Out Date"], False),
        ("opt_outs", ["Email Address", "First Name", "Last Name", "Address", "Phone Number", "UNSUB_TIME"], False),
        ("opt_outs", ["Name", "Phone", "Address", "Channel"], False),
        ("opt_outs", ["Email Address", "First Name", "Last Name", "Phone"], False),
        ("opt_outs", ["Name", "Address", "City", "State", "Zip"], False),
        ("dnc_registry", ["Name", "Phone"], True),
        ("dnc_registry", ["Phone", "Address"], True),
        ("dnc_registry", ["Phone", "Date"], False),
        ("dnc_registry", ["Name", "Phone", "Listing Date"], False),
        ("dnc_tx_state", ["Owner", "Phone"], True),
        ("wireless", ["Name", "Wireless"], True),
        ("wireless", ["Phone", "Line Type"], False),
        ("deceased", ["Name", "Address", "Zip", "Phone"], True),
        ("deceased", ["Name", "Address", "Zip", "Phone", "Date of Death"], False),
        ("consents", ["Given Name", "Surname", "Address", "Phone", "Assigned To", "Channel", "Date"], True),
        ("mail_suppression", ["Name", "Address", "City", "State", "Zip"], False),
        ("contacts", ["Name", "Address", "City", "State", "Zip", "Phone"], False),
        ("touchpoints", ["Name", "Address", "City", "State", "Zip", "Phone", "Date"], False),
    ],
)  # fmt: skip
def test_a_list_of_contacts_is_no_list_that_its_name_alone_says_it_is(
    feed: str, headers: list[str], refused: bool
) -> None:
    refusal = misnamed(load_feed(feed), headers, [Column([]) for _ in headers])
    assert (refusal is not None) is refused
    if refusal is not None:
        assert repr(feed) in refusal
        assert "--feed" in refusal


def test_what_no_registry_has_shows_that_a_list_is_none() -> None:
    headers = ["Phone Number", "Date Added", "Added By", "Reason"]
    refusal = misnamed(load_feed("dnc_registry"), headers, [Column([]) for _ in headers])
    assert refusal is not None
    assert "'Added By', which no such list has" in refusal
    assert "--feed internal_dnc" in refusal
    assert misnamed(load_feed("dnc_tx_state"), headers, [Column([]) for _ in headers]) is not None
    assert misnamed(load_feed("dnc_registry"), headers[:2], [Column([]) for _ in headers[:2]]) is None
    assert misnamed(load_feed("opt_outs"), headers, [Column([]) for _ in headers]) is None


def test_a_list_of_contacts_without_a_header_is_known_by_its_values() -> None:
    sample = [Column(list(NAMES)), Column(list(PHONES))]
    assert misnamed(load_feed("dnc_registry"), ["column_0", "column_1"], sample) is not None
    assert misnamed(load_feed("dnc_registry"), ["column_0"], sample[1:]) is None
