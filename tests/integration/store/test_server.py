"""The private server: starts once, survives kill -9 and lost secrets, stays private, stops cleanly."""

from __future__ import annotations

import multiprocessing
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pymysql
import pytest

from cm_core.errors import DatabaseUnavailable
from cm_core.settings import Settings
from cm_core.store import Database, PrivateServer, open_database, open_readonly
from cm_core.store import server as server_module
from cm_core.store.binaries import find_binaries


@pytest.fixture
def home(fast_folder: Path) -> Iterator[Path]:
    """A state folder of this test's own; it does not exist yet."""
    folder = fast_folder / secrets.token_hex(4)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def private(home: Path) -> Iterator[PrivateServer]:
    """A small server of this test's own, not started yet."""
    server = _small(home)
    yield server
    server.stop()


def _small(home: Path) -> PrivateServer:
    return PrivateServer(home, buffer_pool="64M", redo_log="16M")


def _ensure_and_tell_pid(home: str, results: multiprocessing.Queue[int | None]) -> None:
    server = _small(Path(home))
    server.ensure_running()
    results.put(server.pid)


def _kill(pid: int | None) -> None:
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _servers_of(home: Path) -> list[psutil.Process]:
    return [p for p in psutil.process_iter() if f"--datadir={home}/db/data" in " ".join(_command(p)).split()]


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_second_call_finds_the_running_server(private: PrivateServer) -> None:
    assert not private.is_running()
    first = private.ensure_running()
    pid = private.pid
    assert private.is_running()
    assert private.ensure_running() == first
    assert private.pid == pid


def test_committed_rows_survive_kill_minus_nine(private: PrivateServer) -> None:
    database = Database(private.ensure_running().writer)
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("create table kept (id int primary key)")
        cursor.execute("insert into kept values (1)")
        connection.commit()
        cursor.execute("insert into kept values (2)")
        _kill(private.pid)
        with pytest.raises(DatabaseUnavailable, match="broke"):
            cursor.execute("select 1")
    assert not private.is_running()
    recovered = Database(private.ensure_running().writer)
    with recovered.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select id from kept")
        assert cursor.fetchall() == ((1,),)


def test_a_pid_file_that_names_another_process_is_not_believed(private: PrivateServer) -> None:
    private.ensure_running()
    private.stop()
    (private.log_file.parent / "pid").write_text(str(os.getpid()))
    assert not private.is_running()
    assert not private.stop()
    private.ensure_running()
    assert private.pid != os.getpid()


def test_a_running_server_is_found_without_its_pid_file(private: PrivateServer) -> None:
    private.ensure_running()
    pid = private.pid
    (private.log_file.parent / "pid").unlink()
    assert private.pid == pid


def test_four_starters_at_once_start_one_server(home: Path, private: PrivateServer) -> None:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[int | None] = context.Queue()
    starters = [context.Process(target=_ensure_and_tell_pid, args=(str(home), results)) for _ in range(4)]
    for starter in starters:
        starter.start()
    pids = {results.get(timeout=60) for _ in starters}
    for starter in starters:
        starter.join(timeout=60)
    assert len(pids) == 1
    assert len(_servers_of(home)) == 1


