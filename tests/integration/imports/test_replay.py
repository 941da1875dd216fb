"""Replays: what is new comes in, what is in stays, newer data stays newer, and every row is still accounted for."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from cm_core import linkage
from cm_core.errors import CmError, FileRejected, ImportFailed, UsageError, WriterBusy
from cm_core.imports import feed_catalog, pipeline, records, registry, replay_log, reports
from cm_core.imports import replay as engine
from cm_core.imports.feed_catalog import load_feed
from cm_core.imports.records import HOLD, ImportRecord
from cm_core.imports.replay_log import Mode
from cm_core.lake import landing_zone
from cm_core.settings import Settings
from cm_core.store import Database
from cm_core.store.locks import named_lock
from cm_core.store.tables import metadata
from cm_core.upsert import split
from cm_core.upsert.gather import gather_rows
from tests.integration.imports.steps import (
    assert_conserved,
    column,
    counts,
    csv_text,
    error_report,
    import_file,
    query,
    rejected_rows,
    run,
    unchanged,
)
from tests.integration.upsert.rows import golden

#: Rows 2 and 4 are rejected, row 3 is kept with an e-mail address that is none, row 5 is not read at all.
MIXED = (
    "Name,Phone,Email,Zip\n"
    "Ann Able,405-555-1001,ann@example.org,73069\n"
    ",12,,\n"
    "Cid Cole,405-321-1003,cid at example,73070\n"
    ",,not-an-email,\n"
    'Eve "E" Eaton,405-321-1005\n'
)
MARCH = 1_772_323_200

Replay = Callable[..., ImportRecord]


def write(path: Path, text: str, *, day: int = 1) -> Path:
    """A file last modified on `day` of March 2026."""
    path.write_text(text, encoding="utf-8", newline="")
    os.utime(path, (MARCH + day * 86_400,) * 2)
    return path


@pytest.fixture
def replay(settings: Settings, database: Database) -> Replay:
    """Ask for a replay and run the steps of the import's job; the record at the end."""

    def go(import_id: str, mode: Mode = Mode.ERRORS_ONLY, corrected: Path | None = None) -> ImportRecord:
        if not engine.request(settings, database, import_id, mode, corrected=corrected):
            return records.get(database, import_id)
        return run(settings, database, import_id)

    return go


@pytest.fixture(scope="module")
def imported(_mariadb_databases: Any, fast_folder: Path) -> Iterator[tuple[Path, Database]]:
    """A home and a database with MIXED in it, of which each test gets a copy: an import takes ten times as long."""
    database = _mariadb_databases.make()
    home = fast_folder / f"imported-{secrets.token_hex(4)}"
    home.mkdir()
    settings = Settings(
        home=home, database_url=SecretStr(database.url_text(hide_password=False)), compute_memory_limit="1GB",
        settle_seconds=0,
    )  # fmt: skip
    import_file(settings, database, write(home / "mixed.csv", MIXED))
    yield home, database
    _mariadb_databases.drop(database)
    shutil.rmtree(home)


@pytest.fixture
def mixed(settings: Settings, database: Database, imported: tuple[Path, Database]) -> ImportRecord:
    home, original = imported
    shutil.copytree(home, settings.home_dir, dirs_exist_ok=True)
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("set foreign_key_checks = 0")
        for name in metadata.tables:
            cursor.execute(f"insert into `{name}` select * from `{original.name}`.`{name}`")
        cursor.execute(
            "update import_metadata set s3_location = replace(s3_location, %s, %s)", (str(home), str(settings.home_dir))
        )
        connection.commit()
        cursor.execute("select import_id from import_metadata")
        ((import_id,),) = cursor.fetchall()
    record = records.get(database, import_id)
    assert counts(record) == (5, 2, 0, 0, 3)
    return record


def mended_report(settings: Settings, import_id: str, path: Path, mend: dict[int, str]) -> Path:
    """The error report, with the raw text of some rows mended in the first of their lines."""
    rows = error_report(settings, import_id)
    done = set()
    for row in rows:
        number = int(row["row_number"])
        if number in mend and number not in done:
            row["raw_row"] = mend[number]
            done.add(number)
    return write(path, csv_text(list(rows[0]), [list(row.values()) for row in rows]))


# --- errors only -------------------------------------------------------------------------------------------


