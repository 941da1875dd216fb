"""SQL that would do something if anybody ran it: the database, the files and the processes are as before."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from cm_core.errors import CmError
from cm_core.imports import feed_catalog
from cm_core.imports.feed_catalog import load_feed
from cm_core.lake import lake
from cm_core.settings import Settings
from cm_core.store import Database
from tests.integration.imports.steps import (
    assert_conserved,
    attempt,
    column,
    error_report,
    import_file,
    query,
    unchanged,
)

_SECRET = "the-content-of-a-secret-file"


@dataclass(frozen=True)
class Surroundings:
    """Files that SQL might read or write."""

    secret: Path
    target: Path
    other_dump: Path


@pytest.fixture
def around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    """A secret, a dump that no one mentions but a SOURCE, and a place for files that must never be."""
    folder = tmp_path / "around"
    folder.mkdir()
    (folder / "secret.csv").write_text(f"name\n{_SECRET}\n")
    (folder / "other.sql").write_text("INSERT INTO owners VALUES ('Sourced','Person','405-232-9799');\n")
    monkeypatch.chdir(folder)
    return Surroundings(folder / "secret.csv", folder / "target", folder / "other.sql")


def _files(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


#: What statements could change on the server beyond the rows of this database.
_SERVER = (
    "select table_name, table_type from information_schema.tables where table_schema = database() order by 1",
    "select schema_name from information_schema.schemata where schema_name = 'evil'",
    "select @@global.sql_mode, @@global.max_connections, @@global.general_log, @@global.event_scheduler",
    "select routine_name from information_schema.routines where routine_schema = database()",
    "select event_name from information_schema.events where event_schema = database()",
    "select trigger_name from information_schema.triggers where trigger_schema = database()",
    "select plugin_name from information_schema.plugins order by 1",
    "show grants",
)


def _server(database: Database) -> list[Any]:
    return [query(database, statement) for statement in _SERVER]


@contextmanager
def _nothing_happens(database: Database, around: Surroundings) -> Iterator[None]:
    """Files, server and processes are the same afterwards. The rows of an import are its own matter."""
    before = (_files(around.secret.parent), _server(database), dict(os.environ), Path.cwd())
    children = _children()
    yield
    assert (_files(around.secret.parent), _server(database), dict(os.environ), Path.cwd()) == before
    assert _children() <= children


def _children() -> set[str]:
    """Programs that this process has started. Python's own helpers of worker pools are none of an import's."""
    lines = (" ".join(child.cmdline()) for child in psutil.Process().children(recursive=True))
    return {line for line in lines if "multiprocessing" not in line}


#: Statements, each of which somebody might hope is run. `{secret}`, `{target}` and `{other}` are files.
STATEMENTS = (
    "DROP TABLE persons;",
    "DROP DATABASE mysql;",
    "DROP TABLE IF EXISTS persons, phone_numbers, import_metadata;",
    "TRUNCATE TABLE persons;",
    "DELETE FROM persons;",
    "UPDATE persons SET first_name = 'x';",
    "ALTER TABLE persons DROP COLUMN first_name;",
    "RENAME TABLE persons TO gone;",
    "CREATE DATABASE evil;",
    "CREATE USER evil IDENTIFIED BY 'x';",
    "GRANT ALL ON *.* TO evil;",
    "SET GLOBAL general_log = 1;",
    "SET GLOBAL max_connections = 1;",
    "SET PASSWORD = 'x';",
    "FLUSH TABLES WITH READ LOCK;",
    "LOCK TABLES persons WRITE;",
    "SHUTDOWN;",
    "KILL 1;",
    "DO SLEEP(1000);",
    "SELECT SLEEP(1000);",
    "SELECT LOAD_FILE('{secret}');",
    "SELECT * FROM persons INTO OUTFILE '{target}';",
    "SELECT 'x' INTO DUMPFILE '{target}';",
    "LOAD DATA INFILE '{secret}' INTO TABLE persons;",
    "LOAD DATA LOCAL INFILE '{secret}' INTO TABLE owners;",
    "INSTALL PLUGIN x SONAME 'x.so';",
    "CREATE FUNCTION sys_exec RETURNS int SONAME 'udf.so';",
    "CREATE EVENT evil ON SCHEDULE EVERY 1 SECOND DO DROP TABLE persons;",
    "CREATE TRIGGER evil AFTER INSERT ON persons FOR EACH ROW SET @x = 1;",
    "CREATE PROCEDURE evil() DROP TABLE persons;",
    "CALL evil();",
    "PREPARE s FROM 'DROP TABLE persons';",
    "EXECUTE s;",
    "EXECUTE IMMEDIATE 'DROP TABLE persons';",
    "HANDLER persons OPEN;",
    "BEGIN NOT ATOMIC DROP TABLE persons; END;",
    "CREATE TABLE taken AS SELECT * FROM persons;",
    "CREATE TABLE like_it LIKE persons;",
    "CREATE VIEW v AS SELECT LOAD_FILE('{secret}');",
    "CREATE TABLE f (a int) ENGINE=FEDERATED CONNECTION='mysql://root@127.0.0.1/mysql/user';",
    "ATTACH '{target}' AS x;",
    "COPY owners TO '{target}';",
    "PRAGMA database_list;",
    "INSTALL httpfs;",
    "SELECT load_extension('{target}');",
    "VACUUM INTO '{target}';",
    ".shell touch {target}\n;",
    "ON DUPLICATE KEY UPDATE a = 1;",
)
#: Commands of the client program: they end with their line, whatever comes after them.
COMMANDS = (
    "\\! touch {target}",
    "\\! touch {target};",
    "SYSTEM touch {target}",
    "system touch {target};",
    "SOURCE {other}",
    "source {other};",
    "\\. {other}",
    "TEE {target}",
    "\\T {target}",
    "PAGER tee {target}",
    "\\P tee {target}",
    "EDIT",
    "CONNECT mysql 127.0.0.1",
    "PROMPT x> ",
    "WARNINGS",
)
_TABLE = "CREATE TABLE `owners` (`first_name` text, `last_name` text, `phone` text);\n"


def _person(number: int) -> str:
    return f"INSERT INTO `owners` VALUES ('Person','Nr{number}','405-232-{number:04d}');\n"


def _dump(statements: list[str], around: Surroundings) -> tuple[str, int]:
    """A dump with a person after each statement, and the number of persons."""
    text = "-- MySQL dump 10.13\n" + _TABLE + _person(1000)
    for number, statement in enumerate(statements, start=1001):
        filled = statement.format(secret=around.secret, target=around.target, other=around.other_dump)
        text += f"{filled}\n{_person(number)}"
    return text + "-- Dump completed\n", len(statements) + 1


@pytest.mark.parametrize("kind", ["statements", "commands"])
def test_statements_of_a_dump_are_skipped_and_counted(
    settings: Settings, database: Database, tmp_path: Path, around: Surroundings, kind: str
) -> None:
    text, persons = _dump(list(STATEMENTS if kind == "statements" else COMMANDS), around)
    path = tmp_path / "dump.sql"
    path.write_text(text)
    with _nothing_happens(database, around):
        record = import_file(settings, database, path)
    assert_conserved(settings, database, record)
    assert (record.row_count, record.error_count) == (persons, 0), error_report(settings, record.import_id)
    assert column(database, "select count(*) from persons where first_name = 'Person'") == [persons]
    assert column(database, "select count(*) from persons where first_name = 'Sourced'") == [0]
    assert record.file_format is not None
    skipped = record.file_format["skipped"]
    assert sum(skipped.values()) >= persons - 1, skipped
    _assert_untold(settings, database)


def _assert_untold(settings: Settings, database: Database) -> None:
    """The secret file's content is nowhere."""
    for info in lake(settings).list():
        assert _SECRET.encode() not in lake(settings).get_bytes(info.key)
    for (table,) in query(database, "show tables"):
        rows = query(database, f"select * from `{table}`")
        assert _SECRET not in repr(rows), table


