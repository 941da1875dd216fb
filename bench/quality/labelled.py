"""Names and addresses that others took apart by hand, and a list whose true ids are known.

The files do not come with us. Their folder is CM_SHARED_DATA, or
`shared/data` beside the project. What is compared is what staging keeps: the kind of owner, the first and last name,
and the parts of an address as its match key has them.
"""

from __future__ import annotations

import csv
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pyarrow as pa

from bench.quality.figures import Figure, Outcome, share, wrong_kinds
from bench.quality.linked import judge, link, pairwise, staged, wrong_pairs
from cm_core.hygiene.addresses import Address, standardize_address
from cm_core.hygiene.names import Party, name_key, parse_name
from cm_core.hygiene.places import state_code
from cm_core.hygiene.streets import suffix_forms

#: (label, word) of each part of a labelled text.
Parts = list[tuple[str, str]]

_ORDINALS = {
    "FIRST": "1ST", "SECOND": "2ND", "THIRD": "3RD", "FOURTH": "4TH", "FIFTH": "5TH", "SIXTH": "6TH",
    "SEVENTH": "7TH", "EIGHTH": "8TH", "NINTH": "9TH", "TENTH": "10TH",
}  # fmt: skip
# Spellings of highways (Pub 28, Appendix F), of directions, and of units without a number (C2); put in place in order.
_SPELLINGS = tuple(
    (re.compile(rf"\b(?:{spelling})\b"), by)
    for spelling, by in (
        (r"U S", "US"), (r"CO RD|CO ROAD|CR|COUNTRY (?:ROAD|RD)|CNTY RD|COUNTY ROAD", "COUNTY RD"),
        (r"SR|STATE (?:ROAD|ROUTE|RTE)", "STATE RD"), (r"RT|RTE|ROUTE", "RTE"), (r"HIGHWAY", "HWY"),
        (r"US (?:HWY|RTE)", "US"),
        (r"(?:IH?|INTERSTATE)(?= \d)", "INTERSTATE"), (r"(?:NO|NUMBER)(?= \d)", ""),
        (r"NORTH", "N"), (r"SOUTH", "S"), (r"EAST", "E"), (r"WEST", "W"),
        (r"LOBBY", "LBBY"), (r"FRONT", "FRNT"), (r"LOWER", "LOWR"), (r"UPPER", "UPPR"), (r"BASEMENT", "BSMT"),
        (r"GROUND", "GRND"),
    )
)  # fmt: skip
_STATE_HIGHWAY = re.compile(r"\b([A-Z]{3,}(?: [A-Z]{3,})?)(?= (?:HWY|RTE|STATE RD) \d)")
_NUMBERS = {
    "ONE": "1", "TWO": "2", "THREE": "3", "FOUR": "4", "FIVE": "5", "SIX": "6", "SEVEN": "7", "EIGHT": "8", "NINE": "9",
    "TEN": "10", "TWENTY": "20", "THIRTY": "30", "FORTY": "40", "FIFTY": "50",
}  # fmt: skip
_ORDINAL = re.compile(r"(\d+)(?:ST|ND|RD|TH)")
_NOISE = re.compile(r"[^A-Z0-9]+")
_DESIGNATOR = re.compile(r"(?:APT|STE|SUITE|UNIT|RM|ROOM|FL|BLDG|LOT|LT|NO)(?=\d)")
_NAME = frozenset(
    ("StreetNamePreModifier", "StreetNamePreType", "StreetName", "StreetNamePostModifier", "StreetNamePostType")
)
_DIRECTION = frozenset(("StreetNamePreDirectional", "StreetNamePostDirectional"))
_IS_GROUP = frozenset(("USPSBoxGroupType", "USPSBoxGroupID"))
_TRUTH = "create or replace table truth as from truth_arrow"


def folder() -> Path | None:
    """Where the files are, or None where they are not."""
    found = Path(os.environ.get("CM_SHARED_DATA") or Path(__file__).resolve().parents[3] / "shared" / "data")
    return found if found.is_dir() else None


def names(data: Path) -> Outcome:
    """Whether a name is a person's, and the given name and surname of people who have both, each of a couple's too."""
    people = list(labelled(data / "names_person_labeled.xml"))
    companies = list(labelled(data / "names_company_labeled.xml"))
    cases: list[tuple[str, str]] = []
    right = {"person": 0, "company": 0}
    for kind, records in (("person", people), ("company", companies)):
        for text, _ in records:
            found = parse_name(text)
            if found and (found[0].entity_type == "person") == (kind == "person"):
                right[kind] += 1
            else:
                cases.append((f"a {kind} read as {found[0].entity_type if found else 'nothing'}", text))
    both = parted = 0
    for text, parts in people:
        if expected := _people_of(parts):
            both += 1
            found = parse_name(text)
            if len(found) == len(expected) and all(map(_is_person, found, expected)):
                parted += 1
            else:
                cases.append(("given name or surname", f"{text}: {_written(found)}"))
    return Outcome(
        "labelled names",
        (
            share("kind of owner", sum(right.values()), len(people) + len(companies), 0.98),
            share("kind of owner: people", right["person"], len(people)),
            share("kind of owner: companies", right["company"], len(companies)),
            share("given name and surname of people with both", parted, both, 0.97),
        ),
        wrong_kinds(cases),
    )