def test_a_mended_error_report_brings_its_rows_in_and_no_others(
    settings: Settings, database: Database, tmp_path: Path, mixed: ImportRecord, replay: Replay
) -> None:
    people = query(database, "select * from persons order by id")
    sources = query(database, "select * from person_sources order by import_id, `row_number`, party_no")
    mended = mended_report(
        settings, mixed.import_id, tmp_path / "mended.csv",
        {2: json.dumps({"Name": "Bob Bell", "Phone": "405-321-1002"}),
         5: 'Eve Eaton,405-321-1005,"eve@example.org",73071'},
    )  # fmt: skip
    record = replay(mixed.import_id, corrected=mended)
    assert_conserved(settings, database, record)
    assert counts(record) == (5, 4, 0, 0, 1)
    assert rejected_rows(settings, record.import_id) == {4}
    assert query(database, "select * from persons order by id")[: len(people)] == people
    assert [
        row
        for row in query(database, "select * from person_sources order by import_id, `row_number`, party_no")
        if row[1] not in (2, 5)
    ] == sources
    assert column(database, "select last_key from persons order by id") == ["ABLE", "COLE", "BELL", "EATON"]
    raws = column(
        database,
        "select raw from staging_raw_import where import_id = %s order by `row_number`",
        (record.import_id,),
    )
    assert [json.loads(raw)["Name"] for raw in raws] == ["Ann Able", "Bob Bell", "Cid Cole", "Eve Eaton"]
    with unchanged(database):  # the same file again: nothing to do
        assert not engine.request(settings, database, record.import_id, Mode.ERRORS_ONLY, corrected=mended)
        again = replay(record.import_id)  # and without a file: nothing of it passes now
    assert counts(again) == counts(record)


def test_the_outcome_is_that_of_a_file_that_was_right_from_the_start(
    make_settings: Callable[..., Settings], make_database: Callable[..., Database], tmp_path: Path
) -> None:
    header = ("Name", "Phone", "Email", "Address", "City", "State", "Zip", "Updated")
    right = [
        ("Ann Able", "405-321-1001", "ann@example.org", "1 Main St", "Norman", "OK", "73069", "2025-01-05"),
        ("Ann Able-Jones", "405-321-1001", "ann@example.org", "", "", "", "", "2025-03-05"),
        ("Bob Bell", "405-321-1002", "bob@example.org", "2 Main St", "Norman", "OK", "73069", "2025-02-01"),
        ("Bob Bell", "", "bob@example.org", "", "", "", "", ""),
    ]
    wrong = [right[0], ("", "", "", "", "", "", "", ""), right[2], ("", "", "", "x", "", "", "", "")]
    newer = [("Anna Able", "405-321-1001", "ann@example.org", "", "", "", "", "2025-06-01")]
    found = []
    for first, corrected in ((right, None), (wrong, [(2, *right[1]), (4, *right[3])])):
        database = make_database()
        settings = make_settings(database=database)
        record = import_file(settings, database, write(tmp_path / "people.csv", csv_text(header, first), day=2))
        import_file(settings, database, write(tmp_path / "newer.csv", csv_text(header, newer), day=3))
        if corrected:
            rows = [[str(cell) for cell in row] for row in corrected]
            path = write(tmp_path / "fix.csv", csv_text(("row_number", *header), rows), day=4)
            assert engine.request(settings, database, record.import_id, Mode.ERRORS_ONLY, corrected=path)
            record = run(settings, database, record.import_id)
        assert_conserved(settings, database, record)
        found.append(
            [
                query(
                    database,
                    "select last_name, first_name, name_source_date, source_date from persons order by 1, 2",
                ),
                query(database, "select phone_key, source_date, is_primary from phone_numbers order by 1"),
                query(database, "select email_key, source_date, is_primary from email_addresses order by 1"),
                query(database, "select address_key, source_date from addresses order by 1"),
                query(database, "select import_id, `row_number`, party_no, role from person_sources order by 1, 2, 3"),
            ]
        )
    assert found[0] == found[1]
    assert found[1][0][0][1] == "Anna", "the newer list's name stays"


def test_a_list_of_the_original_columns_is_taken_by_its_row_numbers(
    settings: Settings, database: Database, tmp_path: Path, mixed: ImportRecord, replay: Replay
) -> None:
    """Semicolons and another order of columns are no matter; rows that are in with the same values are passed over."""
    path = write(
        tmp_path / "fixed.csv",
        "Zip;row_number;Name;Phone;Email\n73071;5;Eve Eaton;405-321-1005;\n;4;;;dan@example.org\n"
        "73069;1;Ann Able;405-555-1001;ann@example.org\n",
    )
    record = replay(mixed.import_id, corrected=path)
    assert_conserved(settings, database, record)
    assert counts(record) == (5, 4, 0, 0, 1)
    assert column(database, "select email from email_addresses where email like 'dan%%'") == ["dan@example.org"]


