"""`cm replay`: an import once more through the graph's import job, and what came of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cm_core.cli import ingest, output, runner
from cm_core.imports import records, replay_log
from cm_core.imports import replay as engine
from cm_core.imports.replay_log import Mode
from cm_core.settings import Settings
from cm_core.store.database import Database

_FACTS = ("replay_no", "mode", "status", "brought_in", "corrected_location")


def replay(
    settings: Settings, database: Database, import_id: str, mode: str, *, corrected: Path | None
) -> dict[str, Any]:
    """Replay the import; what is on record of it, with `replay`, the one that was made, if any, and `failure`."""
    failure = None
    if asked := engine.request(settings, database, import_id, Mode(mode), corrected=corrected):
        target = engine.target_of(records.get(database, import_id))
        result = runner.run_imports(settings, [import_id], target, verb="replaying")
        failure = next((message.partition(": ")[2] for message in result.errors), None)
    record = records.get(database, import_id)
    made = replay_log.replays_of(database, import_id)[-1:] if asked else []
    return {**record.as_json(), "replay": made[0].as_json() if made else None, "failure": failure}


def show(result: dict[str, Any], *, as_json: bool) -> bool:
    """Print what came of a replay; whether it went well."""
    if as_json:
        output.print_json(result)
    else:
        output.print_table(ingest.SUMMARY, [[result[name] for name in ingest.SUMMARY]])
        if made := result["replay"]:
            output.print_facts({name.replace("_", " "): made[name] for name in _FACTS if made[name] is not None})
        elif result["failure"] is None and result["status"] == "COMPLETE":
            output.out.print("  Nothing to do: all of it is in already.")
    if result["failure"] is not None:
        output.print_error(f"{result['import_id']}: {result['failure']}")
    return result["failure"] is None and result["status"] == "COMPLETE"
