"""Write the ZIP codes with their state, county and cities: `cm_core/hygiene/data/zips.csv`.

    .venv/bin/python scripts/zip_table.py

They come from the `zipcodes` package (MIT), offline. Run it after the package was updated, look at the difference,
commit it. Read as a file the table takes a quarter of a second of each process, out of the package one and a half.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import zipcodes

_TABLE = Path(__file__).resolve().parent.with_name("cm_core") / "hygiene" / "data" / "zips.csv"
_COUNTY_WORD = re.compile(r" (?:COUNTY|PARISH)$")


def rows() -> Iterator[tuple[str, str, str, str]]:
    """ZIP5, state, county in upper case without the word COUNTY or PARISH, cities in upper case between bars."""
    for first_digit in "0123456789":
        for row in zipcodes.similar_to(first_digit):
            cities = {city.upper() for city in (row["city"], *row["acceptable_cities"], *row["unacceptable_cities"])}
            county = _COUNTY_WORD.sub("", (row["county"] or "").upper())
            yield row["zip_code"], row["state"], county, "|".join(sorted(cities))


def main() -> None:
    """Write the file."""
    with _TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("zip5", "state", "county", "cities"))
        writer.writerows(rows())
    sys.stdout.write(f"{_TABLE}\n")


if __name__ == "__main__":
    main()
