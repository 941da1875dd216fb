"""What the columns of a do-not-call list without a header are, by their values."""

from __future__ import annotations

import pytest

from cm_core.imports.number_columns import number_columns

ZULU = "2026-08-29T08:00:00Z"


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        (["405,5552345", "918,3214567"], ("area_code", "number")),
        (["4055552345", "9183214567"], ("phone",)),
        (["(405) 555-2345", "1-918-321-4567"], ("phone",)),
        (["4055552345,2026-08-29T08:00:00,A", "9183214567,2026-08-30T08:00:00,D"], ("phone", "listing_date", "action")),
        (["405,5552345,20260829,A", "918,3214567,20260830,D"], ("area_code", "number", "listing_date", "action")),
        (["A,4055552345", "d,9183214567"], ("action", "phone")),
        ([f"{ZULU},DELETE,4055552345"], ("listing_date", "action", "phone")),
        (["4055552345,2024-01-05"], ("phone", "listing_date")),
        (["405,5552345,", "918,3214567,"], ("area_code", "number", "column_2")),
        (["x", "405,5552345", "918,3214567", "580,3214567"], ("area_code", "number")),
    ],
)
def test_columns_are_known_by_most_of_their_values(lines: list[str], names: tuple[str, ...]) -> None:
    assert number_columns([line.split(",") for line in lines]) == names


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["Well,Depth,County", "A1,100,Kay"],
        ["405,5552345,KAY COUNTY", "918,3214567,ROGERS"],  # a column that nothing is known of
        ["4055552345,+", "9183214567,-"],  # changes in other letters must not pass for a full list
        ["4055552345,I", "9183214567,R"],
        ["405", "918"],
        ["5552345", "3214567"],  # no area code
        ["4055552345,9183214567"],  # two numbers a line
        ["4055552345,2024-01-05,2024-01-06,A"],  # which of the two dates?
        ["1055552345", "0183214567"],
    ],
)
def test_what_is_not_understood_whole_is_no_list(lines: list[str]) -> None:
    assert number_columns([line.split(",") for line in lines]) is None