def test_a_row_that_is_still_wrong_stays_rejected_with_its_new_text(
    settings: Settings, database: Database, tmp_path: Path, mixed: ImportRecord, replay: Replay
) -> None:
    mended = mended_report(settings, mixed.import_id, tmp_path / "mended.csv", {5: "Eve Eaton,405-321-1005,x"})
    record = replay(mixed.import_id, corrected=mended)
    assert counts(record) == counts(mixed)
    (row,) = [row for row in error_report(settings, record.import_id) if row["row_number"] == "5"]
    assert (row["error_type"], row["raw_row"]) == ("WIDTH", "Eve Eaton,405-321-1005,x")
    again = mended_report(
        settings, mixed.import_id, tmp_path / "again.csv", {5: "Eve Eaton,405-321-1005,eve@example.org,73069"}
    )
    record = replay(mixed.import_id, corrected=again)
    assert_conserved(settings, database, record)
    assert counts(record) == (5, 3, 0, 0, 2)


def test_a_corrected_file_is_kept_in_the_landing_zone_and_is_no_import(
    settings: Settings, database: Database, tmp_path: Path, replay: Replay
) -> None:
    # Not a copy, whose landing file would be another one to the file system.
    mixed = import_file(settings, database, write(tmp_path / "mixed.csv", MIXED))
    text = "row_number,Name,Phone,Email,Zip\n2,Bob Bell,405-321-1002,,\n"
    replay(mixed.import_id, corrected=write(tmp_path / "fixed.csv", text))
    (made,) = replay_log.replays_of(database, mixed.import_id)
    assert (made.mode, made.status, made.brought_in, made.corrected_filename) == (
        Mode.ERRORS_ONLY, "COMPLETE", 1, "fixed.csv",
    )  # fmt: skip
    assert made.s3_location is not None
    assert Path(made.s3_location.removeprefix("file://")).read_text() == text
    assert registry.scan_landing(settings, database) == []
    assert column(database, "select count(*) from import_metadata") == [1]


def test_a_repaired_row_that_repeats_another_is_said_to(
    settings: Settings, database: Database, tmp_path: Path, mixed: ImportRecord, replay: Replay
) -> None:
    path = write(
        tmp_path / "fixed.csv",
        "row_number,Name,Phone,Email,Zip\n4,Ann Able,405-555-1001,ann@example.org,73069\n",
    )
    record = replay(mixed.import_id, corrected=path)
    assert counts(record) == (5, 2, 0, 1, 2)
    assert [
        (row["row_number"], row["row_status"])
        for row in error_report(settings, record.import_id)
        if row["error_type"] == "DUPLICATE"
    ] == [("4", "kept")]


def test_rules_that_became_wider_let_rejected_rows_pass(
    settings: Settings, database: Database, tmp_path: Path, mixed: ImportRecord, replay: Replay
) -> None:
    """Row 4 has an unknown e-mail address; let it count as one. Row 3 has the same fault and was kept: it stays."""
    with pytest.MonkeyPatch.context() as patch:
        _let_every_email_pass(patch)
        with_new_rules = replay(mixed.import_id)
    assert_conserved(settings, database, with_new_rules)
    assert counts(with_new_rules) == (5, 3, 0, 0, 2)
    assert column(database, "select email_key from email_addresses where email_raw = 'cid at example'") == [
        "cid at example"
    ]
    with unchanged(database):
        replay(mixed.import_id)


# --- full --------------------------------------------------------------------------------------------------


def test_replaying_an_old_import_makes_nothing_older(
    settings: Settings, database: Database, tmp_path: Path, replay: Replay
) -> None:
    header = "Name,Phone,Email,Address,City,State,Zip\n"
    old = import_file(
        settings, database,
        write(tmp_path / "old.csv", header + "Ann Able,405-321-1001,ann@example.org,1 Main St,Norman,OK,73069\n"
              "Bob Bell,405-321-1002,,,,,\n"),
    )  # fmt: skip
    import_file(
        settings, database,
        write(tmp_path / "new.csv", header + "Ann Jones,405-321-9999,ann@example.org,2 Oak Ave,Tulsa,OK,74103\n",
              day=9),
    )  # fmt: skip
    for _ in range(2):
        with unchanged(database):
            record = replay(old.import_id, Mode.FULL)
        assert counts(record) == counts(old)
        assert_conserved(settings, database, record)
    assert column(database, "select last_name from persons where id = 1") == ["Jones"]


