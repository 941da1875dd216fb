"""Many small lists: seconds and processor seconds of one `cm ingest` over all of them, for each file.

What an import costs beyond its rows: registration, Dagster's steps and events, checks, reports. The database server's
own time is not in the processor seconds.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

from bench.imports import ingest
from cm_core.sample_data import generate
from cm_core.settings import Settings
from cm_core.store import PrivateServer

FILES = 200
ROWS = 100


def run(files: int, rows: int) -> None:
    """Print one line."""
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
        home = Path(folder) / "home"
        paths = _lists(Path(folder), files, rows)
        before = os.times()
        try:
            seconds, peak, summaries = ingest(home, paths)
        finally:
            PrivateServer(Settings(home=home).home_dir).stop()
        after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    if [item["status"] for item in summaries] != ["COMPLETE"] * files:
        raise SystemExit(f"The imports did not complete: {summaries}")
    print(
        f"many:   {files} files of {rows} rows: {seconds:6.1f} s, {seconds / files:.2f} s a file; processor time "
        f"{spent:.1f} s, {spent / files:.2f} s a file; peak memory {peak:,.0f} MB",
        flush=True,
    )


def _lists(folder: Path, files: int, rows: int) -> list[Path]:
    """Lists of `rows` records each, cut from the sample lists; they name people again and again."""
    made = generate(files * rows, 5, folder / "lists")
    paths: list[Path] = []
    for source in made.files:
        header, *lines = source.read_bytes().splitlines(keepends=True)
        for start in range(0, len(lines) - rows + 1, rows):
            if len(paths) == files:
                return paths
            paths.append(folder / f"list_{len(paths):04d}.csv")
            paths[-1].write_bytes(header + b"".join(lines[start : start + rows]))
    return paths


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--rows", type=int, default=ROWS)
    given = parser.parse_args()
    run(given.files, given.rows)
