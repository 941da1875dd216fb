"""The database server's programs on this machine: finding them, making a data folder, and the start command.

Processes, ports, passwords and locks are `server.py`'s.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cm_core.errors import DatabaseUnavailable

_SERVERS = ("mariadbd", "mysqld")
_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/libexec", "/usr/local/bin", "/opt/homebrew/bin")
_INSTALL_TIMEOUT_S = 300

# Strict, as every session of ours sets it again.
_SQL_MODE = "STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"


@dataclass(frozen=True)
class Binaries:
    """A server program and which of the two families it belongs to."""

    server: Path
    is_mariadb: bool


def find_binaries() -> Binaries:
    """The first of mariadbd and mysqld on PATH or in the usual folders.

    Raises DatabaseUnavailable, saying what to install, if there is none.
    """
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_FOLDERS])
    for name in _SERVERS:
        found = shutil.which(name, path=path)
        if found:
            server = Path(found).resolve()
            version = _run([str(server), "--no-defaults", "--version"])
            return Binaries(server, is_mariadb="mariadb" in version.lower())
    error = DatabaseUnavailable(
        "No database server is installed: neither mariadbd nor mysqld was found. Install one "
        "(Debian, Ubuntu: apt-get install mariadb-server-core mariadb-client-core; macOS: brew install mariadb), "
        "or set CM_DATABASE_URL to a MySQL or MariaDB server of yours."
    )
    error.retryable = False
    raise error


def make_data_folder(binaries: Binaries, folder: Path) -> None:
    """Create the system tables of a new server in `folder`, which must not exist. No account can log in over TCP yet.

    Raises DatabaseUnavailable with the program's last words.
    """
    folder.mkdir(mode=0o700)
    # Servers that make their tables at the same time give temporary files the same names, and crash in one folder.
    scratch = folder.with_name(f"{folder.name}.tmp")
    scratch.mkdir(mode=0o700)
    try:
        _make_system_tables(binaries, folder, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _make_system_tables(binaries: Binaries, folder: Path, scratch: Path) -> None:
    if not binaries.is_mariadb:
        _run(
            [str(binaries.server), "--no-defaults", "--initialize-insecure", f"--datadir={folder}", *_as_user()],
            scratch,
        )
        return
    path = os.pathsep.join(
        [str(binaries.server.parent), str(binaries.server.parent.parent / "bin"), os.environ.get("PATH", os.defpath)]
    )
    install = shutil.which("mariadb-install-db", path=path) or shutil.which("mysql_install_db", path=path)
    if install is None:
        raise DatabaseUnavailable(
            f"{binaries.server} is installed without mariadb-install-db. "
            "Install the rest of it (Debian, Ubuntu: apt-get install mariadb-server-core mariadb-client-core)."
        )
    _run(
        [
            install,
            "--no-defaults",
            f"--datadir={folder}",
            "--auth-root-authentication-method=socket",
            "--skip-test-db",
            "--skip-name-resolve",
            *_as_user(),
        ],
        scratch,
    )


def start_command(
    binaries: Binaries, *, folder: Path, socket: Path, port: int, buffer_pool: str, redo_log: str
) -> list[str]:
    """The argument list that runs the server over `folder`/data. It holds no secret."""
    common = [
        str(binaries.server),
        "--no-defaults",
        f"--datadir={folder / 'data'}",
        f"--socket={socket}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        f"--pid-file={folder / 'pid'}",
        f"--tmpdir={folder / 'tmp'}",
        f"--init-file={folder / 'init.sql'}",
        f"--log-error={folder / 'server.log'}",
        "--skip-name-resolve",
        "--local-infile=1",
        "--character-set-server=utf8mb4",
        "--collation-server=utf8mb4_unicode_ci",
        "--default-time-zone=+00:00",
        f"--sql-mode={_SQL_MODE}",
        "--max-allowed-packet=64M",
        "--max-connections=200",
        f"--innodb-buffer-pool-size={buffer_pool}",
        "--innodb-flush-log-at-trx-commit=1",
        # For a solid-state disk: the default of 200 lets dirty pages pile up until a load has to wait for them.
        "--innodb-io-capacity=2000",
        "--innodb-io-capacity-max=4000",
        *_as_user(),
    ]
    if binaries.is_mariadb:
        return [*common, f"--innodb-log-file-size={redo_log}"]
    # NULL: no file access for SELECT INTO OUTFILE. The built-in default is a folder that only the full server package
    # makes, and MySQL does not start without it. LOAD DATA LOCAL is not concerned.
    return [
        *common,
        f"--innodb-redo-log-capacity={redo_log}",
        "--mysqlx=0",
        "--disable-log-bin",
        "--secure-file-priv=NULL",
    ]


def _as_user() -> list[str]:
    return [f"--user={pwd.getpwuid(os.geteuid()).pw_name}"] if os.geteuid() == 0 else []


def _run(command: list[str], scratch: Path | None = None) -> str:
    """What the program prints. `scratch` is where it may put its temporary files."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_INSTALL_TIMEOUT_S,
            check=False,
            env=None if scratch is None else {**os.environ, "TMPDIR": str(scratch)},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DatabaseUnavailable(f"{command[0]} could not be run: {error}") from error
    if done.returncode:
        lines = done.stdout.splitlines()
        errors = [line for line in lines if "[ERROR]" in line]
        raise DatabaseUnavailable(
            f"{command[0]} failed with exit code {done.returncode}:\n" + "\n".join([*errors[:5], *lines[-15:]])
        )
    return done.stdout
