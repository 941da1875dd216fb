"""`python -m tests.e2e.import_together FILE…`: several imports staged one after the other and applied together.

Without the orchestrator, for tests that kill it. What a killed process left is taken up again, under the same ids.
"""

from __future__ import annotations

import sys
from pathlib import Path

from cm_core import upsert
from cm_core.errors import CmError
from cm_core.imports import pipeline, registry, reports
from cm_core.imports.records import HOLD
from cm_core.settings import Settings, get_settings
from cm_core.store import Database, open_database


def import_together(settings: Settings, database: Database, paths: list[Path]) -> None:
    """Every file an import; raises what kept one of them from being applied."""
    import_ids = []
    for path in paths:
        found = registry.register_file(settings, database, path)
        if found.status != "DUPLICATE":
            import_ids.append(found.import_id)
            pipeline.check_raw(settings, database, found.import_id)
            pipeline.stage(settings, database, found.import_id)
    for outcome in upsert.apply_all(settings, database, import_ids).values():
        if isinstance(outcome, CmError):
            raise outcome
    for import_id in import_ids:
        reports.write(settings, database, import_id)
        HOLD.release(import_id)


if __name__ == "__main__":
    settings = get_settings()
    import_together(settings, open_database(settings), [Path(name) for name in sys.argv[1:]])
