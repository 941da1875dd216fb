"""Lists scrubbed: every row comes back in order with a decision, and each decision is recorded for good."""

from __future__ import annotations

import csv
import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from cm_core.cli import contacting
from cm_core.cli.main import app
from cm_core.compliance.dnc import files
from cm_core.compliance.dnc.sets import distinct
from cm_core.compliance.rule_book import load_rules
from cm_core.compliance.scrub import Scrub, added_headers, scrub
from cm_core.errors import UsageError
from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.dbt.people import IMPORT, People

NOON = datetime(2026, 3, 2, 18)


@pytest.fixture
def held(people: People, settings: Settings) -> People:
    """Area code 405 is held, two numbers of it are listed, of which somebody here has one; another one asked."""
    listed = distinct(np.array([4057620002, 4057620008]), None, datetime(2026, 2, 20))
    files.write(settings, listed, "dnc/national/405/x.parquet")
    people.run(
        "insert into dnc_list_versions (id, source, kind, import_id, obtained_at, status, area_codes, row_count, "
        "bad_rows, added, removed, checksum_sha256) "
        "values (7, 'national', 'full', %s, '2026-02-20', 'IN_FORCE', 1, 1, 0, 1, 0, 'x')",
        (IMPORT,),
    )
    people.run(
        "insert into dnc_area_coverage values ('national', '405', 7, '2026-02-20', 2, 'dnc/national/405/x.parquet', 1)"
    )
    people.listed("+14057620002"), people.opted_out("call", phone_e164="+14057620003")
    return people


def _scrub(settings: Settings, database: Database, path: Path | None, **values: Any) -> Scrub:
    return scrub(settings, database, path, **({"channel": "call", "at": NOON} | values))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_row_comes_back_with_a_decision(
    settings: Settings, database: Database, held: People, tmp_path: Path
) -> None:
    held.person(1), held.phone(1, "+14057620004"), held.address(1, "1 ELM ST", state="CA", zip="90210")
    held.person(2, entity_type="estate"), held.phone(2, "+14057620005")
    path = tmp_path / "owners.csv"
    path.write_text(
        "Owner,Phone,verdict\n"
        "Ann,(405) 762-0001,mine\n"
        "Bob,405-762-0002,\n"
        "Cid,4057620003,\n"
        "Dan,,\n"
        '"a" row, of, four, cells\n'
        "Eve,405.762.0001,\n"
        "Fay,918-762-0001,\n"
        "Gus,call me,\n"
        "Hal,405-762-0001 / 405-762-0002,\n"
        "Ida,(405) 762-0004,\n"
        "Jon,(405) 762-0005,\n"
        "Kay,(405) 762-0008,\n",
        encoding="utf-8",
    )
    done = _scrub(settings, database, path)
    rows = _rows(done.out)
    assert list(rows[0]) == [
        "Owner", "Phone", "verdict", "verdict_scrub", "code", "reason", "valid_until", "usable_from"
    ]  # fmt: skip
    assert [(row["Owner"], row["verdict_scrub"], row["code"]) for row in rows] == [
        ("Ann", "allowed", "C"), ("Bob", "blocked", "D"), ("Cid", "blocked", "P"), ("Dan", "blocked", "I"),
        ('"a" row, of, four, cells', "blocked", "M"), ("Eve", "allowed", "C"), ("Fay", "blocked", "B"),
        ("Gus", "blocked", "I"), ("Hal", "blocked", "D"), ("Ida", "allowed", "C"), ("Jon", "blocked", "Z"),
        ("Kay", "blocked", "D"),
    ]  # fmt: skip
    assert (rows[0]["Phone"], rows[0]["verdict"]) == ("(405) 762-0001", "mine")
    assert rows[0]["valid_until"] == "2026-03-03 02:00:00"
    assert rows[1]["reason"] == "The number is on a do-not-call list"
    assert (done.rows, done.allowed) == (12, 3)
    assert done.counts[0] == ("allowed", "C", "no_rule_blocks", "No rule speaks against it", 3)

    evening = _rows(_scrub(settings, database, path, at=datetime(2026, 3, 3, 2, 30), purpose="offer_to_buy").out)
    assert [(row["verdict_scrub"], row["usable_from"]) for row in (evening[0], evening[9])] == [
        ("wait", "2026-03-03 14:00:00"), ("wait", "2026-03-03 16:00:00"),
    ]  # fmt: skip


