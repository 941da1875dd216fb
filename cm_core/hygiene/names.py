"""Names of owners: people, joint owners, organizations, trusts, estates, governments; and their match keys.

What kind of owner a name is, is decided in `entities`; how a person's name comes apart, in `person_names`. Whether
two names are the same owner is not decided here: that is linkage.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache, lru_cache
from hashlib import sha256
from typing import Literal, NamedTuple

import pyarrow as pa

from cm_core.hygiene.entities import TRUST_SIGNS, EntityType, classify, plain, words
from cm_core.hygiene.name_statistics import first_name_class, given_over_surname, is_given, is_surname, mens_names
from cm_core.hygiene.person_names import (
    Person,
    are_sides,
    joined_suffixes,
    parse_people,
    read_suffix,
    reads_last_first,
    sides,
    split_given,
    split_middle,
    split_surname,
)
from cm_core.hygiene.text import cleaned, fold, is_blank, squeeze, text_column

__all__ = [
    "NAMES_SCHEMA",
    "Party",
    "first_name_class",
    "name_key",
    "organization_key",
    "parse_name",
    "parse_name_parts",
    "standardize_names",
]

Role = Literal["owner", "joint_owner", "contact", "employer"]

NAME_MAX = 100
AFFIX_MAX = 20
ORGANIZATION_MAX = 255
#: Characters of a name, whole or its cells together, from which on nothing is read: some rules go back and forth.
TEXT_MAX = 1_000
_CHUNK = 500  # rows
_TEXTS = (
    "role",
    "entity_type",
    "name_prefix",
    "first_name",
    "middle_name",
    "last_name",
    "name_suffix",
    "organization_name",
    "first_key",
    "last_key",
    "organization_key",
    "invalid_reason",
)
NAMES_SCHEMA = pa.schema(
    [
        pa.field("name_id", pa.int64()),
        pa.field("seq", pa.int16()),
        *(pa.field(name, pa.string()) for name in _TEXTS),
    ]
)


class Party(NamedTuple):
    """One owner that a name names. A person has first and last; everyone else has organization_name, whole."""

    entity_type: EntityType
    prefix: str | None
    first: str | None
    middle: str | None
    last: str | None
    suffix: str | None
    organization_name: str | None
    role: Role


_CARE_OF = re.compile(r"(?:^|[\s,;(]+)(?:C/O|C\\O|ATTN\b:?|ATTENTION:|CARE OF|(?<!\d)%)\s*:?\s*", re.IGNORECASE)
_CARE_OF_SIGNS = ("%", "C/O", "C\\O", "ATT", "CARE OF")
_BUSINESS = re.compile(
    r"[\s,;(]+(?:D/?B/?A|D\.B\.A\.?|DOING BUSINESS AS|TRADING AS|T/A)(?![\w/])[\s:,]*", re.IGNORECASE
)
_INITIAL_DOT = re.compile(r"(?<![^\s,])([A-Za-z])\.(?=\s|$)")
_NOT_LETTER = re.compile(r"[^A-Z]+")
_NOT_WORD = re.compile(r"[^A-Z0-9&]+")
# Cased letters and those of scripts without case; a mark such as the okina of Kaʻahumanu is none.
_LETTERS = frozenset(("Lu", "Ll", "Lt", "Lo"))
_HASH_LETTERS = 16
_HEX_AS_LETTERS = str.maketrans("0123456789abcdef", "GHIJKLMNOPABCDEF")
#: What somebody owns, behind the name: 50%, 1/2 INT, 0.5.
_SHARE = re.compile(
    r"(\w+[\s,]+\w+.*?)[\s,]+(?:\d{1,3}(?:\.\d+)?\s*%|\d{1,3}/\d{1,4}|0?\.\d+)(?:\s*INT(?:EREST)?)?$", re.IGNORECASE
)
#: Between who has the land for life and who has it then: LE REM, LIFE ESTATE, REMAINDER TO. Both are owners.
_REMAINDER = re.compile(
    r"[\s,;(]+(?:L\.?/?E\.?|LIFE EST(?:ATE)?|LIFE TENANT)\)?[\s,;(]+"
    r"(?:W/ ?)?REM(?:AINDER(?:MAN|MEN)?)?(?:\s+TO)?\)?[\s:,;]+(?=\w)",
    re.IGNORECASE,
)
#: An estate, and behind a comma who speaks for it: BROWN EDWARD EST, BROWN ALICE IND EXR.
_REPRESENTED = re.compile(
    r"((?:THE\s+)?EST(?:ATE)?\s+OF\s+[^,;]+|[^,;]+\sEST(?:ATE)?)\s*[,;]\s*([^,;]+?)[\s,]+"
    r"(?:IND(?:EP(?:ENDENT)?)?\s+)?(?:CO-?\s*)?(?:EXR|EXRX|EXTRX|EXEC|EXECUTOR|EXECUTRIX|ADMR|ADMX|ADMIN"
    r"|ADMINISTRATOR|ADMINISTRATRIX|PER(?:S(?:ONAL)?)?\s+REP(?:RESENTATIVE)?)",
    re.IGNORECASE,
)
#: Fillers that programs write in capitals, though people are called so too.
_OF_PROGRAMS = frozenset(("NULL", "NA"))
_HAS_LETTER = re.compile(r"[^\W\d_]")


def parse_name(full: str) -> tuple[Party, ...]:
    """The owners that a whole name names, in order: one `owner`, then `joint_owner`s; none for a blank.

    People by the rules of seed E1 (`First Middle Last`; `Last, First Middle`; one word is a first name), widened
    to joint owners, suffixes, titles and surname particles: see `person_names.parse_people`. Anyone but a person
    keeps the whole name in `organization_name`. A person after C/O becomes a `contact`; the firm after DBA an
    `employer`. Never raises; nothing is spelled otherwise than given, but for periods and titles.
    """
    ordinary = _ordinary(full)
    if ordinary:
        return (ordinary,)
    text = cleaned(_lines_joined(full))
    if not any(character.isalnum() for character in text):
        return ()
    if len(text) > TEXT_MAX:
        return (_entity("unknown", text),)
    text = _SHARE.sub(r"\1", text)
    upper = text.upper()
    owner, *care_of = _CARE_OF.split(text, maxsplit=1) if any(sign in upper for sign in _CARE_OF_SIGNS) else (text,)
    if represented := _REPRESENTED.fullmatch(owner) if not care_of else None:
        owner, *care_of = represented.groups()
    owner = _REMAINDER.sub(" & ", owner)
    parties = list(_owners(owner)) if owner.strip(" ,;") else []
    if care_of and care_of[0].strip(" ,;"):
        role: Role = "contact" if parties else "owner"
        contacts = _owners(care_of[0])
        if not parties or all(party.entity_type == "person" for party in contacts):
            parties.extend(party._replace(role=role if i == 0 or parties else party.role)
                           for i, party in enumerate(contacts))  # fmt: skip
    return tuple(parties) or (_entity("unknown", text),)


def _lines_joined(full: str) -> str:
    """A cell of several lines, each a person, as one line of joint owners."""
    if "\n" not in full:
        return full
    lines = [line for piece in full.splitlines() if (line := squeeze(piece).strip(" ,;&"))]
    is_people = 1 < len(lines) <= 6 and all(len(line.split()) > 1 and classify(line) == "person" for line in lines)
    return " ; ".join(lines) if is_people else full


def parse_name_parts(
    prefix: str | None, first: str | None, middle: str | None, last: str | None, suffix: str | None
) -> tuple[Party, ...]:
    """The owners that a name in columns names.

    A first-name cell may hold `JOHN W` or `JOHN & MARY` (two parties, same last name), a last-name cell
    `SMITH JR`, `SMITH & MARY JONES`, or a whole organization. What stands in a last-name cell alone is a last name.
    Never raises.
    """
    given, family = _cell(first), _cell(last)
    if first and family and not given and _is_name(squeeze(first), given=True):
        given = squeeze(first)
    elif last and given and not family and _is_name(squeeze(last), given=False):
        family = squeeze(last)
    middle_, prefix_, suffix_ = _cell(middle), _cell(prefix), _cell(suffix)
    if not given and not family:
        return _relabelled(parse_name(middle_), prefix_, suffix_) if middle_ else ()
    whole = " ".join(filter(None, (given, middle_, family)))
    if not any(character.isalnum() for character in whole):
        return ()
    if len(whole) > TEXT_MAX:
        return (_entity("unknown", whole),)
    # A word alone in the column of first names is one, though the census never heard of it; alone among last names it
    # may well be a firm's.
    kind = classify(whole, columns=bool(given and (family or given.isalpha())))
    if kind != "person":
        return (_entity(kind, whole),)
    middle_, generation = split_middle(middle_) if middle_ else (None, None)
    suffix_ = joined_suffixes(read_suffix(suffix_) if suffix_ else None, generation)
    if not family and given and (" " in given or "," in given) and len(split_given(given)[1]) > 1 and not middle_:
        return _relabelled(parse_name(given), prefix_, suffix_)
    if not given and family and ("," in family or (len(sides(family)) > 1 and any(map(_has_given, sides(family))))):
        return _relabelled(parse_name(family), prefix_, suffix_)
    if given and middle_ and (len(sides(middle_)) > 1 or are_sides(given, middle_)):
        given, middle_ = f"{given} {middle_}", None
    owners = sides(given) if given else []
    if family and given and (joined := _joined_surnames(given, middle_, family, owners)):
        people = _without_fillers(parse_people(joined))
        return _relabelled(_parties(people), prefix_, suffix_) if people else (_entity("unknown", whole),)
    surname, last_suffix = split_surname(family) if family else (None, None)
    people = []
    for piece in owners or [given or ""]:
        title, names, first_suffix = split_given(piece)
        if names:
            people.append(Person(title, names[0], " ".join(names[1:]) or None, surname, first_suffix))
    if not people:
        people = [Person(None, None, None, surname, None)] if surname else []
    people = _without_fillers(people)
    if not people:
        return (_entity("unknown", whole),)
    head = people[0]
    people[0] = head._replace(
        prefix=prefix_.replace(".", "").upper() if prefix_ else head.prefix,
        middle=" ".join(filter(None, (head.middle, middle_ and middle_.replace(".", "")))) or None,
        suffix=joined_suffixes(suffix_, head.suffix, last_suffix),
    )
    return _parties(people)


def _joined_surnames(given: str, middle: str | None, family: str, owners: Sequence[str]) -> str | None:
    """The cells as one joint name, where the last one has names of several people; else None."""
    families = sides(family)
    before = f"{given} {middle}" if middle else given
    if are_sides(before, family):
        return f"{before} {family}"
    if len(families) < 2:
        return None
    if len(owners) == len(families):
        return " & ".join(f"{surname}, {owner}" for owner, surname in zip(owners, families, strict=True))
    head, *others = families
    if len(owners) > 1 or not all(map(_has_given, others)):
        return None
    return " & ".join([f"{head}, {before}", *others])


def _has_given(side: str) -> bool:
    """Whether one side of a last-name cell holds a given name: MARY and MARY JONES of `SMITH & MARY JONES`."""
    return " " in side or given_over_surname(side.upper()) > 0


def name_key(text: str) -> str:
    """The match key of a first or last name: upper case A-Z, accents taken off, all else removed (O'Neil: ONEIL).

    A name with other letters (Иван) has the letters of a hash. Never empty for a text with letters.
    """
    if text.isascii() and text.isalpha():
        return text.upper()
    return _NOT_LETTER.sub("", _in_letters(fold(text)))


def _in_letters(folded: str) -> str:
    """A text with letters that no key can hold as A-Z, equal for equal letters; any other text as it is."""
    if folded.isascii() or not any(unicodedata.category(c) in _LETTERS and not c.isascii() for c in folded):
        return folded
    return _hashed("".join(c for c in folded if c.isalnum() or unicodedata.category(c) == "Mc"))


def _hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_HASH_LETTERS].translate(_HEX_AS_LETTERS)


def wifes_key(name: str) -> str:
    """The match key of the given name of MRS FRANK HILL, who is not FRANK HILL: letters like those of no other name."""
    return _hashed(f"MRS {name}")


@lru_cache(maxsize=65_536)
def organization_key(text: str) -> str:
    """The match key of an organization: upper case A-Z and 0-9, single spaces.

    Legal forms at the end and THE in front are dropped, common abbreviations spelled out (`organization_spellings`
    in `data/name_words.yaml`), & is AND, letters of an abbreviation together. Never empty for a text with letters.
    """
    known = words()
    spellings = known.raw["organization_spellings"]
    upper = plain(fold(squeeze(text))).replace("'", "").replace("&", " & ")
    letters = plain(_NOT_WORD.sub(" ", " ".join(map(_in_letters, upper.split()))))
    kept = [spellings.get(token, token) for token in letters.split()]
    while len(kept) > 1 and kept[0] in ("THE", "AND"):
        kept = kept[1:]
    while len(kept) > 1 and (kept[-1] in known.legal or kept[-1] in ("AND", "THE")):
        kept = kept[:-1]
    return " ".join(kept)


def standardize_names(table: pa.Table) -> pa.Table:
    """`parse_name` and `parse_name_parts` over rows of distinct names.

    In: name_id bigint; full, prefix, first, middle, last, suffix, organization (nullable text). Parts are used
    where both first and last are given or there is no full name; prefix and suffix belong to either. An
    organization beside a person is a further party of role `employer`; without a person it is the owner. Out:
    name_id, seq (from 1), role, entity_type, name_prefix, first_name, middle_name, last_name, name_suffix,
    organization_name, first_key, last_key, organization_key, invalid_reason (too_long: the names are null). Rows
    without any name give none.
    """
    columns: list[list[object]] = [[] for _ in NAMES_SCHEMA]
    cells = (text_column(table[name]) for name in ("full", "prefix", "first", "middle", "last", "suffix"))
    organizations = text_column(table["organization"])
    rows: list[tuple[object, ...]] = []
    for name_id, organization, *name in zip(table["name_id"].to_pylist(), organizations, *cells, strict=True):
        for seq, party in enumerate(_row(name, organization), 1):
            rows.append((name_id, seq, *_output(party)))
        if len(rows) >= _CHUNK:
            _move(rows, columns)
    _move(rows, columns)
    return pa.Table.from_arrays(
        [pa.array(column, type=field.type) for column, field in zip(columns, NAMES_SCHEMA, strict=True)],
        schema=NAMES_SCHEMA,
    )


def _move(rows: list[tuple[object, ...]], columns: list[list[object]]) -> None:
    """Append `rows` to `columns` and empty them: many rows alive at once would keep the garbage collector busy."""
    for column, values in zip(columns, zip(*rows, strict=True), strict=False):
        column.extend(values)
    rows.clear()


def _row(name: list[str | None], organization: str | None) -> tuple[Party, ...]:
    full, prefix, first, middle, last, suffix = name
    parties: tuple[Party, ...] = ()
    if full and not (first and last):
        parties = _relabelled(parse_name(full), _cell(prefix), _cell(suffix))
    if not parties and (first or last or middle):
        parties = parse_name_parts(prefix, first, middle, last, suffix)
    if organization and not is_blank(organization):
        text = squeeze(organization)
        key = organization_key(text)
        if not any(party.organization_name and organization_key(party.organization_name) == key for party in parties):
            kind = classify(text[:TEXT_MAX])
            role: Role = "employer" if parties else "owner"
            parties += (_entity("organization" if kind == "person" else kind, text, role),)
    return parties


def _output(party: Party) -> tuple[str | None, ...]:
    """The text columns of a party, in the order of the schema."""
    kind, prefix, first, middle, last, suffix, organization, role = party
    if kind != "person":
        organization = organization or ""
        if len(organization) > ORGANIZATION_MAX:
            return role, kind, None, None, None, None, None, None, None, None, None, "too_long"
        key = organization_key(organization)[:ORGANIZATION_MAX] or None
        return role, kind, None, None, None, None, None, organization, None, None, key, None
    if (max(len(first or ""), len(middle or ""), len(last or "")) > NAME_MAX
            or max(len(prefix or ""), len(suffix or "")) > AFFIX_MAX):  # fmt: skip
        return role, kind, None, None, None, None, None, None, None, None, None, "too_long"
    first_key = (name_key(first)[:NAME_MAX] or None) if first else None
    if prefix == "MRS" and first_key in mens_names():
        first_key = wifes_key(first_key)
    last_key = (name_key(last)[:NAME_MAX] or None) if last else None
    return role, kind, prefix, first, middle, last, suffix, None, first_key, last_key, None, None


_SHORT_SUFFIXES = frozenset(("JR", "SR", "II", "III", "IV"))
_LONG_WAY_SIGNS = re.compile(r"[/\\%.;:()\[\]\"*]|^[ ,]|  |[\s,]$|\b(?:ATTN|ATTENTION|CARE|DBA|DOING|TRADING)\b")


@cache
def _firm_endings() -> tuple[frozenset[str], frozenset[str]]:
    """Legal forms that decide alone, and the words beside which they do not."""
    known = words()
    return known.legal - known.ambiguous_legal, known.trust | known.estate | TRUST_SIGNS


def _ordinary(full: str) -> Party | None:
    """The answer for the names that most lists are made of, without the general rules; None for any other.

    `First [Middle] Last [JR]`, `Last, First [Middle] [JR]` and `LAST FIRST I` of plain ASCII words that no rule looks
    for; and firms that end in a legal form. The same answer as the long way gives (a test holds it).
    """
    if not full.isascii():
        return None
    tokens = full.replace(",", " ").upper().split()
    legal, doubtful = _firm_endings()
    if not tokens:
        return None
    if tokens[-1] in legal:
        plain_firm = len(tokens) > 1 and doubtful.isdisjoint(tokens) and not _LONG_WAY_SIGNS.search(full.upper())
        return _entity("organization", full) if plain_firm and full.isprintable() else None
    before, comma, after = (_INITIAL_DOT.sub(r"\1", full) if "." in full else full).partition(",")
    names = (after if comma else before).split()
    surname = before.split() if comma else []
    suffix = names.pop().upper() if len(names) > 1 and tokens[-1] in _SHORT_SUFFIXES else None
    if not names or len(names) + len(surname) not in (2, 3, 4) or len(surname) != (1 if comma else 0):
        return None
    if suffix:
        tokens.pop()
        if names[-1].upper() in _SHORT_SUFFIXES or (len(names[-1]) == 1 and not comma):
            return None
    if "." in full:
        tokens = [token.rstrip(".") for token in tokens]
    if not "".join((*names, *surname)).isalpha() or not words().special.isdisjoint(tokens):
        return None
    if comma:
        return Party("person", None, names[0], " ".join(names[1:]) or None, surname[0], suffix, None, "owner")
    if names[-2] in "Oo":
        return None  # JOHN O MEARA
    if len(names[-1]) == 1 and (len(names) > 2 or len(names[0]) == 1):
        if len(names) == 2 or len(names[0]) == 1:
            return None
        if reads_last_first(names):
            return Party("person", None, names[1], " ".join(names[2:]) or None, names[0], suffix, None, "owner")
    return Party("person", None, names[0], " ".join(names[1:-1]) or None, names[-1], suffix, None, "owner")


def _owners(text: str) -> tuple[Party, ...]:
    text = text.strip(" ,;")
    if not _HAS_LETTER.search(text):
        return (_entity("unknown", text),)
    kind = classify(text)
    business = _BUSINESS.search(text)
    if business and business.start() and classify(text[: business.start()]) == "person":
        owners, name = _owners(text[: business.start()]), text[business.end() :].strip(" ,;)")
        firm = classify(name)
        return (*owners, _entity("organization" if firm == "person" else firm, name, "employer")) if name else owners
    if kind != "person":
        return (_entity(kind, text),)
    people = _without_fillers(parse_people(text))
    return _parties(people) if people else (_entity("unknown", text),)


def _without_fillers(people: Sequence[Person]) -> list[Person]:
    """Those of whom a name is left without UNKNOWN and its like; of several people, those with a given name left."""
    kept = [bare for person in people if (bare := _bare(person)).first or (bare.last and len(people) == 1)]
    return kept or [bare for person in people[:1] if (bare := _bare(person)).last]


def _bare(person: Person) -> Person:
    _, first, middle, last, _ = person
    if first and is_blank(" ".join(filter(None, (first, middle)))) and not _is_name(first, given=True):
        first = middle = None
    if middle and is_blank(middle) and not _is_name(middle, given=True):
        middle = None
    if first and is_blank(first) and not _is_name(first, given=True):
        first, middle = middle, None
    if last and is_blank(last) and not _is_name(last, given=False):
        last = None
    return person._replace(first=first, middle=middle, last=last)


def _is_name(text: str, *, given: bool) -> bool:
    """Whether a filler is what somebody is called: Na, Nan, Null, Blank, where the census has it and so spelled."""
    upper = text.upper()
    listed = is_given(upper) if given else is_surname(upper)
    return listed and (text.istitle() or (text.isupper() and upper not in _OF_PROGRAMS))


def _parties(people: Sequence[Person]) -> tuple[Party, ...]:
    return tuple(
        Party("person", person.prefix, person.first, person.middle, person.last or None, person.suffix, None,
              "joint_owner" if i else "owner")
        for i, person in enumerate(people)
    )  # fmt: skip


def _entity(kind: EntityType, text: str, role: Role = "owner") -> Party:
    return Party(kind, None, None, None, None, None, text, role)


def _relabelled(parties: tuple[Party, ...], prefix: str | None, suffix: str | None) -> tuple[Party, ...]:
    """The parties with prefix and suffix columns put on the first, if it is a person."""
    if not parties or parties[0].entity_type != "person":
        return parties
    head = parties[0]
    head = head._replace(
        prefix=prefix.replace(".", "").upper() if prefix else head.prefix,
        suffix=joined_suffixes(read_suffix(suffix) if suffix else None, head.suffix),
    )
    return (head, *parties[1:])


def _cell(text: str | None) -> str | None:
    if not text:
        return None
    if text.isascii() and text.isalpha() and len(text) > 8:
        return text
    return None if is_blank(text) else squeeze(text).strip(" ,;") or None
