"""How right linkage and hygiene are, as a table; with `--write`, docs/linkage-quality.md anew.

`--rows` is the size of the sample lists; the page is written at the default only, so that its figures compare.
Data named as arguments (febrl, lists, names, addresses, sites) are measured alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.quality import febrl, labelled, lists, report
from bench.quality.figures import Outcome

ROWS = 500_000
SEED = 7
PAGE = Path(__file__).resolve().parents[2] / "docs" / "linkage-quality.md"
_LABELLED = {"names": labelled.names, "addresses": labelled.addresses, "sites": labelled.sites}
DATA = ("febrl", "lists", *_LABELLED)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.quality", description=__doc__)
    parser.add_argument("data", nargs="*", metavar="data", help=f"{', '.join(DATA)}; all of them if none is named")
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the sample lists")
    parser.add_argument("--write", action="store_true", help=f"write docs/{PAGE.name}")
    arguments = parser.parse_args()
    unknown = set(arguments.data) - set(DATA)
    if unknown:
        parser.error(f"No data {', '.join(sorted(unknown))}. There are: {', '.join(DATA)}.")
    if arguments.write and (arguments.data or arguments.rows != ROWS or labelled.folder() is None):
        parser.error("The page is written of all data at their default size, labelled files (CM_SHARED_DATA) included.")
    outcomes = list(_outcomes(arguments.data or list(DATA), arguments.rows))
    sys.stdout.write(report.table(outcomes))
    if arguments.write:
        PAGE.write_text(report.page(outcomes), encoding="utf-8")
    return 0


def _outcomes(wanted: list[str], rows: int) -> Iterator[Outcome]:
    measures: list[Callable[[], Outcome]] = []
    if "febrl" in wanted:
        measures += [lambda number=number: febrl.measure(number) for number in febrl.SETS]  # type: ignore[misc]
    if "lists" in wanted:
        measures.append(lambda: lists.measure(rows, SEED))
    data = labelled.folder()
    for name, measure in _LABELLED.items():
        if name in wanted and data is None:
            sys.stderr.write(f"{name}: skipped, no shared data; set CM_SHARED_DATA\n")
        elif name in wanted and data is not None:
            measures.append(lambda measure=measure, data=data: measure(data))  # type: ignore[misc]
    for measure_one in measures:
        started = time.perf_counter()
        outcome = measure_one()
        sys.stderr.write(f"{outcome.data}: {time.perf_counter() - started:.0f} s\n")
        yield outcome


if __name__ == "__main__":
    sys.exit(main())
