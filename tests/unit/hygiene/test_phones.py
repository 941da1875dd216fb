"""Phones: the seed's examples, the NANP rules, damage done by spreadsheets, and parity with phonenumbers."""

from __future__ import annotations

import random

import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cm_core.hygiene.phones import PHONE_SCHEMA, standardize_phone, standardize_phones


def numbers(raw: str) -> list[tuple[str | None, str | None, str | None]]:
    return [(phone.e164, phone.extension, phone.invalid_reason) for phone in standardize_phone(raw)]


@pytest.mark.parametrize("raw", ["(512) 555-1234", "512-555-1234", "5125551234"])
def test_seed_e1_examples(raw: str) -> None:
    assert numbers(raw) == [("+15125551234", None, None)]


@pytest.mark.parametrize(
    ("raw", "e164", "extension"),
    [
        ("4052345678.0", "+14052345678", None),
        ("4.052345678E+09", "+14052345678", None),
        ("'4052345678", "+14052345678", None),
        ("1 405.234.5678", "+14052345678", None),
        ("+1 (405) 234-5678", "+14052345678", None),
        ("405/234-5678", "+14052345678", None),
        ("405 234 5678 x12", "+14052345678", "12"),
        ("405-234-5678, ext. 45", "+14052345678", "45"),
        ("405-234-5678 #7", "+14052345678", "7"),
        ("405-234-5678;ext=9", "+14052345678", "9"),
        ("Cell: 405-234-5678", "+14052345678", None),
        ("405-234-5678 (h)", "+14052345678", None),
        ("1-800-FLOWERS", "+18003569377", None),
        ("(888) 4-Oil-Gas", "+18884645427", None),
        ("+44 20 8366 1177", "+442083661177", None),
        ("011 44 20 8366 1177", "+442083661177", None),
        ("\x00405\x002345678\r\n", "+14052345678", None),
    ],
)
def test_a_number_is_read(raw: str, e164: str, extension: str | None) -> None:
    assert numbers(raw) == [(e164, extension, None)]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("4.05555E+09", "excel_rounded"),
        ("4O5-234-5678", "letters"),
        ("4O5-55I-l234", "letters"),
        ("405-234-5678 after five", "letters"),
        ("405-XXX-XXXX", "letters"),
        ("405-235-XXXX", "letters"),
        ("405-UNKNOWN", "letters"),
        ("405-FLOWERS", "letters"),
        ("800-XXX-XXXX", "letters"),
        ("(888) 235-NNNN", "letters"),
        ("800-UNKNOWN", "placeholder"),
        ("1-800-PRIVATE", "placeholder"),
        ("888-NoPhone", "placeholder"),
        ("234-5678", "too_short"),
        ("405-234-567", "too_short"),
        ("405-234-56789", "too_many_digits"),
        ("405-234-5678/79", "too_many_digits"),
        ("see notes", "no_digits"),
        ("0000000000", "placeholder"),
        ("(555) 555-5555", "placeholder"),
        ("405-123-4567", "placeholder"),
        ("1234567890", "placeholder"),
        ("111-222-3333", "area_code"),
        ("411-222-3333", "area_code"),
        ("405-211-1234", "exchange"),
        ("212-911-4567", "exchange"),
        ("405-134-5678", "exchange"),
        ("405-555-0123", "fictitious"),
        ("+44 20", "invalid"),
        ("9" * 300, "too_long"),
        ("405" + "-" * 300 + "235-1234", "too_long"),
        (f"{'405':<256}235-1234", "too_long"),
    ],
)
def test_an_invalid_number_says_why_and_invents_nothing(raw: str, reason: str) -> None:
    assert numbers(raw) == [(None, None, reason)]


@pytest.mark.parametrize("raw", ["", "  ", "n/a", "None", "-", "\x00"])
def test_a_blank_cell_has_no_number(raw: str) -> None:
    assert standardize_phone(raw) == ()


@pytest.mark.parametrize("separator", [" / ", "; ", ", ", " or ", " & ", "|", "\n", " and "])
def test_several_numbers_in_a_cell(separator: str) -> None:
    assert numbers(f"405-234-5678{separator}(918) 234-5678 x3") == [
        ("+14052345678", None, None),
        ("+19182345678", "3", None),
    ]


@pytest.mark.parametrize(
    "raw",
    ["C: 405-234-5678 H: 918-234-5678", "Day: (405) 234-5678 Eve: (918) 234-5678", "405-234-5678 918-234-5678",
     "405-234-5678 (cell) 918-234-5678 (home)"],
)  # fmt: skip
def test_whole_numbers_with_labels_between_them(raw: str) -> None:
    assert numbers(raw) == [("+14052345678", None, None), ("+19182345678", None, None)]


@pytest.mark.parametrize(
    "raw", ["40523456789182345678", "405-234-5678 then 918-234-5678", "405-234-5678 12 918-234-5678"]
)
def test_what_is_not_clearly_several_numbers_is_none(raw: str) -> None:
    assert [e164 for e164, _, _ in numbers(raw)] == [None]


