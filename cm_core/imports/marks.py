"""Columns of a list of contacts that say whom not to contact, and of what kind a number's line is.

A mark is about everybody and everything in its row (`Do Not Mail`), or about the number of one column (`Phone 2 DNC`).
In some a no says it (`OK to Call`). What marks are called is in the feed, the words around them and what stands in
them in `mark_words.yaml`. What becomes of them is in `staging_marks` and `cm_core.compliance.list_marks`. Pure:
headers and a sample in, uses out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from cm_core.hygiene.text import read_yaml
from cm_core.imports.content import Column, is_date, is_email, is_phone
from cm_core.imports.feed_catalog import Feed, Mark
from cm_core.imports.mapping import Mapping as FileMapping
from cm_core.imports.mapping import Use, squash

#: The field of a column with the kind of a number's line.
LINE_TYPE = "line_type"
#: Marks that a column may have about a single number. That it is not to be called says no more of it than that it is
#: listed somewhere, unless the column says that it was asked for.
_OF_NUMBERS: Mapping[str, str] = {
    "dnc": "dnc", "do_not_call": "dnc", "call_opt_out": "call_opt_out", "do_not_text": "do_not_text",
    "do_not_contact": "do_not_contact", "litigator": "litigator",
}  # fmt: skip
#: Of these the header has to name the number: an e-mail address has such columns, too.
_OF_ANYTHING = "do_not_contact"
#: Marks whose date is no date of a request: a registry is looked up on a day.
_UNDATED = frozenset({"dnc"})
#: A column of marks without a yes or a no has few different values and short ones, or dates.
_FEW, _LONGEST, _LEAST_SHARE = 6, 40, 0.5
_NUMBERED = re.compile(r"(.*?[^0-9])([0-9]{1,2})")
_CUSTOM_FIELD = re.compile(r"__c$", re.IGNORECASE)
#: What is no word and no sign of one: blanks, dashes, stops and brackets; and dates and numbers that are nought.
_NOTHING = re.compile(r"[\s\-\u2010-\u2015_.,;:/|()\[\]]*")
_NOUGHT = re.compile(r"[0\s\-/:.T]*|1900-01-0[01][ T0:.]*|0?1/0?[01]/1900")
_PARTS = re.compile(r"[;,|\n]")
#: A whole number as programs for tables write it where a column has blanks.
_FLOAT = re.compile(r"\s*(\d+)\.0+\s*", re.ASCII)


@dataclass(frozen=True)
class Words:
    """`mark_words.yaml`, squashed."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    dated: tuple[str, ...]
    line_type: tuple[str, ...]
    speaks_of_it: tuple[str, ...]
    speaks_of_consent: tuple[str, ...]
    beside: tuple[str, ...]
    yes: frozenset[str]
    no: frozenset[str]
    permitted: frozenset[str]
    denied: frozenset[str]
    unsaid: frozenset[str]
    lines: Mapping[str, frozenset[str]]

    def without_a_mark(self, *, by_no: bool) -> frozenset[str]:
        """What says of a column that there is no mark."""
        return self.permitted | self.unsaid if by_no else self.no

    def with_a_mark(self, *, by_no: bool) -> frozenset[str]:
        """What plainly says that there is one."""
        return self.denied if by_no else self.yes


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
        some("speaks_of_consent"), some("beside"), frozenset(some("yes")), frozenset(some("no")),
        frozenset(some("permitted")), frozenset(some("denied")), frozenset(some("unsaid")), lines,
    )  # fmt: skip


def find_marks(headers: Sequence[str], written: Sequence[str], uses: Sequence[Use], feed: Feed) -> list[Use]:
    """Uses of columns that are none of `uses`, the file's others: marks and line types, by their headers as `written`.

    What is about the number in one column says so (`of`).
    """
    if not feed.marks:
        return []
    plain = _Finder(written, uses, {name: _pattern(name, mark) for name, mark in feed.marks.items()})
    by_no = _Finder(written, uses, {name: _permits(mark) for name, mark in feed.marks.items() if mark.permits})
    taken = {column for use in uses for column in use.columns}
    found = []
    for position, header in enumerate(headers):
        if position in taken:
            continue
        use = Use("", (position,), (header,), "header")
        if (told := plain.find(position)) is not None:
            found.append(replace(use, field=told[0], of=told[1]))
        elif (told := by_no.find(position)) is not None:
            found.append(replace(use, field=told[0], of=told[1], by_no=True))
    return found


