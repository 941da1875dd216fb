"""`cm dnc`: the do-not-call lists that are held, how old they are, and what goes stale when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cm_core.cli import output
from cm_core.cli.ready import ready

if TYPE_CHECKING:
    from cm_core.compliance import DncStatus

dnc_app = typer.Typer(
    help="Do-not-call lists: what is held, how old it is, what goes stale when.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


@dnc_app.callback()
def _group() -> None:
    """Typer takes an app with one command for that command."""


@dnc_app.command()
def status(
    areas: Annotated[int, typer.Option(min=0, help="Area codes to show, those first that go stale first.")] = 20,
    versions: Annotated[int, typer.Option(min=0, help="Versions to show, the newest first.")] = 10,
    as_json: Json = False,
) -> None:
    """Show the lists held, their area codes and ages, and the last ones that were loaded, refused or too old.

    --json has every area code.
    """
    from cm_core.compliance import dnc_status
    from cm_core.imports.records import now

    _, database = ready()
    found = dnc_status(database, now(), versions=versions)
    if as_json:
        output.print_json(found.as_json())
    else:
        _show(found, areas)


def _show(found: DncStatus, areas: int) -> None:
    if not found.lists:
        output.out.print("No do-not-call list is held: no US number may be called. Load one with cm ingest.")
    output.print_table(
        ("list", "area codes", "numbers", "oldest", "newest", "stale", "first goes stale"),
        [
            (
                each.source, f"{each.area_codes:,}", f"{each.numbers:,}", f"{each.oldest_obtained_at:%Y-%m-%d}",
                f"{each.newest_obtained_at:%Y-%m-%d}", f"{each.stale_area_codes:,}",
                f"{each.first_goes_stale_at:%Y-%m-%d %H:%M}",
            )
            for each in found.lists
        ],
        title=f"Lists (stale after {found.max_age.days} days; times are UTC)",
    )  # fmt: skip
    if areas:
        output.print_table(
            ("list", "area code", "numbers", "obtained", "age, days", "goes stale", "import"),
            [
                (
                    each.source, each.area_code, f"{each.numbers:,}", f"{each.obtained_at:%Y-%m-%d}", each.age_days,
                    _staleness(each.is_stale, f"{each.goes_stale_at:%Y-%m-%d %H:%M}" if each.goes_stale_at else None),
                    each.import_id,
                )
                for each in found.area_codes[:areas]
            ],
            title=f"Area codes: {min(areas, len(found.area_codes)):,} of {len(found.area_codes):,}",
        )  # fmt: skip
    if found.versions:
        output.print_table(
            ("list", "kind", "import", "obtained", "status", "lines", "bad", "added", "removed", "reason"),
            [
                (
                    each.source, each.kind, each.import_id, f"{each.obtained_at:%Y-%m-%d}", each.status,
                    f"{each.row_count:,}", f"{each.bad_rows:,}", f"{each.added:,}", f"{each.removed:,}",
                    each.status_reason,
                )
                for each in found.versions
            ],
            title="Versions",
        )  # fmt: skip


def _staleness(is_stale: bool, at: str | None) -> str:
    if at is None:
        return "not held: changes only"
    return f"STALE since {at}" if is_stale else at
