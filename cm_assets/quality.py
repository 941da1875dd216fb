"""The data-quality report from the instance: what every asset check of the graph last said, and said before.

Two queries, however many checks there are: their evaluations, and the runs that these are of. What a check is found to
be, and how the report looks, is `cm_core.quality`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus as Status

from cm_assets.metadata import rows_of
from cm_core.quality import Check, Evaluation, Planned, Report, check_of, import_days
from cm_core.quality.report import TREND
from resources.dbt_tests import HIDDEN

if TYPE_CHECKING:
    from dagster._core.storage.event_log.base import EventLogStorage

    from cm_core.settings import Settings
    from cm_core.store import Database

#: Rows shown of those that break a check.
SAMPLES = 5
#: Columns of sample rows that are about a person and stay out of the report; ids say who is meant.
_PERSONAL = frozenset(
    {"contact", "contact_key", "evidence", "phone_e164", "email", "email_key", "address", "address_key", "name_zip_key",
     "first_name", "last_name", "organization_name", "display_name", "street"}
)  # fmt: skip
#: Where checks say how many rows break them.
_COUNTS = ("violations", "entities", "dagster_dbt/failed_row_count")
_RUN_IDS_AT_ONCE = 500


@dataclass(frozen=True)
class _Execution:
    """A check's part in a run. `event` is None where nobody asks for what it says."""

    run_id: str
    status: Status
    at: datetime
    event: dg.EventLogEntry | None


def report_of(settings: Settings, database: Database, *, days: int = 1) -> Report:
    """The report from the instance under CM_HOME; for programs that are no run of the graph."""
    from cm_assets.launch import open_instance

    with open_instance(settings) as instance:
        return collect(instance, database, days=days)


def collect(
    instance: dg.DagsterInstance, database: Database, *, days: int = 1, defs: dg.Definitions | None = None
) -> Report:
    """The report as of now. `defs`: the graph, by default all of it."""
    from cm_assets.build import build_defs

    at = datetime.now(UTC).replace(tzinfo=None)
    checks = _defined(defs or build_defs(sensors=False))
    since = at - timedelta(days=days)
    executions = _executions(instance.event_log_storage, list(checks), since)
    runs = _runs(instance, executions, since)
    found = [
        check_of(
            check,
            [_evaluation(each, runs) for each in executions[key] if each.status is not Status.PLANNED],
            _did_not_run(executions[key], runs),
            at=at,
            days=days,
        )
        for key, check in checks.items()
    ]
    return Report(at, days, tuple(found), import_days(database, at=at))


def _defined(defs: dg.Definitions) -> dict[dg.AssetCheckKey, Check]:
    """Every check of the graph, none of them evaluated."""
    graph = defs.resolve_asset_graph()
    checks = {}
    for key in graph.asset_check_keys:
        asset = graph.get(key.asset_key) if graph.has(key.asset_key) else None
        checks[key] = Check(
            asset=key.asset_key.to_user_string(),
            name=key.name,
            description=graph.get_check_spec(key).description,
            group=(asset.group_name if asset else None) or "other",
            layer=asset.tags.get("layer") if asset else None,
            severity="ERROR",
            latest=None,
        )
    return checks


def _executions(
    storage: EventLogStorage, keys: Sequence[dg.AssetCheckKey], since: datetime
) -> Mapping[dg.AssetCheckKey, list[_Execution]]:
    """The last executions of each check, newest first: as many as a trend shows, and all since `since`."""
    from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

    found: dict[dg.AssetCheckKey, list[_Execution]] = defaultdict(list)
    wanted = set(keys)
    read = _from_sql(storage, since) if isinstance(storage, SqlEventLogStorage) else _one_by_one(storage, keys)
    for key, execution in read:
        if key in wanted:
            found[key].append(execution)
    return found


def _from_sql(storage: Any, since: datetime) -> Iterator[tuple[dg.AssetCheckKey, _Execution]]:
    """One query. What an evaluation says is read where it counts: of the newest, and of failures since `since`."""
    import sqlalchemy as sa
    from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
    from dagster._serdes import deserialize_value

    table = AssetCheckExecutionsTable.c
    is_planned = table.execution_status == Status.PLANNED.value
    ranked = sa.select(
        table.id,
        sa.func.row_number()
        .over(partition_by=(table.asset_key, table.check_name, is_planned), order_by=table.id.desc())
        .label("place"),
    ).subquery()
    counts = sa.or_(
        ranked.c.place == 1,
        sa.and_(table.execution_status == Status.FAILED.value, table.evaluation_event_timestamp >= since),
    )
    query = (
        sa.select(
            table.asset_key,
            table.check_name,
            table.run_id,
            table.execution_status,
            table.evaluation_event_timestamp,
            sa.case((counts, table.evaluation_event), else_=None),
        )
        .join(ranked, ranked.c.id == table.id)
        .where(
            sa.or_(
                sa.and_(~is_planned, sa.or_(ranked.c.place <= TREND, table.evaluation_event_timestamp >= since)),
                sa.and_(is_planned, ranked.c.place == 1),
            )
        )
        .order_by(table.id.desc())
    )
    with storage.index_connection() as connection:
        rows = connection.execute(query).fetchall()
    for asset_key, name, run_id, status, at, event in rows:
        key = dg.AssetKey.from_db_string(asset_key)
        if key is not None:
            entry = deserialize_value(event, dg.EventLogEntry) if event else None
            yield dg.AssetCheckKey(key, name), _Execution(run_id, Status(status), at, entry)