def fits(use: Use, sample: Sequence[Column]) -> bool:
    """Whether the values of a column can be what its header says.

    One yes or no among them is enough, if hardly any is a telephone number or an e-mail address; else they are dates,
    or few and short.
    """
    values = sample[use.columns[0]].values if sample else []
    if not values:
        return True
    if use.field == LINE_TYPE:
        return any(squash(value) in known for value in values for known in words().lines.values())
    if sum(map(_is_contact, values)) >= _LEAST_SHARE * len(values):
        return False
    if any(is_plain(value, by_no=use.by_no) for value in values):
        return True
    is_dated = squash(use.headers[0]).endswith(words().dated)
    dates = sum(1 for value in values if is_date(value) or (is_dated and any(map(str.isdigit, value))))
    if dates >= _LEAST_SHARE * len(values):
        return True
    return len(values) <= _FEW and all(len(value) <= _LONGEST for value in values)


def is_plain(value: str, *, by_no: bool = False) -> bool:
    """Whether a cell is a yes or a no, or several of them, and not merely blank."""
    known = words().with_a_mark(by_no=by_no) | words().without_a_mark(by_no=by_no)
    parts = [squash(_FLOAT.sub(r"\1", part)) for part in _PARTS.split(value) if not _NOTHING.fullmatch(part)]
    return bool(parts) and all(part in known for part in parts)


def nothing_patterns() -> tuple[str, str]:
    """Regular expressions, for DuckDB too, over cells that say nothing: blank ones, and noughts."""
    return _NOTHING.pattern.replace("\\u2010-\\u2015", "\u2010-\u2015"), _NOUGHT.pattern


def unheard(
    headers: Sequence[str], mapping: FileMapping, sample: Sequence[Column], feed: Feed, refused: Sequence[Use]
) -> Iterator[str]:
    """Sentences about columns with values that speak of whom not to contact, and are kept raw all the same.

    `refused` are marks by their headers, whose values cannot be any.
    """
    if not feed.marks:
        return
    understood = [squash(header) for use in mapping.uses if use.field in feed.marks for header in use.headers]
    found = {header for use in refused if use.field != LINE_TYPE for header in use.headers}
    for position, header in enumerate(headers):
        if header not in mapping.unmapped or not (not sample or sample[position].values):
            continue
        values = sample[position].values if sample else []
        if header in found or _speaks_of_it(squash(header), understood) or _denies(squash(header), values):
            yield (
                f"Column {header!r} may say whom not to contact; it is kept raw, and nobody is blocked by it. If it "
                "says so, call it Do Not Call, Opt Out or the like, with yes or no in it"
            )


def _denies(text: str, values: Sequence[str]) -> bool:
    """Whether a column about consent says that somebody gave none. That is no request, but worth a look."""
    is_about_it = any(word in text for word in words().speaks_of_consent)
    return is_about_it and any(squash(value) in words().denied for value in values)


def _speaks_of_it(text: str, understood: Sequence[str]) -> bool:
    said = [word for word in words().speaks_of_it if word in text]
    if not said or ("fax" in text and not any(word in text for word in ("phone", "call", "mail", "text", "sms"))):
        return False
    return not (text.endswith(words().beside) and any(word in other for word in said for other in understood))


def _is_contact(value: str) -> bool:
    return is_phone(value) or is_email(value)


