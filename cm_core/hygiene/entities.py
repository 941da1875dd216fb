"""What kind of owner a name names: a person, an organization, a trust, an estate, a government, or nobody.

The words that decide are in `data/name_words.yaml`. How a person's name is taken apart is in `person_names`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from cm_core.hygiene.name_statistics import given_over_surname, is_given, is_surname
from cm_core.hygiene.places import counties
from cm_core.hygiene.text import data_yaml, placeholders

EntityType = Literal["person", "organization", "trust", "estate", "government", "unknown"]

_DOTS = re.compile(r"\.(?=[A-Z0-9]\.)|(?<=[A-Z0-9])\.")
_SPLIT = re.compile(r"[\s,;:()\"\[\]*]+")
_BROKEN = re.compile(r"\b(?:L\.L\. ?C|L\. ?L\.C)\b")
_LETTER_RUN = re.compile(r"\b(?:[A-Z] ){2,}[A-Z]\b")
# P.E.A.C.E., and a professional corporation behind a whole name (PHILLIP S MILLER P.C.; BLACK, MCDONALD, P. C.).
_ACRONYM = re.compile(r"\b(?:[A-Z]\.){4}")
_PROFESSIONAL = re.compile(r"(?: P\.[AC]\.?|, P\. ?[AC]\.?|,? PC)$")
_TRUST_ABBREVIATED = re.compile(
    r"\b(?:LIVING|LIV|FAMILY|FAM|REV|RVOC|REVOC|IRREV|MARITAL|MINERAL|ROYALTY) TR\b"
    r"|\bTR(?: (?:DTD|DATED|U/A|UA|NO|#).*)?$"
)
_DATED = re.compile(r"\b(?:DTD|U/A|UA|U/T/A)\b.*\d")
# An account for somebody's retirement behind a whole name; SMITH, JOHN IRA and JOHN W IRA may be people.
_RETIREMENT = re.compile(r"^[^,&]*[^\s,&]{2} [^,&]*[^\s,&]{2} IRA(?: ROLLOVER| ACCOUNT| ACCT)?$")
_ESTATE_OF = re.compile(r"\b(?:ESTATE|EST|HEIRS|DEVISEES) OF\b(?!.*\b(?:LLC|INC|LTD|LP)\b)|\bESTATE OF(?: \(THE\))?$")
_REAL_ESTATE = re.compile(r"\bREAL ESTATE\b")
_LIFE_ESTATE = re.compile(r"\bLIFE EST(?:ATE)?\b|\bL/E\b")
_POSSESSIVE = re.compile(r"[A-Z]{2}'S$")
TRUST_SIGNS = frozenset(("TR", "DTD", "U/A", "UA", "U/T/A"))
_TITLES_TOO = frozenset(("EST", "EXEC", "ADMIN", "HEIR", "DEC"))
_PROFESSIONAL_ASSOCIATION = "PA"
_GOVERNMENT_SURNAMES = frozenset(("NATION", "COUNTY"))
# From here on (natural log) a word is no surname: JOHN, MARY; not TODD, KELLY.
SURELY_GIVEN = 2.0
_FIRM_SIGN = frozenset(("&", "AND"))
_FIRM_SPLIT = re.compile(r"&|\bAND\b")
_AFFIXES = frozenset(("JR", "SR", "II", "III", "IV", "MR", "MRS", "MS", "MISS", "DR", "REV", "MD", "PHD", "ESQ", "CPA"))
_ASIDE = re.compile(r"\([^()]*\)|\"[^\"]*\"")
_ORDINAL_SUFFIX = frozenset(("2ND", "3RD", "4TH", "5TH"))


@dataclass(frozen=True)
class Words:
    """`data/name_words.yaml` as sets, and what is derived from it."""

    raw: Mapping[str, Any]
    titles: frozenset[str]
    particles: frozenset[str]
    organization: frozenset[str]
    surname: frozenset[str]
    church: frozenset[str]
    church_names: frozenset[str]
    legal: frozenset[str]
    ambiguous_legal: frozenset[str]
    trust: frozenset[str]
    trust_firm: frozenset[str]
    estate: frozenset[str]
    estate_phrase: re.Pattern[str]
    fillers: frozenset[str]
    generations: frozenset[str]
    phrases: tuple[str, ...]
    marker: re.Pattern[str]
    government: re.Pattern[str]
    unknown: re.Pattern[str]
    special: frozenset[str]


@cache
def words() -> Words:
    """The word lists, read once."""
    raw = data_yaml("name_words.yaml")
    sets = {key: frozenset(raw[key]) for key in raw if key != "government"}
    unknown = _any_of(raw["unknown"])
    # Every single word that any rule looks for: a name without one of them takes the short way.
    special: set[str] = set()
    for key, values in sets.items():
        if key not in ("unknown", "organization_spellings", "church_names"):  # these matter beside such words only
            special.update(word for value in values for word in value.split())
    special.update(word for value in raw["unknown"] for word in value.split())
    special.update(raw["organization_spellings"])
    special.update(word for value in placeholders()["blank"] for word in value.upper().split())
    return Words(
        raw=raw,
        titles=sets["titles"],
        particles=sets["particles"],
        organization=sets["organization_words"],
        surname=sets["surname_words"],
        church=sets["church_words"],
        church_names=sets["church_names"],
        legal=sets["legal_forms"],
        ambiguous_legal=sets["ambiguous_legal_forms"],
        trust=sets["trust_words"],
        trust_firm=sets["trust_firm_words"],
        estate=frozenset(word for word in sets["estate_words"] if " " not in word),
        estate_phrase=re.compile(rf" (?:{_any_of([word for word in raw['estate_words'] if ' ' in word])}) "),
        fillers=sets["organization_fillers"],
        generations=frozenset(raw["generational"].values()),
        phrases=tuple(word for word in sorted(sets["organization_words"] | sets["legal_forms"]) if " " in word),
        marker=re.compile(rf"(?<![\w/'-])(?:{_any_of(raw['person_markers'])})(?![\w/'-])"),
        government=re.compile("|".join(f"(?:{pattern})" for pattern in raw["government"])),
        unknown=re.compile(rf"(?:THE )?(?:{unknown})(?: (?:OF|\d).*)?"),
        special=frozenset(special),
    )


def _any_of(phrases: Sequence[str]) -> str:
    """A pattern of alternatives, longest first."""
    return "|".join(sorted(map(re.escape, phrases), key=len, reverse=True))


def plain(text: str) -> str:
    """`text` in upper case as the rules read it: no periods, letters of an abbreviation together (L L C, L.L. C.)."""
    upper = _DOTS.sub("", _BROKEN.sub("LLC", text.upper().replace("_", " ")))
    return _LETTER_RUN.sub(lambda run: run[0].replace(" ", ""), upper)


def classify(text: str, *, columns: bool = False) -> EntityType:
    """The kind of owner that `text` (a whole name, already squeezed) names.

    `columns` says that the name came in a first-name and a last-name column: then only a legal form, a trust,
    an estate or a government overrules that it is a person.
    """
    known = words()
    upper = plain(text)
    tokens = _split(upper)
    if not tokens:
        return "unknown"
    joined = " ".join(tokens)
    if known.unknown.fullmatch(joined):
        return "unknown"
    if _is_trust(upper, tokens, known):
        return "trust"
    if _is_estate(upper, tokens, known):
        return "estate"
    if _has_legal_form(tokens, known):
        return "organization"
    if known.government.search(joined) and not _is_called_so(tokens):
        return "government"
    if not columns and (_is_corporation(text.upper(), known) or _is_organization(upper, known)):
        return "organization"
    return "person"


def _is_called_so(tokens: Sequence[str]) -> bool:
    """CARRIE NATION, JOHN COUNTY JR: people with surely a given name, which is no county's."""
    *given, surname = [token for token in tokens if token not in _AFFIXES] or [""]
    if surname not in _GOVERNMENT_SURNAMES or not 1 <= len(given) <= 2 or " ".join(given) in counties():
        return False
    return given_over_surname(given[0]) > SURELY_GIVEN and all(len(t) == 1 or is_given(t) for t in given[1:])


