"""Contact history through the whole import: understood, counted, known again, and each given its person or a reason."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cm_core import linkage, touchpoints
from cm_core.errors import ImportFailed
from cm_core.imports import pipeline, records, registry
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.changes import noted
from tests.integration.dbt.people import People
from tests.integration.imports.steps import (
    checksum,
    column,
    counts,
    error_report,
    import_file,
    query,
    rejected_rows,
    run,
    unchanged,
)
from tests.integration.touchpoints.conftest import Import

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


def test_what_happened_is_kept(bring: Import, database: Database) -> None:
    bring(
        "call_log.csv",
        "Direction,From,To,Date,Time,Result,Duration,Cost,Agent,Campaign\n"
        "Outbound,405-555-0100,(405) 232-9700,2/3/26,10:15 AM,Answered,1:23,$0.05,Kim,spring  mailing\n"
        "Inbound,(405) 232-9700,405-555-0100,02/04/2026,16:05,Voicemail,00:01:02,,,\n",
    )
    rows = query(
        database,
        "select touchpoint_type, cast(touchpoint_date as char(19)), status, phone_e164, campaign_name, metadata "
        "from touchpoints order by touchpoint_date",
    )
    assert [row[:5] for row in rows] == [
        ("call", "2026-02-03 10:15:00", "Answered", "+14052329700", "SPRING MAILING"),
        ("call", "2026-02-04 16:05:00", "Voicemail", "+14052329700", None),
    ]
    assert [json.loads(row[5]) for row in rows] == [
        {"direction": "outbound", "duration_seconds": 83, "cost": 0.05, "agent": "Kim", "campaign": "spring  mailing"},
        {"direction": "inbound", "duration_seconds": 62},
    ]


def test_rows_that_say_too_little_are_reported(settings: Settings, bring: Import, database: Database) -> None:
    record = bring(
        "touchpoints.csv",
        "type,date,phone,name,email\n"
        "call,2026-02-03,405-232-9700,,\n"
        "pigeon,2026-02-03,405-232-9700,,\n"
        "call,someday,405-232-9700,,\n"
        "call,,405-232-9700,,\n"
        "call,2026-02-03,12,,not-an-address\n"
        "call,1812-02-03,405-232-9700,,\n"
        "mail,2026-02-03,,Ann Lee,\n",
    )
    assert counts(record) == (7, 2, 0, 0, 5)
    assert rejected_rows(settings, record.import_id) == {2, 3, 4, 5, 6}
    fields = {row["row_number"]: row["field_name"] for row in error_report(settings, record.import_id)}
    assert [fields[row] for row in "2346"] == ["touchpoint_type", *["touchpoint_date"] * 3]
    assert found(database) == [("call", "", None, "unknown"), ("mail", "", None, "no_key")]


def test_a_touchpoint_from_a_second_list_is_not_doubled(bring: Import, database: Database) -> None:
    text = HISTORY.replace("Jim", "James")
    bring("touchpoints.csv", text)
    with unchanged(database):
        assert bring("touchpoints again.csv", text).status == "DUPLICATE"
    header, *lines = text.splitlines()
    shuffled = "\n".join([header, lines[3], lines[1], lines[0].replace("(405) 232-9700", "4052329700")]) + "\n"
    assert counts(bring("touchpoints_2.csv", shuffled)) == (3, 0, 0, 3, 0)
    twice = "\n".join([header, lines[1], lines[1], lines[1].replace("02-04", "02-05")]) + "\n"
    assert counts(bring("touchpoints_3.csv", twice)) == (3, 1, 0, 2, 0)
    assert column(database, "select count(*) from touchpoints") == [5]


def test_a_later_status_is_an_update_and_an_earlier_one_is_not(bring: Import, database: Database) -> None:
    head = "message id,type,date,phone,status,source\n"
    row = "m-1,sms,2026-02-03 09:00,405-232-9700"
    bring("touchpoints.csv", f"{head}{row},sent,Twilio\n")
    second = bring("touchpoints_2.csv", f"{head}{row},delivered,twilio\n")
    assert counts(second) == (1, 0, 1, 0, 0)
    assert counts(bring("touchpoints_3.csv", f"{head}{row},,Twilio\n")) == (1, 0, 0, 1, 0)
    assert counts(bring("touchpoints_4.csv", f"{head}{row},sent,RingCentral\n")) == (1, 1, 0, 0, 0)
    assert query(database, "select status, import_id from touchpoints where source = 'twilio'") == [
        ("delivered", second.import_id)
    ]


def test_applying_again_changes_nothing(settings: Settings, bring: Import, database: Database) -> None:
    bring("people.csv", PEOPLE)
    records = [bring("touchpoints.csv", HISTORY), bring("campaigns.csv", "name,type\nSpring,mail\n")]
    with unchanged(database):
        for record in records:
            assert counts(run(settings, database, record.import_id)) == counts(record)


def test_one_of_several_people_is_not_guessed(bring: Import, database: Database) -> None:
    bring("people.csv", "name,phone,email\nMary Smith,405-232-9700,mary@example.org\nJames Smith,405-232-9700,\n")
    bring(
        "touchpoints.csv",
        "type,date,phone,name,email\n"
        "call,2026-02-01,405-232-9700,,\n"
        "call,2026-02-02,405-232-9700,Jim Smith,\n"
        "call,2026-02-03,405-232-9700,Karen Smith,\n"
        "call,2026-02-04,405-232-9700,,mary@example.org\n",
    )
    assert found(database) == [
        ("call", "", None, "ambiguous"),
        ("call", "James Smith", "phone", None),
        ("call", "", None, "other_name"),
        ("call", "Mary Smith", "email", None),
    ]


def test_a_second_holder_takes_the_certainty_away(bring: Import, database: Database) -> None:
    bring("people.csv", "name,phone\nMary Smith,405-232-9700\n")
    bring("touchpoints.csv", "type,date,phone\ncall,2026-02-01,405-232-9700\n")
    assert found(database) == [("call", "Mary Smith", "phone", None)]
    bring("more.csv", "name,phone\nJames Smith,405-232-9700\n")
    assert found(database) == [("call", "", None, "ambiguous")]


def test_a_contact_that_becomes_shared_is_no_key_any_more(bring: Import, database: Database) -> None:
    bring("people.csv", "name,phone\nMary Smith,405-232-9700\n")
    bring("touchpoints.csv", "type,date,phone,name\ncall,2026-02-01,405-232-9700,Mary Smith\n")
    assert found(database) == [("call", "Mary Smith", "phone", None)]
    crowd = "".join(f"{first} {first}son,405-232-9700\n" for first in ("Adam", "Carl", "Eric", "John", "Paul", "Ralph"))
    bring("office.csv", f"name,phone\n{crowd}")
    assert column(database, "select contact_key from shared_contacts") == ["+14052329700"]
    assert found(database) == [("call", "", None, "shared")]


def test_a_contact_becomes_shared_although_nobody_is_new(bring: Import, database: Database) -> None:
    names = ("Adams", "Baker", "Clark", "Dow", "Evans", "Fox")
    emails = ";".join(f"{name}@example.org" for name in names)
    bring("people.csv", f"name,phone,email,updated\nMary Smith,405-232-9700,{emails},2025-01-01\n")
    bring("touchpoints.csv", "type,date,phone\ncall,2026-02-01,405-232-9700\n")
    assert found(database) == [("call", "Mary Smith", "phone", None)]
    older = "".join(f"Mary {name},405-232-9700,{name}@example.org,2024-01-01\n" for name in names)
    bring("older.csv", f"name,phone,email,updated\n{older}")
    assert column(database, "select count(*) from persons") == [1]
    assert column(database, "select count(*) from shared_contacts") == [1]
    assert found(database) == [("call", "", None, "shared")]


def test_a_name_that_one_of_two_gives_up_is_the_others(bring: Import, database: Database) -> None:
    head = "first name,last name,email,address,city,state,zip,updated\n"
    place = "1098 Shepard Hills Rd,Sulphur,OK,73086"
    bring("first.csv", f"{head}Annka,Lee,,{place},2024-01-01\n")
    bring("second.csv", f"{head}Karen,Roe,k@example.org,PO Box 12,Norman,OK,73070,2024-01-01\n")
    bring("third.csv", f"{head}Annka,Lee,k@example.org,{place},2024-02-01\n")
    bring("touchpoints.csv", f"type,date,name,address,city,state,zip\nmail,2026-02-01,Annka Lee,{place}\n")
    assert found(database) == [("mail", "", None, "ambiguous")]
    bring("fourth.csv", f"{head}Karen,Roe,k@example.org,{place},2024-03-01\n")
    assert found(database) == [("mail", "Annka Lee", "name_zip", None)]
    assert column(database, "select email from touchpoints as t left join email_addresses as e using (person_id)") == [
        None
    ]


def test_two_persons_whom_the_linkage_makes_one_share_their_touchpoints(
    settings: Settings, bring: Import, database: Database
) -> None:
    place = "1098 Shepard Hills Rd,Sulphur,OK,73086"
    bring(
        "people.csv",
        "first name,last name,phone,address,city,state,zip\n"
        f"Jonathon,Hollenberg,405-232-9700,{place}\nJonathn,Hollenberg,405-232-9700,{place}\n",
    )
    bring("touchpoints.csv", "type,date,phone\ncall,2026-02-01,405-232-9700\n")
    assert column(database, "select unmatched_reason from touchpoints") == ["ambiguous"]
    linkage.run(settings, database)
    assert column(database, "select count(distinct entity_id) from persons") == [1]
    assert column(database, "select match_key from touchpoints") == ["phone"]


def test_a_person_who_takes_another_name_or_another_key_is_found_anew(bring: Import, database: Database) -> None:
    bring(
        "touchpoints.csv",
        "type,date,phone,name\ncall,2026-02-01,405-232-9700,Marzelle Smith\ncall,2026-02-02,405-232-9700,Karen Smith\n",
    )
    bring("people.csv", "email,phone,name,updated\nm@example.org,405-232-9700,Marzelle Smith,2024-01-01\n")
    assert found(database) == [("call", "Marzelle Smith", "phone", None), ("call", "", None, "other_name")]
    bring("renamed.csv", "email,name,updated\nm@example.org,Karen Smith,2025-01-01\n")
    assert found(database) == [("call", "", None, "other_name"), ("call", "Karen Smith", "phone", None)]


def test_organisations_and_their_people_are_told_apart(bring: Import, database: Database) -> None:
    bring("people.csv", "company,contact name,phone,email\nAcme Oil LLC,John Roe,405-232-9700,john@acme.com\n")
    bring(
        "touchpoints.csv",
        "type,date,phone,email,company,name\n"
        'call,2026-02-01,405-232-9700,,"Acme Oil, L.L.C.",\n'
        "email,2026-02-02,,john@acme.com,,\n"
        "call,2026-02-03,405-232-9700,,,\n"
        "call,2026-02-04,405-232-9700,,Other Gas LLC,\n",
    )
    assert query(
        database,
        "select coalesce(p.organization_name, p.last_name), t.unmatched_reason from touchpoints as t "
        "left join persons as p on p.id = t.person_id order by t.touchpoint_date",
    ) == [("Acme Oil LLC", None), ("Roe", None), (None, "ambiguous"), (None, "other_name")]


def test_people_who_turn_out_to_be_one_or_two_are_followed(
    settings: Settings, bring: Import, database: Database
) -> None:
    known = People(database)
    known.person(5001, first_name="Mary", first_key="MARY", last_name="Smith", last_key="SMITH")
    known.person(5002, first_name="Mary", first_key="MARY", last_name="Smyth", last_key="SMYTH")
    known.phone(5001, "+14052329700")
    known.phone(5002, "+14052329700")
    bring("touchpoints.csv", "type,date,phone\ncall,2026-02-01,405-232-9700\n")
    assert query(database, "select person_id, unmatched_reason from touchpoints") == [(None, "ambiguous")]
    _place(database, 5001)
    assert query(database, "select person_id, unmatched_reason from touchpoints") == [(5001, None)]
    _place(database, 5002)
    assert query(database, "select person_id, unmatched_reason from touchpoints") == [(None, "ambiguous")]


def _place(database: Database, entity: int) -> None:
    """Person 5002 moves to `entity`, as the linkage does it."""
    import duckdb

    with database.connect() as connection, connection.cursor() as cursor, duckdb.connect() as con:
        cursor.execute("create temporary table link_persons (id bigint primary key)")
        cursor.execute("insert into link_persons values (5002)")
        attachment = touchpoints.Attachment(connection)
        attachment.persons("link_persons")
        cursor.execute("update persons set entity_id = %s where id = 5002", (entity,))
        attachment.persons("link_persons")
        attachment.settle(con, shared_max=5)
        connection.commit()


def test_the_linkage_takes_touchpoints_along(settings: Settings, bring: Import, database: Database) -> None:
    """Six Anns at one number are one person at first, then it is found to be an office's and they come apart."""
    bring("touchpoints.csv", "type,date,phone,email\ncall,2026-02-01,405-232-9700,\nemail,2026-02-02,,a@example.org\n")
    bring("few.csv", "name,phone,email\nAnn Adams,405-232-9700,a@example.org\nAnn Baker,405-232-9700,\n")
    before = found(database)
    assert [row[2] for row in before] == ["phone", "email"]
    assert len({row[1] for row in before}) == 1
    crowd = "".join(f"Ann {name},405-232-9700\n" for name in ("Clark", "Dow", "Evans", "Fox"))
    bring("many.csv", f"name,phone\n{crowd}")
    linkage.run(settings, database)
    assert found(database) == [("call", "", None, "shared"), ("email", "Ann Adams", "email", None)]


