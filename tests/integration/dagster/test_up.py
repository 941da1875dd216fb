"""`cm up` as a user has it: all of it comes up, says where it is, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import psutil
import pytest

from cm_core.errors import UsageError
from cm_core.settings import Settings
from cm_core.store import PrivateServer

_UP = """
import sys
from cm_core.cli.up import supervise
from cm_core.settings import get_settings
sys.exit(supervise(get_settings(), say=lambda line: print(line, flush=True)))
"""


class _Up:
    """A `cm up` of its own home in another process."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.said: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-c", _UP],
            env={**os.environ, "CM_HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[3])},
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_until_it_says(self, start: str) -> str:
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line.strip())
            if line.startswith(start):
                return line.strip()
        raise AssertionError(f"ended without saying {start!r}: {self.said}")

    def members(self) -> list[psutil.Process]:
        """Everything that belongs to it, the database server included."""
        own = psutil.Process(self.process.pid).children(recursive=True)
        pid = PrivateServer(self.home).pid
        return [*own, *([psutil.Process(pid)] if pid else [])]


@pytest.fixture
def up(fast_folder: Path, give_parsed_dbt: Callable[[Path], None]) -> Iterator[_Up]:
    home = fast_folder / "up"
    give_parsed_dbt(home)
    started = _Up(home)
    yield started
    if started.process.poll() is None:
        started.process.kill()
    for member in psutil.process_iter(["cmdline"]):
        if any(str(home) in part for part in member.info["cmdline"] or []):
            member.kill()
    PrivateServer(home).stop()


@pytest.mark.timeout(240)
def test_everything_starts_and_a_signal_stops_all_of_it(up: _Up) -> None:
    url = up.wait_until_it_says("Dagster ").split()[-1]
    up.wait_until_it_says("Ctrl-C")
    with urllib.request.urlopen(f"{url}/server_info", timeout=10) as answer:
        assert answer.status == 200
    members = up.members()
    assert len(members) >= 4

    from cm_core.cli.up import supervise

    with pytest.raises(UsageError, match="runs already"):
        supervise(Settings(home=up.home))

    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(timeout=60) == 0
    _, alive = psutil.wait_procs(members, timeout=5)
    assert alive == []


#: Stand-ins for Dagster's processes: they listen where they should; the daemon is told how to behave.
_STAND_INS = {
    "code-server": "import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[-1]); s.listen()\n"
    "while True: s.accept()",
    "webserver": "import http.server, sys; p = int(sys.argv[sys.argv.index('-p') + 1])\n"
    "http.server.HTTPServer(('127.0.0.1', p), http.server.SimpleHTTPRequestHandler).serve_forever()",
}


@pytest.fixture
def stand_ins(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """Run `supervise` over stand-ins with this code as the daemon; what it said. Ends with an exit code of its own."""
    from cm_core.cli import up as module

    def popen(command: Sequence[str], settings: Settings, out: IO[bytes]) -> subprocess.Popen[bytes]:
        name = {"dagster": "code-server", "dagster_webserver": "webserver"}.get(command[2], "daemon")
        return subprocess.Popen(
            [sys.executable, "-c", codes[name], *command[3:]],
            stdout=out,
            stderr=out,
            start_new_session=True,
            cwd="/tmp",
        )

    codes = dict(_STAND_INS)
    (settings.home_dir).mkdir(parents=True, exist_ok=True)
    (settings.home_dir / "server_info").touch()
    monkeypatch.setattr(module, "_popen", popen)
    monkeypatch.setattr(module, "_prepare", lambda settings: None)
    monkeypatch.setattr(module, "_answers", lambda url: True)
    monkeypatch.setattr(module, "_STOP_SECONDS", 1.0)

    def run(daemon: str) -> list[str]:
        codes["daemon"] = daemon
        said: list[str] = []
        said.append(f"exit {module.supervise(settings, say=said.append)}")
        return said

    return run


def test_a_part_that_dies_takes_the_rest_with_it_and_is_named(
    stand_ins: Callable[[str], list[str]], settings: Settings
) -> None:
    started = time.time() - 1
    said = stand_ins("import time; time.sleep(1); raise SystemExit(3)")
    assert f"The daemon ended by itself (exit code 3); see {settings.home_dir / 'logs' / 'daemon.log'}." in said
    assert said[-1] == "exit 1"
    assert _left_over(started) == []


def test_a_part_that_will_not_stop_is_killed_with_all_it_started(stand_ins: Callable[[str], list[str]]) -> None:
    stubborn = (
        "import os, signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)'], start_new_session=True)\n"
        "time.sleep(1); os.kill(os.getppid(), signal.SIGTERM); time.sleep(300)"
    )
    started = time.time() - 1
    assert stand_ins(stubborn)[-1] == "exit 0"
    assert _left_over(started) == []


def test_what_a_killed_up_left_behind_is_ended_first(stand_ins: Callable[[str], list[str]], settings: Settings) -> None:
    orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    (settings.home_dir / "up.children").write_text(f"{orphan.pid} {psutil.Process(orphan.pid).create_time()}\n")
    stand_ins("pass")
    assert orphan.wait(timeout=5) == -signal.SIGKILL


def test_a_process_that_only_got_the_number_of_an_old_child_is_spared(
    stand_ins: Callable[[str], list[str]], settings: Settings
) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    (settings.home_dir / "up.children").write_text(f"{other.pid} 12345.0\n")
    stand_ins("pass")
    assert other.poll() is None
    other.kill()
    other.wait()


def _left_over(since: float) -> list[str]:
    """Command lines of stand-ins started since then that still run, wherever they are in the process tree."""
    lines = []
    for process in psutil.process_iter(["cmdline", "create_time"]):
        line = " ".join(process.info["cmdline"] or [])
        if process.info["create_time"] >= since and ("time.sleep(300)" in line or "AF_UNIX" in line):
            lines.append(line)
    return lines


def test_a_port_that_is_taken_is_said_before_anything_starts(tmp_path: Path) -> None:
    import socket

    from cm_core.cli.up import supervise

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        started = time.monotonic()
        with pytest.raises(UsageError, match="is taken"):
            supervise(Settings(home=tmp_path), port=taken.getsockname()[1])
    assert time.monotonic() - started < 2
    assert not PrivateServer(tmp_path).is_running()
