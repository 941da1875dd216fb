"""The folder of the Dagster instance: its dagster.yaml, and who may create its databases. Nothing imports dagster."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from cm_core.settings import Settings


def write_dagster_home(settings: Settings) -> Path:
    """Make CM_HOME/dagster with the packaged dagster.yaml; returns the folder.

    The file is replaced in one step, and only when it differs: processes that read it see the old or the new one.
    """
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    wanted = files("cm_core.cli").joinpath("dagster.yaml").read_text(encoding="utf-8")
    path = home / "dagster.yaml"
    if not path.exists() or path.read_text(encoding="utf-8") != wanted:
        handle, name = tempfile.mkstemp(prefix=".dagster-", suffix=".yaml", dir=home)
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(wanted)
        Path(name).replace(path)
    return home


@contextmanager
def one_at_a_time(home: Path) -> Iterator[None]:
    """A lock between processes: two that create the instance's SQLite files at once would break them."""
    with (home / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
