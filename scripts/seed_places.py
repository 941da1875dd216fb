"""Write the seeds that say where a number or an address may be: area codes, first three digits of ZIPs, states.

    .venv/bin/python scripts/seed_places.py

Area codes, their states and zones come from `phonenumbers` (Google's metadata), ZIPs from `zipcodes`; both are offline.
Run it after either package was updated, look at the difference, commit it. The same packages give the same files.
Nothing reads the packages at run time: what decides is in the seeds, where it can be read and mended.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import phonenumbers
import zipcodes
from phonenumbers import PhoneNumberType
from phonenumbers.geodata import GEOCODE_DATA
from phonenumbers.tzdata import TIMEZONE_DATA

_SEEDS = Path(__file__).resolve().parent.with_name("dbt_project") / "seeds"

#: Zones in which other zones of the United States are counted that have had the same clock since 2020.
_ZONES = (
    "America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles",
    "America/Anchorage", "America/Adak", "Pacific/Honolulu", "America/Puerto_Rico", "Pacific/Guam",
)  # fmt: skip
#: What the packages have wrong: a place for a zone; Adak by the clock that it has in winter only; Orlando.
_MISNAMED = {"Napakiak": "America/Anchorage"}
#: West Wendover keeps Mountain time, by its own state's leave (49 CFR 71.9).
_BESIDE = {("898", "NV", "America/Denver")}
_NOT_THERE = {("907", "Pacific/Honolulu"), ("689", "America/Chicago")}
#: Regions of the numbering plan that the national registry covers, with the code the postal service has for them.
_UNITED_STATES = {"US", "PR", "VI", "GU", "AS", "MP"}
_STATES = {
    "Alabama": "AL", "Alaska": "AK", "Arizona": "AZ", "Arkansas": "AR", "California": "CA", "Colorado": "CO",
    "Connecticut": "CT", "Delaware": "DE", "Florida": "FL", "Georgia": "GA", "Hawaii": "HI", "Idaho": "ID",
    "Illinois": "IL", "Indiana": "IN", "Iowa": "IA", "Kansas": "KS", "Kentucky": "KY", "Louisiana": "LA",
    "Maine": "ME", "Maryland": "MD", "Massachusetts": "MA", "Michigan": "MI", "Minnesota": "MN", "Mississippi": "MS",
    "Missouri": "MO", "Montana": "MT", "Nebraska": "NE", "Nevada": "NV", "New Hampshire": "NH", "New Jersey": "NJ",
    "New Mexico": "NM", "New York": "NY", "North Carolina": "NC", "North Dakota": "ND", "Ohio": "OH", "Oklahoma": "OK",
    "Oregon": "OR", "Pennsylvania": "PA", "Rhode Island": "RI", "South Carolina": "SC", "South Dakota": "SD",
    "Tennessee": "TN", "Texas": "TX", "Utah": "UT", "Vermont": "VT", "Virginia": "VA", "Washington State": "WA",
    "Washington D.C.": "DC", "West Virginia": "WV", "Wisconsin": "WI", "Wyoming": "WY",
}  # fmt: skip
_KINDS = {
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.PREMIUM_RATE: "premium",
    PhoneNumberType.PERSONAL_NUMBER: "personal",
    PhoneNumberType.VOIP: "personal",
}


def main() -> None:
    """Write the three files and say how many rows each has."""
    zips = list(_zips())
    area_codes = sorted(set(_area_codes(zips)))
    zones = {(state, zone) for _, state, zone, _ in zips}
    zones |= {(state, zone) for _, _, _, state, zone in area_codes if state and zone}
    _write("area_code_places.csv", ("area_code", "kind", "country", "state", "zone"), area_codes)
    _write(
        "zip3_places.csv",
        ("zip3", "state", "zone"),
        sorted({(zip5[:3], state, zone) for zip5, state, zone, _ in zips} | _BESIDE),
    )
    _write("state_zones.csv", ("state", "zone"), sorted(zones))


def _zips() -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """ZIP, state, zone and area codes; without military ZIPs, which have no zone."""
    for row in zipcodes.list_all():
        zone = _MISNAMED.get(row["timezone"], row["timezone"])
        if zone and row["state"]:
            yield row["zip_code"], row["state"], _canonical(zone), tuple(row["area_codes"])


def _area_codes(zips: list[tuple[str, str, str, tuple[str, ...]]]) -> Iterator[tuple[str, str, str, str, str]]:
    """Area code, kind, country, state and zone: a row for each zone that any part of the area code has."""
    zones_of_zips: dict[tuple[str, str], set[str]] = defaultdict(set)
    for _, state, zone, codes in zips:
        for code in codes:
            zones_of_zips[code, state].add(zone)
    for number in range(200, 1000):
        code = str(number)
        country, kind = _plan(code)
        if country is None:
            continue
        if kind != "geographic":
            yield code, kind, country, "", ""
            continue
        if country not in _UNITED_STATES:
            yield from ((code, kind, country, "", zone) for zone in _zones_of(code))
            continue
        state = _state(code) if country == "US" else country
        zones = {_canonical(zone) for zone in _zones_of(code)} | zones_of_zips[code, state]
        yield from ((code, kind, "US", state, zone) for zone in zones if (code, zone) not in _NOT_THERE)


def _plan(code: str) -> tuple[str | None, str]:
    """The country that an area code belongs to, None where it is not assigned, and its kind."""
    countries: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for exchange in range(200, 1000, 7):
        number = phonenumbers.PhoneNumber(country_code=1, national_number=int(f"{code}{exchange}1234"))
        if country := phonenumbers.region_code_for_number(number):
            countries[country] += 1
            kinds[_KINDS.get(phonenumbers.number_type(number), "geographic")] += 1
    return (countries.most_common(1)[0][0], kinds.most_common(1)[0][0]) if countries else (None, "")


def _state(code: str) -> str:
    """The state that the descriptions of an area code and of its exchanges name."""
    named: Counter[str] = Counter()
    for prefix, texts in GEOCODE_DATA.items():
        if prefix.startswith(f"1{code}"):
            text = texts.get("en", "")
            state = _STATES.get(text) or text.rpartition(", ")[2]
            if len(state) == 2:
                named[state] += 1000 if len(prefix) == 4 else 1
    return named.most_common(1)[0][0]


def _zones_of(code: str) -> set[str]:
    return {zone for prefix, zones in _zones_by_prefix(code) for zone in zones if prefix}


@cache
def _zones_by_prefix(code: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((prefix, zones) for prefix, zones in TIMEZONE_DATA.items() if prefix.startswith(f"1{code}"))


@cache
def _canonical(zone: str) -> str:
    """The zone of `_ZONES` with the same clock from 2020 to 2035, else the zone itself."""
    return next((known for known in _ZONES if _clock(known) == _clock(zone)), zone)


@cache
def _clock(zone: str) -> tuple[timedelta | None, ...]:
    begin = datetime(2020, 1, 1, tzinfo=ZoneInfo("UTC"))
    here = ZoneInfo(zone)
    return tuple((begin + timedelta(hours=6 * n)).astimezone(here).utcoffset() for n in range(4 * 366 * 16))


def _write(name: str, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    lines = list(rows)
    with (_SEEDS / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)
    sys.stdout.write(f"{name}: {len(lines):,} rows\n")


if __name__ == "__main__":
    main()