def addresses(data: Path) -> Outcome:
    """The parts of a delivery line, each where it is labelled, and all of them; no crossings, no mere places."""
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    cases: list[tuple[str, str]] = []
    whole = 0
    expectations = [
        (text, expected) for text, parts in labelled(data / "addresses_labeled.xml") if (expected := _delivery(parts))
    ]
    for text, expected in expectations:
        address = standardize_address(text)
        found = _read(address) if address else Delivery()
        wrong: list[str] = []
        for name, value in vars(expected).items():
            if value:
                total[name] += 1
                if _alike(name, expected, found):
                    right[name] += 1
                else:
                    wrong.append(name)
        whole += not wrong and not expected.route
        if wrong:
            cases.append((", ".join(wrong), f"{text}: {address.street if address else None}"))
    messy = (data / "addresses_messy.csv").read_text(encoding="utf-8").splitlines()
    read = sum(standardize_address(line.strip('"')) is not None for line in messy)
    figures = [share("all parts", whole, sum(not expected.route for _, expected in expectations), 0.97)]
    figures += [
        share(name.replace("_", " "), right[name], total[name], None if name == "route" else 0.97)
        for name in vars(Delivery())
    ]
    figures.append(Figure("messy addresses read without a crash", read / len(messy), len(messy), 1.0))
    return Outcome("labelled addresses", tuple(figures), wrong_kinds(cases))


def sites(data: Path) -> Outcome:
    """Early-childhood sites out of several lists: names in many forms, phones without an area code, seldom a ZIP."""
    path = data / "early_childhood_sites_true_ids.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        ids = [row["True Id"] for row in csv.DictReader(lines)]
    rows = [
        {"import_id": path.name, "row_number": row, "party_no": 1, "true_id": int(true), "household": row, "noise": ""}
        for row, true in enumerate(ids, start=1)
    ]
    with staged([path]) as (con, settings):
        con.register("truth_arrow", pa.Table.from_pylist(rows))
        con.execute(_TRUTH)
        con.unregister("truth_arrow")
        link(con, settings)
        judge(con)
        return Outcome("early-childhood sites", pairwise(con), wrong_pairs(con))


def labelled(path: Path) -> Iterator[tuple[str, Parts]]:
    """(whole text, its parts) of each record of a labelled file."""
    for record in ElementTree.parse(path).getroot():
        text = " ".join("".join(record.itertext()).split())
        yield text, [(part.tag, (part.text or "").strip()) for part in record]


def _people_of(parts: Parts) -> list[tuple[str, str]]:
    """(given name, surname) of each person named, as letters; empty unless whole. A couple shares one surname."""
    people: list[tuple[list[str], list[str]]] = [([], [])]
    for label, word in parts:
        given, family = people[-1]
        if label == "And":
            people.append(([], []))
        elif label in ("GivenName", "FirstInitial"):
            given.append(word)
        elif label == "Surname":
            family.append(word)
    surnames = [name_key("".join(family)) for _, family in people]
    shared = next((name for name in reversed(surnames) if name), "")
    found = [(name_key("".join(given)), name or shared) for (given, _), name in zip(people, surnames, strict=True)]
    is_whole = any(label == "GivenName" for label, _ in parts) and all(given and name for given, name in found)
    return found if is_whole else []


def _is_person(party: Party, expected: tuple[str, str]) -> bool:
    """Whether first and last are the labelled ones. Of a given name in two words the second may be the middle name."""
    first, names = name_key(party.first or ""), name_key(f"{party.first or ''}{party.middle or ''}")
    given, surname = expected
    return bool(first) and given.startswith(first) and names.startswith(given) and name_key(party.last or "") == surname


def _written(parties: tuple[Party, ...]) -> str:
    return " + ".join(party.organization_name or "|".join(part or "" for part in party[1:6]) for party in parties)


@dataclass(frozen=True)
class Delivery:
    """The parts of a delivery line that are compared; empty where there is none. `route` is a route and its box."""

    street_number: str = ""
    street_name: str = ""
    street_suffix: str = ""
    unit: str = ""
    po_box: str = ""
    route: str = ""


