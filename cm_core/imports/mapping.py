"""Which column of a file is which canonical field: by header synonyms and the feed's own declarations.

Pure: headers and a feed in, a mapping out. What the values say is in `understanding`, reading the file in `reader`,
using the mapping in `staging`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

from cm_core.errors import FileRejected
from cm_core.imports.feed_catalog import Feed, Field

#: Fields that several columns may fill, each column giving a value of its own.
_REPEATABLE = ("phone", "email", "identifier")
#: Those of them whose columns may have the same header.
_SEVERAL = ("phone", "email")
#: Fields of which only the best column counts, though others are called so too: they name somebody else.
_ONE_COLUMN = ("full_name", "second_name")
_NUMBERED = re.compile(r"(.*?)[\W_]*([1-9])\W*")
_PHONE_TYPES = {"fax": "fax", "mobile": "mobile", "cell": "mobile", "wireless": "mobile", "landline": "landline"}
_GENERIC = ""


@dataclass(frozen=True)
class Use:
    """One use of columns for a field.

    `columns` are zero-based positions. For a single-valued field the first non-blank one counts; with `joined`,
    their values are joined by a space. `label` is a phone's type or an identifier's name, None where unknown.
    `how` is what told: `feed` (declared), `header` or `content`; `confidence` (0 to 1) how sure that is.
    `surname_first` says of a column of whole names that they stand Last First Middle, where no comma tells.
    `of` is the column of the phone number that this one says something about (`marks`); of a mark with `by_no`, a no
    says it, as in `OK to Call`.
    """

    field: str
    columns: tuple[int, ...]
    headers: tuple[str, ...]
    how: str
    label: str | None = None
    joined: bool = False
    confidence: float = 1.0
    surname_first: bool = False
    of: int | None = None
    by_no: bool = False


@dataclass(frozen=True)
class Mapping:
    """Every use of a file's columns, and the columns kept raw only."""

    uses: tuple[Use, ...]
    unmapped: tuple[str, ...]
    constants: dict[str, str] = field(default_factory=dict)

    def all(self, name: str) -> list[Use]:
        """The uses for the field `name`."""
        return [use for use in self.uses if use.field == name]

    def one(self, name: str) -> Use | None:
        """The use for the single-valued field `name`, if the file has it."""
        return next(iter(self.all(name)), None)

    def address_slots(self) -> list[str]:
        """Prefixes of the addresses a row carries, such as `mailing` or '' for the only one; `mailing#2` is another."""
        return sorted({use.field.rpartition(".")[0] for use in self.uses if "." in use.field})

    def as_json(self) -> dict[str, Any]:
        """For `import_metadata.file_format` and for people."""
        return {"columns": [asdict(use) for use in self.uses], "kept_raw_only": list(self.unmapped)}


