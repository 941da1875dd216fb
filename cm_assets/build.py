"""The one place that lists assets, checks, jobs, sensors and resources. Each is defined in its own module."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from cm_core.settings import get_settings


def build_defs(
    *,
    dbt: bool = True,
    sensors: bool = True,
    resources: Mapping[str, Any] | None = None,
    loggers: Mapping[str, dg.LoggerDefinition] | None = None,
) -> dg.Definitions:
    """The definitions; tests override `resources`, and a single import leaves `dbt` and `sensors` out to start fast.

    Every run is one process (the in-process executor), so that a step costs no interpreter start.
    """
    # Backfill policies are "beta" in Dagster 1.13; the graph snapshot would show a change.
    warnings.filterwarnings("ignore", category=dg.BetaWarning, message=".*backfill_policy.*")
    from cm_assets import call_logs, crm, duplicates, legacy, persons, raw_imports, reports, staging, touchpoints
    from cm_assets.checks import linkage
    from cm_assets.checks.invariants import invariant_checks
    from cm_assets.checks.outcome import import_complete
    from cm_assets.compliance import contact_facts, dnc_registry, opt_outs
    from cm_assets.daily import days
    from cm_assets.jobs import extract_jobs, follow_up_jobs, import_jobs, integration_jobs
    from resources.database import DatabaseResource
    from resources.pipedrive import PipedriveResource
    from resources.ringcentral import RingCentralResource

    daily = days(get_settings())
    assets: list[dg.AssetsDefinition] = [
        legacy.legacy_mysql_plan,
        legacy.legacy_mysql_extract,
        raw_imports.raw_import,
        staging.staging_raw_import,
        staging.import_validation_log,
        persons.canonical_people,
        duplicates.linkage_model,
        duplicates.duplicate_pairs,
        duplicates.person_duplicates,
        dnc_registry,
        opt_outs,
        contact_facts,
        touchpoints.campaigns,
        touchpoints.touchpoints,
        reports.import_report,
        *crm.pulls(daily),
        *crm.ASSETS,
        *call_logs.pulls(daily),
    ]
    checks = [
        *invariant_checks(),
        import_complete,
        linkage.model_is_trained,
        linkage.no_over_merged_entity,
        linkage.match_rate_is_steady,
        linkage.cluster_sizes_are_steady,
        legacy.slice_matches_source,
        legacy.extract_is_complete,
    ]
    built: dict[str, Any] = {
        "store": DatabaseResource(), "pipedrive": PipedriveResource(), "ringcentral": RingCentralResource(),
    }  # fmt: skip
    jobs = [*import_jobs(), *extract_jobs(), *integration_jobs()]
    follow_ups = follow_up_jobs()
    if dbt:
        models, dbt_resources = _dbt()
        assets += models
        built |= dbt_resources
        jobs += follow_ups
        checks += _compliance_checks()
    else:
        jobs += [job for job in follow_ups if job.name != "marts"]
    return dg.Definitions(
        assets=assets,
        asset_checks=checks,
        jobs=jobs,
        sensors=_sensors(jobs) if sensors else [],
        schedules=_schedules(jobs) if sensors else [],
        resources={**built, **(resources or {})},
        executor=dg.in_process_executor,
        loggers=loggers,
    )


def _sensors(jobs: Sequence[Any]) -> list[dg.SensorDefinition]:
    from cm_assets.automation import automation_sensor
    from cm_assets.jobs import IMPORT_JOBS
    from sensors.changes import changes_sensor
    from sensors.crm import events_sensor, suppressions_sensor
    from sensors.landing import landing_sensor

    seconds = get_settings().sensor_seconds
    by_name = {job.name: job for job in jobs}
    found = [
        landing_sensor({target: by_name[name] for target, name in IMPORT_JOBS.items()}, interval_seconds=seconds),
        automation_sensor(interval_seconds=max(seconds, 10)),
    ]
    every = max(seconds, 10)
    found += [
        events_sensor(by_name["handle_crm_events"], interval_seconds=every),
        suppressions_sensor(by_name["push_suppressions"], interval_seconds=every),
    ]
    if "marts" in by_name:
        found.append(changes_sensor(by_name["marts"], interval_seconds=max(seconds, 10)))
    return found


def _schedules(jobs: Sequence[Any]) -> list[dg.ScheduleDefinition]:
    from cm_assets.daily import DAILY_PULL
    from sensors import daily

    by_name = {job.name: job for job in jobs}
    pulls = {
        "pull_pipedrive": ("pipedrive", ("pipedrive_persons", "pipedrive_activities", "pipedrive_deals")),
        "pull_ringcentral": ("ringcentral", ("ringcentral_call_log", "ringcentral_messages", "ringcentral_consents")),
    }
    return [
        *(
            daily.pull_schedule(by_name[name], system=system, assets=assets, cron=DAILY_PULL)
            for name, (system, assets) in pulls.items()
        ),
        *(
            daily.crm_schedule(by_name[name], cron=cron)
            for name, cron in (("reconcile_crm", daily.RECONCILE), ("push_crm", daily.PUSH))
        ),
    ]


def _dbt() -> tuple[list[dg.AssetsDefinition], dict[str, Any]]:
    from cm_assets.automation import with_marts_condition, with_report_condition
    from cm_assets.compliance import build_dbt_assets, calling_windows, compliance_violations
    from cm_assets.reports import quality_report

    (models,), resources = build_dbt_assets()
    report = with_report_condition(quality_report, models)
    return [*with_marts_condition(models, calling_windows, compliance_violations), report], resources


def _compliance_checks() -> list[dg.AssetChecksDefinition]:
    from cm_assets.checks.compliance import contacts_were_lawful, listed_numbers_are_known

    return [contacts_were_lawful, listed_numbers_are_known]
