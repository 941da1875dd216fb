"""Taking a person's name apart, and a joint name into its people.

Only for names that `entities` has found to be of people. The word lists are in `data/name_words.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from cm_core.hygiene.entities import SURELY_GIVEN, words
from cm_core.hygiene.name_statistics import given_over_surname, is_given, is_surname


class Person(NamedTuple):
    """The parts of one person's name in the spelling given; prefix and suffix in upper case without periods."""

    prefix: str | None
    first: str | None
    middle: str | None
    last: str | None
    suffix: str | None


@dataclass
class _Part:
    """One side of a joint name. `last` is set when a comma gave it."""

    names: list[str] = field(default_factory=list)
    last: str | None = None
    prefix: str | None = None
    suffix: str | None = None
    roll: bool = False


_ASIDE = re.compile(r"\([^()]*\)|\"[^\"]*\"|[(\")]|(?<!\w)'\w+'(?!\w)")
_JOINED = r"&|\+|\b(?:AND|OR)\b|(?<=\s)/(?=\s)|(?<=[^\W\d_]{2})/(?=[^\W\d_]{2})"
_JOINER = re.compile(rf"\s*(?:{_JOINED}|[;|])\s*", re.IGNORECASE)
#: In a cell for a part of a name, a semicolon or a bar joins nothing.
_CELL_JOINER = re.compile(rf"\s*(?:{_JOINED})\s*", re.IGNORECASE)
_COUPLE = re.compile(r"\b(MR|DR|REV)\.?\s*(?:&|AND)\s*(?:MRS|MS)\b\.?\s*", re.IGNORECASE)
_CARE_OF = re.compile(r"\s+(?:C/O|%)\s", re.IGNORECASE)
_INITIALS = re.compile(r"(?:[^\W\d_]\.){2,}[^\W\d_]?\.?")
_HAS_LETTER = re.compile(r"[^\W\d_]")
# How much likelier (natural log) two words must stand one way round than the other to say anything; and First Last, to
# be read so in a list whose other names stand Last First.
_SAYS_SOMETHING, _SAYS_OTHERWISE = 1.0, 4.0
# How much likelier (natural log) JOHN SMITH & MARY must read First Last before the roll form Last First is given up.
_FIRST_LAST_MARGIN = 3.0


@cache
def _marker_patterns() -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """(alias and what follows, spouse joiner, marker anywhere, marker at the end)."""
    raw = words().raw

    def any_of(phrases: Sequence[str]) -> str:
        ordered = sorted(phrases, key=len, reverse=True)
        return "|".join(re.escape(phrase).replace(r"\ ", r"\s+") for phrase in ordered)

    ends = set(raw["end_markers"])
    joiners = set(raw["spouse_joiners"])
    anywhere = [marker for marker in raw["person_markers"] if marker not in ends and marker not in joiners]
    aliases = any_of(raw["alias_markers"]) + r"|[AFN]/K/A|[AFN]\.K\.A\.?"
    return (
        re.compile(rf"[\s,]+(?:{aliases})(?![\w/]).*?(?=\s+(?:&|AND)\s|\s*[;|]|$)", re.IGNORECASE),
        re.compile(rf"[\s,]*(?<![\w/])(?:{any_of(raw['spouse_joiners'])})(?![\w/])[\s,.:]*", re.IGNORECASE),
        re.compile(rf"[\s,]*(?<![\w/'-])(?:{any_of(anywhere)})(?![\w/'-])\.?", re.IGNORECASE),
        re.compile(rf"(?<=\w)[\s,]+(?:{any_of(sorted(ends))})\.?$|(?<=\w )(\w+),\s*LE$", re.IGNORECASE),
    )


