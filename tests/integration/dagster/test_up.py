"""`cm up` as a user has it: all of it comes up, says where it is, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

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
def up(fast_folder: Path) -> Iterator[_Up]:
    home = fast_folder / "up"
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


@pytest.mark.timeout(240)
def test_a_part_that_dies_takes_the_rest_with_it_and_is_named(up: _Up) -> None:
    up.wait_until_it_says("Ctrl-C")
    members = up.members()
    daemon = next(member for member in members if "dagster._daemon" in " ".join(member.cmdline()))
    daemon.kill()
    assert up.wait_until_it_says("The daemon ended by itself")
    assert up.process.wait(timeout=60) == 1
    _, alive = psutil.wait_procs(members, timeout=5)
    assert alive == []


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
