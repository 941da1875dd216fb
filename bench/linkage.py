"""How well linkage finds who is who on sample lists of known truth, and how long it takes. Prints one JSON document.

`python -m bench.linkage --people 100000`. Sample files are staged by the importer's own rules; every party of every row
is a person of its own, so the exact tier and the model together must find all duplicates. No database is needed.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import duckdb

from cm_core.compute import session
from cm_core.imports.dialect import detect_dialect, scan_file
from cm_core.imports.feed_catalog import load_feed
from cm_core.imports.mapping import map_columns
from cm_core.imports.reader import read_batches, read_layout
from cm_core.imports.staging import load_source, stage_contacts
from cm_core.sample_data import generate
from cm_core.sample_data.generate import read_truth
from cm_core.settings import Settings

Key = tuple[str, int, int]

_COLLECT = {
    "source_parties": "select import_id, row_number, party_no, source_date, entity_type, middle_name, name_suffix, "
    "first_key, last_key, organization_key, date_of_birth from parties",
    "source_phones": "select import_id, row_number, party_no, phone_e164, phone_type from phones where phone_e164 is not null",
    "source_emails": "select import_id, row_number, party_no, email_key from emails where email is not null",
    "source_addresses": "select import_id, row_number, party_no, address_key, street, zip from addresses",
}
_NUMBER = """
create or replace table {table} as
select row_number() over (order by import_id, row_number, party_no) as person_id, * from {table}
"""
_JOIN = """
create or replace table {table} as
select p.person_id, t.*
from {table} as t
inner join source_parties as p using (import_id, row_number, party_no)
"""


def stage_files(con: duckdb.DuckDBPyConnection, files: tuple[Path, ...], settings: Settings) -> None:
    """Fill the `source_*` tables that linkage reads from contact lists; `import_id` is the file's name."""
    feed = load_feed("contacts")
    for position, path in enumerate(files):
        scan = scan_file(path)
        dialect = detect_dialect(path, feed.format, scan)
        layout = read_layout(path, dialect, feed)
        batches = read_batches(path, dialect, layout, max_field_chars=settings.max_field_chars)
        load_source(con, batches, progress=lambda rows: None)
        stage_contacts(con, map_columns(layout.headers, feed), layout.headers, path.name, datetime(2026, 1, 1 + position))
        for table, query in _COLLECT.items():
            query = query.replace("import_id,", f"'{path.name}' as import_id,", 1)
            con.execute(f"create table {table} as {query}" if position == 0 else f"insert into {table} {query}")
    con.execute(_NUMBER.format(table="source_parties"))
    for table in list(_COLLECT)[1:]:
        con.execute(_JOIN.format(table=table))


def score_pairs(clusters: Mapping[Key, int], truth: Mapping[Key, int]) -> dict[str, float]:
    """Pairwise precision, recall and F1 (0 to 1) of `clusters` against `truth`, over parties that both know.

    Keys are (file, row number, party number). Pairs are counted from cluster sizes, never listed.
    """
    known = [(clusters[key], truth[key]) for key in truth if key in clusters]

    def pairs(sizes: Counter[object]) -> int:
        return sum(size * (size - 1) // 2 for size in sizes.values())

    both = pairs(Counter(known))
    found = pairs(Counter(cluster for cluster, _ in known))
    true = pairs(Counter(person for _, person in known))
    precision = both / found if found else 1.0
    recall = both / true if true else 1.0
    return {
        "parties": len(known),
        "unknown_parties": len(truth) - len(known),
        "true_pairs": true,
        "precision": round(precision, 5),
        "recall": round(recall, 5),
        "f1": round(2 * precision * recall / (precision + recall), 5) if precision + recall else 0.0,
    }
