"""The dbt project in the graph: names, lineage to the Python assets, checks. A whole run is in test_verdicts."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import dagster as dg
import pytest

from cm_assets.compliance import build_dbt_assets
from cm_core.settings import Settings
from resources.database import DatabaseResource
from resources.dbt_project import manifest_path, project_dir
from tests.integration.dbt.people import People

MARTS = {
    "compliance_call": "compliance",
    "compliance_sms": "compliance",
    "compliance_email": "compliance",
    "compliance_mail": "compliance",
    "mailable_people": "marketing",
    "import_quality": "operations",
}


@pytest.mark.soak
def test_the_manifest_is_parsed_once_by_two_who_ask_at_once(home: Settings) -> None:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: manifest_path(home), range(2))
    assert first == second
    assert json.loads(first.read_text())["metadata"]["project_name"] == "cm"
    assert first.is_relative_to(home.home_dir)
    assert not (project_dir() / "target").exists()


def test_sources_are_the_python_assets(models: dg.AssetsDefinition) -> None:
    upstream = {key.to_user_string() for key in models.dependency_keys} - {key.to_user_string() for key in models.keys}
    assert upstream == {
        "persons", "phone_numbers", "email_addresses", "addresses", "person_duplicates", "dnc_registry", "opt_outs",
        "contact_facts", "campaigns", "touchpoints", "person_sources", "calling_windows",
        "compliance_violations", "import_report", "import_validation_log",
    }  # fmt: skip


def test_marts_are_grouped_by_folder_and_checked(models: dg.AssetsDefinition) -> None:
    groups = {key.to_user_string(): group for key, group in models.group_names_by_key.items()}
    assert MARTS.items() <= groups.items()
    assert groups["stg_persons"] == groups["int_golden_persons"] == groups["compliance_rules"] == "compliance"
    checked = {check.asset_key.to_user_string() for check in models.check_keys}
    assert set(MARTS) <= checked


@pytest.mark.soak
def test_a_build_by_changes_leaves_out_the_seeds_and_no_test(
    home: Settings, models: dg.AssetsDefinition, people: People
) -> None:
    for _ in range(2):  # the first may be a full one
        result = dg.materialize([models], resources={**build_dbt_assets()[1], "store": DatabaseResource()})
        assert result.success
    built = {event.asset_key for event in result.get_asset_materialization_events()}
    assert dg.AssetKey("compliance_rules") not in built
    assert dg.AssetKey("compliance_call") in built
    assert {evaluation.asset_check_key for evaluation in result.get_asset_check_evaluations()} == set(models.check_keys)


def test_a_check_that_fails_shows_the_rows_that_do(home: Settings, models: dg.AssetsDefinition, people: People) -> None:
    people.an_import("imp_2026_03_01_001")
    people.run("update import_metadata set inserted_count = 4 where import_id = 'imp_2026_03_01_001'")
    people.opted_out("fax", phone_e164="+14055550009")
    result = dg.materialize(
        [models],
        selection=["stg_opt_outs", "stg_import_metadata", "stg_import_validation_log", "import_quality"],
        resources={**build_dbt_assets()[1], "store": DatabaseResource()},
        raise_on_error=False,
    )
    assert not result.success
    failed = {check.check_name: check for check in result.get_asset_check_evaluations() if not check.passed}
    assert set(failed) == {
        "import_counts_add_up_import_quality_",
        "accepted_values_stg_opt_outs_channel__call__sms__email__mail__all",
    }
    counts = failed["import_counts_add_up_import_quality_"]
    assert counts.severity is dg.AssetCheckSeverity.ERROR
    assert counts.metadata["dagster_dbt/failed_row_count"].value == 1
    assert _samples(counts) == [
        {
            "import_id": "imp_2026_03_01_001", "row_count": 10, "inserted_count": 4, "updated_count": 2,
            "skipped_count": 2, "error_count": 1,
        }
    ]  # fmt: skip
    channels = failed["accepted_values_stg_opt_outs_channel__call__sms__email__mail__all"]
    assert _samples(channels) == [{"value_field": "fax", "n_records": 1}]


def _samples(check: dg.AssetCheckEvaluation) -> list[dict[str, object]]:
    value = check.metadata["sample_rows"]
    assert isinstance(value, dg.TableMetadataValue)
    return [dict(record.data) for record in value.records]
