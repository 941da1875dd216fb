"""Lists of facts and opt-outs, staged: which contact points a row is about, what it says, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from cm_core.compute import session
from cm_core.imports.feed_catalog import load_feed
from cm_core.imports.mapping import map_columns
from cm_core.imports.reader import Batch
from cm_core.imports.staging import load_chunk
from cm_core.imports.staging_facts import stage_facts, stage_opt_outs
from cm_core.settings import Settings

LISTED = datetime(2026, 3, 1, 12)
ARRIVED = LISTED + timedelta(days=3)
_FACTS = """
select fact, contact_kind, contact_key, value, starts_at, ends_at, reason from contact_facts order by row_number, 1, 2
"""


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with session(Settings(home=tmp_path_factory.mktemp("home")), threads=1) as connection:
        yield connection


def stage(con: duckdb.DuckDBPyConnection, feed: str, text: str) -> None:
    """Stage the lines of a comma separated text, the first of which is the header."""
    headers, *rows = [line.split(",") for line in text.strip().splitlines()]
    columns = {f"c{n}": pa.array([row[n].strip() for row in rows], pa.string()) for n in range(len(headers))}
    table = pa.table({"row_number": pa.array(range(1, len(rows) + 1), pa.int64()), **columns})
    load_chunk(con, [Batch(table, ())])
    declared = load_feed(feed)
    mapping = map_columns(headers, declared)
    if declared.target == "opt_outs":
        stage_opt_outs(con, declared, mapping, headers, LISTED, ARRIVED)
    else:
        stage_facts(con, declared, mapping, headers, LISTED, lambda ids: [number for number in ids if number < 100])


def facts(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """What is staged, times as dates, without what is blank at the end."""
    return [_short(row) for row in con.execute(_FACTS).fetchall()]


def rejected(con: duckdb.DuckDBPyConnection) -> list[tuple[int, str, str]]:
    query = "select row_number, error_type, field_name from findings where row_status = 'rejected' order by all"
    return con.execute(query).fetchall()


def _short(row: tuple[Any, ...]) -> tuple[Any, ...]:
    shown = [f"{value:%Y-%m-%d}" if isinstance(value, datetime) else value for value in row]
    while shown and shown[-1] is None:
        shown.pop()
    return tuple(shown)


def test_answers_of_the_reassigned_numbers_database(con: duckdb.DuckDBPyConnection) -> None:
    stage(
        con,
        "reassigned_numbers",
        """Phone,Date,IsReassigned,HasSafeHarbor
4053211001,20260215,true,false
(405) 321-1002,02/15/2026,False,true
405-321-1003,2026-02-15,null,
405-321-1004,2026-02-15,,
405-321-1005,,yes,
405-321-1006,2026-02-15,perhaps,
405-321-1007,someday,no,
405-321-1008,2026-04-15,no,
123,2026-02-15,no,""",
    )
    assert facts(con) == [
        ("reassigned", "phone", "+14053211001", "yes", "2026-02-15"),
        ("reassigned", "phone", "+14053211002", "no", "2026-02-15"),
        ("reassigned", "phone", "+14053211003", "no_data", "2026-02-15"),
        ("reassigned", "phone", "+14053211004", "no_data", "2026-02-15"),
        ("reassigned", "phone", "+14053211005", "yes", "2026-03-01"),
    ]
    assert rejected(con) == [
        (6, "VALIDATION", "value"), (7, "TYPE", "starts_at"), (8, "TYPE", "starts_at"),
        (9, "MISSING_REQUIRED", "phone"),
    ]  # fmt: skip


def test_block_and_port_files(con: duckdb.DuckDBPyConnection) -> None:
    stage(con, "wireless", """number,type,port date,as of