VALUES = (
    "LOAD_FILE('{secret}')",
    "load_file ( '{secret}' )",
    "/*!50000 LOAD_FILE*/('{secret}')",
    "(SELECT LOAD_FILE('{secret}'))",
    "(SELECT password FROM mysql.user LIMIT 1)",
    "SLEEP(1000)",
    "BENCHMARK(1000000000, SHA1('x'))",
    "@@datadir",
    "@@secure_file_priv",
    "USER()",
    "sys_exec('touch {target}')",
    "'x' INTO OUTFILE '{target}'",
    "'a' 'b' || LOAD_FILE('{secret}')",
    "@x := LOAD_FILE('{secret}')",
    "CAST(LOAD_FILE('{secret}') AS CHAR)",
)


def test_a_value_that_would_be_computed_makes_a_bad_row(
    settings: Settings, database: Database, tmp_path: Path, around: Surroundings
) -> None:
    rows = [f"('Bob',{value.format(secret=around.secret, target=around.target)},'405-232-9702')" for value in VALUES]
    path = tmp_path / "dump.sql"
    path.write_text(
        f"{_TABLE}INSERT INTO `owners` VALUES ('Ann','Lee','405-232-9701'),{','.join(rows)},"
        "('Cid','Ray','405-232-9703');\n"
    )
    with _nothing_happens(database, around):
        record = import_file(settings, database, path)
    assert_conserved(settings, database, record)
    assert (record.row_count, record.error_count) == (2 + len(VALUES), len(VALUES))
    report = error_report(settings, record.import_id)
    assert [row["raw_row"] for row in report] == rows
    assert all("not computed" in row["error_message"] for row in report)
    _assert_untold(settings, database)


