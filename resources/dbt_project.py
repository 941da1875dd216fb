"""The dbt project from outside: where it lies, the environment that dbt runs in, and its parsed manifest.

Nothing here imports dbt or dagster-dbt, which takes five seconds: dbt runs as a process. Runs of the graph are `dbt`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cm_core.errors import ImportFailed

if TYPE_CHECKING:
    from cm_core.settings import Settings
    from cm_core.store import Database

_PROJECT = "dbt_project"
_PARSE_TIMEOUT_S = 300
_KEPT_MANIFESTS = 3
#: What the macro by_changes() reads.
BY_CHANGES = "CM_DBT_BY_CHANGES"


def project_dir() -> Path:
    """The dbt project's folder, beside the package `resources`."""
    return Path(__file__).resolve().parent.with_name(_PROJECT)


def state_dir(settings: Settings) -> Path:
    """Where dbt's manifests, artifacts and logs go: under CM_HOME, never into the project."""
    return settings.home_dir / "dbt"


def dbt_environment(settings: Settings, database: Database, *, by_changes: bool = False) -> dict[str, str]:
    """The variables that `profiles.yml` reads, for one database, and whether to build only what changed.

    The password is in DBT_ENV_SECRET_CM_PASSWORD only,
    which dbt masks in its logs.
    """
    url = database.url
    return {
        **_parse_environment(settings),
        "CM_DBT_TYPE": database.flavour,
        "CM_DBT_HOST": url.host or "127.0.0.1",
        "CM_DBT_PORT": str(url.port or 3306),
        "CM_DBT_USER": url.username or "",
        "CM_DBT_DATABASE": database.name,
        "DBT_ENV_SECRET_CM_PASSWORD": str(url.password or ""),
        BY_CHANGES: "1" if by_changes else "",
    }


def build_arguments(*, by_changes: bool) -> list[str]:
    """`dbt build` of everything; by changes without seeds and views.

    Rules and models are part of the fingerprint: where only changes are built, seeds and views are as they were.
    Without "empty", every test that reads one of them would be left out with it.
    """
    only_tables = ["--exclude", "resource_type:seed config.materialized:view", "--indirect-selection", "empty"]
    return ["build", *(only_tables if by_changes else [])]


def manifest_path(settings: Settings) -> Path:
    """Path of the manifest of the project as it is, parsed when there is none yet (about 5 s, no connection needed).

    The file's name carries a fingerprint of the project's files, so an edit makes a new one. Two processes may ask
    at once: one parses, the other waits. Raises ImportFailed with dbt's message when the project does not parse.
    """
    folder = state_dir(settings) / "manifests"
    manifest = folder / f"{fingerprint(project_dir())}.json"
    if manifest.exists():
        return manifest
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not manifest.exists():
            target = state_dir(settings) / "target"
            _parse(settings)
            # A copy under its final name only when whole; the target folder stays for partial parsing.
            whole = manifest.with_suffix(".tmp")
            whole.write_bytes((target / "manifest.json").read_bytes())
            whole.replace(manifest)
            forget_old(folder, keep=_KEPT_MANIFESTS, pattern="*.json")
    return manifest


def executable() -> str:
    """The dbt of this interpreter's environment, which need not be on PATH."""
    return os.fspath(Path(sys.executable).with_name("dbt"))


def fingerprint(folder: Path) -> str:
    """Hash over names and contents of the project's files (about 100 small ones)."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix in {".sql", ".yml", ".csv", ".md"}:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def forget_old(folder: Path, *, keep: int, pattern: str = "*") -> None:
    """Keep the newest files or folders only; a reader of an older manifest has it in memory already."""
    newest_first = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in newest_first[keep:]:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _parse_environment(settings: Settings) -> dict[str, str]:
    """What dbt needs to parse: places under CM_HOME and no telemetry."""
    return {
        "DBT_TARGET_PATH": os.fspath(state_dir(settings) / "target"),
        "DBT_LOG_PATH": os.fspath(state_dir(settings) / "logs"),
        "DBT_PROFILES_DIR": os.fspath(project_dir()),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


def _parse(settings: Settings) -> None:
    command = [executable(), "--no-use-colors", "parse", "--project-dir", os.fspath(project_dir())]
    done = subprocess.run(
        command,
        env={**os.environ, **_parse_environment(settings)},
        capture_output=True,
        text=True,
        timeout=_PARSE_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0:
        raise ImportFailed(f"The dbt project in {project_dir()} does not parse: {done.stdout.strip()[-2000:]}")
