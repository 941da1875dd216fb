"""Workbooks and SQLite files, read by a process of its own with limited memory.

The libraries that read them are written in Rust and C: a file made to do harm may end the process that reads it, or
fill the memory before anybody can count. Here it ends a process that has nothing else to lose.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from cm_core.errors import FileRejected, ImportFailed
from cm_core.imports.formats import excel, sqlite_file
from cm_core.imports.formats.table_set import TableSet, read_table_set

Kind = Literal["workbook", "sqlite"]

#: Memory of the process: what the largest sheet that `excel` allows takes.
MAX_MEMORY_BYTES = 1_900 << 20


def read_apart(
    kind: Kind,
    path: Path,
    folder: Path,
    *,
    header: bool = True,
    max_bytes: int,
    max_memory_bytes: int = MAX_MEMORY_BYTES,
) -> TableSet:
    """What `excel.read_workbook` or `sqlite_file.read_sqlite` gives for the file `path`.

    `header` is of workbooks, `max_bytes` of SQLite files. Raises FileRejected as they do, and for a file that needs
    more memory or ends its reader; ImportFailed when the reader was killed from outside.
    """
    request = {
        "kind": kind, "path": str(path), "folder": str(folder), "header": header, "max_bytes": max_bytes,
        "max_memory_bytes": max_memory_bytes,
    }  # fmt: skip
    # -P: no module of the folder that happens to be the current one.
    with subprocess.Popen(
        [sys.executable, "-P", "-m", __spec__.name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        # Arrow's own allocators reserve room in advance, which the limit would count.
        env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"},
    ) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        try:
            with suppress(BrokenPipeError):
                reader.stdin.write(json.dumps(request).encode() + b"\n")
                reader.stdin.flush()
            said = reader.stdout.read()
        except BaseException:
            reader.kill()
            raise
        code = reader.wait()
    if code == -signal.SIGKILL:
        raise ImportFailed(
            f"The process that read {path.name} was ended from outside, perhaps for want of memory. Import it again."
        )
    if code or not said:
        raise FileRejected(
            f"{path.name} needs more than {max_memory_bytes >> 20:,} MB of memory to be read, or is damaged in a way "
            "that ends its reader. Export it as CSV."
        )
    if reason := json.loads(said)["rejected"]:
        raise FileRejected(reason)
    return read_table_set(folder)


def main() -> None:
    """Do what the request on standard input says; the answer is a line of JSON, or a death."""
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for limit, most in ((resource.RLIMIT_DATA, request["max_memory_bytes"]), (resource.RLIMIT_CORE, 0)):
        with suppress(ValueError, OSError):  # a system without it, or with a lower one
            resource.setrlimit(limit, (most, most))
    reason = None
    try:
        _read(request)
    except FileRejected as error:
        reason = str(error)
    sys.stdout.write(json.dumps({"rejected": reason}))
    sys.stdout.flush()
    os._exit(0)  # the thread reads on


def _read(request: dict[str, Any]) -> None:
    path, folder = Path(request["path"]), Path(request["folder"])
    if request["kind"] == "sqlite":
        sqlite_file.read_sqlite(path, folder, max_bytes=request["max_bytes"])
    else:
        excel.read_workbook(path, folder, header=request["header"])


def _end_with_parent() -> None:
    """Standard input ends when the parent does. A reader that outlived it would write where the next one writes."""
    while os.read(0, 1):  # not by `sys.stdin`, which cannot be closed while it is read
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
