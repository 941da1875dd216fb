"""The whole code location, dbt models included, as the code server loads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from cm_core.settings import get_settings


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory, give_parsed_dbt: Callable[[Path], None]) -> dg.AssetGraph:
    from cm_assets.definitions import defs

    home = tmp_path_factory.mktemp("home")
    give_parsed_dbt(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CM_HOME", str(home))
        get_settings.cache_clear()
        loaded = defs()
        assert isinstance(loaded, dg.Definitions)
        repository = loaded.get_repository_def()
        get_settings.cache_clear()
    return repository.asset_graph


def _models(graph: dg.AssetGraph) -> set[dg.AssetKey]:
    return {key for key in graph.get_all_asset_keys() if "dbt" in graph.get(key).kinds}


def test_every_model_follows_the_duplicates_and_the_lists_under_one_condition(graph: dg.AssetGraph) -> None:
    conditions = {graph.get(key).automation_condition for key in _models(graph)}
    (condition,) = conditions
    assert condition is not None
    assert condition.get_label() == "after person_duplicates, dnc_registry, opt_outs, contact_facts, touchpoints"


@pytest.mark.parametrize("channel", ["call", "sms", "email", "mail"])
def test_lineage_goes_from_the_raw_file_to_each_verdict(graph: dg.AssetGraph, channel: str) -> None:
    ancestors = {
        key.to_user_string()
        for key in graph.get_ancestor_asset_keys(dg.AssetKey(f"compliance_{channel}"), include_self=False)
    }
    assert {"raw_import", "staging_raw_import", "persons", "opt_outs"} <= ancestors


def test_dbt_tests_are_checks_of_their_models(graph: dg.AssetGraph) -> None:
    assert any(check.asset_key in _models(graph) for check in graph.asset_check_keys)


def test_every_check_says_what_it_checks(graph: dg.AssetGraph) -> None:
    bare = [key.to_user_string() for key in graph.asset_check_keys if not graph.get_check_spec(key).description]
    assert bare == []


def test_the_quality_report_comes_after_the_last_models(graph: dg.AssetGraph) -> None:
    parents = graph.get(dg.AssetKey("quality_report")).parent_keys
    assert parents <= _models(graph)
    assert {"compliance_risk", "import_quality", "priority_list"} <= {key.to_user_string() for key in parents}


def test_workspace_and_cloud_files_name_this_code_location() -> None:
    root = Path(__file__).parents[3]
    assert "python_module: cm_assets.definitions" in (root / "workspace.yaml").read_text()
    assert "module_name: cm_assets.definitions" in (root / "dagster_cloud.yaml").read_text()