def test_a_failed_apply_leaves_nothing(
    settings: Settings, bring: Import, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring("people.csv", PEOPLE)
    bring("campaigns.csv", "name,type\nSpring,mail\n")
    bring("touchpoints.csv", HISTORY)
    text = HISTORY.replace("2026-02-03", "2026-03-03").replace(",sent,", ",returned,")
    path = tmp_path / "touchpoints_next.csv"
    path.write_text(text)
    before = checksum(database)
    with monkeypatch.context() as patch:
        patch.setattr(records, "complete", _fail)
        with pytest.raises(ImportFailed, match="the plug"):
            import_file(settings, database, path)
    assert checksum(database) == before
    assert counts(import_file(settings, database, path))[1:] == (0, 2, 2, 0)


def _fail(*_: object, **__: object) -> None:
    raise ImportFailed("Somebody pulled the plug.")


#: Applies the import and is killed when all is written and nothing committed.
_KILLED = """
import os, signal, sys
from cm_core import touchpoints, upsert
from cm_core.imports import records
from cm_core.settings import get_settings
from cm_core.store import open_database
records.complete = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)
apply = {"people": upsert.apply, "history": touchpoints.apply_touchpoints}[sys.argv[2]]
apply(get_settings(), open_database(get_settings()), sys.argv[1])
"""


#: That contacts take touchpoints along or leave both as they were is below with a failure instead of a kill, too.
@pytest.mark.parametrize("killed", [pytest.param("people", marks=pytest.mark.soak), "history"])
def test_a_killed_apply_leaves_nothing_and_the_next_completes_it(
    settings: Settings, bring: Import, database: Database, tmp_path: Path, killed: str
) -> None:
    texts = {"people": PEOPLE, "history": HISTORY.replace("Jim", "James")}
    other = "history" if killed == "people" else "people"
    bring(f"{'touchpoints' if other == 'history' else other}.csv", texts[other])
    path = tmp_path / ("touchpoints.csv" if killed == "history" else "people.csv")
    path.write_text(texts[killed])
    import_id = registry.register_file(settings, database, path).import_id
    pipeline.check_raw(settings, database, import_id)
    pipeline.stage(settings, database, import_id)
    records.HOLD.release(import_id)
    assert settings.database_url is not None
    environment = {
        **os.environ,
        "CM_HOME": str(settings.home_dir),
        "CM_DATABASE_URL": settings.database_url.get_secret_value(),
        "CM_LANDING_URL": settings.landing_url,
        "CM_LAKE_URL": settings.lake_url,
    }
    with unchanged(database):
        ended = subprocess.run([sys.executable, "-c", _KILLED, import_id, killed], env=environment, check=False)
        assert ended.returncode == -signal.SIGKILL
    run(settings, database, import_id)
    assert found(database) == MATCHED


def test_contacts_that_fail_take_no_touchpoint_along(
    settings: Settings, bring: Import, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring("touchpoints.csv", HISTORY)
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    with monkeypatch.context() as patch:
        patch.setattr(records, "complete", _fail)
        with unchanged(database), pytest.raises(ImportFailed):
            import_file(settings, database, path)
    assert column(database, "select distinct unmatched_reason from touchpoints") == ["unknown"]
    import_file(settings, database, path)
    assert found(database)[0] == MATCHED[0]


def test_contacts_of_nobody_for_certain_are_noted_for_all_holders(
    settings: Settings, database: Database, bring: Import
) -> None:
    """Caps count them for the contact point, so the marts have to look at everybody who has it."""
    bring("people.csv", "first name,last name,phone,email\nMary,Smith,405-232-9700,\nJames,Garcia,405-232-9700,\n")
    calls = "direction,from,to,date,result,id,campaign\n"
    with noted(database):
        bring("call_log.csv", f"{calls}outbound,405-555-0100,405-232-9700,2026-02-04 10:15,No answer,c-1,SPRING\n")
    assert column(database, "select person_id from touchpoints") == [None]
    with noted(database):
        bring("call_log_2.csv", f"{calls}outbound,405-555-0100,405-232-9700,2026-02-04 10:15,Answered,c-1,SPRING\n")
    with noted(database):
        bring("campaigns.csv", "campaign code,campaign name,channel,start date\nSPRING,Spring,call,2026-02-01\n")
    assert column(database, "select campaign_id is not null from touchpoints") == [1]
