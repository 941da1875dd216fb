"""Reading files: megabytes per second of processor time on one core, and whether memory grows with the file.

SQL dumps as mysqldump writes them, JSON lines as a pull of the CRM does, and delimited text, each in two sizes, made on
the fly in a temporary folder. Each is read in a process of its own by what an import calls: a dump and JSON lines into
Parquet by table, a text into Arrow batches.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

from cm_core.imports.dialect import detect_dialect, scan_file
from cm_core.imports.feed_catalog import load_feed
from cm_core.imports.formats.json_lines import read_json_lines
from cm_core.imports.formats.sql_dump import read_sql_dump
from cm_core.imports.reader import read_batches, read_layout
from cm_core.sample_data import generate

MEGABYTES = (100, 1_000)
TEXT_MEGABYTES = (100, 3_000)
#: Megabytes per second of one core.
GOALS = {"dump": 20, "json": 20}
_STATEMENT_BYTES = 1 << 20


def run(sizes: tuple[int, ...] = MEGABYTES, text_sizes: tuple[int, ...] = TEXT_MEGABYTES) -> None:
    """Print one line per file."""
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
        generate(50_000, 11, Path(folder) / "lists")
        lists = sorted((Path(folder) / "lists").glob("*_owners.csv"))
        made = (("dump", _dump, sizes), ("json", _json, sizes), ("text", _text, text_sizes))
        for name, make, given in made:
            peaks = []
            for size in given:
                path = Path(folder) / f"big.{name}"
                make(lists[0], path, size << 20)
                peaks.append(_measured(name, path))
                path.unlink()
            if len(peaks) > 1:
                print(
                    f"{name}: {given[-1] / given[0]:.0f} times the file, {peaks[-1] / peaks[0]:.2f} times the memory",
                    flush=True,
                )


def _dump(source: Path, path: Path, size: int) -> None:
    """Statements of a megabyte, as mysqldump writes them; a comma in a list stands for a value."""
    header, *lines = source.read_text(encoding="utf-8").splitlines()
    columns = header.split(",")
    rows = [
        "(%d," + ",".join("NULL" if not v else "'" + v.replace("'", "\\'") + "'" for v in line.split(",")) + ")"
        for line in lines
        if '"' not in line and "%" not in line
    ]
    with path.open("w", encoding="utf-8") as out:
        declared = ",\n".join(f"  `{name}` varchar(255) DEFAULT NULL" for name in columns)
        out.write(f"-- MySQL dump 10.13\nCREATE TABLE `owners` (\n  `id` int NOT NULL,\n{declared}\n);\n")
        written, statement, length = 0, [], 0
        for number, row in enumerate(cycle(rows)):
            statement.append(row % number)
            length += len(statement[-1])
            if length >= _STATEMENT_BYTES:
                written += out.write("INSERT INTO `owners` VALUES " + ",".join(statement) + ";\n")
                statement, length = [], 0
                if written >= size:
                    break
        out.write("-- Dump completed\n")


def _json(source: Path, path: Path, size: int) -> None:
    """People of a CRM: some keys that only some have, phones and e-mail addresses nested."""
    header, *lines = source.read_text(encoding="utf-8").splitlines()
    names = header.split(",")
    rows = [dict(zip(names, line.split(","), strict=False)) for line in lines if '"' not in line]
    with path.open("w", encoding="utf-8") as out:
        written = 0
        for number, row in enumerate(cycle(rows)):
            points = [{"value": f"405-232-{number % 10_000:04}", "primary": True, "label": "mobile"}] * (1 + number % 2)
            record: dict[str, Any] = {
                "id": number, **row, "emails": [{"value": f"a{number}@able.com", "primary": True, "label": "work"}],
                "phones": points, "custom_fields": {"a" * 40: number, "b" * 40: "value"}, "org_id": None,
                "update_time": "2026-03-04T05:06:07Z", "is_deleted": False,
            }  # fmt: skip
            if number % 3 == 0:
                record["do_not_contact"] = ["call"]
            text = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
            written += out.write(f"{text}\n")
            if written >= size:
                break


def _text(source: Path, path: Path, size: int) -> None:
    """The list again and again."""
    content = source.read_bytes()
    head, _, body = content.partition(b"\n")
    with path.open("wb") as out:
        out.write(head + b"\n")
        for _ in range(size // len(body)):
            out.write(body)


def _measured(name: str, path: Path) -> float:
    """Read the file in a process of its own; print what it took; the peak memory in MB."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.formats", "--read", name, str(path)], check=True, stdout=subprocess.PIPE
    )
    found = json.loads(done.stdout)
    speed = found["megabytes"] / found["processor_seconds"]
    goal = f" (goal {GOALS[name]})" if name in GOALS else ""
    print(
        f"{name}: {found['megabytes']:>6,.0f} MB, {found['rows']:>10,} rows: {found['processor_seconds']:6.1f} s of "
        f"processor time, {speed:5.1f} MB/s{goal}, {found['seconds']:.1f} s in all, "
        f"peak memory {found['peak_mb']:,.0f} MB",
        flush=True,
    )
    return float(found["peak_mb"])


def _rows_of_dump(path: Path) -> Iterator[int]:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, path.open("rb") as stream:
        for table in read_sql_dump(stream, Path(folder)).tables:
            yield table.rows


def _rows_of_text(path: Path) -> Iterator[int]:
    feed = load_feed("contacts")
    dialect = detect_dialect(path, feed.format, scan_file(path))
    for batch in read_batches(path, dialect, read_layout(path, dialect, feed), max_field_chars=1_000_000):
        yield batch.table.num_rows + len(batch.bad)


def _rows_of_json(path: Path) -> Iterator[int]:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder, path.open("rb") as stream:
        for table in read_json_lines(stream, Path(folder)).tables:
            yield table.rows


_READERS: dict[str, Callable[[Path], Iterator[int]]] = {
    "dump": _rows_of_dump, "json": _rows_of_json, "text": _rows_of_text,
}  # fmt: skip


def _read(name: str, path: Path) -> None:
    """Read a file and say what it took, as JSON."""
    started, before = time.perf_counter(), time.process_time()
    rows = sum(_READERS[name](path))
    print(
        json.dumps(
            {
                "rows": rows,
                "megabytes": path.stat().st_size / 1e6,
                "seconds": time.perf_counter() - started,
                "processor_seconds": time.process_time() - before,
                "peak_mb": peak_mb(),
            }
        )
    )


def peak_mb() -> float:
    """Highest resident memory of this program. `ru_maxrss` counts what started it, too."""
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs="*", default=MEGABYTES)
    parser.add_argument("--text-megabytes", type=int, nargs="*", default=TEXT_MEGABYTES)
    parser.add_argument("--read", nargs=2, metavar=("KIND", "PATH"), help="read one file and print JSON")
    given = parser.parse_args()
    if given.read:
        _read(given.read[0], Path(given.read[1]))
    else:
        run(tuple(given.megabytes), tuple(given.text_megabytes))
