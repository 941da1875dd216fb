"""Landing to canonical tables: rows per second and peak memory of `cm ingest`, for two sizes of the same lists.

The whole main job runs, as a user runs it: registration, Dagster, staging, resolving, a transaction per file, reports.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cm_core.sample_data import generate
from cm_core.settings import Settings
from cm_core.store import PrivateServer

#: Rows per true person in the sample lists.
_ROWS_PER_PERSON = 1.5
SIZES = (150_000, 1_000_000)


def run(sizes: tuple[int, ...] = SIZES) -> None:
    """Print one line per size."""
    for rows in sizes:
        with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
            home = Path(folder) / "home"
            made = generate(int(rows / _ROWS_PER_PERSON), 11, Path(folder) / "lists")
            try:
                seconds, peak, summaries = _ingest(home, list(made.files))
            finally:
                PrivateServer(Settings(home=home).home_dir).stop()
        total = sum(item["total_rows"] for item in summaries)
        accounted = sum(item[name] for item in summaries for name in ("inserted", "updated", "skipped", "errors"))
        if accounted != total or any(item["status"] != "COMPLETE" for item in summaries):
            raise SystemExit(f"The imports did not complete: {summaries}")
        largest = max(item["file_size_bytes"] for item in summaries) / 1e6
        print(
            f"import: {total:>9,} rows in {len(summaries)} files (largest {largest:.0f} MB): {seconds:6.1f} s, "
            f"{total / seconds:8,.0f} rows/s, peak memory {peak:,.0f} MB",
            flush=True,
        )


def _ingest(home: Path, files: list[Path]) -> tuple[float, float, list[dict[str, object]]]:
    """Seconds, peak resident memory in MB, and the summaries of `cm ingest` of the files."""
    environment = {**os.environ, "CM_HOME": str(home)}
    environment.pop("CM_DATABASE_URL", None)
    command = [sys.executable, "-m", "cm_core.cli.main"]
    subprocess.run([*command, "db", "start"], env=environment, check=True, stdout=subprocess.DEVNULL)
    started = time.perf_counter()
    done = subprocess.run(
        [*command, "ingest", *map(str, files), "--json"], env=environment, stdout=subprocess.PIPE, check=False
    )
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return seconds, peak, json.loads(done.stdout)


if __name__ == "__main__":
    run(tuple(int(size) for size in sys.argv[1:]) or SIZES)
