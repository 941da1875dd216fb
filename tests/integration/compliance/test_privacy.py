"""Privacy deletion: what is known goes, nothing brings it back, and without the key nothing is imported at all."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import duckdb
import pytest

from cm_core import linkage, upsert
from cm_core.cli.inspect import inspect
from cm_core.compliance import privacy
from cm_core.compliance.facts import OF_THE_PERSON
from cm_core.compliance.subjects import Subject
from cm_core.crm import people
from cm_core.crm.fields import PersonFields
from cm_core.crm.records import normal
from cm_core.errors import SettingsError, UsageError
from cm_core.imports import pipeline
from cm_core.imports.feed_catalog import load_feed
from cm_core.imports.forgotten import privacy_key
from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store import Database, changes
from cm_core.store.tables import metadata
from tests.integration.changes import noted
from tests.integration.dbt.people import People
from tests.integration.imports.steps import attempt, column, counts, error_report, import_file, query, run

OWNERS = (
    "First Name,Last Name,Phone,Email,Address,City,State,Zip,Voter ID,Updated\n"
    "Gertrude,Hollingsworth,405-321-1001,gertrude@example.org,1098 Shepard Hills Rd,Sulphur,OK,73086,V-77,2025-01-01\n"
    "Otto,Vandermeer,405-321-1002,,12 Elm St,Tulsa,OK,74101,,2025-01-01\n"
)
#: The same person by another list, with a second number.
AGAIN = (
    "First Name,Last Name,Phone,Address,City,State,Zip,Updated\n"
    "Gertrude,Hollingswroth,405-321-1009,1098 Shepard Hills Rd,Sulphur,OK,73086,2025-06-01\n"
)
CALLS = "direction,from,to,date,result,id\noutbound,405-555-0100,405-321-1001,2026-02-04 10:15,Answered,c-1\n"
SAID = ("HOLLINGS", "3211001", "3211009", "GERTRUDE", "SHEPARD", "V-77")
#: Tables that keep what they say: contact history and what people asked for.
KEPT = {"touchpoints", "opt_outs"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def bring(settings: Settings, database: Database, path: Path, text: str) -> Any:
    path.write_text(text)
    return import_file(settings, database, path)


def texts(database: Database) -> str:
    """All that MySQL has, but in the tables that keep it, in capitals."""
    found = []
    for table in metadata.tables:
        if table not in KEPT:
            found += [str(row) for row in query(database, f"select * from `{table}`")]
    return "\n".join(found).upper()


def assert_gone(database: Database) -> None:
    said = texts(database)
    assert [text for text in SAID if text in said] == []


def test_what_is_known_goes_and_no_list_replay_or_dedupe_brings_it_back(
    settings: Settings, database: Database, folder: Path
) -> None:
    first = bring(settings, database, folder / "owners.csv", OWNERS)
    bring(settings, database, folder / "again.csv", AGAIN)
    linkage.run(settings, database)
    bring(settings, database, folder / "call_log.csv", CALLS)
    ((golden,), (duplicate,)) = query(
        database, "select id from persons where last_name like 'Holl%%' order by is_original desc"
    )
    with noted(database):
        done = privacy.forget(settings, database, Subject("phone", "+14053211001"), reason="asked", by="kim")
    assert (done.persons, done.hashes, done.blocked) == (sorted((golden, duplicate)), 5, [])
    assert [(one.filename, one.rows) for one in done.sources] == [("owners.csv", [1]), ("again.csv", [1])]
    assert_gone(database)
    assert query(database, "select count(*), sum(last_name is null) from persons") == [(3, 2)]
    assert column(database, "select count(*) from person_sources") == [3]
    assert query(database, "select person_id, unmatched_reason from touchpoints") == [(None, "unknown")]
    facts = query(database, "select contact_kind, person_id, value, recorded_by from contact_facts order by id")
    assert [fact[:2] for fact in facts[5:]] == [("person", number) for number in done.persons]
    assert {fact[0] for fact in facts[:5]} == {"hash"}
    assert {fact[3] for fact in facts} == {"kim"}
    assert column(database, "select action from dedup_audit_log order by id desc limit 2") == ["forget"] * 2

    name = bring(settings, database, folder / "name.csv", AGAIN.replace("405-321-1009", "").replace("wroth", "worth"))
    assert counts(name) == (1, 0, 0, 0, 1)
    other = bring(
        settings, database, folder / "other.csv", OWNERS.replace("gertrude@", "other@").replace("V-77", "V-78")
    )
    assert counts(other) == (2, 0, 0, 1, 1)
    (line,) = [row for row in error_report(settings, other.import_id) if row["row_status"] == "rejected"]
    assert (line["row_number"], line["error_type"], line["raw_row"]) == ("1", "PRIVACY", "")
    assert not [text for text in SAID if text in str(line).upper()]
    for table in ("rows", "parties", "phones", "findings"):
        path = lake(settings).materialize(f"staged/{other.import_id}/{table}.parquet", folder)
        said = str(duckdb.sql(f"from read_parquet('{path}')").fetchall()).upper()
        assert not [text for text in SAID if text in said]

    run(settings, database, first.import_id)
    linkage.run(settings, database, full=True)
    assert_gone(database)


def test_rows_applied_again_bring_nothing_back(settings: Settings, database: Database, folder: Path) -> None:
    record = bring(settings, database, folder / "owners.csv", OWNERS)
    privacy.forget(settings, database, Subject("phone", "+14053211001"), reason="asked")
    with noted(database):
        upsert.apply(settings, database, record.import_id)
    assert_gone(database)


def test_whom_several_people_share_a_number_with_is_named_by_id(
    settings: Settings, database: Database, folder: Path
) -> None:
    bring(settings, database, folder / "owners.csv", OWNERS.replace("1002", "1001"))
    with pytest.raises(UsageError, match=r"is 2 people's.*Otto Vandermeer"):
        privacy.forget(settings, database, Subject("phone", "+14053211001"), reason="asked")
    (otto,) = column(database, "select id from persons where last_name = 'Vandermeer'")
    assert privacy.forget(settings, database, Subject("person", str(otto)), reason="asked").persons == [otto]
    assert column(database, "select last_name from persons where last_name is not null") == ["Hollingsworth"]


def test_whoever_is_not_known_is_kept_out(settings: Settings, database: Database, folder: Path) -> None:
    done = privacy.forget(settings, database, Subject("email", "gertrude@example.org"), reason="asked")
    assert (done.persons, done.hashes) == ([], 1)
    assert privacy.forget(settings, database, Subject("email", "gertrude@example.org"), reason="asked").hashes == 0
    assert counts(bring(settings, database, folder / "owners.csv", OWNERS)) == (2, 1, 0, 0, 1)
    assert_gone(database)


def test_without_the_key_nobody_is_imported(settings: Settings, database: Database, folder: Path) -> None:
    assert privacy_key(settings) is None
    privacy.forget(settings, database, Subject("email", "gertrude@example.org"), reason="asked")
    path = settings.home_dir / "privacy.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = path.read_text()
    (folder / "owners.csv").write_text(OWNERS)
    (seen,) = inspect(settings, database, folder / "owners.csv", feed=None, rows=None)
    assert (seen["rejected"], seen["would"]["inserted"]) == (1, 1)
    path.write_text("another key of some length")
    for lost in (False, True):
        if lost:
            path.unlink()
        record, error = attempt(settings, database, folder / "owners.csv")
        assert (record.status, type(error)) == ("FAILED", SettingsError)
        assert "CM_PRIVACY_KEY" in str(record.status_reason)
        assert secret not in str(record.status_reason) + repr(settings)
    with pytest.raises(SettingsError):
        privacy.forget(settings, database, Subject("email", "other@example.org"), reason="asked")
    same = settings.model_copy(update={"privacy_key": type(settings.database_url)(secret)})  # type: ignore[misc]
    assert counts(import_file(same, database, folder / "owners.csv")) == (2, 1, 0, 0, 1)
    assert secret not in repr(same)


def test_a_list_of_deletions_does_the_same(settings: Settings, database: Database, folder: Path) -> None:
    bring(settings, database, folder / "owners.csv", OWNERS)
    bring(settings, database, folder / "kin.csv", "First Name,Last Name,Phone\nHans,Vandermeer,405-321-1002\n")
    (otto, hans) = column(database, "select id from persons where last_name = 'Vandermeer' order by id")
    text = (
        "phone,email,name,zip,date\n405-321-1001,,,,2026-01-05\n405-321-1002,,,,2026-01-05\n"
        ",late@example.org,,,2026-01-05\n12,,,,2026-01-05\n"
    )
    with noted(database):
        record = bring(settings, database, folder / "privacy_deletions.csv", text)
    assert counts(record) == (4, 3, 0, 0, 1)
    assert_gone(database)
    blocked = column(database, "select person_id from contact_facts where contact_kind = 'person' and value is null")
    assert blocked == [otto, hans]
    before = query(database, "select * from contact_facts")
    longer = bring(settings, database, folder / "privacy_deletions_2.csv", text + ",new@example.org,,,2026-01-05\n")
    assert counts(longer) == (5, 1, 0, 3, 1)
    run(settings, database, record.import_id)
    assert query(database, "select * from contact_facts")[:-1] == before
    both = "phone,name,zip\n405-321-1002,Otto Vandermeer,74101\n"
    bring(settings, database, folder / "privacy_deletions_3.csv", both)
    assert column(database, "select id from persons where last_name is null and id in (%s, %s)", (otto, hans)) == [otto]


@pytest.mark.soak
def test_a_relative_spelling_is_linked_to_what_is_blocked_and_tells_nothing_of_it(
    settings: Settings, database: Database, folder: Path
) -> None:
    bring(settings, database, folder / "owners.csv", OWNERS)
    (gone,) = privacy.forget(settings, database, Subject("phone", "+14053211001"), reason="asked").persons
    bring(settings, database, folder / "again.csv", AGAIN)
    linkage.run(settings, database)
    assert column(database, "select count(*) from persons where entity_id = (select entity_id from persons where id = %s)", (gone,)) == [2]  # fmt: skip # noqa: E501
    assert not [text for text in ("3211001", "V-77", "GERTRUDE@") if text in texts(database)]


def test_rows_that_are_read_otherwise_now_bring_nothing_back(
    settings: Settings, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = bring(settings, database, folder / "owners.csv", "Name,Reachable\nGertrude Hollingsworth,405-321-1001\n")
    privacy.forget(settings, database, Subject("person", "1"), reason="asked")
    contacts = load_feed("contacts")
    phone = contacts.fields["phone"].model_copy(update={"synonyms": ("Reachable",)})
    wider = contacts.model_copy(update={"fields": {**contacts.fields, "phone": phone}})
    monkeypatch.setattr(pipeline, "load_feed", lambda name: wider)
    run(settings, database, record.import_id)
    assert_gone(database)


def test_somebody_deleted_is_not_taken_apart(settings: Settings, database: Database, folder: Path) -> None:
    record = bring(settings, database, folder / "owners.csv", OWNERS)
    privacy.forget(settings, database, Subject("person", "1"), reason="asked")
    with duckdb.connect() as con:
        con.execute(
            "create table moves as select ? as import_id, 1 as row_number, 1::smallint as party_no, 1 as person_id, "
            "1 as part",
            [record.import_id],
        )
        assert upsert.split_persons(settings, database, con, "job") == 0
    assert_gone(database)


def test_the_crm_s_copy_goes_too_and_is_not_kept_again(settings: Settings, database: Database, folder: Path) -> None:
    gertrude = {
        "id": 9, "name": "Gertrude Hollingsworth", "phones": [{"value": "405-321-1001", "primary": True}],
        "emails": [], "update_time": "2026-03-01T10:00:00Z", "add_time": "2026-03-01T10:00:00Z",
    }  # fmt: skip
    fields = PersonFields(())
    path = folder / "pipedrive_persons_20260301T000000_r1.jsonl"
    path.write_text(json.dumps(gertrude) + "\n")
    import_file(settings, database, path)

    def read() -> people.Readings:
        with database.connect() as connection, connection.cursor() as cursor:
            at = people.now(cursor)
            found = people.note_read(connection, [normal(gertrude)], read_at=at, fields=fields)
            connection.commit()
            return found

    assert read().new == 1
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "insert into crm_resolutions (crm_person_id, entity_id, field, theirs, winner, rule) "
            "values (9, 1, 'name', '\"Gertrude Hollingsworth\"', 'theirs', 'manual_edit')"
        )
        connection.commit()
    assert "HOLLINGS" in texts(database)

    done = privacy.forget(settings, database, Subject("phone", "+14053211001"), reason="asked", by="kim")
    assert done.crm_persons == [9]
    assert_gone(database)
    assert query(database, "select state, record from crm_persons") == [("erased", '{"id": 9}')]
    assert (read().stale, query(database, "select state, record from crm_persons")) == (1, [("erased", '{"id": 9}')])
    assert_gone(database)


def test_who_shares_a_number_with_a_deleted_person_is_noted(
    settings: Settings, database: Database, folder: Path
) -> None:
    """Contacts of the deleted are nobody's now, and caps count them for the number."""
    bring(settings, database, folder / "owners.csv", OWNERS.replace("405-321-1002", "405-321-1001"))
    named = "direction,from,to,first name,last name,date,result,id\n"
    call = "outbound,405-555-0100,405-321-1001,Gertrude,Hollingsworth,2026-02-04 10:15,Answered,c-1\n"
    bring(settings, database, folder / "call_log.csv", named + call)
    (golden,) = column(database, "select person_id from touchpoints")
    assert golden is not None
    with noted(database):
        privacy.forget(settings, database, Subject("person", str(golden)), reason="asked")


def test_who_alone_has_a_number_of_a_deceased_now_is_noted(
    settings: Settings, database: Database, people: People, folder: Path
) -> None:
    """What names a contact point of two is about that one; of one, about the person."""
    assert set(changes.OF_THE_PERSON) == OF_THE_PERSON
    people.person(1), people.phone(1, "+14053211001"), people.person(2), people.phone(2, "+14053211001")
    people.phone(2, "+14053211002"), people.fact("deceased", "phone", "+14053211001")
    with noted(database):
        privacy.forget(settings, database, Subject("person", "1"), reason="asked")
