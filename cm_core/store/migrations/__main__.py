"""`make migration`: draft a revision from the difference between `tables.py` and a freshly migrated empty database.

What it writes is a draft: review it, and make each step one that can be run again (see `steps.py`).
"""

from __future__ import annotations

import secrets
import sys

from cm_core.errors import CmError
from cm_core.settings import get_settings
from cm_core.store.database import open_database
from cm_core.store.migrations import draft, upgrade

_DROP_DATABASE = "drop database {name}"


def main(message: str) -> None:
    """Draft the revision named `message`, with a database of its own beside the one that the settings name."""
    scratch = open_database(get_settings()).sibling(f"cm_draft_{secrets.token_hex(4)}")
    scratch.ensure_ready()
    try:
        upgrade(scratch)
        sys.stdout.write(f"{draft(scratch, message)}\n")
    finally:
        scratch.close()
        with scratch.connect() as connection, connection.cursor() as cursor:
            cursor.execute(_DROP_DATABASE.format(name=scratch.name))


if __name__ == "__main__":
    try:
        main(" ".join(sys.argv[1:]))
    except CmError as error:
        sys.exit(str(error))
