"""The canonical people tables as assets. How rows find their person is `cm_core.upsert`; merging is `duplicates`."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from cm_assets.metadata import metadata_of
from cm_assets.partitions import for_all_imports, imports, one_run
from cm_assets.staging import import_validation_log, staging_raw_import
from resources.database import DatabaseResource

#: Whatever writes canonical tables holds this pool (limit 1); beneath it is a lock in the database.
CANONICAL_WRITER = "canonical_writer"
#: What assets have in common that bring the staged rows of each import into a canonical table.
OF_EACH_IMPORT: dict[str, Any] = {
    "deps": [staging_raw_import, import_validation_log],
    "partitions_def": imports,
    "backfill_policy": one_run,
    "pool": CANONICAL_WRITER,
    "owners": ["team:data-engineering"],
    "tags": {"layer": "canonical"},
}

_TABLES = {
    "persons": "What exact keys (e-mail, phone, name and ZIP) say is one human or organisation.",
    "phone_numbers": "Phone numbers of persons in E.164; numbers that do not parse are kept raw.",
    "email_addresses": "E-mail addresses of persons, normalised; invalid ones are kept raw.",
    "addresses": "Postal addresses of persons in USPS form where they parse.",
    "person_sources": "Every source row and the person or persons it became part of.",
}


@dg.multi_asset(
    name="canonical_people",
    specs=[
        dg.AssetSpec(
            name,
            deps=[staging_raw_import, import_validation_log],
            description=f"{text} The five tables of this group change together in one transaction per import.",
            group_name="persons",
            kinds={"mysql", "duckdb"},
            owners=["team:data-engineering"],
            tags={"layer": "canonical"},
        )
        for name, text in _TABLES.items()
    ],
    partitions_def=imports,
    backfill_policy=one_run,
    pool=CANONICAL_WRITER,
)
def canonical_people(
    context: dg.AssetExecutionContext, store: DatabaseResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Resolve staged rows against the people already known and apply them in one transaction.

    Imports of a run that outweigh what is known are written beside the tables and swapped in together.
    """
    from cm_core import upsert

    for_all_imports(
        context,
        lambda import_ids: upsert.apply_all(store.settings, store.database, import_ids),
        split=_of_table,
    )
    yield from (dg.MaterializeResult(asset_key=table) for table in _TABLES)


def _of_table(result: Any, table: str) -> dict[str, Any]:
    """Metadata of one table: its row count for all, the counts of source rows for `persons`."""
    counts = {name: value for name, value in metadata_of(result).items() if name != "table_counts"}
    rows = {"dagster/row_count": result.table_counts[table]} if table in result.table_counts else {}
    return {**rows, **(counts if table == "persons" else {})}