def _one_by_one(
    storage: EventLogStorage, keys: Iterable[dg.AssetCheckKey]
) -> Iterator[tuple[dg.AssetCheckKey, _Execution]]:
    """For storages that are no SQL database (Dagster+): a query for each check."""
    for key in keys:
        for record in storage.get_asset_check_execution_history(key, limit=TREND):
            at = record.event.timestamp if record.event else record.create_timestamp
            naive = datetime.fromtimestamp(at, UTC).replace(tzinfo=None)
            yield key, _Execution(record.run_id, record.status, naive, record.event)


def _runs(
    instance: dg.DagsterInstance, executions: Mapping[dg.AssetCheckKey, Sequence[_Execution]], since: datetime
) -> dict[str, dg.DagsterRun]:
    """The runs whose imports, or end, matter to a check's state, by id."""
    wanted: dict[str, None] = {}
    for of_check in executions.values():
        recent = [each for each in of_check if each.at >= since]
        if any(each.status is Status.FAILED for each in recent):
            wanted |= dict.fromkeys(each.run_id for each in recent)
        wanted |= dict.fromkeys(each.run_id for each in of_check[:1])
        wanted |= dict.fromkeys(each.run_id for each in islice(_evaluated(of_check), 1))
    found = {}
    ids = list(wanted)
    for start in range(0, len(ids), _RUN_IDS_AT_ONCE):
        for run in instance.get_runs(dg.RunsFilter(run_ids=ids[start : start + _RUN_IDS_AT_ONCE])):
            found[run.run_id] = run
    return found


def _evaluated(executions: Iterable[_Execution]) -> Iterator[_Execution]:
    return (each for each in executions if each.status is not Status.PLANNED)


def _did_not_run(executions: Sequence[_Execution], runs: Mapping[str, dg.DagsterRun]) -> Planned | None:
    """The newest execution, where its run failed before it. A run of imports says so by their own state."""
    newest = executions[0] if executions else None
    if newest is None or newest.status is not Status.PLANNED:
        return None
    run = runs.get(newest.run_id)
    if run is None or _partition(run) is not None or run.status is not dg.DagsterRunStatus.FAILURE:
        return None
    return Planned(newest.at, newest.run_id)


def _evaluation(execution: _Execution, runs: Mapping[str, dg.DagsterRun]) -> Evaluation:
    event = execution.event.dagster_event if execution.event else None
    said = event.asset_check_evaluation_data if event else None
    run = runs.get(execution.run_id)
    return Evaluation(
        at=execution.at,
        passed=execution.status is Status.SUCCEEDED,
        partition=_partition(run) if run else None,
        severity=said.severity.value if said else "ERROR",
        description=said.description if said else None,
        failing_rows=_failing_rows(said.metadata) if said else None,
        samples=_samples(said.metadata) if said and not said.passed else (),
    )


def _partition(run: dg.DagsterRun) -> str | None:
    """The import, or the first and the last of those that shared the run."""
    from dagster._core.storage.tags import (
        ASSET_PARTITION_RANGE_END_TAG,
        ASSET_PARTITION_RANGE_START_TAG,
        PARTITION_NAME_TAG,
    )

    if one := run.tags.get(PARTITION_NAME_TAG):
        return one
    first, last = (run.tags.get(tag) for tag in (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG))
    return first if first == last else f"{first} to {last}"


def _failing_rows(metadata: Mapping[str, dg.MetadataValue[Any]]) -> int | None:
    for name in _COUNTS:
        if name in metadata and metadata[name].value is not None:
            return int(metadata[name].value)
    return None


def _samples(metadata: Mapping[str, dg.MetadataValue[Any]]) -> tuple[Mapping[str, str], ...]:
    """The first rows of the first table in the metadata; lines of a checklist that pass are left out."""
    for value in metadata.values():
        rows: list[dict[str, str]] = []
        if isinstance(value, dg.MarkdownMetadataValue):
            rows = [row for row in rows_of(str(value.value)) if row.get("status") != "PASS"]
        elif isinstance(value, dg.TableMetadataValue):
            rows = [{name: str(cell) for name, cell in record.data.items()} for record in value.records]
        if rows:
            return tuple(
                {name: HIDDEN if name in _PERSONAL and value else value for name, value in row.items()}
                for row in rows[:SAMPLES]
            )
    return ()
