"""Do-not-call lists from the file to what is in force: versions, guards, kills, and numbers that people here have."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cm_core import compliance, upsert
from cm_core.cli.main import app
from cm_core.compliance import ApplyCounts, apply_dnc, count_unlisted, list_held_numbers, listed
from cm_core.compute import session
from cm_core.errors import CmError, ImportFailed
from cm_core.imports import pipeline, records, registry
from cm_core.imports.records import ImportRecord
from cm_core.imports.staged import read_staged
from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.upsert import write
from tests.integration.dbt.people import People
from tests.integration.imports.steps import attempt, counts, error_report, import_file

#: Two hundred numbers of 405.
LISTED = list(range(4055552000, 4055552400, 2))
HELD, OTHER, NEVER = 4055552000, 4055552100, 4055559999
Give = Callable[..., ImportRecord]


def flat(numbers: Iterable[int]) -> str:
    return "".join(f"{number // 10_000_000},{number % 10_000_000:07d}\n" for number in numbers)


@pytest.fixture
def give(settings: Settings, database: Database, tmp_path: Path) -> Give:
    """Import a file whose name has its date."""

    def give(name: str, text: str, *, feed: str | None = "dnc_registry") -> ImportRecord:
        path = tmp_path / name
        path.write_text(text)
        return attempt(settings, database, path, feed=feed)[0]

    return give


@pytest.fixture
def held(people: People) -> People:
    """Ann has the first number of the list, Bob one in the middle and one that is never listed."""
    people.person(1), people.phone(1, f"+1{HELD}")
    people.person(2), people.phone(2, f"+1{OTHER}"), people.phone(2, f"+1{NEVER}")
    people.run("delete from changed_entities")
    return people


def registry_rows(people: People) -> list[tuple[Any, ...]]:
    return people.rows(
        "select substring(phone_e164, 3), source, date(listed_from), date(removed_at), last_import_id "
        "from dnc_registry order by 1, 2"
    )


def in_force(people: People) -> list[tuple[Any, ...]]:
    return people.rows(
        "select source, area_code, date(obtained_at), numbers from dnc_area_coverage where is_current = 1 order by 1, 2"
    )


def versions(people: People) -> list[tuple[Any, ...]]:
    return people.rows(
        "select source, kind, status, row_count, bad_rows, added, removed from dnc_list_versions order by id"
    )


def changed(people: People) -> set[int]:
    found = {row[0] for row in people.rows("select entity_id from changed_entities")}
    people.run("delete from changed_entities")
    return found


def state(people: People) -> list[list[tuple[Any, ...]]]:
    """All that lists decide."""
    tables = ("dnc_registry", "dnc_list_versions", "dnc_area_coverage", "dnc_additions", "phone_numbers")
    return [people.rows(f"select * from {table} order by 1, 2, 3") for table in tables]


def listings(settings: Settings, database: Database, *numbers: int) -> list[tuple[str, str]]:
    found = listed(settings, database, [f"+1{number}" for number in numbers]).listings
    return list(zip(found["phone_e164"].to_pylist(), found["source"].to_pylist(), strict=True))


def test_a_list_is_a_version_and_only_held_numbers_are_rows(
    give: Give, held: People, settings: Settings, database: Database
) -> None:
    record = give("2026-08-01_405_AB.txt", flat(reversed(LISTED)) + "405,12\n" + flat(LISTED[:2]))
    assert counts(record) == (203, 200, 0, 2, 1)
    assert versions(held) == [("national", "full", "IN_FORCE", 202, 1, 200, 0)]
    assert in_force(held) == [("national", "405", date(2026, 8, 1), 200)]
    assert registry_rows(held) == [
        (str(number), "national", date(2026, 8, 1), None, record.import_id) for number in (HELD, OTHER)
    ]
    assert held.rows("select phone_e164, dnc_status from phone_numbers order by 1") == [
        (f"+1{HELD}", "listed"), (f"+1{OTHER}", "listed"), (f"+1{NEVER}", None),
    ]  # fmt: skip
    assert changed(held) == {0, 1, 2}  # the first list of that name concerns everybody
    assert held.rows("select checksum_sha256 from dnc_list_versions") == [(record.checksum_sha256,)]
    assert listings(settings, database, LISTED[-1], NEVER, HELD) == [
        (f"+1{HELD}", "national"), (f"+1{LISTED[-1]}", "national"),
    ]  # fmt: skip
    report = {row["row_number"]: row for row in error_report(settings, record.import_id)}
    assert (report["201"]["row_status"], report["201"]["raw_row"]) == ("rejected", '{"area_code":"405","number":"12"}')
    assert [report[row]["error_message"] for row in ("202", "203")] == [
        "The same number as row 200",
        "The same number as row 199",
    ]


def test_a_newer_list_takes_numbers_out_and_puts_them_back(give: Give, held: People) -> None:
    give("405_20260801.txt", flat(LISTED))
    changed(held)
    second = give("405_20260901.txt", flat([*LISTED[1:], 4055552001]))
    assert counts(second) == (200, 1, 0, 199, 0)
    assert versions(held)[1] == ("national", "full", "IN_FORCE", 200, 0, 1, 1)
    assert [row[:4] for row in registry_rows(held)] == [
        (str(HELD), "national", date(2026, 8, 1), date(2026, 9, 1)), (str(OTHER), "national", date(2026, 8, 1), None),
    ]  # fmt: skip
    assert held.rows("select phone_e164, dnc_status from phone_numbers where person_id = 1") == [(f"+1{HELD}", None)]
    assert changed(held) == {1, 2}

    give("405_20260902.txt", flat(LISTED))
    assert [row[2:4] for row in registry_rows(held)] == [(date(2026, 8, 1), None), (date(2026, 8, 1), None)]
    assert held.rows("select distinct dnc_status from phone_numbers where phone_e164 <> %s", (f"+1{NEVER}",)) == [
        ("listed",)
    ]


def test_a_number_stays_marked_as_long_as_any_list_has_it(give: Give, held: People) -> None:
    give("405_20260801.txt", flat(LISTED))
    give("405_20260802.txt", flat(LISTED), feed="dnc_ok_state")
    give("405_20260901.txt", flat(LISTED[1:]))
    assert [row[:2] + row[3:4] for row in registry_rows(held) if row[0] == str(HELD)] == [
        (str(HELD), "national", date(2026, 9, 1)), (str(HELD), "ok_state", None),
    ]  # fmt: skip
    assert held.rows("select dnc_status from phone_numbers where person_id = 1") == [("listed",)]
    assert in_force(held) == [("national", "405", date(2026, 9, 1), 199), ("ok_state", "405", date(2026, 8, 2), 200)]


def test_a_list_that_would_take_out_too_much_only_adds_and_is_no_newer(
    give: Give, held: People, settings: Settings, database: Database
) -> None:
    give("405_20260801.txt", flat(LISTED))
    changed(held)
    record = give("405_20260901.txt", flat([*LISTED[100:], NEVER]))
    assert record.status == "COMPLETE"
    assert "would lose 100 of 200 numbers" in str(record.status_reason)
    assert in_force(held) == [("national", "405", date(2026, 8, 1), 201)]
    assert held.rows("select status, status_reason from dnc_list_versions where id = 2") == [
        ("IN_FORCE", record.status_reason)
    ]
    assert [row[0] for row in registry_rows(held)] == [str(HELD), str(OTHER), str(NEVER)]
    assert changed(held) == {2}  # who has the number that came
    assert len(listings(settings, database, *LISTED)) == 200


def test_an_older_list_changes_nothing_and_is_kept(give: Give, held: People, settings: Settings) -> None:
    give("405_20260901.txt", flat(LISTED))
    changed(held)
    before = state(held)
    record = give("405_20260801.txt", flat([*LISTED[20:], NEVER]))
    assert counts(record) == (181, 0, 0, 181, 0)
    assert "is newer" in str(record.status_reason)
    assert versions(held)[1] == ("national", "full", "OLDER", 181, 0, 0, 0)
    assert (state(held)[0], state(held)[4]) == (before[0], before[4])
    assert in_force(held) == [("national", "405", date(2026, 9, 1), 200)]
    (key,) = [row[0] for row in held.rows("select lake_key from dnc_area_coverage where is_current = 0")]
    assert key == f"dnc/national/405/{record.import_id}.parquet"
    assert lake(settings).exists(key)
    assert changed(held) == set()


def test_a_file_that_a_version_refers_to_is_never_written_over(
    give: Give, held: People, settings: Settings, database: Database
) -> None:
    """A later list with the same numbers shares the file; the earlier import again must leave it alone."""
    first = give("405_20260801.txt", flat(LISTED))
    give("405_20260901.txt", flat(reversed(LISTED)))
    keys = held.rows("select lake_key, is_current from dnc_area_coverage order by version_id")
    assert keys == [
        (f"dnc/national/405/{first.import_id}.parquet", 0),
        (f"dnc/national/405/{first.import_id}.parquet", 1),
    ]
    path = lake(settings).local_path(keys[0][0])
    assert path is not None
    before = path.stat().st_mtime_ns
    assert apply_dnc(settings, database, first.import_id) == ApplyCounts(0, 0, 200)
    assert path.stat().st_mtime_ns == before
    assert held.rows("select lake_key, is_current from dnc_area_coverage order by version_id") == keys


def test_the_same_import_again_changes_nothing(
    give: Give, held: People, settings: Settings, database: Database
) -> None:
    first = give("405_20260801.txt", flat(LISTED))
    second = give("405_20260901.txt", flat([*LISTED[100:], NEVER]))  # not believed
    third = give("405_20260902.txt", "4055552000,2026-09-01,D\n4055552001,2026-09-01,A\n")
    changed(held)
    before = state(held)
    for record in (third, first, second, first):
        again = apply_dnc(settings, database, record.import_id)
        assert (again.inserted, again.updated) == (0, 0)
    now = state(held)
    assert [now[0], now[2], now[3], now[4]] == [before[0], before[2], before[3], before[4]]
    assert [row[:6] for row in now[1]] == [row[:6] for row in before[1]]
    assert changed(held) == set()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_parts_of_one_download_add_up(give: Give, held: People, order: tuple[int, int]) -> None:
    parts = (flat(LISTED[:190]), flat(LISTED[190:]))
    for part in order:
        assert give(f"405_20260801_{part}.txt", parts[part]).status == "COMPLETE"
    assert in_force(held) == [("national", "405", date(2026, 8, 1), 200)]


CHANGES = (
    "4055552000,2026-08-30T08:00:00,D\n4055552001,2026-08-29T08:00:00,A\n4055552000,2026-08-29T08:00:00,A\n"
    "9185552001,2026-08-29T08:00:00,A\n9185552002,2026-08-29T08:00:00,D\n"
)


def test_changes_go_on_top_of_the_list_in_force(
    give: Give, held: People, settings: Settings, database: Database
) -> None:
    held.phone(1, "+14055552001")
    give("405_20260801.txt", flat(LISTED))
    changed(held)
    record = give("2026-09-01_changes.txt", CHANGES)
    assert counts(record) == (5, 2, 1, 2, 0)
    assert versions(held)[1] == ("national", "change", "IN_FORCE", 5, 0, 2, 1)
    assert in_force(held) == [("national", "405", date(2026, 9, 1), 200)]
    assert [row[:4] for row in registry_rows(held)][:2] == [
        (str(HELD), "national", date(2026, 8, 1), date(2026, 9, 1)),
        ("4055552001", "national", date(2026, 9, 1), None),
    ]
    assert changed(held) == {1, 2}
    # 918 is not held: what was added is listed, no more.
    assert "918: no full list is held" in str(record.status_reason)
    assert held.rows("select source, area_code, numbers from dnc_additions") == [("national", "918", 1)]
    found = listed(settings, database, ["+19185552001", "+19185552002"])
    assert found.listings["phone_e164"].to_pylist() == ["+19185552001"]
    assert found.coverage.num_rows == 0
    # A full list holds it; older than the changes, it does not take out what they added.
    give("918_20260815.txt", flat([9185552005]))
    assert in_force(held)[1] == ("national", "918", date(2026, 8, 15), 2)
    assert held.rows("select * from dnc_additions") == []


def test_older_changes_change_nothing(give: Give, held: People) -> None:
    give("405_20260901.txt", flat(LISTED))
    before = state(held)
    record = give("2026-08-31_changes.txt", "4055552000,2026-08-30T08:00:00,D\n")
    assert versions(held)[1][2] == "OLDER"
    assert counts(record) == (1, 0, 0, 1, 0)
    assert [state(held)[place] for place in (0, 2, 3, 4)] == [before[place] for place in (0, 2, 3, 4)]


#: Name, content, and why it is refused as a whole.
NOT_BELIEVED = {
    "bad lines": ("405_20260901.txt", flat(LISTED) + "x\n" * 6, "6 of 206 lines"),
    "cut in a number": ("405_20260901.txt", flat(LISTED)[:-4], 'its last line, \'{"area_code":"405",'),
    "cut at the start": ("405_20260901.txt", flat(LISTED) + "40", "ends in the middle of its last line, '40'"),
    "not changes": ("changes_20260901.txt", flat(LISTED), "called a list of changes"),
    "cut changes": ("405_20260901.txt", f"{HELD},2026-08-30,D\n{OTHER},2026-08-30,A\n40555520", "ends in the middle"),
}
NO_LISTS = ("", "\n\n", "405\n", "phone\n", "Well,Depth\nA1,100\n", "<list val='405'><ac val='405'><ph val='55")


def test_a_list_that_is_not_to_be_believed_is_refused(give: Give, held: People, settings: Settings) -> None:
    give("405_20260801.txt", flat(LISTED))
    changed(held)
    before = state(held)
    for case, (name, text, reason) in NOT_BELIEVED.items():
        record = give(name, text)
        assert record.status == "REJECTED", case
        assert reason in str(record.status_reason)
        assert [state(held)[place] for place in (0, 2, 3, 4)] == [before[place] for place in (0, 2, 3, 4)]
        assert held.rows("select status, status_reason from dnc_list_versions order by id desc limit 1") == [
            ("REFUSED", record.status_reason)
        ]
        assert changed(held) == set()
        rejected = [row for row in error_report(settings, record.import_id) if row["row_status"] == "rejected"]
        assert len(rejected) == record.error_count
        assert all(row["raw_row"] for row in rejected)


def test_what_is_no_list_is_rejected(give: Give, held: People) -> None:
    give("405_20260801.txt", flat(LISTED))
    before = state(held)
    for text in NO_LISTS:
        assert give("405_20260901.txt", text).status == "REJECTED", text
        assert state(held) == before


def test_a_refused_list_can_be_brought_in_later(
    give: Give, held: People, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = flat(LISTED) + "x\n" * 6
    assert give("405_20260801.txt", text).status == "REJECTED"
    monkeypatch.setattr("cm_core.compliance.dnc.refusal.FEW_BAD_LINES", 6)
    assert counts(give("405_20260801.txt", text)) == (206, 200, 0, 0, 6)
    assert versions(held) == [("national", "full", "IN_FORCE", 200, 6, 200, 0)]


@pytest.mark.parametrize("when", ["before the commit", "after the files"])
def test_killed_before_the_commit_the_version_before_is_in_force(
    give: Give, held: People, settings: Settings, database: Database, tmp_path: Path, when: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    give("405_20260801.txt", flat(LISTED))
    changed(held)
    before = state(held)
    path = tmp_path / "405_20260901.txt"
    path.write_text(flat([*LISTED[1:], NEVER]))
    registration = registry.register_file(settings, database, path, feed="dnc_registry")
    pipeline.check_raw(settings, database, registration.import_id)
    pipeline.stage(settings, database, registration.import_id)

    def die(*_: object) -> None:
        raise RuntimeError("killed")

    if when == "before the commit":
        with pytest.raises(ImportFailed, match="killed"):
            apply_dnc(settings, database, registration.import_id, finish=die)
    else:
        with monkeypatch.context() as patch:
            patch.setattr("cm_core.compliance.dnc.apply._write", die)
            with pytest.raises(ImportFailed, match="killed"):
                apply_dnc(settings, database, registration.import_id)
    assert lake(settings).exists(f"dnc/national/405/{registration.import_id}.parquet")
    assert state(held) == before
    assert changed(held) == set()
    assert listings(settings, database, HELD, NEVER) == [(f"+1{HELD}", "national")]

    pipeline.stage(settings, database, registration.import_id)
    assert apply_dnc(settings, database, registration.import_id) == ApplyCounts(1, 0, 199)
    records.HOLD.release(registration.import_id)
    assert listings(settings, database, HELD, NEVER) == [(f"+1{NEVER}", "national")]
    assert in_force(held) == [("national", "405", date(2026, 9, 1), 200)]


def _people(numbers: Iterable[int]) -> str:
    names = ("Ann Able", "Bob Baker", "Cleo Carter", "Dora Dalton", "Emil Everett")
    rows = [f"{name},{number}" for name, number in zip(names, numbers, strict=False)]
    return "\n".join(["name,phone", *rows]) + "\n"


@pytest.mark.parametrize("way", ["transaction", "shadow", "shadow, in shares", "together, in shares"])
def test_people_who_come_after_the_list_are_listed_from_the_start(
    make_settings: Callable[..., Settings],
    database: Database,
    people: People,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
) -> None:
    settings = make_settings(database=database, bulk_rows=20_000 if way == "transaction" else 1)
    path = tmp_path / "405_20260801.txt"
    path.write_text(flat(range(4053212000, 4053212400)))
    first = import_file(settings, database, path)
    changes = tmp_path / "2026-08-02_changes.txt"
    changes.write_text("9183212345,2026-08-01T00:00:00,A\n")
    import_file(settings, database, changes, feed="dnc_changes")
    assert people.rows("select count(*) from dnc_registry") == [(0,)]

    lists = [_people([4053212001, 9183212345]), _people([9183212346, 4053219999])]
    if "in shares" in way:  # two rows for each person: they are folded, one person at a time
        monkeypatch.setattr(write, "ROWS_AT_ONCE", 2)
        lists[0] += lists[0].partition("\n")[2].upper()
    if "together" in way:
        ids = []
        for number, text in enumerate(lists):
            path = tmp_path / f"people_{number}.csv"
            path.write_text(text)
            ids.append(registry.register_file(settings, database, path).import_id)
            pipeline.check_raw(settings, database, ids[-1])
            pipeline.stage(settings, database, ids[-1])
        outcomes = upsert.apply_all(settings, database, ids)
        assert not any(isinstance(outcome, CmError) for outcome in outcomes.values())
        for import_id in ids:
            records.HOLD.release(import_id)
    else:
        for number, text in enumerate(lists):
            path = tmp_path / f"people_{number}.csv"
            path.write_text(text)
            import_file(settings, database, path)
    assert [row[:4] for row in registry_rows(people)] == [
        ("4053212001", "national", date(2026, 8, 1), None), ("9183212345", "national", date(2026, 8, 2), None),
    ]  # fmt: skip
    assert registry_rows(people)[0][4] == first.import_id
    assert people.rows("select phone_e164, dnc_status from phone_numbers where phone_e164 is not null order by 1") == [
        ("+14053212001", "listed"), ("+14053219999", None), ("+19183212345", "listed"), ("+19183212346", None),
    ]  # fmt: skip
    assert changed(people)


def test_listings_that_a_base_lacks_are_counted_and_mended(
    give: Give, held: People, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a base is that an earlier version has filled: held, listed numbers without a row."""
    import dagster as dg

    from cm_assets.checks.compliance import listed_numbers_are_known
    from resources.database import database_of

    def is_known() -> bool:
        result = listed_numbers_are_known(database_of(settings))
        assert isinstance(result, dg.AssetCheckResult)
        return result.passed

    def listed_phones() -> list[list[tuple[Any, ...]]]:
        return [registry_rows(held), held.rows("select phone_e164, dnc_status from phone_numbers order by 1")]

    give("405_20260801.txt", flat(LISTED[1:]))
    give("405_20260802.txt", flat(LISTED), feed="dnc_ok_state")
    give("405_20260803.txt", flat(LISTED[1:]), feed="dnc_ok_state")  # HELD is listed no longer
    before, everything = listed_phones(), state(held)
    assert count_unlisted(settings, database) == list_held_numbers(settings, database) == 0
    assert state(held) == everything
    held.run("delete from dnc_registry where phone_e164 = %s and source = 'national'", (f"+1{OTHER}",))
    held.run("update phone_numbers set dnc_status = null")
    changed(held)
    assert count_unlisted(settings, database) == 1
    assert not is_known()
    assert settings.database_url is not None
    monkeypatch.setenv("CM_DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("CM_HOME", str(settings.home))
    result = CliRunner().invoke(app, ["db", "upgrade"])
    assert "1 listings of held numbers were missing" in result.output
    assert listed_phones() == before
    assert changed(held) == {2}
    assert is_known()


def test_a_number_that_comes_back_after_it_was_listed_again_is_listed(
    give: Give, settings: Settings, database: Database, people: People, tmp_path: Path
) -> None:
    """Its row ended while somebody had it; nobody had it when the list took it up again."""
    people.person(5000), people.phone(5000, f"+1{HELD}")
    give("405_20260801.txt", flat(LISTED))
    give("405_20260901.txt", flat(LISTED[1:]))
    people.run("delete from phone_numbers")
    give("405_20260902.txt", flat(LISTED))
    path = tmp_path / "people.csv"
    path.write_text(_people([HELD]))
    import_file(settings, database, path)
    assert [row[2:4] for row in registry_rows(people)] == [(date(2026, 8, 1), None)]
    assert people.rows("select dnc_status from phone_numbers") == [("listed",)]


def test_mended_lines_of_a_list_come_in_on_replay(
    give: Give, held: People, settings: Settings, database: Database, tmp_path: Path
) -> None:
    from cm_core.imports import replay
    from cm_core.imports.replay_log import Mode

    record = give("405_20260801.txt", flat(LISTED[1:]) + "405,555200\n" + "405,5559998\n")
    assert [row[0] for row in registry_rows(held)] == [str(OTHER)]
    mended = tmp_path / "mended.csv"
    mended.write_text("row_number,area_code,number\n200,405,5552000\n")
    assert replay.request(settings, database, record.import_id, Mode.ERRORS_ONLY, corrected=mended)
    pipeline.check_raw(settings, database, record.import_id)
    pipeline.stage(settings, database, record.import_id)
    apply_dnc(settings, database, record.import_id)
    records.HOLD.release(record.import_id)
    assert counts(records.get(database, record.import_id)) == (201, 201, 0, 0, 0)
    assert in_force(held) == [("national", "405", date(2026, 8, 1), 201)]
    assert [row[0] for row in registry_rows(held)] == [str(HELD), str(OTHER)]
    assert versions(held) == [("national", "full", "IN_FORCE", 201, 0, 201, 0)]
    # Read anew as a whole, it says the same.
    assert replay.request(settings, database, record.import_id, Mode.FULL)
    pipeline.check_raw(settings, database, record.import_id)
    pipeline.stage(settings, database, record.import_id)
    before = state(held)
    apply_dnc(settings, database, record.import_id)
    records.HOLD.release(record.import_id)
    assert state(held) == before


def test_rows_of_a_database_from_before_end_with_the_second_list(give: Give, held: People) -> None:
    """The first list of an area code was not compared with anything; the second is."""
    held.listed(f"+1{NEVER}"), held.listed("+14055550000")
    give("405_20260801.txt", flat(LISTED))
    assert [row[3] for row in registry_rows(held)] == [None] * 4
    give("405_20260901.txt", flat(LISTED))
    assert {row[0]: row[3] for row in registry_rows(held)} == {
        str(HELD): None, str(OTHER): None, str(NEVER): date(2026, 9, 1), "4055550000": date(2026, 9, 1),
    }  # fmt: skip


def test_scrubbing_says_lists_dates_and_coverage(give: Give, settings: Settings, database: Database) -> None:
    first = give(
        "dnc_20260801.csv",
        "phone,listed on,list\n405-555-2000,2020-05-06,\n918-555-2000,,Tx State\n405-555-2002,,\n",
        feed=None,
    )
    give(
        "dnc_20260901.csv",
        "phone,listed on,list\n405-555-2000,,\n405-555-2002,,\n918-555-2001,,TX_STATE\n918-555-2000,,tx-state\n",
        feed=None,
    )
    found = listed(
        settings, database, ["+14055552000", "+19185552000", "+19185552001", "+447700900123", "+14055552000", "x"]
    )
    assert found.listings.drop_columns(["version_id", "import_id"]).to_pylist() == [
        {
            "phone_e164": "+14055552000",
            "source": "national",
            "listed_from": datetime(2026, 8, 1),
            "listing_date": date(2020, 5, 6),
        },
        {"phone_e164": "+19185552000", "source": "tx_state", "listed_from": datetime(2026, 8, 1), "listing_date": None},
        {"phone_e164": "+19185552001", "source": "tx_state", "listed_from": datetime(2026, 9, 1), "listing_date": None},
    ]
    assert first.import_id not in found.listings["import_id"].to_pylist()  # the version in force is the later one
    assert found.coverage.select(["source", "area_code", "obtained_at", "numbers"]).to_pylist() == [
        {"source": "national", "area_code": "405", "obtained_at": datetime(2026, 9, 1), "numbers": 2},
        {"source": "tx_state", "area_code": "918", "obtained_at": datetime(2026, 9, 1), "numbers": 2},
    ]
    assert compliance.listed(settings, database, []).listings.num_rows == 0


def test_a_copy_of_a_file_is_no_newer(settings: Settings, database: Database, people: People, tmp_path: Path) -> None:
    path = tmp_path / "national dnc.txt"
    path.write_text(flat(LISTED))
    os.utime(path, (datetime(2026, 5, 1).timestamp(), datetime(2026, 5, 1).timestamp()))
    import_file(settings, database, path)
    assert in_force(people) == [("national", "405", date(2026, 5, 1), 200)]


def test_what_is_held_and_what_goes_stale_when(
    give: Give, held: People, settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    give("405_20260801.txt", flat(LISTED))
    give("918_20260810.txt", flat(range(9185552000, 9185552005)))
    give("2026-08-12_changes.txt", "5805552001,2026-08-12,A\n")
    give("405_20260901.txt", flat(LISTED) + "[/x]\n" * 6)
    found = compliance.dnc_status(database, datetime(2026, 9, 5))
    (national,) = found.lists
    assert (national.source, national.area_codes, national.numbers, national.stale_area_codes) == (
        "national",
        2,
        205,
        1,
    )
    assert national.first_goes_stale_at == datetime(2026, 9, 1)
    assert [(a.area_code, a.is_held, a.age_days, a.goes_stale_at, a.is_stale) for a in found.area_codes] == [
        ("405", True, 35.0, datetime(2026, 9, 1), True), ("918", True, 26.0, datetime(2026, 9, 10), False),
        ("580", False, 24.0, None, False),
    ]  # fmt: skip
    assert [(v.kind, v.status, v.bad_rows) for v in found.versions] == [
        ("full", "REFUSED", 6), ("change", "IN_FORCE", 0), ("full", "IN_FORCE", 0), ("full", "IN_FORCE", 0),
    ]  # fmt: skip

    assert settings.database_url is not None
    monkeypatch.setenv("CM_DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("CM_HOME", str(settings.home))
    printed = CliRunner().invoke(app, ["dnc", "status"], catch_exceptions=False).stdout
    assert "STALE since 2026-09-01 00:00" in printed
    assert "not held: changes only" in printed
    document = json.loads(CliRunner().invoke(app, ["dnc", "status", "--json"], catch_exceptions=False).stdout)
    assert (document["max_age_days"], len(document["area_codes"]), len(document["versions"])) == (31, 3, 4)


def test_a_flat_list_is_staged_as_any_list_is(
    settings: Settings, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Line by line, whoever reads it, and however it is cut into stretches."""
    lines = [
        "405,5552000",
        "405,555-2001",
        '"405","5552002"',
        "",
        "405,12",
        "105,5552003",
        " 405 , 5552004 ",
        "a,b,c",
        "x",
    ]
    lines += [f"405,{5552100 + number}" for number in range(60)] + ["405,5552100", "405,5552101,", "\xe9,1"]
    path = tmp_path / "dnc.txt"
    path.write_bytes("\r\n".join(lines).encode("latin-1"))
    monkeypatch.setattr("cm_core.imports.plain_numbers.STRETCH_BYTES", 100)
    monkeypatch.setattr("cm_core.imports.plain_numbers._LEAST_SHARE", 0.5)

    def staged(feed: str) -> list[Any]:
        import_id = registry.register_file(settings, database, path, feed=feed).import_id
        pipeline.check_raw(settings, database, import_id)
        pipeline.stage(settings, database, import_id)
        records.HOLD.release(import_id)
        with session(settings) as con:
            read_staged(settings, con, import_id, ("rows", "dnc", "findings"))
            return [
                con.sql(query).fetchall()
                for query in (
                    "select row_number, number, listing_date, action, changed_at from dnc order by 1",
                    "select row_number, raw from rows order by 1",
                    "select * exclude (import_id) from findings where error_type <> 'DUPLICATE' order by all",
                    "select row_number from findings where error_type = 'DUPLICATE' and row_status = 'kept' order by 1",
                )
            ]

    quick = staged("dnc_registry")
    monkeypatch.setattr("cm_core.imports.source.flat_list", lambda *_: None)
    assert quick == staged("dnc_ok_state")
    assert [len(part) for part in quick] == [66, 66, 5, 2]
