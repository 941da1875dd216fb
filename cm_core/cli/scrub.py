"""`cm scrub`: a list with what may be done with each row, and a record of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from cm_core.cli import output
from cm_core.compliance.scrub import Scrub, scrub
from cm_core.settings import Settings
from cm_core.store.database import Database

_COUNTS = ("verdict", "code", "reason_code", "reason", "rows")


def run(
    settings: Settings,
    database: Database,
    path: Path | None,
    *,
    channel: str,
    purpose: str,
    at: datetime,
    campaign_id: int | None,
    out: Path | None,
) -> Scrub:
    """Scrub a file or a campaign's people, with the number of rows shown as they are done."""
    with output.progress(f"scrubbing {path.name if path else f'campaign {campaign_id}'}") as bar:

        def show_progress(done: int) -> None:
            bar.update(bar.task_ids[0], description=f"scrubbing: {done:,} rows")

        return scrub(
            settings, database, path, channel=channel, purpose=purpose, at=at, campaign_id=campaign_id, out=out,
            progress=show_progress,
        )  # fmt: skip


def show(done: Scrub, *, as_json: bool) -> None:
    """Print what became of the list: how many rows, why, where it is and where its record is."""
    counts = [dict(zip(_COUNTS, row, strict=True)) for row in done.counts]
    if as_json:
        document: dict[str, Any] = {**vars(done), "out": str(done.out), "counts": counts}
        output.print_json(document)
        return
    output.print_table(_COUNTS, [list(count.values()) for count in counts])
    output.print_facts(
        {
            "list": done.out, "rows": f"{done.rows:,}, of which {done.allowed:,} are allowed",
            "for": f"{done.channel}, {done.purpose}, as of {done.as_of:%Y-%m-%d %H:%M:%S} UTC",
            "record": f"{done.scrub_id}: {done.decisions}",
        }
    )  # fmt: skip
