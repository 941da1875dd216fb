"""What the graph shows of a dbt test beyond passed or failed: in words, its severity, and a few rows that fail it.

Running dbt is `dbt.py`. Rows are read by the test's own compiled query, only where it failed: nothing is stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pymysql
from pymysql.cursors import DictCursor

from cm_core.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from cm_core.store import Database

#: Rows shown of those that fail.
SAMPLES = 5
#: Stands for a value of a column tagged `pii`: event logs and pages of reports are read by more people than the tables.
HIDDEN = "(personal data)"
#: What dbt's own tests call the column that they look at.
_TESTED = frozenset({"unique_field", "value_field", "from_field"})
_FAILING = "select * from (\n{query}\n) as failing limit %s"


def in_words(manifest: Mapping[str, Any], unique_id: str) -> str | None:
    """What a test says: of dbt's own tests the sentence, of the project's the description of its macro or its meta."""
    test = manifest["nodes"][unique_id]
    metadata: Mapping[str, Any] = test.get("test_metadata") or {}
    column, arguments = test.get("column_name"), metadata.get("kwargs", {})
    match metadata.get("name"):
        case "not_null":
            return f"{column} is never empty"
        case "unique":
            return f"No two rows have the same {column}"
        case "accepted_values":
            return f"{column} is one of {', '.join(map(str, arguments['values']))}"
        case "relationships":
            return f"Every {column} is found in {_name_in(arguments['to'])}"
        case "unique_combination":
            return f"No two rows have the same {' and '.join(arguments['columns'])}"
        case None:
            said: str | None = test.get("meta", {}).get("description")
            return said
        case name:
            macro = manifest["macros"].get(f"macro.{test['package_name']}.test_{name}", {})
            return macro.get("description") or None


def explained(
    result: dg.AssetCheckResult, manifest: Mapping[str, Any], target: Path, database: Database
) -> dg.AssetCheckResult:
    """The result with the severity that the test has in dbt, and sample rows if it failed."""
    test = manifest["nodes"].get(_unique_id(result))
    if test is None:
        return result
    severity = dg.AssetCheckSeverity[str(test["config"].get("severity") or "error").upper()]
    if result.passed:
        return result._replace(severity=severity)
    rows = _failing_rows(test, target, database)
    hidden = _personal(test, manifest)
    records = [
        dg.TableRecord({name: HIDDEN if name in hidden and value is not None else _plain(value) for name, value in row})
        for row in rows
    ]
    if not records:
        return result
    schema = dg.TableSchema(columns=[dg.TableColumn(name) for name in records[0].data])
    return result._replace(
        metadata={**(result.metadata or {}), "sample_rows": dg.MetadataValue.table(records, schema=schema)}
    )


def _unique_id(result: dg.AssetCheckResult) -> str:
    value = (result.metadata or {}).get("unique_id")
    return str(value.value if isinstance(value, dg.MetadataValue) else value)


def _failing_rows(test: Mapping[str, Any], target: Path, database: Database) -> list[Sequence[tuple[str, Any]]]:
    """The first rows that the test's query finds; none where it cannot be read or run any more."""
    own, original = Path(test["path"]), Path(test["original_file_path"])
    path = target / "compiled" / test["package_name"] / (original if own.name == original.name else original / own)
    if not path.exists():
        return []
    query = path.read_text(encoding="utf-8").replace("%", "%%")
    try:
        with database.connect() as connection, connection.cursor(DictCursor) as cursor:
            cursor.execute(_FAILING.format(query=query), (SAMPLES,))
            return [list(row.items()) for row in cursor.fetchall()]
    except (pymysql.MySQLError, DatabaseUnavailable):
        return []


def _personal(test: Mapping[str, Any], manifest: Mapping[str, Any]) -> set[str]:
    """Names of the columns whose values are not to be shown."""
    names = {
        column["name"]
        for parent in test["depends_on"]["nodes"]
        for column in manifest["nodes"].get(parent, {}).get("columns", {}).values()
        if "pii" in column.get("tags", [])
    }
    return names | _TESTED if test.get("column_name") in names else names


def _name_in(reference: str) -> str:
    """`ref('int_golden_persons')`: the model's name."""
    return reference.replace('"', "'").split("'")[1] if "'" in reference.replace('"', "'") else reference


def _plain(value: Any) -> str | int | float | bool:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (datetime, date)):
        return str(value)
    return value if isinstance(value, (str, int, float, bool)) else str(value)
