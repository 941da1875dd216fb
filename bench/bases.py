"""A list of 150,000 rows into bases of different size: what it costs to find people again among millions.

Run: python -m bench.bases [--bases 500000 5000000] [--rows 150000]. A base is lists of a million rows at most, imported
together, as an initial load is (`docs/adr/0028-shadow-tables.md`); the list then names people of its first populations
and a few new ones. Both lines are whole `cm ingest` commands. Linkage follows each: over everything, then over what the
list has changed (`bench.relink`).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.imports import ingest, one_list
from cm_core.settings import Settings
from cm_core.store import PrivateServer

_ROWS_A_FILE = 1_000_000
#: Populations that a file of the base takes at most: the next file begins behind them.
_SEEDS_A_FILE = 100
_BATCH_LIST = "mineral_owners.csv"


def run(bases: list[int], rows: int) -> None:
    """Print two lines per base: loading it, and the list."""
    for base in bases:
        with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
            _measure(Path(folder), base, rows)


def _measure(folder: Path, base: int, rows: int) -> None:
    home = folder / "home"
    sizes = [min(_ROWS_A_FILE, base - done) for done in range(0, base, _ROWS_A_FILE)]
    files = [one_list(size, folder, first_seed=11 + _SEEDS_A_FILE * at) for at, size in enumerate(sizes)]
    try:
        _print(f"base of {base:,} rows", *ingest(home, files))
        for path in files:
            path.unlink()
        _link(home)
        _print(f"list into a base of {base:,}", *ingest(home, [one_list(rows, folder, name=_BATCH_LIST)]))
        _link(home)
    finally:
        PrivateServer(Settings(home=home).home_dir).stop()


def _link(home: Path) -> None:
    """Linkage, in a process of its own: its peak memory is its own."""
    subprocess.run([sys.executable, "-W", "ignore", "-m", "bench.relink", str(home)], check=True)


def _print(what: str, seconds: float, peak: float, summaries: list[dict[str, Any]]) -> None:
    if any(item["status"] != "COMPLETE" for item in summaries):
        raise SystemExit(f"The imports did not complete: {summaries}")
    rows = sum(item["total_rows"] for item in summaries)
    inserted = sum(item["inserted"] for item in summaries)
    print(
        f"{what}: {rows:,} rows, {inserted:,} inserted: {seconds:.1f} s, {rows / seconds:,.0f} rows/s, "
        f"peak memory {peak:,.0f} MB",
        flush=True,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bases", type=int, nargs="+", default=[500_000, 5_000_000])
    parser.add_argument("--rows", type=int, default=150_000)
    given = parser.parse_args()
    run(given.bases, given.rows)
