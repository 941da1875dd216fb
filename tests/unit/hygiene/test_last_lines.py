"""Last lines: a whole address in one cell parted into its delivery line, city, state and ZIP."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.quality.labelled import addresses
from cm_core.hygiene.addresses import standardize_address
from cm_core.hygiene.last_lines import Parted, part, with_city


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12 Elm St, Tulsa, OK 74103", ("12 ELM ST", "TULSA", "OK", "74103")),
        ("12 Elm St Tulsa OK 74103-1234 USA", ("12 ELM ST", "TULSA", "OK", "74103-1234")),
        ("12 Elm Ave Broken Arrow, Oklahoma 74012", ("12 ELM AVE", "BROKEN ARROW", "OK", "74012")),
        ("12 Lake Park Forest, IL 60466", ("12 LAKE", "PARK FOREST", "IL", "60466")),
        ("12 Elm St, Suite B Tulsa, OK 74103", ("12 ELM ST, SUITE B", "TULSA", "OK", "74103")),
        ("12 Elm St, Lower Level, New York, NY 10038", ("12 ELM ST, LOWER LEVEL", "NEW YORK", "NY", "10038")),
        ("12 Rt 66, Front Tulsa OK 74103", ("12 RT 66, FRONT", "TULSA", "OK", "74103")),
        ("12 Hwy 66, House C Tulsa OK 74103", ("12 HWY 66, HOUSE C", "TULSA", "OK", "74103")),
        ("12 Hwy 66, Front Royal VA 22630", ("12 HWY 66", "FRONT ROYAL", "VA", "22630")),
        ("12 Elm St, Boston, MA 2139", ("12 ELM ST", "BOSTON", "MA", "2139")),
        ("12 Elm St, Tulsa, OK 7410374103", ("12 ELM ST", "TULSA", "OK", "7410374103")),
        ("12 Elm St Atlanta, Georgia, GA 30303", ("12 ELM ST", "ATLANTA", "GA", "30303")),
        ("12 Elm St Ste 700, Washington, DC 20036", ("12 ELM ST STE 700", "WASHINGTON", "DC", "20036")),
        ("12 Elm St Tulsa OK", ("12 ELM ST", "TULSA", "OK", None)),
        ("12 Elm St Tullsa OK 74103", ("12 ELM ST", "TULLSA", "OK", "74103")),
        ("12 Elm St OK Tulsa 74103", ("12 ELM ST", "TULSA", "OK", "74103")),
        ("12 Elm St Tulsa, OK 74103 Tulsa OK 74103", ("12 ELM ST", "TULSA", "OK", "74103")),
        ("12 Elm Street 74103", ("12 ELM STREET", None, None, "74103")),
        ("PO Box 5 Tulsa OK 74103", ("PO BOX 5", "TULSA", "OK", "74103")),
    ],
)
def test_a_whole_address_is_parted(text: str, expected: tuple[str | None, ...]) -> None:
    assert part(text) == Parted(*expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["333 N Michigan", "PO Box 11418", "12 Elm Ct", "30 5th St N. E.", "Tulsa, OK 74103", "12 Hwy 74103", ""]
)
def test_what_is_no_last_line_is_left(text: str) -> None:
    assert part(text) is None


@pytest.mark.parametrize("text", ["", ";", " , ", ".", "-", "#"])
@pytest.mark.parametrize("state", [None, "OK", "?"])
@pytest.mark.parametrize("zip_", [None, "74103", "0"])
def test_what_has_no_word_is_left(text: str, state: str | None, zip_: str | None) -> None:
    assert part(text, state, zip_) is None


def test_a_city_behind_a_street_needs_no_state() -> None:
    assert with_city("465 East 170th Street South Holland") == Parted(
        "465 EAST 170TH STREET", "SOUTH HOLLAND", None, None
    )
    assert with_city("465 East 170th Street South") is None
    assert with_city("465 Harvey") is None


@pytest.mark.parametrize(
    ("text", "street", "city", "state"),
    [
        ("12 Elm Blvd Fourth Fl", "12 ELM BLVD FL 4", None, None),
        ("30 5th Street N. E. 301", "30 5TH ST NE # 301", None, None),
        ("12 Elm St, NE", "12 ELM ST NE", None, None),
        ("Jane Doe 12 N Elm, Ste 3, Tulsa OK 74103", "12 N ELM STE 3", "TULSA", "OK"),
        ("1520 N Wells, Chicago, IL 60610", "1520 N WELLS", "CHICAGO", "IL"),
        ("Lockbox 427 Jamison PA 18929", "PO BOX 427", "JAMISON", "PA"),
    ],
)
def test_whole_addresses(text: str, street: str, city: str | None, state: str | None) -> None:
    answer = standardize_address(text)
    assert answer is not None
    assert (answer.street, answer.city, answer.state, answer.invalid_reason) == (street, city, state, None)


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.soak)])
def test_whole_and_split_addresses_have_one_key(operators: list[dict[str, str]], every: int) -> None:
    columns = {name.lower(): name for name in operators[0]}
    cells = {
        (row["Address"], row[columns["city"]], row[columns["state"]], row[columns["zip"]])
        for row in operators[::every]
        if row["Address"].strip()
    }
    same = 0
    for line, city, state, zip_ in cells:
        split, whole = (
            standardize_address(line, None, city, state, zip_),
            standardize_address(f"{line}, {city}, {state} {zip_}"),
        )
        same += split is not None and whole is not None and split.address_key == whole.address_key
    assert same / len(cells) > 0.99


def test_the_parts_of_labelled_addresses_are_right(shared_data: Path) -> None:
    parts = {figure.name: figure.value for figure in addresses(shared_data).figures}
    for name in ("street number", "street name", "street suffix", "unit", "po box"):
        assert parts[name] >= 0.97, name