#: What stands between two persons, and the persons that it brings: what a server would take for a row.
HIDDEN: dict[str, tuple[str, int]] = {
    "in a comment": ("/* " + _person(1) + " */\n", 0),
    "behind two dashes": ("-- " + _person(1), 0),
    "behind a hash": ("# " + _person(1), 0),
    "a comment in a comment": ("/* /* " + _person(1) + " */\n", 0),
    "a quote in a comment": ("/* it's */\n-- it's\n# it's\n", 0),
    "a comment in a string": (
        "INSERT INTO `owners` VALUES ('*/ DROP TABLE persons; /*','-- x','405-232-0001');\n", 1,
    ),
    "a statement in a string": (
        "INSERT INTO `owners` VALUES ('Ann''); DROP TABLE persons; --','\\'); DROP TABLE x; -- ','405-232-0001');\n", 1,
    ),
    "a version that every server has": ("/*!40101 " + _person(1).rstrip(";\n") + " */;\n", 1),
    "a version that no server has": ("/*!99999 " + _person(1) + " */;\n", 0),
    "MariaDB's version that no server has": ("/*M!999999 " + _person(1) + " */;\n", 0),
    "a statement for every server": ("/*!50003 DROP TABLE persons */;\n", 0),
    "a name in pieces": ("DR/**/OP TABLE persons;\nDROP/*x*/TABLE/*!50000 persons*/;\n", 0),
    "words in pieces": (
        "/*!50003 INSERT*/ /*!50017 INTO*/ `owners` /*!50003 VALUES ('Ann','Lee','405-232-0001') */;\n", 1,
    ),
    "another delimiter": (
        "DELIMITER $$\n" + _person(1).replace(";\n", "$$\n") + "DROP TABLE persons;$$\nDELIMITER ;\n", 1,
    ),
    "a delimiter within a body": (
        "DELIMITER ;;\nCREATE TRIGGER t BEFORE INSERT ON owners FOR EACH ROW BEGIN " + _person(1).strip()
        + " END;;\nDELIMITER ;\n", 0,
    ),
    "a delimiter that is a word": ("DELIMITER go\nDROP TABLE persons go\nDELIMITER ;\n", 0),
    "a delimiter in a comment": ("/*\nDELIMITER $$\n*/\n", 0),
    "a delimiter in a string": ("INSERT INTO `owners` VALUES ('\nDELIMITER $$\n','Lee','405-232-0001');\n", 1),
    "a comment without an end in a string": ("INSERT INTO `owners` VALUES ('/*','Lee','405-232-0001');\n", 1),
}  # fmt: skip


@pytest.mark.parametrize("names", [list(HIDDEN), *(pytest.param([name], marks=pytest.mark.soak) for name in HIDDEN)])
def test_what_comments_and_delimiters_hide(
    settings: Settings, database: Database, tmp_path: Path, around: Surroundings, names: list[str]
) -> None:
    """Each between persons of its own, one after the other in one dump; in a dump of its own in the long form."""
    text, expected = _TABLE + _person(2000), [2000]
    for number, name in enumerate(names, start=1):
        between, more = HIDDEN[name]
        text += between.replace("0001'", f"{number:04d}'") + _person(2000 + number)
        expected += [number] * more + [2000 + number]
    path = tmp_path / "dump.sql"
    path.write_text(text)
    with _nothing_happens(database, around):
        record = import_file(settings, database, path)
    assert_conserved(settings, database, record)
    assert (record.row_count, record.error_count) == (len(expected), 0), error_report(settings, record.import_id)
    found = column(database, "select phone_e164 from phone_numbers order by 1")
    assert found == [f"+1405232{number:04d}" for number in sorted(expected)]


