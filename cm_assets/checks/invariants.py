"""The invariants that hold whatever was imported, as asset checks. The seed's checklist is `checklist.py`.

Each check is one query in `sql/`: it selects what breaks the rule, and passes when nothing comes back. Queries ask
MySQL, or DuckDB over the staged Parquet files of an import.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import dagster as dg

from cm_assets import shared_run
from cm_assets.failures import clean_failures
from cm_assets.metadata import table
from resources.database import DatabaseResource

if TYPE_CHECKING:
    from cm_core.settings import Settings
    from cm_core.store import Database

#: Rows that break a rule are counted up to here and the first few are shown.
LIMIT = 1000


@dataclass(frozen=True)
class Invariant:
    """A rule and the query of the same name that finds what breaks it."""

    name: str
    asset: str
    description: str
    per_import: bool
    staged: bool = False
    """The query asks DuckDB over the import's staged tables `rows` and `findings`, not MySQL."""
    blocking: bool = False
    sources: tuple[str, ...] = ()
    """What the query is asked about, where it is about pulls."""


_PULLED = (
    ("pipedrive_persons", ("pipedrive_persons", "pipedrive_opt_outs")),
    ("pipedrive_activities", ("pipedrive_activities",)),
    ("pipedrive_deals", ("pipedrive_deals",)),
    ("ringcentral_call_log", ("ringcentral_calls",)),
    ("ringcentral_messages", ("ringcentral_messages",)),
    ("ringcentral_consents", ("ringcentral_consents",)),
)
INVARIANTS = (
    Invariant(
        "rows_conserved_in_staging",
        "staging_raw_import",
        "Rows in the file = staged + rejected. Blocks what follows: a row lost here would be missed for good.",
        per_import=True,
        staged=True,
        blocking=True,
    ),
    Invariant(
        "rows_conserved",
        "import_report",
        "Total = inserted + updated + skipped + errors.",
        per_import=True,
    ),
    Invariant(
        "every_row_traced",
        "person_sources",
        "Every staged source row is found again in person_sources.",
        per_import=True,
    ),
    Invariant(
        "one_primary_phone",
        "phone_numbers",
        "A person with a valid phone has one primary phone, and nobody has two.",
        per_import=True,
    ),
    Invariant(
        "one_primary_email",
        "email_addresses",
        "A person with a valid e-mail address has one primary one, and nobody has two.",
        per_import=True,
    ),
    Invariant(
        "every_campaign_row_traced",
        "campaigns",
        "Every staged row of a campaign list is found again in campaign_sources.",
        per_import=True,
    ),
    Invariant(
        "touchpoints_have_a_person_or_a_reason",
        "touchpoints",
        "A touchpoint belongs to a person who exists, and says by which key; or says why it has none.",
        per_import=True,
    ),
    Invariant(
        "one_golden_per_entity",
        "person_duplicates",
        "Every entity (cluster) has exactly one golden record.",
        per_import=False,
    ),
    Invariant(
        "duplicates_point_to_golden",
        "person_duplicates",
        "Every link goes from a duplicate to the golden record of its own entity, and every person who is not "
        "golden has such a link.",
        per_import=False,
    ),
    Invariant(
        "decisions_hold",
        "person_duplicates",
        "Who was decided to be the same is one entity, who was decided to be different is not.",
        per_import=False,
    ),
    Invariant(
        "every_crm_person_is_ours",
        "crm_reconciliation",
        "Everybody who is in the CRM and has landed is a person of ours.",
        per_import=False,
    ),
    Invariant(
        "push_plan_conserved",
        "crm_push",
        "Steps of a plan = applied + waiting + failed + superseded by a later plan.",
        per_import=False,
    ),
    *(
        Invariant(
            "pulled_is_imported",
            asset,
            "What was pulled has landed and was imported, every line of it.",
            per_import=False,
            sources=sources,
        )
        for asset, sources in _PULLED
    ),
)


def invariant_checks() -> list[dg.AssetChecksDefinition]:
    """One asset check per invariant."""
    return [_check(invariant) for invariant in INVARIANTS]


def violations(
    settings: "Settings", database: "Database", invariant: Invariant, import_id: str | None = None
) -> list[dict[str, Any]]:
    """The first rows that break the rule, at most LIMIT; those of one import where the rule is per import."""
    query = files("cm_assets.checks").joinpath("sql", f"{invariant.name}.sql").read_text(encoding="utf-8")
    if invariant.staged and import_id:
        return _staged_violations(settings, database, query, import_id)
    parameters = {
        "limit": LIMIT,
        **({"import_id": import_id} if invariant.per_import else {}),
        **({"sources": invariant.sources} if invariant.sources else {}),
    }
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute(query, parameters)
        columns = [column[0] for column in cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


def _staged_violations(settings: "Settings", database: "Database", query: str, import_id: str) -> list[dict[str, Any]]:
    from cm_core.compute import session
    from cm_core.imports import records, replay_log
    from cm_core.imports.staged import read_staged

    parameters = {"import_id": import_id, "row_count": records.get(database, import_id).row_count}
    parts = replay_log.parts_at_work(database, import_id)
    with session(settings) as con:
        read_staged(settings, con, import_id, ("rows", "findings"), parts=parts)
        found: list[dict[str, Any]] = con.sql(query, params=parameters).to_arrow_table().to_pylist()
    return found


def _check(invariant: Invariant) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=invariant.asset,
        name=invariant.name,
        description=invariant.description,
        blocking=invariant.blocking,
    )
    def check(context: dg.AssetCheckExecutionContext, store: DatabaseResource) -> dg.AssetCheckResult:
        keys = _keys(context, invariant)
        with clean_failures(context):
            broken = {key: rows for key in keys if (rows := violations(store.settings, store.database, invariant, key))}
        if invariant.blocking and len(broken) < len(keys):
            _fall_out(broken, invariant)
            return _result(broken, severity=dg.AssetCheckSeverity.WARN)
        return _result(broken)

    return check


def _keys(context: dg.AssetCheckExecutionContext, invariant: Invariant) -> Sequence[str | None]:
    shared_run.enter(context.run.run_id)
    return context.op_execution_context.partition_keys if invariant.per_import else [None]


def _fall_out(broken: Mapping[str | None, Sequence[Any]], invariant: Invariant) -> None:
    """What would block the run takes only its own imports out of one over several. A warning does not block."""
    for import_id in broken:
        if import_id is not None:
            shared_run.fail(import_id, f"{invariant.name}: {invariant.description}")


def _result(
    broken: Mapping[str | None, Sequence[dict[str, Any]]],
    *,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Passed when no import breaks the rule; each that does is named, with the first of its rows."""
    counts = {
        import_id: f"{'at least ' if len(rows) >= LIMIT else ''}{len(rows)} rows break the rule"
        for import_id, rows in broken.items()
    }
    # Of each import one row first, so that none is missing among the few that are shown.
    examples = [
        {**({"import_id": import_id} if import_id else {}), **row}
        for rows_of_all in zip_longest(*([(import_id, row) for row in rows] for import_id, rows in broken.items()))
        for import_id, row in filter(None, rows_of_all)
    ]
    return dg.AssetCheckResult(
        passed=not broken,
        severity=severity,
        description="; ".join(f"{import_id}: {text}" if import_id else text for import_id, text in counts.items())
        or None,
        metadata={"violations": len(examples), **({"examples": table(examples)} if examples else {})},
    )
