"""The one seam to dbt: runner and translator. dbt-mysql's successor replaces this.

Where the project lies, its environment and manifest are `dbt_project`; models and rules live in `dbt_project/`; which
models exist and when they run is the graph's business.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtCliResource
from packaging.version import Version

from resources.dbt_project import (
    BY_CHANGES,
    build_arguments,
    dbt_environment,
    executable,
    fingerprint,
    forget_old,
    manifest_path,
    project_dir,
    state_dir,
)
from resources.dbt_tests import explained, in_words

if TYPE_CHECKING:
    from cm_core.settings import Settings
    from cm_core.store import Database

_KEPT_RUNS = 20
#: Two dbt runs would build the same tables at once; this database lock keeps them apart, across machines.
_MARTS_LOCK = "cm_marts"
_MARTS_TIMEOUT_S = 3600


class DbtResource(dg.ConfigurableResource["DbtResource"]):
    """Runs dbt against the database of the settings, artifacts and logs under CM_HOME."""

    def build(
        self, context: dg.AssetExecutionContext, settings: Settings, database: Database
    ) -> Iterator[dg.DagsterEventType | Any]:
        """`dbt build` of the run's selection; yields materializations and check results as dbt reports them.

        Where all models are selected, were built before and few entities changed since, only those are built anew.
        Waits for another run of dbt on the same database to end. Raises DatabaseUnavailable or WriterBusy, and what
        dagster-dbt raises when a model fails.
        """
        from cm_core.compliance import builds
        from cm_core.compliance.rule_book import load_rules
        from cm_core.imports.records import now
        from cm_core.store.locks import named_lock

        with (
            database.connect() as connection,
            named_lock(connection, _MARTS_LOCK, timeout_s=_MARTS_TIMEOUT_S),
        ):
            runs = state_dir(settings) / "runs"
            target = runs / f"{context.run.run_id}-{context.op_execution_context.retry_number}"
            forget_old(runs, keep=_KEPT_RUNS)
            load_rules(project_dir() / "seeds")  # no mart is made of rules that nothing else would be decided by
            rules = fingerprint(project_dir())
            if not _selects_all(context):
                builds.part(database, rules)
                yield from self._run(context, database, dbt_environment(settings, database), target)
                return
            as_of = now()
            build = builds.begin(database, rules, _kept_relations(manifest_path(settings)))
            context.log.info(
                f"Building {'what changed' if build.by_changes else 'everything'}; {build.entities} changed"
            )
            environment = dbt_environment(settings, database, by_changes=build.by_changes)
            yield from self._run(context, database, environment, target)
            builds.end(database, build, as_of)

    def _run(
        self, context: dg.AssetExecutionContext, database: Database, environment: Mapping[str, str], target: Path
    ) -> Iterator[dg.DagsterEventType | Any]:
        arguments = build_arguments(by_changes=environment.get(BY_CHANGES) == "1")
        with _environment(environment):
            invocation = _cli().cli(arguments, context=context, target_path=target)
        for event in invocation.stream():
            if isinstance(event, dg.AssetCheckResult):
                yield explained(event, invocation.manifest, target, database)
            else:
                yield event


class CmTranslator(DagsterDbtTranslator):
    """How the dbt project looks in the graph."""

    def __init__(self, automation_condition: dg.AutomationCondition[Any] | None = None) -> None:
        super().__init__(
            DagsterDbtTranslatorSettings(enable_asset_checks=True, enable_duplicate_source_asset_keys=True)
        )
        self._automation_condition = automation_condition

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """The table's name; a source is the Python asset that writes it (`meta.asset`, else the same name)."""
        return dg.AssetKey(dbt_resource_props.get("meta", {}).get("asset", dbt_resource_props["name"]))

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        """The mart's folder; what only serves the marts stands with compliance."""
        folders: Sequence[str] = dbt_resource_props["fqn"][1:-1]
        return folders[-1] if "marts" in folders else "compliance"

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        """The layer: staging, intermediate, marts or seeds."""
        folders: Sequence[str] = dbt_resource_props["fqn"][1:-1]
        return {"layer": folders[0] if folders else "seeds"}

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        """Everybody's marts are one team's."""
        return ["team:data-engineering"]

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: Any
    ) -> dg.AssetCheckSpec | None:
        """The check of a dbt test, with what it says in words."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        return spec and spec._replace(description=in_words(manifest, unique_id))

    def get_automation_condition(self, dbt_resource_props: Mapping[str, Any]) -> dg.AutomationCondition[Any] | None:
        """The same condition for all: one follow-up run builds everything."""
        return self._automation_condition


def _selects_all(context: dg.AssetExecutionContext) -> bool:
    """Whether the run builds every model; of a part, nobody can say what it has taken in."""
    everything = set(context.assets_def.node_keys_by_output_name.values())
    return bool(set(context.selected_asset_keys) == everything)


def _kept_relations(manifest: Path) -> list[str]:
    """Tables and views that a build by changes leaves in place: all of them must be there."""
    nodes = json.loads(manifest.read_text())["nodes"].values()
    return [node["name"] for node in nodes if node["config"].get("materialized") in ("by_entity", "view")]


class _InstalledDbt(DbtCliResource):
    """dbt of this environment. Its version is that of the package: asking the executable takes seconds in each run."""

    @cached_property
    def _cli_version(self) -> Version:
        return Version(metadata.version("dbt-core"))


def _cli() -> DbtCliResource:
    return _InstalledDbt(
        project_dir=os.fspath(project_dir()),
        profiles_dir=os.fspath(project_dir()),
        dbt_executable=executable(),
    )


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables while dbt is started (dagster-dbt hands on the process's own)."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