@pytest.mark.parametrize(
    "raw",
    ["405-234-5678 (evening)", "Phone No. 405-234-5678", "alt 405 234 5678", "405.234.5678 landline",
     "Work Line: 4052345678"],
)  # fmt: skip
def test_a_label_is_no_part_of_the_number(raw: str) -> None:
    assert numbers(raw) == [("+14052345678", None, None)]


@pytest.mark.parametrize(
    "raw", ["405-234-5678 wife", "405-234-5678 do not call", "405-234-5678 no", "405-234-5678 wrong"]
)
def test_a_remark_that_says_more_is_left_to_people(raw: str) -> None:
    assert numbers(raw) == [(None, None, "letters")]


def test_the_letters_of_a_toll_free_number_may_be_a_word() -> None:
    assert numbers("800-RES-1234") == numbers("1 800 RES 1234") == [("+18007371234", None, None)]
    assert numbers("1 (800) EVENING") == numbers("800-383-6464") == [("+18003836464", None, None)]


def test_the_same_number_twice_in_a_cell_is_one() -> None:
    assert numbers("405-234-5678 / 4052345678; none") == [("+14052345678", None, None)]


def test_region_tells_puerto_rico_and_canada_from_the_us() -> None:
    assert [standardize_phone(raw)[0].region for raw in ("787-234-5678", "416-234-5678", "405-234-5678")] == [
        "PR",
        "CA",
        "US",
    ]


def test_the_table_holds_one_row_per_number_and_none_for_blanks() -> None:
    table = standardize_phones(pa.array(["405-234-5678 / 918-234-5678", "n/a", None, "12", "x" * 300]))
    assert table.schema == PHONE_SCHEMA
    assert table.to_pylist() == [
        {"raw": "405-234-5678 / 918-234-5678", "seq": 1, "phone_raw": "405-234-5678", "phone_e164": "+14052345678",
             "extension": None, "region": "US", "invalid_reason": None},
        {"raw": "405-234-5678 / 918-234-5678", "seq": 2, "phone_raw": "918-234-5678", "phone_e164": "+19182345678",
             "extension": None, "region": "US", "invalid_reason": None},
        {"raw": "12", "seq": 1, "phone_raw": "12", "phone_e164": None, "extension": None, "region": None,
             "invalid_reason": "too_short"},
        {"raw": "x" * 300, "seq": 1, "phone_raw": None, "phone_e164": None, "extension": None, "region": None,
             "invalid_reason": "too_long"},
    ]  # fmt: skip


def test_an_empty_or_untyped_column_gives_an_empty_table() -> None:
    assert standardize_phones(pa.array([], pa.string())).num_rows == 0
    assert standardize_phones(pa.nulls(3)).num_rows == 0
    assert standardize_phones(pa.array([4052345678])).column("phone_e164").to_pylist() == ["+14052345678"]


def test_validity_is_that_of_phonenumbers_but_for_our_own_rules() -> None:
    """Every area code with several exchanges: the Rust port and our fast path against the reference library."""
    rng = random.Random(7)
    stricter = {"exchange", "fictitious", "placeholder"}
    forms = ("{}{}{}", "({}) {}-{}", "1-{}-{}-{}", "+1 {} {} {}")
    for area in range(1000):
        for _ in range(10):
            parts = f"{area:03d}", f"{rng.randrange(1000):03d}", f"{rng.randrange(10_000):04d}"
            raw = rng.choice(forms).format(*parts)
            (phone,) = standardize_phone(raw)
            try:
                number = phonenumbers.parse(raw, "US")
            except phonenumbers.NumberParseException:
                assert phone.e164 is None, raw
                continue
            if phonenumbers.is_valid_number(number):
                ours = phone.e164 == phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
                same_region = phone.region == phonenumbers.region_code_for_number(number)
                assert (ours and same_region) or phone.invalid_reason in stricter, raw
            else:
                assert phone.e164 is None, raw


@given(st.text())
def test_any_text_is_answered(text: str) -> None:
    for phone in standardize_phone(text):
        assert (phone.e164 is None) != (phone.invalid_reason is None)


@given(
    st.lists(st.sampled_from([*"0123456789-() .+xE/;,", "ext", "or ", "405", "O", "\x00"]), max_size=25).map("".join)
)
def test_a_standardised_number_is_standard(text: str) -> None:
    for phone in standardize_phone(text):
        if phone.e164:
            again = f"{phone.e164} x{phone.extension}" if phone.extension else phone.e164
            assert numbers(again) == [(phone.e164, phone.extension, None)]


def test_operators_have_valid_numbers(operators: list[dict[str, str]]) -> None:
    raws = {row["Phone"] for row in operators if row["Phone"]}
    table = standardize_phones(pa.array(sorted(raws)))
    assert table.num_rows == len(raws)
    valid = sum(e164 is not None for e164 in table.column("phone_e164").to_pylist())
    assert valid / len(raws) > 0.99
