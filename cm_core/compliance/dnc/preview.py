"""What applying a staged do-not-call list would do, by the same decisions and without writing."""

from __future__ import annotations

from collections import Counter
from contextlib import closing

from cm_core.compliance.dnc import files
from cm_core.compliance.dnc.apply import Drafted
from cm_core.compliance.dnc.drafts import draft
from cm_core.compliance.dnc.lists import in_force
from cm_core.compliance.dnc.obtained import list_obtained_at
from cm_core.compliance.dnc.refusal import refusal
from cm_core.compliance.dnc.staged import read_said
from cm_core.compliance.rule_book import load_rules
from cm_core.compute import scratch, session
from cm_core.errors import FileRejected
from cm_core.imports.inspection import Foreseen
from cm_core.imports.records import ImportRecord
from cm_core.imports.staged import staged_paths
from cm_core.settings import Settings
from cm_core.store.database import Database
from cm_core.store.locks import looking


def preview_dnc(settings: Settings, database: Database, record: ImportRecord, *, registry: Settings) -> Foreseen:
    """How many staged numbers would be new to their list, or change in it, as `apply_dnc` counts.

    `settings` are those of the inspection, which has staged the file; `registry` those of the lake with the lists in
    force; `record` is what the import's would be. Raises FileRejected where applying would.
    """
    total: Counter[str] = Counter()
    with (
        session(settings, memory_limit=settings.import_memory_limit) as con,
        scratch(settings, "dnc") as folder,
        closing(database.connect()) as connection,
        looking(connection),
    ):
        paths = staged_paths(settings, record.import_id, "dnc")
        lists = read_said(con, paths, folder, list_obtained_at(record))
        if reason := refusal(settings, con, record, (0,), lists):
            raise FileRejected(reason)
        for said in lists:
            known = {
                each.area_code: each
                for each in in_force(connection, sorted(said.area_codes))
                if each.source == said.source
            }
            shrink = load_rules().term("dnc_max_shrink", said.obtained_at.date()).value
            drafted = Drafted(said)
            for area in sorted(said.area_codes):
                made = draft(
                    said, area, known.get(area), lambda each: files.read(registry, each.lake_key),
                    max_shrink_percent=shrink,
                )  # fmt: skip
                drafted.drafts.append(made)
            total += drafted.counts()
    return Foreseen(total["inserted"], total["updated"], total["rows"] - total["inserted"] - total["updated"])
