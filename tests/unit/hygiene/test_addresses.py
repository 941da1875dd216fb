"""Addresses: USPS form, keys that are equal for equal places, places and ZIPs, and parity of the short way."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import strategies as st

from cm_core.hygiene import addresses as module
from cm_core.hygiene.addresses import ADDRESS_SCHEMA, Address, standardize_address, standardize_addresses
from cm_core.hygiene.places import parse_zip, state_code, states, zip_places
from cm_core.hygiene.street_readings import Cells, read_apart, standard
from cm_core.hygiene.streets import WORTH_LEARNING, ordinary_streets
from tests.forms import in_two_forms

COLUMNS = ["line1", "line2", "city", "state", "zip", "zip4"]


def address(*cells: str | None) -> Address:
    answer = standardize_address(*cells)
    assert answer is not None
    return answer


def test_a_split_address() -> None:
    assert address("123 North Main Street, Apt 4", None, "Tulsa", "Oklahoma", "74103-1234") == Address(
        raw="123 North Main Street, Apt 4, Tulsa, Oklahoma 74103-1234", care_of=None, street="123 N MAIN ST APT 4",
        city="TULSA", state="OK", zip="74103", zip4="1234", county="TULSA", address_key="S|123|N|MAIN|ST||74103|4",
        invalid_reason=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    "cells",
    [
        ("123 n. main st #4", None, "TULSA", "OK", "74103"),
        ("123 N MAIN ST", "UNIT 4", "tulsa", "Okla.", "741031234"),
        ("123 North Main Street, Apt 4, Tulsa, OK 74103",),
        ("123 North Main Street, Apt 4", "Tulsa, OK 74103"),
        ("123 North Main Street, Apt 4", None, "Tulsa, OK 74103"),
        ("123  NORTH  MAIN ST. APT. 4\x00", " ", "Tulsa", "OK", "74103.0", "n/a"),
        ("C/O Jane Doe", "123 N Main St Apt 4", "Tulsa", "OK", "74103"),
        ("123 N Main St Apt 4, Tulsa OK 74103 USA",),
    ],
)
def test_spellings_of_one_place_have_one_key(cells: tuple[str | None, ...]) -> None:
    assert address(*cells).address_key == "S|123|N|MAIN|ST||74103|4"


@pytest.mark.parametrize(
    ("city", "state", "zip_", "expected"),
    [
        ("Tulsa, OK", "OK", "74103", ("TULSA", "OK", "74103")),
        ("Tulsa, Oklahoma", "OK", None, ("TULSA", "OK", None)),
        ("Tulsa, OK 74103", "Okla.", "74103-1234", ("TULSA", "OK", "74103")),
        ("Tulsa OK 74103", "OK", None, ("TULSA", "OK", "74103")),
        ("Tulsa, OK 74103, USA", None, "74103", ("TULSA", "OK", "74103")),
        ("New York, NY", "New York", None, ("NEW YORK", "NY", None)),
        ("Tulsa, TX", "OK", "74103", ("TULSA TX", "OK", "74103")),
        ("Tulsa, OK 74104", "OK", "74103", ("TULSA OK 74104", "OK", "74103")),
        ("Lake In", "IN", None, ("LAKE IN", "IN", None)),
    ],
)
def test_a_city_cell_may_be_a_last_line(
    city: str, state: str | None, zip_: str | None, expected: tuple[str | None, ...]
) -> None:
    answer = address("12 Elm St", None, city, state, zip_)
    assert (answer.city, answer.state, answer.zip) == expected


def test_other_places_have_other_keys() -> None:
    lines = ["123 N MAIN ST", "123 N MAIN ST APT 5", "123 S MAIN ST", "124 N MAIN ST", "123 N MAIN AVE", "PO BOX 123"]
    keys = {address(line, None, "Tulsa", "OK", "74103").address_key for line in lines}
    assert len(keys | {address(lines[0], None, "Tulsa", "OK", "74104").address_key}) == len(lines) + 1


@pytest.mark.parametrize(
    ("line", "street", "key"),
    [
        ("P.O. Box 5", "PO BOX 5", "P|5|74103"),
        ("Rural Route 2 Box 15", "RR 2 BOX 15", "R|RR|2|15|74103"),
        ("HC-67 BOX 635", "HC 67 BOX 635", "R|HC|67|635|74103"),
        ("Star Route 2 Box 5", "HC 2 BOX 5", "R|HC|2|5|74103"),
        ("PSC 1650 Box 10", "PSC 1650 BOX 10", "M|PSC|1650|10||74103"),
        ("General Delivery", "GENERAL DELIVERY", "G|74103"),
        ("PO Drawer 33", "PO BOX 33", "P|33|74103"),
        ("123 Main St PO Box 44", "123 MAIN ST PO BOX 44", "S|123||MAIN|ST||74103"),
        ("County Road 1450", "COUNTY ROAD 1450", "S|||COUNTY ROAD 1450|||74103"),
    ],
)
def test_kinds_of_delivery_lines(line: str, street: str, key: str) -> None:
    answer = address(line, None, "Tulsa", "OK", "74103")
    assert (answer.street, answer.address_key, answer.invalid_reason) == (street, key, None)


def test_a_street_named_after_its_city_stays_whole() -> None:
    assert address("1501 N Shawnee", None, "Shawnee", "OK", "74801").street == "1501 N SHAWNEE"


@pytest.mark.parametrize(
    ("cells", "care_of"),
    [
        (("C/O Jane Doe", "12 Elm Ave", "Tulsa", "OK", "74103"), "JANE DOE"),
        (("c/o Jane Doe, 12 Elm Ave", None, "Tulsa", "OK", "74103"), "JANE DOE"),
        (("% Bank of X", "12 Elm Ave", "Tulsa", "OK", "74103"), "BANK OF X"),
        (("12 Elm Ave ATTN: Bob", None, "Tulsa", "OK", "74103"), "BOB"),
        (("12 Elm Ave", None, "Tulsa", "OK", "74103"), None),
    ],
)
def test_care_of_is_kept_apart(cells: tuple[str | None, ...], care_of: str | None) -> None:
    answer = address(*cells)
    assert (answer.care_of, answer.street, answer.invalid_reason) == (care_of, "12 ELM AVE", None)


def test_zips_that_a_spreadsheet_is_to_take_for_text() -> None:
    plain = standardize_address("1 Main St", None, "Boston", "MA", "02134", "0012")
    for sign in ('="{}"', "'{}", ' ="{}" '):
        cells = (sign.format(code) for code in ("02134", "0012"))
        assert standardize_address("1 Main St", None, "Boston", "MA", *cells) == plain
    blank = standardize_address("1 Main St", None, "Boston", "MA", '=""', None)
    assert blank == standardize_address("1 Main St", None, "Boston", "MA", None, None)


@pytest.mark.parametrize(
    ("text", "state", "expected"),
    [
        ("74103", None, ("74103", None)),
        ("74103-1234", "OK", ("74103", "1234")),
        ("641145149", "MO", ("64114", "5149")),
        ("74103-0000", "OK", ("74103", None)),
        ("74103.0", "OK", ("74103", None)),
        ("2139", "MA", ("02139", None)),
        ("2139-1234", "MA", ("02139", "1234")),
        ("21391234", "MA", ("02139", "1234")),
        ("601", "PR", ("00601", None)),
        ("2139", "OK", (None, None)),
        ("2139", None, (None, None)),
        ("00000", "OK", (None, None)),
        ("M4T 2B9", "ON", (None, None)),
        ('="02134"', "MA", ("02134", None)),
        ('="02134-0012"', None, ("02134", "0012")),
        ("'02134", None, ("02134", None)),
        ("'2134", "MA", ("02134", None)),
        ("'02134'", None, (None, None)),
        ('="="', "MA", (None, None)),
    ],
)
def test_parse_zip(text: str, state: str | None, expected: tuple[str | None, str | None]) -> None:
    assert parse_zip(text, state) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [("Oklahoma", "OK"), ("okla.", "OK"), ("N.Y.", "NY"), ("new  york", "NY"), ("AE", "AE"), ("ZZ", None)],
)
def test_state_code(text: str, code: str | None) -> None:
    assert state_code(text) == code


def test_every_state_of_the_zip_table_is_known() -> None:
    assert {state for state, _ in zip_places().values()} <= set(states().values())
    assert zip_places()["74103"] == ("OK", "TULSA")


def test_what_cannot_be_standardised_stays_and_says_why() -> None:
    foreign = address("12 Elm", None, "Toronto", "Ontario", "M4T 2B9")
    assert (foreign.state, foreign.zip, foreign.invalid_reason) == ("ONTARIO", "M4T 2B9", "state_unknown")
    bad_zip = address("12 Elm St", None, "Tulsa", "OK", "7410")
    assert (bad_zip.zip, bad_zip.county, bad_zip.invalid_reason) == ("7410", None, "zip_invalid")
    unparsed = address("1567 E Maple Rd (Purcell)", None, "Norman", "OK", "73070")
    assert (unparsed.street, unparsed.invalid_reason) == ("1567 E MAPLE RD (PURCELL)", "unparsed")
    assert unparsed.address_key == "?|1567 E MAPLE RD PURCELL|73070"
    place = address(None, None, "Tulsa", "OK", "74103")
    assert (place.street, place.city, place.invalid_reason) == (None, "TULSA", "no_street")
    assert address("Return to Sender", None, "Tulsa", "OK", "74103").invalid_reason == "placeholder"


def test_too_long_values_are_not_kept() -> None:
    whole = address("x" * 600)
    assert (whole.invalid_reason, whole[:9]) == ("too_long", (None,) * 9)
    one_cell = address("12 Elm St", None, "Tulsa", "OK", "74103-164280209-3819")
    assert (one_cell.invalid_reason, one_cell.zip, one_cell.street) == ("too_long", None, "12 ELM ST")


@pytest.mark.parametrize(
    "text", ["Lorem ipsum dolor sit amet. " * 3571, "a " * 15_000, "12 Elm St, Tulsa, OK 74103 " * 3000]
)
def test_too_long_values_take_no_time(text: str) -> None:
    start = time.process_time()
    for cells in ((text,), ("12 Elm St", text), ("12 Elm St", None, text, "OK")):
        assert address(*cells).invalid_reason == "too_long"
    assert time.process_time() - start < 1


@pytest.mark.parametrize("cells", [(None,), ("",), ("n/a", " ", "-", "NULL", "none", None)])
def test_a_blank_address_is_none(cells: tuple[str | None, ...]) -> None:
    assert standardize_address(*cells) is None


def test_the_table_has_the_answers_of_the_scalar_function(table_of: Callable[..., pa.Table]) -> None:
    rows: list[tuple[str | None, ...]] = [
        ("123 North Main Street", "Apt 4", "Tulsa", "OK", "74103", "12"),
        ("n/a", None, None, None, None, None),
        ("PO Box 9, Tulsa OK 74103", None, None, None, None, None),
        ("!!!", None, "Tulsa", "OK", None, None),
    ]
    table = standardize_addresses(table_of("address_id", COLUMNS, rows))
    assert table.schema == ADDRESS_SCHEMA
    expected = [(i, *answer) for i, cells in enumerate(rows) if (answer := standardize_address(*cells))]
    assert [tuple(row.values()) for row in table.to_pylist()] == expected
    assert [row[0] for row in expected] == [0, 2, 3]
    assert table.column("zip4").to_pylist() == ["0012", None, None]
    assert standardize_addresses(table_of("address_id", COLUMNS, [])).schema == ADDRESS_SCHEMA


def _long_way(line: str) -> tuple[str | None, str | None]:
    cells = module._read((line, None, "Tulsa", "OK", "74103", None))
    assert cells is not None
    (reading,) = read_apart([Cells(cells.line1, None, "TULSA")])
    _, street, key = standard(reading, cells.line1, "TULSA", "74103")
    return street, key


def _short_way(line: str) -> tuple[str, str] | None:
    short, *_ = ordinary_streets([line] * WORTH_LEARNING)
    return (short.street, f"{short.key_head}74103{short.key_tail}") if short else None


def test_the_short_way_gives_the_answer_of_the_long_way_on_real_streets(operators: list[dict[str, str]]) -> None:
    lines = {" ".join(row["Address"].split()) for row in operators if row["Address"].strip()}
    short = {line: answer for line in lines if (answer := _short_way(line))}
    assert len(short) / len(lines) > 0.4
    assert [line for line, answer in short.items() if _long_way(line) != answer] == []


_number = st.integers(1, 99_999).map(str)
_name = st.sampled_from(
    ["MAIN", "N MAIN", "SW 5TH", "OAK HILL", "COUNTY ROAD", "HIGHWAY", "AVENUE", "E 2950", "PARK", "LA", "ST CHARLES",
     "BOX", "FARM", "ROUTE", "N", "STATE", "OLD", "UNIT", "RR", "SUMMIT RIDGE", "MARTIN LUTHER KING JR", "A", "TULSA"]
)  # fmt: skip
_suffix = st.sampled_from(["", " ST", " Street", " AVE.", " RD", " BLVD", " CIR", " HWY", " LOOP W", " PL NE", " FM"])
_unit = st.sampled_from(
    ["", " APT 4", " #12", " STE 300", ", UNIT 7", " 8", " BLDG 2", " FL 3", " LOT 11", " PO BOX 5"]
)


@in_two_forms(300, 1500, st.builds("{} {}{}{}".format, _number, _name, _suffix, _unit))
def test_the_short_way_gives_the_answer_of_the_long_way(line: str) -> None:
    short = _short_way(line)
    assert short is None or short == _long_way(line)


_LIKE_SUFFIXES = [
    "LAKE", "SPRING", "SPRINGS", "FOREST", "RIDGE", "CANYON", "RIVER", "PARK", "VISTA", "MILL", "PINE", "MEADOW",
    "VIEW", "LAKE FOREST", "PARK PLACE", "PINE RIDGE", "SPRING VALLEY", "FORK", "UNION", "MISSION", "WASHINGTON",
    "DELAWARE", "NORTH LAKE", "WEST PARK", "EAST", "LOOP", "COURT HOUSE", "POINT LOMA", "FLAT ROCK",
    "BEACH", "COVE", "KEY LARGO",
]  # fmt: skip


@pytest.mark.soak
def test_names_that_are_suffixes_elsewhere_read_as_on_the_long_way() -> None:
    """Every name before every suffix, in every direction, with every unit: in numbers that nothing was learnt with."""
    lines = [
        f"{number} {direction}{name} {suffix}{unit}"
        for number, direction in zip(
            ("7", "90210", "305", "12", "8", "41"), ("", "N ", "NE ", "WEST ", "Southwest ", "S. "), strict=True
        )
        for name in _LIKE_SUFFIXES
        for suffix in ("ST", "Street", "AVE", "DR", "LN", "CT", "WAY", "PL", "RD", "BLVD", "TRL", "PARK", "LOOP")
        for unit in ("", " APT 4", " #12", ", STE 300", " UNIT 7")
    ]
    short = {line: answer for line in lines if (answer := _short_way(line))}
    assert len(short) > len(lines) / 2
    assert [line for line, answer in short.items() if _long_way(line) != answer] == []


@in_two_forms(
    100,
    500,
    _number,
    st.sampled_from(["Main", "N Oak", "SW 5th", "Elm Creek", "Ñandú"]),
    st.sampled_from(["St", "Avenue", "RD"]),
    st.sampled_from(["", "Apt 4", "#12", "Suite 300B"]),
    st.sampled_from(["74103", "02139-1234", ""]),
)
def test_a_standardised_address_is_standard(number: str, name: str, suffix: str, unit: str, zip_: str) -> None:
    once = address(f"{number} {name} {suffix}", unit, "Tulsa", "Oklahoma", zip_)
    again = address(once.street, None, once.city, once.state, once.zip, once.zip4)
    assert again[1:] == once[1:]


_cell = st.none() | st.text() | st.sampled_from(["123 Main St", "PO BOX 4", "Tulsa, OK", "OK", "74103", "c/o X"])


@in_two_forms(200, 1000, st.lists(_cell, min_size=1, max_size=6))
def test_any_cells_are_answered(cells: list[str | None]) -> None:
    answer = standardize_address(*cells)
    if answer is not None:
        assert answer.invalid_reason == "too_long" or answer.address_key
        for name, limit in module._LIMITS:
            assert len(getattr(answer, name) or "") <= limit


def test_surrogates_do_not_raise() -> None:
    assert address("12 Elm\ud800 St", None, "Tulsa", "OK", "74103").street == "12 ELM ST"


def test_messy_addresses_never_raise(shared_data: Path, table_of: Callable[..., pa.Table]) -> None:
    with (shared_data / "addresses_messy.csv").open(encoding="utf-8", newline="") as lines:
        rows = [(row[0], None, None, None, None, None) for row in csv.reader(lines) if row]
    table = standardize_addresses(table_of("address_id", COLUMNS, rows))
    assert table.num_rows == len(rows)
    assert sum(reason is None for reason in table.column("invalid_reason").to_pylist()) / len(rows) > 0.5


def test_labeled_addresses_keep_number_box_zip_and_state(
    labeled: Callable[[str], list[tuple[str, list[tuple[str, str]]]]],
) -> None:
    """Whole addresses taken apart: the labeled house number or box opens the street, ZIP and state are found."""
    right = total = 0
    for text, parts in labeled("addresses_labeled.xml"):
        words: dict[str, list[str]] = {}
        for label, word in parts:
            words.setdefault(label, []).append(word.strip(".,").upper())
        answer = address(text)
        for label, value in (("ZipCode", answer.zip), ("StateName", answer.state)):
            if len(words.get(label, [])) == 1 and len(words[label][0]) in (2, 5):
                total += 1
                right += value == words[label][0]
        if words.get("AddressNumber") and not words.get("IntersectionSeparator"):
            total += 1
            right += (answer.street or "").startswith(words["AddressNumber"][0])
    assert total > 2000
    assert right / total > 0.93


def test_a_street_alone_gets_no_state_or_city() -> None:
    for line in ("333 N Michigan", "3719 Old Alabama", "1112 S Washington"):
        answer = address(line)
        assert (answer.street, answer.city, answer.state) == (line.upper(), None, None)


def test_a_whole_address_that_is_there_twice_is_unparsed() -> None:
    answer = address("1011 line street, suite 10 hollister, ca, 95023 hollister 1011 line street suite 10 ca 95023")
    assert (answer.city, answer.state, answer.zip, answer.invalid_reason) == (None, "CA", "95023", "unparsed")


@pytest.mark.parametrize(
    ("text", "street", "city", "zip_"),
    [
        ("23485 Western Ave Park Forest, IL 60466", "23485 WESTERN AVE", "PARK FOREST", "60466"),
        ("3110 West 12th Street Sioux Falls, South Dakota 57104", "3110 W 12TH ST", "SIOUX FALLS", "57104"),
        ("P.O. Box 11418", "PO BOX 11418", None, None),
        ("HC66 Box 250, Hominy, OK 74035", "HC 66 BOX 250", "HOMINY", "74035"),
    ],
)
def test_a_doubtful_whole_address_is_read_again(text: str, street: str, city: str | None, zip_: str | None) -> None:
    answer = address(text)
    assert (answer.street, answer.city, answer.zip, answer.invalid_reason) == (street, city, zip_, None)


def test_a_second_reading_loses_no_number() -> None:
    assert "350" in (address("3811 Turtle Creek Blvd-Ste 350, Dallas, TX 75219").street or "")


@pytest.mark.parametrize(
    ("line", "state", "city", "found"),
    [
        ("1204 W Texas Ave, Midland, TX 79701", "TX", "MIDLAND", "TX"),
        ("1204 W Texas Ave, Midland, TX", "TX", "MIDLAND", "TX"),
        ("45 Calle Del Sol, Santa Fe, NM 87501", "TX", "SANTA FE", "NM"),
        ("12 Elm Ct", "CT", None, "CT"),
        ("333 N Michigan Ave, NE", "OK", None, "OK"),
    ],
)
def test_a_whole_address_beside_a_state_keeps_its_own(line: str, state: str, city: str | None, found: str) -> None:
    address = standardize_address(line, state=state)
    assert address is not None
    assert (address.city, address.state) == (city, found)