def parse_people(text: str) -> tuple[Person, ...]:
    """The people that `text` names, in order; a name shared by joint owners is given to each of them.

    `Smith, John Michael` and `John Michael Smith` as in seed E1. Last name first without a comma (rolls) is read
    only where something says so: a joint owner with a given name alone (SMITH JOHN & MARY), a generational suffix
    after the first word (SMITH JR JOHN), an initial at the end (SMITH JOHN W), or surname particles in front (VAN DER
    BERG ANNA). A spouse who is only
    marked (ET UX) is no person here. Empty when nothing of a name is left.
    """
    alias, spouse, marker, end_marker = _marker_patterns()
    text = _ASIDE.sub(" ", text)
    text = alias.sub("", text)
    text = marker.sub(" ", text)
    text = spouse.sub(" & ", text).strip(" ,;&+-/")
    while len(shorter := end_marker.sub(r"\1", text)) < len(text) and len(shorter.split()) > 1:
        text = shorter
    tokens = text.split()
    if tokens[-1:] and tokens[-1].upper() == "LE" and _ends_in_initial(tokens[:-1]) and len(tokens[1]) > 1:
        text = " ".join(tokens[:-1])  # SMITH JOHN W LE has a life estate, JOHN W LE that surname
    text = _COUPLE.sub(r"\1 ", text)
    parts = [part for piece in _sides(_owners_apart(text), _JOINER) if (part := _part(piece)).names or part.last]
    if not parts:
        return ()
    if len(parts) > 1 and _surely_rolls(parts[0]):
        for part in parts:
            part.roll = part.roll or _surely_rolls(part)
    people = [_person(parts[0])] if len(parts) == 1 else _joint(parts)
    return tuple(person for person in people if person.first or person.last)


def sides(text: str) -> list[str]:
    """What stands between &, AND, OR and the like in a cell: JOHN and MARY of `JOHN & MARY`."""
    return _sides(text, _CELL_JOINER)


def _sides(text: str, joiner: re.Pattern[str]) -> list[str]:
    return [side for side in joiner.split(text) if side.strip(" ,")]


def are_sides(before: str, after: str) -> bool:
    """Whether two cells are two sides of one joint name: `JOHN &` and `MARY SMITH`, `JOHN` and `& MARY SMITH`."""
    counts = len(sides(before)), len(sides(after))
    return all(counts) and len(sides(f"{before} {after}")) == sum(counts)


def _owners_apart(text: str) -> str:
    """A list of owners with & for the commas between them: LUCY LONG, ANNA SHORT; SMITH JOHN, MARY.

    The words before the first comma are no surname where they surely read as a given name and a surname, or the other
    way round; what follows it begins with a name too.
    """
    first, comma, others = text.partition(",")
    head = _part(first)
    if (
        not comma
        or _JOINER.search(first)
        or len(head.names) < 2
        or _is_particle(head.names[0])
        or _suffix(head.names[-1])
    ):
        return text
    if not (_surely_rolls(head) or _surely_rolls(_Part(head.names[::-1]))):
        return text
    for segment in others.split(","):
        names = _part(segment).names
        is_affix = all(_suffix(token) or token.upper() in words().titles for token in _tokens(segment))
        if not is_affix and not (is_given(names[0].upper()) or _surely_rolls(_Part(names))):
            return text
        first += f", {segment}" if is_affix else f" & {segment}"
    return first


def _surely_rolls(part: _Part) -> bool:
    """Whether two full words stand Last First beyond doubt: SMITH JOHN, but not SMITH JONES."""
    full = [name.upper() for name in part.names if len(name) > 1]
    if part.last is not None or len(full) != 2 or len(part.names[0]) == 1:
        return False
    surname, given = map(given_over_surname, full)
    return given > SURELY_GIVEN and given - surname > _FIRST_LAST_MARGIN


def split_given(text: str) -> tuple[str | None, list[str], str | None]:
    """(prefix, names, suffix) of a first-name cell such as `DR JOHN W` or `JOHN JR`."""
    part = _part(text.replace(",", " "), given_only=True)
    return part.prefix, part.names, part.suffix


def split_surname(text: str) -> tuple[str | None, str | None]:
    """(surname, suffix) of a last-name cell such as `SMITH JR` or `Smith, III`."""
    tokens = _tokens(text.replace(",", " "))
    suffixes: list[str] = []
    while len(tokens) > 1 and (suffix := _suffix(tokens[-1])) and not _ambiguous(tokens[-1]):
        suffixes.insert(0, suffix)
        tokens.pop()
    return " ".join(_spelled(tokens)) or None, joined_suffixes(*suffixes)


