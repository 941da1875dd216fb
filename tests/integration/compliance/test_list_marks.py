"""Whom a list of contacts says not to contact: listings, opt-outs and facts, by every way that people come in."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from cm_core import upsert
from cm_core.cli.inspect import inspect
from cm_core.compliance.why import why
from cm_core.imports import pipeline, records, registry
from cm_core.imports import replay as engine
from cm_core.imports.records import HOLD
from cm_core.imports.replay_log import Mode
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.dbt.people import People
from tests.integration.imports.steps import counts, error_report, import_file, query, run

LISTED = datetime(2026, 2, 3, 8, 0)
#: As vendors of numbers deliver: the type of each number, and whether it is on a registry.
TRACED = (
    "Owner 1 First Name,Owner 1 Last Name,Owner 2 First Name,Owner 2 Last Name,Mailing Address,Mailing City,"
    "Mailing State,Mailing Zip,Phone 1,Phone 1 Type,Phone 1 DNC,Phone 2,Phone 2 Type,Phone 2 DNC,Email,"
    "Do Not Mail,Litigator,Deceased\n"
    "Gertrude,Hollingsworth,Otto,Hollingsworth,12 Elm St,Tulsa,OK,74101,405-321-1001,Mobile,Yes,405-321-1002,"
    "Landline,No,g@example.org,,,\n"
    "Ingrid,Vandermeer,,,98 Oak Ave,Norman,OK,73069,405-321-1003,VoIP,,405-321-1004,Wireless,maybe,,Y,,\n"
    "Quentin,Abernathy,,,7 Pine Rd,Ada,OK,74820,405-321-1005,,N,,,,q@example.org,,TRUE,\n"
    "Rosalind,Featherstone,,,1 Main St,Enid,OK,73701,405-321-1006,L,0,,,,,no,false,2025-11-30\n"
)
#: The other way round: a no says whom not to contact.
PERMITTED = (
    "Name,Phone 1,Phone 1 OK to Call,Phone 2,Email,Zip,OK to Text,Can Email\n"
    "Gertrude Hollingsworth,405-321-1001,N,405-321-1002,g@example.org,74101,Yes,0\n"
    "Otto Vandermeer,405-321-1003,ok,,o@example.org,73069,No,opted in\n"
    "Ida Quill,405-321-1004,,,i@example.org,74820,after five,\n"
    "Ann Plain,405-321-1005,2025-02-03,,a@example.org,73701,unknown,Y\n"
    "Ian Table,405-321-1006,1.0,,t@example.org,73701,1.0,0.0\n"
    "Joy Table,405-321-1007,0000-00-00,,,73701,,\n"
)
ASKED = (
    "Name,Phone,Email,Address,City,State,Zip,Do Not Call,Email Opt Out,Opted Out,Opt Out Date\n"
    "Gertrude Hollingsworth,405-321-1001,g@example.org,12 Elm St,Tulsa,OK,74101,1,0,,\n"
    "Otto Vandermeer,405-321-1002,o@example.org,98 Oak Ave,Norman,OK,73069,0,1,,\n"
    "Ida Quill,405-321-1003,i@example.org,7 Pine Rd,Ada,OK,74820,0,0,yes,2025-03-04\n"
    "Ann Plain,405-321-1004,a@example.org,1 Main St,Enid,OK,73701,no,N/A,-,\n"
)


def write(path: Path, text: str, at: datetime = LISTED) -> Path:
    path.write_text(text)
    stamp = (at - datetime(1970, 1, 1)).total_seconds()
    os.utime(path, (stamp, stamp))
    return path


def listings(database: Database) -> list[tuple[Any, ...]]:
    return query(database, "select phone_e164, source, listed_from, removed_at from dnc_registry order by 1, 2")


def requests(database: Database) -> list[tuple[Any, ...]]:
    """By contact point and channel."""
    found = query(
        database,
        "select channel, coalesce(phone_e164, email_key, address_key, name_zip_key), opted_out_at, reason, source "
        "from opt_outs",
    )
    return sorted(found, key=lambda row: (row[1], row[0]))


def facts(database: Database) -> list[tuple[Any, ...]]:
    return query(
        database, "select fact, contact_kind, contact_key, starts_at, source from contact_facts order by 1, 2, 3"
    )


def opted_out_addresses(database: Database) -> list[str]:
    marked = "select distinct email from email_addresses where opt_out_status = 'opted_out' order by 1"
    return [email for (email,) in query(database, marked)]


def everything(database: Database) -> list[Sequence[tuple[Any, ...]]]:
    return [
        query(database, f"select * from {table} order by id") for table in ("dnc_registry", "opt_outs", "contact_facts")
    ]


def test_what_a_vendor_says_of_numbers_and_people(settings: Settings, database: Database, tmp_path: Path) -> None:
    record = import_file(settings, database, write(tmp_path / "traced.csv", TRACED))
    assert counts(record) == (4, 4, 0, 0, 0)
    assert listings(database) == [
        ("+14053211001", "reported", LISTED, None), ("+14053211004", "reported", LISTED, None)
    ]  # fmt: skip
    assert query(database, "select distinct phone_e164, phone_type, dnc_status from phone_numbers order by 1") == [
        ("+14053211001", "mobile", "listed"), ("+14053211002", "landline", None), ("+14053211003", "voip", None),
        ("+14053211004", "mobile", "listed"), ("+14053211005", None, None), ("+14053211006", "landline", None),
    ]  # fmt: skip
    assert requests(database) == [
        ("mail", "INGRID|VANDERMEER||73069", LISTED, "Column Do Not Mail", "contact_list"),
        ("mail", "S|98||OAK|AVE||73069", LISTED, "Column Do Not Mail", "contact_list"),
    ]  # fmt: skip
    assert facts(database) == [
        ("deceased", "name_zip", "ROSALIND|FEATHERSTONE||73701", datetime(2025, 11, 30), "contact_list"),
        ("litigator", "email", "q@example.org", LISTED, "contact_list"),
        ("litigator", "phone", "+14053211005", LISTED, "contact_list"),
    ]  # fmt: skip
    # A value that is neither a yes nor a no counts as a yes, and the report says so.
    assert [(row["row_number"], row["field_name"], row["field_value"], row["row_status"]) for row in
            error_report(settings, record.import_id)] == [("2", "dnc", "maybe", "kept")]  # fmt: skip
    # The second owner is a person of the same household.
    assert query(database, "select s.party_no, p.first_name, s.role from person_sources as s inner join persons as p "
                           "on p.id = s.person_id where s.`row_number` = 1 order by 1") == [
        (1, "Gertrude", "owner"), (2, "Otto", "joint_owner")
    ]  # fmt: skip
    assert query(database, "select relation from person_relations") == [("household",)]
    assert query(database, "select operation, record_count, detail from import_audit_log where detail in "
                           "('dnc_registry', 'opt_outs', 'contact_facts') order by 3") == [
        ("INSERT", 2, "contact_facts"), ("INSERT", 2, "dnc_registry"), ("INSERT", 1, "opt_outs")
    ]  # fmt: skip


def test_what_people_asked_for(settings: Settings, database: Database, tmp_path: Path) -> None:
    import_file(settings, database, write(tmp_path / "crm export.csv", ASKED))
    asked = datetime(2025, 3, 4)
    assert [row[:3] for row in requests(database)] == [
        ("call", "+14053211001", LISTED), ("sms", "+14053211001", LISTED), ("all", "+14053211003", asked),
        ("call", "GERTRUDE|HOLLINGSWORTH||74101", LISTED), ("sms", "GERTRUDE|HOLLINGSWORTH||74101", LISTED),
        ("all", "IDA|QUILL||74820", asked), ("email", "OTTO|VANDERMEER||73069", LISTED),
        ("mail", "S|7||PINE|RD||74820", asked), ("all", "i@example.org", asked), ("email", "o@example.org", LISTED),
    ]  # fmt: skip
    assert requests(database)[0][3:] == ("Column Do Not Call", "contact_list")
    assert opted_out_addresses(database) == ["i@example.org", "o@example.org"]
    # Whose they are is known at once: they came with their people.
    assert query(database, "select count(*) from opt_outs where person_id is null") == [(0,)]


def test_what_is_not_permitted(settings: Settings, database: Database, tmp_path: Path) -> None:
    record = import_file(settings, database, write(tmp_path / "crm export.csv", PERMITTED))
    assert listings(database) == [("+14053211001", "reported", LISTED, None)]
    assert requests(database) == [
        ("sms", "+14053211003", LISTED, "Column OK to Text", "contact_list"),
        ("sms", "+14053211004", LISTED, "Column OK to Text", "contact_list"),
        ("email", "GERTRUDE|HOLLINGSWORTH||74101", LISTED, "Column Can Email", "contact_list"),
        ("email", "IAN|TABLE||73701", LISTED, "Column Can Email", "contact_list"),
        ("sms", "IDA|QUILL||74820", LISTED, "Column OK to Text", "contact_list"),
        ("sms", "OTTO|VANDERMEER||73069", LISTED, "Column OK to Text", "contact_list"),
        ("email", "g@example.org", LISTED, "Column Can Email", "contact_list"),
        ("email", "t@example.org", LISTED, "Column Can Email", "contact_list"),
    ]
    report = error_report(settings, record.import_id)
    assert [(row["row_number"], row["field_value"], row["error_message"]) for row in report] == [
        ("3", "after five", "Neither a yes nor a no; it counts as a no")
    ]


def test_who_is_marked_may_not_be_contacted(settings: Settings, database: Database, tmp_path: Path) -> None:
    import_file(settings, database, write(tmp_path / "traced.csv", TRACED))
    import_file(settings, database, write(tmp_path / "crm.csv", ASKED))
    at = datetime(2026, 2, 10, 18)

    def reason(target: str, channel: str) -> set[tuple[str, str]]:
        answers = why(settings, database, target, channel=channel, at=at)
        return {(answer.verdict.verdict, answer.verdict.reason_code) for answer in answers}

    assert reason("405-321-1004", "call") == {("blocked", "dnc_listed")}
    assert reason("405-321-1001", "call") == {("blocked", "opt_out_contact")}
    assert reason("405-321-1001", "sms") == {("blocked", "opt_out_contact")}
    assert reason("405-321-1005", "sms") == {("blocked", "litigator")}
    assert reason("405-321-1006", "call") == {("blocked", "deceased")}
    assert reason("o@example.org", "email") == {("blocked", "opt_out_contact")}
    assert reason("i@example.org", "email") == {("blocked", "opt_out_contact")}
    assert reason("a@example.org", "email") == {("allowed", "no_rule_blocks")}


def test_the_next_list_asks_nothing_anew_unless_they_consented_in_between(
    settings: Settings, database: Database, people: People, tmp_path: Path
) -> None:
    import_file(settings, database, write(tmp_path / "january.csv", ASKED))
    before = everything(database)
    import_file(settings, database, write(tmp_path / "february.csv", ASKED + "\n", datetime(2026, 3, 3)))
    assert everything(database) == before

    people.fact("reconsent", "phone", "+14053211001", channel="call", at="2026-03-10")
    import_file(settings, database, write(tmp_path / "march.csv", ASKED + "\n\n", datetime(2026, 4, 3)))
    assert [row[:3] for row in requests(database) if row[2] > datetime(2026, 3, 10)] == [
        (channel, key, datetime(2026, 4, 3))
        for key in ("+14053211001", "GERTRUDE|HOLLINGSWORTH||74101")
        for channel in ("call", "sms")
    ]
    # Once: the request of March is in force again.
    import_file(settings, database, write(tmp_path / "april.csv", ASKED + "\n\n\n", datetime(2026, 5, 3)))
    assert [row for row in requests(database) if row[2] > datetime(2026, 4, 10)] == []


@pytest.mark.parametrize("way", ["empty", "together", "transaction"])
def test_every_way_people_come_in_brings_the_same(
    way: str, make_settings: Callable[..., Settings], database: Database, tmp_path: Path
) -> None:
    settings = make_settings(database=database, bulk_rows=20_000 if way == "transaction" else 1)
    paths = [write(tmp_path / "traced.csv", TRACED), write(tmp_path / "crm.csv", ASKED)]
    if way == "together":
        ids = [registry.register_file(settings, database, path).import_id for path in paths]
        try:
            for import_id in ids:
                pipeline.check_raw(settings, database, import_id)
                pipeline.stage(settings, database, import_id)
            assert all(result.inserted for result in upsert.apply_all(settings, database, ids).values())
        finally:
            for import_id in ids:
                HOLD.release(import_id)
    else:
        for path in paths:
            import_file(settings, database, path)
    assert [row[0] for row in listings(database)] == ["+14053211001", "+14053211004"]
    assert len(requests(database)) == 12
    assert len(facts(database)) == 3
    assert query(database, "select distinct phone_e164 from phone_numbers where dnc_status = 'listed' order by 1") == [
        ("+14053211001",), ("+14053211004",)
    ]  # fmt: skip
    assert opted_out_addresses(database) == ["i@example.org", "o@example.org"]


def test_applied_again_it_changes_nothing(settings: Settings, database: Database, tmp_path: Path) -> None:
    record = import_file(settings, database, write(tmp_path / "traced.csv", TRACED))
    before = everything(database)
    upsert.apply(settings, database, record.import_id)
    HOLD.release(record.import_id)
    assert everything(database) == before


@pytest.mark.parametrize(
    ("column", "yes", "no"),
    [
        ("Do Not Call", ["Y", "✓", "*", "Ｙ", "1.0", "Y; N", "yes please", "Active", "2024-05-01", "5/1/2024"],
         ["", "-", "—", "( )", "N", "0", "0.0", "00", "N; N", "Not on DNC", "unchecked", "No", "n/a"]),
        ("State DNC", ["OK", "IN", "TX"], ["None", "not listed"]),
        ("Opt Out Date", ["2024-05-01", "soon"], ["0000-00-00", "0000-00-00 00:00:00", "1900-01-01", "1/0/1900"]),
    ],
)  # fmt: skip
def test_what_stands_there_is_read_strictly(
    settings: Settings, database: Database, tmp_path: Path, column: str, yes: list[str], no: list[str]
) -> None:
    rows = [f'Person {n},405-321-{1000 + n},"{value}"\n' for n, value in enumerate([*yes, *no])]
    import_file(settings, database, write(tmp_path / "list.csv", f"Name,Phone,{column}\n" + "".join(rows)))
    marked = {row[1] for row in requests(database) if row[1].startswith("+")} | {row[0] for row in listings(database)}
    assert marked == {f"+1405321{1000 + n}" for n in range(len(yes))}


def test_a_consent_by_one_number_makes_a_mark_of_the_person_new(
    settings: Settings, database: Database, people: People, tmp_path: Path
) -> None:
    """By name and ZIP the person is marked again; the consent was for the number."""
    import_file(settings, database, write(tmp_path / "january.csv", ASKED))
    people.fact("reconsent", "phone", "+14053211001", channel="call", at="2026-03-10")
    text = "Name,Address,City,State,Zip,Do Not Call\nGertrude Hollingsworth,12 Elm St,Tulsa,OK,74101,Y\n"
    import_file(settings, database, write(tmp_path / "march.csv", text, datetime(2026, 4, 3)))
    new = [row[:3] for row in requests(database) if row[2] > datetime(2026, 3, 10)]
    assert new == [(channel, "GERTRUDE|HOLLINGSWORTH||74101", datetime(2026, 4, 3)) for channel in ("call", "sms")]


def test_a_later_day_that_a_list_gives_is_another_request(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    import_file(settings, database, write(tmp_path / "january.csv", "Name,Phone,Opt Out\nAnn Able,405-321-1001,Y\n"))
    text = "Name,Phone,Opt Out\nAnn Able,405-321-1001,2026-02-20\n"
    for name in ("march", "april"):
        import_file(settings, database, write(tmp_path / f"{name}.csv", text, datetime(2026, 3, 3)))
        text += "\n"
    assert [row[:3] for row in requests(database)] == [
        ("all", "+14053211001", LISTED), ("all", "+14053211001", datetime(2026, 2, 20))
    ]  # fmt: skip


def test_no_list_takes_a_number_out_of_what_contact_lists_say(
    settings: Settings, database: Database, people: People, tmp_path: Path
) -> None:
    import_file(settings, database, write(tmp_path / "traced.csv", TRACED))
    text = "Phone,Source,Action\n405-321-1001,reported,D\n405-321-1009,national,A\n"
    record = import_file(settings, database, write(tmp_path / "changes.csv", text), feed="dnc_registry")
    assert record.error_count == 1
    assert [row[0] for row in listings(database) if row[3] is None] == ["+14053211001", "+14053211004"]
    people.run("update dnc_registry set removed_at = '2026-02-04'")  # as an earlier version may have left it
    import_file(settings, database, write(tmp_path / "again.csv", TRACED + "\n"))
    assert [row[3] for row in listings(database)] == [None, None]


def test_a_row_that_names_nobody_says_it_all_the_same(settings: Settings, database: Database, tmp_path: Path) -> None:
    text = "Name,Address,City,State,Zip,Do Not Mail\n,98 Oak Ave,Norman,OK,73069,Y\nAnn Able,1 Elm St,Ada,OK,74820,\n"
    record = import_file(settings, database, write(tmp_path / "places.csv", text))
    assert record.error_count == 1
    assert [row[:2] for row in requests(database)] == [("mail", "S|98||OAK|AVE||73069")]


def test_a_replay_brings_in_what_was_not_understood_before(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("cm_core.imports.marks.find_marks", lambda *arguments: [])
        record = import_file(settings, database, write(tmp_path / "traced.csv", TRACED))
    assert listings(database) == []
    assert engine.request(settings, database, record.import_id, Mode.FULL)
    run(settings, database, record.import_id)
    assert [row[0] for row in listings(database)] == ["+14053211001", "+14053211004"]
    assert [row[0] for row in requests(database)] == ["mail", "mail"]
    assert query(database, "select phone_type from phone_numbers where phone_e164 = '+14053211001'")[0] == ("mobile",)
    assert records.get(database, record.import_id).status == "COMPLETE"


def test_a_corrected_row_brings_its_marks(settings: Settings, database: Database, tmp_path: Path) -> None:
    text = "Name,Phone,DNC\nAnn Able,405-321-1001,N\n,405-000-0000,Y\n"
    record = import_file(settings, database, write(tmp_path / "list.csv", text))
    assert (record.error_count, listings(database)) == (1, [])
    corrected = write(tmp_path / "corrected.csv", "row_number,Name,Phone,DNC\n2,Ida Quill,405-321-1002,Y\n")
    assert engine.request(settings, database, record.import_id, Mode.ERRORS_ONLY, corrected=corrected)
    run(settings, database, record.import_id)
    assert [row[0] for row in listings(database)] == ["+14053211002"]


def test_an_inspection_shows_them_and_writes_nothing(settings: Settings, database: Database, tmp_path: Path) -> None:
    (found,) = inspect(settings, database, write(tmp_path / "traced.csv", TRACED), feed=None, rows=None)
    told = {column["column"]: (column["field"], column["of"]) for column in found["columns"]}
    assert told["Phone 2 DNC"] == ("dnc", "Phone 2")
    assert told["Phone 1 Type"] == ("line_type", "Phone 1")
    assert told["Do Not Mail"] == ("do_not_mail", None)
    shown = {row["row_number"]: row["standardised"].get("not to be contacted") for row in found["preview"]}
    assert shown == {
        1: ["dnc +14053211001"],
        2: ["dnc +14053211004", "do_not_mail INGRID|VANDERMEER||73069", "do_not_mail S|98||OAK|AVE||73069"],
        3: ["litigator +14053211005", "litigator q@example.org"],
        4: ["deceased ROSALIND|FEATHERSTONE||73701"],
    }
    assert everything(database) == [[], [], []]
