"""Nothing happens at import: no setting, file, database or heavy library is touched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in ("cm_assets", "sensors", "resources")
    for path in sorted((ROOT / package).rglob("*.py"))
    if path.name != "dbt.py"
]
MODULES += ["cm_core.cli.up", "cm_core.cli.dagster_home"]

#: Names the module that connects, or opens what is neither code nor in the interpreter's own folders.
_PROBE = """
import importlib, sys
modules, allowed = sys.argv[1].split(","), tuple(sys.argv[2:])
def watch(event, args):
    if event == "socket.connect":
        raise SystemExit(f"{module} connects to {args[1]}")
    if event == "open" and isinstance(args[0], str) and args[0].startswith("/"):
        if not args[0].startswith(allowed) and not args[0].endswith((".py", ".pyc")) and "__pycache__" not in args[0]:
            raise SystemExit(f"{module} opens {args[0]}")
import dagster
sys.addaudithook(watch)
for module in modules:
    importlib.import_module(module)
    heavy = {"duckdb", "splink", "pandas", "dbt", "alembic.command"} & set(sys.modules)
    if heavy and not module.startswith("cm_core"):
        raise SystemExit(f"{module} loads {sorted(heavy)}")
"""


def test_every_module_imports_in_an_empty_environment_and_reads_nothing(tmp_path: Path) -> None:
    allowed = [sys.prefix, sys.base_prefix, "/usr", "/lib", "/etc", "/proc", "/sys", "/dev"]
    done = subprocess.run(
        [sys.executable, "-c", _PROBE, ",".join(MODULES), *allowed],
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert list(tmp_path.iterdir()) == []
