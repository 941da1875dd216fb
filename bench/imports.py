"""Landing to canonical tables: rows per second and peak memory of `cm ingest`.

The whole main job runs, as a user runs it: registration, Dagster, staging, resolving, a transaction per file, reports.
One list of 150,000 rows and one of 1,000,000 show whether memory grows with the file; five lists of 1,000,000 rows
together, that name the same people, show what finding them again costs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from cm_core.sample_data import generate
from cm_core.settings import Settings
from cm_core.store import PrivateServer

#: Rows per true person in the five sample lists.
_ROWS_PER_PERSON = 1.5
_LIST = "royalty_owners.csv"
_PEOPLE_AT_ONCE = 200_000
SIZES = (150_000, 1_000_000)


def run(sizes: tuple[int, ...] = SIZES) -> None:
    """Print one line per size, and one for the five lists of the largest."""
    for rows in sizes:
        with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
            _measure(Path(folder), [one_list(rows, Path(folder))])
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
        made = generate(int(max(sizes) / _ROWS_PER_PERSON), 11, Path(folder) / "lists")
        _measure(Path(folder), list(made.files))


def one_list(rows: int, folder: Path, *, name: str = _LIST, first_seed: int = 11) -> Path:
    """A list of `rows` records, put together from the list `name` of populations from `first_seed` on."""
    path = folder / f"{first_seed}_{name}"
    written = 0
    with path.open("w", encoding="utf-8") as out:
        for seed in count(first_seed):
            generate(min(_PEOPLE_AT_ONCE, rows * 3), seed, folder / "lists")
            with (folder / "lists" / name).open(encoding="utf-8") as part:
                header = part.readline()
                if seed == first_seed:
                    out.write(header)
                for line in part:
                    out.write(line)
                    written += 1
                    if written == rows:
                        return path
    raise AssertionError("never reached: populations do not run out")


def _measure(folder: Path, files: list[Path]) -> None:
    """Import the files into a fresh database and print what it took."""
    home = folder / "home"
    try:
        seconds, peak, summaries = ingest(home, files)
    finally:
        PrivateServer(Settings(home=home).home_dir).stop()
    total = sum(item["total_rows"] for item in summaries)
    accounted = sum(item[name] for item in summaries for name in ("inserted", "updated", "skipped", "errors"))
    if accounted != total or any(item["status"] != "COMPLETE" for item in summaries):
        raise SystemExit(f"The imports did not complete: {summaries}")
    largest = max(item["file_size_bytes"] for item in summaries) / 1e6
    print(
        f"import: {total:>9,} rows, {len(summaries)} file{'s'[: len(summaries) > 1]} (largest {largest:.0f} MB): "
        f"{seconds:6.1f} s, {total / seconds:8,.0f} rows/s, peak memory {peak:,.0f} MB",
        flush=True,
    )


def ingest(home: Path, files: list[Path]) -> tuple[float, float, list[dict[str, object]]]:
    """Seconds, peak resident memory in MB, and the summaries of `cm ingest` of the files."""
    environment = {**os.environ, "CM_HOME": str(home)}
    environment.pop("CM_DATABASE_URL", None)
    command = [sys.executable, "-m", "cm_core.cli.main"]
    subprocess.run([*command, "db", "start"], env=environment, check=True, stdout=subprocess.DEVNULL)
    started = time.perf_counter()
    with subprocess.Popen(
        [*command, "ingest", *map(str, files), "--json"], env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    summaries = json.loads(printed)
    return (
        time.perf_counter() - started,
        usage.ru_maxrss / 1024,
        summaries if isinstance(summaries, list) else [summaries],
    )


if __name__ == "__main__":
    run(tuple(int(size) for size in sys.argv[1:]) or SIZES)
