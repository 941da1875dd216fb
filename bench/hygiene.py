"""How fast hygiene is: rows a second as an import has it on two cores, and each module and its library alone.

Run: python -m bench.hygiene [--values 100000] [--json]. Values are generated from a seed out of census names, real
ZIPs and street words. A row has a name, an address, a phone and an e-mail address. Two lists are measured: one in
which every value is there once, the worst case, and one in which each person has three rows on average and half of
the people share an address, as owner rolls do. Beside it stand the functions for single values (one core, values that
are all distinct) and the libraries they use.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

os.environ.setdefault("RAYON_NUM_THREADS", "1")  # doorplate would use every core; the figure is per core

import doorplate
import duckdb
import names as census
import phonenumbers
import pyarrow as pa
import zipcodes
from email_validator import EmailNotValidError, validate_email
from nameparser import HumanName

from cm_core.hygiene.addresses import standardize_addresses
from cm_core.hygiene.columns import Kind, standardize
from cm_core.hygiene.emails import standardize_emails
from cm_core.hygiene.names import standardize_names
from cm_core.hygiene.phones import standardize_phones

_AREAS = ("405", "918", "580", "512", "713", "214", "303", "316", "505", "212", "787", "416")
_SUFFIXES = ("ST", "Street", "AVE", "Rd", "DR", "Lane", "BLVD", "CIR", "Pl", "HWY")
_FIRMS = ("OIL CO", "ENERGY LLC", "MINERALS LP", "FAMILY TRUST", "ROYALTY INC", "REV LIVING TRUST DTD 1/2/2003")


def _census(key: str, count: int) -> list[str]:
    with Path(census.FILES[key]).open(encoding="ascii") as lines:
        return [line.split()[0] for line, _ in zip(lines, range(count), strict=False)]


class Values:
    """Generated columns of `count` distinct values each."""

    def __init__(self, count: int, seed: int) -> None:
        self.count = count
        self.rng = random.Random(seed)
        self.given = _census("first:male", 1000) + _census("first:female", 2000)
        self.surnames = _census("last", 20_000)

    def _distinct(self, make: Callable[[], Any]) -> list[Any]:
        found: dict[Any, None] = {}
        while len(found) < self.count:
            found[make()] = None
        return list(found)

    def phones(self) -> list[str]:
        """Ten-digit numbers in the forms that lists have, one in fifteen damaged or with an extension."""
        rng = self.rng
        forms = (
            ("({}) {}-{}",) * 5 + ("{}{}{}",) * 3 + ("{}-{}-{}", "1.{}.{}.{}", "{}{}{}.0", "{}-{}-{} x12", "{} {} {} c")
        )

        def make() -> str:
            return rng.choice(forms).format(
                rng.choice(_AREAS), rng.randrange(200, 1000), f"{rng.randrange(10_000):04d}"
            )

        return self._distinct(make)

    def emails(self) -> list[str]:
        """Addresses at a few hosts, one in ten malformed."""
        rng = self.rng
        hosts = ("gmail.com", "Yahoo.com", "aol.com", "my-firm.co.uk", "oil.example.net")

        def make() -> str:
            first, last = rng.choice(self.given).lower(), rng.choice(self.surnames)
            form = rng.choice(("{}.{}{}@{}",) * 18 + ("{}_{}{}@{}.", "{} {}{}@{}"))
            return form.format(first, last, rng.randrange(100), rng.choice(hosts))

        return self._distinct(make)

    def names(self) -> list[str]:
        """People in every order, couples, firms, trusts and estates."""
        rng = self.rng

        def make() -> str:
            first, other, last = rng.choice(self.given), rng.choice(self.given), rng.choice(self.surnames)
            kind = rng.random()
            if kind < 0.45:
                return f"{first} {other[0]} {last}" if kind < 0.25 else f"{first.title()} {last.title()}"
            if kind < 0.75:
                return f"{last}, {first} {other}" if kind < 0.6 else f"{last} {first} {other[0]}"
            if kind < 0.85:
                return f"{last} {first} & {other}" if kind < 0.8 else f"{first} {other[0]}. {last} JR"
            return f"{last} {rng.choice(_FIRMS)}" if kind < 0.97 else f"ESTATE OF {first} {last}"

        return self._distinct(make)

    def addresses(self) -> list[tuple[str, str, str, str]]:
        """Boxes, rural routes and streets (line, city, state, ZIP or ZIP+4)."""
        rng = self.rng
        places = [(row["city"], row["state"], row["zip_code"]) for row in zipcodes.similar_to("7")]

        def make() -> tuple[str, str, str, str]:
            kind, number, street = rng.random(), rng.randrange(1, 20_000), rng.choice(self.surnames[:5000]).title()
            if kind < 0.2:
                line = f"{rng.choice(('PO BOX', 'P.O. Box'))} {number}"
            elif kind < 0.25:
                line = f"RR {number % 9 + 1} BOX {number}"
            else:
                unit = rng.choice(("", "", "", f" APT {number % 90}", f" STE {number % 900}"))
                line = f"{number} {rng.choice(('', '', 'N ', 'SW '))}{street} {rng.choice(_SUFFIXES)}{unit}"
            city, state, zip_ = rng.choice(places)
            return line, city, state, zip_ if kind < 0.5 else f"{zip_}-{rng.randrange(1, 10_000):04d}"

        return self._distinct(make)


_THREADS = 2
_KINDS: dict[Kind, tuple[str, str]] = {
    "names": (
        'select row_number() over () as name_id, "full", null::varchar as prefix, null::varchar as "first", '
        'null::varchar as middle, null::varchar as "last", null::varchar as suffix, null::varchar as organization ',
        'from (select distinct "full" from list)',
    ),
    "addresses": (
        "select row_number() over () as address_id, line1, null::varchar as line2, city, state, zip, "
        "null::varchar as zip4 from ",
        "(select distinct line1, city, state, zip from list)",
    ),
    "phones": ("select raw from ", "(select distinct phone as raw from list)"),
    "emails": ("select raw from ", "(select distinct email as raw from list)"),
}


def _repeated(lists: pa.Table, count: int, seed: int) -> pa.Table:
    """`count` rows of a third as many people, half of whom live at the address of another."""
    rng = random.Random(seed)
    people = [rng.randrange(max(count // 3, 1)) for _ in range(count)]
    houses = [person if person % 2 else person // 2 for person in people]
    places = ("line1", "city", "state", "zip")
    return pa.table({name: lists[name].take(houses if name in places else people) for name in lists.column_names})


def _as_imported(lists: pa.Table) -> dict[str, Any]:
    """One list of rows through the hygiene of an import, distinct values included; set-up is part of the time."""
    rows = lists.num_rows
    result: dict[str, Any] = {"kinds": {}}
    with tempfile.TemporaryDirectory() as folder:
        config = {"threads": _THREADS, "memory_limit": "1GB", "preserve_insertion_order": False}
        with duckdb.connect(str(Path(folder) / "bench.duckdb"), config=config) as con:
            con.register("given", lists)
            con.execute("create table list as from given")
            wall = 0.0
            for kind, (columns, values) in _KINDS.items():
                start, start_cpu = time.perf_counter(), time.process_time()
                con.execute(f"create or replace temp table distinct_values as {columns} {values}")
                answered = standardize(con, "from distinct_values", kind, "answers_of_kind")
                took, cpu = time.perf_counter() - start, time.process_time() - start_cpu
                wall += took
                result["kinds"][kind] = {
                    "distinct": sum(answered),
                    "share_in_sql": round(answered.ordinary / sum(answered), 4),
                    "cpu_s": round(cpu, 2),
                    "wall_s": round(took, 2),
                    "cpu_us_per_row": round(cpu / rows * 1e6, 2),
                }
    result["rows_per_s"] = round(rows / wall)
    return result


def _rate(work: Callable[[], object], count: int) -> int:
    start = time.process_time()
    work()
    return round(count / (time.process_time() - start))


def _each(
    function: Callable[[str], object], errors: tuple[type[Exception], ...] = ()
) -> Callable[[Sequence[str]], None]:
    def run(values: Sequence[str]) -> None:
        for value in values:
            with suppress(*errors):
                function(value)

    return run


def _reference_phone(raw: str) -> None:
    number = phonenumbers.parse(raw, "US")
    phonenumbers.is_valid_number(number)
    phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def measure(count: int, seed: int) -> dict[str, Any]:
    """{list: rows and seconds by kind} and {module: {rows_per_s, library_rows_per_s}} of the single functions.

    Libraries that are slow are timed on a tenth of the values.
    """
    values = Values(count, seed)
    phones, emails, names, addresses = values.phones(), values.emails(), values.names(), values.addresses()
    none, ids = pa.nulls(count, pa.string()), pa.array(range(count), pa.int64())
    parts = dict.fromkeys(("prefix", "first", "middle", "last", "suffix", "organization"), none)
    name_table = pa.table({"name_id": ids, "full": names, **parts})
    cells = dict(zip(("line1", "city", "state", "zip"), map(list, zip(*addresses, strict=True)), strict=True))
    address_table = pa.table({"address_id": ids, "line2": none, "zip4": none, **cells})
    lists = pa.table({"full": names, "phone": phones, "email": emails, **cells})
    as_imported = {"all distinct": _as_imported(lists), "repeated": _as_imported(_repeated(lists, count, seed))}
    standardize_names(name_table.slice(0, 1))  # word lists and the ZIP table are read once
    standardize_addresses(address_table.slice(0, 1))
    tenth = max(count // 10, 1)
    phone = _each(_reference_phone, (phonenumbers.NumberParseException,))
    email = _each(lambda raw: validate_email(raw, check_deliverability=False), (EmailNotValidError,))
    name = _each(HumanName)
    functions = {
        "phones": {
            "rows_per_s": _rate(lambda: standardize_phones(pa.array(phones)), count),
            "library_rows_per_s": _rate(lambda: phone(phones[:tenth]), tenth),
        },
        "emails": {
            "rows_per_s": _rate(lambda: standardize_emails(pa.array(emails)), count),
            "library_rows_per_s": _rate(lambda: email(emails[:tenth]), tenth),
        },
        "names": {
            "rows_per_s": _rate(lambda: standardize_names(name_table), count),
            "library_rows_per_s": _rate(lambda: name(names[:tenth]), tenth),
        },
        "addresses": {
            "rows_per_s": _rate(lambda: standardize_addresses(address_table), count),
            "library_rows_per_s": _rate(
                lambda: doorplate.parse_fields_many(
                    line1=cells["line1"], city=cells["city"], state=cells["state"], zip=cells["zip"]
                ),
                count,
            ),
        },
    }
    return {"rows": count, "as_imported": as_imported, "functions": functions}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--values", type=int, default=100_000)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--json", action="store_true")
    options = arguments.parse_args()
    results = measure(options.values, options.seed)
    if options.json:
        print(json.dumps(results))
        return
    print(f"{options.values:,} rows of name, address, phone and e-mail, {_THREADS} threads")
    for workload, result in results["as_imported"].items():
        print(f"  {workload}: {result['rows_per_s']:,} rows a second")
        for kind, figures in result["kinds"].items():
            cpu, wall = figures["cpu_s"], figures["wall_s"]
            took = f"CPU {cpu:.2f} s ({figures['cpu_us_per_row']:.1f} us a row), wall {wall:.2f} s"
            print(f"    {kind:<10} {figures['distinct']:>9,} distinct, {figures['share_in_sql']:6.1%} in SQL, {took}")
    print(f"{options.values:,} distinct values each, the functions on one core, values a second")
    for module, rates in results["functions"].items():
        print(f"  {module:<10} {rates['rows_per_s']:>9,}   library alone {rates['library_rows_per_s']:>9,}")


if __name__ == "__main__":
    main()