def test_a_full_replay_brings_in_what_the_present_rules_understand(
    settings: Settings, database: Database, tmp_path: Path, mixed: ImportRecord, replay: Replay
) -> None:
    """A rejected row and a value that parse now; the counts and the error report follow, and the rest stays."""
    newer = write(tmp_path / "newer.csv", "Name,Phone,Email\nAnn Newer,405-555-1001,ann@example.org\n", day=9)
    import_file(settings, database, newer)
    with pytest.MonkeyPatch.context() as patch:
        _let_every_email_pass(patch)
        record = replay(mixed.import_id, Mode.FULL)
    assert_conserved(settings, database, record)
    assert counts(record) == (5, 3, 0, 0, 2)
    assert sorted(column(database, "select email from email_addresses where email is not null")) == [
        "ann@example.org", "cid at example", "not-an-email",
    ]  # fmt: skip
    assert column(database, "select last_name from persons where id = 1") == ["Newer"]
    assert query(
        database,
        "select e.email from email_addresses as e join persons as p on p.id = e.person_id "
        "where p.last_key = 'COLE' and e.is_primary = 1",
    ) == [("cid at example",)]


def test_what_a_replay_brings_in_while_persons_are_taken_apart_is_kept(
    settings: Settings, database: Database, tmp_path: Path, replay: Replay
) -> None:
    """The dedupe has read the rows as they were before the replay: whom it concerns, the next one takes apart."""
    switchboard = "Name,Phone,Email\nAnn Able,405-321-1001,ann at example\nAnn Baker,405-321-1001,\n"
    import_id = import_file(settings, database, write(tmp_path / "few.csv", switchboard)).import_id
    others = "".join(f"Ann {name},405-321-1001\n" for name in ("Clark", "Davis", "Evans", "Flynn"))
    import_file(settings, database, write(tmp_path / "many.csv", f"Name,Phone\n{others}", day=2))

    def gather_and_replay(*given: Any) -> None:
        gather_rows(*given)
        patch.undo()
        _let_every_email_pass(patch)
        replay(import_id, Mode.FULL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(split, "gather_rows", gather_and_replay)
        splits = [linkage.run(settings, database).split]
    splits.append(linkage.run(settings, database).split)
    assert splits == [0, 5]
    assert query(
        database,
        "select p.last_name, e.email from email_addresses as e join persons as p on p.id = e.person_id",
    ) == [("Able", "ann at example")]


def test_what_is_in_stays_in_where_the_rules_became_narrower(
    settings: Settings, database: Database, tmp_path: Path, mixed: ImportRecord, replay: Replay
) -> None:
    path = write(tmp_path / "mails.csv", "Email,Note\nann@example.org,x\n,y\n")
    record = import_file(settings, database, path)
    assert counts(record) == (2, 0, 0, 1, 1)
    with pytest.MonkeyPatch.context() as patch, unchanged(database):
        _let_no_email_pass(patch)
        again = replay(record.import_id, Mode.FULL)
    assert counts(again) == counts(record)
    assert_conserved(settings, database, again)
    (kept,) = [row for row in error_report(settings, record.import_id) if row["row_status"] == "kept"]
    assert "would reject this row" in kept["error_message"]
    assert "it stays as it was imported" in kept["error_message"]
    with unchanged(database):
        assert_conserved(settings, database, replay(record.import_id, Mode.FULL))


def test_mended_rows_stay_mended_in_a_full_replay(
    settings: Settings, database: Database, tmp_path: Path, mixed: ImportRecord, replay: Replay
) -> None:
    path = write(tmp_path / "fixed.csv", "row_number,Name,Phone,Email,Zip\n5,Eve Eaton,405-321-1005,,\n")
    mended = replay(mixed.import_id, corrected=path)
    with unchanged(database):
        record = replay(mixed.import_id, Mode.FULL)
    assert counts(record) == counts(mended)
    assert_conserved(settings, database, record)


def test_a_new_column_of_the_feed_comes_in(
    settings: Settings, database: Database, tmp_path: Path, replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = import_file(
        settings, database, write(tmp_path / "wells.csv", "Name,Ruf\nAnn Able,405-321-1001\nBob Bell,405-321-1002\n")
    )
    assert column(database, "select count(*) from phone_numbers") == [0]
    contacts = load_feed("contacts")
    phone = contacts.fields["phone"].model_copy(update={"patterns": ("ruf",)})
    wider = contacts.model_copy(update={"fields": {**contacts.fields, "phone": phone}, "schema_version": "v2"})
    monkeypatch.setattr(pipeline, "load_feed", lambda name: wider)
    again = replay(record.import_id, Mode.FULL)
    assert counts(again) == counts(record)
    assert column(database, "select phone_e164 from phone_numbers order by 1") == ["+14053211001", "+14053211002"]
    assert again.schema_version == "v2"
    assert "Ruf" not in (again.file_format or {})["kept_raw_only"]


def test_how_other_imports_of_the_list_look_does_not_keep_one_that_is_in_from_being_replayed(
    settings: Settings, database: Database, tmp_path: Path, replay: Replay
) -> None:
    """A new file would be refused for columns that turned; this one was taken in when there was no other."""
    header = ("Name", "Phone", "Email")
    people = [(f"Ann Able{chr(97 + n)}", f"405-321-10{n:02d}", f"ann{n}@example.org") for n in range(20)]
    turned = [(name, email, phone) for name, phone, email in people]
    first = import_file(
        settings, database, write(tmp_path / "turned.csv", csv_text(header, turned)), feed="legacy_contacts"
    )
    import_file(settings, database, write(tmp_path / "right.csv", csv_text(header, people), day=9))
    with database.connect() as connection:
        connection.cursor().execute(
            "update import_metadata set feed = 'contacts' where import_id = %s", (first.import_id,)
        )
        connection.commit()
    with pytest.raises(FileRejected, match="'Phone'"):
        import_file(settings, database, write(tmp_path / "again.csv", csv_text(header, turned[::-1])))
    with unchanged(database):
        assert counts(replay(first.import_id, Mode.FULL)) == counts(first)


@pytest.mark.soak
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=str)
def test_after_replays_the_tables_are_as_if_imported_under_the_present_rules(
    make_settings: Callable[..., Settings],
    make_any_database: Callable[..., Database],
    tmp_path: Path,
    order: tuple[int, ...],
) -> None:
    """Addresses that were not understood, and names that were read the other way round, are not left beside the new.

    Persons who share a key only now stay two; the linkage says that they are one.
    """
    header = "Name,Email,Phone,Updated\n"
    texts = [
        header + "Ann Able,ann at example,405-321-1001,2025-01-05\nBob Bell,bob@example.org,,\n,dan at example,,\n",
        header + "Able Ann,ann at example,405-321-1001,2024-03-01\nBob Bell,bob at example,405-321-1002,\n",
    ]
    found = []
    for before in (True, False):
        database = make_any_database()
        settings = make_settings(database=database)
        paths = [write(tmp_path / f"{number}.csv", text, day=number) for number, text in enumerate(texts)]
        with pytest.MonkeyPatch.context() as patch:
            if not before:
                _read_better(patch)
            made = [import_file(settings, database, path) for path in paths]
        if before:
            with database.connect() as connection:  # by hand: no source row says so
                connection.cursor().execute(
                    "insert into person_identifiers (id, person_id, id_type, id_value, source_date, first_import_id, "
                    "last_import_id) values (999, 1, 'by hand', '7', '2025-01-01', 'x', 'x')"
                )
                connection.commit()
            assert column(database, "select email_raw from email_addresses where email is null order by 1") != []
            with pytest.MonkeyPatch.context() as patch:
                _read_better(patch)
                for number in order:
                    engine.request(settings, database, made[number].import_id, Mode.FULL)
                    assert_conserved(settings, database, run(settings, database, made[number].import_id))
                    linkage.run(settings, database)
                with unchanged(database):
                    engine.request(settings, database, made[0].import_id, Mode.FULL)
                    run(settings, database, made[0].import_id)
            assert column(database, "select id_value from person_identifiers") == ["7"]
        linkage.run(settings, database)
        found.append(
            [
                golden(database),
                query(database, "select distinct email from email_addresses order by 1"),
            ]
        )
    assert found[0] == found[1]


def test_another_number_of_rows_is_refused_and_changes_nothing(
    settings: Settings, database: Database, tmp_path: Path, mixed: ImportRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        pipeline, "load_feed",
        lambda name: load_feed(name).model_copy(
            update={"format": feed_catalog.Format(header=False), "columns": ("Name", "Phone", "Email", "Zip")}
        ),
    )  # fmt: skip
    engine.request(settings, database, mixed.import_id, Mode.FULL)
    with unchanged(database), pytest.raises(ImportFailed, match="read as 6 rows now and was imported with 5"):
        run(settings, database, mixed.import_id)
    record = records.get(database, mixed.import_id)
    assert (record.status, counts(record)) == ("COMPLETE", counts(mixed))
    assert "The import is as it was" in str(record.status_reason)
    assert_conserved(settings, database, record)
    assert registry.waiting(database) == []


@pytest.mark.parametrize(
    ("feed", "header", "bad", "good"),
    [
        ("dnc_registry", "phone,date,source", "12,,", "405-321-2222,2026-01-05,"),
        ("opt_outs", "phone,email,channel", ",,call", "405-321-2222,,call"),
        ("consents", "phone,channel,given at", "405-321-2222,sms,", "405-321-2222,sms,2026-01-05"),
        ("campaigns", "code,name,type", ",,mail", "C-2,Summer,mail"),
        ("touchpoints", "type,date,phone", "call,,405-321-2222", "call,2026-02-03,405-321-2222"),
    ],
)
def test_lists_and_history_are_replayed_as_contacts_are(
    settings: Settings, database: Database, tmp_path: Path, replay: Replay, feed: str, header: str, bad: str, good: str
) -> None:
    fine = {
        "dnc_registry": "405-321-1111,2026-01-05,", "opt_outs": "405-321-1111,,sms",
        "consents": "405-321-1111,sms,2026-01-05", "campaigns": "C-1,Spring,mail",
        "touchpoints": "sms,2026-02-03,405-321-1111",
    }[feed]  # fmt: skip
    record = import_file(settings, database, write(tmp_path / "list.csv", f"{header}\n{fine}\n{bad}\n"), feed=feed)
    assert counts(record) == (2, 1, 0, 0, 1)
    with unchanged(database):
        assert counts(replay(record.import_id, Mode.FULL)) == (2, 1, 0, 0, 1)
    path = write(tmp_path / "fixed.csv", f"row_number,{header}\n2,{good}\n")
    assert counts(replay(record.import_id, corrected=path)) == (2, 2, 0, 0, 0)
    table = {"consents": "contact_facts"}.get(feed, feed)
    listed = "select cast(sum(numbers) as signed) from dnc_area_coverage where is_current"
    assert column(database, listed if feed == "dnc_registry" else f"select count(*) from {table}") == [2]
    assert error_report(settings, record.import_id) == []
    with unchanged(database):
        assert counts(replay(record.import_id, Mode.FULL)) == (2, 2, 0, 0, 0)


# --- broken off --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "step"),
    [
        (Mode.ERRORS_ONLY, "PENDING"),
        (Mode.FULL, "VALIDATING"),
        (Mode.ERRORS_ONLY, "STAGED"),
        pytest.param(Mode.FULL, "PENDING", marks=pytest.mark.soak),
        pytest.param(Mode.ERRORS_ONLY, "VALIDATING", marks=pytest.mark.soak),
        pytest.param(Mode.FULL, "STAGED", marks=pytest.mark.soak),
    ],
)
def test_a_replay_that_was_killed_goes_on_where_it_was(
    settings: Settings, database: Database, tmp_path: Path, mixed: ImportRecord, replay: Replay, mode: Mode, step: str
) -> None:
    path = write(tmp_path / "fixed.csv", "row_number,Name,Phone,Email,Zip\n5,Eve Eaton,405-321-1005,,\n")
    corrected = path if mode == Mode.ERRORS_ONLY else None
    with unchanged(database):
        engine.request(settings, database, mixed.import_id, mode, corrected=corrected)
        if step != "PENDING":
            pipeline.check_raw(settings, database, mixed.import_id)
        if step == "STAGED":
            pipeline.stage(settings, database, mixed.import_id)
        HOLD.release(mixed.import_id)  # as if the process had gone
        assert [item.import_id for item in registry.waiting(database)] == [mixed.import_id]
    record = run(settings, database, mixed.import_id)  # as the sensor would
    assert_conserved(settings, database, record)
    assert record.error_count == (2 if mode == Mode.ERRORS_ONLY else 3)
    (made,) = replay_log.replays_of(database, mixed.import_id)
    assert (made.mode, made.status) == (mode, "COMPLETE")
    assert registry.waiting(database) == []


