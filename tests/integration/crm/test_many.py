"""A whole account is read with few calls (issue: 100,000 people, at most 205 list calls by the server's own count)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import date

import pytest

from cm_core.crm import crm_status, pull_day, reconcile
from cm_core.settings import Settings
from cm_core.store import Database
from tests.servers import PipedriveServer


@pytest.mark.parametrize("people", [5_000, pytest.param(100_000, marks=pytest.mark.soak)])
def test_everybody_is_read_in_full_pages(
    crm: PipedriveServer,
    crm_settings: Settings,
    database: Database,
    people: int,
    record_property: Callable[[str, object], None],
) -> None:
    crm.load(count=people)
    began = time.monotonic()
    result = pull_day(crm_settings, database, date(2026, 3, 2))
    record_property("seconds", round(time.monotonic() - began, 1))
    usage = crm.usage()
    calls = sum(usage["list_calls_by_path"].values())
    assert calls <= math.ceil(people / 500) + 5
    assert result.lines == people
    assert usage["burst_exceeded"] == 0
    assert sum(usage["tokens_by_day"].values()) == calls * 10
    status = crm_status(crm_settings, database)
    assert (status.people["live"], status.to_land) == (people, 0)


@pytest.mark.soak
def test_a_walk_over_everybody_finds_the_few_who_are_gone(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.load(count=100_000)
    pull_day(crm_settings, database, date(2026, 3, 2))
    crm.clock(advance_seconds=60)
    for person in (5, 50_000, 99_999):
        crm.control(f"persons/{person}", method="DELETE")
    before = sum(crm.usage()["list_calls_by_path"].values())
    found = reconcile(crm_settings, database)
    assert found.vanished.deleted == [5, 50_000, 99_999]
    assert sum(crm.usage()["list_calls_by_path"].values()) - before <= 205
