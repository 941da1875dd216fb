"""Headers and values together: which column is which field."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from cm_core.imports.content import Column
from cm_core.imports.feed_catalog import Feed, load_feed
from cm_core.imports.understanding import Understanding, is_generic, understand

_DICE = random.Random(3)
_AREAS = ("405", "918", "580", "214", "817")
BARE = [f"{_DICE.choice(_AREAS)}{_DICE.randint(321, 987)}{_DICE.randint(1000, 9999)}" for _ in range(40)]
BARE = [number for number in BARE if not number[3:6].endswith("11")]
ROWS = len(BARE)
PHONES = [f"({number[:3]}) {number[3:6]}-{number[6:]}" for number in BARE]
EMAILS = [f"person{n}@example.org" for n in range(ROWS)]
NAMES = [f"{first} {last}" for first in ("John", "Mary", "Ann", "Bob", "Ida", "Joe", "Sue") for last in
         ("Smith", "Jones", "Garcia", "Miller", "Moore", "Hill")][:ROWS]  # fmt: skip
STREETS = [f"{n + 10} Main St" for n in range(ROWS)]
PLACES = [("Norman", "OK", "73069"), ("Tulsa", "OK", "74103"), ("Ada", "OK", "74820"), ("Dallas", "TX", "75201")]
CITIES, STATES, ZIPS = ([PLACES[n % 4][part] for n in range(ROWS)] for part in range(3))
WORDS = ["OPEN", "CLOSED"] * (ROWS // 2) + ["OPEN"] * (ROWS % 2)


def _understand(columns: dict[str, Sequence[str]], feed: str | Feed = "contacts", **options: bool) -> Understanding:
    used = load_feed(feed) if isinstance(feed, str) else feed
    return understand(list(columns), used, [Column(list(values)) for values in columns.values()], **options)


def _found(understood: Understanding) -> dict[str, tuple[str, str]]:
    """Header: field and what told it."""
    return {header: (use.field.lstrip("."), use.how) for use in understood.mapping.uses for header in use.headers}


def test_headers_that_say_nothing_leave_it_to_the_values() -> None:
    columns = dict(zip(
        ("c1", "column_2", "3", "", "Unnamed: 4", "F6", "x", "Field 8"),
        (NAMES, PHONES, EMAILS, STREETS, CITIES, STATES, ZIPS, WORDS), strict=True,
    ))  # fmt: skip
    understood = _understand(columns)
    assert understood.refusal is None
    assert _found(understood) == {
        "c1": ("full_name", "content"), "column_2": ("phone", "content"), "3": ("email", "content"),
        "": ("line1", "content"), "Unnamed: 4": ("city", "content"), "F6": ("state", "content"),
        "x": ("zip", "content"),
    }  # fmt: skip
    assert understood.mapping.unmapped == ("Field 8",)
    assert all(0.7 < use.confidence < 1 for use in understood.mapping.uses)


def test_headers_of_another_language() -> None:
    columns = {"Vollständiger Name": NAMES, "Rufnummer": BARE, "Elektropost": EMAILS, "Straße": STREETS, "PLZ": ZIPS}
    assert {field for field, _ in _found(_understand(columns)).values()} == {
        "full_name", "phone", "email", "line1", "zip"
    }  # fmt: skip


@pytest.mark.parametrize(
    "header",
    ["Account", "Acct No", "ParcelNumber", "Parcel", "APN", "Lease ID", "Invoice #", "Tax Code", "Member Nr"],
)  # fmt: skip
def test_numbers_that_the_header_says_are_counted_are_no_phones(header: str) -> None:
    understood = _understand({"Name": NAMES, header: BARE})
    assert "phone" not in {use.field for use in understood.mapping.uses}


@pytest.mark.parametrize("header", ["Contact Nummer", "Ruf", "Where to call", "Handy", "c7", "phone_e164_clean"])
def test_numbers_that_the_header_does_not_speak_against_are(header: str) -> None:
    assert _found(_understand({"Name": NAMES, header: BARE}))[header][0] == "phone"


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("Agent Line", PHONES), ("Spouse's", EMAILS), ("Assigned To", NAMES), ("Status", STATES), ("County", CITIES),
        ("Birth", STATES), ("Emergency", PHONES), ("Program", NAMES),
    ],
)  # fmt: skip
def test_what_is_somebody_elses_or_something_else_is_kept_raw(header: str, values: Sequence[str]) -> None:
    understood = _understand({"Phone": PHONES, "Zip": ZIPS, header: values})
    assert understood.mapping.unmapped == (header,)


def test_values_take_nothing_from_a_header() -> None:
    columns = {"Owner": NAMES, "Phone": PHONES, "Zip": ZIPS, "a": NAMES, "b": BARE, "c": ZIPS, "d": EMAILS}
    assert _found(_understand(columns)) == {
        "Owner": ("full_name", "header"), "Phone": ("phone", "header"), "Zip": ("zip", "header"),
        "b": ("phone", "content"), "d": ("email", "content"),
    }  # fmt: skip


def test_a_part_of_one_address_joins_it_and_of_several_is_nobodys() -> None:
    one = {"Name": NAMES, "Mailing City": CITIES, "Mailing Zip": ZIPS, "c4": STREETS}
    assert _found(_understand(one))["c4"] == ("mailing.line1", "content")
    two = {"Name": NAMES, "Mailing Zip": ZIPS, "Property Zip": ZIPS, "c4": STREETS}
    assert _understand(two).mapping.unmapped == ("c4",)


def test_headers_that_lie_are_put_right() -> None:
    understood = _understand({"Name": PHONES, "Phone": NAMES, "Email": EMAILS})
    assert _found(understood) == {
        "Name": ("phone", "content"), "Phone": ("full_name", "content"), "Email": ("email", "header")
    }  # fmt: skip
    assert [(c.header, c.expected, c.found, c.declared) for c in understood.conflicts] == [
        ("Name", "name", "phone", False), ("Phone", "phone", "name", False),
    ]  # fmt: skip


def test_a_lie_that_nothing_follows_from_is_left_and_told() -> None:
    understood = _understand({"Name": NAMES, "DOB": WORDS})
    (use,) = understood.mapping.all("date_of_birth")
    assert (use.headers, use.confidence) == (("DOB",), 0.0)
    assert [conflict.found for conflict in understood.conflicts] == ["words"]


def test_declared_columns_are_not_put_right() -> None:
    feed = load_feed("contacts").model_copy(update={"columns": ("Name", "Phone"), "mapping": {}})
    understood = _understand({"Name": NAMES, "Phone": EMAILS}, feed, declared=True)
    assert _found(understood) == {"Name": ("full_name", "feed"), "Phone": ("phone", "feed")}
    assert [conflict.declared for conflict in understood.conflicts] == [True]


@pytest.mark.parametrize(
    ("feed", "columns", "fields"),
    [
        ("opt_outs", {"c1": EMAILS, "c2": WORDS}, {"c1": "email"}),
        ("opt_outs", {"Email": EMAILS, "c2": PHONES}, {"Email": "email", "c2": "phone"}),
        ("opt_outs", {"Phone": PHONES, "c2": BARE}, {"Phone": "phone"}),
        ("dnc_registry", {"c1": PHONES}, {"c1": "phone"}),
        ("dnc_registry", {"Phone": PHONES, "c1": BARE}, {"Phone": "phone"}),
        ("touchpoints", {"Date": ["2024-01-05"] * ROWS, "c1": PHONES}, {"Date": "touchpoint_date", "c1": "phone"}),
        ("touchpoints", {"Date": ["2024-01-05"] * ROWS, "To": PHONES, "c1": PHONES},
         {"Date": "touchpoint_date", "To": "to_contact"}),
        ("campaigns", {"Name": WORDS, "c1": PHONES}, {"Name": "name"}),
    ],
)  # fmt: skip
def test_lists_of_other_kinds_take_one_contact_and_only_if_they_have_none(
    feed: str, columns: dict[str, Sequence[str]], fields: dict[str, str]
) -> None:
    assert {header: field for header, (field, _) in _found(_understand(columns, feed)).items()} == fields


def test_nothing_usable_is_a_refusal_and_nothing_is_raised() -> None:
    understood = _understand({"Well": WORDS, "Depth": [f"{n * 37}" for n in range(ROWS)]})
    assert "No usable column" in (understood.refusal or "")
    needed = load_feed("contacts").model_copy(update={"requires": ("identifier",)})
    assert "identifier" in (_understand({"Name": NAMES}, needed).refusal or "")
    mapped = load_feed("contacts").model_copy(update={"mapping": {"full_name": ("WHO",)}})
    assert "'WHO'" in (_understand({"Name": NAMES}, mapped).refusal or "")


def test_how_sure_a_header_is_depends_on_its_values() -> None:
    uses = {use.field: use.confidence for use in _understand(
        {"Name": NAMES, "Phone": ["12"] * ROWS, "Email": [""] * ROWS, "Suffix": ["Jr"] * ROWS}
    ).mapping.uses}  # fmt: skip
    assert uses == {"full_name": 1.0, "phone": 0.5, "email": 0.7, "name_suffix": 0.9}


@pytest.mark.parametrize(
    "header", ["", " ", "c1", "C 12", "column_0", "Field 3", "unnamed: 7", "17", "x", "F", "Spalte 2"]
)
def test_generic_headers(header: str) -> None:
    assert is_generic(header)


@pytest.mark.parametrize("header", ["Name", "Phone 2", "co", "Feldname", "st", "id7"])
def test_headers_that_say_something(header: str) -> None:
    assert not is_generic(header)


GIVEN = ("JOHN", "MARY", "ANN", "ROBERT", "IDA", "JOSEPH", "SUSAN", "HAROLD", "DONNA", "PAUL", "RUTH", "KEVIN")
SURNAMES = ("SMITH", "JONES", "GARCIA", "MILLER", "MOORE", "HILL", "HENCHECK", "WRIGHT", "OCONNOR", "BAKER", "LOPEZ")
FULL = [(GIVEN[n % len(GIVEN)], GIVEN[(n * 5 + 2) % len(GIVEN)], SURNAMES[n % len(SURNAMES)]) for n in range(40)]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([f"{last} {first} {middle}" for first, middle, last in FULL], True),
        ([f"{last} {first} {middle[0]}" for first, middle, last in FULL], True),
        ([f"{last} {first}" for first, _, last in FULL] + ["ACME OIL LLC", "SMITH JOHN & MARY"] * 30, True),
        ([f"{last} {first}" for first, _, last in FULL[:5]], False),
        ([f"{first} {middle[0]} {last}" for first, middle, last in FULL], False),
        ([f"{first} {last}" for first, _, last in FULL], False),
        ([f"{last}, {first}" for first, _, last in FULL], False),
        ([f"{first} {last}" if n % 2 else f"{last} {first}" for n, (first, _, last) in enumerate(FULL)], False),
        (["ACME OIL LLC", "CITY OF NORMAN", "SMITH FAMILY TRUST"] * 13, False),
    ],
)
def test_a_list_with_surnames_first_is_recognised(names: list[str], expected: bool) -> None:
    (use,) = _understand({"Owner Name": names, "x": ["1"] * len(names)}).mapping.all("full_name")
    assert use.surname_first is expected