def split_middle(text: str) -> tuple[str | None, str | None]:
    """(middle names, generation) of a middle-name cell such as `W`, `W JR` or `Sr.`; V and VI are initials there."""
    tokens = _tokens(text.replace(",", " "))
    for i, token in enumerate(tokens):
        upper = token.replace(".", "").upper()
        generation = words().raw["generational"].get(upper)
        if generation and (generation != upper or not _ambiguous(token)):
            return " ".join(tokens[:i] + tokens[i + 1 :]) or None, generation
    return text, None


def read_suffix(text: str) -> str | None:
    """The suffix that a cell of suffixes such as `Junior`, `2nd` or `Ph.D., Jr.` says."""
    tokens = text.replace(",", " ").split()
    return joined_suffixes(*(_suffix(token) or token.replace(".", "").upper() for token in tokens))


def joined_suffixes(*suffixes: str | None) -> str | None:
    """Suffixes from several places as one, the generation in front; of two generations the one given first holds."""
    every = dict.fromkeys(word for suffix in suffixes if suffix for word in suffix.split())
    generations = [word for word in every if word in words().generations]
    return " ".join([*generations[:1], *(word for word in every if word not in words().generations)]) or None


def stands_last_first(text: str) -> bool | None:
    """Whether a whole name stands Last First Middle without a comma, by what the census says of its words.

    None where that says nothing: a comma, one word, joint owners, a company, words that are given names and surnames.
    One name is often wrong about it (JAMES THOMAS); ask many names of a list.
    """
    if (plain := _plain_name(text)) is None:
        return None
    _, names = plain
    first, *_, last = names
    if len(last) == 1 or len(first) == 1:
        return None if len(first) == len(last) else len(last) == 1
    if len(names) > 2 and len(names[1]) == 1:
        return False  # JOHN W SMITH; a roll has the initial at the end
    likelier = given_over_surname(first) - given_over_surname(last)
    return None if abs(likelier) < _SAYS_SOMETHING else likelier < 0


def comma_after_surname(text: str) -> str:
    """A whole name out of a list whose names stand Last First Middle, with the comma that the list leaves out.

    What has a comma, is no plain name of one person, or clearly stands otherwise (JOHN SMITH) comes back as it is.
    """
    name, title, said = _without_markers(text)
    if (plain := _plain_name(name)) is None:
        return text
    surname_words, names = plain
    given = next((name for name in (names[1], names[-1]) if len(name) > 1), None)
    if len(names[0]) == 1 or (
        given is not None and given_over_surname(names[0]) - given_over_surname(given) > _SAYS_OTHERWISE
    ):
        return text
    tokens = name.split()
    given_names = " ".join(filter(None, (title, *tokens[surname_words:])))
    return f"{' '.join(tokens[:surname_words])}, {given_names}{said}"


def _without_markers(text: str) -> tuple[str, str, str]:
    """A whole name, a title behind it, and what follows that is part of no name: markers, asides, c/o."""
    found = (pattern.search(text) for pattern in (*_marker_patterns(), _ASIDE, _CARE_OF))
    end = min((match.start() for match in found if match and match.start()), default=len(text))
    name, said = text[:end].rstrip(" ,"), text[end:]
    tokens = name.split()
    if len(tokens) > 2 and tokens[-1].rstrip(".").upper() in words().raw["titles"]:
        return " ".join(tokens[:-1]), tokens[-1], said
    return name, "", said


def _plain_name(text: str) -> tuple[int, list[str]] | None:
    """How many words the surname has if it comes first, and the words in upper case without its particles and suffix.

    None for anything but two to four words of letters, none of which a rule of names looks for, and one of which the
    census knows where it stands if the surname comes first.
    """
    if "," in text:
        return None
    tokens = [token.rstrip(".").upper() for token in text.split()]
    particles = 0
    while particles < len(tokens) - 2 and _is_particle(tokens[particles]):
        particles += 1
    names = tokens[particles:]
    if len(names) > 2 and _suffix(names[-1]) and not _ambiguous(names[-1]):
        names = names[:-1]
    if not 2 <= len(names) <= 4 or not words().special.isdisjoint(name for name in names if len(name) > 1):
        return None
    if not is_surname(names[0]) and not any(is_given(name) for name in names[1:]):
        return None
    if not all(name.replace("-", "").replace("'", "").isalpha() for name in names):
        return None
    return particles + 1, names


