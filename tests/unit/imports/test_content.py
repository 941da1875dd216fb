"""What values show of their column, and what they do not."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest

from cm_core.imports import content
from cm_core.imports.content import Column, goes_on, held_instead, unlike_headers

_AREAS = ("405", "918", "580", "214", "817", "303")
_DICE = random.Random(7)
PHONES = [
    f"{_DICE.choice(_AREAS)}{_DICE.choice('2346789')}{_DICE.randint(20, 99)}{_DICE.randint(1000, 9999)}"
    for _ in range(60)
]
NAMES = ["John Smith", "Mary Jones", "SMITH, ROBERT", "James & Linda Garcia", "Acme Oil LLC", "Karen Miller Trust"]
CITIES = ["Norman", "Tulsa", "Ada", "Norman", "Moore"]
ZIPS = ["73069", "74103", "74820", "73072-1234", "73160"]


def _written(form: str) -> list[str]:
    return [form.format(number[:3], number[3:6], number[6:]) for number in PHONES]


@pytest.mark.parametrize(
    "values",
    [
        PHONES, _written("({}) {}-{}"), _written("{}-{}-{}"), _written("+1 {} {} {}"), _written("1{}{}{}"),
        _written("({}) {}-{}")[:3], _written("{}.{}.{}")[:4], ["(405) 232-9700", "(405) 232-9701", "(405) 232-9702"],
        [*_written("({}) {}-{}")[:20], "n/a", "", "unknown"], ["+44 20 7946 0018", "+49 30 901820"],
    ],
)  # fmt: skip
def test_phones_are_known_by_their_values(values: Sequence[str]) -> None:
    assert (content.phone_evidence(Column(values)) or 0) > 0.8


@pytest.mark.parametrize(
    "values",
    [
        [f"{_DICE.randint(10**9, 10**10 - 1)}" for _ in range(100)],  # random: one in three is valid
        [f"40523297{n:02d}" for n in range(60)],  # counted out, each a valid number
        _DICE.sample([f"40523297{n:02d}" for n in range(60)], 60),  # the same in any order
        [f"2023{_DICE.randint(200000, 999999)}" for _ in range(60)],  # a year in front: area code 202
        [f"405-232-97{n:02d}" for n in range(60)],  # parcels
        PHONES[:5],  # too few bare numbers to tell
        ["405-232-9700"] * 30,  # one number is no list of numbers
        ["2329700", "3214567", "4471234"],  # no area code
        ["1700000000000", "1700000000001"], ["12", "13"], [], ["", "n/a"],
    ],
)  # fmt: skip
def test_numbers_of_ten_digits_are_not_phones_for_that(values: Sequence[str]) -> None:
    assert content.phone_evidence(Column(values)) is None


@pytest.mark.parametrize(
    ("evidence", "yes", "no"),
    [
        (content.email_evidence, ["a@example.org", "b.c@example.com"], ["www.example.org", "@handle", "a at b.org"]),
        (content.email_evidence, ["A@EXAMPLE.ORG", "x@y.co", "n/a"], ["a@example.org"]),
        (content.street_evidence, ["12 Main St", "PO Box 7", "4 N Elm Ave Apt 3"], ["8-11 Hours", "9 units", "3 lots"]),
        (content.street_evidence, ["1 A St, Ada OK 74820", "RR 2 Box 5", "7TH & NORTH AVE"], ["405-232-9700"] * 5),
        (content.street_evidence, ["1234 E 71st St", "22 County Rd", "Rt 1 Box 9"], ["2024-01-05", "2024-01-06", "x"]),
        (content.name_evidence, NAMES, ["Oklahoma City", "San Antonio", "Fort Worth", "Tulsa", "Santa Fe", "Ada"]),
        (content.name_evidence, ["Bob Lee", "Ann Fox", "Ed Hill", "Sue Ray", "Al Cook"], ["OPEN", "CLOSED", "HOLD"]),
        (content.name_evidence, NAMES * 2, ["12 Main St", "13 Oak Ave", "14 Elm Rd", "15 Ash Ct", "16 Fir Dr"]),
        (content.name_evidence, NAMES, ["Garfield County", "Tulsa County", "Grady County", "Kay County", "Osage"]),
        (content.zip_evidence, ZIPS, [f"{n}" for n in range(73000, 73060)]),
        (content.zip_evidence, ["10001", "60601", "73069"], ["11111", "00000", "99999", "12345"]),
    ],
)  # fmt: skip
def test_a_kind_is_told_from_its_look_alikes(
    evidence: Callable[[Column], float | None], yes: Sequence[str], no: Sequence[str]
) -> None:
    assert evidence(Column(yes)) is not None
    assert evidence(Column(no)) is None


def test_given_names_and_surnames() -> None:
    given = ["John", "Mary", "Linda", "Robert", "Karen", "Susan", "Michael", "Patricia", "David", "Barbara", "Nancy"]
    last = [
        "Smith",
        "Johnson",
        "Miller",
        "Garcia",
        "Rodriguez",
        "Wilson",
        "Anderson",
        "Moore",
        "Hill",
        "Baker",
        "Nguyen",
    ]
    assert content.given_names(Column(given))
    assert content.surnames(Column(last))
    assert content.given_names(Column(last)) is None
    assert content.surnames(Column(given)) is None
    assert content.surnames(Column([f"OH{n:07d}" for n in range(20)])) is None


def test_states_take_the_zip_codes_beside_them_or_several_to_be_believed() -> None:
    zips = Column(ZIPS)
    assert content.state_evidence(Column(["OK"] * 5), zips)
    assert content.state_evidence(Column(["OK"] * 5), None) is None  # a status
    assert content.state_evidence(Column(["MD", "PA", "MD", "PA", "MA"]), None) is None  # doctors
    assert content.state_evidence(Column(["OK", "TX", "NM", "Kansas", "OK"]), None)
    assert content.state_evidence(Column(["TX", "NM", "CO", "KS", "AR"]), zips) is None


def test_cities_are_those_of_the_zip_codes_beside_them() -> None:
    assert content.city_evidence(Column(["Norman", "Tulsa", "ADA", "Norman", "Moore"]), Column(ZIPS))
    assert content.city_evidence(Column(["Houston", "Jackson", "Austin", "Madison", "Dallas"]), Column(ZIPS)) is None


@pytest.mark.parametrize(
    ("expected", "values", "found"),
    [
        ("phone", [f"p{n}@example.org" for n in range(9)], "email"),
        ("phone", [f"2024-01-{n:02d}" for n in range(1, 20)], "date"),
        ("phone", [f"{first} Smith" for first in ("Al", "Ann", "Bob", "Roy", "Dan", "Ed", "Eva", "Fred", "Ida", "Joe")],
         "name"),
        ("email", _written("({}) {}-{}"), "phone"),
        ("date", ["F", "M", "F", "M", "F", "F"], "words"),
        ("date", ["Smith", "Jones", "Garcia", "Miller", "Moore"], "words"),
        ("name", [f"p{n}@example.org" for n in range(9)], "email"),
        ("zip", ["Norman", "Tulsa", "Ada", "Moore", "Enid"], "words"),
    ],
)  # fmt: skip
def test_a_column_that_holds_something_else_is_seen(expected: content.Kind, values: Sequence[str], found: str) -> None:
    held = held_instead(Column(values), expected)
    assert held is not None
    assert held[0] == found
    assert held[1] >= 0.95


@pytest.mark.parametrize(
    ("expected", "values"),
    [
        ("phone", ["555-0100"] * 20), ("phone", ["2329700", "3214567", "4471234", "3214568", "3214569"]),
        ("phone", ["unlisted"] * 40), ("phone", ["DO NOT CALL", "unlisted", "private", "none", "moved"] * 9),
        ("phone", [*(f"p{n}@example.org" for n in range(9)), "(405) 232-9700"]),
        ("phone", ["a@example.org", "b@example.org"]), ("phone", []),
        ("date", ["1/2024", "2/2024", "3/2024", "Spring 2024", "13/13/2024"]), ("date", ["45123", "45124"] * 9),
        ("zip", ["K1A 0B1", "M5V 3L9", "L4C 1T8", "H2Y 1C6", "V6B 1A1"]), ("state", ["Ontario", "Bayern", "Kent"] * 9),
        ("name", ["3M", "84 Lumber", "7-Eleven", "1st Bank", "24 Hour Fitness"]), ("street", ["General Delivery"] * 9),
        ("email", ["none", "no email", "declined", "refused", "unknown"] * 9),
    ],
)  # fmt: skip
def test_a_column_that_is_only_poor_holds_nothing_else(expected: content.Kind, values: Sequence[str]) -> None:
    assert held_instead(Column(values), expected) is None


def test_a_first_record_is_data_when_it_goes_on_below() -> None:
    rows = [["Smith", "405-321-4567", "73069"], ["Jones", "918-582-1234", "74103"], ["Fox", "580-436-2222", "74820"]]
    columns = [Column(cells) for cells in zip(*rows, strict=True)]
    assert goes_on(["Hill", "405-364-1111", "73072"], columns)
    assert not goes_on(["Name", "Telefon", "PLZ"], columns)
    assert not goes_on(["Name", "405-364-1111", "PLZ"], columns)
    assert unlike_headers(["Name", "1/1/2024", "2/1/2024", "12 Month Way", "2024"]) == 0
    assert unlike_headers(["John", "a@example.org", "(405) 232-9700"]) == 2
