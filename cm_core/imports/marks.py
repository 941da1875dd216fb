"""Columns of a list of contacts that say whom not to contact, and of what kind a number's line is.

A mark is about everybody and everything in its row (`Do Not Mail`), or about the number of one column (`Phone 2 DNC`).
What marks are called is in the feed, the words around them and what stands in them in `mark_words.yaml`. What becomes
of them is in `staging_marks` and `cm_core.compliance.list_marks`. Pure: headers and a sample in, uses out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from cm_core.hygiene.text import read_yaml
from cm_core.imports.content import Column, is_date, is_email, is_phone
from cm_core.imports.feed_catalog import Feed, Field
from cm_core.imports.mapping import Mapping as FileMapping
from cm_core.imports.mapping import Use, squash

#: The field of a column with the kind of a number's line.
LINE_TYPE = "line_type"
#: Marks that a column may have about a single number. That it is not to be called says no more of it than that it is
#: listed somewhere: nobody's request is known.
_OF_NUMBERS: Mapping[str, str] = {
    "dnc": "dnc", "do_not_call": "dnc", "do_not_text": "do_not_text", "do_not_contact": "do_not_contact",
    "litigator": "litigator",
}  # fmt: skip
#: Marks whose date is no date of a request: a registry is looked up on a day.
_UNDATED = frozenset({"dnc"})
#: A column of marks has few different values and short ones, or at least this share of them is a yes, a no or a date.
_FEW, _LONGEST, _LEAST_SHARE = 6, 40, 0.5
_NUMBERED = re.compile(r"(.*?[^0-9])([0-9]{1,2})")


@dataclass(frozen=True)
class Words:
    """`mark_words.yaml`, squashed."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    dated: tuple[str, ...]
    line_type: tuple[str, ...]
    speaks_of_it: tuple[str, ...]
    no_matter: tuple[str, ...]
    beside: tuple[str, ...]
    yes: frozenset[str]
    no: frozenset[str]
    lines: Mapping[str, frozenset[str]]


@cache
def words() -> Words:
    """The words of marks."""
    text = files("cm_core.imports").joinpath("mark_words.yaml").read_text(encoding="utf-8")
    declared: dict[str, Any] = read_yaml(text)

    def some(name: str) -> tuple[str, ...]:
        return tuple(squash(word) for word in declared[name])

    lines = {kind: frozenset(map(squash, values)) for kind, values in declared["lines"].items()}
    return Words(
        some("before"), some("after"), some("dated"), some("line_type"), some("speaks_of_it"),
        some("no_matter"), some("beside"),
        frozenset(some("yes")), frozenset(some("no")), lines,
    )  # fmt: skip


def find_marks(headers: Sequence[str], written: Sequence[str], uses: Sequence[Use], feed: Feed) -> list[Use]:
    """Uses of columns that are none of `uses`, the file's others: marks and line types, by their headers as `written`.

    What is about the number in one column says so (`of`).
    """
    if not feed.marks:
        return []
    finder = _Finder(written, uses, feed)
    taken = {column for use in uses for column in use.columns}
    found = []
    for position, header in enumerate(headers):
        if position not in taken and (told := finder.find(position)) is not None:
            name, of = told
            found.append(Use(name, (position,), (header,), "header", of=of))
    return found


def fits(use: Use, sample: Sequence[Column]) -> bool:
    """Whether the values of a column can be what its header says: a yes, a no or a date, or few and short ones."""
    values = sample[use.columns[0]].values if sample else []
    if not values:
        return True
    texts = [squash(value) for value in values]
    if use.field == LINE_TYPE:
        return any(text in known for text in texts for known in words().lines.values())
    plain = words().yes | words().no | {""}
    told = sum(1 for text, value in zip(texts, values, strict=True) if text in plain or is_date(value))
    if told >= _LEAST_SHARE * len(values):
        return True
    return len(values) <= _FEW and not any(
        len(value) > _LONGEST or is_phone(value) or is_email(value) for value in values
    )