def _tokens(text: str) -> list[str]:
    return [token for raw in text.split() if _HAS_LETTER.search(token := raw.strip(",;:*-_/")) or token[:1].isdigit()]


def _spelled(tokens: Sequence[str]) -> list[str]:
    """Tokens without periods; J.W. becomes two initials."""
    spelled: list[str] = []
    for token in tokens:
        if "." not in token:
            spelled.append(token)
        elif _INITIALS.fullmatch(token):
            spelled.extend(token.replace(".", ""))
        else:
            spelled.extend(token.replace(".", " ").split())
    return spelled


def _suffix(token: str) -> str | None:
    upper = token.replace(".", "").upper()
    raw = words().raw
    generational: str | None = raw["generational"].get(upper)
    return generational or (upper if upper in raw["professional"] else None)


def _ambiguous(token: str) -> bool:
    return token.replace(".", "").upper() in words().raw["ambiguous_suffixes"]


def _part(text: str, *, given_only: bool = False) -> _Part:
    part = _Part()
    segments = [tokens for segment in text.split(",") if (tokens := _tokens(segment))]
    suffixes: list[str] = []
    kept: list[list[str]] = []
    for i, tokens in enumerate(segments):
        surely = len(kept) > 1 or (len(kept) == 1 and len(kept[0]) > 1)
        if i and all(_suffix(token) and (surely or not _ambiguous(token)) for token in tokens):
            suffixes.extend(filter(None, map(_suffix, tokens)))
        elif i and all(token.replace(".", "").upper() in words().titles for token in tokens):
            part.prefix = " ".join(token.replace(".", "").upper() for token in tokens)
        else:
            kept.append(tokens)
    for i, tokens in enumerate(kept):
        least = 1 if i or len(kept) > 1 or given_only else 2
        while len(tokens) > least and (suffix := _suffix(tokens[-1])) and not (
            _ambiguous(tokens[-1]) and (given_only or len(tokens) <= 2 or i != 0 or len(kept) > 1)
        ):  # fmt: skip
            suffixes.insert(0, suffix)
            tokens.pop()
    if kept:
        surname = kept.pop(0) if len(kept) > 1 else None
        given = [token for tokens in kept for token in tokens]
        part.prefix = _take_titles(given, may_be_roll=surname is None and not given_only) or part.prefix
        if surname is not None:
            part.prefix = _take_titles(surname) or part.prefix
            part.last = " ".join(_spelled(surname))
        elif not given_only and len(given) > 2 and _suffix(given[1]) and not _ambiguous(given[1]):
            suffixes.insert(0, _suffix(given.pop(1)) or "")
            part.roll = True
        part.names = _spelled(given)
    part.suffix = joined_suffixes(*suffixes)
    return part


def _take_titles(tokens: list[str], *, may_be_roll: bool = False) -> str | None:
    """The titles at the front of `tokens`, removed from it; one that is also a name only before two more words.

    `may_be_roll`: the words may stand Last First Middle, as BISHOP JOHN W does.
    """
    titles: list[str] = []
    ambiguous = words().raw["ambiguous_titles"]
    while len(tokens) > 1:
        upper = tokens[0].replace(".", "").upper()
        if upper == "STATE" and tokens[1].upper() in words().titles:  # State Senator
            tokens.pop(0)
            continue
        roll = may_be_roll and _is_initial(tokens[-1]) and sum(not _is_initial(token) for token in tokens) < 3
        if upper not in words().titles or (upper in ambiguous and (len(tokens) < 3 or roll) and "." not in tokens[0]):
            break
        titles.append(upper)
        tokens.pop(0)
    return " ".join(titles) or None


def _is_initial(token: str) -> bool:
    return len(token.rstrip(".")) == 1


