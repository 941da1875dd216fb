"""Campaign lists, and the touchpoints that name a campaign by its code or by any name it ever had."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.imports.steps import column, counts, error_report, import_file, query, unchanged
from tests.integration.touchpoints.conftest import Import

LIST = (
    "Campaign Code,Campaign Name,Channel,Start Date,End Date\n"
    "C-1,Spring,Direct Mail,2026-01-05,03/31/2026\n"
    "C-2,Summer,text,1/6/26,\n"
    ",Autumn,call,2026-09-01,\n"
)


def _campaigns(database: Database) -> list[tuple[Any, ...]]:
    return query(database, "select code, name, type, start_date, end_date from campaigns order by name, type")


def _named(database: Database) -> list[tuple[Any, ...]]:
    """Which campaign each touchpoint has, in the order of time."""
    return query(
        database,
        "select t.touchpoint_type, coalesce(c.code, c.name), c.type from touchpoints as t "
        "left join campaigns as c on c.id = t.campaign_id order by t.touchpoint_date",
    )


def test_a_list_is_understood_and_known_again(bring: Import, database: Database) -> None:
    assert counts(bring("campaigns.csv", LIST)) == (3, 3, 0, 0, 0)
    assert _campaigns(database) == [
        (None, "Autumn", "call", date(2026, 9, 1), None),
        ("C-1", "Spring", "mail", date(2026, 1, 5), date(2026, 3, 31)),
        ("C-2", "Summer", "sms", date(2026, 1, 6), None),
    ]
    with unchanged(database):
        assert bring("campaigns_2.csv", LIST).status == "DUPLICATE"
    more = "code,name,type,end date\nc-1,Spring,mail,\nC-2,Summer,sms,2026-08-31\nC-2,Summer,sms,\nC-3,Winter,mail,\n"
    assert counts(bring("campaigns_3.csv", more)) == (4, 1, 1, 2, 0)
    assert column(database, "select end_date from campaigns order by name") == [
        None, date(2026, 3, 31), date(2026, 8, 31), None,
    ]  # fmt: skip


def test_what_a_row_does_not_say_is_reported_and_not_made_up(
    settings: Settings, bring: Import, database: Database
) -> None:
    record = bring("campaigns.csv", "code,name,type,start date\n,,mail,2026-01-01\nC-1,,pigeon,someday\n")
    assert counts(record) == (2, 1, 0, 0, 1)
    assert _campaigns(database) == [("C-1", "C-1", None, None, None)]
    found = {(row["row_number"], row["field_name"]) for row in error_report(settings, record.import_id)}
    assert {("1", "name"), ("2", "type"), ("2", "start_date")} <= found


@pytest.mark.parametrize("days", [(1, 2), (2, 1)])
def test_the_newest_list_counts_and_blanks_overwrite_nothing(
    settings: Settings, database: Database, tmp_path: Path, days: tuple[int, int]
) -> None:
    texts = {1: "code,name,end date\nC-1,Spring,2026-03-01\n", 2: "code,name,end date\nC-1,Spring mailing,\n"}
    for day in days:
        path = tmp_path / f"campaigns_{day}.csv"
        path.write_text(texts[day])
        moment = 1_772_323_200 + day * 86_400
        os.utime(path, (moment, moment))
        import_file(settings, database, path)
    assert _campaigns(database) == [("C-1", "Spring mailing", None, None, date(2026, 3, 1))]


HISTORY = (
    "type,date,phone,campaign code,campaign\n"
    "mail,2026-02-01,405-232-9700,c-1,\n"
    "mail,2026-02-02,405-232-9700,,  spring \n"
    "sms,2026-02-03,405-232-9700,,C-2\n"
    "call,2026-02-04,405-232-9700,,Spring\n"
    "call,2026-02-05,405-232-9700,C-9,Spring\n"
    "call,2026-02-06,405-232-9700,,\n"
)
NAMED = [
    ("mail", "C-1", "mail"),
    ("mail", "C-1", "mail"),
    ("sms", "C-2", "sms"),
    ("call", "C-1", "mail"),
    ("call", None, None),
    ("call", None, None),
]


def test_touchpoints_name_their_campaign(bring: Import, database: Database) -> None:
    bring("campaigns.csv", LIST)
    bring("touchpoints.csv", HISTORY)
    assert _named(database) == NAMED


def test_touchpoints_wait_for_their_campaign(bring: Import, database: Database) -> None:
    bring("touchpoints.csv", HISTORY)
    assert {campaign for _, campaign, _ in _named(database)} == {None}
    assert column(database, "select count(*) from campaigns") == [0]
    bring("campaigns.csv", LIST)
    assert _named(database) == NAMED


def test_a_name_of_several_campaigns_is_the_one_of_the_channel_or_none(bring: Import, database: Database) -> None:
    bring("touchpoints.csv", HISTORY)
    bring("campaigns.csv", LIST)
    bring("campaigns_2.csv", "code,name,type\nC-5,Spring,call\n")
    assert _named(database) == [*NAMED[:3], ("call", "C-5", "call"), *NAMED[4:]]
    bring("campaigns_3.csv", "code,name,type\nC-6,Spring,call\n")
    assert _named(database) == [*NAMED[:3], ("call", None, None), *NAMED[4:]]


def test_a_campaign_is_found_by_its_former_name(bring: Import, database: Database) -> None:
    bring("campaigns.csv", LIST)
    bring("campaigns_2.csv", "code,name\nC-1,Spring 2026\n")
    bring("touchpoints.csv", HISTORY)
    assert _named(database) == NAMED
    assert column(database, "select name from campaigns where code = 'C-1'") == ["Spring 2026"]


def test_a_campaign_put_in_by_hand_is_found_too(bring: Import, database: Database) -> None:
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("insert into campaigns (campaign_key, name, type) values ('name:SPRING|mail', 'Spring', 'mail')")
        connection.commit()
    bring("touchpoints.csv", HISTORY)
    assert [campaign for _, campaign, _ in _named(database)] == [None, "Spring", None, "Spring", "Spring", None]
