"""Scratch folders under CM_HOME/tmp that go with their process, even one that was killed.

Each holds a lock as long as it is used. Whoever makes the next one removes those that nobody holds any more.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cm_core.settings import Settings

_LOCK = ".lock"
#: A folder this old, in seconds, has its lock: it is not only just being made.
_SETTLED = 600.0


@contextmanager
def scratch(settings: Settings, prefix: str) -> Iterator[Path]:
    """A new folder, removed at the end of the block."""
    settings.scratch_dir.mkdir(parents=True, exist_ok=True)
    _sweep(settings.scratch_dir, prefix)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=settings.scratch_dir))
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _sweep(home: Path, prefix: str) -> None:
    """Remove folders of this prefix that a killed process has left."""
    for folder in home.glob(f"{prefix}-*"):
        with suppress(OSError):  # somebody else removes it
            if time.time() - folder.stat().st_mtime < _SETTLED:
                continue
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
