"""Phone numbers to E.164, by libphonenumber's metadata plus the NANP rules that it leaves out.

Line type (mobile or landline) is not here: for US numbers metadata cannot tell it, only a dated source can.
Do-not-call and time-zone rules are not here either.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import Literal, NamedTuple

import pyarrow as pa
import rphonenumbers

from cm_core.hygiene.text import is_blank, placeholders, squeeze, text_column

PhoneReason = Literal[
    "too_long",  # the value does not fit the database column
    "no_digits",  # nothing to dial in it
    "letters",  # letters that are neither a toll-free vanity number nor an extension: 4O5-555-1234, 405-235-XXXX
    "excel_rounded",  # 4.05555E+09: the spreadsheet threw digits away
    "too_short",  # fewer than ten digits: the area code or more is missing
    "too_many_digits",  # more digits than a US number has, and no + or 011 in front
    "placeholder",  # one digit repeated, 1234567, 800-UNKNOWN: data/placeholders.csv
    "area_code",  # no such NANP area code
    "exchange",  # NXX starting with 0 or 1, or N11
    "fictitious",  # 555-0100 to 555-0199
    "invalid",  # an international number that its country does not have
]

PHONE_MAX = 255
EXTENSION_MAX = 20
PHONE_SCHEMA = pa.schema(
    [
        pa.field("raw", pa.string()),
        pa.field("seq", pa.int16()),
        pa.field("phone_raw", pa.string()),
        pa.field("phone_e164", pa.string()),
        pa.field("extension", pa.string()),
        pa.field("region", pa.string()),
        pa.field("invalid_reason", pa.string()),
    ]
)


class Phone(NamedTuple):
    """One number of a cell. `raw` is the part of the cell it was read from; `e164` is None when it is invalid."""

    raw: str | None
    e164: str | None
    extension: str | None
    region: str | None
    invalid_reason: PhoneReason | None


_ORDINARY = re.compile(r"(?:\+?1[ .-]*)?\(?([2-9]\d\d)\)?[ .-]*(\d{3})[ .-]*(\d{4})", re.ASCII)
_SEPARATOR = re.compile(r"(\s*(?:[/;,|&\r\n]|:::|\b(?:or|and)\b)\s*)", re.IGNORECASE)
_EXTENSION = re.compile(
    r"(?<=\d)[\s,;.()\-]*(?:;?\bext(?:ension|n)?\b|(?<![a-z])ext|(?<![a-z])x|#)[\s.:=#]*(\d{1,15})\)?$", re.IGNORECASE
)
_LABEL = re.compile(
    r"\b(?:telephone|phone|tel|ph|cellular|cell|mobile|mob|home|work|office|fax|main|direct|business|bus"
    # These may be the letters of a toll-free number, too.
    r"|(?<!\d-)(?:land ?line|residence|res|personal|primary|secondary|alternate|alt|day|daytime|evenings?|eve|nights?"
    r"|voice|toll[ -]?free)(?!-[\dA-Z]))\b[.:#]?(?: (?:no|nbr|num|number|line)\b[.:#]?)?"
    r"|\b[chwmof]:|\([chwmof]\)|(?<=\d)\s+[chwmof]$",
    re.IGNORECASE,
)
_EXCEL_FLOAT = re.compile(r"\+?(\d+)\.0+", re.ASCII)
_EXCEL_POWER = re.compile(r"\+?(\d)(?:\.(\d+))?E\+?(\d{1,2})", re.ASCII | re.IGNORECASE)
# Of toll-free area codes alone (NANPA): behind any other, letters are masks and remarks more often than a number.
_VANITY = re.compile(
    r"(?:\+?1[\s.-]*)?\(?(8(?:00|33|44|55|66|77|88))\)?[\s.-]*([A-Z\d][A-Z\d\s.-]*)", re.ASCII | re.IGNORECASE
)
_LETTERS = re.compile(r"[^\W\d_]")
_LETTER_RUN = re.compile(r"[^\W\d_]+")
_LOOKALIKE = re.compile(r"(?:(?<=\d)[OoIl]+(?=[\d\s.-]|$)|(?<![A-Za-z])[OoIl]+(?=\d))")
#: Whole numbers one behind the other, with no more than blanks and labels between them.
_WHOLE = re.compile(rf"(?<![\d+]){_ORDINARY.pattern}(?!\d)", re.ASCII)
_LETTER_OR_DIGIT = re.compile(r"[^\W_]")
_DIGIT = re.compile(r"\d", re.ASCII)
_NOT_DIGIT = re.compile(r"\D+", re.ASCII)


def standardize_phone(raw: str) -> tuple[Phone, ...]:
    """The numbers of one cell, in order, each once; none for a blank cell.

    Valid means: libphonenumber says so and, for NANP numbers, the exchange is not N11, the line is not one of
    the fictitious 555-0100 to 555-0199 and the number is no known filler (NANPA; `data/placeholders.csv`).
    Ten digits, or eleven with a leading 1, are read as a US number (seed E1); others need `+` or `011`.
    Several numbers may stand in a cell with `/ ; , | & :::`, a line break, `or`, `and` between them, or whole ones with
    labels or blanks; what has fewer than seven digits is a piece of its neighbour, not a number. A lone letter among
    digits (4O5) is never turned into a digit. Never raises.
    """
    if len(raw) > PHONE_MAX:
        return (Phone(None, None, None, None, "too_long"),) if squeeze(raw) else ()
    ordinary = _ORDINARY.fullmatch(raw)
    if ordinary:
        return (_nanp(raw, "".join(ordinary.groups()), None),)
    if is_blank(raw):
        return ()
    found: dict[tuple[str | None, str | None], Phone] = {}
    for part in chain.from_iterable(map(_apart, _parts(raw))):
        if not is_blank(part):
            phone = _one(squeeze(part))
            found.setdefault((phone.e164 or phone.raw, phone.extension), phone)
    return tuple(found.values())


def standardize_phones(raws: pa.Array | pa.ChunkedArray) -> pa.Table:
    """`standardize_phone` over a column of distinct values.

    Columns: raw (the input value), seq (from 1), phone_raw (the part; null for too_long), phone_e164, extension,
    region (ISO 3166 code of the numbering plan), invalid_reason. Blank values give no row.
    """
    columns: list[list[object]] = [[], [], [], [], [], [], []]
    raw_, seq_, part_, e164_, extension_, region_, reason_ = (column.append for column in columns)
    for raw in text_column(raws):
        if raw:
            for seq, (part, e164, extension, region, reason) in enumerate(standardize_phone(raw), 1):
                raw_(raw)
                seq_(seq)
                part_(part)
                e164_(e164)
                extension_(extension)
                region_(region)
                reason_(reason)
    return pa.Table.from_arrays(
        [pa.array(column, type=field.type) for column, field in zip(columns, PHONE_SCHEMA, strict=True)],
        schema=PHONE_SCHEMA,
    )


def _parts(raw: str) -> list[str]:
    """The cell cut at separators, with pieces of fewer than seven digits put back where they were cut off."""
    pieces = _SEPARATOR.split(raw)
    if len(pieces) == 1:
        return pieces
    parts = [pieces[0]]
    for separator, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        if is_blank(piece):
            continue
        if _digits(parts[-1]) >= 7 and _digits(piece) >= 7:
            parts.append(piece)
        else:
            parts[-1] += separator + piece
    return parts


def _apart(part: str) -> list[str]:
    """`C: 405-321-1234 H: 918-321-1234` is two numbers."""
    if _digits(part) < 20:
        return [part]
    found = [number[0] for number in _WHOLE.finditer(part)]
    between = _LABEL.sub(" ", _WHOLE.sub(" ", part))
    return [part] if len(found) < 2 or _LETTER_OR_DIGIT.search(between) else found


def _digits(text: str) -> int:
    return len(_DIGIT.findall(text))


def _one(raw: str) -> Phone:
    text = raw.strip("'\"`= ")
    excel = _EXCEL_FLOAT.fullmatch(text)
    if excel:
        text = excel[1]
    power = _EXCEL_POWER.fullmatch(text)
    if power:
        digits, exponent = power[1] + (power[2] or ""), int(power[3])
        if len(digits) != exponent + 1:
            return Phone(raw, None, None, None, "excel_rounded")
        text = digits
    if _LETTERS.search(text) and (vanity := _vanity(raw, text, None)).e164:  # its word may look like a label
        return vanity
    text = _LABEL.sub(" ", text).strip(" .,;:-")
    extension = None
    tail = _EXTENSION.search(text)
    if tail:
        extension, text = tail[1], text[: tail.start()]
    if not _DIGIT.search(text):
        return Phone(raw, None, None, None, "no_digits")
    if _LETTERS.search(text):
        return _vanity(raw, text, extension)
    digits = _NOT_DIGIT.sub("", text)
    if ("+" in text and not digits.startswith("1")) or text.lstrip("( ").startswith("011"):
        return _international(raw, text, extension)
    if len(digits) == 11 and digits[0] == "1":
        digits = digits[1:]
    if len(digits) < 10:
        return Phone(raw, None, None, None, "too_short")
    if len(digits) > 10:
        return Phone(raw, None, None, None, "too_many_digits")
    return _nanp(raw, digits, extension)


def _vanity(raw: str, text: str, extension: str | None) -> Phone:
    """1-800-FLOWERS by the keypad; masks (XXXX), letters like digits and other lengths are refused."""
    vanity = _VANITY.fullmatch(text)
    runs = _LETTER_RUN.findall(text)
    if vanity and not _LOOKALIKE.search(text) and max(map(len, runs)) >= 3 and len(set("".join(runs).upper())) > 1:
        subscriber = re.sub(r"[\s.-]", "", vanity[2])
        if subscriber.lower() in placeholders()["phone"]:
            return Phone(raw, None, None, None, "placeholder")
        if len(subscriber) == 7:
            keyed = rphonenumbers.convert_alpha_characters_in_number(vanity[1] + subscriber)
            return _nanp(raw, keyed, extension)
    return Phone(raw, None, None, None, "letters")


def _nanp(raw: str, digits: str, extension: str | None) -> Phone:
    """A ten-digit national number under the NANP rules (NANPA; libphonenumber for assigned area codes)."""
    fillers = placeholders()["phone"]
    if digits in fillers or digits[3:] in fillers or digits == digits[0] * 10:
        return Phone(raw, None, None, None, "placeholder")
    if digits[0] in "01" or digits[1:3] == "11":
        return Phone(raw, None, None, None, "area_code")
    if digits[3] in "01" or digits[4:6] == "11":
        return Phone(raw, None, None, None, "exchange")
    if digits[3:8] == "55501":
        return Phone(raw, None, None, None, "fictitious")
    # libphonenumber finds US by the number's validity but Canada and the islands by area code alone, so that only
    # for these a second question is needed.
    number = rphonenumbers.PhoneNumber(country_code=1, national_number=int(digits))
    region = rphonenumbers.region_code_for_number(number)
    if region is None or (region != "US" and not rphonenumbers.is_valid_number(number)):
        return Phone(raw, None, None, None, "area_code")
    return Phone(raw, "+1" + digits, extension, region, None)


def _international(raw: str, text: str, extension: str | None) -> Phone:
    try:
        number = rphonenumbers.parse(text, "US")
    except rphonenumbers.NumberParseException:
        return Phone(raw, None, None, None, "invalid")
    if number.country_code == 1:
        national = str(number.national_number)
        return _nanp(raw, national, extension) if len(national) == 10 else Phone(raw, None, None, None, "invalid")
    if not rphonenumbers.is_valid_number(number):
        return Phone(raw, None, None, None, "invalid")
    e164: str = rphonenumbers.format_number(number, rphonenumbers.PhoneNumberFormat.E164)
    region = rphonenumbers.region_code_for_number(number)
    return Phone(raw, e164, extension, region if region and len(region) == 2 else None, None)