class _Finder:
    """What the columns of one file are, as marks."""

    def __init__(self, written: Sequence[str], uses: Sequence[Use], patterns: Mapping[str, re.Pattern[str]]) -> None:
        self._written = [" ".join(header.lower().split()) for header in written]
        self._headers = [squash(_CUSTOM_FIELD.sub("", header)) for header in written]
        self._phones = [column for use in uses if use.field == "phone" for column in use.columns]
        self._patterns = patterns

    def find(self, position: int) -> tuple[str, int | None] | None:
        """The field of a column, and the column of the number that it is about; None if it is neither."""
        header = self._headers[position]
        name = self._mark(header)
        about = self._about_a_number(position)
        if about is not None and not (about[0] == _OF_ANYTHING and name):  # `Phone Opt Out` is of calls
            return about
        of = self._beside(position)
        if of is not None and name in _OF_NUMBERS and name != _OF_ANYTHING:
            return _OF_NUMBERS[name or ""], of
        if name is not None:
            return name, None
        if header in words().line_type:
            if of is not None:
                return LINE_TYPE, of
            if len(self._phones) == 1 and header not in ("type", "label"):  # these may be anything's
                return LINE_TYPE, self._phones[0]
        return None

    def _mark(self, text: str) -> str | None:
        return next((name for name, pattern in self._patterns.items() if pattern.fullmatch(text)), None)

    def _of_number(self, text: str) -> str | None:
        """The field that such a header of a single number is."""
        if text in words().line_type:
            return LINE_TYPE
        return _OF_NUMBERS.get(self._mark(text) or "")

    def _beside(self, position: int) -> int | None:
        """The phone beside which a column stands whose header is repeated: one for each phone, all behind or before."""
        same = [column for column, header in enumerate(self._written) if header == self._written[position]]
        if len(same) < 2 or len(same) != len(self._phones):
            return None
        pairs = list(zip(self._phones, same, strict=True))
        ends = [*self._phones[1:], len(self._headers)], [*same[1:], len(self._headers)]
        behind = all(phone < mark < end for (phone, mark), end in zip(pairs, ends[0], strict=True))
        before = all(mark < phone < end for (phone, mark), end in zip(pairs, ends[1], strict=True))
        return {mark: phone for phone, mark in pairs}[position] if behind or before else None

    def _about_a_number(self, position: int) -> tuple[str, int | None] | None:
        """By the phone column whose header is in this one, by its number, or by how its header begins."""
        header = self._headers[position]
        by_header: list[tuple[int, str, str]] = []
        by_number: list[tuple[str, int]] = []
        by_beginning: list[tuple[str, int]] = []
        numbered = _NUMBERED.fullmatch(header)
        for phone in self._phones:
            called = self._headers[phone]
            if not called:
                continue
            rests = []
            if header.startswith(called):
                rests.append(header.removeprefix(called))
            if header.endswith(called):
                rests.append(header.removesuffix(called))
            other = _NUMBERED.fullmatch(called)
            if numbered and other and int(numbered[2]) == int(other[2]):
                start = numbered[1].removesuffix("number")
                if start.startswith(other[1]):
                    rests.append(start.removeprefix(other[1]))
                elif name := self._of_number(start):
                    by_number.append((name, phone))
            by_header += [(len(called), name, called) for rest in rests if (name := self._of_number(rest))]
            for end in range(3, min(len(called), len(header))):
                if called[:end] == header[:end] and (name := self._of_number(header[end:])):
                    by_beginning.append((name, phone))
        if by_header:
            _, name, called = max(by_header)
            return self._named(name, called, position)
        for found in (by_number, by_beginning):
            if not found:
                continue
            name, of = found[0][0], found[0][1] if len(found) == 1 else None
            if name == _OF_ANYTHING:
                of = None
            if of is not None or name != LINE_TYPE:  # of which, nobody can tell: of all
                return name, of
        return None

    def _named(self, name: str, called: str, position: int) -> tuple[str, int | None] | None:
        """Of several phones with the header `called`, the one whose turn it is; all, if there are not as many marks."""
        phones = [phone for phone in self._phones if self._headers[phone] == called]
        same = [column for column, header in enumerate(self._headers) if header == self._headers[position]]
        if len(phones) == 1:
            return name, phones[0]
        if len(phones) == len(same):
            return name, phones[same.index(position)]
        return (name, None) if name != LINE_TYPE else None


def _pattern(name: str, declared: Mark) -> re.Pattern[str]:
    """A squashed header with the name of a mark in it, and words that do not matter around it."""
    called = [*sorted(map(squash, declared.synonyms), key=len, reverse=True), *declared.patterns]
    return _among_words(called, "" if name in _UNDATED else f"(?:{'|'.join(words().dated)})?")


def _permits(declared: Mark) -> re.Pattern[str]:
    """A squashed header of a column in which a no is the mark."""
    return _among_words(sorted(map(squash, declared.permits), key=len, reverse=True), "")


def _among_words(called: Sequence[str], end: str) -> re.Pattern[str]:
    before, after = "|".join(words().before), "|".join(words().after)
    return re.compile(f"(?:{before}){{0,3}}(?:{'|'.join(called)})(?:{after}){{0,2}}{end}")
