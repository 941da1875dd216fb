"""Whatever the order of people, campaigns and contact history: touchpoints end with the same people and campaigns."""

from __future__ import annotations

import csv
import json
import os
import random
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from cm_core import linkage
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.changes import noted
from tests.integration.imports.steps import import_file, query

checked = hypothesis_settings(
    max_examples=1,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

PHONES = ("405-232-9700", "405-232-9701", "580-467-2744", "")
EMAILS = ("a@example.org", "b@example.org", "")
FIRST = ("Robert", "Bob", "Mary", "James", "")
LAST = ("Smith", "Jones", "Adams", "Baker")
ZIPS = ("73086", "73070", "")
DATES = ("2024-01-05", "2025-03-01")

people = st.tuples(*(st.sampled_from(values) for values in (FIRST, LAST, PHONES, EMAILS, ZIPS, DATES)))
touches = st.tuples(
    st.sampled_from(("call", "mail", "sms")),
    st.sampled_from(("2026-01-01", "2026-01-02")),
    *(st.sampled_from(values) for values in (PHONES, EMAILS, ("", "", "Bob", "Mary"), LAST, ZIPS)),
    st.sampled_from(("", "sent", "failed")),
    st.sampled_from(("", "c-1", "c-2")),
    st.sampled_from(("", "t-1", "t-2")),
)
campaigns = st.tuples(
    st.sampled_from(("C-1", "C-2", "")), st.sampled_from(("Spring", "c-1")), st.sampled_from(("mail", "call", ""))
)
HEADERS = {
    "people": ("first name", "last name", "phone", "email", "zip", "updated"),
    "touchpoints": (
        "type", "date", "phone", "email", "first name", "last name", "zip", "status", "campaign", "touchpoint id",
    ),
    "campaigns": ("campaign code", "campaign name", "type"),
}  # fmt: skip


def _files(kind: str, rows: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[Any]:
    return st.lists(st.lists(rows, min_size=1, max_size=8), min_size=1, max_size=most).map(
        lambda files: [(kind, file) for file in files]
    )


batches = st.builds(
    lambda *kinds: [file for kind in kinds for file in kind],
    _files("people", people, 3),
    _files("touchpoints", touches, 2),
    _files("campaigns", campaigns, 2),
)


def _write(folder: Path, number: int, kind: str, rows: Sequence[Sequence[str]]) -> Path:
    """One file of a kind, last modified on day `number` of March 2026."""
    path = folder / ("campaigns.csv" if kind == "campaigns" else f"{kind}_{number}.csv")
    path = path if not path.exists() else folder / f"campaigns_{number}.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(HEADERS[kind])
        writer.writerows(rows)
    moment = 1_772_323_200 + number * 86_400
    os.utime(path, (moment, moment))
    return path


def _outcome(settings: Settings, database: Database, paths: list[Path]) -> set[Any]:
    """Every touchpoint with what it says, the source rows of its entity, and its campaign."""
    for path in paths:
        with noted(database):
            record = import_file(settings, database, path)
        assert record.status in ("COMPLETE", "DUPLICATE"), record.status_reason
    with noted(database):
        linkage.run(settings, database)
    members = defaultdict(set)
    for entity, *row in query(
        database,
        "select p.entity_id, m.checksum_sha256, s.`row_number`, s.party_no from person_sources as s "
        "join persons as p on p.id = s.person_id join import_metadata as m on m.import_id = s.import_id",
    ):
        members[entity].add(tuple(row))
    return {
        (*said, json.dumps(json.loads(metadata), sort_keys=True), frozenset(members.get(entity, ())))
        for entity, metadata, *said in query(
            database,
            "select p.entity_id, t.metadata, t.touchpoint_key, t.touchpoint_type, t.touchpoint_date, t.status, "
            "t.match_key, t.unmatched_reason, c.campaign_key, c.name, c.type from touchpoints as t "
            "left join persons as p on p.id = t.person_id left join campaigns as c on c.id = t.campaign_id",
        )
    }


@checked
@given(batches=batches, seed=st.integers(0, 1000))
def test_the_order_of_files_makes_no_difference(
    batches: list[tuple[str, list[Sequence[str]]]],
    seed: int,
    make_settings: Callable[..., Settings],
    make_database: Callable[..., Database],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        unique = list({(kind, tuple(rows)): (kind, rows) for kind, rows in batches}.values())
        paths = [_write(Path(folder), n, kind, rows) for n, (kind, rows) in enumerate(unique)]
        outcomes = []
        for order in (paths, random.Random(seed).sample(paths, len(paths))):
            database = make_database()
            outcomes.append(_outcome(make_settings(database=database), database, order))
        assert outcomes[0] == outcomes[1]


@pytest.mark.soak
@pytest.mark.timeout(3600)
@hypothesis_settings(parent=checked, max_examples=60)
@given(batches=batches, seed=st.integers(0, 1000))
def test_the_order_of_files_makes_no_difference_long(
    batches: list[tuple[str, list[Sequence[str]]]],
    seed: int,
    make_settings: Callable[..., Settings],
    make_database: Callable[..., Database],
) -> None:
    test_the_order_of_files_makes_no_difference.hypothesis.inner_test(batches, seed, make_settings, make_database)
