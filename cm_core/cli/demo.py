"""`cm demo`: made-up lists through the whole main job, then a day of the CRM and of calls, and how to look further."""

from __future__ import annotations

from pathlib import Path

from cm_core.cli import demo_crm, ingest, output, summary
from cm_core.settings import Settings
from cm_core.store.database import Database


def demo(settings: Settings, database: Database, *, people: int) -> bool:
    """Sample data through everything; prints what happened. Whether all went well."""
    from cm_core import sample_data

    folder = settings.home_dir / "demo"
    with output.progress(f"making up {people:,} people"):
        made = sample_data.generate(people, 1, folder)
    paths: list[Path] = [made.dnc_path, made.opt_outs_path, *made.files, made.campaigns_path, made.touchpoints_path]
    output.out.print(f"Sample data: {made.rows:,} rows about {made.people:,} people in {folder}")
    summaries = ingest.ingest(settings, database, paths, feed=None, uploaded_by="demo")
    imported = ingest.show(summaries, as_json=False)
    result = summary.dedupe(settings, database)
    counts = {name.replace("_", " "): f"{value:,}" for name, value in result.items() if isinstance(value, int)}
    output.print_facts(counts)
    summary.print_verdicts(result["verdicts"])
    synced = demo_crm.day(settings, database)
    output.out.print(
        "Look further:\n"
        "  make up                       the asset graph, its checks and lineage in the browser; drop files in the "
        "landing folder\n"
        "  .venv/bin/cm status           the imports; with an import id, its reports\n"
        "  .venv/bin/cm crm status       what is known of the CRM; .venv/bin/cm calls status: of the telephone system\n"
        "  .venv/bin/cm sql 'select * from compliance_call limit 20'"
    )
    return imported and result["status"] == "COMPLETE" and synced