def test_decisions_are_recorded_once_and_for_all(
    settings: Settings, database: Database, held: People, tmp_path: Path
) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("4057620001\n4057620002\n4057620001\n", encoding="utf-8")
    done = _scrub(settings, database, path)
    key = done.decisions.removeprefix(lake(settings).url(""))
    assert key == f"decisions/{done.scrub_id[6:13].replace('_', '/')}/{done.scrub_id}.parquet"
    stored = lake(settings).get_bytes(key)
    assert hashlib.sha256(stored).hexdigest() == done.checksum_sha256
    table = pq.read_table(lake(settings).local_path(key)).to_pylist()
    assert [(row["row_number"], row["contact"], row["code"]) for row in table] == [
        (1, "+14057620001", "C"), (2, "+14057620002", "D"), (3, "+14057620001", "C")
    ]  # fmt: skip
    assert table[1]["raw"] == "4057620002"
    assert table[1]["rule_ids"] == ["call.dnc_listed"]
    assert table[1]["evidence"] == f"dnc_registry: national list, listed 2020-02-02, {IMPORT}"
    assert table[1]["list_versions"] == ["national 405 version 7 of 2026-02-20 00:00:00"]
    assert {(row["as_of"], row["purpose"], row["rules_fingerprint"]) for row in table} == {
        (NOON, "solicitation", load_rules().fingerprint)
    }
    columns = "filename, channel, purpose, as_of, row_count, allowed_count, lake_key, checksum_sha256"
    assert held.rows(f"select {columns} from scrubs where scrub_id = %s", (done.scrub_id,)) == [
        ("numbers.txt", "call", "solicitation", NOON, 3, 2, key, done.checksum_sha256)
    ]
    again = _scrub(settings, database, path)
    assert again.scrub_id != done.scrub_id
    with pytest.raises(UsageError, match="exists already"):
        _scrub(settings, database, path, out=done.out)


def test_places_and_line_types_of_the_list_count(
    settings: Settings, database: Database, held: People, tmp_path: Path
) -> None:
    path = tmp_path / "owners.csv"
    path.write_text(
        "name,home phone,cell phone,state,zip\n"
        "Ann,405-762-0001,405-762-0011,OK,73701\n"
        "Bob,405-762-0001,405-762-0011,Texas,75001\n"
        "Cid,,405-762-0012,,90210\n"
        "Dan,405-762-0002,,OK,73701\n",
        encoding="utf-8",
    )
    early = _rows(_scrub(settings, database, path, at=datetime(2026, 3, 2, 14, 30)).out)
    added = [name for name in early[0] if name.endswith(" verdict")]
    assert added == ["home phone verdict", "cell phone verdict"]
    assert [[row[name] for name in added] for row in early] == [
        ["allowed", "allowed"],  # 8:30 in Oklahoma
        ["wait", "blocked"],  # Texas opens at 9 and forbids wireless numbers
        ["", "wait"],  # 6:30 in California
        ["blocked", ""],
    ]


def test_a_cell_of_several_numbers_is_usable_when_all_of_them_are(
    settings: Settings, database: Database, held: People, tmp_path: Path
) -> None:
    held.covered("503", at="2026-02-20 00:00:00")
    path = tmp_path / "owners.csv"
    path.write_text("phone\n405-762-0001 / 503-762-0001\n503-762-0001 / 405-762-0001\n")
    early = _rows(_scrub(settings, database, path, at=datetime(2026, 3, 3, 7)).out)
    assert {(row["verdict"], row["usable_from"]) for row in early} == {("wait", "2026-03-03 16:00:00")}  # 8 in Oregon
    noon = _rows(_scrub(settings, database, path).out)  # until 8 p.m. in Oklahoma
    assert {(row["verdict"], row["valid_until"]) for row in noon} == {("allowed", "2026-03-03 02:00:00")}


