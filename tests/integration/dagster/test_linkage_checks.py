"""The checks of linkage pass on what is as usual, and warn or fail when it is not."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest

from cm_assets.checks import linkage as checks
from cm_core.lake import lake
from cm_core.linkage.stages import MODEL_KEY
from cm_core.settings import Settings, get_settings
from cm_core.store import Database
from resources.database import DatabaseResource

USUAL = {"1": 800, "2": 90, "3": 10}


@pytest.fixture
def store(settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch) -> DatabaseResource:
    assert settings.database_url is not None
    monkeypatch.setenv("CM_DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("CM_HOME", str(settings.home))
    monkeypatch.setenv("CM_LAKE_URL", settings.lake_url)
    monkeypatch.setenv("CM_MAX_CLUSTER_SIZE", "2")
    get_settings.cache_clear()
    return DatabaseResource()


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def run(instance: dg.DagsterInstance, sizes: dict[str, int]) -> dict[str, dg.AssetCheckEvaluation]:
    """The evaluations after a run of linkage that left clusters of these sizes."""

    @dg.asset(name="person_duplicates")
    def duplicates() -> dg.MaterializeResult:
        return dg.MaterializeResult(metadata={"cluster_sizes": dg.MetadataValue.json(sizes)})

    steady = [checks.match_rate_is_steady, checks.cluster_sizes_are_steady]
    defs = dg.Definitions(assets=[duplicates], asset_checks=steady)
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(instance=instance)
    return {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}


def test_a_sudden_change_is_a_warning_and_the_usual_is_not(instance: dg.DagsterInstance) -> None:
    for number in range(4):
        found = run(instance, {**USUAL, "1": 800 + number})
        assert all(evaluation.passed for evaluation in found.values())
    assert found["match_rate_is_steady"].metadata["match_rate"].value == pytest.approx(1 - 903 / 1013)

    found = run(instance, {"1": 400, "2": 290, "3": 10, "60": 1})
    assert [(name, evaluation.passed) for name, evaluation in sorted(found.items())] == [
        ("cluster_sizes_are_steady", False), ("match_rate_is_steady", False),
    ]  # fmt: skip
    assert {evaluation.severity for evaluation in found.values()} == {dg.AssetCheckSeverity.WARN}
    assert found["match_rate_is_steady"].description is not None
    assert "usually 10.9%" in found["match_rate_is_steady"].description
    assert "over 10" in str(found["cluster_sizes_are_steady"].metadata["shares"].value)


def test_entities_that_are_too_large_are_named(store: DatabaseResource, database: Database) -> None:
    context = dg.build_asset_check_context()
    assert checks.no_over_merged_entity(context, store=store).passed  # type: ignore[union-attr]
    people = ", ".join(f"({n}, {5 if n < 4 else n}, 'person', now(), 'i', 'i')" for n in range(1, 6))
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(
            "insert into persons (id, entity_id, entity_type, source_date, first_import_id, last_import_id) "
            f"values {people}"
        )
        connection.commit()
    found = checks.no_over_merged_entity(context, store=store)
    assert isinstance(found, dg.AssetCheckResult)
    assert not found.passed
    assert found.metadata["entities"] == dg.MetadataValue.int(1)
    assert "| 5 | 4 |" in str(found.metadata["largest"].value)


def test_a_model_with_an_untrained_level_fails_by_name(store: DatabaseResource, settings: Settings) -> None:
    passed = checks.model_is_trained(store=store)
    assert isinstance(passed, dg.AssetCheckResult)
    assert passed.passed

    from cm_core.linkage import model

    text = model.default().to_json().replace('"m_probability": 0.8059671915658365', '"m_probability": null')
    lake(settings).put_bytes(text.encode(), MODEL_KEY)
    failed = checks.model_is_trained(store=store)
    assert isinstance(failed, dg.AssetCheckResult)
    assert not failed.passed
    assert "untrained in: email: same e-mail" in str(failed.description)
