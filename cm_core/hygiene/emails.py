"""E-mail addresses: one or several in a cell, checked and normalised as the email-validator library does.

No DNS, no deliverability, no correction of typing errors: a near miss is invalid and stays raw.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

import pyarrow as pa
from email_validator import EmailNotValidError, validate_email
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from cm_core.hygiene.text import is_blank, placeholders, squeeze, text_column

EmailReason = Literal[
    "too_long",  # the value does not fit the database column
    "no_at",  # no @ in it
    "placeholder",  # none@none.com and its like: data/placeholders.csv
    "syntax",  # email-validator refuses it
]

EMAIL_MAX = 320
EMAIL_SCHEMA = pa.schema(
    [
        pa.field("raw", pa.string()),
        pa.field("seq", pa.int16()),
        pa.field("email_raw", pa.string()),
        pa.field("email", pa.string()),
        pa.field("email_key", pa.string()),
        pa.field("invalid_reason", pa.string()),
    ]
)


class Email(NamedTuple):
    """One address of a cell. `key` is the match key: the address in lower case, or the raw text when invalid."""

    raw: str | None
    email: str | None
    key: str | None
    invalid_reason: EmailReason | None


# Addresses for which email-validator's answer is the address itself with the domain in lower case: an ASCII
# dot-atom of at most 64 characters; labels without a double hyphen (Punycode and other R-LDH labels take the
# library's way); a last label of letters that is not special-use. RFC 5321 4.5.3.1, RFC 1035 2.3.1, RFC 6761.
# tests/unit/hygiene holds this to the library.
_ATOM = r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+"
_ORDINARY = re.compile(
    rf"(?=[^@]{{1,64}}@)({_ATOM}(?:\.{_ATOM})*)"
    r"@((?:[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*\.)+(?!(?:arpa|invalid|local|localhost|onion|test)\Z)[A-Za-z]{2,63})",
    re.ASCII | re.IGNORECASE,
)
_ORDINARY_MAX = 63  # no label can then be over 63 octets, nor the whole over 254
_ROLES = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)
_ANGLE = re.compile(r"<([^<>\s@]+@[^<>\s@]+)>")
_SEPARATOR = re.compile(r"[;,|\r\n]+|:::")
_TRAILING = ".,;:"
_PAIRS = {"<": ">", "(": ")", "[": "]", '"': '"', "'": "'"}


def standardize_email(raw: str) -> tuple[Email, ...]:
    """The addresses of one cell, in order, each once; none for a blank cell.

    `email` is email-validator's normalised form (no DNS, `strict`), `key` the same in lower case (seed E2: e-mails
    match case-insensitively). Taken off because nothing else can be meant: `mailto:`, the name around `<…>`,
    a pair of quotes or brackets around the whole, punctuation after the end. Separators (`; , | :::`, line
    breaks, spaces) count only when every piece has an @: john@gmail,com is one invalid value. Never raises.
    """
    ordinary = _checked(raw)
    if ordinary:
        return (ordinary,)
    if len(raw) > EMAIL_MAX and len(squeeze(raw)) > EMAIL_MAX and not _SEPARATOR.search(raw):
        return (Email(None, None, None, "too_long"),)
    if is_blank(raw):
        return ()
    found: dict[str | None, Email] = {}
    for part in _parts(raw):
        if not is_blank(part):
            address = _one(squeeze(part))
            found.setdefault(address.key, address)
    return tuple(found.values())


def standardize_emails(raws: pa.Array | pa.ChunkedArray) -> pa.Table:
    """`standardize_email` over a column of distinct values.

    Columns: raw (the input value), seq (from 1), email_raw (the part; null for too_long), email (null when
    invalid), email_key, invalid_reason. Blank values give no row.
    """
    columns: list[list[object]] = [[], [], [], [], [], []]
    raw_, seq_, part_, email_, key_, reason_ = (column.append for column in columns)
    for raw in text_column(raws):
        if raw:
            for seq, (part, email, key, reason) in enumerate(standardize_email(raw), 1):
                raw_(raw)
                seq_(seq)
                part_(part)
                email_(email)
                key_(key)
                reason_(reason)
    return pa.Table.from_arrays(
        [pa.array(column, type=field.type) for column, field in zip(columns, EMAIL_SCHEMA, strict=True)],
        schema=EMAIL_SCHEMA,
    )


def _checked(text: str) -> Email | None:
    """The answer for an ordinary ASCII address, without asking the library; None for anything else."""
    ordinary = _ORDINARY.fullmatch(text) if len(text) <= _ORDINARY_MAX else None
    if ordinary is None:
        return None
    key = text.lower()
    if key in placeholders()["email"]:
        return Email(text, None, key, "placeholder")
    local, domain = ordinary.groups()
    folded = local.lower()
    return Email(text, (folded if folded in _ROLES else local) + "@" + domain.lower(), key, None)


def _parts(raw: str) -> list[str]:
    angled = _ANGLE.findall(raw)
    if angled and "@" not in _ANGLE.sub("", raw):
        return list(angled)
    pieces = [piece for piece in _SEPARATOR.split(raw) if not is_blank(piece)]
    if not all("@" in piece for piece in pieces):  # john@gmail,com is one damaged address, not two values
        return [raw]
    parts: list[str] = []
    for piece in pieces:
        words = piece.split()
        parts.extend(words if all("@" in word for word in words) else [piece])
    return parts


def _one(raw: str) -> Email:
    text = raw
    while len(text) > 1 and _PAIRS.get(text[0]) == text[-1]:
        text = text[1:-1].strip()
    if text[:7].lower() == "mailto:":
        text = text[7:].split("?", 1)[0].strip()
    text = text.rstrip(_TRAILING) or text
    if len(raw) > EMAIL_MAX:
        return Email(None, None, None, "too_long")
    if "@" not in text:
        return Email(raw, None, raw, "no_at")
    ordinary = _checked(text)
    if ordinary:
        return ordinary._replace(raw=raw, key=raw if ordinary.email is None else ordinary.key)
    if text.lower() in placeholders()["email"]:
        return Email(raw, None, raw, "placeholder")
    try:
        email = validate_email(text, check_deliverability=False, strict=True).normalized
    except EmailNotValidError:
        return Email(raw, None, raw, "syntax")
    return Email(raw, email, email.lower(), None)
