"""Each rule has a contact point that it decides and one that it leaves alone; merged and late people are covered."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import dagster as dg
import pymysql
import pytest

from cm_assets.compliance import build_dbt_assets
from cm_core.compliance.rule_book import load_rules
from cm_core.compute import session
from cm_core.crm.do_not_contact import channels_closed
from cm_core.crm.fields import PersonFields
from cm_core.crm.population import read_population, want
from cm_core.crm.sides import AddressKeys
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.store.locks import looking
from resources.database import DatabaseResource
from tests.integration.dbt.conftest import Build
from tests.integration.dbt.people import NEW, OLD, People

HELD = "+1405"  # the only area code of which a list is loaded


def number(last: int) -> str:
    return f"{HELD}555{last:04d}"


def _people(p: People) -> None:
    """Every case is an entity of its own, named in CASES below."""
    p.covered(HELD.removeprefix("+1"))
    p.person(1), p.phone(1, number(1), phone_type="mobile"), p.email(1, "Ann@x.org"), p.address(1, "1 MAIN ST")
    p.person(2), p.phone(2, "call me", phone_e164=None, invalid_reason="no_digits", region=None)
    p.email(2, "no@", email=None, invalid_reason="no_domain")
    p.address(2, "???", street=None, city=None, state=None, zip=None, invalid_reason="unparsed")
    p.person(3), p.phone(3, number(3)), p.phone(3, number(33)), p.opted_out("call", phone_e164=number(3))
    p.person(4), p.phone(4, number(4)), p.listed(number(4)), p.listed(number(4), source="oklahoma")
    p.person(5), p.phone(5, "+19185550005")
    p.person(6, entity_type="estate", organization_name="ESTATE OF ANN", first_name=None, last_name=None)
    p.phone(6, number(6)), p.address(6, "6 MAIN ST"), p.email(6, "six@x.org")
    p.person(7), p.phone(7, number(7)), p.shared("phone", number(7)), p.email(7, "office@x.org")
    p.shared("email", "office@x.org")
    p.person(8), p.phone(8, number(8), phone_type="landline")
    p.person(9), p.phone(9, number(9) + ";ext=12", phone_e164=number(9), extension="12")
    p.person(10), p.phone(10, number(10), phone_type="fax")
    p.person(11), p.phone(11, "+442079460000", region="GB")
    p.person(12), p.phone(12, number(12)), p.opted_out("sms", phone_e164=number(12))
    p.person(13), p.email(13, "stop@x.org"), p.email(13, "other@x.org"), p.opted_out("email", email_key="stop@x.org")
    p.person(14), p.address(14, "14 MAIN ST"), p.address(14, "14 ELM ST"), p.opted_out("mail", address_key="14 ELM ST")
    p.person(15), p.address(15, "15 MAIN ST", street=None)
    # All channels, by e-mail, of somebody with a phone and an address.
    p.person(16), p.email(16, "all@x.org"), p.phone(16, number(16)), p.address(16, "16 MAIN ST")
    p.opted_out("all", email_key="all@x.org")
    # One entity of three persons; the opt-out names the middle one, nothing it holds.
    p.person(20, at=NEW, last_name="Stone"), p.person(21, entity=20, original=0), p.person(22, entity=20, original=0)
    p.phone(20, number(20)), p.phone(21, number(21)), p.phone(22, number(21), at=NEW), p.phone(22, number(22))
    p.opted_out("call", person_id=21)
    # Two entities share a land line that asked; each has a phone of its own.
    p.person(30), p.person(31), p.phone(30, number(30)), p.phone(31, number(30))
    p.phone(30, number(300)), p.phone(31, number(310)), p.opted_out("call", phone_e164=number(30))
    # A switchboard shared by too many asked: it says nothing about who.
    p.person(32), p.phone(32, number(32)), p.phone(32, number(320)), p.person(33), p.phone(33, number(32))
    p.shared("phone", number(32)), p.opted_out("call", phone_e164=number(32))
    # An estate merged with a living name: the whole entity is held.
    p.person(40), p.phone(40, number(40)), p.person(41, entity=40, original=0, entity_type="estate")
    p.person(42, entity_type="trust", organization_name="LEE TRUST"), p.phone(42, number(42))
    _who_answered(p)


def _who_answered(p: People) -> None:
    inbound = '{"direction": "inbound"}'
    p.person(80), p.phone(80, number(80)), p.touched(80, "sms", OLD, metadata=inbound)
    p.touched(80, "call", NEW, metadata=inbound), p.email(80, "fifty@x.org")
    p.person(81), p.phone(81, number(81)), p.touched(81, "mail", OLD, status="responded", campaign_code="FALL")
    p.person(82), p.phone(82, number(82)), p.touched(82, "sms", OLD, status="delivered")
    p.person(83), p.phone(83, number(83)), p.touched(83, "sms", OLD, metadata=inbound)
    p.opted_out("sms", phone_e164=number(83))
    p.person(84, entity_type="organization", organization_name="LEE LLC"), p.touched(84, "call", OLD, metadata=inbound)
    p.person(85), p.person(86, entity=85, original=0), p.touched(86, "call", OLD, metadata=inbound)
    # Members of one entity, of which people chose one after another; and one whose chosen record has no name.
    p.person(90, at=NEW, original=0, date_of_birth="1950-01-01"), p.person(91, entity=90, original=0)
    p.person(92, entity=90, date_of_birth="1950-01-10"), p.person(93, entity=90, original=0)
    p.run("update persons set is_manually_verified = 1 where id = 93")
    p.chosen(91, OLD), p.chosen(92, NEW), p.chosen(90, "2026-02-01", undone="2026-02-02")
    p.person(95, original=0, at=NEW), p.person(96, entity=95, first_name=None, last_name=None), p.chosen(96, NEW)


CASES = [
    # channel, entity, contact key, verdict, reason code
    ("call", 1, number(1), "allowed", "no_rule_blocks"),
    ("sms", 1, number(1), "allowed", "no_rule_blocks"),
    ("email", 1, "ann@x.org", "allowed", "no_rule_blocks"),
    ("mail", 1, "1 MAIN ST", "allowed", "no_rule_blocks"),
    ("call", 2, "call me", "blocked", "invalid_contact"),
    ("sms", 2, "call me", "blocked", "invalid_contact"),
    ("email", 2, "no@", "blocked", "invalid_contact"),
    ("mail", 2, "???", "blocked", "invalid_contact"),
    ("call", 3, number(3), "blocked", "opt_out_contact"),
    ("call", 3, number(33), "blocked", "opt_out_person"),
    ("sms", 3, number(3), "allowed", "no_rule_blocks"),
    ("call", 4, number(4), "blocked", "dnc_listed"),
    ("sms", 4, number(4), "blocked", "dnc_listed"),
    ("call", 5, "+19185550005", "blocked", "dnc_area_not_held"),
    ("sms", 5, "+19185550005", "blocked", "dnc_area_not_held"),
    ("call", 6, number(6), "blocked", "estate_hold"),
    ("sms", 6, number(6), "blocked", "estate_hold"),
    ("mail", 6, "6 MAIN ST", "allowed", "no_rule_blocks"),
    ("email", 6, "six@x.org", "allowed", "no_rule_blocks"),
    ("call", 7, number(7), "review", "shared_contact"),
    ("sms", 7, number(7), "review", "shared_contact"),
    ("email", 7, "office@x.org", "review", "shared_contact"),
    ("call", 8, number(8), "allowed", "no_rule_blocks"),
    ("sms", 8, number(8), "blocked", "not_textable"),
    ("call", 9, number(9) + ";ext=12", "allowed", "no_rule_blocks"),
    ("sms", 9, number(9) + ";ext=12", "blocked", "not_textable"),
    ("call", 10, number(10), "blocked", "fax_number"),
    ("sms", 10, number(10), "blocked", "fax_number"),
    ("call", 11, "+442079460000", "review", "outside_us"),
    ("sms", 12, number(12), "blocked", "opt_out_contact"),
    ("call", 12, number(12), "allowed", "no_rule_blocks"),
    ("email", 13, "stop@x.org", "blocked", "opt_out_contact"),
    ("email", 13, "other@x.org", "blocked", "opt_out_person"),
    ("mail", 14, "14 ELM ST", "blocked", "opt_out_contact"),
    ("mail", 14, "14 MAIN ST", "blocked", "opt_out_person"),
    ("mail", 15, "15 MAIN ST", "blocked", "incomplete_address"),
    ("email", 16, "all@x.org", "blocked", "opt_out_contact"),
    ("call", 16, number(16), "blocked", "opt_out_person"),
    ("sms", 16, number(16), "blocked", "opt_out_person"),
    ("mail", 16, "16 MAIN ST", "blocked", "opt_out_person"),
    ("call", 20, number(20), "blocked", "opt_out_person"),
    ("call", 20, number(21), "blocked", "opt_out_person"),
    ("call", 20, number(22), "blocked", "opt_out_person"),
    ("sms", 20, number(22), "allowed", "no_rule_blocks"),
    ("call", 30, number(30), "blocked", "opt_out_contact"),
    ("call", 31, number(30), "blocked", "opt_out_contact"),
    ("call", 30, number(300), "review", "opt_out_shared"),
    ("call", 31, number(310), "review", "opt_out_shared"),
    ("call", 32, number(32), "blocked", "opt_out_contact"),
    ("call", 33, number(32), "blocked", "opt_out_contact"),
    ("call", 32, number(320), "allowed", "no_rule_blocks"),
    ("call", 40, number(40), "blocked", "estate_hold"),
    ("call", 42, number(42), "allowed", "no_rule_blocks"),
]


@pytest.fixture(scope="module")
def run(home: Settings, models: dg.AssetsDefinition, people: People) -> dg.ExecuteInProcessResult:
    """A run of the graph over all of them."""
    _people(people)
    return dg.materialize([models], resources={**build_dbt_assets()[1], "store": DatabaseResource()})


@pytest.fixture(scope="module")
def built(run: dg.ExecuteInProcessResult, people: People) -> People:
    assert run.success
    return people


def verdict(p: People, channel: str, entity: int, key: str) -> tuple[Any, ...]:
    rows = p.rows(
        f"select verdict, reason_code, person_id from compliance_{channel} where entity_id = %s and contact_key = %s",
        (entity, key),
    )
    assert len(rows) == 1, rows
    return rows[0]


def test_a_run_builds_every_model_and_reports_every_test(
    run: dg.ExecuteInProcessResult, models: dg.AssetsDefinition, home: Settings
) -> None:
    assert run.success
    assert {event.asset_key for event in run.get_asset_materialization_events()} == set(models.keys)
    evaluations = run.get_asset_check_evaluations()
    assert {evaluation.asset_check_key for evaluation in evaluations} == set(models.check_keys)
    assert all(evaluation.passed for evaluation in evaluations)
    log = "".join(path.read_text(errors="replace") for path in (home.home_dir / "dbt").rglob("*.log"))
    password = home.database_url.get_secret_value().split("@")[0].rsplit(":", 1)[-1] if home.database_url else ""
    assert len(password) < 8 or password not in log


@pytest.mark.parametrize(("channel", "entity", "key", "expected", "reason"), CASES)
def test_verdict_of_each_case(built: People, channel: str, entity: int, key: str, expected: str, reason: str) -> None:
    assert verdict(built, channel, entity, key) == (expected, reason, entity)


def test_a_contact_point_held_by_two_members_has_one_verdict(built: People) -> None:
    assert built.rows("select contact_key, is_primary from compliance_call where entity_id = 20 order by 1") == [
        (number(20), 0), (number(21), 1), (number(22), 0),
    ]  # fmt: skip


def test_the_golden_name_comes_from_the_newest_source(built: People) -> None:
    assert built.rows("select person_id, last_name, members from int_golden_persons where entity_id = 20") == [
        (20, "Stone", 3)
    ]


def test_the_record_that_was_chosen_last_gives_name_and_birthday_if_it_has_them(built: People) -> None:
    survivors = "select name_person_id, last_name, birth_person_id from int_golden_persons"
    assert built.rows(f"{survivors} where entity_id in (90, 95) order by 1") == [(92, "Lee92", 92), (95, "Lee95", 96)]


def test_a_verdict_names_its_evidence(built: People) -> None:
    [(evidence, reason)] = built.rows("select evidence, reason from compliance_call where entity_id = 4")
    assert evidence == "dnc_registry: national list, listed 2020-02-02, imp_2026_01_01_001"
    assert reason == "The number is on a do-not-call list"


def test_mailable_people_get_their_allowed_address_only(built: People) -> None:
    rows = dict(built.rows("select entity_id, street from mailable_people"))
    assert rows == {1: "1 MAIN ST", 6: "6 MAIN ST"}


def test_import_quality_has_one_row_per_import(built: People) -> None:
    assert built.rows(
        "select import_id, error_percent, rows_per_second from import_quality where import_id = 'imp_2026_01_01_001'"
    ) == [("imp_2026_01_01_001", pytest.approx(10), pytest.approx(5))]


def test_marts_have_their_indexes(built: People) -> None:
    for channel in ("call", "sms", "email", "mail"):
        columns = {row[4] for row in built.rows(f"show index from compliance_{channel}")}
        assert {"entity_id", "contact_key", "person_id", "contact", "verdict"} <= columns


LATER = "{as_of: '2027-02-01 00:00:00', require_dnc_coverage: false}"


def test_who_answered_may_get_a_place_in_the_crm(built: People) -> None:
    """Not who was only sent something, who answered by asking to be left alone, or who is no natural person."""
    rows = built.rows("select entity_id, person_id, why, channel, campaign, answers from crm_candidates order by 1")
    assert rows == [
        (80, 80, "inbound", "call", None, 2),
        (81, 81, "response", "mail", "FALL", 1),
        (85, 85, "inbound", "call", None, 1),
    ]


def test_a_push_to_the_crm_reads_the_marts(built: People, settings: Settings, database: Database) -> None:
    """Of the same people as the marts say, closed channels by the canonical tables."""
    with database.connect() as connection, session(settings) as con:
        with looking(connection):
            at, fields = datetime(2026, 11, 1), PersonFields(())
            population = read_population(connection, con, load_rules(), at=at, fields=fields)
        pairs = {pair.entity_id: pair for pair in population.pairs(AddressKeys())}
    assert set(pairs) == {80, 81}
    assert population.left_out == {"without a name or a contact point": 1}
    ours = pairs[80].ours
    assert (ours.name.text, ours.address.text) == ("Ann Lee80", None)
    assert [point.value for point in (*ours.phones, *ours.emails)] == [number(80), "fifty@x.org"]
    assert ours.own["cm_call"] == f"Yes: {number(80)}"
    assert ours.own["cm_mail"] == "No: no postal address is known"
    assert ours.own["cm_email"] == "Yes: fifty@x.org"
    assert pairs[80].checked_at is not None


@pytest.mark.parametrize(
    ("entity", "channels"),
    [
        (1, []),
        (3, ["call"]),  # asked by one of its numbers
        (12, ["sms"]),
        (13, ["email"]),
        (14, ["mail"]),
        (16, ["call", "email", "mail", "sms"]),
        (20, ["call"]),  # a member of the entity asked
        (30, ["call"]),  # shares the number that asked with somebody
        (31, ["call"]),
        (32, []),  # a switchboard
    ],
)
def test_closed_channels_are_never_fewer_than_what_people_asked_for(
    built: People, settings: Settings, database: Database, entity: int, channels: list[str]
) -> None:
    with database.connect() as connection, session(settings) as con:
        want(connection, con, f"select {entity}")
        channels_closed(connection, con, load_rules(), at=datetime(2026, 11, 1))
        found = con.execute("select channels from do_not_contact").fetchall()
    assert found == ([(channels,)] if channels else [])


def test_suppressions_wait_and_later_runs_see_dates_merges_and_switches(
    built: People, build: Build, database: Any
) -> None:
    """A build by changes: people who come after their suppression, a merge, a rule that comes into force, a rule off.

    The rule makes every verdict run out, so nobody needs to be named. Meanwhile a reader asks for the mart all the time
    and finds it whole each time.
    """
    built.listed(number(500)), built.opted_out("email", email_key="late@x.org")
    built.person(50), built.phone(50, number(500)), built.email(50, "late@x.org"), built.email(50, "fifty@x.org")
    built.run("update persons set entity_id = 1, is_original = 0 where id = 30")
    built.taken_into_build(1, 30, 50)
    before = built.rows("select count(*) from compliance_call")[0][0]
    sizes: set[int] = set()
    stop = threading.Event()

    def read() -> None:
        with database.connect(autocommit=True) as connection, connection.cursor() as cursor:
            while not stop.wait(0.001):
                try:
                    cursor.execute("select count(*) from compliance_call")
                    sizes.add(cursor.fetchone()[0])
                except pymysql.MySQLError as error:
                    sizes.add(-error.args[0])

    reader = threading.Thread(target=read)
    reader.start()
    try:
        done = build("--vars", LATER, by_changes=True)
    finally:
        stop.set()
        reader.join()
    assert done.returncode == 0, done.stdout[-4000:]
    after = built.rows("select count(*) from compliance_call")[0][0]
    assert sizes <= {before, after}

    assert verdict(built, "call", 50, number(500)) == ("blocked", "dnc_listed", 50)
    assert verdict(built, "email", 50, "late@x.org") == ("blocked", "opt_out_contact", 50)
    assert verdict(built, "email", 50, "fifty@x.org") == ("blocked", "opt_out_person", 50)
    # Person 30 is now a member of entity 1: what one of its holders asked follows it.
    assert verdict(built, "call", 1, number(30)) == ("blocked", "opt_out_contact", 1)
    assert verdict(built, "call", 1, number(1)) == ("review", "opt_out_shared", 1)
    assert built.rows("select 1 from compliance_call where entity_id = 30") == []
    # Coverage switched off, and revoke-all in force from 2027-01-31.
    assert verdict(built, "call", 5, "+19185550005") == ("allowed", "no_rule_blocks", 5)
    assert verdict(built, "call", 12, number(12)) == ("blocked", "opt_out_other_channel", 12)
    assert verdict(built, "sms", 3, number(33)) == ("blocked", "opt_out_other_channel", 3)
    assert str(built.rows("select distinct checked_at from compliance_sms")[0][0]) == "2027-02-01 00:00:00"


def test_a_build_by_changes_comes_to_what_a_full_one_does(built: People, build: Build) -> None:
    """Of a few entities only: a new holder of a number that asked, a re-consent, facts, a split."""
    built.person(60), built.phone(60, number(3)), built.phone(60, number(60))  # 3 asked and held it alone
    built.fact("reconsent", "email", "stop@x.org", channel="email", at="2026-06-01 00:00:00")
    built.fact("litigator", "phone", number(1))
    built.fact("relationship", "phone", number(4), value="purchase", at="2026-12-01 00:00:00")
    built.fact("opt_out_suspected", "phone", number(8), channel="sms")
    built.fact("deceased", "name_zip", "ANN|LEE14||73701")
    built.run("update addresses set name_zip_key = 'ANN|LEE14||73701' where person_id = 14")
    built.run("update persons set entity_id = 22, is_original = 1 where id = 22")
    built.touched(15, "mail", "2027-01-20 10:00:00"), built.touched(15, "mail", "2027-01-25 10:00:00")
    for day in (28, 29, 30):
        built.touched(None, "call", f"2027-01-{day} 18:00:00", phone_e164=number(8))
    built.taken_into_build(60, 13, 1, 4, 8, 14, 20, 22, 15)
    done = build("--vars", LATER, command="run", by_changes=True)
    assert done.returncode == 0, done.stdout[-4000:]
    # 3 and 31 hold a number that asked together with 60 and 1.
    assert {60, 3, 13, 1, 31, 4, 8, 14, 20, 22, 15} == {
        row[0] for row in built.rows("select * from int_changed_entities")
    }
    assert verdict(built, "call", 3, number(33)) == ("review", "opt_out_shared", 3)
    assert verdict(built, "email", 13, "stop@x.org") == ("allowed", "no_rule_blocks", 13)
    assert verdict(built, "call", 1, number(1)) == ("blocked", "litigator", 1)
    assert verdict(built, "call", 4, number(4)) == ("allowed", "exempt", 4)
    assert verdict(built, "mail", 14, "14 MAIN ST") == ("blocked", "opt_out_person", 14)
    assert verdict(built, "sms", 8, number(8)) == ("blocked", "not_textable", 8)
    assert verdict(built, "call", 22, number(22)) == ("allowed", "no_rule_blocks", 22)
    assert verdict(built, "mail", 15, "15 MAIN ST") == ("blocked", "incomplete_address", 15)
    assert built.rows("select entity_id, contact from int_frequency_findings where contact <> ''") == [(8, number(8))]
    by_changes = built.content(built.by_entity())
    done = build("--vars", LATER, command="run")
    assert done.returncode == 0, done.stdout[-4000:]
    full = built.content(built.by_entity())
    assert len(by_changes) > 15
    for table, rows in full.items():
        assert by_changes[table] == rows, table


def test_no_half_built_table_is_left_behind(built: People) -> None:
    leftovers = built.rows(
        "select table_name from information_schema.tables "
        "where table_schema = database() and locate('__dbt_', table_name)"
    )
    assert leftovers == []