def test_one_number_of_people_in_two_zones_is_usable_when_it_is_for_both(
    settings: Settings, database: Database, held: People, tmp_path: Path
) -> None:
    """Closed on Sundays for one, closed at night for the other."""
    for person, state, zip5 in ((1, "AL", "35203"), (2, "OR", "97201")):
        (
            held.person(person),
            held.phone(person, "+14057620001"),
            held.address(person, "1 MAIN ST", state=state, zip=zip5),
        )
    path = tmp_path / "owners.csv"
    path.write_text("phone\n405-762-0001\n")
    sunday = _rows(_scrub(settings, database, path, at=datetime(2026, 3, 1, 20)).out)
    assert [(row["verdict"], row["usable_from"]) for row in sunday] == [("wait", "2026-03-02 16:00:00")]


def test_that_we_know_a_number_to_be_mobile_is_stricter_than_a_header(
    settings: Settings, database: Database, held: People, tmp_path: Path
) -> None:
    held.person(1), held.phone(1, "+14057620001", phone_type="mobile")
    held.address(1, "1 MAIN ST", state="TX", zip="75001")
    path = tmp_path / "owners.csv"
    path.write_text("landline\n405-762-0001\n")
    assert [row["code"] for row in _rows(_scrub(settings, database, path).out)] == ["L"]


def test_a_line_is_what_anybodys_row_says_it_is(
    settings: Settings, database: Database, held: People, tmp_path: Path
) -> None:
    held.person(1), held.phone(1, "+14057620001", phone_type="mobile")
    held.person(2), held.phone(2, "+14057620001"), held.address(2, "1 MAIN ST", state="TX", zip="75001")
    path = tmp_path / "owners.csv"
    path.write_text("phone\n405-762-0001\n")
    assert [row["code"] for row in _rows(_scrub(settings, database, path).out)] == ["L"]


def test_e_mail_addresses_and_letters(settings: Settings, database: Database, held: People, tmp_path: Path) -> None:
    held.person(1), held.email(1, "Ann@example.org"), held.opted_out("email", email_key="ann@example.org")
    held.address(1, "1MAINST73701", street="1 MAIN ST", state="OK", zip="73701")
    path = tmp_path / "people.csv"
    path.write_text(
        "name,email,address,city,state,zip\n"
        "Ann,ANN@example.org,1 Main St,Enid,OK,73701\n"
        "Bob,bob@example.org,,Enid,OK,73701\n",
        encoding="utf-8",
    )
    assert [row["code"] for row in _rows(_scrub(settings, database, path, channel="email").out)] == ["P", "C"]
    assert [row["code"] for row in _rows(_scrub(settings, database, path, channel="mail").out)] == ["C", "I"]
    path.write_text("name,zip\nAnn,73701\n")
    with pytest.raises(UsageError, match="no column of phone numbers to scrub for call"):
        _scrub(settings, database, path)


def test_a_campaigns_people(settings: Settings, database: Database, held: People, tmp_path: Path) -> None:
    held.person(1), held.phone(1, "+14057620001"), held.phone(1, "+14057620002"), held.email(1, "a@example.org")
    held.run(
        "insert into campaigns (id, campaign_key, code, name, type) "
        "values (5, 'code:SPRING', 'spring', 'Spring', 'call')"
    )
    for number, (person, phone) in enumerate([(1, None), (None, "+14057620003")]):
        held.run(
            "insert into touchpoints (id, touchpoint_key, person_id, campaign_id, touchpoint_type, touchpoint_date, "
            "phone_e164, source, content_key, source_date) values (%s, %s, %s, 5, 'call', %s, %s, 's', 'x', %s)",
            (number, str(number), person, NOON, phone, NOON),
        )
    done = _scrub(settings, database, None, campaign_id=5, out=tmp_path / "spring.csv")
    assert [(row["entity_id"], row["contact"], row["code"]) for row in _rows(done.out)] == [
        ("", "+14057620003", "P"), ("1", "+14057620001", "C"), ("1", "+14057620002", "D")
    ]  # fmt: skip
    assert held.rows("select filename, campaign_id from scrubs") == [("campaign SPRING", 5)]
    held.phone(1, "+14057620004;ext=5", phone_e164="+14057620004", extension="5")
    texts = _rows(_scrub(settings, database, None, channel="sms", campaign_id=5, out=tmp_path / "texts.csv").out)
    (behind,) = (row for row in texts if row["contact"] == "+14057620004 x5")
    assert behind["verdict"] == "blocked", "nobody can be texted behind an extension"
    with pytest.raises(UsageError, match="no campaign 6"):
        _scrub(settings, database, None, campaign_id=6)


