"""Delivery lines: every form of `address_forms.csv`, forms that are one place, what is left alone, and hostile text."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest

from cm_core.hygiene.addresses import Address, standardize_address
from cm_core.hygiene.delivery_lines import readable
from cm_core.hygiene.delivery_words import suffix_of

with (Path(__file__).parent / "address_forms.csv").open(encoding="utf-8", newline="") as lines:
    FORMS = [tuple(row.values()) for row in csv.DictReader(lines)]


def address(line: str) -> Address:
    answer = standardize_address(line, None, "Tulsa", "OK", "74103")
    assert answer is not None
    return answer


@pytest.mark.parametrize(("form", "line", "street", "key", "care_of"), FORMS)
def test_a_form_of_delivery_line(form: str, line: str, street: str, key: str, care_of: str) -> None:
    answer = address(line)
    assert (answer.street, answer.address_key, answer.care_of or "") == (street, key, care_of)
    assert answer.invalid_reason is None


@pytest.mark.parametrize("street", [street for _, _, street, _, _ in FORMS])
def test_a_standardised_line_stays(street: str) -> None:
    once = address(street)
    assert once.street == street
    assert once.address_key == next(key for _, _, same, key, _ in FORMS if same == street)


@pytest.mark.parametrize(
    "lines",
    [
        ("66 Willow St 3rd Floor", "66 WILLOW STREET, FL 3", "Third Floor 66 Willow St", "66 Willow St third fl"),
        ("417 C Pecan Dr", "417C PECAN DRIVE", "417-C Pecan Dr"),
        ("66 Willow St Unit 2 East", "66 WILLOW ST # 2E", "66 Willow St Apt 2 E."),
        ("PO Box 4026", "Lockbox 4026", "Lock Box # 4026", "P.O. Drawer 4026", "LBX 4026", "Caller No. 4026"),
        ("RR Box 12", "Rural Route Box 12", "RT BOX # 12", "RFD Box 12"),
        ("66 County Road 12", "66 CO RD NO. 12", "66 County Rd # 12", "66 CR 12"),
        ("2450 S Maple Ave", "2450 So. Maple Avenue", "2450 SOUTH MAPLE AV", "2450 So Maple Avnue"),
        ("66 Willow St Apt 3 Bldg 2", "66 Willow St Bldg 2 Apt 3", "Bldg 2, 66 Willow St # 3"),
        ("66 Willow St Apt 1A", "66 Willow St Apt 1 A", "66 Willow St # 1-A", "66 Willow St Apt 1-a"),
        ("66 Willow St Apt A1 Rear", "66 Willow St Apt A-1, Rear", "66 Willow St Unit A 1 Rear"),
        ("RR 2 Box 5 Lot 9-B", "RR 2 Box 5 Lot 9B"),
        ("66 Avenue A", "66 Ave A", "66 Ave. A", "66 Av A"),
        ("66 Avenue J Apt 4", "66 Ave J # 4"),
        ("66 SR 20", "66 State Route 20", "66 State Rte 20", "66 State Road 20"),
        ("66 N SR 20 Lot 5", "66 N State Route 20 Lot 5"),
        ("66 Willow St Lower", "66 Willow St Lower Level", "66 Willow St, LOWR"),
        ("66 Bay Blvd West Wing", "66 Bay Blvd, W. Wing", "66 Bay Blvd, Building West", "66 Bay Blvd Bldg W"),
        ("66 W Larkspur 512", "66 W. LARKSPUR # 512", "66 West Larkspur, Apt 512"),
    ],
)
def test_forms_of_one_place_have_one_key(lines: tuple[str, ...]) -> None:
    assert len({address(line).address_key for line in lines}) == 1


@pytest.mark.parametrize(
    ("line", "street"),
    [
        ("805 A Street", "805 A ST"),
        ("701 R STREET SW", "701 R ST SW"),
        ("1802 VZCR 3805", "1802 VZCR 3805"),
        ("13485 Oklahoma 51", "13485 OK HIGHWAY 51"),
        ("500 S AND W FARM RD", "500 S AND W FARM RD"),
        ("1211 United Founders Tower", "1211 UNITED FOUNDERS TOWER"),
        ("123 Drawer Rd", "123 DRAWER RD"),
        ("123 Via Dr", "123 VIA DR"),
        ("123 N Via Rd # 5", "123 N VIA RD # 5"),
        ("123 Viaduct St", "123 VIADUCT ST"),
        ("123 Ave Maria Dr", "123 AVE MARIA DR"),
        ("66 Willow Upper", "66 WILLOW UPPER"),
        ("66 Lake Front", "66 LAKE FRONT"),
        ("500 Old North Tower", "500 OLD NORTH TOWER"),
        ("12 N Tower Rd # 5", "12 N TOWER RD # 5"),
        ("12 Court House Rd", "12 COURT HOUSE RD"),
        ("100 NO NAME RD", "100 NO NAME RD"),
        ("31 Terrance", "31 TERRANCE"),
        ("421 21ST ST NW LN", "421 21ST ST NW LN"),
        ("421 River Rd Liberty Grove Rd", "421 RIVER RD LIBERTY GROVE RD"),
        ("421 AVON ST EXT", "421 AVON STREET EXT"),
        ("1000 COUNTY ROAD MM", "1000 COUNTY ROAD MM"),
    ],
)
def test_what_only_looks_like_such_a_form_stays(line: str, street: str) -> None:
    answer = address(line)
    assert (answer.street, answer.invalid_reason) == (street, None)


@pytest.mark.parametrize(
    ("cells", "street"),
    [
        (("4245 PR 455", None, "Ponce", "PR", "00716"), "4245 PR HIGHWAY 455"),
        (("4245 PR 455", None, "Longview", "Texas", "75601"), "4245 PRIVATE ROAD 455"),
        (("4245 PR 455, Longview, TX 75601",), "4245 PRIVATE ROAD 455"),
        (("4245 PR 455",), "4245 PR HIGHWAY 455"),
    ],
)
def test_a_private_road_is_one_outside_of_puerto_rico(cells: tuple[str | None, ...], street: str) -> None:
    answer = standardize_address(*cells)
    assert answer is not None
    assert answer.street == street


@pytest.mark.parametrize(
    ("word", "suffix"),
    [
        ("STRET", "ST"),
        ("AVENEU", "AVE"),
        ("PAKWAY", "PKWY"),
        ("BOULEVARDD", "BLVD"),
        ("SQUIRE", None),
        ("VENUE", None),
    ],
)
def test_a_suffix_may_miss_a_letter(word: str, suffix: str | None) -> None:
    assert suffix_of(word) == suffix


@pytest.mark.parametrize(
    "piece", ["1 AA ", "12 N ST ", "STE 5 ", "#", "1-", "A ", ", ", "PO BOX 1 ", "1ST FL ", "(MC 1) "]
)
def test_hostile_lines_take_no_time(piece: str) -> None:
    start = time.process_time()
    for length in (200, 2000):
        readable(piece * (length // len(piece)))
    assert time.process_time() - start < 1
