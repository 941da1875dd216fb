"""Do-not-call lists and opt-outs through the whole import, in the forms they come in."""

from __future__ import annotations

import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cm_core import compliance
from cm_core.imports import registry
from cm_core.imports.inspection import inspect_file
from cm_core.imports.records import ImportRecord
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.dbt.people import People
from tests.integration.imports.steps import attempt, column, counts, error_report, import_file, query, run, unchanged


def _import(settings: Settings, database: Database, folder: Path, name: str, text: str) -> ImportRecord:
    path = folder / name
    path.write_text(text)
    record = import_file(settings, database, path)
    assert record.status == "COMPLETE", record.status_reason
    total, *parts = counts(record)
    assert sum(part or 0 for part in parts) == total
    return record


def _is_listed(settings: Settings, database: Database, source: str = "national") -> list[str]:
    """Which of the two numbers of these tests are on a list."""
    found = compliance.listed(settings, database, ["+14055552345", "+14053214567"]).listings.to_pylist()
    return [row["phone_e164"] for row in found if row["source"] == source]


#: A list of two numbers, as lists are written.
FORMS = {
    "registry": "405,5552345\n405,3214567\n",
    "digits": "4055552345\n4053214567\n",
    "header": "phone\n405-555-2345\n(405) 321-4567\n",
    "parts": "Area Code,Number\n405,555-2345\n405,321-4567\n",
    "dated": "phone_number\tlisted on\n4055552345\t2024-01-05\n4053214567\t\n",
    "xml": "<?xml version='1.0'?><list val='405'><ac val='405'><ph val='5552345'/><ph val='3214567'/></ac></list>",
    "windows": "\ufeff405,5552345\r\n\r\n405,3214567\r\n",
    "dated digits": "4055552345,2024-01-05\n4053214567,2024-01-06\n",
    "quoted": '"405","5552345"\n"405","3214567"\n',
}


