"""`python -m tests.e2e.import_once FILE`: the steps of an import without the orchestrator, for tests that kill it.

It starts in a second, where `cm ingest` takes several.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cm_core.settings import get_settings
from cm_core.store import open_database
from tests.integration.imports.steps import import_file

if __name__ == "__main__":
    settings = get_settings()
    import_file(settings, open_database(settings), Path(sys.argv[1]))