def _is_corporation(upper: str, known: Words) -> bool:
    """An acronym of four letters or more, by its periods; a professional corporation behind two whole words or MD."""
    if _ACRONYM.search(upper):
        return True
    tokens = _split(plain(upper))
    if tokens[-1] == _PROFESSIONAL_ASSOCIATION and len(tokens) > 2 and tokens[-2] in known.raw["professional"]:
        return True
    found = _PROFESSIONAL.search(upper)
    return found is not None and sum(len(word) > 1 for word in _split(_DOTS.sub("", upper[: found.start()]))) > 1


def _split(upper: str) -> list[str]:
    return [token for token in _SPLIT.split(upper) if token]


def _is_trust(upper: str, tokens: Sequence[str], known: Words) -> bool:
    for i, token in enumerate(tokens):
        if token in known.trust and not (
            token == "TRUST"
            and ((i + 1 < len(tokens) and tokens[i + 1] in known.trust_firm)
                 or (i > 1 and tokens[i - 1] in ("&", "AND") and tokens[i - 2] in ("BANK", "SAVINGS", "LOAN")))
        ):  # fmt: skip
            return len(tokens) > 1
    if "IRA" in tokens and _RETIREMENT.search(upper):
        return True
    if len(tokens) < 3 or TRUST_SIGNS.isdisjoint(tokens):
        return False
    return bool(_TRUST_ABBREVIATED.search(upper) or _DATED.search(upper))


def _is_estate(upper: str, tokens: Sequence[str], known: Words) -> bool:
    phrase = known.estate_phrase.search(f" {' '.join(tokens)} ")
    if len(tokens) < 2 or (known.estate.isdisjoint(tokens) and not phrase):
        return False
    rest = _LIFE_ESTATE.sub(" ", upper)
    if _REAL_ESTATE.search(rest):
        return False
    if _ESTATE_OF.search(rest):
        return True
    kept = _split(rest)
    if not kept or _has_legal_form(tokens, known):
        return False
    if phrase or any(token in known.estate and token not in _TITLES_TOO for token in kept):
        return True
    return kept[-1] in known.estate and (kept[-1] != "DEC" or len(kept) > 2)  # JOHN DEC


