"""kill -9 in the middle of a do-not-call list: the list before is in force, or the new one, never a part of either."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store import Database
from tests.e2e.kills import IMPORT_ONCE, Moment, kill, lengths_of_states, running, wait_for
from tests.integration.imports.steps import import_file, query

_AREAS = (405, 580, 918)
_FIRST = 2_000_000
#: Every third number is held by somebody here.
_HELD = "insert into phone_numbers (id, person_id, phone_key, phone_raw, phone_e164, source_date, first_import_id, last_import_id) values (%s, %s, %s, %s, %s, '2026-01-01', 'x', 'x')"  # noqa: E501
_PERSON = "insert into persons (id, entity_id, entity_type, source_date, first_import_id, last_import_id) values (%s, %s, 'person', '2026-01-01', 'x', 'x')"  # noqa: E501
_COVERAGE = """
select source, area_code, date(obtained_at), numbers, lake_key
from dnc_area_coverage where is_current = 1 order by 1, 2
"""
_VERSIONS = "select source, kind, status, row_count, bad_rows, added, removed from dnc_list_versions order by id"
_REGISTRY = "select phone_e164, source, date(listed_from), date(removed_at) from dnc_registry order by 1, 2"
_STATUS = "select phone_e164, dnc_status from phone_numbers order by 1"


def _write(path: Path, numbers: list[int], seed: int) -> Path:
    lines = [f"{area},{number:07d}\n" for area in _AREAS for number in numbers]
    random.Random(seed).shuffle(lines)
    path.write_text("".join(lines))
    return path


def _populate(database: Database) -> None:
    people = [(area * 10_000_000 + number) for area in _AREAS for number in range(_FIRST, _FIRST + 3_000, 3)]
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.executemany(_PERSON, [(place, place) for place, _ in enumerate(people, 1)])
        phones = [(place, place, f"+1{number}") for place, number in enumerate(people, 1)]
        cursor.executemany(_HELD, [(i, person, e164, e164, e164) for i, person, e164 in phones])
        connection.commit()


def _state(settings: Settings, database: Database) -> list[Any]:
    """What the lists say: of everybody (the lake, by its files' contents) and of the numbers that people here have."""
    store = lake(settings)
    coverage = query(database, _COVERAGE)
    contents = [
        (source, area, day, numbers, sum(pq.read_table(store.local_path(key)).column("number").to_pylist()))
        for source, area, day, numbers, key in coverage
    ]
    return [contents, query(database, _VERSIONS), query(database, _REGISTRY), query(database, _STATUS)]


@pytest.mark.soak
def test_a_killed_list_is_in_force_whole_or_not_at_all(
    make_settings: Callable[..., Settings], make_database: Callable[..., Database], tmp_path: Path
) -> None:
    rows = 60_000
    first = _write(tmp_path / "2026-08-01_national.txt", list(range(_FIRST, _FIRST + rows, 2)), 1)
    # Taken out one here and one there: a run of numbers missing at an end would look like a file that was cut off.
    kept = [number for number in range(_FIRST, _FIRST + rows, 2) if number % 300]
    second = _write(tmp_path / "2026-09-01_national.txt", kept + list(range(_FIRST + 1, _FIRST + 3_000, 2)), 2)

    def prepared() -> tuple[Settings, Database]:
        database = make_database()
        settings = make_settings(database=database)
        _populate(database)
        import_file(settings, database, first, feed="dnc_registry")
        return settings, database

    settings, database = prepared()
    before = _state(settings, database)
    record = import_file(settings, database, second, feed="dnc_registry")
    after = _state(settings, database)
    assert record.status == "COMPLETE", (record.status, record.status_reason, after[1])
    assert [row[2] for row in after[0]] == [date(2026, 9, 1)] * 3
    assert before[2] != after[2], "numbers that people here have were listed, and taken off"
    lengths = lengths_of_states(database, record.import_id)

    chance = random.Random(5)
    for round_number in range(4):
        settings, database = prepared()
        met = 0
        for place in ("APPLYING", "VALIDATING", "APPLYING", "STAGED", "APPLYING"):
            moment = Moment(place, chance.uniform(0, 1.05 * lengths.get(place, 0.3)))
            with running(settings, second, module=IMPORT_ONCE) as process:
                met += wait_for(database, moment, process)
                kill(process)
            state = _state(settings, database)
            assert state in (before, after), f"round {round_number}, killed {moment}"
            if state == after:
                break
        assert met, "no kill fell into the import"
        import_file(settings, database, second, feed="dnc_registry")
        assert _state(settings, database) == after, f"round {round_number}"
