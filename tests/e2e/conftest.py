"""The `cm` command as users run it: a process of its own, with its settings in the environment."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cm_core.cli import main
from cm_core.settings import Settings, get_settings
from cm_core.store import PrivateServer

_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ran:
    """What a finished command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Standard output as the one JSON document that it must be."""
        return json.loads(self.out)

    @property
    def errors(self) -> list[str]:
        """The lines of standard error; each must be an error in one line, and no traceback."""
        lines = self.err.splitlines()
        assert "Traceback" not in self.err, self.err
        assert all(line.startswith("error: ") for line in lines), self.err
        return [line.removeprefix("error: ") for line in lines]


def environment(settings: Settings | Path) -> dict[str, str]:
    """The environment of a command: these settings, or a home alone, and nothing of ours."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("CM_", "DAGSTER_"))}
    found = {**ours, "PYTHONPATH": str(_ROOT), "COLUMNS": "200", "NO_COLOR": "1"}
    if isinstance(settings, Path):
        return {**found, "CM_HOME": str(settings)}
    assert settings.database_url is not None
    found |= {
        "CM_HOME": str(settings.home),
        "CM_DATABASE_URL": settings.database_url.get_secret_value(),
        "CM_LANDING_URL": settings.landing,
        "CM_LAKE_URL": settings.lake,
        "CM_SETTLE_SECONDS": str(settings.settle_seconds),
        "CM_BULK_ROWS": str(settings.bulk_rows),
        "CM_COMPUTE_MEMORY_LIMIT": settings.compute_memory_limit,
    }
    if settings.legacy_database_url is not None:
        found |= {
            "CM_LEGACY_DATABASE_URL": settings.legacy_database_url.get_secret_value(),
            "CM_LEGACY_TABLES": settings.legacy_tables,
            "CM_LEGACY_SLICE_ROWS": str(settings.legacy_slice_rows),
        }
    if settings.database_readonly_url is not None:
        found["CM_DATABASE_READONLY_URL"] = settings.database_readonly_url.get_secret_value()
    return found


def command(*arguments: str | Path) -> list[str]:
    """The command line of `cm` with these arguments."""
    return [sys.executable, "-m", "cm_core.cli.main", *map(str, arguments)]


def run_cm(settings: Settings | Path, *arguments: str | Path, cwd: Path | None = None, **extra: str) -> Ran:
    """Run `cm` in a process of its own and wait for it."""
    done = subprocess.run(
        command(*arguments),
        env=environment(settings) | extra,
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=240,
        stdin=subprocess.DEVNULL,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def cm_here(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Ran]]:
    """`cm` within this process, where a process of its own is not what is tested: quicker by seconds each."""

    def run(*arguments: str | Path, of: Settings | Path = settings, **extra: str) -> Ran:
        with monkeypatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("CM_")]:
                patch.delenv(name)
            for name, value in (environment(of) | extra).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["cm", *map(str, arguments)])
            get_settings.cache_clear()
            capfd.readouterr()
            code: Any = 0
            try:
                main.main()
            except SystemExit as end:
                code = end.code or 0
            finally:
                get_settings.cache_clear()
            printed = capfd.readouterr()
        return Ran(int(code), printed.out, printed.err)

    yield run
    get_settings.cache_clear()


@pytest.fixture(scope="session")
def private_home(fast_folder: Path) -> Iterator[Path]:
    """A CM_HOME with a private server of its own, running."""
    home = fast_folder / f"home-{secrets.token_hex(3)}"
    server = PrivateServer(home, buffer_pool="256M", redo_log="96M")
    server.ensure_running()
    yield home
    server.stop()
