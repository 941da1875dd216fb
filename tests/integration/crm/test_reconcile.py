"""Deletes and merges in the CRM are found by id, recorded and never lost, whoever tells of them or nobody."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cm_core.crm import covered_to, pull_day, reconcile
from cm_core.crm.pulls import PERSONS, pulls_of
from cm_core.settings import Settings
from cm_core.store import Database
from tests.servers import PipedriveServer

from .conftest import landed, rows
from .killing import kill_at, reconcile_there

DAY = date(2026, 3, 2)


def people(database: Database) -> dict[int, tuple[Any, ...]]:
    query = "select crm_person_id, state, merged_into, gone_by from crm_persons order by crm_person_id"
    return {row[0]: row[1:] for row in rows(database, query)}


def test_who_is_not_there_any_more_is_asked_for_and_kept(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.load([{"name": name} for name in ("stays", "deleted", "merged", "long gone", "survives")])
    pull_day(crm_settings, database, DAY)
    crm.control("persons/4", method="DELETE")
    crm.clock("2026-04-05T08:00:00Z")
    crm.control("persons/2", method="DELETE")
    crm.control("persons/3/merge", {"merge_with_id": 5})
    crm.control("persons", {"name": "new"})
    found = reconcile(crm_settings, database)
    assert (found.vanished.deleted, found.vanished.gone, found.vanished.merged) == ([2], [3, 4], {})
    assert people(database) == {
        1: ("live", None, None), 2: ("deleted", None, "reconcile"), 3: ("gone", None, "reconcile"),
        4: ("gone", None, "reconcile"), 5: ("live", None, None), 6: ("live", None, None),
    }  # fmt: skip
    assert rows(database, "select count(*) from crm_persons where record like '%long gone%'") == [(1,)]
    ((name, lines),) = ((n, ls) for n, ls in landed(crm_settings, PERSONS).items() if "reconcile" in n)
    assert [line["name"] for line in lines] == ["new"], "found on the way"
    assert name.startswith("pipedrive_persons_")
    assert (found.pull.usage.tokens, found.pull.usage.requests) == (13, 4), "one page of ids, three people by id"
    with database.connect() as connection:
        assert str(covered_to(pulls_of(connection, PERSONS))) == "2026-04-05 08:00:00", "a whole walk covers everything"


@pytest.mark.parametrize("reply", [200, 404, 410])
def test_a_merge_that_we_know_of_leads_to_its_survivor(
    crm: PipedriveServer, crm_settings: Settings, database: Database, reply: int
) -> None:
    crm.reset(merged_reply=reply)
    crm.load([{"name": "Ann", "phones": ["+14055550100"]}, {"name": "Ann Smith"}])
    pull_day(crm_settings, database, DAY)
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "insert into crm_plans (plan_id, kind, state, made_at, counts, tokens, seconds, requested_by) "
            "values ('p', 'full', 'DONE', now(), '{}', 40, 1, 'test')"
        )
        cursor.execute(
            "insert into crm_steps (plan_id, priority, action, entity_id, crm_person_id, merge_with_id, changes, "
            "tokens, state) values ('p', 1, 'merge', 1, 1, 2, '{}', 40, 'applied')"
        )
        connection.commit()
    crm.clock(advance_seconds=60)
    crm.control("persons/1/merge", {"merge_with_id": 2})
    found = reconcile(crm_settings, database)
    assert found.vanished.merged == {1: 2}
    assert people(database) == {1: ("merged", 2, "our own merge"), 2: ("live", None, None)}
    (line,) = next(lines for name, lines in landed(crm_settings, PERSONS).items() if "reconcile" in name)
    assert (line["id"], line["phones"][0]["value"], line["merged_ids"]) == (2, "+14055550100", [1])


def test_who_may_not_be_read_is_left_as_it_is(crm: PipedriveServer, crm_settings: Settings, database: Database) -> None:
    crm.load([{"name": name} for name in ("hidden", "deleted")])
    pull_day(crm_settings, database, DAY)
    crm.clock("2026-04-05T08:00:00Z")
    crm.control("persons/1", method="DELETE")
    crm.control("persons/2", method="DELETE")
    crm.once(403, "/api/v2/persons/1$")
    found = reconcile(crm_settings, database)
    assert (found.vanished.refused, found.vanished.deleted) == ([1], [2])
    assert people(database)[1] == ("live", None, None)
    assert reconcile(crm_settings, database).vanished.deleted == [1], "asked for again"


def test_many_who_vanished_are_asked_for_in_hundreds_first(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.load(count=30)
    pull_day(crm_settings, database, DAY)
    crm.clock(advance_seconds=60)
    for person in range(1, 13):
        crm.control(f"persons/{person}", method="DELETE")
    before = crm.usage()["calls_by_path"]["GET /api/v2/persons"]
    assert len(reconcile(crm_settings, database).vanished.deleted) == 12
    usage = crm.usage()["calls_by_path"]
    assert (usage["GET /api/v2/persons"] - before, usage["GET /api/v2/persons/{id}"]) == (2, 12)


def test_who_comes_back_is_live_again(crm: PipedriveServer, crm_settings: Settings, database: Database) -> None:
    crm.load([{"name": "Ann"}, {"name": "Bob"}])
    pull_day(crm_settings, database, DAY)
    crm.once(404, r"persons/1$")
    crm.clock(advance_seconds=60)
    with database.connect() as connection, connection.cursor() as cursor:  # a list that left somebody out
        cursor.execute("update crm_persons set state = 'gone', gone_at = utc_timestamp(6) where crm_person_id = 1")
        connection.commit()
    assert people(database)[1][0] == "gone"
    reconcile(crm_settings, database)
    assert people(database)[1] == ("live", None, None)


def test_a_list_that_shows_the_deleted_says_so(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.reset(list_deleted=True)
    crm.load([{"name": "Ann"}])
    pull_day(crm_settings, database, DAY)
    crm.clock(advance_seconds=60)
    crm.control("persons/1", method="DELETE")
    assert pull_day(crm_settings, database, DAY).lines == 0
    assert people(database) == {1: ("deleted", None, "list")}


def test_an_opt_out_of_somebody_who_was_deleted_before_it_was_read_lands(
    crm: PipedriveServer, crm_settings: Settings, database: Database
) -> None:
    crm.load([{"name": "Ann", "emails": ["ann@example.com"]}])
    pull_day(crm_settings, database, DAY)
    crm.clock(advance_seconds=60)
    crm.edit(1, marketing_status="unsubscribed")
    crm.control("persons/1", method="DELETE")
    reconcile(crm_settings, database)
    ((line,),) = landed(crm_settings, "pipedrive_opt_outs").values()
    assert (line["channel"], line["email"]) == ("email", "ann@example.com")
    assert len(landed(crm_settings, PERSONS)) == 1


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(
    "point", ["a page is in the lake, its row not", "the first that vanished is noted", "a file has landed"]
)
def test_killed_it_goes_on_and_finds_the_same(
    crm: PipedriveServer, crm_settings: Settings, database: Database, point: str
) -> None:
    crm.load(count=20)
    pull_day(crm_settings, database, DAY)
    crm.clock(advance_seconds=60)
    crm.control("persons/3", method="DELETE")
    crm.control("persons/15", method="DELETE")
    crm.control("persons", {"name": "new"})
    kill_at(point, reconcile_there, crm_settings)
    reconcile(crm_settings, database)
    states = people(database)
    assert {number for number, row in states.items() if row[0] == "deleted"} == {3, 15}
    found = [line["id"] for lines in landed(crm_settings, PERSONS).values() for line in lines]
    assert sorted(found) == list(range(1, 22))
    assert rows(database, "select count(*) from api_pulls where state = 'OPEN'") == [(0,)]