@lru_cache(maxsize=4096)
def squash(header: str) -> str:
    """A header reduced to what synonyms are compared by: lower case, letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", header.lower().replace("#", "number"))


def known_headers(headers: Sequence[str], feed: Feed) -> int:
    """How many of `headers` the feed knows: what tells a header record from a data record."""
    return sum(1 for header in headers if _classify(header, feed) is not None)


def means(header: str, declared: Field) -> bool:
    """Whether a header is one of those `declared`."""
    return _rank(squash(header), declared) is not None


def map_columns(headers: Sequence[str], feed: Feed) -> Mapping:
    """Match `headers` to the fields of `feed`.

    Raises FileRejected when no column is one that the feed requires.
    """
    mapping = match_headers(headers, feed)
    require(mapping, headers, feed)
    return mapping


def match_headers(headers: Sequence[str], feed: Feed, written: Sequence[str] = ()) -> Mapping:
    """Match `headers` to the fields of `feed`, whatever the feed requires.

    `written`: the headers as they stand in the file, where `headers` has other names for those that repeat. Parts of
    addresses that come with a number or a second time are addresses of their own, `#2`, `mailing#2` and so on.
    Raises FileRejected when a column is missing that the feed's `mapping` names.
    """
    written = written or headers
    ranked: dict[str, list[tuple[int, int]]] = defaultdict(list)
    uses = list(_declared(headers, feed))
    taken = {column for use in uses for column in use.columns}
    further = _further_addresses(headers, written, feed)
    for position, header in enumerate(headers):
        match = further[position] if position in further else _classify(written[position], feed)
        if position in taken or match is None:
            continue
        name, rank = match
        if header != written[position] and position not in further and name not in _SEVERAL:
            continue
        if name in _REPEATABLE:
            uses.append(Use(name, (position,), (header,), "header", label_of(name, header)))
        elif not any(use.field == name for use in uses):
            ranked[name].append((rank, position))
    street_prefixes = {
        slot: {_prefix_of(written[position], feed) for _, position in ranked.get(f"{slot}.line1", [])}
        for slot in {name.rpartition(".")[0] for name in ranked if "." in name}
    }
    for name, candidates in ranked.items():
        columns = tuple(position for _, position in sorted(candidates))
        slot, dot, part = name.rpartition(".")
        if name in _ONE_COLUMN:
            columns = columns[:1]  # the name of another does not stand in for one that is blank
        elif dot and part != "line1" and len(columns) > 1:
            # OWNER STATE beside STATE: the state of the well is not the owner's where that is blank.
            beside = [c for c in columns if _prefix_of(written[c], feed) in street_prefixes[slot]]
            columns = tuple(beside) or columns
        uses.append(Use(name, columns, tuple(headers[c] for c in columns), "header"))
    return mapping_of(_adopt_generic_address(uses), headers, feed)


def mapping_of(uses: Sequence[Use], headers: Sequence[str], feed: Feed) -> Mapping:
    """The mapping of these uses; columns of no use are kept raw only."""
    used = {column for use in uses for column in use.columns}
    unmapped = tuple(header for position, header in enumerate(headers) if position not in used)
    return Mapping(tuple(sorted(uses, key=lambda u: u.columns)), unmapped, dict(feed.constants))


def require(mapping: Mapping, headers: Sequence[str], feed: Feed) -> None:
    """Raise FileRejected where the columns that the feed requires are missing."""
    fields = {use.field for use in mapping.uses}
    if any(field.endswith(".line1") for field in fields):
        fields.add("address")
    seen = ", ".join(repr(header[:40]) for header in headers[:12])
    if not fields.intersection(feed.requires_any):
        wanted = ", ".join(feed.requires_any)
        raise FileRejected(
            f"No usable column for feed {feed.name!r}: it needs at least one of {wanted}. Columns found: {seen}. "
            "Rename a column, add a synonym to the feed, or name another feed."
        )
    if missing := [name for name in feed.requires if name not in fields]:
        raise FileRejected(
            f"No column is the {missing[0]} that feed {feed.name!r} requires. Columns found: {seen}. "
            "Add the column, rename it, or add a synonym to the feed."
        )


def _declared(headers: Sequence[str], feed: Feed) -> list[Use]:
    """Uses that the feed's `mapping` spells out."""
    position = {header: index for index, header in enumerate(headers)}
    uses = []
    for name, columns in feed.mapping.items():
        missing = [column for column in columns if column not in position]
        if missing:
            raise FileRejected(
                f"Feed {feed.name!r} takes {name} from column {missing[0]!r}, but the file has {len(headers)} columns."
            )
        field_name, _, label = name.partition(".") if name.startswith("identifier.") else (name, "", None)
        indexes = tuple(position[column] for column in columns)
        uses.append(Use(field_name, indexes, tuple(columns), "feed", label or None, joined=len(indexes) > 1))
    return uses


def _classify(header: str, feed: Feed) -> tuple[str, int] | None:
    """The field a header means, and its rank among the synonyms of that field (lower is more specific)."""
    text = squash(header)
    if not text:
        return None
    for name, declared in feed.fields.items():
        if (rank := _rank(text, declared)) is not None:
            return name, rank
    for prefix, slot in sorted(feed.address_prefixes.items(), key=lambda item: -len(item[0])):
        if text.startswith(prefix):
            for part, declared in feed.address_fields.items():
                if (rank := _rank(text[len(prefix) :], declared)) is not None:
                    return f"{slot}.{part}", rank
    for part, declared in feed.address_fields.items():
        if (rank := _rank(text, declared)) is not None:
            return f"{_GENERIC}.{part}", rank
    return None