4053211001,W,,2026-01-01
4053211002,wireline to wireless,2026-02-27,
4053211003,landline,,
4053211004,,,
4053211005,L,,
4053211006,cell,2026-02-28,""".replace("number", "phone"))  # fmt: skip
    assert facts(con) == [
        ("wireless", "phone", "+14053211001", "wireless", "2026-01-01"),
        ("wireless", "phone", "+14053211002", "ported", "2026-02-27"),
        ("wireless", "phone", "+14053211003", "landline", "2026-03-01"),
        ("wireless", "phone", "+14053211004", "wireless", "2026-03-01"),
        ("wireless", "phone", "+14053211006", "ported", "2026-02-28"),
    ]
    assert rejected(con) == [(5, "VALIDATION", "value")]


def test_the_deceased_are_told_by_the_surest_of_what_a_row_gives(con: duckdb.DuckDBPyConnection) -> None:
    stage(
        con,
        "deceased",
        """person id,name,phone,address,city,state,zip,date of death
7,John Smith,4053211001,1 Elm St,Tulsa,OK,74101,2025-12-24
,John Smith Jr,4053211001,1 Elm St,Tulsa,OK,74101,12/24/2025
,Ann Lee,4053211001,1 Elm St,Tulsa,OK,,
777,Ann Lee,4053211001,,,,,
,,,1 Elm St,Tulsa,OK,74101,""",
    )
    assert facts(con) == [
        ("deceased", "person", "7", None, "2025-12-24"),
        ("deceased", "name_zip", "JOHN|SMITH|JR|74101", None, "2025-12-24"),
        ("deceased", "phone", "+14053211001", None, "2026-03-01"),
    ]
    assert rejected(con) == [(4, "VALIDATION", "person_id"), (5, "MISSING_REQUIRED", "person")]


def test_mail_preference_is_by_name_and_by_address(con: duckdb.DuckDBPyConnection) -> None:
    stage(
        con,
        "mail_suppression",
        """Full Name,Address,City,State,Zip
Mary Jones,1098 Shepard Hills Road,Sulphur,OK,73086
,1098 Shepard Hills Rd,Sulphur,OK,73086
Mary Jones,,,,""",
    )
    assert [row[1] for row in facts(con)] == ["address", "name_zip", "address"]
    keys = con.execute("select distinct contact_key from contact_facts where contact_kind = 'address'").fetchall()
    assert keys == [("S|1098||SHEPARD HILLS|RD||73086",)]
    assert rejected(con) == [(3, "MISSING_REQUIRED", "name_zip")]


def test_consent_has_an_end_and_may_be_revoked(con: duckdb.DuckDBPyConnection) -> None:
    stage(
        con,
        "consents",
        """phone,email,consent for,consent date,expires,revoked,consent type
4053211001,,text,2026-01-05 10:00,2027-01-05,,web form
4053211002,,call,2026-01-05,,2026-02-01,verbal
4053211003,,call,,,2026-02-01,
4053211004,,call,,,,written
4053211005,,,2026-01-05,,,written
4053211006,,call,2026-01-05,never,,written
4053211007,,call,2026-01-05,2025-01-05,,written
,ann@example.org,email,2026-01-05,,,
4053211008,,call,2026-01-05,,soon,written""",
    )
    assert facts(con) == [
        ("consent", "phone", "+14053211001", "written", "2026-01-05", "2027-01-05"),
        ("consent", "phone", "+14053211002", "oral", "2026-01-05"),
        ("consent_revoked", "phone", "+14053211002", None, "2026-02-01"),
        ("consent_revoked", "phone", "+14053211003", None, "2026-02-01"),
        ("consent", "email", "ann@example.org", None, "2026-01-05"),
        ("consent", "phone", "+14053211008", "written", "2026-01-05"),
        ("consent_revoked", "phone", "+14053211008", None, "2026-03-01"),
    ]
    assert rejected(con) == [
        (4, "MISSING_REQUIRED", "starts_at"), (5, "MISSING_REQUIRED", "channel"), (6, "TYPE", "ends_at"),
        (7, "TYPE", "ends_at"),
    ]  # fmt: skip


def test_a_relationship_needs_its_kind_and_its_date(con: duckdb.DuckDBPyConnection) -> None:
    stage(
        con,
        "relationships",
        """phone,type,date
