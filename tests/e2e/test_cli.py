"""What `cm` prints and how it ends: one JSON document, one-line errors, exit codes 0, 1 and 2."""

from __future__ import annotations

import csv
import io
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from cm_core.imports.feed_catalog import feed_names
from cm_core.settings import Settings
from cm_core.store import Database, PrivateServer
from tests.e2e.conftest import Ran, run_cm
from tests.integration.dbt.people import IMPORT, People
from tests.integration.imports.steps import column, query, unchanged
from tests.integration.linkage.people import ask, load, row

OWNERS = "Name,Phone,Zip\nJohn Smith,405-555-2345,73069\nMary Jones,(405) 321-4567,73069\n"
PROMISED = {
    "import_id", "filename", "status", "total_rows", "inserted", "updated", "skipped", "errors", "duration_sec",
    "reports",
}  # fmt: skip

Cm = Callable[..., Ran]


def _write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_ingest_prints_one_document_and_the_same_file_again_is_a_duplicate(
    settings: Settings, database: Database, tmp_path: Path, cm_here: Cm
) -> None:
    path = _write(tmp_path / "owners.csv", OWNERS)
    first = run_cm(settings, "ingest", path, "--json")
    assert (first.code, first.errors) == (0, [])
    done = first.document
    assert set(done) >= PROMISED
    assert (done["filename"], done["status"]) == ("owners.csv", "COMPLETE")
    assert [done[name] for name in ("total_rows", "inserted", "updated", "skipped", "errors")] == [2, 2, 0, 0, 0]
    assert done["duration_sec"] > 0
    assert set(done["reports"]) == {"success_report", "error_report", "checklist"}
    for url in done["reports"].values():
        assert Path(url.removeprefix("file://")).stat().st_size > 0

    with unchanged(database):
        again = cm_here("ingest", path, "--json")
    assert (again.code, again.errors) == (0, [])
    assert (again.document["status"], again.document["duplicate_of"]) == ("DUPLICATE", done["import_id"])

    shown = cm_here("status", done["import_id"], "--json")
    assert (shown.code, shown.document) == (0, done)
    listed = cm_here("status", "--json")
    assert [item["status"] for item in listed.document] == ["DUPLICATE", "COMPLETE"]
    for arguments in (("status",), ("status", done["import_id"])):
        table = cm_here(*arguments)
        assert table.code == 0
        assert done["import_id"] in table.out
        assert "COMPLETE" in table.out


def test_every_kind_of_bad_input_is_one_line_and_keeps_no_other_file_from_coming_in(
    settings: Settings, database: Database, tmp_path: Path
) -> None:
    """All at once: the files are independent, and one start of the orchestrator is enough."""
    known = People(database)
    known.phone(known.person(5000), "+14055550000")
    cases: dict[str, tuple[Path, str]] = {
        "missing": (tmp_path / "nowhere.csv", "no such file"),
        "directory": (tmp_path / "lists", "is a folder"),
        "empty": (_write(tmp_path / "empty.csv", ""), "empty"),
        "header": (_write(tmp_path / "header.csv", "Name,Phone\n"), "no rows"),
        "binary": (_write(tmp_path / "binary.csv", bytes(range(32)) * 300), "binary"),
        "useless": (_write(tmp_path / "wells.csv", "Well,Depth\nA,1\n"), "No usable column"),
    }
    (tmp_path / "lists").mkdir()
    good = _write(tmp_path / "good.csv", OWNERS)
    rows = _write(
        tmp_path / "rows.csv",
        b"Name,Phone\nAnn Able,405-555-1001\nshort\nB\x00b,1\n" + b"x" * 100_000 + b",405-555-1002\n",
    )
    ran = run_cm(settings, "ingest", *(path for path, _ in cases.values()), good, rows, good, "--json")
    assert ran.code == 1
    summaries = ran.document
    assert len(summaries) == len(cases) + 3
    assert len(ran.errors) == len(cases)
    for (path, says), summary, line in zip(cases.values(), summaries, ran.errors, strict=False):
        assert set(summary) >= PROMISED
        assert (summary["filename"], summary["status"]) == (path.name, "REJECTED")
        assert says in summary["reason"]
        assert line.startswith(f"{path.name}: REJECTED: ")
        assert says in line
        if path.is_file():
            assert query(
                database,
                "select status, status_reason from import_metadata where import_id = %s",
                (summary["import_id"],),
            ) == [("REJECTED", summary["reason"])]
    assert (summaries[-3]["status"], summaries[-3]["inserted"]) == ("COMPLETE", 2)
    assert summaries[-1]["import_id"] == summaries[-3]["import_id"]
    assert [summaries[-2][name] for name in ("status", "total_rows", "inserted", "errors")] == ["COMPLETE", 4, 2, 2]
    report = Path(summaries[-2]["reports"]["error_report"].removeprefix("file://")).read_text()
    errors = list(csv.DictReader(io.StringIO(report)))
    assert [row["row_number"] for row in errors if row["row_status"] == "rejected"] == ["2", "3"]
    assert column(database, "select last_key from persons where last_key is not null order by 1") == [
        "ABLE", "JONES", "SMITH",
    ]  # fmt: skip
    assert column(database, "select sum(attempt > 1) from import_metadata") == [0], "nothing runs twice"