def _prefix_of(header: str, feed: Feed) -> str:
    """What stands before the part of an address in a header."""
    text = squash(header)
    if any(_rank(text, declared) is not None for declared in feed.address_fields.values()):
        return ""
    for prefix in sorted(feed.address_prefixes, key=len, reverse=True):
        if text.startswith(prefix) and any(
            _rank(text[len(prefix) :], declared) is not None for declared in feed.address_fields.values()
        ):
            return prefix
    return ""


def _further_addresses(headers: Sequence[str], written: Sequence[str], feed: Feed) -> dict[int, tuple[str, int] | None]:
    """The field of each column that is part of a second, third ... address, by its position.

    Such parts have a number (Address 2, City 2) or the same headers as the first. It takes a street and a city, or a
    repeated ZIP: `Address 2` alone is line 2. None for a repeated header that is part of no address: whose it is
    cannot be known.
    """
    parts: dict[int, tuple[str, int, str, int]] = {}
    plain: set[str] = set()
    repeated: set[int] = set()
    before: dict[str, int] = defaultdict(int)
    for position, text in enumerate(written):
        before[text.lower()] += 1
        match, number = _classify(text, feed), before[text.lower()]
        if headers[position] != text and text.strip():
            repeated.add(position)
        elif (found := _NUMBERED.fullmatch(text)) and not (match and match[0].endswith((".zip", ".zip4"))):
            match, number = _classify(found[1], feed), int(found[2])
        elif match is not None:
            plain.add(match[0])
            continue
        if match is not None and "." in match[0]:
            slot, _, part = match[0].rpartition(".")
            parts[position] = (slot, number, part, match[1])
    has = {(slot, number, part) for slot, number, part, _ in parts.values()}
    has_zip = {(slot, number) for at, (slot, number, part, _) in parts.items() if part == "zip" and at in repeated}
    whole = {
        (slot, number)
        for slot, number, part in has
        if part == "line1" and ((slot, number, "city") in has or (slot, number) in has_zip)
    }
    numbered = {slot for slot, _ in whole if plain.isdisjoint((f"{slot}.line1", f"{slot}.city"))}
    first = {slot: min(number for other, number in whole if other == slot) for slot in numbered}
    result: dict[int, tuple[str, int] | None] = {}
    for position, (slot, number, part, rank) in parts.items():
        if (slot, number) in whole:
            result[position] = (f"{slot}.{part}" if first.get(slot) == number else f"{slot}#{number}.{part}", rank)
        elif position in repeated:
            result[position] = None
    return result


def _rank(text: str, declared: Field) -> int | None:
    for rank, synonym in enumerate(declared.synonyms):
        if text == squash(synonym):
            return rank
    if any(re.fullmatch(pattern, text) for pattern in declared.patterns):
        return len(declared.synonyms)
    return None


def label_of(name: str, header: str) -> str | None:
    """A phone's type or an identifier's name, as far as the header says."""
    if name == "phone":
        return next((kind for word, kind in _PHONE_TYPES.items() if word in squash(header)), None)
    if name == "identifier":
        return re.sub(r"[^a-z0-9]+", "_", header.lower()).strip("_")[:64]
    return None


def _adopt_generic_address(uses: list[Use]) -> list[Use]:
    """Give parts of the unprefixed address that has no street to the one address that lacks them.

    "Mailing Address, City, State, Zip" is one address; a CITY beside two whole addresses is a district.
    """
    if any(use.field == f"{_GENERIC}.line1" for use in uses):
        return uses
    fields = {use.field for use in uses}
    slots = sorted(f.removesuffix(".line1") for f in fields if f.endswith(".line1"))
    kept = []
    for use in uses:
        slot, dot, part = use.field.rpartition(".")
        if dot and slot == _GENERIC:
            lacking = [s for s in slots if f"{s}.{part}" not in fields]
            if len(lacking) == 1:
                kept.append(replace(use, field=f"{lacking[0]}.{part}"))
            elif not slots and part in ("city", "state", "zip", "zip4", "line2"):
                kept.append(use)
        else:
            kept.append(use)
    return kept
