"""The rows that fail a test, as its check shows them. Queries stand for compiled tests; dbt does not run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from cm_core.store import Database
from resources.dbt_tests import HIDDEN, SAMPLES, explained

TEST = "test.cm.one_verdict"
COLUMNS = {
    name: {"name": name, "tags": ["pii"] if name == "contact_key" else []} for name in ("entity_id", "contact_key")
}


def _manifest(*, column: str | None = None, severity: str = "ERROR") -> dict[str, Any]:
    return {
        "nodes": {
            "model.cm.compliance_call": {"columns": COLUMNS},
            TEST: {
                "path": "one_verdict.sql", "original_file_path": "models/marts/_marts.yml", "package_name": "cm",
                "config": {"severity": severity}, "depends_on": {"nodes": ["model.cm.compliance_call"]},
                "column_name": column,
            },
        }
    }  # fmt: skip


def _result(*, passed: bool = False) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=passed, asset_key="compliance_call", check_name="one_verdict", metadata={"unique_id": TEST}
    )


@pytest.fixture
def compiled(tmp_path: Path) -> Path:
    folder = tmp_path / "compiled" / "cm" / "models" / "marts" / "_marts.yml"
    folder.mkdir(parents=True)
    return folder / "one_verdict.sql"


def _rows(result: dg.AssetCheckResult) -> list[dict[str, Any]]:
    value = (result.metadata or {}).get("sample_rows")
    return [dict(record.data) for record in value.records] if isinstance(value, dg.TableMetadataValue) else []


def test_personal_data_stays_out_and_ids_say_which_rows_are_meant(
    compiled: Path, tmp_path: Path, any_database: Database
) -> None:
    compiled.write_text("select 7 as entity_id, '+14055550001' as contact_key, 'no verdict, 100%' as problem -- why")
    result = explained(_result(), _manifest(), tmp_path, any_database)
    assert _rows(result) == [{"entity_id": 7, "contact_key": HIDDEN, "problem": "no verdict, 100%"}]


def test_the_value_of_a_personal_column_that_a_test_looks_at_stays_out(
    compiled: Path, tmp_path: Path, any_database: Database
) -> None:
    compiled.write_text("select '+14055550001' as unique_field, 2 as n_records")
    result = explained(_result(), _manifest(column="contact_key"), tmp_path, any_database)
    assert _rows(result) == [{"unique_field": HIDDEN, "n_records": 2}]
    result = explained(_result(), _manifest(column="entity_id"), tmp_path, any_database)
    assert _rows(result) == [{"unique_field": "+14055550001", "n_records": 2}]


def test_a_few_rows_are_shown_of_many(compiled: Path, tmp_path: Path, any_database: Database) -> None:
    compiled.write_text("with recursive n as (select 1 as entity_id union all select entity_id + 1 from n "
                        "where entity_id < 100) select * from n")  # fmt: skip
    assert [row["entity_id"] for row in _rows(explained(_result(), _manifest(), tmp_path, any_database))] == list(
        range(1, SAMPLES + 1)
    )


def test_a_test_that_passes_has_the_severity_it_has_in_dbt(compiled: Path, tmp_path: Path, database: Database) -> None:
    compiled.write_text("select 7 as entity_id")
    result = explained(_result(passed=True), _manifest(severity="warn"), tmp_path, database)
    assert (result.passed, result.severity, _rows(result)) == (True, dg.AssetCheckSeverity.WARN, [])


def test_a_query_that_cannot_be_run_any_more_costs_the_rows_only(
    compiled: Path, tmp_path: Path, any_database: Database
) -> None:
    assert explained(_result(), _manifest(), tmp_path, any_database) == _result()
    compiled.write_text("select * from a_table_that_is_gone")
    assert explained(_result(), _manifest(), tmp_path, any_database) == _result()