def test_an_unknown_feed_is_answered_with_the_known_ones(
    settings: Settings, database: Database, tmp_path: Path, cm_here: Cm
) -> None:
    ran = cm_here("ingest", _write(tmp_path / "owners.csv", OWNERS), "--feed", "owners", "--json")
    assert (ran.code, ran.document["status"]) == (1, "REJECTED")
    (line,) = ran.errors
    assert f"Unknown feed 'owners'. Known feeds: {', '.join(feed_names())}." in line
    assert column(database, "select status_reason from import_metadata") == [ran.document["reason"]]


def test_a_path_in_another_encoding_is_no_traceback(settings: Settings, tmp_path: Path) -> None:
    ran = run_cm(settings, "ingest", tmp_path / os.fsdecode(b"caf\xe9.csv"), "--json")
    assert ran.code == 1
    assert "no such file" in ran.errors[0]
    assert ran.document["status"] == "REJECTED"


@pytest.mark.parametrize(
    "arguments", [("ingest", "{path}", "--json"), ("status",), ("sql", "select 1"), ("db", "upgrade")]
)
def test_a_stopped_database_is_said_in_one_line_without_its_password(
    settings: Settings, tmp_path: Path, cm_here: Cm, arguments: tuple[str, ...]
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"mysql://cm:geheim@127.0.0.1:{port}/cm"
    path = _write(tmp_path / "owners.csv", OWNERS)
    ran = cm_here(
        *(argument.format(path=path) for argument in arguments), CM_DATABASE_URL=url, CM_DATABASE_READONLY_URL=url
    )
    (line,) = ran.errors
    assert ran.code == 1
    assert f"127.0.0.1:{port}/cm" in line
    assert "CM_DATABASE_URL" in line
    assert "geheim" not in ran.err + ran.out
    assert ran.out == ""


def test_a_home_that_cannot_be_made_is_named(cm_here: Cm) -> None:
    ran = cm_here("status", "--json", of=Path("/proc/nope"))
    assert (ran.code, ran.out) == (1, "")
    (line,) = ran.errors
    assert "CM_HOME" in line
    assert "/proc/nope" in line


def test_a_database_that_a_newer_version_has_migrated_is_left_alone(cm_here: Cm, database: Database) -> None:
    with database.connect(autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("update alembic_version set version_num = '9999'")
    for arguments in (("status", "--json"), ("db", "upgrade")):
        ran = cm_here(*arguments)
        assert (ran.code, ran.out) == (1, "")
        (line,) = ran.errors
        assert "9999" in line
    assert column(database, "select version_num from alembic_version") == ["9999"]


def test_a_setting_that_cannot_be_read_is_named(cm_here: Cm) -> None:
    ran = cm_here("status", CM_COMPUTE_THREADS="many")
    assert (ran.code, ran.out) == (1, "")
    assert "CM_COMPUTE_THREADS" in ran.errors[0]
    assert cm_here("status", CM_DATABASE_URL="postgresql://x/y").code == 1
    for name, value, message in (
        ("CM_LANDING_URL", "gopher://x", "is no URL of a store: file:///folder or s3://bucket/prefix"),
        ("CM_LAKE_URL", "/var/lake", "is no URL of a store"),
        ("CM_PIPEDRIVE_TOKEN", "tökén", "has blanks, or letters that no token has"),
        ("CM_IMPORT_MEMORY_LIMIT", "lots", "is no amount of memory, such as 2GB or 512MB"),
        ("CM_LEGACY_SLICE_ROWS", "9" * 23, "should be less than or equal to 1000000000"),
    ):
        ran = cm_here("status", **{name: value})
        assert ran.code == 1
        (line,) = ran.errors
        assert f"{name}: " in line
        assert message in line
        assert value not in line


def test_a_store_that_is_not_there_is_said_in_one_line(settings: Settings, tmp_path: Path, cm_here: Cm) -> None:
    path = _write(tmp_path / "owners.csv", OWNERS)
    for url, named in (("s3://", "CM_LANDING_URL"), ("file:///dev/null/x", "file:///dev/null/x")):
        ran = cm_here("ingest", path, "--json", CM_LANDING_URL=url)
        assert ran.code == 1
        (line,) = ran.errors
        assert named in line


@pytest.mark.parametrize(
    "arguments",
    [
        ("ingest",), ("ingest", "x.csv", "--colour", "red"), ("nonsense",), ("sql",),
        ("sql", "select 1", "--format", "xml"),
        ("sample-data", "--people", "0", "--out", "x"), ("status", "imp_2020_01_01_999"), ("status", "'; drop table"),
        ("db", "stop"),
    ],
    ids=lambda arguments: " ".join(arguments),
)  # fmt: skip
def test_wrong_usage_ends_with_two(cm_here: Cm, arguments: tuple[str, ...]) -> None:
    ran = cm_here(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert "Traceback" not in ran.err
    assert ran.err.strip()


def test_an_unknown_import_is_named(cm_here: Cm) -> None:
    (line,) = cm_here("status", "imp_2020_01_01_999", "--json").errors
    assert "imp_2020_01_01_999" in line


def test_nothing_imported_yet_is_said_and_an_empty_list(cm_here: Cm) -> None:
    assert "No imports yet" in cm_here("status").out
    assert cm_here("status", "--json").document == []


def test_sql_prints_rows_in_three_forms(database: Database, cm_here: Cm) -> None:
    known = People(database)
    known.person(7, first_name='Zoë, "Z"', last_name=None)
    statement = "select id, first_name, last_name, source_date, 1.50 as amount from persons"
    (found,) = cm_here("sql", statement, "--format", "json").document
    assert float(found.pop("amount")) == 1.5
    assert found.pop("source_date").startswith("2025-01-01")
    assert found == {"id": 7, "first_name": 'Zoë, "Z"', "last_name": None}
    (header, row) = csv.reader(io.StringIO(cm_here("sql", statement, "--format", "csv").out))
    assert header == ["id", "first_name", "last_name", "source_date", "amount"]
    assert row[:3] == ["7", 'Zoë, "Z"', ""]
    table = cm_here("sql", statement).out
    assert "first_name" in table
    assert "Zoë" in table
    assert cm_here("sql", "select id from persons where id < 0", "--format", "csv").out == "id\n"
    assert cm_here("sql", "select id from persons where id < 0", "--format", "json").document == []


@pytest.mark.parametrize(
    "statement",
    [
        "delete from persons", "insert into campaigns (name, type) values ('x', 'sms')", "drop table person_sources",
        "update persons set first_name = 'X'", "create table mine (a int)", "truncate table persons",
        "select * from persons into outfile '/tmp/cm-test-leak'", "set global max_connections = 1",
        "set statement tx_read_only = 0 for delete from persons", "explain delete from persons",
        "begin not atomic set session transaction read write; delete from persons; commit; end",
    ],
)  # fmt: skip
@pytest.mark.parametrize("account", ["reader", "writer"])
def test_sql_cannot_write(settings: Settings, database: Database, cm_here: Cm, statement: str, account: str) -> None:
    """The reader's account may not; with the writer's account alone, the session may not."""
    People(database).person(7)
    of = settings if account == "reader" else settings.model_copy(update={"database_readonly_url": None})
    with unchanged(database):
        ran = cm_here("sql", statement, of=of)
    assert (ran.code, ran.out) == (1, "")
    assert len(ran.errors) == 1


@pytest.mark.parametrize("statement", ["selec 1", "select * from nowhere", "", "select 1; select 2", "select 'open"])
def test_sql_that_does_not_run_says_why_in_one_line(cm_here: Cm, statement: str) -> None:
    ran = cm_here("sql", statement)
    assert (ran.code, ran.out) == (1, "")
    assert len(ran.errors) == 1


def test_sample_data_is_the_same_for_the_same_seed(cm_here: Cm, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        ran = cm_here("sample-data", "--people", "30", "--seed", "7", "--out", tmp_path / folder, "--json")
        assert (ran.code, ran.document["people"]) == (0, 30)
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / folder).iterdir()} for folder in ("a", "b"))
    assert first == second
    assert set(ran.document["files"]) == {str(tmp_path / "b" / name) for name in second}


def test_a_private_server_that_was_killed_is_started_again(private_home: Path, cm_here: Cm) -> None:
    assert cm_here("db", "start", of=private_home).code == 0
    assert cm_here("status", of=private_home).code == 0
    server = PrivateServer(private_home)
    killed = server.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    ran = cm_here("status", "--json", of=private_home)
    assert (ran.code, ran.errors) == (0, [])
    assert server.pid not in (None, killed)
    url = cm_here("db", "url", of=private_home).out
    assert "127.0.0.1" in url
    assert "***" in url
    password = (private_home / "secrets" / "cm").read_text().strip()
    assert password not in url
    assert password in cm_here("db", "url", "--show-password", of=private_home).out
    assert "up to date" in cm_here("db", "upgrade", of=private_home).out


def test_a_private_server_is_stopped_by_the_command_and_only_once(private_home: Path, cm_here: Cm) -> None:
    assert cm_here("db", "start", of=private_home).code == 0
    assert "Stopped" in cm_here("db", "stop", of=private_home).out
    assert not PrivateServer(private_home).is_running()
    again = cm_here("db", "stop", of=private_home)
    assert (again.code, "not running" in again.out) == (0, True)


def test_status_shows_what_people_ask_for(database: Database, cm_here: Cm) -> None:
    People(database)
    shown = cm_here("status", IMPORT)
    for text in (IMPORT, "a.csv", "COMPLETE"):
        assert text in shown.out


def test_lineage_and_explain_print_one_document_or_one_error(
    settings: Settings, database: Database, tmp_path: Path, cm_here: Cm
) -> None:
    rows = [row("Gertrude", "Hollingsworth"), row("Gertrude", "Hollingswroth"), row("", "", company="Red River LLC")]
    brought = load(settings, database, tmp_path / "a.csv", rows)
    one, other, firm = (str(found[0]) for found in ask(database, "select id from persons order by id"))
    shown = cm_here("lineage", one, "--json")
    assert (shown.code, shown.document["lineage"][0]["import_id"]) == (0, brought)
    page = tmp_path / "why.html"
    why = cm_here("explain", one, other, "--json", "--chart", page)
    assert (why.code, why.document["decided_by"]) == (0, "not_yet")
    assert "Starting match weight (prior)" in page.read_text(encoding="utf-8")
    for arguments in (("lineage", "999"), ("explain", one, "999"), ("explain", one, one), ("explain", one, firm)):
        failed = cm_here(*arguments)
        assert (failed.code, failed.out, len(failed.errors)) == (1, "", 1), arguments
    assert cm_here("explain", one).code == 2


def test_what_people_record_is_printed_as_one_document_or_one_error(database: Database, cm_here: Cm) -> None:
    people = People(database)
    people.phone(people.person(5000), "+14053211001")
    made = cm_here("suppress", "405-321-1001", "--channel", "call", "--reason", "asked", "--by", "kim", "--json")
    assert (made.code, made.errors) == (0, [])
    assert made.document["holders"] == [{"entity_id": 5000, "person_id": 5000, "name": "Ann Lee5000"}]
    assert [(row["channel"], row["recorded_by"]) for row in made.document["recorded"]] == [("call", "kim")]
    waits = cm_here("suppress", "--name", "Otto Late", "--zip", "73086", "--channel", "all", "--reason", "letter")
    assert "waits for them" in waits.out
    lifted = cm_here("reconsent", "405-321-1001", "--channel", "call", "--reason", "signed", "--json")
    assert [row["fact"] for row in lifted.document["recorded"]] == ["reconsent"]
    found = cm_here("facts", "5000", "--json").document
    assert ([row["reason"] for row in found["opt_outs"]], found["opted_out"]) == (["asked"], [])
    assert "reconsent" in cm_here("facts", "405-321-1001").out
    gone = cm_here("forget", "5000", "--reason", "asked", "--json").document
    assert (gone["persons"], gone["hashes"], gone["sources"]) == ([5000], 1, [])
    assert cm_here("optouts", "list", "--json").document == {"waiting": 0, "messages": []}
    for arguments, code, said in (
        (("reconsent", "405-321-1001", "--channel", "call", "--reason", "x"), 2, "nothing to lift"),
        (("suppress", "12@", "--channel", "call", "--reason", "x"), 2, "no valid e-mail address"),
        (("facts", "77"), 1, "no person 77"),
        (("optouts", "dismiss", "7", "--reason", "x"), 2, "no message 7"),
    ):
        ran = cm_here(*arguments)
        assert ran.code == code
        assert len(ran.errors) == 1
        assert said in ran.errors[0]


def test_quality_says_what_the_checks_said_and_ends_with_1_where_one_fails(
    settings: Settings, tmp_path: Path, cm_here: Cm, give_parsed_dbt: Callable[[Path], None]
) -> None:
    give_parsed_dbt(settings.home_dir)
    done = cm_here("ingest", _write(tmp_path / "owners.csv", OWNERS), "--json").document
    page = tmp_path / "quality.html"
    ran = cm_here("quality", "--json", "--html", page)
    assert (ran.code, ran.err) == (0, f"Page: {page}\n")
    checks = {(check["asset"], check["check"]): check for check in ran.document["checks"]}
    conserved = checks["import_report", "rows_conserved"]
    assert [conserved[name] for name in ("state", "severity", "partition")] == ["passed", "ERROR", done["import_id"]]
    assert checks["compliance_call", "one_verdict_per_contact_point_compliance_call_ref_int_entity_phones_"][
        "state"
    ] == ("never ran")
    assert (ran.document["good"], ran.document["imports"]) == (True, None)
    assert "Nothing needs attention." in page.read_text()

    _write_a_failure(settings)
    ran = cm_here("quality")
    assert ran.code == 1
    assert "1 failed" in ran.out.splitlines()[0]
    assert "import_report: rows_conserved: Two rows are gone [" in ran.out
    assert "entity_id" in ran.out
    assert cm_here("quality", "--html", tmp_path / "nowhere" / "page.html").errors == [
        f"Cannot write {tmp_path / 'nowhere' / 'page.html'}: No such file or directory."
    ]


def _write_a_failure(settings: Settings) -> None:
    import dagster as dg

    from cm_assets.launch import open_instance
    from cm_assets.metadata import table

    with open_instance(settings) as instance:
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(
                asset_key=dg.AssetKey("import_report"),
                check_name="rows_conserved",
                passed=False,
                description="Two rows are gone [of 5]",
                metadata={"violations": 2, "examples": table([{"entity_id": 7}])},
            )
        )
