"""The graph as a whole: its golden snapshot, and the conventions that every asset keeps."""

from __future__ import annotations

import difflib
import importlib.util
import os
from pathlib import Path

import dagster as dg
import pytest

from cm_assets.build import build_defs
from cm_assets.jobs import IMPORT_JOBS
from cm_assets.partitions import imports
from sensors.landing import PARTITIONS

HERE = Path(__file__).parent
SNAPSHOT = HERE / "graph_snapshot.txt"


def _snapshot(defs: dg.Definitions) -> str:
    spec = importlib.util.spec_from_file_location("graph_snapshot", HERE / "snapshot.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return str(module.snapshot(defs))


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    """All but the dbt models, which have a snapshot of their own kind: dbt's manifest."""
    return build_defs(dbt=False)


def test_graph_is_as_in_the_snapshot(defs: dg.Definitions) -> None:
    """A wanted change: run this test with UPDATE_SNAPSHOTS=1 and read the diff."""
    found = _snapshot(defs)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(found, encoding="utf-8")
    wanted = SNAPSHOT.read_text(encoding="utf-8")
    assert found == wanted, "\n".join(difflib.unified_diff(wanted.splitlines(), found.splitlines(), lineterm=""))


def test_every_asset_says_what_it_is_and_whose(defs: dg.Definitions) -> None:
    graph = defs.get_repository_def().asset_graph
    nodes = [graph.get(key) for key in graph.get_all_asset_keys() if graph.get(key).is_materializable]
    bare = [node.key.to_user_string() for node in nodes if not (node.description and node.owners and node.kinds)]
    assert bare == []


def test_every_check_says_what_it_checks(defs: dg.Definitions) -> None:
    graph = defs.get_repository_def().asset_graph
    bare = [key.to_user_string() for key in graph.asset_check_keys if not graph.get_check_spec(key).description]
    assert bare == []


def test_import_report_runs_after_everything_else_of_its_job(defs: dg.Definitions) -> None:
    repository = defs.get_repository_def()
    graph = repository.asset_graph
    for name in IMPORT_JOBS.values():
        selected = repository.get_job(name).asset_layer.selected_asset_keys
        report = dg.AssetKey("import_report")
        assert selected - {report} <= graph.get_ancestor_asset_keys(report, include_self=False)


def test_whatever_writes_canonical_tables_holds_the_writer_pool(defs: dg.Definitions) -> None:
    graph = defs.get_repository_def().asset_graph
    canonical = {key for key in graph.get_all_asset_keys() if graph.get(key).tags.get("layer") == "canonical"}
    assert {key.to_user_string() for key in canonical} == {
        "persons",
        "phone_numbers",
        "email_addresses",
        "addresses",
        "person_sources",
        "person_duplicates",
        "dnc_registry",
        "opt_outs",
        "contact_facts",
        "campaigns",
        "touchpoints",
    }
    assert {pool for key in canonical for pool in graph.get(key).pools} == {"canonical_writer"}


def test_sensor_and_assets_mean_the_same_partitions() -> None:
    assert imports.name == PARTITIONS


def test_a_test_can_put_its_own_resource_in() -> None:
    mine = dg.ResourceDefinition.hardcoded_resource("mine")
    assert build_defs(dbt=False, sensors=False, resources={"store": mine}).resources["store"] is mine
