"""Sessions are set up alike on both servers; failures are one sentence that says where and what to do."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymysql
import pytest
from sqlalchemy import URL, text

from cm_core.errors import DatabaseUnavailable, SettingsError
from cm_core.settings import Settings
from cm_core.store import Database, DatabaseUrls, open_database, open_readonly

_FACTS = "select @@time_zone, @@collation_connection, @@sql_mode like '%STRICT_ALL_TABLES%'"
_PASSWORD = "s3cret:/@ +%41"


def _settings(home: Path, url: URL, **fields: Any) -> Settings:
    return Settings(home=home, database_url=url.render_as_string(hide_password=False), **fields)  # type: ignore[arg-type]


def _isolation(cursor: Any, flavour: str) -> str:
    cursor.execute("select @@tx_isolation" if flavour == "mariadb" else "select @@transaction_isolation")
    return str(cursor.fetchone()[0])


def test_both_ways_in_give_the_same_session(any_database: Database) -> None:
    with any_database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(_FACTS)
        plain = cursor.fetchone()
        assert _isolation(cursor, any_database.flavour) == "READ-COMMITTED"
        assert not connection.get_autocommit()
    with any_database.engine.connect() as alchemy:
        assert tuple(alchemy.execute(text(_FACTS)).one()) == plain == ("+00:00", "utf8mb4_unicode_ci", 1)


def test_what_the_server_thinks_of_quotes_and_of_time_does_not_matter(server: DatabaseUrls, tmp_path: Path) -> None:
    admin = Database(server.writer)
    with admin.connect(autocommit=True) as connection, connection.cursor() as cursor:
        try:
            cursor.execute("set global sql_mode = 'ANSI_QUOTES', global wait_timeout = 2")
        except pymysql.err.OperationalError:
            pytest.skip("the account may not set it")
        try:
            other = Database(server.writer)
            with other.engine.connect() as engine:
                assert engine.dialect.identifier_preparer.quote_identifier("a") == "`a`"
                assert engine.exec_driver_sql("select @@wait_timeout, @@sql_mode like '%ANSI%'").one() == (604_800, 0)
            other.close()
        finally:
            cursor.execute("set global sql_mode = default, global wait_timeout = default")


def test_a_password_of_any_letters_is_taken(any_database: Database) -> None:
    name, secret = f"u{secrets.token_hex(4)}", "pé€ß"
    with any_database.connect(autocommit=True) as connection, connection.cursor() as cursor:
        try:
            cursor.execute(f"create user '{name}'@'%%' identified by %s", (secret,))
        except pymysql.err.OperationalError:
            pytest.skip("the account may make no other")
        try:
            cursor.execute(f"grant select on `{any_database.name}`.* to '{name}'@'%'")
            other = Database(any_database.url.set(username=name, password=secret))
            with other.connect() as mine, mine.cursor() as asked:
                asked.execute("select 1")
                assert asked.fetchone() == (1,)
        finally:
            cursor.execute(f"drop user '{name}'@'%'")


def test_flavour_tells_the_servers_apart(any_database: Database, request: pytest.FixtureRequest) -> None:
    assert any_database.flavour == request.node.callspec.params["make_any_database"]


def test_a_missing_database_is_created_as_utf8mb4(make_any_database: Callable[..., Database], tmp_path: Path) -> None:
    beside = make_any_database(migrated=False)
    wanted = beside.url.set(database=f"cm_test_{secrets.token_hex(4)}")
    opened = open_database(_settings(tmp_path, wanted))
    with opened.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select @@character_set_database, @@collation_database")
        assert cursor.fetchone() == ("utf8mb4", "utf8mb4_unicode_ci")
        cursor.execute(f"drop database `{opened.name}`")


def test_a_database_that_may_not_be_created_is_explained(server: DatabaseUrls, tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnavailable, match="'forbidden'"):
        open_database(_settings(tmp_path, server.writer.set(database="forbidden")))


def test_a_refused_login_names_the_server_and_never_the_password(server: DatabaseUrls, tmp_path: Path) -> None:
    url = server.writer.set(password=_PASSWORD)
    with pytest.raises(DatabaseUnavailable) as caught:
        open_database(_settings(tmp_path, url))
    assert f"127.0.0.1:{url.port}/cm" in str(caught.value)
    assert "CM_DATABASE_URL" in str(caught.value)
    assert not _leaks(caught.value)


def test_nobody_listening_is_explained(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = URL.create("mysql", "cm", _PASSWORD, "127.0.0.1", port, "cm")
    database = Database(url)
    for contact in (database.connect, database.engine.connect, lambda: open_database(_settings(tmp_path, url))):
        with pytest.raises(
            DatabaseUnavailable, match=rf"127\.0\.0\.1:{port}/cm cannot be reached.*cm db start"
        ) as caught:
            contact()
        assert caught.value.retryable
        assert not _leaks(caught.value)
    assert _PASSWORD not in repr(database) + str(database.url) + database.url_text()


def test_a_mute_listener_does_not_hold_us_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cm_core.store.database._CONNECT_TIMEOUT_S", 0.3)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        url = URL.create("mysql", "cm", "x", "127.0.0.1", mute.getsockname()[1], "cm")
        with pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1"):
            Database(url).connect()


def test_a_connection_killed_under_us_is_explained_and_the_engine_recovers(any_database: Database) -> None:
    with any_database.connect() as killer, any_database.connect() as victim:
        killer.cursor().execute("kill %s", (victim.thread_id(),))
        with pytest.raises(DatabaseUnavailable, match="broke"):
            victim.cursor().execute("select 1")
    with any_database.engine.connect() as connection:
        number = connection.execute(text("select connection_id()")).scalar_one()
        with any_database.connect() as killer:
            killer.cursor().execute("kill %s", (number,))
        with pytest.raises(DatabaseUnavailable, match="broke"):
            connection.execute(text("select 1"))
    with any_database.engine.connect() as connection:
        assert connection.execute(text("select 1")).scalar_one() == 1


def test_errors_of_a_statement_stay_what_they_are(any_database: Database) -> None:
    with any_database.connect() as connection, pytest.raises(pymysql.err.ProgrammingError):
        connection.cursor().execute("select * from no_such_table")
    with any_database.connect() as connection, pytest.raises(pymysql.err.DataError):
        connection.cursor().execute("insert into id_counters values (repeat('x', 65), 1)")


@pytest.mark.parametrize(
    "statement",
    [
        "insert into id_counters values ('x', 1)",
        "delete from id_counters",
        "drop table persons",
        "truncate persons",
        "create table mine (id int)",
    ],
)
def test_a_read_only_database_refuses_writes(any_database: Database, statement: str) -> None:
    database = Database(any_database.url, read_only=True)
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select count(*) from persons")
        with pytest.raises(pymysql.err.OperationalError, match="READ ONLY"):
            cursor.execute(statement)
    with database.engine.connect() as connection, pytest.raises(Exception, match="READ ONLY"):
        connection.execute(text(statement))


def test_open_readonly_uses_the_readers_account_if_there_is_one(settings: Settings, database: Database) -> None:
    assert open_readonly(settings).url.username == "cm_reader"
    alone = settings.model_copy(update={"database_readonly_url": None})
    readonly = open_readonly(alone)
    assert readonly.url.username == database.url.username
    assert readonly.read_only


def test_a_server_without_local_infile_is_explained(any_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cm_core.store.database._SERVER_FACTS", "select version(), 0")
    with pytest.raises(SettingsError, match="local_infile=1"):
        any_database.ensure_ready()


def test_a_server_that_wants_a_key_for_every_table_is_explained(
    any_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cm_core.store.database._NEEDS_KEYS", "select 'sql_require_primary_key', 'ON'")
    with pytest.raises(SettingsError, match="sql_require_primary_key=OFF"):
        any_database.ensure_ready()


@pytest.mark.parametrize("version", ["5.7.44-log", "10.5.29-MariaDB"])
def test_a_server_that_is_too_old_is_explained(
    any_database: Database, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    monkeypatch.setattr("cm_core.store.database._SERVER_FACTS", f"select '{version}', 1")
    with pytest.raises(SettingsError, match="oldest"):
        any_database.ensure_ready()


def _leaks(error: BaseException | None) -> bool:
    while error is not None:
        if _PASSWORD in str(error) or _PASSWORD in repr(error):
            return True
        error = error.__cause__ or error.__context__
    return False
