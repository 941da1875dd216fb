"""The do-not-call registry: lines a second to load, seconds to scrub, and whether memory grows with either.

Run: python -m bench.dnc [--lines 1000000 10000000] [--phones 10000000] [--numbers 100000000]. A flat list of so many
lines of 15 area codes, in order and then shuffled with one bad line in a thousand, goes through every step of an import
from registering to the reports. Then so many phones are looked up on a national list of so many numbers (150 area
codes), which is written into the lake beforehand. Each runs in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench.formats import peak_mb
from cm_core import compliance
from cm_core.compliance.dnc import files, sets
from cm_core.compliance.dnc.lists import e164
from cm_core.imports import pipeline, records, registry, reports
from cm_core.settings import Settings
from cm_core.store import Database, PrivateServer, open_database
from cm_core.store.migrations import upgrade

LINES = (1_000_000, 10_000_000)
PHONES, NUMBERS = 10_000_000, 100_000_000
#: Lines a second, and seconds for the scrub.
LOAD_GOAL, SCRUB_GOAL = 1_000_000, 60
_AREA_CODES = 150
_LOADED_AREA_CODES = 15
_BAD_LINES = 1_000
_IMPORT = """
insert into import_metadata (
    import_id, feed, filename, source_type, import_date, landing_key, s3_location, uploaded_at, source_date,
    file_size_bytes, checksum_sha256, status
)
values ('imp_bench', 'dnc_registry', 'a.txt', 'txt', '2026-01-01', 'k', 'k', %s, %s, 1, 'x', 'COMPLETE')
"""
_VERSION = """
insert into dnc_list_versions
    (id, source, kind, import_id, obtained_at, status, area_codes, row_count, bad_rows, added, removed, checksum_sha256)
