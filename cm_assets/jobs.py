"""Jobs: which assets one run takes through, per kind of import, and the two follow-ups for people to start by hand."""

from __future__ import annotations

import dagster as dg

_BEFORE = dg.AssetSelection.assets("raw_import", "staging_raw_import", "import_validation_log")
_AFTER = dg.AssetSelection.assets("import_report")

#: Job by target of a feed: what the landing sensor and `cm ingest` run.
IMPORT_JOBS = {
    "contacts": "import_contacts",
    "dnc_registry": "import_dnc_registry",
    "opt_outs": "import_opt_outs",
    "contact_facts": "import_contact_facts",
    "campaigns": "import_campaigns",
    "touchpoints": "import_touchpoints",
}


def import_jobs() -> list[dg.JobDefinition]:
    """One job per target: file, staged rows, the tables of that target, report."""
    targets = {
        "contacts": dg.AssetSelection.groups("persons"),
        "dnc_registry": dg.AssetSelection.assets("dnc_registry"),
        "opt_outs": dg.AssetSelection.assets("opt_outs"),
        "contact_facts": dg.AssetSelection.assets("contact_facts"),
        "campaigns": dg.AssetSelection.assets("campaigns"),
        "touchpoints": dg.AssetSelection.assets("touchpoints"),
    }
    return [
        dg.define_asset_job(
            IMPORT_JOBS[target],
            selection=_BEFORE | tables | _AFTER,
            description=f"One import of a {target} feed, from the landing zone to its report.",
            tags={"cm/target": target},
        )
        for target, tables in targets.items()
    ]


def extract_jobs() -> list[dg.JobDefinition]:
    """The legacy database: cutting its tables into slices, and extracting slices."""
    return [
        dg.define_asset_job(
            "plan_legacy_extract",
            selection=dg.AssetSelection.assets("legacy_mysql_plan"),
            description="Cut the tables of the legacy database into slices: partitions for extract_legacy.",
        ),
        dg.define_asset_job(
            "extract_legacy",
            selection=dg.AssetSelection.assets("legacy_mysql_extract"),
            description="Let slices of the legacy database land. A backfill goes on where one was interrupted.",
        ),
    ]


def integration_jobs() -> list[dg.JobDefinition]:
    """Pipedrive and RingCentral: the pulls of a day, and what goes out."""
    described = {
        "pull_pipedrive": (
            ("pipedrive_persons", "pipedrive_activities", "pipedrive_deals"),
            "What changed in Pipedrive on a day lands for import. A backfill takes one run a day.",
        ),
        "pull_ringcentral": (
            ("ringcentral_call_log", "ringcentral_messages", "ringcentral_consents"),
            "Calls, texts and consents of a day land for import. A backfill takes one run a day.",
        ),
        "reconcile_crm": (("crm_reconciliation",), "Everybody in Pipedrive is read: deletes and merges are found."),
        "push_crm": (
            ("crm_plan", "crm_push"),
            "Plan what goes out to Pipedrive, and do what today's tokens allow.",
        ),
        "push_suppressions": (("crm_suppressions",), "Who may not be contacted is written into Pipedrive at once."),
        "handle_crm_events": (("crm_events",), "What Pipedrive's webhooks told of is read anew and lands."),
    }
    return [
        dg.define_asset_job(
            name,
            selection=dg.AssetSelection.assets(*assets),
            description=text,
            # Before all that is queued: somebody asked to be left alone.
            tags={"dagster/priority": "10"} if name == "push_suppressions" else None,
        )
        for name, (assets, text) in described.items()
    ]


def follow_up_jobs() -> list[dg.JobDefinition]:
    """Duplicates, and the dbt marts. Automation runs the same assets without being asked."""
    return [
        dg.define_asset_job(
            "dedupe",
            selection=dg.AssetSelection.groups("duplicates"),
            description="Find duplicates among all persons, choose golden records.",
        ),
        dg.define_asset_job(
            "marts",
            selection=dg.AssetSelection.kind("dbt")
            | dg.AssetSelection.assets("calling_windows", "compliance_violations"),
            description="Verdicts per channel on golden persons, all other dbt models, and their tests; before them "
            "calling hours, and contacts that were against the law.",
        ),
    ]
