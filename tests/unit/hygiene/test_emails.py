"""E-mails: parity of the fast path with email-validator, several in a cell, what is taken off and what is not."""

from __future__ import annotations

from time import process_time

import pyarrow as pa
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cm_core.hygiene.emails import EMAIL_SCHEMA, standardize_email, standardize_emails
from cm_core.hygiene.text import placeholders
from tests.forms import in_two_forms


def emails(raw: str) -> list[tuple[str | None, str | None, str | None]]:
    return [(email.email, email.key, email.invalid_reason) for email in standardize_email(raw)]


@pytest.mark.parametrize(
    ("raw", "email"),
    [
        ("John.Smith@Gmail.COM", "John.Smith@gmail.com"),
        ("mailto:john@x.com?subject=hi", "john@x.com"),
        ("John Smith <john@x.com>", "john@x.com"),
        ("Smith, John <john@x.com>", "john@x.com"),
        ("<john@x.com>", "john@x.com"),
        ("(john@x.com)", "john@x.com"),
        ("'john@x.com'", "john@x.com"),
        ("john@x.com.", "john@x.com"),
        (" john@x.com,\x00\n", "john@x.com"),
        ("o'neil+oil@sub.example.co", "o'neil+oil@sub.example.co"),
        ("INFO@X.COM", "info@x.com"),
        ("jörg@müller.de", "jörg@müller.de"),
        ("a@xn--mller-kva.de", "a@müller.de"),
    ],
)
def test_an_address_is_read(raw: str, email: str) -> None:
    assert emails(raw) == [(email, email.lower(), None)]


@pytest.mark.parametrize(
    "raw", ["<" + "a@" * 50_000 + ";", "<" + ",".join(f"u{i}@example.com" for i in range(5_000))], ids=["at", "list"]
)
def test_a_bracket_that_never_closes_is_answered_at_once(raw: str) -> None:
    started = process_time()
    standardize_email(raw)
    assert process_time() - started < 3  # half a minute and more, when every @ is tried as the one inside


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("john smith@gmail.com", "syntax"),
        ("john@gmail", "syntax"),
        ("john@gmail,com", "syntax"),
        ("john..smith@x.com", "syntax"),
        ("john@x-.com", "syntax"),
        ("john@localhost", "syntax"),
        ("john@x.test", "syntax"),
        ("john at x.com", "no_at"),
        ("none@none.com", "placeholder"),
        ("TEST@Test.com", "placeholder"),
    ],
)
def test_an_invalid_address_stays_raw_and_says_why(raw: str, reason: str) -> None:
    key = raw.lower() if reason == "placeholder" and raw == raw.lower() else raw
    assert [(e.raw, e.email, e.key, e.invalid_reason) for e in standardize_email(f" {raw} ")] == [
        (raw, None, key, reason)
    ]


@pytest.mark.parametrize("raw", ["", "  ", "n/a", "none", "-", "No Email"])
def test_a_blank_cell_has_no_address(raw: str) -> None:
    assert standardize_email(raw) == ()


@pytest.mark.parametrize("separator", ["; ", ",", " ", "|", "\n", " ; n/a ; "])
def test_several_addresses_in_a_cell(separator: str) -> None:
    raw = f"john@x.com{separator}MARY@y.org{separator}john@x.com"
    assert emails(raw) == [("john@x.com", "john@x.com", None), ("MARY@y.org", "mary@y.org", None)]


def test_too_long_keeps_nothing() -> None:
    assert standardize_email("a" * 400 + "@x.com")[0] == (None, None, None, "too_long")


def test_the_table_holds_one_row_per_address_and_none_for_blanks() -> None:
    table = standardize_emails(pa.array(["a@x.com;b@X.com", None, "n/a", "bad"]))
    assert table.schema == EMAIL_SCHEMA
    assert table.to_pylist() == [
        {"raw": "a@x.com;b@X.com", "seq": 1, "email_raw": "a@x.com", "email": "a@x.com", "email_key": "a@x.com",
             "invalid_reason": None},
        {"raw": "a@x.com;b@X.com", "seq": 2, "email_raw": "b@X.com", "email": "b@x.com", "email_key": "b@x.com",
             "invalid_reason": None},
        {"raw": "bad", "seq": 1, "email_raw": "bad", "email": None, "email_key": "bad", "invalid_reason": "no_at"},
    ]  # fmt: skip


_pieces = st.sampled_from(
    ["a", "Z", "9", ".", "-", "_", "+", "'", "@", "@x", ".com", ".co", "xn--", "info", "POSTMASTER", "test", "local",
     "arpa", ".invalid", "onion", "é", "!", "#", "/", "{", "--", "gmail.com", "ab--c", "1.2", "x" * 30, "%", "`", "="]
)  # fmt: skip


@in_two_forms(500, 3000, st.lists(_pieces, min_size=1, max_size=9).map("".join) | st.emails())
@example("a@" + "b" * 63 + ".com")
@example("a@" + "b" * 64 + ".com")
@example("a" * 64 + "@x.com")
@example("a" * 65 + "@x.com")
@example("Abuse@X.COM")
def test_the_answer_is_email_validators(text: str) -> None:
    """The regular expression for ordinary addresses may only say what the library says."""
    if text.strip(".,;:<>()[]\"'") != text or text.lower() in placeholders()["email"] or not text:
        return
    if text.lower().startswith("mailto:") or any(separator in text for separator in ",;|"):
        return
    answers = emails(text)
    try:
        expected = validate_email(text, check_deliverability=False, strict=True).normalized
    except EmailNotValidError:
        assert all(email is None for email, _, _ in answers), text
    else:
        assert answers == [(expected, expected.lower(), None)], text


@given(st.text() | st.lists(_pieces, max_size=12).map("".join))
@settings(deadline=None)
def test_any_text_is_answered_and_the_answer_is_standard(text: str) -> None:
    for answer in standardize_email(text):
        assert (answer.email is None) != (answer.invalid_reason is None)
        if answer.email:
            assert emails(answer.email) == [(answer.email, answer.key, None)]
