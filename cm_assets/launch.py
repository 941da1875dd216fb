"""Runs of the graph's jobs started from a program (the command line), in its own process.

The run is recorded in the same instance that the UI shows, under the same job and partition as if the sensor had
started it. What the jobs are is `jobs.py`; finding and registering files is `cm_core.imports.registry`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
from dagster import DagsterEvent, DagsterInstance, JobDefinition

from cm_assets import shared_run
from cm_core.errors import CmError
from cm_core.settings import Settings

#: The module that the UI's code location is loaded from (workspace.yaml); the runs are shown as its.
CODE_LOCATION = "cm_assets.definitions"

_PARTITION_TAG = "dagster/partition"
_NO_COMPUTE_LOGS = {
    "compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
}

#: Use the job's own logger (a file, see `_file_logger`); without this Dagster adds one on the terminal.
_QUIET = {"loggers": {"console": {}}}


@dataclass(frozen=True)
class StepEvent:
    """What happened to a step: `started`, `finished`, `failed` or `retry`; `import_id` where the run has one."""

    step: str
    state: str
    import_id: str | None = None
    message: str | None = None


@dataclass(frozen=True)
class LaunchResult:
    """How the runs ended. `errors` are one-line messages of failed steps, led by the import id where there is one."""

    success: bool
    run_ids: tuple[str, ...]
    errors: tuple[str, ...]

    @property
    def run_id(self) -> str:
        """The last run."""
        return self.run_ids[-1]


OnEvent = Callable[[StepEvent], None]


def run_import(
    settings: Settings, import_ids: list[str], target: str, *, on_event: OnEvent | None = None
) -> LaunchResult:
    """Run the import job of `target` for the imports, many to a run, one run after the other, in this process.

    An import that fails keeps none of the others from being finished. The process may hold the imports already
    (`records.HOLD`); each is let go of when its run has ended.
    """
    from cm_assets.jobs import IMPORT_JOBS
    from cm_assets.partitions import imports
    from cm_core.imports import batches, registry
    from cm_core.imports.records import HOLD
    from cm_core.store import open_database

    database = open_database(settings)
    items = registry.named(database, import_ids)
    bounds = batches.bounds(settings, database, items)
    with open_instance(settings) as instance:
        job = _job(settings, IMPORT_JOBS[target], dbt=False)
        places = {key: place for place, key in enumerate(instance.get_dynamic_partitions(str(imports.name)))}
        instance.add_dynamic_partitions(str(imports.name), [item.import_id for item in items])
        results = []
        for batch in batches.batches(items, bounds, places):
            try:
                results.append(_run_batch(instance, job, batch.import_ids, on_event))
            finally:
                for import_id in batch.import_ids:
                    HOLD.release(import_id)
    return _together(results)


def _run_batch(
    instance: DagsterInstance, job: JobDefinition, import_ids: list[str], on_event: OnEvent | None
) -> LaunchResult:
    """One run over the imports, whose partitions lie side by side. Errors are of single imports."""
    if len(import_ids) == 1:
        tags = {_PARTITION_TAG: import_ids[0], "cm/import_id": import_ids[0]}
        return _run(instance, job, tags, on_event)
    result = _run(instance, job, {**_range(import_ids), "cm/imports": str(len(import_ids))}, on_event)
    failed = shared_run.failed()
    others = [] if failed else [f"{import_id}: {error}" for import_id in import_ids for error in result.errors]
    return LaunchResult(
        result.success,
        result.run_ids,
        tuple([f"{import_id}: {reason}" for import_id, reason in failed.items()] + others),
    )


def _range(partitions: list[str]) -> dict[str, str]:
    """The tags that make a run one over all partitions from the first to the last."""
    from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

    return {ASSET_PARTITION_RANGE_START_TAG: partitions[0], ASSET_PARTITION_RANGE_END_TAG: partitions[-1]}


def run_extract(settings: Settings, slices: list[str], *, on_event: OnEvent | None = None) -> LaunchResult:
    """Run the job `extract_legacy` over the slices of one table, from the first to the last, in this process."""
    from cm_assets.partitions import legacy_slices

    with open_instance(settings) as instance:
        instance.add_dynamic_partitions(str(legacy_slices.name), slices)
        return _run(instance, _job(settings, "extract_legacy", dbt=False), _range(slices), on_event)


def run_pull(settings: Settings, job: str, day: date, *, on_event: OnEvent | None = None) -> LaunchResult:
    """Run a job over days (`pull_pipedrive`, `pull_ringcentral`) for one of them, in this process."""
    with open_instance(settings) as instance:
        return _run(instance, _job(settings, job, dbt=False), {_PARTITION_TAG: day.isoformat()}, on_event)


def run_landed(settings: Settings, *, on_event: OnEvent | None = None) -> LaunchResult | None:
    """Import what lies in the landing zone and nobody works on, as the sensor would have it done; None: nothing does.

    What has only just landed is waited for (CM_SETTLE_SECONDS).
    """
    from cm_core.imports import batches, registry
    from cm_core.store import open_database

    database = open_database(settings)
    if settings.landing.startswith("file:"):
        time.sleep(settings.settle_seconds)
    registry.scan_landing(settings, database)
    waiting = registry.waiting(database)
    targets = sorted({item.target for item in waiting}, key=batches.order_of)
    found = {target: [item.import_id for item in waiting if item.target == target] for target in targets}
    results = [run_import(settings, ids, target, on_event=on_event) for target, ids in found.items()]
    return _together(results) if results else None


def run_dedupe(settings: Settings, *, full: bool = False, on_event: OnEvent | None = None) -> LaunchResult:
    """Run the `dedupe` job in this process; `full` is the configuration of its assets."""
    ops = {name: {"config": {"full": full}} for name in ("duplicate_pairs", "person_duplicates")}
    with open_instance(settings) as instance:
        return _run(instance, _job(settings, "dedupe", dbt=False), {}, on_event, ops=ops)


def run_marts(settings: Settings, *, on_event: OnEvent | None = None) -> LaunchResult:
    """Run the `marts` job (dbt) in this process."""
    with open_instance(settings) as instance:
        return _run(instance, _job(settings, "marts", dbt=True), {}, on_event)


def prepare(settings: Settings) -> None:
    """Create the instance's databases and fail the runs whose process is gone."""
    with open_instance(settings) as instance:
        instance.all_instigator_state()