def test_a_dump_named_after_our_own_tables_changes_none_of_them(
    settings: Settings, database: Database, tmp_path: Path, around: Surroundings
) -> None:
    path = tmp_path / "dump.sql"
    path.write_text(
        "DROP TABLE IF EXISTS `persons`;\nCREATE TABLE `persons` (`first_name` text, `last_name` text, `phone` text);\n"
        "INSERT INTO `persons` VALUES ('Ann','Lee','405-232-9701');\nINSERT INTO mysql.user VALUES ('x','y','z');\n"
    )
    with _nothing_happens(database, around), unchanged(database):
        record, _ = attempt(settings, database, path)
    # Two tables with rows: the file does not say which one is the list.
    assert record.status == "REJECTED"


# --- The select of a feed

SELECTS = (
    "select * from read_csv('{secret}')",
    "select * from read_csv_auto('{secret}')",
    "select * from read_text('{secret}')",
    "select * from read_blob('{secret}')",
    "select * from read_json('{secret}')",
    "select * from '{secret}'",
    "select * from glob('{folder}/*')",
    "select content as name from read_text('/etc/passwd')",
    "copy (select 1) to '{target}'",
    "copy owners to '{target}'",
    "select * from owners; copy owners to '{target}'",
    "attach '{target}' as x",
    "attach '{target}' as x (type sqlite)",
    "pragma database_list",
    "pragma enable_external_access",
    "set enable_external_access = true",
    "reset lock_configuration",
    "install httpfs",
    "load '{target}'",
    "export database '{target}'",
    "import database '{target}'",
    "create table x as select * from owners",
    "create secret s (type s3)",
    "create macro m() as table select * from read_text('{secret}')",
    "with x as (select * from read_text('{secret}')) select content as name from x",
    "select (select content from read_text('{secret}')) as name from owners",
    "select * from owners where exists (select * from read_csv('{secret}'))",
    "select * from query('copy owners to ''{target}''')",
    "select * from query_table('{secret}')",
    "from mysql_scan('', 'mysql', 'user')",
    "from sqlite_scan('{target}', 'x')",
    "from read_parquet('s3://bucket/x.parquet')",
    "from read_csv('https://example.org/x.csv')",
    "select getenv('HOME') as name from owners",
    "explain analyze select * from read_csv('{secret}')",
    "call pragma_version()",
    "checkpoint",
    "prepare x as select 1",
    "execute x",
    "vacuum",
    "use memory",
    "detach memory",
    "delete from owners",
    "drop view owners",
)


@pytest.fixture
def with_select(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Declares a feed with this select; its name."""
    source = Path(feed_catalog.__file__).parent / "feeds" / "contacts.yaml"
    folder = tmp_path / "catalog" / "feeds"
    folder.mkdir(parents=True)
    (folder / "contacts.yaml").write_bytes(source.read_bytes())
    monkeypatch.setattr(feed_catalog, "files", lambda package: folder.parent)

    def declare(select: str) -> str:
        feed = {
            "name": "chosen", "target": "contacts", "schema_version": "v1", "extends": "contacts", "description": "x",
            "select": select,
        }  # fmt: skip
        (folder / "chosen.yaml").write_text(yaml.safe_dump(feed))
        load_feed.cache_clear()
        return "chosen"

    yield declare
    load_feed.cache_clear()


def test_a_select_of_a_feed_reaches_nothing_but_the_tables(
    settings: Settings, database: Database, tmp_path: Path, around: Surroundings, with_select: Callable[[str], str]
) -> None:
    with _nothing_happens(database, around), unchanged(database):
        for number, select in enumerate(SELECTS):
            feed = with_select(select.format(secret=around.secret, target=around.target, folder=around.secret.parent))
            path = tmp_path / f"dump {number}.sql"
            path.write_text(_TABLE + _person(1000 + number))
            record, error = attempt(settings, database, path, feed=feed)
            assert isinstance(error, CmError), select
            assert record.status in ("FAILED", "REJECTED"), select
            assert record.status_reason
            assert not re.search(r"[\n\r]", record.status_reason), select
            assert not around.target.exists(), select
    _assert_untold(settings, database)


def test_a_select_that_keeps_to_the_tables_is_taken(
    settings: Settings, database: Database, tmp_path: Path, around: Surroundings, with_select: Callable[[str], str]
) -> None:
    """The control of the test above: the same file and feed, another select."""
    path = tmp_path / "dump.sql"
    path.write_text(_TABLE + _person(1000))
    with _nothing_happens(database, around):
        record = import_file(settings, database, path, feed=with_select("select * from owners"))
    assert_conserved(settings, database, record)