def test_headers_that_are_there_already() -> None:
    assert added_headers(["a"], ["a"]) == ["verdict", "code", "reason", "valid_until", "usable_from"]
    assert added_headers(["a", "code", "code_scrub"], ["a"])[1] == "code_scrub_scrub"
    assert added_headers(["a", "b"], ["a", "b"])[::5] == ["a verdict", "b verdict"]


@pytest.fixture
def cm(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(contacting, "ready", lambda: (settings, database))
    return lambda *arguments: CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_why_says_it_in_words(cm: Any, held: People) -> None:
    held.person(1), held.phone(1, "+14057620003", phone_type="mobile"), held.phone(1, "+14057620001")
    held.listed("+14057620003")
    held.email(1, "ann@example.org"), held.address(1, "1 MAIN ST")
    said = cm("why", "405-762-0003", "--channel", "call", "--at", "2026-03-02T12:00-06:00").output
    assert "call +14057620003 (entity 1): no" in said
    assert "Somebody asked not to be called at this number" in said
    assert "dnc_listed" in said
    everything = json.loads(cm("why", "1", "--at", "2026-03-02T18:00", "--json").output)
    answers = {(one["channel"], one["contact"]): one for one in everything["answers"]}
    assert len(answers) == 6
    asked = answers["call", "+14057620003"]
    assert (asked["verdict"], asked["reason_code"], asked["entity_id"]) == ("blocked", "opt_out_contact", 1)
    assert [(ground["reason_code"], ground["counts"]) for ground in asked["grounds"][:3]] == [
        ("opt_out_contact", "decides"), ("opt_out_person", "holds"), ("dnc_listed", "holds")
    ]  # fmt: skip
    assert ("wireless_no_consent", "off") in {(g["reason_code"], g["counts"]) for g in asked["grounds"]}
    assert answers["call", "+14057620001"]["reason_code"] == "opt_out_person"
    assert answers["sms", "+14057620001"]["verdict"] == "allowed"
    assert answers["mail", "1 MAIN ST"]["verdict"] == "allowed"


def test_why_of_what_nobody_has_and_of_nonsense(cm: Any, held: People) -> None:
    unknown = json.loads(cm("why", "918 762 0001", "--at", "2026-03-02", "--json").output)["answers"]
    assert [(one["channel"], one["entity_id"], one["reason_code"]) for one in unknown] == [
        ("call", None, "dnc_area_not_held"), ("sms", None, "dnc_area_not_held")
    ]  # fmt: skip
    assert "letters" in cm("why", "4O5-762-0001").output
    with pytest.raises(UsageError, match="neither one phone number, nor an e-mail address, nor a person's id"):
        cm("why", "nonsense")
    with pytest.raises(UsageError, match="is no time"):
        cm("why", "1", "--at", "noon")
    with pytest.raises(UsageError, match="nothing that can be used on channel mail"):
        cm("why", "4057620001", "--channel", "mail")


def test_scrub_prints_how_many_and_why(cm: Any, held: People, tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("phone\n4057620001\n4057620002\n", encoding="utf-8")
    arguments = ("scrub", str(path), "--channel", "call", "--at", "2026-03-02T18:00")
    done = json.loads(cm(*arguments, "--json").output)
    assert (done["rows"], done["allowed"], done["counts"][0]["rows"]) == (2, 1, 1)
    said = cm(*arguments, "--out", str(tmp_path / "out.csv")).output
    assert "2, of which 1 are allowed" in said
    assert "The number is on a do-not-call list" in said
    assert len(_rows(tmp_path / "out.csv")) == 2
