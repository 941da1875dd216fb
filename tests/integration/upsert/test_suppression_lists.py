"""Do-not-call and opt-out files through the whole import: every number of a cell counts, nothing is lost silently."""

from __future__ import annotations

from pathlib import Path

from rows import query

from cm_core import compliance
from cm_core.imports import pipeline, records, registry
from cm_core.settings import Settings
from cm_core.store import Database


def _import_list(settings: Settings, database: Database, path: Path) -> records.ImportRecord:
    registration = registry.register_file(settings, database, path)
    apply = {"opt_outs": compliance.apply_opt_outs, "dnc_registry": compliance.apply_dnc}[registration.feed]
    pipeline.check_raw(settings, database, registration.import_id)
    pipeline.stage(settings, database, registration.import_id)
    apply(settings, database, registration.import_id)
    records.HOLD.release(registration.import_id)
    return records.get(database, registration.import_id)


def test_every_number_of_a_cell_is_opted_out(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "opt_outs.csv"
    path.write_text(
        "channel,phone,email,date\n"
        "call,405-232-9700 / 580-467-2744,,2026-01-05\n"
        "text,(405) 232-9700,,2026-01-06\n"
        "carrier pigeon,405-232-9700,,2026-01-06\n"
        "email,,someone@example.org,2026-01-07\n"
        ",12,,2026-01-07\n"
    )
    record = _import_list(settings, database, path)
    assert (record.row_count, record.inserted_count, record.skipped_count, record.error_count) == (5, 3, 0, 2)
    assert query(database, "select `row_number`, channel, phone_e164, email_key from opt_outs order by 1, 3") == [
        (1, "call", "+14052329700", None),
        (1, "call", "+15804672744", None),
        (2, "sms", "+14052329700", None),
        (4, "email", None, "someone@example.org"),
    ]


def test_a_list_applied_again_keeps_its_counts(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "dnc_march.txt"
    path.write_text("405,2329700\n580,4672744\n405,232970\n")
    first = _import_list(settings, database, path)
    assert (first.row_count, first.inserted_count, first.error_count) == (3, 2, 1)
    listed = compliance.listed(settings, database, ["+14052329700", "+15804672744"])
    assert listed.listings["source"].to_pylist() == ["national", "national"]
    before = query(database, "select * from dnc_area_coverage order by 2")

    pipeline.stage(settings, database, first.import_id)
    compliance.apply_dnc(settings, database, first.import_id)
    again = records.get(database, first.import_id)
    assert (again.inserted_count, again.updated_count, again.skipped_count) == (2, 0, 0)
    assert query(database, "select * from dnc_area_coverage order by 2") == before