def _person(part: _Part, *, last: str | None = None, roll: bool = False) -> Person:
    names = part.names
    surname = part.last or last
    if surname is None:
        if roll or part.roll or _starts_with_surname(names) or _ends_in_initial(names):
            cut = _surname_end(names)
            surname, names = " ".join(names[:cut]), names[cut:]
        elif len(names) > 1:
            cut = _surname_start(names)
            surname, names = " ".join(names[cut:]), names[:cut]
        elif part.prefix and names:
            surname, names = names[0], []
    return Person(part.prefix, names[0] if names else None, " ".join(names[1:]) or None, surname, part.suffix)


def _is_particle(name: str) -> bool:
    upper = name.upper()
    return upper in words().particles and upper not in words().raw["ambiguous_particles"]


def _surname_start(names: Sequence[str]) -> int:
    """Where the surname begins in First Middle Last: the last word with the particles before it."""
    start = len(names) - 1
    if start > 1 and names[start - 1].upper() == "O" and is_surname("O" + names[start].upper()):
        return start - 1  # JOHN O MEARA
    while start > 1 and names[start - 1].upper() in words().particles:
        if not _is_particle(names[start - 1]) and not _is_particle(names[start - 2]):
            break
        start -= 1
    return start


def _surname_end(names: Sequence[str]) -> int:
    """Where the surname ends in Last First Middle: after its particles and one word."""
    end = 0
    while end < len(names) - 2 and _is_particle(names[end]):
        end += 1
    return end + 1


def _starts_with_surname(names: Sequence[str]) -> bool:
    return len(names) > 3 and _is_particle(names[0]) and _is_particle(names[1])


def _ends_in_initial(names: Sequence[str]) -> bool:
    """COOK ROY W, CABLE W S: nobody's surname is one letter; but MARY SMITH B stays First Middle Last."""
    return len(names) > 2 and len(names[-1]) == 1 and len(names[0]) > 1 and reads_last_first(names)


def _given_only(part: _Part) -> bool:
    """True for JOHN and JOHN W: a name without a surname."""
    return part.last is None and not part.roll and all(len(name) == 1 for name in part.names[1:])


def _joint(parts: list[_Part]) -> list[Person]:
    head, tail = parts[0], parts[-1]
    if head.last is not None or head.roll:
        owner = _person(head)
        return [owner, *(_person(part, last=None if _has_surname(part, owner.last) else owner.last)
                         for part in parts[1:])]  # fmt: skip
    if tail.last is None and _given_only(tail):
        if len(head.names) > 1 and (not _given_only(head) or given_over_surname(head.names[0].upper()) < 0):
            owner = _person(head, roll=reads_last_first(head.names))
        else:
            return [_person(part, last="") for part in parts]
        return [owner, *(_person(part, last=owner.last) if _given_only(part) else _person(part) for part in parts[1:])]
    owner = _person(tail)
    people = [_person(part, last=owner.last) if _lacks_surname(part) else _person(part) for part in parts[:-1]]
    return [*people, owner]


def _has_surname(part: _Part, shared: str | None) -> bool:
    """After SMITH, JOHN &: MARY and MARY ANN have none, MARY JONES has one."""
    if part.last is not None or part.roll or _given_only(part):
        return part.last is not None or part.roll
    end = part.names[-1].upper()
    return end == (shared or "").upper() or given_over_surname(end) <= 0


def _lacks_surname(part: _Part) -> bool:
    """Before & JOHN SMITH: MARY, MARY B and MARY ANN have no surname, MARY JONES has one."""
    if part.last is not None:
        return False
    return _given_only(part) or (len(part.names) == 2 and given_over_surname(part.names[-1].upper()) > 1)


def reads_last_first(names: Sequence[str]) -> bool:
    """Whether words that may stand Last First do so, by how often the first and the last are given names."""
    full = [name.upper() for name in names if len(name) > 1]
    if len(full) < 2 or _is_particle(full[0]):
        return True
    return given_over_surname(full[0]) - given_over_surname(full[-1]) <= _FIRST_LAST_MARGIN