def unheard(headers: Sequence[str], mapping: FileMapping, sample: Sequence[Column], feed: Feed) -> Iterator[str]:
    """Sentences about columns with values that speak of whom not to contact, and are kept raw all the same."""
    if not feed.marks:
        return
    understood = [squash(header) for use in mapping.uses if use.field in feed.marks for header in use.headers]
    for position, header in enumerate(headers):
        text = squash(header)
        said = [word for word in words().speaks_of_it if word in text]
        if not said or header not in mapping.unmapped or not (not sample or sample[position].values):
            continue
        if any(word in text for word in words().no_matter):
            continue
        if any(word in text for word in words().beside) and any(word in other for word in said for other in understood):
            continue
        yield (
            f"Column {header!r} may say whom not to contact; it is kept raw, and nobody is blocked by it. If it says "
            "so, call it Do Not Call, Opt Out or the like, with yes or no in it"
        )


class _Finder:
    """What the columns of one file are, as marks."""

    def __init__(self, written: Sequence[str], uses: Sequence[Use], feed: Feed) -> None:
        self._headers = [squash(header) for header in written]
        self._repeated = {header for header, count in Counter(self._headers).items() if count > 1}
        self._phones = [column for use in uses if use.field == "phone" for column in use.columns]
        self._patterns = {name: _pattern(name, declared) for name, declared in feed.marks.items()}

    def find(self, position: int) -> tuple[str, int | None] | None:
        """The field of a column, and the column of the number that it is about; None if it is neither."""
        header = self._headers[position]
        name = self._mark(header)
        about = self._about_a_number(header)
        if about is not None and not (about[0] == "do_not_contact" and name):  # `Phone Opt Out` is of calls
            return about
        if header in self._repeated and (before := [phone for phone in self._phones if phone < position]):
            if name is not None and name in _OF_NUMBERS:
                return _OF_NUMBERS[name], before[-1]
            if header in words().line_type and before[-1] == position - 1:
                return LINE_TYPE, before[-1]
        if name is not None:
            return name, None
        # `Type` alone may be anything's.
        if len(self._phones) == 1 and header in words().line_type and header not in ("type", "label"):
            return LINE_TYPE, self._phones[0]
        return None

    def _mark(self, text: str) -> str | None:
        return next((name for name, pattern in self._patterns.items() if pattern.fullmatch(text)), None)

    def _of_number(self, text: str) -> str | None:
        """The field that such a header of a single number is."""
        if text in words().line_type:
            return LINE_TYPE
        return _OF_NUMBERS.get(self._mark(text) or "")

    def _about_a_number(self, header: str) -> tuple[str, int | None] | None:
        """By the phone column whose header is in this one, by its number, or by how its header begins."""
        by_header: list[tuple[int, str, int]] = []
        by_number: list[tuple[str, int]] = []
        by_beginning: list[tuple[str, int]] = []
        numbered = _NUMBERED.fullmatch(header)
        for phone in self._phones:
            called = self._headers[phone]
            rests = []
            if header.startswith(called):
                rests.append(header.removeprefix(called))
            if header.endswith(called):
                rests.append(header.removesuffix(called))
            other = _NUMBERED.fullmatch(called)
            if numbered and other and numbered[2] == other[2]:
                if numbered[1].startswith(other[1]):
                    rests.append(numbered[1].removeprefix(other[1]))
                elif name := self._of_number(numbered[1]):
                    by_number.append((name, phone))
            by_header += [(len(called), name, phone) for rest in rests if (name := self._of_number(rest))]
            for end in range(3, min(len(called), len(header))):
                if called[:end] == header[:end] and (name := self._of_number(header[end:])):
                    by_beginning.append((name, phone))
        if by_header:
            _, name, phone = max(by_header)
            return name, phone
        for found in (by_number, by_beginning):
            if len(found) == 1:
                return found[0]
            if found and found[0][0] != LINE_TYPE:  # of which, nobody can tell: of all
                return found[0][0], None
        return None


def _pattern(name: str, declared: Field) -> re.Pattern[str]:
    """A squashed header with the name of a mark in it, and words that do not matter around it."""
    called = "|".join([*sorted(map(squash, declared.synonyms), key=len, reverse=True), *declared.patterns])
    dated = "" if name in _UNDATED else f"(?:{'|'.join(words().dated)})?"
    return re.compile(f"(?:{'|'.join(words().before)}){{0,3}}(?:{called})(?:{'|'.join(words().after)}){{0,2}}{dated}")
