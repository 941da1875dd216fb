"""Cleaning that every kind of value needs before its own rules: spaces, control characters, fillers, data files.

Nothing here knows about phones, names, addresses or e-mails.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import pyarrow as pa
import yaml

# Removed: C0/C1 controls that are not white space, DEL, soft hyphen, zero-width and bidi marks, BOM, surrogates.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\ud800-\udfff]"
)
_PUNCTUATION = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u201c": '"', "\u201d": '"', "\u2010": "-", "\u2011": "-",
     "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2212": "-", "\u00b4": "'"}
)  # fmt: skip
# Letters that carry no accent that NFD could take off.
_FOLD = str.maketrans(
    {"ß": "SS", "ẞ": "SS", "Æ": "AE", "æ": "AE", "Œ": "OE", "œ": "OE", "Ø": "O", "ø": "O", "Ł": "L", "ł": "L",
     "Đ": "D", "đ": "D", "Ð": "D", "ð": "D", "Þ": "TH", "þ": "TH", "\u0131": "I"}
)  # fmt: skip


def squeeze(text: str) -> str:
    """`text` in Unicode NFC, invisible characters removed, runs of any white space one space, none at the ends."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).translate(_PUNCTUATION)
    if not text.isprintable():
        text = _INVISIBLE.sub("", text)
    return " ".join(text.split())


def fold(text: str) -> str:
    """`text` in upper case with accents taken off where a plain letter remains; other scripts are left alone."""
    if text.isascii():
        return text.upper()
    plain = unicodedata.normalize("NFD", text.translate(_FOLD))
    return unicodedata.normalize("NFC", "".join(c for c in plain if not unicodedata.combining(c))).upper()


def is_blank(text: str | None) -> bool:
    """True when `text` says that there is no value: empty, white space, or a filler such as 'n/a' or 'unknown'.

    The fillers are the rows of kind `blank` in `data/placeholders.csv`.
    """
    if not text:
        return True
    if len(text) > 64:
        return not squeeze(text)
    plain = squeeze(text)
    return not plain or plain.lower() in placeholders()["blank"]


def cleaned(text: str) -> str:
    """`squeeze(text)`, or the empty string when `text` is blank."""
    plain = squeeze(text)
    return "" if len(plain) <= 64 and plain.lower() in placeholders()["blank"] else plain


@cache
def placeholders() -> Mapping[str, frozenset[str]]:
    """The values of `data/placeholders.csv` by kind: blank, email, phone, address."""
    kinds: dict[str, set[str]] = {"blank": set(), "email": set(), "phone": set(), "address": set()}
    for line in data_text("placeholders.csv").splitlines():
        if line and not line.startswith("# ") and line != "kind,value":
            kind, value = line.split(",", 1)
            kinds[kind].add(value)
    return {kind: frozenset(values) for kind, values in kinds.items()}


def data_text(name: str) -> str:
    """The text of a file in `cm_core/hygiene/data`."""
    return files("cm_core.hygiene.data").joinpath(name).read_text(encoding="utf-8")


def data_yaml(name: str) -> Any:
    """A YAML file in `cm_core/hygiene/data`, parsed."""
    return read_yaml(data_text(name))


def read_yaml(text: str) -> Any:
    """A YAML text, parsed; where PyYAML was built with libyaml, by that: ten times as quick."""
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def text_column(column: pa.Array | pa.ChunkedArray) -> list[str | None]:
    """A column of text as a list; any other type is read as its text."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        column = column.cast(pa.string())
    values: list[str | None] = column.to_pylist()
    return values
