"""`cm up`: the database and Dagster's processes as one thing that starts, runs and stops together.

One code server holds the asset graph for the webserver and the daemon; left to themselves, each would load it in a
server of its own, and the daemon anew every minute. Processes only: dagster is never imported here.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

import psutil

from cm_core.cli.dagster_home import write_dagster_home
from cm_core.errors import CmError, UsageError
from cm_core.settings import Settings
from cm_core.store import PrivateServer, open_database
from cm_core.store.migrations import upgrade

#: The code location, as in workspace.yaml.
MODULE = "cm_assets.definitions"
FIRST_PORT = 3000
_PORTS_TRIED = 200
_READY_SECONDS = 120.0
_STOP_SECONDS = 25.0
_POLL_SECONDS = 0.25
_CHILDREN = "up.children"
_PREPARE = "from cm_core.settings import get_settings; from cm_assets.launch import prepare; prepare(get_settings())"

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Child:
    """A process in a group of its own, with everything it starts."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


def supervise(settings: Settings, *, host: str = "127.0.0.1", port: int | None = None, say: Say = print) -> int:
    """Run everything until Ctrl-C, SIGTERM, or until one part ends by itself; then stop all of it.

    `port` is the webserver's; without it the first free one from 3000 is taken. `say` gets the lines for the user.
    Returns the exit code: 0 when asked to stop, 1 when a part ended by itself (it is named). Raises UsageError when
    it runs already for this CM_HOME or the port is taken, DatabaseUnavailable when there is no database.
    """
    settings.home_dir.mkdir(parents=True, exist_ok=True)
    with (
        _only_one(settings.home_dir / "up.lock"),
        _stop_signals() as stop,
        tempfile.TemporaryDirectory(prefix="cm-") as folder,
    ):
        code = Path(folder) / "code.sock"  # not under CM_HOME: a socket's path may have 100 characters
        _end_leftovers(settings)
        chosen = _free_port(host) if port is None else _checked_port(host, port)
        children: list[_Child] = []
        try:
            say("Starting the database ...")
            database = open_database(settings)
            upgrade(database)
            where = database.url_text()
            database.close()
            say("Starting Dagster ...")
            _prepare(settings)
            url = f"http://{host}:{chosen}"
            code_server = ["dagster", "api", "grpc", "-m", MODULE, "--location-name", MODULE, "--socket", str(code)]
            children.append(_start(settings, "code-server", code_server))
            if _wait_until(lambda: _listens(code), children, stop):
                workspace = str(_write_workspace(settings, code))
                webserver = ["dagster_webserver", "-h", host, "-p", str(chosen), "-w", workspace]
                children.append(_start(settings, "webserver", webserver))
                children.append(_start(settings, "daemon", ["dagster._daemon", "run", "-w", workspace]))
            if _wait_until(lambda: _answers(f"{url}/server_info"), children, stop):
                say(f"Dagster   {url}")
                say(f"Database  {where}")
                say(f"Landing   {settings.landing}  (a file put here is imported)")
                say(f"Logs      {settings.home_dir / 'logs'}")
                say("Ctrl-C stops all of it.")
            ended = _wait(children, stop)
            if ended:
                say(f"The {ended.name} ended by itself (exit code {ended.process.returncode}); see {ended.log}.")
            return 1 if ended else 0
        finally:
            say("Stopping ...")
            _stop(children)
            (settings.home_dir / _CHILDREN).unlink(missing_ok=True)
            if settings.database_url is None:
                PrivateServer(settings.home_dir).stop()
            say("Stopped.")


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold the lock file, or say who does."""
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise UsageError(f"`cm up` runs already for {path.parent} (process {file.read().strip()}).") from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C, SIGTERM and a closed terminal set; a second signal while stopping changes nothing."""
    stop = threading.Event()

    def ask(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _environment(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "CM_HOME": str(settings.home_dir),
        "DAGSTER_HOME": str(write_dagster_home(settings)),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _prepare(settings: Settings) -> None:
    """Create the instance's databases before two processes would, and close the runs of processes that are gone."""
    done = subprocess.run(
        [sys.executable, "-c", _PREPARE],
        env=_environment(settings),
        cwd=settings.home_dir,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        log = _log(settings, "prepare")
        log.write_text(done.stderr, encoding="utf-8")
        raise CmError(f"Dagster's instance under {settings.dagster_home} cannot be opened; see {log}.")


def _start(settings: Settings, name: str, arguments: Sequence[str]) -> _Child:
    """Start `python -m <arguments>` in a session of its own, so that Ctrl-C reaches only us."""
    log = _log(settings, name)
    with log.open("ab") as out:
        process = _popen([sys.executable, "-m", *arguments], settings, out)
    _remember(settings, process.pid)
    return _Child(name, process, log)


def _remember(settings: Settings, pid: int) -> None:
    """Note a child in CM_HOME/up.children, for a later `cm up` to find should this one be killed."""
    with (settings.home_dir / _CHILDREN).open("a") as file:
        file.write(f"{pid} {psutil.Process(pid).create_time()}\n")


def _end_leftovers(settings: Settings) -> None:
    """End what a killed `cm up` left running: a second daemon beside it would start everything twice."""
    path = settings.home_dir / _CHILDREN
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        pid, created = line.split()
        try:
            process = psutil.Process(int(pid))
            if abs(process.create_time() - float(created)) < 1.0:
                for member in [*process.children(recursive=True), process]:
                    _kill(member)
        except psutil.NoSuchProcess:
            continue
    path.unlink()


def _popen(command: Sequence[str], settings: Settings, out: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        env=_environment(settings),
        cwd=settings.home_dir,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _log(settings: Settings, name: str) -> Path:
    folder = settings.home_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.log"


def _write_workspace(settings: Settings, socket_path: Path) -> Path:
    """A workspace file that points at the code server under the name it has in workspace.yaml."""
    path = write_dagster_home(settings) / "workspace.yaml"
    server = f'{{location_name: {MODULE}, host: localhost, socket: "{socket_path}"}}'
    path.write_text(f"# Written by `cm up`.\nload_from:\n  - grpc_server: {server}\n", encoding="utf-8")
    return path


def _wait_until(is_ready: Callable[[], bool], children: Sequence[_Child], stop: threading.Event) -> bool:
    """Whether `is_ready` turns true before a child ends, somebody stops us, or two minutes are over."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and not stop.wait(_POLL_SECONDS):
        if any(child.process.poll() is not None for child in children):
            return False
        if is_ready():
            return True
    return False


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _wait(children: Sequence[_Child], stop: threading.Event) -> _Child | None:
    """Wait; the child that ended by itself, or None when asked to stop."""
    while not stop.wait(_POLL_SECONDS):
        for child in children:
            if child.process.poll() is not None:
                return child
    return None


def _stop(children: Sequence[_Child]) -> None:
    """End the children and everything they started: first asked, then, after a while, killed."""
    processes = [process for child in children for process in _family(child)]
    for child in children:
        _signal_group(child, signal.SIGTERM)
    _, alive = psutil.wait_procs(processes, timeout=_STOP_SECONDS)
    for child in children:
        alive += _family(child)
    for process in alive:
        _kill(process)
    for child in children:
        _signal_group(child, signal.SIGKILL)
        child.process.wait()
    # A killed process ends when the system comes to it; whoever waited for us may rely on it.
    psutil.wait_procs(alive, timeout=_STOP_SECONDS)


def _family(child: _Child) -> list[psutil.Process]:
    try:
        process = psutil.Process(child.process.pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _signal_group(child: _Child, number: signal.Signals) -> None:
    """Signal everything in the child's group; its number is ours until we have waited for it."""
    try:
        os.killpg(child.process.pid, number)
    except (ProcessLookupError, PermissionError):
        return


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _free_port(host: str) -> int:
    for port in range(FIRST_PORT, FIRST_PORT + _PORTS_TRIED):
        if _is_free(host, port):
            return port
    raise UsageError(f"No port from {FIRST_PORT} to {FIRST_PORT + _PORTS_TRIED - 1} is free on {host}: name one.")


def _checked_port(host: str, port: int) -> int:
    if not _is_free(host, port):
        raise UsageError(f"Port {port} on {host} is taken: name another, or none for the first free one.")
    return port


def _is_free(host: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
