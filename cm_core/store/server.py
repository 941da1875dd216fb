"""The private database server under CM_HOME: started when needed, shared by all processes, stopped by `cm db stop`.

It listens on a socket and on one loopback port, runs in its own session (Ctrl-C does not reach it), and never
touches a system service. Sessions with it are `database.py`'s; its programs are found in `binaries.py`.

    CM_HOME/db/data        the server's data folder
    CM_HOME/db/port        the loopback port, chosen once; another is taken if it is in use
    CM_HOME/db/server.log  what the server says
    CM_HOME/secrets/*      passwords, mode 0600
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pymysql
import sqlalchemy

from cm_core.errors import DatabaseUnavailable, SettingsError
from cm_core.store import failures
from cm_core.store.binaries import find_binaries, make_data_folder, start_command

DATABASE = "cm"
WRITER = "cm"
READER = "cm_reader"
REDO_LOG = "1G"
#: The buffer pool is a quarter of the machine's memory, within these bounds (MiB). What does not fit in it is read from
#: the disk for every key that is looked up.
_BUFFER_POOL_MIB = (256, 8192)

_START_TIMEOUT_S = 300  # crash recovery of a large redo log; a dead process is noticed at once
_STOP_TIMEOUT_S = 120
_SOCKET_PATH_MAX = 103  # sun_path is 108 bytes on Linux, 104 on macOS, with the closing NUL
_ANSWER_TIMEOUT_S = 5
_PORT_ATTEMPTS = 3

# Run by the server itself at each start, before it takes connections: accounts are as the secrets say.
_ACCOUNTS = (
    "create database if not exists `cm` character set utf8mb4 collate utf8mb4_unicode_ci",
    "create user if not exists '{writer}'@'localhost' identified by '{writer_password}'",
    "create user if not exists '{writer}'@'127.0.0.1' identified by '{writer_password}'",
    "create user if not exists '{reader}'@'localhost' identified by '{reader_password}'",
    "create user if not exists '{reader}'@'127.0.0.1' identified by '{reader_password}'",
    "alter user '{writer}'@'localhost' identified by '{writer_password}'",
    "alter user '{writer}'@'127.0.0.1' identified by '{writer_password}'",
    "alter user '{reader}'@'localhost' identified by '{reader_password}'",
    "alter user '{reader}'@'127.0.0.1' identified by '{reader_password}'",
    "grant all privileges on `cm`.* to '{writer}'@'localhost', '{writer}'@'127.0.0.1'",
    "grant all privileges on `cm\\_%`.* to '{writer}'@'localhost', '{writer}'@'127.0.0.1'",
    "grant select, show view on `cm`.* to '{reader}'@'localhost', '{reader}'@'127.0.0.1'",
    "grant select, show view on `cm\\_%`.* to '{reader}'@'localhost', '{reader}'@'127.0.0.1'",
    "alter user 'root'@'localhost' identified by '{root_password}'",
)


@dataclass(frozen=True)
class DatabaseUrls:
    """How to reach the private server. Both go over loopback TCP; `socket` is for tools that prefer it."""

    writer: sqlalchemy.URL
    reader: sqlalchemy.URL
    socket: Path


class PrivateServer:
    """The database server of one CM_HOME. Any number of objects and processes may use it at once.

    `buffer_pool` and `redo_log` are sizes as the server takes them ("1G"); they apply when this object starts it. By
    default the buffer pool is a quarter of the machine's memory, 8 GiB at most.
    """

    def __init__(self, home: Path, *, buffer_pool: str | None = None, redo_log: str = REDO_LOG) -> None:
        self._home = home.expanduser().resolve()
        self._folder = self._home / "db"
        self._secrets = self._home / "secrets"
        self._buffer_pool = buffer_pool or _default_buffer_pool()
        self._redo_log = redo_log

    @property
    def log_file(self) -> Path:
        """What the server says."""
        return self._folder / "server.log"

    @property
    def socket(self) -> Path:
        """The server's socket; in the temporary folder if CM_HOME's path is too long for one."""
        path = self._folder / "socket"
        if len(os.fsencode(path)) <= _SOCKET_PATH_MAX:
            return path
        digest = hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"cm-{os.geteuid()}-{digest}" / "socket"

    @property
    def pid(self) -> int | None:
        """Process id of the running server, or None."""
        process = self._process()
        return process.pid if process else None

    def is_running(self) -> bool:
        """Whether this home's server process is alive. It may still be starting or recovering."""
        return self._process() is not None

    def ensure_running(self) -> DatabaseUrls:
        """Start the server unless it runs, wait until it answers, and say how to reach it.

        Raises DatabaseUnavailable with the end of the server's log if it does not come up.
        """
        urls = self._urls_if_answering()
        if urls:
            return urls
        with self._starter_lock():
            if self._process() is not None:
                urls = self._wait_until_answering(allow_refusal=True)
                if urls:
                    return urls
                self._stop()  # it runs with passwords that are no longer in CM_HOME/secrets
            return self._start()

    def stop(self) -> bool:
        """Shut the server down cleanly and wait for it. False if it was not running."""
        if not self._folder.exists():
            return False
        with self._starter_lock():
            return self._stop()

    # --- starting ------------------------------------------------------------------------------------------

    def _start(self) -> DatabaseUrls:
        binaries = find_binaries()
        self._make_folders()
        if not (self._folder / "data").exists():
            fresh = self._folder / f"data.new-{secrets.token_hex(4)}"
            make_data_folder(binaries, fresh)
            fresh.rename(self._folder / "data")
        for _attempt in range(_PORT_ATTEMPTS):
            port = self._choose_port()
            command = start_command(
                binaries,
                folder=self._folder,
                socket=self.socket,
                port=port,
                buffer_pool=self._buffer_pool,
                redo_log=self._redo_log,
            )
            self.log_file.unlink(missing_ok=True)
            _write_private(self._folder / "init.sql", self._account_statements())
            try:
                _launch_detached(command, self._folder / "launch.log")
                urls = self._wait_until_answering()
            finally:
                (self._folder / "init.sql").unlink(missing_ok=True)
            if urls:
                return urls
            if "address already in use" not in self._log_tail(400).lower():
                break
            (self._folder / "port").unlink(missing_ok=True)
        raise DatabaseUnavailable(
            f"The private database server did not start. The end of {self.log_file}:\n{self._log_tail(15)}"
        )

    def _wait_until_answering(self, *, allow_refusal: bool = False) -> DatabaseUrls | None:
        """The URLs once the server answers; None if its process ends, or if it refuses and that is allowed."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        missed = 0
        while time.monotonic() < deadline:
            try:
                return self._answer()
            except pymysql.err.Error as error:
                if allow_refusal and failures.error_code(error) in {1044, 1045, 1049, 1698}:
                    return None
            # A process that was just launched may not have its own command line yet: three misses are an end.
            missed = 0 if self._process() else missed + 1
            if missed >= 3:
                return None
            time.sleep(0.1)
        raise DatabaseUnavailable(
            f"The private database server does not answer after {_START_TIMEOUT_S} s. "
            f"The end of {self.log_file}:\n{self._log_tail(15)}"
        )

    def _urls_if_answering(self) -> DatabaseUrls | None:
        with suppress(pymysql.err.Error):
            return self._answer()
        return None

    def _answer(self) -> DatabaseUrls:
        """The URLs, after logging in and seeing that it is this home's server. pymysql's error if that fails."""
        urls = self._urls()
        if urls is None:
            raise pymysql.err.OperationalError(1045, "CM_HOME has no port or no password")
        connection = pymysql.connect(
            host=urls.writer.host,
            port=urls.writer.port or 0,
            user=urls.writer.username,
            password=urls.writer.password or "",
            database=DATABASE,
            connect_timeout=_ANSWER_TIMEOUT_S,
            read_timeout=_ANSWER_TIMEOUT_S,  # whoever has the port may accept and stay mute
        )
        with closing(connection), connection.cursor() as cursor:
            cursor.execute("select @@datadir")
            row = cursor.fetchone()
        if row is None or Path(row[0]).resolve() != (self._folder / "data").resolve():
            raise pymysql.err.OperationalError(2003, "another server has our port")
        return urls

    def _urls(self) -> DatabaseUrls | None:
        try:
            port = int((self._folder / "port").read_text(encoding="ascii"))
            passwords = [(self._secrets / user).read_text(encoding="ascii") for user in (WRITER, READER)]
        except (OSError, ValueError):
            return None
        writer, reader = (
            sqlalchemy.URL.create("mysql+pymysql", user, password, "127.0.0.1", port, DATABASE)
            for user, password in zip((WRITER, READER), passwords, strict=True)
        )
        return DatabaseUrls(writer, reader, self.socket)

    def _make_folders(self) -> None:
        for folder in (self._folder, self._secrets, self.socket.parent):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.socket.parent.stat().st_uid != os.geteuid():
            raise DatabaseUnavailable(f"{self.socket.parent} belongs to another user: set CM_HOME to a shorter path.")
        for stale in self._folder.glob("data.new-*"):  # left by a killed first start
            shutil.rmtree(stale, ignore_errors=True)
        shutil.rmtree(self._folder / "tmp", ignore_errors=True)
        (self._folder / "tmp").mkdir(mode=0o700)

    def _account_statements(self) -> str:
        values = {
            "writer": WRITER,
            "reader": READER,
            "writer_password": self._password(WRITER),
            "reader_password": self._password(READER),
            "root_password": self._password("root"),
        }
        return "".join(statement.format(**values) + ";\n" for statement in _ACCOUNTS)

    def _password(self, user: str) -> str:
        """The user's password from CM_HOME/secrets, made up on first use: 43 characters of A-Z a-z 0-9 _ -."""
        file = self._secrets / user
        with suppress(FileNotFoundError):
            if text := file.read_text(encoding="ascii").strip():
                return text
        text = secrets.token_urlsafe(32)
        _write_private(file, text)
        return text

    def _choose_port(self) -> int:
        file = self._folder / "port"
        with suppress(OSError, ValueError):
            port = int(file.read_text(encoding="ascii"))
            if _is_free(port):
                return port
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        file.write_text(str(port), encoding="ascii")
        return port

    @contextmanager
    def _starter_lock(self) -> Iterator[None]:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = (self._folder / "lock").open("w")
        except OSError as error:
            raise SettingsError(
                f"The private database cannot have its folder {self._folder} ({error.strerror}). Let CM_HOME name a "
                "folder that you may write in."
            ) from error
        with file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _log_tail(self, lines: int) -> str:
        for file in (self.log_file, self._folder / "launch.log"):
            with suppress(OSError):
                if text := file.read_text(encoding="utf-8", errors="replace").strip():
                    return "\n".join(text.splitlines()[-lines:])
        return "(the log is empty)"

    # --- the process ---------------------------------------------------------------------------------------

    def _process(self) -> psutil.Process | None:
        """The live server process of this home: the one in the pid file if it is ours, else found by data folder."""
        with suppress(OSError, ValueError, psutil.Error):
            process = psutil.Process(int((self._folder / "pid").read_text(encoding="ascii")))
            if self._is_ours(process):
                return process
        if not (self._folder / "data").exists():
            return None
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if self._is_ours(process):
                    return process
        return None

    def _is_ours(self, process: psutil.Process) -> bool:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        command = process.cmdline()
        return f"--datadir={self._folder / 'data'}" in command and "--bind-address=127.0.0.1" in command

    def _stop(self) -> bool:
        process = self._process()
        if process is None:
            return False
        with suppress(psutil.NoSuchProcess):
            process.terminate()
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        while self._process() is not None:
            if time.monotonic() > deadline:
                raise DatabaseUnavailable(
                    f"The private database server (process {process.pid}) did not stop within {_STOP_TIMEOUT_S} s. "
                    f"See {self.log_file}."
                )
            time.sleep(0.05)
        return True


def _launch_detached(command: list[str], log: Path) -> None:
    """Run `command` in a session of its own, adopted by init, so that it outlives us and leaves no zombie to us."""
    with log.open("wb") as output:
        subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            check=True,
            cwd="/",
        )


def _default_buffer_pool() -> str:
    least, most = _BUFFER_POOL_MIB
    return f"{min(max(psutil.virtual_memory().total // 4 >> 20, least), most)}M"


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _write_private(file: Path, text: str) -> None:
    """Write `text` so that at no time anyone else can read it, and a reader sees all of it or nothing."""
    temporary = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as handle:
        handle.write(text)
    temporary.replace(file)