4053211001,Sale,2026-01-05
4053211002,application,01/05/2026
4053211003,,2026-01-05
4053211004,purchase,
4053211005,friend,2026-01-05""",
    )
    assert [row[2:] for row in facts(con)] == [
        ("+14053211001", "purchase", "2026-01-05"), ("+14053211002", "inquiry", "2026-01-05"),
    ]  # fmt: skip
    assert rejected(con) == [
        (3, "MISSING_REQUIRED", "value"), (4, "MISSING_REQUIRED", "starts_at"), (5, "VALIDATION", "value"),
    ]  # fmt: skip


def test_the_same_list_on_another_day_says_nothing_new_unless_its_answers_may_change(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    lists = {"litigators": "phone\n4053211001", "reassigned_numbers": "phone,answer\n4053211001,yes"}
    keys: dict[str, set[str]] = {feed: set() for feed in lists}
    for day in (1, 20):
        monkeypatch.setitem(globals(), "LISTED", datetime(2026, 3, day))
        for feed, text in lists.items():
            stage(con, feed, text)
            keys[feed].update(key for (key,) in con.execute("select fact_key from contact_facts").fetchall())
    assert {feed: len(found) for feed, found in keys.items()} == {"litigators": 1, "reassigned_numbers": 2}


def test_opt_outs_of_people_and_places_that_are_not_known_yet(con: duckdb.DuckDBPyConnection) -> None:
    stage(con, "opt_outs", """name,home phone,cell,email,address,city,state,zip,channel,date
Mary Jones,4053211001,4053211002,mary@example.org,1098 Shepard Hills Rd,Sulphur,OK,73086,all,2026-01-05
Mary Jones,,,,,,,73086,call,2026-01-05
,,,,1098 Shepard Hills Rd,Sulphur,OK,73086,mail,2026-01-05
,,,,1098 Shepard Hills Rd,Sulphur,OK,73086,call,2026-01-05
Mary Jones,,,,,,,,call,2026-01-05
,4055550101,,,,,,,call,2026-01-05""")  # fmt: skip
    found = con.execute(
        "select row_number, channel, phone_e164, email_key, address_key is not null, name_zip_key from opt_outs "
        "order by 1, address_key nulls first, name_zip_key nulls first, 3"
    ).fetchall()
    assert found == [
        (1, "all", "+14053211001", "mary@example.org", False, None),
        (1, "all", "+14053211002", "mary@example.org", False, None),
        (1, "all", None, None, False, "MARY|JONES||73086"),
        (1, "mail", None, None, True, None),
        (2, "call", None, None, False, "MARY|JONES||73086"),
        (3, "mail", None, None, True, None),
        (6, "call", "+14055550101", None, False, None),
    ]
    assert [row[0] for row in rejected(con)] == [4, 5]


def test_nobody_asks_later_than_the_list_arrives(con: duckdb.DuckDBPyConnection) -> None:
    """A slip of the year, or the day from which it counts, must not leave somebody callable until then."""
    dates = [LISTED - timedelta(days=400), ARRIVED + timedelta(hours=20), ARRIVED + timedelta(days=400)]
    rows = "\n".join(f"405-232-970{n},call,{at:%Y-%m-%d %H:%M:%S}" for n, at in enumerate(dates))
    stage(con, "opt_outs", f"phone,channel,opted out at\n{rows}")
    asked = con.execute("select opted_out_at from opt_outs order by row_number").fetchall()
    assert asked == [(dates[0],), (ARRIVED,), (ARRIVED,)]
    found = con.execute("select row_number, error_type, field_name, row_status from findings").fetchall()
    assert found == [(3, "TYPE", "opted_out_at", "kept")]