def test_every_form_of_a_do_not_call_list_gives_the_same_numbers(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    states = ("co", "fl", "in", "la", "ma", "mo", "ok", "pa", "tx")
    for (form, text), state in zip(FORMS.items(), states, strict=True):
        record = _import(settings, database, tmp_path, f"{state}_dnc.csv", text)
        assert record.feed == f"dnc_{state}_state"
        assert counts(record) == (2, 2, 0, 0, 0), form
        assert _is_listed(settings, database, f"{state}_state") == ["+14053214567", "+14055552345"], form
    assert query(database, "select distinct kind, status, area_codes, row_count from dnc_list_versions") == [
        ("full", "IN_FORCE", 1, 2)
    ]


def test_our_own_do_not_call_list_is_requests_and_no_registry(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    text = "Phone,Date,Notes\n405-555-2345,2026-01-05,asked\n405-321-4567,soon,\nnone,2026-01-05,\n"
    record = _import(settings, database, tmp_path, "company dnc.csv", text)
    assert (record.feed, counts(record)) == ("internal_dnc", (3, 2, 0, 0, 1))
    asked = "select channel, phone_e164, opted_out_at = '2026-01-05', source from opt_outs order by phone_e164, channel"
    assert query(database, asked) == [
        ("call", "+14053214567", 0, "internal_dnc"), ("sms", "+14053214567", 0, "internal_dnc"),
        ("call", "+14055552345", 1, "internal_dnc"), ("sms", "+14055552345", 1, "internal_dnc"),
    ]  # fmt: skip
    assert [row["row_number"] for row in error_report(settings, record.import_id)] == ["2", "3"]
    assert query(database, "select count(*) from dnc_list_versions") == [(0,)]
    refused, error = attempt(settings, database, _written(tmp_path / "DNC list.csv", text))
    assert (refused.status, "'Notes', which no such list has" in str(error)) == ("REJECTED", True)


def _written(path: Path, text: str) -> Path:
    path.write_text(text + "\n")
    return path


def test_packed_lists_have_the_date_of_the_file_in_them(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "dnc.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("405_20260801.txt", "405,5552345\n405,3214567\n")
    record = import_file(settings, database, path)
    assert record.feed == "dnc_registry"
    assert _is_listed(settings, database) == ["+14053214567", "+14055552345"]
    assert column(database, "select cast(obtained_at as char) from dnc_area_coverage") == ["2026-08-01 00:00:00.000000"]


def test_bad_numbers_of_a_list_are_reported_and_the_rest_is_listed(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    known = People(database)
    known.phone(known.person(5000), "+14055552345")
    text = (
        "phone,listing date\n4055552345,2024-01-05\n12345,2024-01-05\n,\n4053214567,someday\n4055552345,2024-01-05\nx\n"
    )
    record = _import(settings, database, tmp_path, "dnc.csv", text)
    assert counts(record) == (6, 2, 0, 1, 3)
    rejected = [
        (row["row_number"], row["error_type"])
        for row in error_report(settings, record.import_id)
        if row["row_status"] == "rejected"
    ]
    assert rejected == [("2", "VALIDATION"), ("3", "VALIDATION"), ("6", "WIDTH")]
    assert query(database, "select phone_e164, cast(listing_date as char) from dnc_registry order by 1") == [
        ("+14055552345", "2024-01-05"),
    ]
    assert _is_listed(settings, database) == ["+14053214567", "+14055552345"]
    assert column(database, "select dnc_status from phone_numbers") == ["listed"]
    assert column(database, "select count(*) from persons") == [1]


def test_a_list_again_and_a_renamed_copy_change_nothing(settings: Settings, database: Database, tmp_path: Path) -> None:
    _import(settings, database, tmp_path, "dnc.csv", "4055552345\n4053214567\n")
    with unchanged(database):
        copy = tmp_path / "dnc again.csv"
        copy.write_text("4055552345\n4053214567\n")
        assert import_file(settings, database, copy).status == "DUPLICATE"
    longer = _import(settings, database, tmp_path, "dnc_2.csv", "4055552345\n4053214567\n4055559999\n")
    assert counts(longer) == (3, 1, 0, 2, 0)


def test_the_same_numbers_at_a_later_date_are_a_version_of_their_own(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    _import(settings, database, tmp_path, "dnc_20260801.txt", "4055552345\n4053214567\n")
    copy = tmp_path / "dnc_20260801 (copy).txt"
    copy.write_text("4055552345\n4053214567\n")
    assert import_file(settings, database, copy).status == "DUPLICATE"
    later = _import(settings, database, tmp_path, "dnc_20260901.txt", "4055552345\n4053214567\n")
    assert counts(later) == (2, 0, 0, 2, 0)
    in_force = query(
        database, "select cast(date(obtained_at) as char), version_id from dnc_area_coverage where is_current"
    )
    assert in_force == [("2026-09-01", 2)]


def test_opt_outs_of_every_channel_are_kept_and_nonsense_is_reported(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    known = People(database)
    known.email(known.person(5000), "ann@example.org")
    record = _import(
        settings,
        database,
        tmp_path,
        "opt-outs.csv",
        "phone,email,channel,date,reason\n"
        "405-555-2345,,text,2024-01-05,STOP\n"
        ",Ann@Example.org,email,2024-01-06 10:11:12,\n"
        "(405) 321-4567,bob@example.org,,2024-01-07,never again\n"
        "405-555-2345,,smoke signal,2024-01-05,\n"
        ",,call,2024-01-05,\n"
        "123,nobody,sms,2024-01-05,\n",
    )
    assert record.feed == "opt_outs"
    assert counts(record) == (6, 3, 0, 0, 3)
    assert query(database, "select channel, phone_e164, email_key, person_id from opt_outs order by `row_number`") == [
        ("sms", "+14055552345", None, None),
        ("email", None, "ann@example.org", 5000),
        ("all", "+14053214567", "bob@example.org", None),
    ]
    assert column(database, "select opt_out_status from email_addresses") == ["opted_out"]
    rejected = {
        row["row_number"]: row for row in error_report(settings, record.import_id) if row["row_status"] == "rejected"
    }
    assert set(rejected) == {"4", "5", "6"}
    assert (rejected["4"]["field_name"], rejected["4"]["field_value"]) == ("channel", "smoke signal")


def test_a_list_that_is_none_is_rejected(settings: Settings, database: Database, tmp_path: Path) -> None:
    path = tmp_path / "dnc.csv"
    path.write_text("Well,Depth,County\nA1,100,Kay\n")
    with unchanged(database):
        record, _ = attempt(settings, database, path)
    assert record.status == "REJECTED"
    assert "its values do not tell what the columns are" in str(record.status_reason)


def test_a_list_of_contacts_that_only_its_name_makes_opt_outs_is_rejected_until_somebody_says_so(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    text = "Owner,Phone,Address,City,State,Zip\nAnn Able,405-321-1001,1 Main St,Tulsa,OK,74103\n"
    (path := tmp_path / "opt outs.csv").write_text(text)
    with unchanged(database):
        record, error = attempt(settings, database, path)
        assert (record.status, record.feed) == ("REJECTED", "opt_outs")
        assert "--feed" in str(error)
        with inspect_file(settings, database, path) as found:
            assert (found.status, found.reason) == ("REJECTED", record.status_reason)
        assert attempt(settings, database, path)[0].status == "REJECTED"
    again = import_file(settings, database, path, feed="opt_outs")
    assert (again.import_id, again.status, again.row_count) == (record.import_id, "COMPLETE", 1)


def test_a_name_that_does_not_say_which_suppression_list_it_is_keeps_the_file_out_of_the_contacts(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    people = tmp_path / "owners.csv"
    people.write_text("Name,Phone\nAnn Able,405-321-1001\n")
    (path := tmp_path / "do not text.csv").write_bytes(people.read_bytes())
    dropped = settings.home_dir / "landing" / "STOP" / "june.csv"
    dropped.parent.mkdir(parents=True)
    dropped.write_bytes(people.read_bytes())
    os.utime(dropped, (1_700_000_000, 1_700_000_000))
    with unchanged(database):
        (found,) = registry.scan_landing(settings, database)
        assert found.status == "REJECTED"
        with inspect_file(settings, database, path) as looked:
            assert looked.status == "REJECTED"
        refused = registry.register_file(settings, database, path)
        assert (refused.status, registry.waiting(database)) == ("REJECTED", [])
    assert import_file(settings, database, people).status == "COMPLETE"
    assert registry.register_file(settings, database, path).status == "REJECTED"  # not a DUPLICATE: it wants something
    assert import_file(settings, database, path, feed="opt_outs").status == "COMPLETE"


def test_people_who_are_not_known_yet_are_suppressed_when_they_come(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    people = People(database)
    people.address(people.person(5000, first_name="Mary", last_name="Jones"), "S|1098||SHEPARD HILLS|RD||73086")
    people.run("update addresses set name_zip_key = 'MARY|JONES||73086'")
    record = _import(
        settings, database, tmp_path, "opt-outs.csv",
        "name,address,city,state,zip,channel,date\n"
        "Mary Jones,,,,73086,call,2024-01-05\n"
        "Otto Late,,,,73086,all,2024-01-05\n"
        ",1098 Shepard Hills Rd,Sulphur,OK,73086,mail,2024-01-05\n",
    )  # fmt: skip
    assert counts(record) == (3, 3, 0, 0, 0)
    found = query(database, "select channel, address_key, name_zip_key, person_id from opt_outs order by `row_number`")
    assert found == [
        ("call", None, "MARY|JONES||73086", 5000),
        ("all", None, "OTTO|LATE||73086", None),
        ("mail", "S|1098||SHEPARD HILLS|RD||73086", None, 5000),
    ]
    assert set(column(database, "select entity_id from changed_entities")) == {5000}
    run(settings, database, record.import_id)
    assert column(database, "select count(*) from opt_outs") == [3]


LISTS = {
    "litigators.csv": "phone,case\n405-321-1001,Doe v. Acme\n405-321-1001,Doe v. Acme\n405-321-1002,\n12,\n",
    "rnd_answers.csv": "phone,answer,date\n4053211001,yes,20260105\n4053211009,no,20260105\n",
    "ported_numbers.csv": "phone,type,port date\n4053211001,wireless,2026-01-05\n",
    "mail_suppression.csv": "name,address,city,state,zip\nMary Jones,1098 Shepard Hills Rd,Sulphur,OK,73086\n",
    "deceased_2026.csv": "name,zip,date of death\nMary Jones,73086,2025-12-24\n",
    "consents.csv": "phone,channel,given at,revoked at\n4053211001,sms,2026-01-05,2026-01-06\n",
    "ebr_2026.csv": "phone,type,date\n4053211001,purchase,2026-01-05\n",
}


def test_facts_of_every_kind_come_in_once(settings: Settings, database: Database, tmp_path: Path) -> None:
    people = People(database)
    for entity in (5000, 5001):
        people.phone(people.person(entity), "+14053211001")
    people.phone(people.person(5002, entity=5000, original=0), "+14053211002")
    people.address(people.person(5003), "S|1098||SHEPARD HILLS|RD||73086", name_zip_key="MARY|JONES||73086")
    records = {name: _import(settings, database, tmp_path, name, text) for name, text in LISTS.items()}
    assert counts(records["litigators.csv"]) == (4, 2, 0, 1, 1)
    assert query(
        database,
        "select fact, contact_kind, contact_key, channel, value, cast(starts_at as char(10)), person_id "
        "from contact_facts where fact <> 'litigator' or contact_key <> '+14053211001' order by id",
    )[1:] == [
        ("reassigned", "phone", "+14053211001", "all", "yes", "2026-01-05", None),
        ("reassigned", "phone", "+14053211009", "all", "no", "2026-01-05", None),
        ("wireless", "phone", "+14053211001", "all", "ported", "2026-01-05", None),
        ("mail_suppression", "address", "S|1098||SHEPARD HILLS|RD||73086", "mail", None, today(), 5003),
        ("mail_suppression", "name_zip", "MARY|JONES||73086", "mail", None, today(), 5003),
        ("deceased", "name_zip", "MARY|JONES||73086", "all", None, "2025-12-24", 5003),
        ("consent", "phone", "+14053211001", "sms", None, "2026-01-05", None),
        ("consent_revoked", "phone", "+14053211001", "sms", None, "2026-01-06", None),
        ("relationship", "phone", "+14053211001", "all", "purchase", "2026-01-05", None),
    ]
    assert query(database, "select contact_key, person_id, reason from contact_facts where fact = 'litigator'") == [
        ("+14053211001", None, "Doe v. Acme"), ("+14053211002", 5000, None),
    ]  # fmt: skip
    assert set(column(database, "select entity_id from changed_entities")) == {5000, 5001, 5003}

    before, noted = facts(database), column(database, "select count(*) from changed_entities")
    for record in records.values():
        run(settings, database, record.import_id)
    longer = _import(settings, database, tmp_path, "litigators_2.csv", "phone\n405-321-1001\n405-321-1003\n")
    assert counts(longer) == (2, 1, 0, 1, 0)
    assert facts(database)[:-1] == before
    assert column(database, "select count(*) from changed_entities") == noted


def today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def facts(database: Database) -> list[tuple[Any, ...]]:
    return query(database, "select * from contact_facts order by id")
