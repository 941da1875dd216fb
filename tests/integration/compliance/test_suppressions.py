"""Opt-out lists: applied once, whatever the order, for people known and not yet known; marks of both kinds of list."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from typing import Any

import pytest

from cm_core.compliance import ApplyCounts, apply_opt_outs, refresh_contact_status
from cm_core.errors import ImportFailed
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.store.locks import WRITER_LOCK, named_lock
from tests.integration.compliance.conftest import Stage
from tests.integration.dbt.people import People

FIRST, SECOND = "imp_2026_02_01_001", "imp_2026_02_01_002"
A, B, C = "+14055550101", "+14055550102", "+14055550103"
ASKED = datetime(2026, 1, 5, 9, 30)


def request(channel: str, *, phone: str | None = None, email: str | None = None, **values: Any) -> dict[str, Any]:
    base = {"channel": channel, "phone_e164": phone, "email_key": email, "opted_out_at": ASKED, "source": "web form"}
    return base | values


def content(people: People) -> list[list[tuple[Any, ...]]]:
    """Everything the applies may change, to compare."""
    return [
        people.rows("select * from dnc_registry order by id"),
        people.rows("select * from opt_outs order by id"),
        people.rows("select * from phone_numbers order by id"),
        people.rows("select * from email_addresses order by id"),
    ]


def test_applying_again_changes_nothing_even_after_a_later_import(
    settings: Settings, database: Database, people: People, stage_opt_outs: Stage
) -> None:
    people.person(1), people.phone(1, A), people.email(1, "a@x.org")
    stage_opt_outs(FIRST, [request("email", email="a@x.org"), request("call", phone=B)])
    stage_opt_outs(SECOND, [request("email", email="a@x.org", opted_out_at=datetime(2026, 1, 6))])
    apply_opt_outs(settings, database, FIRST)
    apply_opt_outs(settings, database, SECOND)
    before = content(people)

    assert apply_opt_outs(settings, database, FIRST) == ApplyCounts(0, 0, 2)
    assert apply_opt_outs(settings, database, SECOND) == ApplyCounts(0, 0, 1)
    assert content(people) == before


def test_suppressions_wait_for_contact_points_not_yet_known(
    settings: Settings, database: Database, people: People, stage_opt_outs: Stage
) -> None:
    people.listed(B), people.listed(C)
    people.run("update dnc_registry set removed_at = '2026-01-01' where phone_e164 = %s", (C,))
    stage_opt_outs(SECOND, [request("all", email="late@x.org")])
    apply_opt_outs(settings, database, SECOND)

    people.person(2), people.email(2, "late@x.org", id=7001)
    people.phone(2, B, id=7002), people.phone(2, C, id=7003)
    with database.connect() as connection:
        refresh_contact_status(connection, phone_ids=(7002, 7003), email_ids=(7001, 7001))
        connection.commit()
    assert people.rows("select phone_e164, dnc_status from phone_numbers order by 1") == [(B, "listed"), (C, None)]
    assert people.rows("select opt_out_status from email_addresses where person_id = 2") == [("opted_out",)]


def test_an_opt_out_names_its_person_only_when_one_entity_holds_the_contact_point(
    settings: Settings, database: Database, people: People, stage_opt_outs: Stage
) -> None:
    people.person(1), people.phone(1, A)
    people.person(2, entity=1, original=0), people.phone(2, A), people.phone(2, B)
    people.person(3), people.phone(3, C), people.person(4), people.phone(4, C), people.email(4, "four@x.org")
    stage_opt_outs(FIRST, [
        request("call", phone=A),
        request("call", phone=B),
        request("call", phone=C),
        request("all", email="four@x.org"),
        request("all", email="nobody@x.org"),
        request("sms", phone=A, email="four@x.org"),
    ])  # fmt: skip
    assert apply_opt_outs(settings, database, FIRST) == ApplyCounts(6, 0, 0)
    named = people.rows("select `row_number`, person_id from opt_outs order by 1")
    assert named == [(1, 1), (2, 1), (3, None), (4, 4), (5, None), (6, None)]


def test_a_request_known_from_another_file_is_skipped_and_a_later_one_kept(
    settings: Settings, database: Database, people: People, stage_opt_outs: Stage
) -> None:
    stage_opt_outs(FIRST, [request("call", phone=A), request("email", email="a@x.org"), request("call", phone=A)])
    stage_opt_outs(SECOND, [
        request("call", phone=A, reason="again"),
        request("email", email="a@x.org"),
        request("sms", phone=A),
        request("call", phone=A, opted_out_at=datetime(2026, 1, 6)),
        request("call", phone=A, email="a@x.org"),
    ])  # fmt: skip
    assert apply_opt_outs(settings, database, FIRST) == ApplyCounts(2, 0, 1)
    assert apply_opt_outs(settings, database, SECOND) == ApplyCounts(3, 0, 2)
    assert people.rows("select count(*) from opt_outs") == [(5,)]


def test_counts_are_logged_and_the_import_completed_in_the_same_transaction(
    settings: Settings, database: Database, people: People, stage_opt_outs: Stage
) -> None:
    stage_opt_outs(FIRST, [request("call", phone=A), request("call", phone=A), request("call", phone=B)])

    def finish(connection: Any, counts: ApplyCounts) -> None:
        assert counts == ApplyCounts(2, 0, 1)
        assert people.rows("select count(*) from opt_outs") == [(0,)]

    apply_opt_outs(settings, database, FIRST, finish=finish)
    assert people.rows(
        "select status, inserted_count, updated_count, skipped_count from import_metadata where import_id = %s",
        (FIRST,),
    ) == [("COMPLETE", 2, 0, 1)]
    logged = people.rows(
        "select operation, record_count, detail from import_audit_log where detail is not null order by id"
    )
    assert logged == [
        ("INSERT", 2, "opt_outs"),
        ("UPDATE", 0, "opt_outs"),
        ("SKIP", 1, "opt_outs"),
        ("UPDATE", 0, "email_addresses.opt_out_status"),
    ]


def test_a_failing_finish_leaves_nothing_behind(
    settings: Settings, database: Database, people: People, stage_opt_outs: Stage
) -> None:
    people.person(1), people.email(1, "a@x.org")
    stage_opt_outs(FIRST, [request("email", email="a@x.org")])
    before = content(people)

    def finish(connection: Any, counts: ApplyCounts) -> None:
        raise RuntimeError("stop")

    with pytest.raises(ImportFailed, match="stop"):
        apply_opt_outs(settings, database, FIRST, finish=finish)
    assert content(people) == before
    assert people.rows("select operation from import_audit_log") == [
        ("STATUS_APPLYING",),
        ("STATUS_FAILED",),
    ]


def test_an_apply_waits_for_the_writer(
    settings: Settings, database: Database, people: People, stage_opt_outs: Stage
) -> None:
    stage_opt_outs(FIRST, [request("call", phone=A)])
    done: list[float] = []

    def work() -> None:
        apply_opt_outs(settings, database, FIRST)
        done.append(time.monotonic())

    with database.connect() as connection, named_lock(connection, WRITER_LOCK, timeout_s=1):
        thread = threading.Thread(target=work)
        thread.start()
        time.sleep(0.7)
        assert done == []
        released = time.monotonic()
    thread.join(timeout=30)
    assert done
    assert done[0] >= released


def test_an_empty_list_is_no_error(
    settings: Settings, database: Database, people: People, stage_opt_outs: Stage
) -> None:
    stage_opt_outs(FIRST, [])
    assert apply_opt_outs(settings, database, FIRST) == ApplyCounts(0, 0, 0)