values (1, 'national', 'full', 'imp_bench', %s, 'IN_FORCE', %s, %s, 0, 0, 0, 'x')
"""
_COVER = """
insert into dnc_area_coverage (source, area_code, version_id, obtained_at, numbers, lake_key, is_current)
values ('national', %s, 1, %s, %s, %s, 1)
"""


def run(lines: list[int], phones: int, numbers: int) -> None:
    """Print two lines per size of a list, and two for the scrub."""
    for count in lines:
        for form in ("in order", "shuffled"):
            with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
                _list(Path(folder) / "dnc_20260901.txt", count, is_shuffled=form == "shuffled")
                found = _measured(Path(folder), "--load")
                print(
                    f"list {form}: {count:>10,} lines: {found['seconds']:6.1f} s, "
                    f"{count / found['seconds']:9,.0f} lines/s (goal {LOAD_GOAL:,}), "
                    f"{found['processor_seconds']:.1f} s of processor time, peak memory {found['peak_mb']:,.0f} MB",
                    flush=True,
                )
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
        found = _measured(Path(folder), "--scrub", str(phones), str(numbers))
    print(
        f"scrub: {phones:,} phones against {numbers:,} numbers: {found['seconds']:.1f} s (goal {SCRUB_GOAL}), "
        f"{found['listed']:,} listed, {found['processor_seconds']:.1f} s of processor time, "
        f"peak memory {found['peak_mb']:,.0f} MB; 20 phones: {found['few_ms']:.0f} ms",
        flush=True,
    )


def _list(path: Path, count: int, *, is_shuffled: bool) -> None:
    """A flat list `AAA,NNNNNNN` of distinct numbers."""
    chance = np.random.default_rng(1)
    areas = 201 + np.arange(_LOADED_AREA_CODES) * 40
    each = -(-count // _LOADED_AREA_CODES)
    numbers = np.concatenate([_some(chance, area, each) for area in areas])[:count]
    if is_shuffled:
        chance.shuffle(numbers)
    with path.open("wb") as out:
        for first in range(0, count, 1_000_000):
            left = numbers[first : first + 1_000_000].copy()
            text = np.full((len(left), 12), 44, np.uint8)
            for position in (10, 9, 8, 7, 6, 5, 4, 2, 1, 0):
                left, digit = np.divmod(left, 10)
                text[:, position] = 48 + digit
            text[:, 11] = 10
            if is_shuffled:
                text[::_BAD_LINES, 5] = 120
            out.write(text.tobytes())


def _some(chance: np.random.Generator, area: int, count: int) -> np.ndarray[Any, Any]:
    """So many numbers of an area code, in order."""
    chosen = chance.choice(8_000_000, count, replace=False)
    chosen.sort()
    return int(area) * sets.AREA + 2_000_000 + chosen.astype(np.int64)


def _measured(folder: Path, *arguments: str) -> dict[str, Any]:
    home = folder / "home"
    settings = Settings(home=home)
    upgrade(open_database(settings))
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "bench.dnc", *arguments, "--home", str(home)],
            check=True, stdout=subprocess.PIPE,
        )  # fmt: skip
    finally:
        PrivateServer(settings.home_dir).stop()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _load(settings: Settings, database: Database) -> dict[str, Any]:
    """Every step of the import of the only list in the folder of the home."""
    (path,) = settings.home_dir.parent.glob("*.txt")
    started, used = time.perf_counter(), _processor_seconds()
    import_id = registry.register_file(settings, database, path).import_id
    pipeline.check_raw(settings, database, import_id)
    pipeline.stage(settings, database, import_id)
    pipeline.log_findings(settings, database, import_id)
    compliance.apply_dnc(settings, database, import_id)
    reports.write(settings, database, import_id)
    seconds, used = time.perf_counter() - started, _processor_seconds() - used
    record = records.get(database, import_id)
    parts = (record.inserted_count, record.updated_count, record.skipped_count, record.error_count)
    if record.status != "COMPLETE" or sum(part or 0 for part in parts) != record.row_count:
        raise SystemExit(f"The import did not complete: {record}")
    return {"seconds": seconds, "processor_seconds": used}


def _scrub(settings: Settings, database: Database, phones: int, numbers: int) -> dict[str, Any]:
    """Look phones up, four in five of them in the area codes of the list and one in five nowhere near."""
    chance = np.random.default_rng(2)
    at = datetime(2026, 9, 1)
    areas = 201 + np.arange(_AREA_CODES) * 5
    asked = []
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(_IMPORT, (at, at))
        cursor.execute(_VERSION, (at, _AREA_CODES, numbers))
        for area in areas:
            listed = sets.distinct(_some(chance, area, numbers // _AREA_CODES), None, at)
            key = files.area_key("national", str(area), "imp_bench")
            files.write(settings, listed, key)
            cursor.execute(_COVER, (str(area), at, len(listed), key))
            count = phones * 4 // 5 // _AREA_CODES
            asked.append(int(area) * sets.AREA + 2_000_000 + chance.integers(0, 8_000_000, count))
        connection.commit()
    elsewhere = chance.integers(9_660_000_000, 9_999_999_999, phones - sum(map(len, asked)))
    wanted = np.concatenate([*asked, elsewhere])
    chance.shuffle(wanted)
    table = pa.table({"phone_e164": e164(wanted)})
    del wanted, asked
    started, used = time.perf_counter(), _processor_seconds()
    found = compliance.listed(settings, database, table)
    seconds, used = time.perf_counter() - started, _processor_seconds() - used
    count = found.listings.num_rows
    few = table.slice(0, 20)
    compliance.listed(settings, database, few)
    again = time.perf_counter()
    compliance.listed(settings, database, few)
    milliseconds = (time.perf_counter() - again) * 1000
    return {"seconds": seconds, "processor_seconds": used, "listed": count, "few_ms": milliseconds}


def _processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _report(found: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({**found, "peak_mb": peak_mb()}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, nargs="+", default=list(LINES))
    parser.add_argument("--phones", type=int, default=PHONES)
    parser.add_argument("--numbers", type=int, default=NUMBERS)
    parser.add_argument("--load", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--scrub", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.home is None:
        run(given.lines, given.phones, given.numbers)
    else:
        at_home = Settings(home=given.home)
        opened = open_database(at_home)
        _report(_load(at_home, opened) if given.load else _scrub(at_home, opened, *given.scrub))
