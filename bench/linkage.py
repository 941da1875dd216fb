"""How well linkage finds who is who on sample lists of known truth, and how long it takes. Prints one JSON document.

`python -m bench.linkage --people 100000`. Sample files are staged by the importer's own rules; every party of every row
is a person of its own, so the exact tier and the model together must find all duplicates. No database is needed.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

import duckdb

from cm_core.compute import session
from cm_core.imports.chunks import chunks_of
from cm_core.imports.dialect import detect_dialect, scan_file
from cm_core.imports.feed_catalog import load_feed
from cm_core.imports.reader import read_batches, read_layout
from cm_core.imports.staging import load_chunk, stage_contacts
from cm_core.imports.understanding import sample_of, understand
from cm_core.linkage import clusters, model
from cm_core.linkage.source import row_id
from cm_core.linkage.stages import link_rows
from cm_core.sample_data import generate
from cm_core.sample_data.generate import read_truth
from cm_core.settings import Settings

Key = tuple[str, int, int]

_COLLECT = {
    "source_parties": "select import_id, row_number, party_no, source_date, entity_type, middle_name, name_suffix, "
    "first_key, last_key, organization_key, date_of_birth from parties",
    "source_phones": "select import_id, row_number, party_no, phone_e164, phone_type from phones "
    "where phone_e164 is not null",
    "source_emails": "select import_id, row_number, party_no, email_key from emails where email is not null",
    "source_addresses": "select import_id, row_number, party_no, address_key, street, zip from addresses",
    "source_identifiers": "select import_id, row_number, party_no, id_type, id_value from identifiers",
}
_TRUTH = """
create or replace table truth as
select file as import_id, row_number, party_no, true_person_id, household_id from read_csv(?)
"""
_KNOWN = """
select c.cluster, x.component, t.true_person_id, t.household_id, p.person_id
from source_parties as p
inner join clusters as c using (person_id)
inner join exact_components as x on p.person_id = x.id
inner join truth as t using (import_id, row_number, party_no)
"""
_WRONG = f"""
with known as ({_KNOWN})
select
    case when a.component = b.component then 'exact' else 'model' end,
    case when a.household_id = b.household_id then 'household' else 'strangers' end,
    count(*)
from known as a
inner join known as b on a.cluster = b.cluster and a.person_id < b.person_id
where a.true_person_id <> b.true_person_id
group by all
order by all
"""
_HOUSEHOLDS = f"""
with known as ({_KNOWN})
select count(*)
from (
    select cluster from known group by cluster, household_id having count(distinct true_person_id) > 1
)
"""
_EXACT = """
select import_id, row_number, party_no, component
from source_parties
inner join exact_components on person_id = id
"""
_FINAL = "select import_id, row_number, party_no, cluster from source_parties inner join clusters using (person_id)"
_FILES = "dense_rank() over (order by import_id)"
_NUMBER = f"""
create or replace table {{table}} as
select row_number() over (order by import_id, row_number, party_no) as person_id,
    {row_id(_FILES, "row_number", "party_no")} as row_id, *
from {{table}}
"""
_JOIN = """
create or replace table {table} as
select p.person_id, p.row_id, t.* exclude (import_id, row_number, party_no)
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
        batches = partial(read_batches, path, dialect, layout, max_field_chars=settings.max_field_chars)
        sample = sample_of(batches(), len(layout.headers))
        mapping, date = understand(layout.headers, feed, sample).mapping, datetime(2026, 1, 1 + position)
        for chunk, lines in enumerate(chunks_of(batches())):
            load_chunk(con, lines)
            stage_contacts(con, mapping, layout.headers, date)
            for table, query in _COLLECT.items():
                query = query.replace("import_id,", f"'{path.name}' as import_id,", 1)
                first = position == chunk == 0
                con.execute(f"create table {table} as {query}" if first else f"insert into {table} {query}")
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


def by_kind(con: duckdb.DuckDBPyConnection, truth_path: Path) -> dict[str, int]:
    """Wrong pairs by where they come from, and clusters that hold two people of one household."""
    con.execute(_TRUTH, (str(truth_path),))
    wrong = {f"wrong_pairs_{stage}_{where}": int(count) for stage, where, count in con.execute(_WRONG).fetchall()}
    households = int(con.execute(_HOUSEHOLDS).fetchall()[0][0])
    return {**wrong, "clusters_with_two_of_a_household": households}


def run(people: int, seed: int) -> dict[str, object]:
    """Generate, stage, link and score; seconds are wall-clock."""
    with tempfile.TemporaryDirectory(prefix="cm-bench-") as folder:
        settings = Settings(home=Path(folder) / "home", compute_memory_limit="4GB")
        started = time.perf_counter()
        made = generate(people, seed, Path(folder) / "lists")
        generated = time.perf_counter()
        with session(settings) as con:
            stage_files(con, made.files, settings)
            staged = time.perf_counter()
            counts, scoring = link_rows(con, settings, model.default())
            clustering = clusters.cluster(con)
            linked = time.perf_counter()
            exact = _score(con, made.truth_path, _EXACT)
            final = _score(
                con,
                made.truth_path,
                _FINAL,
            )
            kinds = by_kind(con, made.truth_path)
        return {
            "people": people,
            "rows": made.rows,
            "generate_rows_per_second": round(made.rows / (generated - started)),
            "staging_seconds": round(staged - generated, 1),
            "linkage_seconds": round(linked - staged, 1),
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "exact_tier": exact,
            "linked": final,
            **kinds,
            "records": counts.human_records + counts.legal_records,
            "pairs_scored": scoring.scored,
            "pairs_linked": scoring.linked,
            "pairs_refused": clustering.refused,
            "cluster_sizes": clustering.sizes,
        }


def _score(con: duckdb.DuckDBPyConnection, truth: Path, query: str) -> dict[str, float]:
    found = {(file, row, party): cluster for file, row, party, cluster in con.execute(query).fetchall()}
    return score_pairs(found, read_truth(truth))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    sys.stdout.write(json.dumps(run(arguments.people, arguments.seed), indent=1) + "\n")


if __name__ == "__main__":
    main()