def test_reports_that_a_killed_replay_did_not_come_to_are_written_by_the_next(
    settings: Settings, database: Database, tmp_path: Path, mixed: ImportRecord, replay: Replay
) -> None:
    path = write(tmp_path / "fixed.csv", HEAD + "5,Eve Eaton,405-321-1005,,\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reports, "write", lambda *_: None)
        replay(mixed.import_id, corrected=path)
    assert rejected_rows(settings, mixed.import_id) == {2, 4, 5}, "those of before"
    assert [item.import_id for item in registry.waiting(database)] == [mixed.import_id], "the sensor would see to it"
    assert not engine.request(settings, database, mixed.import_id, Mode.ERRORS_ONLY, corrected=path)
    assert_conserved(settings, database, records.get(database, mixed.import_id))
    assert registry.waiting(database) == []


def test_a_replay_given_up_for_another_leaves_no_trace_in_the_tables(
    settings: Settings, database: Database, tmp_path: Path, mixed: ImportRecord, replay: Replay
) -> None:
    path = write(tmp_path / "fixed.csv", "row_number,Name,Phone,Email,Zip\n5,Eve Eaton,405-321-1005,,\n")
    engine.request(settings, database, mixed.import_id, Mode.ERRORS_ONLY, corrected=path)
    pipeline.check_raw(settings, database, mixed.import_id)
    pipeline.stage(settings, database, mixed.import_id)
    HOLD.release(mixed.import_id)
    with unchanged(database):
        record = replay(mixed.import_id, Mode.FULL)
    assert counts(record) == counts(mixed)
    assert [made.status for made in replay_log.replays_of(database, mixed.import_id)] == ["FAILED", "COMPLETE"]


def test_a_failed_import_is_replayed_as_a_whole(
    settings: Settings, database: Database, tmp_path: Path, replay: Replay
) -> None:
    registration = registry.register_file(settings, database, write(tmp_path / "mixed.csv", MIXED))
    landed = landing_zone(settings).local_path(records.get(database, registration.import_id).landing_key)
    assert landed is not None
    content = landed.read_bytes()
    landed.unlink()
    with pytest.raises(CmError):
        run(settings, database, registration.import_id)
    assert records.get(database, registration.import_id).status == "FAILED"
    with pytest.raises(UsageError, match="Use --mode full"):
        engine.request(settings, database, registration.import_id, Mode.ERRORS_ONLY)
    landed.write_bytes(content)
    record = replay(registration.import_id, Mode.FULL)
    assert_conserved(settings, database, record)
    assert replay_log.replays_of(database, record.import_id) == []


# --- wrong usage -------------------------------------------------------------------------------------------

HEAD = "row_number,Name,Phone,Email,Zip\n"


_NOT_MEANT = (
    ("Name,Phone,Email,Zip\nEve Eaton,405-321-1005,,\n", "no column 'row_number'"),
    (HEAD + ",Eve Eaton,405-321-1005,,\n", "row 1: '' is no row number of the import"),
    (HEAD + "2,Bob,,,\n77,Eve Eaton,,,\n", "row 2: '77' is no row number of the import, which has rows 1 to 5"),
    (HEAD + "5.0,Eve Eaton,,,\n", "'5.0' is no row number"),
    (HEAD + "1,Anna Able,405-555-1001,,\n", "rows 1 were not rejected"),
    (HEAD + "5,Eve Eaton,,,\n5,Eva Eaton,,,\n", "row 2 mends row 5 in another way than row 1"),
    ("row_number,Name,Phone\n5,Eve,\n", "lacks 'Email', 'Zip'"),
    (HEAD.replace("Zip", "Zip,Fax") + "5,Eve,,,,\n", "has besides 'Fax'"),
    (HEAD + "5,Eve\n", "row 1 cannot be read: The row has 2 fields, the header has 5"),
    (HEAD, "mends no row"),
    ("", "The file is empty"),
)


def test_a_corrected_file_that_cannot_be_meant_is_refused_in_one_line(
    settings: Settings, database: Database, tmp_path: Path, mixed: ImportRecord
) -> None:
    """All over one import: none of them changes it."""
    path = tmp_path / "fixed.csv"
    for text, says in _NOT_MEANT:
        write(path, text)
        with unchanged(database), pytest.raises(UsageError) as refused:
            engine.request(settings, database, mixed.import_id, Mode.ERRORS_ONLY, corrected=path)
        assert says in str(refused.value), text
        assert "fixed.csv" in str(refused.value), text
        assert "\n" not in str(refused.value), text
        assert records.get(database, mixed.import_id) == mixed, text
        assert replay_log.replays_of(database, mixed.import_id) == [], text
        with database.connect() as connection, named_lock(connection, records.lock_name(mixed.import_id), timeout_s=0):
            pass  # nobody holds it


def test_an_error_report_that_was_not_mended_is_refused(
    settings: Settings, database: Database, tmp_path: Path, mixed: ImportRecord
) -> None:
    path = mended_report(settings, mixed.import_id, tmp_path / "errors.csv", {})
    with pytest.raises(UsageError, match="nothing in it differs from the error report"):
        engine.request(settings, database, mixed.import_id, Mode.ERRORS_ONLY, corrected=path)


def test_an_import_that_cannot_be_replayed_says_what_to_do(
    settings: Settings, database: Database, tmp_path: Path, mixed: ImportRecord
) -> None:
    copy = import_file(settings, database, write(tmp_path / "copy.csv", MIXED))
    clean = import_file(settings, database, write(tmp_path / "clean.csv", "Name,Zip\nAnn Able,73069\n"))
    empty = registry.register_file(settings, database, write(tmp_path / "empty.csv", ""))
    fixed = write(tmp_path / "fixed.csv", HEAD + "5,Eve,,,\n")
    for import_id, mode, corrected, says in (
        ("imp_1999_01_01_001", Mode.FULL, None, "There is no import"),
        (copy.import_id, Mode.FULL, None, f"Replay {mixed.import_id}."),
        (clean.import_id, Mode.ERRORS_ONLY, None, "has no rejected rows"),
        (empty.import_id, Mode.FULL, None, "Give the file to `cm ingest`"),
        (mixed.import_id, Mode.FULL, fixed, "give it with --mode errors-only"),
        (mixed.import_id, Mode.ERRORS_ONLY, tmp_path / "nowhere.csv", "no such file"),
    ):
        with unchanged(database), pytest.raises(UsageError) as refused:
            engine.request(settings, database, import_id, mode, corrected=corrected)
        assert says in str(refused.value)
        assert "\n" not in str(refused.value)
    with database.connect() as other, named_lock(other, records.lock_name(mixed.import_id), timeout_s=0):
        with pytest.raises(WriterBusy, match="Another process is working on import"):
            engine.request(settings, database, mixed.import_id, Mode.FULL)
    with pytest.raises(UsageError, match="duplicate"):  # its partition materialised in the UI
        pipeline.check_raw(settings, database, copy.import_id)
    assert records.get(database, copy.import_id).status == "DUPLICATE"


# --- who did what ------------------------------------------------------------------------------------------


def test_the_audit_log_has_every_change_of_state_with_who_and_why(
    settings: Settings, database: Database, tmp_path: Path, mixed: ImportRecord, replay: Replay
) -> None:
    path = write(tmp_path / "fixed.csv", HEAD + "5,Eve Eaton,405-321-1005,,\n")
    with records.acting_as("ann"):
        replay(mixed.import_id, corrected=path)
    logged = query(
        database,
        "select operation, record_count, actor, detail, timestamp is not null from import_audit_log "
        "where import_id = %s order by id",
        (mixed.import_id,),
    )
    assert [row[0] for row in logged] == [
        "STATUS_PENDING", "STATUS_VALIDATING", "STATUS_VALIDATING", "STATUS_STAGED", "STAGE", "REJECT",
        "STATUS_APPLYING", "UPDATE", "INSERT", "STATUS_COMPLETE",
        "REPLAY_ERRORS_ONLY", "STATUS_PENDING", "STATUS_VALIDATING", "STATUS_STAGED", "STAGE", "REJECT",
        "STATUS_APPLYING", "UPDATE", "INSERT", "STATUS_COMPLETE",
    ]  # fmt: skip
    assert {row[2] for row in logged[10:]} == {"ann"}
    assert all(row[2] for row in logged)
    assert "fixed_" in logged[10][3]
    assert logged[11][3] == "replay (errors-only) asked for"
    assert [row[1] for row in logged if row[0] == "INSERT"] == [2, 1]


def _read_better(patch: pytest.MonkeyPatch) -> None:
    """Rules that read " at " as "@", and surnames first."""
    from cm_core.imports import staging

    original = staging.standardize

    def changed(con, query, kind, table, **more):  # type: ignore[no-untyped-def]
        original(con, query, kind, table, **more)
        if table == "email_values":
            con.execute(
                "create or replace temp table email_values as select * replace (better as email, coalesce(better, "
                "email_key) as email_key, case when better is null then invalid_reason end as invalid_reason) from "
                "(select *, coalesce(email, case when email_raw like '% at %' "
                "then replace(email_raw, ' at ', '@') || '.org' end) as better from email_values) as t(raw, seq, "
                "email_raw, email, email_key, invalid_reason, better)"
            )
        if table == "name_parties":
            con.execute(
                "create or replace temp table name_parties as select * replace (last_name as first_name, "
                "first_name as last_name, last_key as first_key, first_key as last_key) from name_parties"
            )

    patch.setattr(staging, "standardize", changed)


def _let_every_email_pass(patch: pytest.MonkeyPatch) -> None:
    _emails(patch, "email_raw")


def _let_no_email_pass(patch: pytest.MonkeyPatch) -> None:
    _emails(patch, "null::varchar")


def _emails(patch: pytest.MonkeyPatch, email: str) -> None:
    """Let the rules say that the address is `email` (SQL over the answers of the present rules)."""
    from cm_core.imports import staging

    original = staging.standardize

    def changed(con, query, kind, table, **more):  # type: ignore[no-untyped-def]
        original(con, query, kind, table, **more)
        if table == "email_values":
            con.execute(
                f"create or replace temp table email_values as select * replace ({email} as email, "
                f"coalesce({email}, email_key) as email_key, case when {email} is null then 'syntax' end "
                "as invalid_reason) from email_values"
            )

    patch.setattr(staging, "standardize", changed)