@contextmanager
def open_instance(settings: Settings) -> Iterator[DagsterInstance]:
    """The instance under CM_HOME. What steps print is not captured: the terminal belongs to the caller."""
    from dagster._core.instance.ref import InstanceRef

    from cm_assets.run_launcher import fail_gone_runs
    from cm_core.cli.dagster_home import one_at_a_time, write_dagster_home

    home = write_dagster_home(settings)
    with one_at_a_time(home):
        instance = DagsterInstance.from_ref(InstanceRef.from_dir(str(home), overrides=_NO_COMPUTE_LOGS))
        instance.get_runs(limit=1)
    with instance:
        fail_gone_runs(instance)
        yield instance


def _job(settings: Settings, name: str, *, dbt: bool) -> JobDefinition:
    from cm_assets.build import build_defs
    from resources.database import database_of

    defs = build_defs(
        dbt=dbt,
        sensors=False,
        resources={"store": database_of(settings)},
        loggers={"console": _file_logger(settings.home_dir / "logs")},
    )
    return defs.resolve_job_def(name)


def _file_logger(folder: Path) -> dg.LoggerDefinition:
    """Dagster's own log of the run, in a file instead of on the terminal."""

    @dg.logger
    def console(context: dg.InitLoggerContext) -> logging.Logger:
        folder.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(folder / "runs.log", encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger = logging.Logger("cm.runs", logging.INFO)
        logger.addHandler(handler)
        return logger

    return console


def _run(
    instance: DagsterInstance,
    job: JobDefinition,
    tags: Mapping[str, str],
    on_event: OnEvent | None,
    *,
    ops: Mapping[str, Any] | None = None,
) -> LaunchResult:
    """Record a run of `job` and execute it here. Raises KeyboardInterrupt after an interrupted run was closed."""
    from dagster._core.definitions.job_base import InMemoryJob
    from dagster._core.execution.api import execute_run_iterator

    from cm_core.imports.records import actor

    run = instance.create_run_for_job(
        job_def=job,
        run_config={**_QUIET, "ops": dict(ops or {})},
        tags={**job.run_tags, **tags, "cm/started_by": "command line", "cm/user": actor()},
        remote_job_origin=_origin(job.name),
    )
    shared_run.enter(run.run_id)
    import_id = tags.get(_PARTITION_TAG)
    errors: list[str] = []
    interrupted = False
    try:
        for event in execute_run_iterator(InMemoryJob(job), run, instance):
            interrupted = interrupted or _is_interrupt(event)
            step_event = _step_event(event, import_id)
            if step_event is None:
                continue
            if step_event.state == "failed":
                errors.append(f"{import_id}: {step_event.message}" if import_id else str(step_event.message))
            if on_event:
                on_event(step_event)
    finally:
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    if interrupted:
        raise KeyboardInterrupt
    finished = instance.get_run_by_id(run.run_id)
    success = finished is not None and finished.is_success
    if not success and not errors:
        raise CmError(f"Run {run.run_id} of {job.name} did not finish; see {CODE_LOCATION} in the UI.")
    return LaunchResult(success, (run.run_id,), tuple(errors))


def _origin(job_name: str) -> Any:
    """Where the UI finds this job, so that it shows the run as one of the code location's."""
    from dagster._core.remote_origin import RemoteJobOrigin, RemoteRepositoryOrigin
    from dagster._core.workspace.load import location_origin_from_module_name

    location = location_origin_from_module_name(CODE_LOCATION, attribute=None, working_directory=None)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), job_name)


_STATES = {
    "STEP_START": "started",
    "STEP_SUCCESS": "finished",
    "STEP_FAILURE": "failed",
    "STEP_UP_FOR_RETRY": "retry",
}


def _step_event(event: DagsterEvent, import_id: str | None) -> StepEvent | None:
    state = _STATES.get(event.event_type_value)
    if state is None:
        return None
    return StepEvent(str(event.step_key), state, import_id, _message(event))


def _message(event: DagsterEvent) -> str | None:
    """The message of a failed step: that of a clean failure, else the first line of the innermost exception."""
    if event.event_type_value != "STEP_FAILURE":
        return None
    failure = event.step_failure_data
    if failure.user_failure_data and failure.user_failure_data.description:
        return failure.user_failure_data.description
    error = failure.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip().splitlines()[0] if error and error.message.strip() else event.message


def _is_interrupt(event: DagsterEvent) -> bool:
    reason = getattr(event.event_specific_data, "failure_reason", None)
    return getattr(reason, "value", None) == "UNEXPECTED_TERMINATION"


def _together(results: list[LaunchResult]) -> LaunchResult:
    return LaunchResult(
        all(result.success for result in results),
        tuple(run_id for result in results for run_id in result.run_ids),
        tuple(error for result in results for error in result.errors),
    )
