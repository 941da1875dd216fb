"""Contact history through the whole import: understood, counted, known again, and each given its person or a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cm_core import touchpoints
from cm_core.errors import CmError
from cm_core.imports import records
from cm_core.imports.records import ImportRecord
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.dbt.people import People
from tests.integration.imports.steps import (
    attempt,
    column,
    counts,
    error_report,
    import_file,
    query,
    rejected_rows,
    unchanged,
)

PEOPLE = (
    "first name,last name,phone,email,address,city,state,zip\n"
    "Mary,Smith,405-232-9700,mary@example.org,1098 Shepard Hills Rd,Sulphur,OK,73086\n"
    "James,Garcia,580-467-2744,,PO Box 12,Norman,OK,73070\n"
)
HISTORY = (
    "Channel,Date,Phone,Email,First Name,Last Name,Address,City,State,Zip,Status,Campaign,Call ID\n"
    "call,2026-02-03 10:15,(405) 232-9700,,,,,,,,answered,Spring,c-1\n"
    "email,2026-02-04,,Mary@Example.org,,,,,,,delivered,Spring,\n"
    "mail,2026-02-05,,,Jim,Garcia,PO Box 12,Norman,OK,73070,sent,Spring,\n"
    "sms,2026-02-06,918-555-2345,,,,,,,,failed,,\n"
)

Import = Callable[[str, str], ImportRecord]


@pytest.fixture
def database(any_database: Database) -> Database:
    """A fresh database, on each server there is."""
    return any_database


@pytest.fixture
def settings(make_settings: Callable[..., Settings], database: Database) -> Settings:
    return make_settings(database=database)


@pytest.fixture
def bring(settings: Settings, database: Database, tmp_path: Path) -> Import:
    """Call it with a file name and its content: imported, and every row accounted for."""

    def bring(name: str, text: str) -> ImportRecord:
        path = tmp_path / name
        path.write_text(text)
        record = import_file(settings, database, path)
        assert record.status in ("COMPLETE", "DUPLICATE"), record.status_reason
        total, *parts = counts(record)
        assert record.status == "DUPLICATE" or sum(part or 0 for part in parts) == total
        return record

    return bring


def found(database: Database) -> list[tuple[Any, ...]]:
    """What each touchpoint is, whose it is and how that was found, in the order of time."""
    return query(
        database,
        "select t.touchpoint_type, concat_ws(' ', p.first_name, p.last_name), t.match_key, t.unmatched_reason "
        "from touchpoints as t left join persons as p on p.id = t.person_id order by t.touchpoint_date, t.id",
    )


MATCHED = [
    ("call", "Mary Smith", "phone", None),
    ("email", "Mary Smith", "email", None),
    ("mail", "James Garcia", "name_zip", None),
    ("sms", "", None, "unknown"),
]


def test_each_key_finds_its_person(bring: Import, database: Database) -> None:
    bring("people.csv", PEOPLE)
    record = bring("touchpoints.csv", HISTORY.replace("Jim", "James"))
    assert record.feed == "touchpoints"
    assert counts(record) == (4, 4, 0, 0, 0)
    assert found(database) == MATCHED


def test_touchpoints_wait_for_their_people(bring: Import, database: Database) -> None:
    bring("touchpoints.csv", HISTORY.replace("Jim", "James"))
    assert {reason for *_, reason in found(database)} == {"unknown"}
    bring("people.csv", PEOPLE)
    assert found(database) == MATCHED
    bring("late.csv", "name,phone\nPat Late,918-555-2345\n")
    assert found(database)[3] == ("sms", "Pat Late", "phone", None)
