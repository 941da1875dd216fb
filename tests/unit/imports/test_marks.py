"""Columns of lists of contacts that say whom not to contact, by header and by values."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from cm_core.imports import marks
from cm_core.imports.content import Column
from cm_core.imports.feed_catalog import load_feed
from cm_core.imports.understanding import Understanding, understand

CONTACTS = load_feed("contacts")
YES_NO = ["Y", "", "N", "Y"]


def _understand(
    headers: Sequence[str], values: dict[str, Sequence[str]] | None = None, feed: str = "contacts"
) -> Understanding:
    """Headers in order; those not in `values` are empty. Repeated headers are told apart as the reader does it."""
    seen: dict[str, int] = {}
    names = []
    for header in headers:
        seen[header] = seen.get(header, 0) + 1
        names.append(header if seen[header] == 1 else f"{header}_{seen[header]}")
    sample = [Column(list((values or {}).get(header, [""]))) for header in headers]
    return understand(names, load_feed(feed), sample, written=headers)


def _marks(headers: Sequence[str], values: dict[str, Sequence[str]] | None = None) -> dict[str, tuple[str, str | None]]:
    """Header: what it marks, and the header of the number that it is about."""
    mapping = _understand(headers, values).mapping
    positions = {
        column: header for use in mapping.uses for column, header in zip(use.columns, use.headers, strict=True)
    }
    fields = {*CONTACTS.marks, marks.LINE_TYPE}
    return {
        use.headers[0]: (use.field, None if use.of is None else positions[use.of])
        for use in mapping.uses
        if use.field in fields
    }


@pytest.mark.parametrize(
    ("header", "mark"),
    [
        ("DNC", "dnc"), ("Is On DNC List", "dnc"), ("National_DNC", "dnc"), ("Federal DNC?", "dnc"),
        ("DNC Flag", "dnc"), ("Phone DNC", "dnc"), ("Do Not Call Registry", "dnc"),
        ("Do Not Call", "do_not_call"), ("DoNotCall", "do_not_call"), ("Don't Call", "do_not_call"),
        ("Do Not Call (Y/N)", "do_not_call"), ("Do not allow Phone Calls", "call_opt_out"), ("NO_CALL", "do_not_call"),
        ("Internal DNC", "call_opt_out"), ("Phone Opt Out", "call_opt_out"), ("DoNotCall__c", "do_not_call"),
        ("Do Not Call Date", "do_not_call"),
        ("Do Not Text", "do_not_text"), ("SMS Opt-Out", "do_not_text"), ("sms_opted_out_at", "do_not_text"),
        ("HasOptedOutOfEmail", "do_not_email"), ("Unsubscribed from all email", "do_not_email"),
        ("Email Opt Out", "do_not_email"), ("DoNotBulkEMail", "do_not_email"),
        ("Do Not Mail", "do_not_mail"), ("DoNotPostalMail", "do_not_mail"), ("Direct Mail Opt-Out", "do_not_mail"),
        ("Do Not Contact", "do_not_contact"), ("Opted Out", "do_not_contact"), ("DND", "do_not_contact"),
        ("DND SMS", "do_not_text"),
        ("Opted out of email: Marketing Information", "do_not_email"), ("Opt-Out Date", "do_not_contact"),
        ("Contact Opt Out", "do_not_contact"), ("Unsubscribed", "do_not_contact"), ("UNSUB_TIME", "do_not_contact"),
        ("Suppressed", "do_not_contact"),
        ("Litigator", "litigator"), ("Is TCPA Litigator", "litigator"),
        ("Deceased", "deceased"), ("Owner Deceased Flag", "deceased"), ("Date of Death", "deceased"),
    ],
)  # fmt: skip
def test_what_a_column_is_called(header: str, mark: str) -> None:
    assert _marks(["Name", "Phone 1", "Phone 2", header]) == {header: (mark, None)}


@pytest.mark.parametrize(
    "header",
    ["Opt In", "Email Opt In", "Consent", "Texts OK", "Call Result", "Email Status", "Contact Type", "Owner Type",
     "DNC Check Date", "Call Count", "Type", "Mail City", "Notes", "Death Certificate No"],
)  # fmt: skip
def test_what_is_called_otherwise_is_none(header: str) -> None:
    assert _marks(["Name", "Phone", header], {header: YES_NO}) == {}


def test_a_column_about_one_number_names_it() -> None:
    assert _marks(["Name", "Phone 1", "Phone 1 DNC", "Phone 1 Type", "Phone2", "DNC_Phone_2", "Phone Type 2"],
                  {"Phone 1 Type": ["Mobile"], "Phone Type 2": ["Landline"]}) == {
        "Phone 1 DNC": ("dnc", "Phone 1"), "Phone 1 Type": ("line_type", "Phone 1"),
        "DNC_Phone_2": ("dnc", "Phone2"), "Phone Type 2": ("line_type", "Phone2"),
    }  # fmt: skip
    numbers = ["Name", "Cell Phone", "Home Phone"]
    assert _marks([*numbers, "Cell DNC", "Home Phone Do Not Call", "Cell Phone Litigator"]) == {
        "Cell DNC": ("dnc", "Cell Phone"), "Home Phone Do Not Call": ("dnc", "Home Phone"),
        "Cell Phone Litigator": ("litigator", "Cell Phone"),
    }  # fmt: skip
    assert _marks(["Name", "Phone1", "Type1", "DNC1", "Phone2", "Type2", "DNC2"],
                  {"Type1": ["W"], "Type2": ["L"]}) == {
        "Type1": ("line_type", "Phone1"), "DNC1": ("dnc", "Phone1"),
        "Type2": ("line_type", "Phone2"), "DNC2": ("dnc", "Phone2"),
    }  # fmt: skip
    assert _marks(["Name", "Phone", "Type", "DNC", "Phone", "Type", "DNC"], {"Type": ["Mobile", "VoIP"]}) == {
        "Type": ("line_type", "Phone"), "DNC": ("dnc", "Phone"),
        "Type_2": ("line_type", "Phone_2"), "DNC_2": ("dnc", "Phone_2"),
    }  # fmt: skip
    # What says that somebody asked is no listing.
    assert _marks(["Name", "Phone 1", "Phone 1 Internal DNC", "DNC #1", "DNC 01"]) == {
        "Phone 1 Internal DNC": ("call_opt_out", "Phone 1"), "DNC #1": ("dnc", "Phone 1"), "DNC 01": ("dnc", "Phone 1"),
    }  # fmt: skip
    # The number of ten and one are two numbers.
    assert _marks(["Name", "Phone 1", "Phone 10", "Phone 10 DNC"]) == {"Phone 10 DNC": ("dnc", "Phone 10")}


def test_a_column_that_fits_several_numbers_is_about_the_whole_row() -> None:
    assert _marks(["Name", "Cell 1", "Cell 2", "Cell DNC"]) == {"Cell DNC": ("dnc", None)}
    assert _marks(["Name", "Cell 1", "Home 1", "Phone 1", "DNC 1"])["DNC 1"] == ("dnc", None)
    assert _marks(["Name", "Phone 1", "Phone 2", "Phone DNC"]) == {"Phone DNC": ("dnc", None)}


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        # Each behind its phone, or each before it.
        ("Name,Phone,Phone DNC,Phone,Phone DNC", {"Phone DNC": "Phone", "Phone DNC_2": "Phone_2"}),
        ("Name,Phone DNC,Phone,Phone DNC,Phone", {"Phone DNC": "Phone", "Phone DNC_2": "Phone_2"}),
        ("Name,DNC,Phone,DNC,Phone", {"DNC": "Phone", "DNC_2": "Phone_2"}),
        ("Name,Phone 1,DNC,Phone 2,DNC", {"DNC": "Phone 1", "DNC_2": "Phone 2"}),
        # Otherwise they may be about any, and so are about all.
        ("Name,Phone 1,Phone 2,DNC,DNC", {"DNC": None, "DNC_2": None}),
        ("Name,Phone,Phone,Phone,DNC,DNC", {"DNC": None, "DNC_2": None}),
        ("Name,Phone,Phone,Phone DNC", {"Phone DNC": None}),
    ],
)
def test_repeated_columns_are_about_the_number_beside_them(headers: str, found: dict[str, str | None]) -> None:
    assert _marks(("Id," + headers).split(",")) == {header: ("dnc", of) for header, of in found.items()}


def test_what_only_looks_repeated_or_is_of_something_else_stays_what_it_is() -> None:
    assert _marks(["Name", "Phone 1", "Phone 2", "Do Not Call", "DO NOT CALL?"]) == {
        "Do Not Call": ("do_not_call", None), "DO NOT CALL?": ("do_not_call", None)
    }  # fmt: skip
    assert _marks(["Name", "Phone", "Opt Out", "Email", "Opt Out"]) == {
        "Opt Out": ("do_not_contact", None), "Opt Out_2": ("do_not_contact", None)
    }  # fmt: skip
    assert _marks(["Name", "Phone 1", "Email 1", "Opt Out 1"]) == {"Opt Out 1": ("do_not_contact", None)}


def test_a_phone_without_a_header_takes_no_mark() -> None:
    numbers = [f"({area}) 321-{line}" for area in (405, 918, 580) for line in range(1001, 1011)]
    for header in ("", "Телефон"):
        found = _marks(["Name", "Phone", header, "Do Not Call"], {header: numbers, "Phone": numbers})
        assert found == {"Do Not Call": ("do_not_call", None)}


def test_the_type_of_the_only_number() -> None:
    assert _marks(["Name", "Mobile", "Line Type"], {"Line Type": ["Wireless", "VOIP"]}) == {
        "Line Type": ("line_type", "Mobile")
    }
    assert _marks(["Name", "Mobile", "Type"], {"Type": ["Mobile"]}) == {}
    assert _marks(["Name", "Mobile", "Phone Type"], {"Phone Type": ["Home", "Work"]}) == {}


@pytest.mark.parametrize(
    ("values", "is_mark"),
    [
        (["Y", "N"], True), (["TRUE", "FALSE"], True), (["1", "0"], True), (["x"], True),
        (["Opted out", "Active"], True),
        (["2024-05-01", "3/4/2025"], True), (["Federal", "State", "Clean", "Federal; State"], True),
        (["4053211001", "4053211002"], False), (["a@example.org"], False),
        (["asked us to stop after the second letter came"] + [f"reason {n}" for n in range(9)], False),
        # A yes or a no among notes, and combinations: the strict reading does the rest.
        (["N", "Y"] + [f"Y - talked to cousin {n}" for n in range(10)], True),
        (["Fed; State", "Wireless; Fed"] + [f"Code {n}" for n in range(9)] + ["State"], True),
    ],
)  # fmt: skip
def test_values_decide_whether_it_can_be_one(values: list[str], is_mark: bool) -> None:
    understood = _understand(["Name", "Phone", "Do Not Call"], {"Do Not Call": values, "Phone": ["4053211009"]})
    assert ("Do Not Call" not in understood.mapping.unmapped) == is_mark
    assert [note.split(" may say")[0] for note in understood.notes] == ([] if is_mark else ["Column 'Do Not Call'"])


def test_numbers_under_such_a_header_are_nobodys_phones() -> None:
    numbers = [f"({area}) 321-{line}" for area in (405, 918, 580) for line in range(1001, 1011)]
    understood = _understand(["Name", "DNC"], {"DNC": numbers, "Name": ["Ann Adams"]})
    assert understood.mapping.all("phone") == []
    assert "DNC" in understood.mapping.unmapped


def test_what_speaks_of_it_and_is_not_understood_is_reported() -> None:
    understood = _understand(["Name", "Phone", "DNC Vendor Result Code"], {"DNC Vendor Result Code": ["A", "B"]})
    assert understood.notes == (
        "Column 'DNC Vendor Result Code' may say whom not to contact; it is kept raw, and nobody is blocked by it. If "
        "it says so, call it Do Not Call, Opt Out or the like, with yes or no in it",
    )
    assert _understand(["Name", "Phone", "DNC Vendor Result Code"]).notes == ()  # nothing stands in it
    # What says more of a column that is understood, or of faxes, is nothing to look at.
    columns = {"Unsub Time": ["2024-02-03"], "Unsub Reason": ["NORMAL"], "HasOptedOutOfFax": ["1"]}
    assert _understand(["Name", "Email", *columns], columns).notes == ()
    assert len(_understand(["Name", "Email", "Unsub Reason"], columns).notes) == 1
    columns = {"DNC": ["Y"], "Phone/Fax DNC": ["Y"], "Internal Source DNC": ["Y"]}
    assert len(_understand(["Name", "Phone", *columns], columns).notes) == 2
    for header in ("No Contact", "TCPA", "Dead", "Date of Death"):  # what it cannot be by its values
        values = [f"word {n} of many" for n in range(9)]
        assert len(_understand(["Name", "Phone", header], {header: values}).notes) == 1


@pytest.mark.parametrize(
    ("header", "mark", "of"),
    [
        ("OK to Call", "do_not_call", None), ("Can Call?", "do_not_call", None),
        ("Owner May Be Called", "do_not_call", None), ("Permission to Text", "do_not_text", None),
        ("May Text?", "do_not_text", None),
        ("Email permission status", "do_not_email", None), ("AllowBulkEmail", "do_not_email", None),
        ("OK to Mail", "do_not_mail", None), ("Can Contact", "do_not_contact", None),
        ("Phone 1 OK to Call", "dnc", "Phone 1"), ("OK to Text 2", "do_not_text", "Phone 2"),
    ],
)  # fmt: skip
def test_in_some_columns_a_no_says_it(header: str, mark: str, of: str | None) -> None:
    headers = ["Name", "Phone 1", "Phone 2", header]
    understood = _understand(headers, {header: ["Yes", "No"]})
    assert _marks(headers, {header: ["Yes", "No"]}) == {header: (mark, of)}
    (use,) = [use for use in understood.mapping.uses if use.headers == (header,)]
    assert use.by_no
    assert understood.notes == ()


@pytest.mark.parametrize("header", ["Texts OK", "Callable", "Email Opt-In", "TCPA Consent", "Accepts Email Marketing"])
def test_that_nobody_consented_is_reported(header: str) -> None:
    """It is no request; but somebody has to know that nobody is blocked by it."""
    assert len(_understand(["Name", "Phone", header], {header: ["No", "Yes"]}).notes) == 1
    assert _understand(["Name", "Phone", "Email Opt-In"], {"Email Opt-In": ["Yes"]}).notes == ()


@pytest.mark.parametrize("header", ["Opt Out Date", "Unsubscribed At"])
def test_dates_in_any_form_are_told_by_the_header(header: str) -> None:
    for values in (["2024/01/05", "5 January 2024"] * 5, [str(45_000 + n) for n in range(9)]):
        assert _marks(["Name", "Phone", header], {header: values}) == {header: ("do_not_contact", None)}


def test_a_cell_is_plain_or_not() -> None:
    assert all(map(marks.is_plain, ("Y", "no", "Fed; State", "N, N", "Not on DNC", "0")))
    assert not any(map(marks.is_plain, ("", "-", "—", "maybe", "✓", "Y - said so")))
    assert all(
        marks.is_plain(value, by_no=True) for value in ("OK", "no", "In", "Unsubscribed", "not set", "0", "1.0", "0.0")
    )


def test_lists_of_whom_not_to_contact_have_no_such_columns() -> None:
    assert load_feed("opt_outs").marks == {}
    assert load_feed("litigators").marks == {}
    assert load_feed("pipedrive_persons").marks == {}
    assert load_feed("legacy_contacts").marks == CONTACTS.marks


def test_the_words_are_told_apart() -> None:
    words = marks.words()
    assert words.yes & words.no == frozenset()
    assert {"y", "1", "true", "x", "dnc", "on"} <= words.yes
    assert {"n", "0", "false", "no", "off", "clean"} <= words.no
    assert not {"ok", "in", "active"} & words.no, "states whose list it is, and a registration in force"
    assert all("" not in some for some in (words.yes, words.no, words.before, words.after))
    three = (words.permitted, words.denied, words.unsaid)
    assert sum(map(len, three)) == len(frozenset.union(*three)), "no word says two things"
    assert {"y", "1", "ok", "in", "optedin"} <= words.permitted
    assert {"n", "0", "false", "out", "unsubscribed"} <= words.denied