def _has_legal_form(tokens: Sequence[str], known: Words) -> bool:
    for i, token in enumerate(tokens):
        if token in known.legal and i > 0:
            if token not in known.ambiguous_legal:
                return True
            if i == len(tokens) - 1 and (_FIRM_SIGN.intersection(tokens) or not _reads_as_names(tokens[:i], known)):
                return True
    return False


def _is_organization(upper: str, known: Words) -> bool:
    """Anything that a person's name does not have: a kind of business, a number, a possessive, OF and THE."""
    text = known.marker.sub(" ", _ASIDE.sub(" ", upper))
    tokens = _split(text)
    if len(tokens) == 1:
        return _is_brand(tokens[0], known)
    if not tokens:
        return False
    if tokens[0] == "DBA":
        return True
    if all(len(token) == 1 and token != "&" for token in tokens):
        return True
    for i, token in enumerate(tokens):
        if token in known.surname:
            start, end = _side(tokens, i)
            beside = [*tokens[start:i], *tokens[i + 1 : end]]
            if token in known.church and not known.church_names.isdisjoint(beside):
                return True
            if not _reads_as_names(beside, known) and not _is_given_here(tokens, start, i, known):
                return True
        elif token in known.organization or token in known.fillers or _POSSESSIVE.search(token) or _has_number(token):
            return True
    padded = f" {' '.join(tokens)} "
    if any(f" {phrase} " in padded for phrase in known.phrases):
        return True
    return bool(_FIRM_SIGN.intersection(tokens)) and _is_firm(text)


def _is_brand(token: str, known: Words) -> bool:
    """A single word: a kind of business, or a word that is nobody's name in the census files."""
    if _POSSESSIVE.search(token):
        return True
    if token in known.organization or _has_number(token):
        return not is_surname(token)
    parts = [part for part in re.split(r"[-']", token) if len(part) > 1]
    if token.count("-") > 1:  # partners in a row; nobody has three surnames and no given name
        return True
    return token.isascii() and not any(is_given(part) or is_surname(part) for part in (*parts, token.replace("'", "")))


def _has_number(token: str) -> bool:
    return token not in _ORDINAL_SUFFIX and any(character.isdigit() for character in token)


def _is_given_here(tokens: Sequence[str], start: int, at: int, known: Words) -> bool:
    """CHARITY SMITH, CHARITY A SMITH: a word of firms as a given name, before a surname that is no such word."""
    rest = [token for token in tokens[at + 1 :] if token not in _AFFIXES]
    if at != start or not 1 <= len(rest) <= 2 or not is_given(tokens[at]) or len(rest[-1]) == 1:
        return False
    usual = is_surname(rest[-1]) and rest[-1] not in known.organization and rest[-1] not in known.surname
    return usual and all(len(token) == 1 or is_given(token) for token in rest[:-1])


def _side(tokens: Sequence[str], at: int) -> tuple[int, int]:
    """The stretch of tokens around `at` between two & or AND."""
    start = max((i + 1 for i in range(at) if tokens[i] in _FIRM_SIGN), default=0)
    end = min((i for i in range(at, len(tokens)) if tokens[i] in _FIRM_SIGN), default=len(tokens))
    return start, end


def _reads_as_names(tokens: Sequence[str], known: Words) -> bool:
    """True when `tokens` can be what stands beside a surname: a given name or an initial, and no business word."""
    bare = [token for token in tokens if token not in _AFFIXES]
    if not 1 <= len(bare) <= 3 or any(token in known.organization or token in known.surname for token in bare):
        return False
    initial = any(len(token) == 1 for token in bare)
    return initial or any(is_given(part) for part in bare[0].split("-"))


def _is_firm(text: str) -> bool:
    """BLACK & VEATCH; BOIES, SCHILLER & FLEXNER; J & M PUMPING: surnames or initials in a row, not joint owners."""
    _, comma, after = text.partition(",")
    sides = [side for side in (_split(part) for part in _FIRM_SPLIT.split(after if comma else text)) if side]
    every = [token for side in sides for token in side if token not in _AFFIXES]
    scores = [given_over_surname(token) for token in every if len(token) > 1]
    if comma:
        single = all(len(part.split()) == 1 for part in re.split(r",|&|\bAND\b", text) if part.strip())
        return bool(scores) and single and len(scores) == len(every) and max(scores) <= 0 and min(scores) < 0
    if len(sides) < 2 or any(token in _AFFIXES for token in sides[-1]):
        return len(sides) < 2
    head, tail = sides[0], sides[-1]
    if all(len(token) == 1 for token in head) and len(head) <= 2:
        last = tail[-1]
        return len(tail) <= 2 and not (len(last) > 1 and is_surname(last)) and all(len(t) == 1 for t in tail[:-1])
    if len(tail) > 1 or not scores or len(scores) < len(every):
        return False
    if len(head) == 1 and len(sides) == 2:
        return min(scores) <= 0
    return max(scores) <= 0 or all(given_over_surname(token) < 0 for token in head)
