"""Cleaning that every kind of value shares."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cm_core.hygiene import addresses, emails, names, phones
from cm_core.hygiene.text import cleaned, fold, is_blank, placeholders, squeeze
from cm_core.store import tables


@pytest.mark.parametrize(
    "filler",
    [None, "", "   ", "\x00", "n/a", "N/A", " none ", "NULL", "-", "--", "Unknown", "#N/A", "\\N", "no  email"],
)
def test_a_filler_is_blank(filler: str | None) -> None:
    assert is_blank(filler)


@pytest.mark.parametrize("value", ["0", "John", "NA 4", "nano", "none@none.com", "x" * 70])
def test_a_value_is_not_blank(value: str) -> None:
    assert not is_blank(value)


def test_white_space_and_invisible_characters_are_squeezed() -> None:
    assert squeeze("\ufeff Jo\x00hn \t\r\n\u00a0 Smith\u200b ") == "John Smith"
    assert squeeze("O\u2019Neil \u2013 Jose\u0301") == "O'Neil - José"
    assert squeeze("a\ud800b") == "ab"


def test_fold_takes_accents_off() -> None:
    assert fold("Müller Łódź Ñandú Straße") == "MULLER LODZ NANDU STRASSE"


@given(st.text())
def test_squeeze_is_idempotent(text: str) -> None:
    once = squeeze(text)
    assert squeeze(once) == once
    assert cleaned(text) in (once, "")


def test_placeholders_are_lower_case_and_of_known_kinds() -> None:
    assert set(placeholders()) == {"blank", "email", "phone", "address"}
    for values in placeholders().values():
        assert values
        assert all(value == value.strip().lower() for value in values)


def test_length_limits_are_those_of_the_tables() -> None:
    def length(table: str, column: str) -> int:
        return tables.metadata.tables[table].c[column].type.length

    assert length("phone_numbers", "phone_raw") == phones.PHONE_MAX
    assert length("phone_numbers", "extension") == phones.EXTENSION_MAX
    assert length("email_addresses", "email_raw") == length("email_addresses", "email_key") == emails.EMAIL_MAX
    assert length("persons", "first_name") == length("persons", "last_key") == names.NAME_MAX
    assert length("persons", "name_prefix") == length("persons", "name_suffix") == names.AFFIX_MAX
    assert length("persons", "organization_name") == length("persons", "organization_key") == names.ORGANIZATION_MAX
    assert length("addresses", "address_raw") == addresses.ADDRESS_MAX
    assert length("addresses", "address_key") == addresses.KEY_MAX
    for column, limit in (("street", addresses.STREET_MAX), ("care_of", addresses.CARE_OF_MAX)):
        assert length("addresses", column) == limit
    for column, limit in (("city", addresses.CITY_MAX), ("state", addresses.STATE_MAX), ("zip", addresses.ZIP_MAX)):
        assert length("addresses", column) == limit
