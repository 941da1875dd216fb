"""Whether a file in a local landing folder has arrived whole. Objects of S3 appear whole: nobody asks about them.

A file cannot say that it is finished. What is known: nothing was written for a while, and nobody has it open for
writing. What becomes of a file that is written to after it was registered is in docs/importing.md.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from contextlib import suppress
from pathlib import Path


def has_arrived(path: Path, *, settle_seconds: float) -> bool:
    """Whether the file was not written to for `settle_seconds` and nobody is writing; False if it is gone.

    The time of writing may be one that a copy brought along, even one that is still to come, and a writer may pause.
    So the system is asked who has the file open; where it does not tell, the time of the last change counts too,
    which nobody can set.
    """
    try:
        found = path.stat()
        writing = being_written(path)
    except FileNotFoundError:
        return False
    written, changed = (time.time() - moment for moment in (found.st_mtime, found.st_ctime))
    if writing is None or written < 0:
        return not writing and changed >= settle_seconds and not 0 <= written < settle_seconds
    return not writing and written >= settle_seconds


def being_written(path: Path) -> bool | None:
    """Whether any process of this machine has the file open for writing; None where that cannot be known.

    Linux tells by granting or refusing a read lease, for files of our own user on a local file system. macOS, network
    file systems and files of other users do not.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except PermissionError:
        return None
    try:
        # Whoever opens the file in this instant gets it, and we get a signal: one that is ignored, not SIGIO.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    else:
        with suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        return False
    finally:
        os.close(descriptor)


def fingerprint(path: Path) -> tuple[int, ...] | None:
    """What changes when the file is written to or replaced; None if it is gone."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
