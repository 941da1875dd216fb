"""The table of ZIP codes is that of the package it was taken from."""

from __future__ import annotations

import pytest
import zipcodes

from cm_core.hygiene.places import zip_cities, zip_places


@pytest.mark.parametrize("first_digit", ["0", "7"])
def test_the_table_is_the_package_s(first_digit: str) -> None:
    listed = {row["zip_code"]: row for row in zipcodes.similar_to(first_digit)}
    places = {zip5: found for zip5, found in zip_places().items() if zip5.startswith(first_digit)}
    assert places.keys() == listed.keys() == {zip5 for zip5 in zip_cities() if zip5.startswith(first_digit)}
    for zip5, row in listed.items():
        state, county = places[zip5]
        assert state == row["state"], zip5
        named = row["county"].upper() if row["county"] else None
        assert county == (named and named.removesuffix(" COUNTY").removesuffix(" PARISH")), zip5
        names = [row["city"], *row["acceptable_cities"], *row["unacceptable_cities"]]
        assert zip_cities()[zip5] == {name.upper() for name in names}, zip5
    assert len(places) > 3_000
