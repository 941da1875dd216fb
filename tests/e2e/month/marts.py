"""The marts that a push reads: dbt's, or for a short month views of `marts.sql`, since dbt alone takes longer.

dbt makes them once; from then on their own SQL fills them again, which takes a hundredth of the time of starting dbt.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from cm_core.settings import Settings
from cm_core.store import Database
from resources.dbt_project import dbt_environment, project_dir, state_dir

_WANTED = (
    "+crm_candidates", "+int_golden_persons", "+int_entity_phones", "+int_entity_emails", "+int_entity_addresses",
    "+compliance_call", "+compliance_sms", "+compliance_email", "+compliance_mail",
)  # fmt: skip
_SMALL = (Path(__file__).parents[2] / "golden_views.sql", Path(__file__).with_name("marts.sql"))
_COLUMNS = "select column_name from information_schema.columns where table_schema = database() and table_name = %s"


def build(settings: Settings, database: Database) -> None:
    """Let dbt make them, and keep their SQL beside them."""
    dbt = Path(sys.executable).with_name("dbt")
    select = ["--select", *_WANTED, "--exclude", "resource_type:test"]
    done = subprocess.run(
        [str(dbt), "--no-use-colors", "build", *select, "--project-dir", str(project_dir())],
        env={**os.environ, **dbt_environment(settings, database)},
        cwd=settings.home_dir,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    (results,) = state_dir(settings).rglob("run_results.json")
    nodes: dict[str, Any] = json.loads((results.parent / "manifest.json").read_text())["nodes"]
    models = []
    for result in json.loads(results.read_text())["results"]:
        node = nodes[result["unique_id"]]
        if node["resource_type"] == "model" and node["config"]["materialized"] != "view":
            models.append({"name": node["name"], "sql": result["compiled_code"]})
    _kept(settings).write_text(json.dumps(models))


def build_small(database: Database) -> None:
    """Those of `golden_views.sql` and `marts.sql`: there is nothing to refresh."""
    with database.connect(autocommit=True) as connection, connection.cursor() as cursor:
        for file in _SMALL:
            for statement in file.read_text().split(";\n"):
                cursor.execute(statement)


def refresh(settings: Settings, database: Database) -> None:
    """Fill all of them anew, each in a transaction."""
    if not _kept(settings).exists():
        return
    with database.connect() as connection, connection.cursor() as cursor:
        for model in json.loads(_kept(settings).read_text()):
            cursor.execute(_COLUMNS, (model["name"],))
            columns = ", ".join(f"`{name}`" for (name,) in cursor.fetchall())
            cursor.execute(f"delete from `{model['name']}`")
            cursor.execute(f"insert into `{model['name']}` ({columns}) select {columns} from ({model['sql']}) as made")
            connection.commit()


def _kept(settings: Settings) -> Path:
    return settings.home_dir / "marts.json"