def test_the_server_outlives_its_starter_and_ignores_its_ctrl_c(home: Path, private: PrivateServer) -> None:
    code = (
        "import signal, sys, time; signal.signal(signal.SIGINT, signal.default_int_handler); "  # nohup ignores it
        "from pathlib import Path; from cm_core.store import PrivateServer; "
        "PrivateServer(Path(sys.argv[1]), buffer_pool='64M', redo_log='16M').ensure_running(); "
        "print('up', flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen([sys.executable, "-c", code, str(home)], stdout=subprocess.PIPE, start_new_session=True)
    assert starter.stdout is not None
    assert starter.stdout.readline() == b"up\n"
    os.killpg(starter.pid, signal.SIGINT)
    starter.wait(timeout=30)
    starter.stdout.close()
    assert private.is_running()
    Database(private.ensure_running().writer).connect().close()


@pytest.mark.soak
def test_another_port_is_taken_when_the_remembered_one_is_in_use(private: PrivateServer) -> None:
    port = private.ensure_running().writer.port
    private.stop()
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        moved = private.ensure_running().writer.port
    assert moved != port
    private.stop()
    assert private.ensure_running().writer.port == moved


def test_passwords_are_private_files_and_on_no_command_line(home: Path, private: PrivateServer) -> None:
    urls = private.ensure_running()
    passwords = [file.read_text() for file in (home / "secrets").iterdir()]
    assert len(passwords) == 3
    assert {urls.writer.password, urls.reader.password} < set(passwords)
    assert {file.stat().st_mode & 0o777 for file in (home / "secrets").iterdir()} == {0o600}
    assert (home / "secrets").stat().st_mode & 0o077 == 0
    shown = "\n".join(" ".join(_command(process)) for process in psutil.process_iter())
    assert not [p for p in passwords if p in shown]
    logged = private.log_file.read_text(errors="replace")
    assert not [p for p in passwords if p in logged]
    assert not (home / "db/init.sql").exists()


@pytest.mark.parametrize("user", ["root", "cm", "cm_reader", "nobody", ""])
def test_nobody_gets_in_over_tcp_without_the_password(private: PrivateServer, user: str) -> None:
    port = private.ensure_running().writer.port
    with pytest.raises(pymysql.err.OperationalError, match="denied"):
        pymysql.connect(host="127.0.0.1", port=port or 0, user=user, password="")


def test_the_reader_reads_and_cannot_write(private: PrivateServer) -> None:
    urls = private.ensure_running()
    with Database(urls.writer).connect() as connection, connection.cursor() as cursor:
        cursor.execute("create table seen (id int primary key)")
        cursor.execute("insert into seen values (7)")
        connection.commit()
    reader = pymysql.connect(
        host="127.0.0.1",
        port=urls.reader.port or 0,
        user="cm_reader",
        password=urls.reader.password or "",
        database="cm",
    )
    with reader, reader.cursor() as cursor:
        cursor.execute("select id from seen")
        assert cursor.fetchall() == ((7,),)
        for statement in ("insert into seen values (8)", "drop table seen", "create table mine (id int)"):
            with pytest.raises(pymysql.err.OperationalError, match="denied"):
                cursor.execute(statement)


def test_lost_secrets_are_made_anew_with_a_restart(home: Path, private: PrivateServer) -> None:
    before = private.ensure_running()
    for file in (home / "secrets").iterdir():
        file.unlink()
    after = private.ensure_running()
    assert after.writer.password != before.writer.password
    Database(after.writer).connect().close()
    with pytest.raises(DatabaseUnavailable, match="denied"):
        Database(before.writer).connect()


def test_a_first_start_that_was_killed_is_begun_again(home: Path, private: PrivateServer) -> None:
    leftover = home / "db/data.new-dead"
    leftover.mkdir(parents=True)
    (leftover / "ibdata1").write_bytes(b"half")
    private.ensure_running()
    assert not leftover.exists()


def test_stop_is_clean_and_may_be_called_twice(private: PrivateServer) -> None:
    private.ensure_running()
    assert private.stop()
    assert not private.is_running()
    assert not private.stop()
    assert "Shutdown complete" in private.log_file.read_text(errors="replace")


def test_stopping_a_home_that_never_existed_makes_nothing(tmp_path: Path) -> None:
    assert not PrivateServer(tmp_path / "nowhere").stop()
    assert not (tmp_path / "nowhere").exists()


def test_a_home_with_a_very_long_path_has_its_socket_elsewhere(home: Path) -> None:
    server = _small(home / ("long-" * 15) / ("path-" * 15))
    assert len(os.fsencode(server.socket)) < 104
    try:
        Database(server.ensure_running().writer).connect().close()
        assert server.socket.exists()
    finally:
        server.stop()


def test_a_failed_start_shows_the_end_of_the_servers_log(home: Path, private: PrivateServer) -> None:
    private.ensure_running()
    private.stop()
    (home / "db/data/ibdata1").write_bytes(b"this is no tablespace")
    with pytest.raises(DatabaseUnavailable, match=r"(?s)server\.log:\n.*InnoDB") as caught:
        private.ensure_running()
    assert "identified by" not in str(caught.value)


def test_without_a_server_program_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("cm_core.store.binaries._FOLDERS", ())
    with pytest.raises(DatabaseUnavailable, match=r"apt-get install mariadb-server-core.*CM_DATABASE_URL") as caught:
        find_binaries()
    assert not caught.value.retryable


def test_settings_without_a_url_open_the_private_server(
    monkeypatch: pytest.MonkeyPatch, home: Path, private: PrivateServer
) -> None:
    monkeypatch.setattr(server_module, "REDO_LOG", "16M")
    private.ensure_running()
    settings = Settings(home=home)  # type: ignore[call-arg]
    assert open_database(settings).name == "cm"
    readonly = open_readonly(settings)
    assert readonly.url.username == "cm_reader"
    with readonly.connect() as connection, connection.cursor() as cursor:
        cursor.execute("select 1")
