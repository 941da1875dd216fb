"""The partitions of the graph, and the loop that takes a step of a run through its imports one by one.

What is done to an import belongs to the asset that calls the loop; what falls out of a run is kept in `shared_run`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg

from cm_assets import shared_run
from cm_assets.failures import MAX_RETRIES, dagster_failure, seconds_to_wait
from cm_assets.metadata import metadata_of
from cm_core.errors import CmError, ImportBusy


class ImportPartitions(dg.DynamicPartitionsDefinition):
    """Imports by `import_id`; a range of them does not hold those that have fallen out of the run under way.

    Dagster has a run over a range succeed or fail as a whole: each step that ends well counts as done for every
    partition of the range. Here an import that failed in a step is gone from the range afterwards, so the steps that
    follow pass it over, and no table is shown as having it.
    """

    def get_partition_keys_in_range(self, partition_key_range: dg.PartitionKeyRange) -> list[str]:
        """The partitions of the range, in order, without those that have fallen out."""
        whole = shared_run.remembered(partition_key_range, super().get_partition_keys_in_range)
        fallen = shared_run.fallen()
        return [key for key in whole if key not in fallen]


#: One partition an import; the key is its `import_id`. The landing sensor adds them.
imports = ImportPartitions(name="imports")

#: One partition a slice of a table of the legacy database; the key is the slice's name. `legacy_mysql_plan` adds them.
legacy_slices = dg.DynamicPartitionsDefinition(name="legacy_slices")

#: A backfill of many imports is one run; each step takes them in the order of their partitions.
one_run = dg.BackfillPolicy.single_run()

#: The check, and step, that ends a run over several imports: `checks.outcome`.
IMPORT_COMPLETE = "import_complete"

Work = Callable[[str], Any]


def for_each_import(
    context: dg.AssetExecutionContext,
    work: Work,
    *,
    describe: Callable[[Any], dict[str, Any]] = metadata_of,
    split: Callable[[Any, str], dict[str, Any]] | None = None,
    keep: Callable[[Any], Any] = lambda result: None,
) -> dict[str, Any]:
    """Do `work(import_id)` for every import of the run and attach what it returns as metadata.

    In a run over several imports one that fails falls out of the run, and the others go on, in this step and in those
    that follow. The run fails at its end and names each: in the check `import_complete`, or, where that is not part of
    the run, in this step. A step whose imports have all failed fails.

    `describe(result)` gives the metadata; for a multi-asset `split(result, asset_name)` gives that of one. Returns
    what `keep` makes of each result: a run over thousands of imports remembers no more than it needs.
    """
    import_ids = _entered(context)
    if len(import_ids) == 1 and not shared_run.failed():
        with _one_failure(context):
            return {import_ids[0]: keep(_do(context, work, import_ids[0], describe, split))}
    kept = _loop(context, import_ids, work, describe, split, keep)
    _raise_failures(context, kept)
    return kept


def for_all_imports(
    context: dg.AssetExecutionContext,
    work: Callable[[Sequence[str]], Mapping[str, Any]],
    *,
    split: Callable[[Any, str], dict[str, Any]],
) -> None:
    """Like `for_each_import` where one call does the imports of the run together, in the order given.

    `work(import_ids)` returns for each what became of it: a result, or the error that ended it. Those whose error may
    pass are done once more, after a while and after the others.
    """
    from cm_core.imports.records import acting_as

    import_ids = _entered(context)
    alone = len(import_ids) == 1 and not shared_run.failed()
    started = time.monotonic()
    with _one_failure(context), acting_as(_actor(context)):
        outcomes = dict(work(import_ids))
        if alone and isinstance(outcomes[import_ids[0]], CmError):
            raise outcomes[import_ids[0]]
        for retries in range(MAX_RETRIES):
            if left := [import_id for import_id in import_ids if _may_pass(outcomes[import_id])]:
                context.log.warning(f"{outcomes[left[0]]} Trying {len(left)} again ({retries + 1} of {MAX_RETRIES}).")
                time.sleep(seconds_to_wait(retries))
                outcomes |= work(left)
    seconds = {"seconds": round(time.monotonic() - started, 3)} if alone else {}
    done = []
    for import_id in import_ids:
        outcome = outcomes[import_id]
        if isinstance(outcome, CmError):
            _fall_out(context, import_id, outcome)
            continue
        done.append(import_id)
        for key in context.selected_asset_keys:
            found = split(outcome, key.to_python_identifier())
            context.add_asset_metadata({**found, **seconds}, asset_key=key, partition_key=import_id)
    _raise_failures(context, done)


def for_each_slice(context: dg.AssetExecutionContext, work: Work) -> None:
    """The same for slices of legacy tables: one that fails keeps none of the others from landing; the step fails."""
    names = list(context.partition_keys)
    failures: dict[str, str] = {}
    if len(names) == 1:
        with _one_failure(context):
            _do(context, work, names[0], metadata_of, None)
        return
    for name in names:
        try:
            _do(context, work, name, metadata_of, None)
        except Exception as error:  # noqa: BLE001  # kept, and raised at the end of the step
            context.log.error(f"{name}: {error}")
            failures[name] = str(error)
    if failures:
        raise several_failed(failures, len(names), noun="slices")


def _actor(context: dg.AssetExecutionContext) -> str:
    """Who is behind the run, for the audit log: the user of the command line, the sensor, or somebody in the UI."""
    tags = context.run.tags
    who = tags.get("cm/user") or (f"sensor {tags['dagster/sensor_name']}" if "dagster/sensor_name" in tags else "UI")
    return f"{who}, run {context.run.run_id}"


def several_failed(failures: Mapping[str, str], total: int, *, noun: str = "imports") -> dg.Failure:
    """The failure of a step or run in which some of `total` partitions failed; names each."""
    reasons = "; ".join(f"{key}: {reason}" for key, reason in failures.items())
    return dg.Failure(description=f"{len(failures)} of {total} {noun} failed. {reasons}", allow_retries=False)


def _entered(context: dg.AssetExecutionContext) -> list[str]:
    """The imports of the run that have not fallen out of it, in order."""
    shared_run.enter(context.run.run_id)
    import_ids = list(context.partition_keys)
    shared_run.took(import_ids)
    _raise_if_nothing_is_left(import_ids)
    return import_ids


def _loop(
    context: dg.AssetExecutionContext,
    import_ids: Sequence[str],
    work: Work,
    describe: Callable[[Any], dict[str, Any]],
    split: Callable[[Any, str], dict[str, Any]] | None,
    keep: Callable[[Any], Any],
) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    patience = _Patience(context)
    for import_id in import_ids:
        try:
            kept[import_id] = keep(_do(context, patience.around(work), import_id, describe, split))
        except Exception as error:  # noqa: BLE001  # kept, and raised at the end of the run
            _fall_out(context, import_id, error)
    return kept


def _fall_out(context: dg.AssetExecutionContext, import_id: str, error: Exception) -> None:
    if isinstance(error, ImportBusy):
        context.log.warning(f"{import_id}: {error} It is left to that process.")
        shared_run.leave(import_id)
    else:
        context.log.error(f"{import_id}: {error}")
        shared_run.fail(import_id, str(error))


def _raise_failures(context: dg.AssetExecutionContext, done: Collection[str]) -> None:
    """Fail the step of a run over several imports, where nothing is left or nobody will name what failed."""
    failed = shared_run.failed()
    if failed and (not done or not _names_failures(context)):
        raise several_failed(failed, shared_run.size())
    _raise_if_nothing_is_left(done)


def _raise_if_nothing_is_left(import_ids: Collection[str]) -> None:
    """A step over no import would count as one that is not of an import at all."""
    if not import_ids:
        raise dg.Failure(
            description="Nothing to do: the imports of this run are being worked on by other processes, or are of "
            "another kind than the job.",
            allow_retries=False,
        )


def _may_pass(outcome: Any) -> bool:
    return isinstance(outcome, CmError) and outcome.retryable and not isinstance(outcome, ImportBusy)


def _do(
    context: dg.AssetExecutionContext,
    work: Work,
    partition: str,
    describe: Callable[[Any], dict[str, Any]],
    split: Callable[[Any, str], dict[str, Any]] | None,
) -> Any:
    """`work(partition)`, its result as metadata of every asset of the step."""
    from cm_core.imports.records import acting_as

    started = time.monotonic()
    with acting_as(_actor(context)):
        result = work(partition)
    seconds = {"seconds": round(time.monotonic() - started, 3)}
    for key in context.selected_asset_keys:
        found = split(result, key.to_python_identifier()) if split else describe(result)
        context.add_asset_metadata({**found, **seconds}, asset_key=key, partition_key=partition)
    return result


@contextmanager
def _one_failure(context: dg.AssetExecutionContext) -> Iterator[None]:
    """The only partition of a step: its error is the step's, with Dagster's retries."""
    try:
        yield
    except Exception as error:
        raise dagster_failure(context, error) from error


class _Patience:
    """Retries within a step over several imports: imports stay in order, and those that are done are not repeated.

    The step waits as often as a step of one import would, not once for every import: what is out of reach for one is
    out of reach for all.
    """

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._context = context
        self._retries = 0

    def around(self, work: Work) -> Work:
        """`work`, tried again after an error that waiting may help."""

        def patient(import_id: str) -> Any:
            while True:
                try:
                    return work(import_id)
                except CmError as error:
                    if not _may_pass(error) or self._retries >= MAX_RETRIES:
                        raise
                    self._context.log.warning(
                        f"{import_id}: {error} Trying again ({self._retries + 1} of {MAX_RETRIES})."
                    )
                    time.sleep(seconds_to_wait(self._retries))
                    self._retries += 1

        return patient


def _names_failures(context: dg.AssetExecutionContext) -> bool:
    """Whether the run ends with the check that fails it for the imports that failed."""
    return context.job_def.has_node_named(IMPORT_COMPLETE)
