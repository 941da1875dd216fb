"""The values that sample people are made of: names by US frequency, real places with their area codes, streets.

Read from installed packages (`names`, `nicknames`, `zipcodes`, `phonenumbers`) on first use. No random draw happens
here.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import phonenumbers
import zipcodes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

#: Share of people by state: where mineral owners live. Every other state gets `_ELSEWHERE` together.
_STATES = {
    "TX": 0.28, "OK": 0.20, "NM": 0.05, "LA": 0.07, "CO": 0.06, "ND": 0.03, "KS": 0.05, "AR": 0.04,
    "WV": 0.03, "PA": 0.04, "OH": 0.04, "WY": 0.02, "CA": 0.03,
}  # fmt: skip
_ELSEWHERE = 0.06

STREET_NAMES = [
    "Main",
    "Oak",
    "Pine",
    "Maple",
    "Cedar",
    "Elm",
    "Walnut",
    "Washington",
    "Lincoln",
    "Jackson",
    "Jefferson",
    "Madison",
    "Adams",
    "Monroe",
    "Park",
    "Lake",
    "Hill",
    "Spring",
    "River",
    "Church",
    "Mill",
    "Highland",
    "Sunset",
    "Ridge",
    "Meadow",
    "Forest",
    "Prairie",
    "Railroad",
    "School",
    "Center",
    "Broadway",
    "Chestnut",
    "Willow",
    "Dogwood",
    "Hickory",
    "Sycamore",
    "Magnolia",
    "Poplar",
    "Birch",
    "Juniper",
    "Mesquite",
    "Pecan",
    "Cottonwood",
    "Redbud",
    "Bluebonnet",
    "Cherokee",
    "Choctaw",
    "Comanche",
    "Osage",
    "Apache",
    "Kiowa",
    "Navajo",
    "Seminole",
    "Delaware",
    "Shawnee",
    "Houston",
    "Austin",
    "Dallas",
    "Travis",
    "Crockett",
    "Bowie",
    "Lamar",
    "Fannin",
    "Milam",
    "Rusk",
    "Crawford",
    "Harrison",
    "Taylor",
    "Grant",
    "Sheridan",
    "Custer",
    "Franklin",
    "Garfield",
    "Cleveland",
    "Wilson",
    "Kennedy",
    "Johnson",
    "Miller",
    "Baker",
    "Carter",
    "Turner",
    "Parker",
    "Collins",
    "Stewart",
    "Morris",
    "Rogers",
    "Reed",
    "Cook",
    "Bell",
    "Murphy",
    "Bailey",
    "Cooper",
    "Richardson",
    "Howard",
    "Ward",
    "Brooks",
    "Gray",
    "James",
    "Bennett",
    "Wood",
    "Barnes",
    "Ross",
    "Henderson",
    "Coleman",
    "Jenkins",
    "Perry",
    "Powell",
    "Long",
    "Patterson",
    "Hughes",
    "Flores",
    "Simmons",
    "Foster",
    "Bryant",
    "Alexander",
    "Russell",
    "Griffin",
    "Hayes",
    "Quail",
    "Dove",
    "Eagle",
    "Hawk",
    "Falcon",
    "Cardinal",
    "Mockingbird",
    "Deer",
    "Fox",
    "Wolf",
    "Buffalo",
    "Mustang",
    "Stallion",
    "Ranch",
    "Canyon",
    "Mesa",
    "Valley",
    "Summit",
    "Vista",
    "Stone",
    "Granite",
    "Sandstone",
]
STREET_TYPES = ("St", "Ave", "Rd", "Dr", "Ln", "Ct", "Blvd", "Cir", "Pl", "Way")
STREET_TYPES_LONG = (
    "Street", "Avenue", "Road", "Drive", "Lane", "Court", "Boulevard", "Circle", "Place", "Way",
)  # fmt: skip
DIRECTIONS = ("", "", "", "", "", "N", "S", "E", "W", "NW")
DIRECTIONS_LONG = ("", "", "", "", "", "North", "South", "East", "West", "Northwest")
MAIL_DOMAINS = (
    "gmail.com", "yahoo.com", "hotmail.com", "aol.com", "outlook.com", "icloud.com", "sbcglobal.net", "att.net",
    "cox.net", "comcast.net", "suddenlink.net", "windstream.net",
)  # fmt: skip
COMPANY_WORDS = (
    "Red River", "Black Gold", "Lone Star", "Panhandle", "Prairie", "Big Sky", "Cimarron", "Anadarko", "Caddo",
    "Arbuckle", "Sooner", "Permian", "Eagle Ford", "Bluestem", "Canadian River", "High Plains", "Wagon Wheel",
    "Arrowhead", "Thunder", "Silver Creek", "Stone Canyon", "Mustang", "Longhorn", "Roughneck", "Wildcat",
    "Frontier", "Pioneer", "Heritage", "Legacy", "Summit", "Cornerstone", "Keystone", "Patriot", "Liberty",
    "Centennial", "Diamond", "Sandhill", "Chisholm",
)  # fmt: skip
COMPANY_KINDS = (
    "Oil & Gas", "Minerals", "Royalty", "Energy", "Resources", "Land", "Petroleum", "Exploration", "Operating",
    "Production", "Investments", "Ranch", "Holdings", "Royalties",
)  # fmt: skip
#: Ways of writing one legal form: rows of three.
COMPANY_FORMS = (
    ("LLC", "L.L.C.", "Llc"), ("Inc", "Inc.", "Incorporated"), ("LP", "L.P.", "Lp"), ("Co", "Co.", "Company"),
    ("Corp", "Corp.", "Corporation"), ("Ltd", "Ltd.", "LTD"),
)  # fmt: skip


@dataclass(frozen=True)
class Pools:
    """Value lists with the draws' weights; every index used by `population` points into these.

    `first` holds male names, then female ones (from `female_from`), then nicknames; `nicknames[i]` are indexes into
    `first` of up to three short forms of name i, or -1. `zip_area_codes` has three (possibly equal) codes per ZIP.
    """

    first: list[str]
    female_from: int
    male_cdf: Floats
    female_cdf: Floats
    nicknames: Ints
    last: list[str]
    last_cdf: Floats
    zips: list[str]
    cities: list[str]
    states: list[str]
    zip_cdf: Floats
    zip_area_codes: Ints


@lru_cache(maxsize=1)
def pools() -> Pools:
    """All pools, read once per process (about half a second)."""
    male, male_weight = _census("dist.male.first")
    female, female_weight = _census("dist.female.first")
    last, last_weight = _census("dist.all.last")
    formal = male + female
    short: dict[str, list[str]] = {}
    with files("nicknames").joinpath("names.csv").open(encoding="utf-8") as lines:
        for row in csv.reader(lines):
            if len(row) == 3 and row[1] == "has_nickname" and row[2].isalpha():
                short.setdefault(row[0].title(), []).append(row[2].title())
    extra = sorted({nick for name in formal for nick in short.get(name, [])[:3]})
    position = {name: len(formal) + index for index, name in enumerate(extra)}
    nicknames = np.full((len(formal) + len(extra), 3), -1, dtype=np.int64)
    for index, name in enumerate(formal):
        for column, nick in enumerate(short.get(name, [])[:3]):
            nicknames[index, column] = position[nick]
    places = _places()
    return Pools(
        first=formal + extra,
        female_from=len(male),
        male_cdf=_cdf(male_weight),
        female_cdf=_cdf(female_weight),
        nicknames=nicknames,
        last=last,
        last_cdf=_cdf(last_weight),
        zips=[p[0] for p in places],
        cities=[p[1] for p in places],
        states=[p[2] for p in places],
        zip_cdf=_cdf(np.array([p[4] for p in places])),
        zip_area_codes=np.array([p[3] for p in places], dtype=np.int64),
    )


def _census(name: str) -> tuple[list[str], Floats]:
    """Names in title case and their frequency in per cent (US Census lists shipped with the `names` package)."""
    names: list[str] = []
    weights: list[float] = []
    for line in files("names").joinpath(name).read_text(encoding="ascii").splitlines():
        text, weight, *_ = line.split()
        names.append(text.title())
        weights.append(max(float(weight), 0.0005))
    return names, np.array(weights)


def _cdf(weights: Floats) -> Floats:
    total: Floats = np.cumsum(weights)
    cdf: Floats = total / total[-1]
    return cdf


def _places() -> list[tuple[str, str, str, list[int], float]]:
    """(ZIP, city, state, three area codes, weight) of ordinary ZIPs with a valid area code, by ZIP."""
    valid: dict[str, bool] = {}

    def works(code: str) -> bool:
        if code not in valid:
            valid[code] = phonenumbers.is_valid_number(phonenumbers.parse(f"+1{code}2345678"))
        return valid[code]

    found = []
    listed = zipcodes.list_all()  # type: ignore[no-untyped-call]
    for place in sorted(listed, key=lambda p: str(p["zip_code"])):
        codes = [int(code) for code in place["area_codes"] if works(code)]
        if place["zip_code_type"] == "STANDARD" and place["active"] and codes and len(place["state"]) == 2:
            # Few large places and many small ones, the same for every seed: a low-discrepancy sequence on the ZIP.
            size = 1 / (0.02 + (int(place["zip_code"]) * 0.6180339887498949) % 1)
            triple = [codes[0], codes[0], codes[-1]]
            found.append((str(place["zip_code"]), str(place["city"]), str(place["state"]), triple, size))
    mass: dict[str, float] = {}
    for _, _, state, _, size in found:
        group = state if state in _STATES else ""
        mass[group] = mass.get(group, 0.0) + size
    return [
        (code, city, state, triple, size * _STATES.get(state, _ELSEWHERE) / mass[state if state in _STATES else ""])
        for code, city, state, triple, size in found
    ]
