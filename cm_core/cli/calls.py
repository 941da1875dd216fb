"""`cm calls`: let RingCentral's calls, texts and consents land, and show what became of what landed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from cm_core.cli import output
from cm_core.cli.ready import ready
from cm_core.errors import UsageError

if TYPE_CHECKING:
    from cm_core.settings import Settings
    from cm_core.store.database import Database
    from cm_core.telephony import PullResult, PullStatus

calls_app = typer.Typer(
    help="RingCentral: pull calls, texts and consents to texts; show what was pulled.", no_args_is_help=True
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
_DAY = ["%Y-%m-%d"]
_SHOWN = ("source", "from", "to", "state", "records", "pages", "requests", "waited, s", "left", "file")


class What(StrEnum):
    """What `cm calls pull` can pull."""

    calls = "calls"
    texts = "texts"
    consents = "consents"


@calls_app.command()
def pull(
    day: Annotated[
        datetime | None, typer.Option(formats=_DAY, help="A UTC day; default: yesterday.", show_default=False)
    ] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", formats=_DAY, help="First day of a range.", show_default=False)
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", formats=_DAY, help="Its last day; default: yesterday.", show_default=False),
    ] = None,
    only: Annotated[
        list[What] | None, typer.Option(help="Pull only this; may be repeated.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Let calls, texts and consents land; what landed is imported as any file is.

    A day is read with the two days before it, since calls change after they ended. A range, of up to twelve months,
    takes fewer requests than its days one by one. What was interrupted goes on where it was.
    """
    if day is not None and (first is not None or last is not None):
        raise UsageError("Give either --day, or --from and --to.")
    if last is not None and first is None:
        raise UsageError("--to needs --from.")
    settings, database = ready()
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    with output.progress("pulling from RingCentral"):
        results = _pull(
            settings,
            database,
            only or list(What),
            day.date() if day else yesterday,
            (first.date(), last.date() if last else yesterday) if first else None,
        )
    if as_json:
        output.print_json([result.as_json() for result in results])
        return
    output.print_table(
        _SHOWN,
        [
            (
                each.source, f"{each.window_from:%Y-%m-%d}", f"{each.window_to:%Y-%m-%d}", each.state,
                f"{each.records:,}", each.pages, each.requests, f"{each.waited_seconds:.0f}", each.left,
                each.landing_key,
            )
            for each in results
        ],
    )  # fmt: skip


@calls_app.command()
def status(
    pulls: Annotated[int, typer.Option(min=0, help="Pulls to show, the newest first.")] = 20, as_json: Json = False
) -> None:
    """Show the last pulls and the imports of their files, and how the limits stand."""
    from cm_core.telephony import pull_status

    _, database = ready()
    found = pull_status(database, pulls=pulls)
    if as_json:
        output.print_json(found.as_json())
    else:
        _show(found)


def _pull(
    settings: Settings, database: Database, what: list[What], day: date, days: tuple[date, date] | None
) -> list[PullResult]:
    from cm_core import telephony

    results: list[PullResult] = []
    try:
        if What.calls in what and days:
            results += telephony.pull_calls_range(settings, database, *days)
        elif What.calls in what:
            results.append(telephony.pull_calls(settings, database, day))
        if What.texts in what and days:
            results += telephony.pull_messages_range(settings, database, *days)
        elif What.texts in what:
            results.append(telephony.pull_messages(settings, database, day))
        if What.consents in what:
            results.append(telephony.pull_consents(settings, database, days[1] if days else day))
    finally:
        telephony.log_out(settings, database)
    return results


def _show(found: PullStatus) -> None:
    if not found.pulls:
        output.out.print("Nothing was pulled from RingCentral yet. Begin with cm calls pull --from DAY.")
    else:
        output.print_table(
            ("pull", "state", "records", "pages", "requests", "waited, s", "finished", "import", "status", "new",
             "changed", "known", "errors"),
            [
                (
                    each.pull_id, each.state, f"{each.records:,}", each.pages, each.requests,
                    f"{each.waited_seconds:.0f}", f"{each.finished_at:%Y-%m-%d %H:%M}" if each.finished_at else None,
                    each.import_id, each.import_status, each.inserted, each.updated, each.skipped, each.errors,
                )
                for each in found.pulls
            ],
            title="Pulls (times are UTC)",
        )  # fmt: skip
    if found.groups:
        output.print_table(
            ("limit group", "requests", "refused for rate", "waited, s"),
            [(g.limit_group, g.requests, g.refused_for_rate, f"{g.waited_seconds:.0f}") for g in found.groups],
            title="Requests of the last 24 hours",
        )
    for pause in found.pauses:
        output.out.print(f"{pause.limit_group}: paused until {pause.paused_until:%H:%M:%S} UTC. {pause.reason}")