def _delivery(parts: Parts) -> Delivery | None:
    """The labelled delivery line; None for a crossing of streets, or without a numbered street or box.

    The labels are put in USPS form (Pub 28, 232 to 234 and C1): of several street types the last is the suffix and the
    others belong to the name, as do a direction inside the name and a type that C1 does not have (GULCH, STRIP).
    """
    labels = {label for label, _ in parts}

    def of(*wanted: str) -> str:
        return " ".join(word.strip(",;()") for label, word in parts if label in wanted)

    if labels & {"IntersectionSeparator", "CornerOf"}:
        return None
    box = of("USPSBoxID")
    number = of("AddressNumberPrefix", "AddressNumber", "AddressNumberSuffix")
    if not box and not (number and "StreetName" in labels):
        return None
    at = [i for i, (label, _) in enumerate(parts) if label in _NAME]
    inner = parts[at[0] : at[-1] + 1] if at and number else []
    street = [(label, word.strip(",;()")) for label, word in inner if label in _NAME | _DIRECTION]
    suffix = ""
    if len(street) > 1 and street[-1][0] != "StreetName" and _suffix(street[-1][1]):
        suffix = street.pop()[1]
    is_group = bool(labels & _IS_GROUP)
    return Delivery(
        number if "StreetName" in labels else "",
        " ".join(word for _, word in street),
        suffix,
        of("OccupancyIdentifier"),
        "" if is_group else box,
        f"{of('USPSBoxGroupID')} {box}" if is_group else "",
    )


def _read(address: Address) -> Delivery:
    """The same out of an address's key (`S|number|direction|name|suffix|direction|place|unit`, `P|box|place`).

    Several units stand apart by `|`. Of military mail the unit and
    the box are the box, as they are labelled.
    """
    fields = [unquote(field) for field in (address.address_key or "").split("|")]
    street = address.street or ""
    if fields[0] == "R":
        return Delivery(route=f"{fields[2]} {fields[3]}", po_box=fields[3])
    if fields[0] == "M":
        return Delivery(po_box=f"{fields[2]} {fields[3]}")
    found = re.search(r"\bBOX (\S+)", street)
    box = found[1] if found else ""
    if fields[0] != "S":
        return Delivery(po_box=box)
    fields += [""] * 9
    units = list(filter(None, fields[7:] if fields[6] == address.zip else fields[8:]))
    route = re.search(r"\b(?:RR|HC) (\S+) BOX (\S+)", street)
    return Delivery(fields[1], fields[3], fields[4], "|".join(units), box, f"{route[1]} {route[2]}" if route else "")


def _alike(name: str, expected: Delivery, found: Delivery) -> bool:
    """Whether two spellings of a part are one: suffixes, ordinals and routes by their short form, punctuation aside."""
    value, answer = _squeezed(getattr(expected, name)), _squeezed(getattr(found, name))
    if name == "street_suffix":
        return _suffix(expected.street_suffix) == found.street_suffix
    if name == "unit":  # a building, a floor or a private mailbox may stand beside it
        units = [_squeezed(unit) for unit in found.unit.split("|")]
        runs = {"".join(units[i:j]) for i in range(len(units)) for j in range(i + 1, len(units) + 1)}
        return _DESIGNATOR.sub("", value.removeprefix("NO")) in runs
    if name == "route":
        value = value.removeprefix("RR").lstrip("0")
    if name == "po_box":
        value = value.removeprefix("NO")
    if name == "street_name" and not expected.street_suffix:  # STONY ISLAND: whether that is a suffix does not matter
        return value in (answer, answer + _squeezed(found.street_suffix))
    return value == answer


@cache
def _suffix(word: str) -> str | None:
    """The abbreviation of a street suffix, or of what hygiene takes for one misspelled; None for any other word."""
    address = standardize_address(f"1234 N ZZYZX {word}", None, "Oologah", "OK", "74053")
    fields = (address.address_key or "").split("|") if address else []
    return fields[4] if fields[:4] == ["S", "1234", "N", "ZZYZX"] and fields[4] else None


def _squeezed(text: str) -> str:
    text = _NOISE.sub(" ", text.upper().replace("½", " 1/2"))
    text = " ".join(_ORDINALS.get(word) or _NUMBERS.get(word) or word for word in text.split())
    for spelling, by in _SPELLINGS:
        text = spelling.sub(by, text)
    text = _STATE_HIGHWAY.sub(lambda state: state_code(state[1]) or state[1], text)
    words = text.split()
    forms = suffix_forms(words)
    return "".join(_ORDINAL.sub(r"\1", forms[word] or word) for word in words)
