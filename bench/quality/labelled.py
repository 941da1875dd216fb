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
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree

import pyarrow as pa

from bench.quality.figures import Figure, Outcome, share, wrong_kinds
from bench.quality.linked import judge, link, pairwise, staged, wrong_pairs
from cm_core.hygiene.addresses import Address, standardize_address
from cm_core.hygiene.names import Party, name_key, parse_name
from cm_core.hygiene.streets import suffix_forms

#: (label, word) of each part of a labelled text.
Parts = list[tuple[str, str]]

_ORDINALS = {
    "FIRST": "1ST", "SECOND": "2ND", "THIRD": "3RD", "FOURTH": "4TH", "FIFTH": "5TH", "SIXTH": "6TH",
    "SEVENTH": "7TH", "EIGHTH": "8TH", "NINTH": "9TH", "TENTH": "10TH",
}  # fmt: skip
_ROUTES = {"CR": ("COUNTY", "RD"), "SR": ("STATE", "RD"), "HIGHWAY": ("HWY",)}
_US_HIGHWAY = re.compile(r"\bUS (?:HWY|HIGHWAY|ROUTE|RTE)\b")
_NUMBERS = {
    "ONE": "1", "TWO": "2", "THREE": "3", "FOUR": "4", "FIVE": "5", "SIX": "6", "SEVEN": "7", "EIGHT": "8", "NINE": "9",
}  # fmt: skip
_ORDINAL = re.compile(r"(\d+)(?:ST|ND|RD|TH)")
_NOISE = re.compile(r"[^A-Z0-9]+")
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
        wrong = []
        for name, value in vars(expected).items():
            if value:
                total[name] += 1
                if _alike(name, expected, found):
                    right[name] += 1
                else:
                    wrong.append(name)
        whole += not wrong
        if wrong:
            cases.append((", ".join(wrong), f"{text}: {address.street if address else None}"))
    messy = (data / "addresses_messy.csv").read_text(encoding="utf-8").splitlines()
    read = sum(standardize_address(line.strip('"')) is not None for line in messy)
    figures = [share("all parts", whole, len(expectations), 0.97)]
    figures += [share(name.replace("_", " "), right[name], total[name], 0.97) for name in vars(Delivery())]
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
    """The parts of a delivery line that are compared; empty where there is none."""

    street_number: str = ""
    street_name: str = ""
    street_suffix: str = ""
    unit: str = ""
    po_box: str = ""


def _delivery(parts: Parts) -> Delivery | None:
    """The labelled delivery line; None for a crossing of streets, or without a numbered street or box."""
    words: dict[str, list[str]] = {}
    for label, word in parts:
        words.setdefault(label, []).append(word.strip(",;()"))

    def of(*labels: str) -> str:
        return " ".join(word for label, word in parts if label in labels)

    if "IntersectionSeparator" in words or "CornerOf" in words:
        return None
    is_route = "USPSBoxGroupType" in words
    box = "" if is_route else of("USPSBoxID")
    number = of("AddressNumberPrefix", "AddressNumber", "AddressNumberSuffix")
    if not box and not (number and "StreetName" in words):
        return None
    return Delivery(
        number if "StreetName" in words else "",
        of("StreetNamePreModifier", "StreetNamePreType", "StreetName", "StreetNamePostModifier") if number else "",
        of("StreetNamePostType"),
        of("OccupancyIdentifier"),
        box,
    )


def _read(address: Address) -> Delivery:
    """The same out of an address's key (`S|number|direction|name|suffix|direction|place|unit`, `P|box|place`)."""
    fields = (address.address_key or "").split("|")
    box = re.search(r"\bPO BOX (\S+)", address.street or "")
    po_box = box[1] if box else ""
    if fields[0] != "S":
        return Delivery(po_box=po_box)
    fields += [""] * 9
    unit = fields[7:] if fields[6] == address.zip else fields[8:]
    return Delivery(fields[1], fields[3], fields[4], " ".join(filter(None, unit)), po_box)


def _alike(name: str, expected: Delivery, found: Delivery) -> bool:
    """Whether two spellings of a part are one: suffixes, ordinals and routes by their short form, punctuation aside."""
    value, answer = _squeezed(getattr(expected, name)), _squeezed(getattr(found, name))
    if name == "unit":  # the building's, where there is one, stands before it
        return answer.endswith(value.removeprefix("NO"))
    if name == "street_name" and not expected.street_suffix:  # STONY ISLAND: whether that is a suffix does not matter
        return value in (answer, answer + _squeezed(found.street_suffix))
    return value == answer


def _squeezed(text: str) -> str:
    words = _US_HIGHWAY.sub("US", _NOISE.sub(" ", unquote(text).upper())).split()
    words = [part for word in words for part in _ROUTES.get(word, (word,))]
    forms = suffix_forms(words)
    short = (_ORDINALS.get(word) or _NUMBERS.get(word) or forms[word] or word for word in words)
    return "".join(_ORDINAL.sub(r"\1", word) for word in short)
