"""What every model, seed and test of the dbt project says of itself. Nothing is built."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cm_core.settings import Settings
from resources.dbt_project import manifest_path, project_dir
from resources.dbt_tests import in_words

#: Columns that are about a person wherever they are: names, contact points, addresses, and text about people.
PERSONAL = re.compile(
    r"(name_prefix|first_name|middle_name|last_name|name_suffix|organization_name|display_name|name_zip_key"
    r"|date_of_birth|phone_(e164|key|raw|to_call|to_text)|extension|email|email_key|email_raw|address|address_key"
    r"|address_raw|care_of|street|city|county|zip|zip4|contact|contact_key|evidence|deciding|detail|recorded_by"
    r"|metadata|note|message|body)"
)
#: Columns that are about a person in these models, and something else in others.
PERSONAL_HERE = {
    ("stg_opt_outs", "reason"),
    ("stg_contact_facts", "reason"),
    ("suppression_history", "reason"),
    ("golden_values", "value"),
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory, give_parsed_dbt: Callable[[Path], None]) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("home")
    give_parsed_dbt(home)
    found: dict[str, Any] = json.loads(manifest_path(Settings(home=home)).read_text())
    return found


def _nodes(manifest: dict[str, Any], *kinds: str) -> Iterator[dict[str, Any]]:
    return (node for node in manifest["nodes"].values() if node["resource_type"] in kinds)


def test_everything_is_described(manifest: dict[str, Any]) -> None:
    nodes = [*_nodes(manifest, "model", "seed"), *manifest["sources"].values(), *manifest["exposures"].values()]
    bare = [node["name"] for node in nodes if not node["description"].strip()]
    bare += [
        f"{node['name']}.{column['name']}"
        for node in nodes
        for column in node.get("columns", {}).values()
        if not column["description"].strip()
    ]
    assert bare == []


def test_every_model_has_a_contract_that_names_all_its_columns(manifest: dict[str, Any]) -> None:
    """The build refuses a column that is not declared, or of another type."""
    models = list(_nodes(manifest, "model"))
    assert [model["name"] for model in models if not model["config"]["contract"]["enforced"]] == []
    untyped = [
        f"{model['name']}.{column['name']}"
        for model in models
        for column in model["columns"].values()
        if not column["data_type"]
    ]
    assert untyped == []


def test_every_column_of_a_seed_is_declared(manifest: dict[str, Any]) -> None:
    for seed in _nodes(manifest, "seed"):
        with (project_dir() / seed["original_file_path"]).open(encoding="utf-8") as file:
            assert list(seed["columns"]) == next(csv.reader(file)), seed["name"]


def test_what_is_about_a_person_is_tagged(manifest: dict[str, Any]) -> None:
    columns = [(model["name"], column) for model in _nodes(manifest, "model") for column in model["columns"].values()]
    untagged = [
        f"{model}.{column['name']}"
        for model, column in columns
        if (PERSONAL.fullmatch(column["name"]) or (model, column["name"]) in PERSONAL_HERE)
        and "pii" not in column["tags"]
    ]
    assert untagged == []
    assert {(model, column["name"]) for model, column in columns} >= PERSONAL_HERE


def test_every_test_says_in_words_what_it_checks(manifest: dict[str, Any]) -> None:
    mute = [test["name"] for test in _nodes(manifest, "test") if not in_words(manifest, test["unique_id"])]
    assert mute == []
    said = {in_words(manifest, test["unique_id"]) for test in _nodes(manifest, "test")}
    assert {
        "No two rows have the same channel and reason_code and effective_from",
        "Every entity_id is found in int_golden_persons",
        "verdict is one of allowed, wait, review, blocked",
        "street is never empty",
        "Every contact point has exactly one verdict, and every verdict a contact point",
    } <= said


def test_who_reads_the_marts_is_known(manifest: dict[str, Any]) -> None:
    exposures = {exposure["name"]: exposure for exposure in manifest["exposures"].values()}
    assert set(exposures) == {"cm_scrub", "operations_dashboard", "campaign_mail_lists", "crm_push"}
    marts = {model["unique_id"] for model in _nodes(manifest, "model") if "marts" in model["fqn"]}
    read = {node for exposure in exposures.values() for node in manifest["parent_map"][exposure["unique_id"]]}
    assert marts - read == set()
